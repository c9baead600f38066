# What every layer, the runtime included, is compiled with: language, warnings, output folders.
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)

# One way of addressing code for libraries and programs, so that both can share one precompiled header.
set(CMAKE_CXX_COMPILE_OPTIONS_PIE -fPIC)

# ccache reaches through precompiled headers when told that their time stamps do not matter.
find_program(LEPTON_CCACHE ccache)
if(LEPTON_CCACHE)
  set(sloppiness pch_defines,time_macros,include_file_mtime,include_file_ctime)
  set(CMAKE_CXX_COMPILER_LAUNCHER
    env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=${sloppiness} ${LEPTON_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CMAKE_CXX_COMPILER_LAUNCHER})
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:SHELL:-Xclang -fno-pch-timestamp>")
endif()

add_compile_options(-Wall -Wextra -Werror=return-type -Werror=switch -Werror=unused-result)
add_link_options(-Wl,--gc-sections)

# Headers are named from the root of the tree: "dialects/Lepton/LeptonOps.h". Generated ones lie at the same place in the
# build folder, which is a system folder because TableGen's output is not free of warnings.
include_directories(${PROJECT_SOURCE_DIR})
include_directories(SYSTEM ${PROJECT_BINARY_DIR})
