# What a wheel of the Python package carries, in build/wheel (target `wheel_files`; setup.py packs it): the module is linked with LLVM's static
# libraries, of which it takes what it needs, instead of the 250 MB of the shared ones. The objects are those of build/python.
find_package(SQLite3 REQUIRED)
find_package(OpenSSL 3 REQUIRED COMPONENTS Crypto)
set(folder ${PROJECT_BINARY_DIR}/wheel)
get_target_property(suffix _lepton SUFFIX)
get_property(layers GLOBAL PROPERTY LEPTON_LIBRARIES)
list(TRANSFORM layers REPLACE "(.+)" "$<TARGET_FILE:\\1>" OUTPUT_VARIABLE archives)
file(GLOB llvm ${LLVM_LIBRARY_DIR}/libMLIR*.a ${LLVM_LIBRARY_DIR}/libLLVM*.a ${LLVM_LIBRARY_DIR}/liblld*.a)

# The processors that Lepton compiles for, of those that LLVM knows; the others are left out.
set(others ${LLVM_TARGETS_TO_BUILD})
list(REMOVE_ITEM others X86 AArch64 RISCV WebAssembly NVPTX)
set(stubs "")
foreach(processor IN LISTS others)
  foreach(part TargetInfo Target TargetMC AsmPrinter AsmParser)
    string(APPEND stubs "void LLVMInitialize${processor}${part}() {}\n")
  endforeach()
endforeach()
configure_file(${CMAKE_CURRENT_LIST_DIR}/Unused.cpp.in ${PROJECT_BINARY_DIR}/cmake/Unused.cpp @ONLY)

add_library(lepton_wheel MODULE EXCLUDE_FROM_ALL $<TARGET_OBJECTS:_lepton> ${PROJECT_BINARY_DIR}/cmake/Unused.cpp)
target_link_libraries(lepton_wheel PRIVATE
  nanobind-static ${archives} onnx::onnx ${llvm} SQLite::SQLite3 OpenSSL::Crypto ZLIB::ZLIB zstd::libzstd_shared)
target_link_options(lepton_wheel PRIVATE -Wl,--as-needed,--strip-all,--version-script=${CMAKE_CURRENT_LIST_DIR}/wheel.map)
set_target_properties(lepton_wheel PROPERTIES
  OUTPUT_NAME _lepton PREFIX "" SUFFIX ${suffix} LIBRARY_OUTPUT_DIRECTORY ${folder}/lepton SKIP_BUILD_RPATH ON)
add_dependencies(lepton_wheel _lepton ${layers})

# The packages' Python files, and the runtimes and the program where these look for them.
add_custom_target(wheel_files VERBATIM
  DEPENDS lepton_wheel lepton_package lepton_bench_package lepton_networks_package lepton_tune_package lepton_rt lepton-limits
  COMMAND ${CMAKE_COMMAND} -DFROM=${PROJECT_BINARY_DIR} -DTO=${folder} -P ${CMAKE_CURRENT_LIST_DIR}/WheelFiles.cmake)
