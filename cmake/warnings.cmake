# Compiler flags, in one place.
add_library(strandlog_flags INTERFACE)
target_compile_features(strandlog_flags INTERFACE cxx_std_20)
target_compile_options(strandlog_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wnon-virtual-dtor -Wswitch-enum
  -fno-strict-aliasing -msse4.2)
if(STRANDLOG_WERROR)
  target_compile_options(strandlog_flags INTERFACE -Werror)
endif()
target_compile_definitions(strandlog_flags INTERFACE _GLIBCXX_ASSERTIONS)
target_include_directories(strandlog_flags INTERFACE ${CMAKE_SOURCE_DIR})

if(STRANDLOG_SANITIZE)
  target_compile_options(strandlog_flags INTERFACE -fsanitize=${STRANDLOG_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(strandlog_flags INTERFACE -fsanitize=${STRANDLOG_SANITIZE})
endif()

# strandlog_library(name SOURCES... DEPS...): one static library per folder.
function(strandlog_library name)
  cmake_parse_arguments(A "" "" "SOURCES;DEPS;PRIVATE_DEPS" ${ARGN})
  add_library(${name} STATIC ${A_SOURCES})
  target_link_libraries(${name} PUBLIC strandlog_flags ${A_DEPS} PRIVATE ${A_PRIVATE_DEPS})
endfunction()

# strandlog_test(name SOURCES... DEPS...): one GoogleTest binary, registered with ctest as `unit`.
function(strandlog_test name)
  cmake_parse_arguments(A "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${A_SOURCES})
  target_link_libraries(${name} PRIVATE strandlog_flags ${A_DEPS} GTest::gmock GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 300)
endfunction()
