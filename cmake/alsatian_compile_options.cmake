# Warnings as errors, sanitizers and coverage for every target of the project, in one interface target.
add_library(alsatian_compile_options INTERFACE)
target_include_directories(alsatian_compile_options INTERFACE "${PROJECT_SOURCE_DIR}")
target_compile_options(alsatian_compile_options INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wnon-virtual-dtor -Werror>
  $<$<COMPILE_LANGUAGE:CXX>:-fstack-protector-strong>
  $<$<COMPILE_LANGUAGE:CUDA>:--Werror=all-warnings>)

# clang-14 and Eigen trip warnings that g++ does not have; g++ stays the strict compiler.
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(alsatian_compile_options INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-Wno-implicit-int-float-conversion -Wno-sign-conversion>
    $<$<COMPILE_LANGUAGE:CXX>:-Wno-pass-failed -Wno-psabi>)
else()
  # Vector types wider than the baseline ISA never cross a function that is not inlined.
  target_compile_options(alsatian_compile_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-psabi>)
endif()

# Sanitizer builds optimise little, because that builds faster; targets with the property
# ALSATIAN_NUMERICAL optimise more, because their tests would take minutes.
if(ALSATIAN_SANITIZE)
  set(sanitize "-fsanitize=${ALSATIAN_SANITIZE}" -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_compile_options(alsatian_compile_options INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:${sanitize};-g1;-D_GLIBCXX_ASSERTIONS>
    $<$<COMPILE_LANGUAGE:CXX>:$<IF:$<BOOL:$<TARGET_PROPERTY:ALSATIAN_NUMERICAL>>,-O2,-O1>>)
  target_link_options(alsatian_compile_options INTERFACE "-fsanitize=${ALSATIAN_SANITIZE}")
  # g++ 12 takes the moved functions inside <regex> for uninitialised here (GCC bug 105562).
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(alsatian_compile_options INTERFACE
      $<$<COMPILE_LANGUAGE:CXX>:-Wno-maybe-uninitialized>)
  endif()
elseif(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  # g++ 12 takes "x" + std::string for an overlapping copy once it has inlined it (GCC bug 105651).
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(alsatian_compile_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>)
  endif()
  target_compile_options(alsatian_compile_options INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=2>)
  target_link_options(alsatian_compile_options INTERFACE -Wl,-z,relro,-z,now)
endif()

# Targets with the property ALSATIAN_MEASURED count their lines: those of host/ and cli/. Kernels and
# tests do not, as a counter in the innermost loops makes their tests take several times as long.
if(ALSATIAN_COVERAGE)
  # Atomic counters: the code under test is multi-threaded.
  target_compile_options(alsatian_compile_options INTERFACE
    $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<BOOL:$<TARGET_PROPERTY:ALSATIAN_MEASURED>>>:--coverage;-fprofile-update=atomic>)
  target_link_options(alsatian_compile_options INTERFACE --coverage)
endif()
