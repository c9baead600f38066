"""Inputs and outputs that stay where they are from run to run: onnxruntime's IOBinding and OrtValue, on the CPU."""
import ctypes

import numpy as np

from .values import as_array, number_of, type_name


def _require_cpu(device_type):
    if device_type != "cpu":
        raise ValueError(f"Lepton runs on the CPU, not on {device_type}")


def _at_address(address, shape, dtype):
    """The array at an address, whose memory is the caller's."""
    dtype = np.dtype(dtype)
    memory = (ctypes.c_char * (int(np.prod(shape)) * dtype.itemsize)).from_address(address)
    return np.frombuffer(memory, dtype).reshape(shape)


class OrtValue:
    """An array in the CPU's memory, which it shares with whoever made it."""

    def __init__(self, array):
        self._array = as_array(array)

    @staticmethod
    def ortvalue_from_numpy(array, device_type="cpu", device_id=0):
        _require_cpu(device_type)
        return OrtValue(array)

    @staticmethod
    def ortvalue_from_shape_and_type(shape, element_type=np.float32, device_type="cpu", device_id=0):
        _require_cpu(device_type)
        return OrtValue(np.empty(shape, element_type))

    def numpy(self):
        return self._array

    def shape(self):
        return list(self._array.shape)

    def data_ptr(self):
        return self._array.ctypes.data

    def device_name(self):
        return "cpu"

    def data_type(self):
        return type_name(self.element_type(), None)

    def element_type(self):
        """ONNX's number of it."""
        return number_of(self._array.dtype)

    def tensor_size_in_bytes(self):
        return self._array.nbytes

    def has_value(self):
        return True

    def is_tensor(self):
        return True

    def is_tensor_sequence(self):
        return False

    def is_sparse_tensor(self):
        return False

    def update_inplace(self, array):
        """Overwrites the elements."""
        np.copyto(self._array, array)

    def __dlpack__(self, **options):
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self._array.__dlpack_device__()


class IOBinding:
    """Inputs, and memory for outputs, of a session by their names. An output without memory gets new memory with each run."""

    def __init__(self, session):
        self._names = [value.name for value in session.get_outputs()]
        self.inputs, self.outputs, self.results = {}, {}, {}

    def bind_cpu_input(self, name, array):
        self.inputs[name] = array

    def bind_ortvalue_input(self, name, ortvalue):
        self.inputs[name] = ortvalue.numpy()

    def bind_input(self, name, device_type, device_id, element_type, shape, buffer_ptr):
        _require_cpu(device_type)
        self.inputs[name] = _at_address(buffer_ptr, shape, element_type)

    def bind_output(self, name, device_type="cpu", device_id=0, element_type=None, shape=None, buffer_ptr=None):
        """Memory of the caller, or of each run's own where buffer_ptr is None. Raises ValueError for an output that the model lacks."""
        _require_cpu(device_type)
        if name not in self._names:
            raise ValueError(f"the model has no output '{name}'; its outputs are {self._names}")
        self.outputs.pop(name, None)
        if buffer_ptr is not None:
            self.outputs[name] = _at_address(buffer_ptr, shape, element_type)

    def bind_ortvalue_output(self, name, ortvalue):
        self.bind_output(name)
        self.outputs[name] = ortvalue.numpy()

    def get_outputs(self):
        """The outputs of the last run, in the model's order."""
        return [OrtValue(value) for value in self.results.values()]

    def copy_outputs_to_cpu(self):
        return list(self.results.values())

    def synchronize_inputs(self):
        """There is nothing to wait for."""

    def synchronize_outputs(self):
        """There is nothing to wait for."""

    def clear_binding_inputs(self):
        self.inputs = {}

    def clear_binding_outputs(self):
        self.outputs = {}
