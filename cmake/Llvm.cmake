# LLVM, MLIR and lld from the distribution's packages. Link the dylib targets `MLIR` and `LLVM` only: a static MLIR
# archive beside libMLIR.so would register every type twice.
find_package(MLIR REQUIRED CONFIG)
find_package(LLD REQUIRED CONFIG)
if(NOT LLVM_VERSION_MAJOR EQUAL 22)
  message(FATAL_ERROR "Lepton needs LLVM 22, but ${LLVM_DIR} is LLVM ${LLVM_PACKAGE_VERSION}; run tools/setup/setup.sh")
endif()

list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
include(TableGen)
include(AddLLVM)
include(AddMLIR)

include_directories(SYSTEM ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
separate_arguments(llvm_definitions NATIVE_COMMAND "${LLVM_DEFINITIONS}")
add_definitions(${llvm_definitions})

# The linker as a library, for the layer that writes shared objects and executables.
add_library(lepton_lld INTERFACE)
target_link_libraries(lepton_lld INTERFACE lldELF lldWasm lldCommon)
