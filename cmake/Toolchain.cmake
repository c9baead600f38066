# What every layer, the runtime included, is compiled with: language, warnings, output folders.
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)

add_compile_options(-Wall -Wextra -Werror=return-type -Werror=switch -Werror=unused-result)
add_link_options(-Wl,--gc-sections)

# Headers are named from the root of the tree: "dialects/Lepton/Lepton.h"; generated ones lie at the same place in the build folder.
include_directories(${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
