// What ops say survives bytecode: those of the files beside this one, up to the first part that is at fault.
// RUN: bash -euo pipefail -c 'for file in %S/*.mlir; do case $file in */schedule.mlir) continue;; esac; sed "/^.. -----/,\$d" $file | lepton-opt > %t.text; lepton-opt %t.text -emit-bytecode | lepton-opt | diff %t.text -; done'
