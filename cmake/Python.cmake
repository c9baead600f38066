# The Python package, built with nanobind from the virtual environment into build/python/lepton.
#
#   lepton_add_python_module(NAME SOURCES... [LINK lib...] [PACKAGE file.py...])
#
# The module NAME and the package's Python files come to lie side by side. Its code may use exceptions, as nanobind does.
find_package(Python 3.11 REQUIRED COMPONENTS Interpreter Development.Module)
execute_process(COMMAND ${Python_EXECUTABLE} -m nanobind --cmake_dir
  OUTPUT_VARIABLE nanobind_ROOT OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
find_package(nanobind CONFIG REQUIRED)

function(lepton_add_python_module name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK;PACKAGE" ${ARGN})
  set(folder ${PROJECT_BINARY_DIR}/python/lepton)
  nanobind_add_module(${name} NB_STATIC NOMINSIZE ${ARG_SOURCES} ${ARG_UNPARSED_ARGUMENTS})
  target_include_directories(${name} SYSTEM PRIVATE ${NB_DIR}/include)
  target_link_libraries(${name} PRIVATE ${ARG_LINK})
  set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${folder})

  # Copied file by file, so that an edit is in the build after the next `make build`.
  set(copies "")
  foreach(file IN LISTS ARG_PACKAGE)
    get_filename_component(base ${file} NAME)
    add_custom_command(OUTPUT ${folder}/${base}
      COMMAND ${CMAKE_COMMAND} -E copy ${CMAKE_CURRENT_SOURCE_DIR}/${file} ${folder}/${base}
      DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${file})
    list(APPEND copies ${folder}/${base})
  endforeach()
  add_custom_target(${name}_package ALL DEPENDS ${copies})
endfunction()
