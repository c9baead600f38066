# The Python package, built with nanobind from the virtual environment into build/python/lepton.
#
#   lepton_add_python_module(NAME SOURCES... [LINK lib...] [PACKAGE file.py...])
#
# The module NAME and the package's Python files come to lie side by side. Its code may use exceptions, as nanobind does.
find_package(Python 3.11 REQUIRED COMPONENTS Interpreter Development.Module NumPy)
execute_process(COMMAND ${Python_EXECUTABLE} -m nanobind --cmake_dir
  OUTPUT_VARIABLE nanobind_ROOT OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
find_package(nanobind CONFIG REQUIRED)

#   lepton_copy_python(PACKAGE file.py...)
#
# Files of a package, copied one by one, so that an edit is in the build after the next `make build`.
function(lepton_copy_python package)
  set(copies "")
  foreach(file IN LISTS ARGN)
    get_filename_component(base ${file} NAME)
    cmake_path(ABSOLUTE_PATH file)
    set(copy ${PROJECT_BINARY_DIR}/python/${package}/${base})
    add_custom_command(OUTPUT ${copy}
      COMMAND ${CMAKE_COMMAND} -E copy ${file} ${copy}
      DEPENDS ${file})
    list(APPEND copies ${copy})
  endforeach()
  add_custom_target(${package}_package ALL DEPENDS ${copies})
endfunction()

function(lepton_add_python_module name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK;PACKAGE" ${ARGN})
  set(folder ${PROJECT_BINARY_DIR}/python/lepton)
  nanobind_add_module(${name} NB_STATIC NOMINSIZE ${ARG_SOURCES} ${ARG_UNPARSED_ARGUMENTS})
  target_include_directories(${name} SYSTEM PRIVATE ${NB_DIR}/include)
  target_link_libraries(${name} PRIVATE ${ARG_LINK} Python::NumPy)
  set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${folder})
  lepton_copy_python(lepton ${ARG_PACKAGE})
endfunction()
