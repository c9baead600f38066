# Helpers of the layers' CMakeLists.txt.
#
#   lepton_add_library(NAME SOURCES... [LINK lib...] [DEPENDS tablegen-target...] [EXCEPTIONS])
#   lepton_add_tool(NAME SOURCES... [LINK lib...])

# Headers that nearly every translation unit of the compiler includes, compiled once for each set of flags:
# lepton_add_pch(NAME FLAGS...).
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/cmake/Pch.cpp CONTENT "// A library needs a source.\n")
function(lepton_add_pch name)
  add_library(${name} STATIC EXCLUDE_FROM_ALL ${PROJECT_BINARY_DIR}/cmake/Pch.cpp)
  target_compile_options(${name} PRIVATE ${ARGN})
  target_precompile_headers(${name} PRIVATE ${PROJECT_SOURCE_DIR}/cmake/Pch.h)
  set_target_properties(${name} PROPERTIES PCH_INSTANTIATE_TEMPLATES ON)
endfunction()
lepton_add_pch(lepton_pch -fno-exceptions)
lepton_add_pch(lepton_exceptions_pch -fexceptions)

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
    target_precompile_headers(${name} REUSE_FROM lepton_exceptions_pch)
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
