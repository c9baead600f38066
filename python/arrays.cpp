//===- arrays.cpp - NumPy's arrays and tensors of the runtime ------------------------------------------------------------------===//
//
// By NumPy's own C interface: what goes through DLPack or Python's attributes costs more than a small model's whole run.
//
//===----------------------------------------------------------------------------------------------------------------------------===//

#include "python/arrays.h"

#define NPY_NO_DEPRECATED_API NPY_1_7_API_VERSION
#include <numpy/arrayobject.h>

namespace nb = nanobind;

namespace lepton::python {

static_assert(sizeof(npy_intp) == sizeof(int64_t), "shapes are passed without a copy");

void importNumpy() {
  if (PyArray_ImportNumPyAPI() < 0)
    throw nb::python_error();
}

/// NumPy's number of a type of elements; NPY_NOTYPE where it has none.
static int numberOf(uint32_t dtype) {
  switch (dtype) {
  case LEPTON_FLOAT:
    return NPY_FLOAT32;
  case LEPTON_UINT8:
    return NPY_UINT8;
  case LEPTON_INT8:
    return NPY_INT8;
  case LEPTON_UINT16:
    return NPY_UINT16;
  case LEPTON_INT16:
    return NPY_INT16;
  case LEPTON_INT32:
    return NPY_INT32;
  case LEPTON_INT64:
    return NPY_INT64;
  case LEPTON_BOOL:
    return NPY_BOOL;
  case LEPTON_FLOAT16:
    return NPY_FLOAT16;
  case LEPTON_DOUBLE:
    return NPY_FLOAT64;
  case LEPTON_UINT32:
    return NPY_UINT32;
  case LEPTON_UINT64:
    return NPY_UINT64;
  case LEPTON_COMPLEX64:
    return NPY_COMPLEX64;
  case LEPTON_COMPLEX128:
    return NPY_COMPLEX128;
  default:
    return NPY_NOTYPE;
  }
}

bool hasArrays(uint32_t dtype) { return numberOf(dtype) != NPY_NOTYPE; }

bool isArrayOf(nb::handle value, uint32_t dtype) {
  if (!PyArray_Check(value.ptr()))
    return false;
  auto *array = reinterpret_cast<PyArrayObject *>(value.ptr());
  return PyArray_TYPE(array) == numberOf(dtype) && PyArray_ISCARRAY_RO(array);
}

lepton_tensor viewArray(nb::handle value, uint32_t dtype) {
  auto *array = reinterpret_cast<PyArrayObject *>(value.ptr());
  return {PyArray_DATA(array), reinterpret_cast<int64_t *>(PyArray_DIMS(array)), dtype, uint32_t(PyArray_NDIM(array)),
          uint64_t(PyArray_NBYTES(array))};
}

static nb::object makeArray(void *data, int rank, const int64_t *shape, int number, const nb::object &owner) {
  PyObject *array = PyArray_New(&PyArray_Type, rank, reinterpret_cast<const npy_intp *>(shape), number, nullptr, data,
                                0, NPY_ARRAY_CARRAY, nullptr);
  if (!array)
    throw nb::python_error();
  PyArray_SetBaseObject(reinterpret_cast<PyArrayObject *>(array), nb::object(owner).release().ptr());
  return nb::steal(array);
}

nb::object makeArray(const lepton_tensor &tensor, const nb::object &owner) {
  return makeArray(tensor.data, int(tensor.rank), tensor.shape, numberOf(tensor.dtype), owner);
}

nb::object makeBytes(const lepton_tensor &tensor, const nb::object &owner) {
  const int64_t size = int64_t(tensor.bytes);
  return makeArray(tensor.data, 1, &size, NPY_UINT8, owner);
}

} // namespace lepton::python
