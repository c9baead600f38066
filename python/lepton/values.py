"""Values between Python and the native module: element types, arrays, strings, sequences, optionals and maps."""
import numpy as np

# ONNX's number of an element type -> (NumPy's type, onnxruntime's name).
DTYPES = {
    1: (np.dtype(np.float32), "float"), 2: (np.dtype(np.uint8), "uint8"), 3: (np.dtype(np.int8), "int8"),
    4: (np.dtype(np.uint16), "uint16"), 5: (np.dtype(np.int16), "int16"), 6: (np.dtype(np.int32), "int32"),
    7: (np.dtype(np.int64), "int64"), 9: (np.dtype(np.bool_), "bool"), 10: (np.dtype(np.float16), "float16"),
    11: (np.dtype(np.float64), "double"), 12: (np.dtype(np.uint32), "uint32"), 13: (np.dtype(np.uint64), "uint64"),
    14: (np.dtype(np.complex64), "complex64"), 15: (np.dtype(np.complex128), "complex128"),
}
# Types that NumPy lacks; an element takes a byte or two. ONNX's number -> (their name in the package ml_dtypes, onnxruntime's name).
ML_DTYPES = {
    16: ("bfloat16", "bfloat16"), 17: ("float8_e4m3fn", "float8e4m3fn"), 18: ("float8_e4m3fnuz", "float8e4m3fnuz"),
    19: ("float8_e5m2", "float8e5m2"), 20: ("float8_e5m2fnuz", "float8e5m2fnuz"), 21: ("uint4", "uint4"), 22: ("int4", "int4"),
    23: ("float4_e2m1fn", "float4e2m1"), 24: ("float8_e8m0fnu", "float8e8m0"), 25: ("uint2", "uint2"), 26: ("int2", "int2"),
    27: ("float6_e2m3fn", "float6e2m3"), 28: ("float6_e3m2fn", "float6e3m2"),
}
try:
    import ml_dtypes

    DTYPES.update({number: (np.dtype(getattr(ml_dtypes, name)), text) for number, (name, text) in ML_DTYPES.items() if hasattr(ml_dtypes, name)})
except ImportError:  # only models with such types need the package
    pass
NUMBERS = {dtype: number for number, (dtype, _) in DTYPES.items()}
STRING, SEQUENCE, OPTIONAL, MAP = 8, 256, 257, 258  # lepton_dtype


def dtype_of(number):
    """NumPy's type and onnxruntime's name of an element type."""
    if number not in DTYPES:
        raise ImportError(f"the model has values of type {ML_DTYPES[number][1]}; install the package ml_dtypes, version 0.5 or newer")
    return DTYPES[number]


def number_of(dtype):
    """ONNX's number of an element type: of what numpy.dtype takes, "string", or a name of ml_dtypes."""
    if dtype in ("string", str, np.str_, object):
        return STRING
    names = {name: number for number, (name, _) in ML_DTYPES.items()}
    if isinstance(dtype, str) and dtype in names:
        return names[dtype]
    number = NUMBERS.get(np.dtype(dtype))
    if number is None:
        raise ValueError(f"tensors have no elements of the type {np.dtype(dtype)}")
    return number


def constant(value):
    """(number of the type, shape, address or strings, what must live as long) of an array for a graph; a list of floats is of float32."""
    array = as_array(value)
    if array.dtype == np.float64 and isinstance(value, (list, tuple)):
        array = array.astype(np.float32)
    if array.dtype.kind in "OUST":
        texts, shape, number = pack_strings(array, "constant")[0]
        return number, list(shape), texts, texts
    array = np.ascontiguousarray(array).reshape(array.shape)
    return number_of(array.dtype), list(array.shape), array.ctypes.data, array


def as_declared(array, dtype):
    """The array; raw bytes, which is how NumPy's files hold the elements that it has no type for, as what the model declares."""
    is_raw = array.dtype.type is np.void and not array.dtype.names
    return array.view(dtype) if is_raw and dtype.isbuiltin == 2 and array.dtype.itemsize == dtype.itemsize else array


