# Finds Chart.js, which draws the plots of reports: Debian's package libjs-chart.js.
# Sets ALSATIAN_CHART_LIBRARY and ALSATIAN_CHART_LICENSE to files, or to "none" without reports.
set(ALSATIAN_REPORTS "AUTO" CACHE STRING
  "HTML reports: AUTO (where Chart.js is found), ON or OFF")
set_property(CACHE ALSATIAN_REPORTS PROPERTY STRINGS AUTO ON OFF)
set(ALSATIAN_CHART_LIBRARY "none")
set(ALSATIAN_CHART_LICENSE "none")
if(NOT ALSATIAN_REPORTS STREQUAL "OFF")
  find_file(ALSATIAN_CHART_JS chart.min.js PATHS /usr/share/javascript/chart.js NO_CACHE)
  find_file(ALSATIAN_CHART_COPYRIGHT copyright PATHS /usr/share/doc/libjs-chart.js
    NO_DEFAULT_PATH NO_CACHE)
  if(ALSATIAN_CHART_JS AND ALSATIAN_CHART_COPYRIGHT)
    set(ALSATIAN_CHART_LIBRARY "${ALSATIAN_CHART_JS}")
    set(ALSATIAN_CHART_LICENSE "${ALSATIAN_CHART_COPYRIGHT}")
  elseif(ALSATIAN_REPORTS STREQUAL "ON")
    message(FATAL_ERROR "alsatian: reports need Chart.js: install Debian's package libjs-chart.js, "
                        "or configure with -DALSATIAN_REPORTS=OFF")
  else()
    message(STATUS "alsatian: without reports: install libjs-chart.js for --report")
  endif()
endif()
