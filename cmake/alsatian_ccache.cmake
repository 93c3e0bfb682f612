# Uses ccache where it is installed; builds are the same without it.
find_program(ALSATIAN_CCACHE ccache)
mark_as_advanced(ALSATIAN_CCACHE)
if(ALSATIAN_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${ALSATIAN_CCACHE}")
  set(CMAKE_CUDA_COMPILER_LAUNCHER "${ALSATIAN_CCACHE}")
endif()