def type_name(number, element):
    """As onnxruntime writes it: "tensor(float)", "seq(tensor(string))", "map(int64,tensor(float))"."""
    if number == MAP:
        key, value = (type_name(part[1], part[3]) for part in element)
        return f"map({key.removeprefix('tensor(').removesuffix(')')},{value})"
    if number in (SEQUENCE, OPTIONAL):
        return f"{'seq' if number == SEQUENCE else 'optional'}({type_name(element[1], element[3])})"
    return f"tensor({'string' if number == STRING else dtype_of(number)[1]})"


def as_array(value):
    """What NumPy takes for an array; tensors of other libraries (DLPack) without a copy where their memory is that of the CPU."""
    return np.from_dlpack(value) if hasattr(value, "__dlpack__") and not isinstance(value, np.ndarray) else np.asarray(value)


def pack_array(value, name, number):
    """What the native module takes of an array; and the array, which must live as long."""
    dtype, text = dtype_of(number)
    if type(value) is np.ndarray and value.dtype == dtype and dtype.isbuiltin == 1 and value.flags.c_contiguous:
        return (value, number), value
    array = as_declared(as_array(value), dtype)
    if isinstance(value, (list, tuple, bool, int, float)) and np.can_cast(array.dtype, dtype, "same_kind"):
        numbers, array = array, array.astype(dtype)  # numbers of Python's have no type of their own
        if dtype.kind in "iu" and (array != numbers).any():
            raise ValueError(f"input '{name}' has numbers that tensor({text}) does not hold")
    if array.dtype not in NUMBERS:
        raise ValueError(f"input '{name}' has the type {array.dtype}, expected tensor({text})")
    if not array.flags.c_contiguous:
        array = np.ascontiguousarray(array)
    return (array.ctypes.data, array.shape, NUMBERS[array.dtype], array.nbytes), array


def pack_strings(value, name):
    array = np.asarray(value, dtype=object)
    texts = [text.encode() if isinstance(text, str) else text for text in array.ravel().tolist()]
    if not all(isinstance(text, bytes) and b"\0" not in text for text in texts):
        raise ValueError(f"input '{name}' takes strings without NUL characters, got {value!r:.80}")
    return (texts, array.shape, STRING), texts


def pack_column(values, name, number):
    """The keys or the values of a map, as a vector; and what must live as long."""
    if number == STRING:
        return pack_strings(values, name)
    dtype, text = dtype_of(number)
    if values and not np.can_cast(np.asarray(values).dtype, dtype, "same_kind"):
        raise ValueError(f"input '{name}' is a map of {text}, got {values!r:.80}")
    return pack_array(np.array(values, dtype), name, number)


def pack(value, name, number, element):
    """A value for the native module; and what must live as long."""
    if number == MAP:
        if not isinstance(value, dict):
            raise ValueError(f"input '{name}' takes a dict, got {type(value).__name__}")
        columns = [pack_column(part, name, info[1]) for part, info in zip((list(value), list(value.values())), element)]
        return ([column for column, _ in columns], number), [alive for _, alive in columns]
    if number not in (SEQUENCE, OPTIONAL):
        return pack_strings(value, name) if number == STRING else pack_array(value, name, number)
    if number == SEQUENCE and not isinstance(value, (list, tuple)):
        raise ValueError(f"input '{name}' takes a list of arrays, got {type(value).__name__}")
    values = value if number == SEQUENCE else [] if value is None else [value]
    parts = [pack(part, name, element[1], element[3]) for part in values]
    return ([part for part, _ in parts], number), [alive for _, alive in parts]


def unpack(result):
    if type(result) is np.ndarray:
        return result
    data, shape, number = result
    if number == MAP:
        keys, values = (unpack(part).tolist() for part in data)
        return dict(zip(keys, values))
    if number in (SEQUENCE, OPTIONAL):
        values = [unpack(part) for part in data]
        return values if number == SEQUENCE else values[0] if values else None
    if number == STRING:
        array = np.empty(len(data), dtype=object)
        array[:] = [text.decode(errors="surrogateescape") for text in data]
        return array.reshape(shape)
    return data.view(dtype_of(number)[0]).reshape(shape)
