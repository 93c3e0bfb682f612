# Fails where a pattern of --gtest_filter names no test of any program, as after a renaming.
# Usage: cmake -DPATTERNS=A.*:B.* -DPROGRAMS=FILE|FILE -P tests/named_tests.cmake
string(REPLACE ":" ";" patterns "${PATTERNS}")
string(REPLACE "|" ";" programs "${PROGRAMS}")
foreach(pattern IN LISTS patterns)
  set(named FALSE)
  foreach(program IN LISTS programs)
    execute_process(COMMAND ${program} --gtest_list_tests "--gtest_filter=${pattern}"
      OUTPUT_VARIABLE listed COMMAND_ERROR_IS_FATAL ANY)
    if(listed MATCHES "\n  ")  # tests are indented below their suite
      set(named TRUE)
      break()
    endif()
  endforeach()
  if(NOT named)
    message(SEND_ERROR "${pattern} names no test: mend alsatian_without_asan in tests/CMakeLists.txt")
  endif()
endforeach()
