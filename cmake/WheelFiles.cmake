# Run by the target wheel_files: the packages' Python files, and the runtimes and the program where these look for them, go FROM the build folder TO the wheel's.
file(REMOVE_RECURSE ${TO}/lepton_bench ${TO}/lepton_networks ${TO}/lepton_tune ${TO}/lepton/lib)
file(GLOB old ${TO}/lepton/*.py ${TO}/lepton/*.pyi)
file(REMOVE ${old})
set(packages lepton lepton_bench lepton_networks lepton_tune)
list(TRANSFORM packages PREPEND ${FROM}/python/)
file(COPY ${packages} DESTINATION ${TO} FILES_MATCHING PATTERN "*.py" PATTERN "*.pyi" PATTERN "py.typed"
  PATTERN "__pycache__" EXCLUDE)
file(COPY ${FROM}/bin/lepton-limits DESTINATION ${TO}/lepton_bench)
file(GLOB runtimes RELATIVE ${FROM} ${FROM}/lib/*/*.a)
foreach(runtime IN LISTS runtimes)
  cmake_path(GET runtime PARENT_PATH place)
  file(COPY ${FROM}/${runtime} DESTINATION ${TO}/lepton/${place})
endforeach()
