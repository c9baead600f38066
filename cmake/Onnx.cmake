# The ONNX library as the imported target onnx::onnx. tools/setup/setup.sh builds it once, outside the tree, and leaves a
# link to it in the build folder. Its headers need exceptions: only libraries with EXCEPTIONS may link it.
set(LEPTON_ONNX_DIR ${PROJECT_SOURCE_DIR}/build/onnx CACHE PATH "ONNX as installed by tools/setup/setup.sh")
if(NOT EXISTS ${LEPTON_ONNX_DIR}/lib/libonnx.a)
  message(FATAL_ERROR "No ONNX library at ${LEPTON_ONNX_DIR}; run tools/setup/setup.sh")
endif()

find_package(Protobuf REQUIRED MODULE)
add_library(onnx::onnx STATIC IMPORTED)
set_target_properties(onnx::onnx PROPERTIES
  IMPORTED_LOCATION ${LEPTON_ONNX_DIR}/lib/libonnx.a
  INTERFACE_INCLUDE_DIRECTORIES ${LEPTON_ONNX_DIR}/include
  INTERFACE_COMPILE_DEFINITIONS "ONNX_ML=1;ONNX_NAMESPACE=onnx;__STDC_FORMAT_MACROS"
  INTERFACE_LINK_LIBRARIES "${LEPTON_ONNX_DIR}/lib/libonnx_proto.a;protobuf::libprotobuf")
