"""An artifact of Lepton by its plain C interface (runtime/core/lepton_abi.h): nothing of Lepton has to be installed."""

import ctypes

import numpy as np

BFLOAT16 = np.dtype([("bfloat16", np.uint16)])  # for its size: NumPy has no such numbers
DTYPES = {1: np.float32, 2: np.uint8, 3: np.int8, 6: np.int32, 7: np.int64, 9: np.bool_, 10: np.float16, 11: np.float64, 16: BFLOAT16}
p, u32, u64, i64 = ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint64, ctypes.c_int64


class Value(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("shape", ctypes.POINTER(i64)), ("dim_names", p), ("dtype", u32), ("rank", u32), ("element", p)]


class Tensor(ctypes.Structure):
    _fields_ = [("data", p), ("shape", ctypes.POINTER(i64)), ("dtype", u32), ("rank", u32), ("bytes", u64)]


class Model(ctypes.Structure):
    _fields_ = [("abi_version", u32), ("struct_bytes", u32), ("name", ctypes.c_char_p), ("target", ctypes.c_char_p), ("features", ctypes.c_char_p),
                ("inputs", ctypes.POINTER(Value)), ("outputs", ctypes.POINTER(Value)), ("input_count", u32), ("output_count", u32),
                ("arena_bytes", u64), ("weights_bytes", u64)]  # fmt: skip


class Options(ctypes.Structure):
    _fields_ = [("struct_bytes", u32), ("threads", u32), ("pool", p), ("observer", p)]


class Error(ctypes.Structure):
    _fields_ = [("message", ctypes.c_char * 1024)]


KERNEL = ctypes.CFUNCTYPE(None, p, ctypes.c_char_p)


class Observer(ctypes.Structure):
    _fields_ = [("data", p), ("kernel", KERNEL)]


class Api(ctypes.Structure):
    _fields_ = [("abi_version", u32), ("struct_bytes", u32), ("model", ctypes.POINTER(Model)),
                ("session_create", ctypes.CFUNCTYPE(u32, p, p, ctypes.POINTER(p), ctypes.POINTER(Error))),
                ("session_run", ctypes.CFUNCTYPE(u32, p, ctypes.POINTER(Tensor), ctypes.POINTER(Tensor), ctypes.POINTER(Error)))]  # fmt: skip


class Artifact:
    """A session of a model whose sizes are all known. `observe(name)` is called before each kernel, and with None after the last."""

    def __init__(self, path, observe=None):
        library = ctypes.CDLL(str(path))
        library.lepton_artifact_api.restype = ctypes.POINTER(Api)
        self.api = library.lepton_artifact_api().contents
        self.session, self.error, self.kept = p(), Error(), []  # kept: shapes that tensors point to
        self.observer = Observer(None, KERNEL(lambda _, name: observe(name and name.decode()))) if observe else None
        options = Options(ctypes.sizeof(Options), 1, None, ctypes.cast(ctypes.pointer(self.observer), p) if observe else None)
        self.check(self.api.session_create(ctypes.cast(self.api.model, p), ctypes.byref(options), ctypes.byref(self.session), ctypes.byref(self.error)))
        model = self.api.model.contents
        self.inputs = [self.describe(model.inputs[i]) for i in range(model.input_count)]
        self.outputs = [self.describe(model.outputs[i]) for i in range(model.output_count)]

    @staticmethod
    def describe(value):
        return value.name.decode(), tuple(value.shape[d] for d in range(value.rank)), DTYPES[value.dtype]

    def check(self, status):
        if status:
            raise RuntimeError(self.error.message.decode())

    def tensors(self, values, addresses):
        """The C structs of values that lie at these addresses, on the CPU or on the GPU."""
        array = (Tensor * max(len(values), 1))()
        for place, (_, shape, dtype), address in zip(array, values, addresses):
            sizes = (i64 * max(len(shape), 1))(*shape)
            self.kept.append(sizes)
            number = next(n for n, known in DTYPES.items() if known == dtype)
            place.data, place.shape, place.dtype, place.rank = address, sizes, number, len(shape)
            place.bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
        return array

    def bind(self, inputs, outputs):
        """A function that runs the model on memory at these addresses."""
        given, wanted = self.tensors(self.inputs, inputs), self.tensors(self.outputs, outputs)
        return lambda: self.check(self.api.session_run(self.session, given, wanted, ctypes.byref(self.error)))

    def run(self, arrays):
        """The outputs for arrays of NumPy, in the order of the inputs."""
        results = [np.empty(shape, dtype) for _, shape, dtype in self.outputs]
        self.bind([array.ctypes.data for array in arrays], [result.ctypes.data for result in results])()
        return results
