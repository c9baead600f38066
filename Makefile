# The commands of a newcomer. Each installs what is missing first (tools/setup/setup.sh) and needs nothing else typed.
#
#   make demo       compiles real networks and shows them reading real input
#   make wheel      builds the Python package's wheel, with all that it needs, into build/dist/
#   make build      builds the compiler, the runtime and the Python module into build/
#   make test       every test that finishes in minutes; `make test-full` runs them all
#   make fuzzers    builds the fuzzers that see which branches an input takes, which tests of minutes use
#   make frameworks installs PyTorch and TensorFlow (7 GB), whose tests `make test` then runs, too
#   make format     formats the C++ sources
#   make tidy       checks their names and some habits with clang-tidy (minutes)
#   make clean      removes build/ (the cache of downloads and of the ONNX library stays)

export PATH := $(CURDIR)/build/venv/bin:/usr/lib/llvm-22/bin:$(PATH)
export PYTHONPATH := $(CURDIR)/build/python
sources := git ls-files '*.cpp' '*.h' '*.hpp' '*.c'

.PHONY: demo build wheel wheel-files test fuzzers test-full frameworks format tidy clean setup

demo: build
	@python tools/demo/demo.py $(ARGS)

build: build/build.ninja
	@ninja -C build

wheel: build
	@pip wheel --quiet --no-build-isolation --no-deps --wheel-dir build/dist .
	@ls -sh build/dist/*.whl

wheel-files: build
	@ninja -C build wheel_files

test: build
	@python test/run.py

fuzzers: build
	@ninja -C build fuzzers

test-full: fuzzers
	@python test/run.py --full

format: setup
	@$(sources) | xargs clang-format-22 -i

tidy: build
	@$(sources) | grep '\.cpp$$' | xargs -P 2 -n 4 clang-tidy-22 -p build --quiet

clean:
	rm -rf build build-asan

# Ninja itself configures again when a CMakeLists.txt changes; only the preset is out of its sight.
build/build.ninja: CMakePresets.json | setup
	@cmake --preset release
	@touch $@

frameworks:
	@tools/setup/setup.sh frameworks

setup:
	@tools/setup/setup.sh
