# Helpers of the layers' CMakeLists.txt.
#
#   lepton_add_library(NAME SOURCES... [LINK lib...] [DEPENDS tablegen-target...] [EXCEPTIONS])
#   lepton_add_tool(NAME SOURCES... [LINK lib...])

# Headers that nearly every translation unit of the compiler includes, compiled once. Libraries with exceptions have
# other flags and do without.
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/cmake/Pch.cpp CONTENT "// A library needs a source.\n")
add_library(lepton_pch STATIC EXCLUDE_FROM_ALL ${PROJECT_BINARY_DIR}/cmake/Pch.cpp)
target_compile_options(lepton_pch PRIVATE -fno-exceptions)
target_precompile_headers(lepton_pch PRIVATE ${PROJECT_SOURCE_DIR}/cmake/Pch.h)
set_target_properties(lepton_pch PROPERTIES PCH_INSTANTIATE_TEMPLATES ON)

# Marks TARGET as code without exceptions that shares the precompiled header.
function(_lepton_common_options target)
  target_compile_options(${target} PRIVATE -fno-exceptions)
  target_precompile_headers(${target} REUSE_FROM lepton_pch)
endfunction()

function(lepton_add_library name)
  cmake_parse_arguments(ARG "EXCEPTIONS" "" "SOURCES;LINK;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES} ${ARG_UNPARSED_ARGUMENTS})
  if(ARG_EXCEPTIONS)
    target_compile_options(${name} PRIVATE -fexceptions)
  else()
    _lepton_common_options(${name})
  endif()
  target_link_libraries(${name} PUBLIC ${ARG_LINK} MLIR LLVM)
  set_property(GLOBAL APPEND PROPERTY LEPTON_LIBRARIES ${name})
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
endfunction()

function(lepton_add_tool name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES} ${ARG_UNPARSED_ARGUMENTS})
  _lepton_common_options(${name})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} MLIR LLVM)
endfunction()
