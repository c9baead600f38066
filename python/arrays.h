//===- arrays.h - NumPy's arrays and tensors of the runtime -----------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_PYTHON_ARRAYS_H
#define LEPTON_PYTHON_ARRAYS_H

#include "runtime/core/lepton_abi.h"

#include <nanobind/nanobind.h>

namespace lepton::python {

/// Before any other call; raises ImportError where NumPy is missing.
void importNumpy();

/// Whether NumPy itself has arrays of this type of elements; other packages add some of ONNX's others.
bool hasArrays(uint32_t dtype);

/// Whether the value is an array of that type that the runtime can read as it lies: row-major, aligned, of the machine's byte order.
bool isArrayOf(nanobind::handle value, uint32_t dtype);

/// The tensor of such an array; it refers to the array's elements and shape.
lepton_tensor viewArray(nanobind::handle array, uint32_t dtype);

/// An array over the elements of a tensor, which `owner` keeps alive.
nanobind::object makeArray(const lepton_tensor &tensor, const nanobind::object &owner);
/// A vector of bytes over the same memory, for types of elements that NumPy lacks.
nanobind::object makeBytes(const lepton_tensor &tensor, const nanobind::object &owner);

} // namespace lepton::python

#endif // LEPTON_PYTHON_ARRAYS_H
