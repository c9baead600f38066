# What `cmake --install build` puts under a prefix, and the Debian package of it (`cpack --config build/CPackConfig.cmake`):
#
#   bin/lepton                    the command line
#   lib/liblepton.so              the compiler as a library
#   lib/lepton/<arch>/            the runtime that is linked into artifacts, where liblepton looks for it
#   include/lepton/               lepton.h (C), lepton.hpp, graph.hpp, ops.hpp (C++), lepton_abi.h (artifacts)
#   lib/cmake/Lepton, lib/pkgconfig/lepton.pc    for find_package(Lepton) and pkg-config
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# MLIR's library lies in LLVM's folder, which the loader does not search by itself.
set_target_properties(lepton lepton_shared PROPERTIES
  INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}" INSTALL_RPATH_USE_LINK_PATH ON)
install(TARGETS lepton RUNTIME)
install(TARGETS lepton_shared EXPORT LeptonTargets LIBRARY)
install(DIRECTORY ${PROJECT_BINARY_DIR}/lib/x86_64 ${PROJECT_BINARY_DIR}/lib/aarch64 ${PROJECT_BINARY_DIR}/lib/riscv64 ${PROJECT_BINARY_DIR}/lib/wasm32
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/lepton FILES_MATCHING PATTERN "*.a")
install(FILES api/lepton.h api/lepton.hpp frontend/native/graph.hpp frontend/native/ops.hpp runtime/core/lepton_abi.h
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/lepton)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/Lepton)
install(EXPORT LeptonTargets NAMESPACE lepton:: DESTINATION ${package} FILE LeptonConfig.cmake)
write_basic_package_version_file(LeptonConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/LeptonConfigVersion.cmake DESTINATION ${package})
configure_file(cmake/lepton.pc.in lepton.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/lepton.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME lepton)
set(CPACK_PACKAGE_CONTACT "The Lepton developers <lepton@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Graph compiler for neural networks")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "libllvm22, libmlir-22") # their libraries lie where the search for dependencies may miss them
include(CPack)
