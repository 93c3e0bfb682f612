# Uses ccache where it is installed; builds are the same without it.
# Precompiled headers are cached only where their macros and times count for nothing.
find_program(ALSATIAN_CCACHE ccache)
mark_as_advanced(ALSATIAN_CCACHE)
if(ALSATIAN_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER
    "${CMAKE_COMMAND};-E;env;CCACHE_SLOPPINESS=pch_defines,time_macros;${ALSATIAN_CCACHE}")
  set(CMAKE_CUDA_COMPILER_LAUNCHER "${ALSATIAN_CCACHE}")
endif()
