# Run by the target wheel_files: the packages' Python files, and the runtimes where the module looks for them, go FROM the build folder TO the wheel's.
file(REMOVE_RECURSE ${TO}/lepton_tune ${TO}/lepton/lib)
file(GLOB old ${TO}/lepton/*.py ${TO}/lepton/*.pyi)
file(REMOVE ${old})
file(COPY ${FROM}/python/lepton ${FROM}/python/lepton_tune DESTINATION ${TO} FILES_MATCHING PATTERN "*.py" PATTERN "*.pyi" PATTERN "py.typed"
  PATTERN "__pycache__" EXCLUDE)
file(GLOB runtimes RELATIVE ${FROM} ${FROM}/lib/*/*.a)
foreach(runtime IN LISTS runtimes)
  cmake_path(GET runtime PARENT_PATH place)
  file(COPY ${FROM}/${runtime} DESTINATION ${TO}/lepton/${place})
endforeach()
