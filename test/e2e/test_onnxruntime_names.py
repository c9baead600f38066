"""Code that was written for onnxruntime runs with `import lepton as ort`."""

import queue

import numpy as np
import onnx
import onnxruntime
import pytest

import lepton
from common import SECONDS, save_small, small_result

ROWS = np.arange(20, dtype=np.float32).reshape(5, 4) / 10


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(save_small(tmp_path_factory.mktemp("names") / "small.onnx"))


def use(ort, model):
    """What programs do with onnxruntime: options, sessions, bindings; the results."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 2
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = options.enable_mem_pattern = options.enable_profiling = options.use_deterministic_compute = False
    options.use_per_session_threads = True
    options.add_free_dimension_override_by_name("N", 5)
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    ort.set_default_logger_severity(3)
    assert "CPUExecutionProvider" in ort.get_available_providers() and ort.get_device() == "CPU"
    session = ort.InferenceSession(model, sess_options=options, providers=["CPUExecutionProvider"])
    assert session.get_providers() == ["CPUExecutionProvider"]
    assert session.get_inputs()[0].shape == [5, 4] and not options.has_providers()
    run_options = ort.RunOptions()
    run_options.add_run_config_entry("disable_synchronize_execution_providers", "1")
    assert run_options.get_run_config_entry("disable_synchronize_execution_providers") == "1" and not run_options.terminate
    results = session.run(["y"], {session.get_inputs()[0].name: ROWS}, run_options)

    done = queue.Queue()
    session.run_async(None, {"x": ROWS}, lambda *given: done.put(given), "user's")
    results += session.run([], {"x": ROWS})  # all of them
    outputs, user_data, error = done.get(timeout=SECONDS)
    assert (user_data, error) == ("user's", "")
    results += outputs
    results += [value.numpy() for value in session.run_with_ort_values(["y"], {"x": ort.OrtValue.ortvalue_from_numpy(ROWS)})]

    binding = session.io_binding()
    binding.bind_cpu_input("x", ROWS)
    binding.bind_output("y")
    session.run_with_iobinding(binding)
    results += binding.copy_outputs_to_cpu()

    kept = ort.OrtValue.ortvalue_from_shape_and_type([5, 3], np.float32)
    binding.bind_ortvalue_input("x", ort.OrtValue.ortvalue_from_numpy(ROWS))
    binding.bind_ortvalue_output("y", kept)
    session.run_with_iobinding(binding)
    assert kept.shape() == [5, 3] and kept.device_name() == "cpu" and kept.is_tensor() and kept.has_value() and not kept.is_tensor_sequence() and not kept.is_sparse_tensor()
    assert (kept.data_type(), kept.element_type(), kept.tensor_size_in_bytes()) == ("tensor(float)", onnx.TensorProto.FLOAT, 60)
    results += [kept.numpy(), binding.get_outputs()[0].numpy()]

    memory = np.empty((5, 3), np.float32)
    binding.clear_binding_inputs()
    binding.clear_binding_outputs()
    binding.bind_input("x", "cpu", 0, np.float32, ROWS.shape, ROWS.ctypes.data)
    binding.bind_output("y", "cpu", 0, np.float32, memory.shape, memory.ctypes.data)
    binding.synchronize_inputs()
    session.run_with_iobinding(binding)
    binding.synchronize_outputs()
    results.append(memory)
    return results


@pytest.mark.parametrize("ort", [onnxruntime, lepton], ids=["onnxruntime", "lepton"])
def test_programs(ort, model):
    results = use(ort, model)
    assert len(results) == 8
    for result in results:
        np.testing.assert_allclose(result, small_result(ROWS), rtol=1e-6)


def test_a_binding_is_run_again_on_the_same_memory(model):
    session = lepton.InferenceSession(model)
    value, result = lepton.OrtValue(ROWS.copy()), lepton.OrtValue(np.empty((5, 3), np.float32))
    binding = session.io_binding()
    binding.bind_ortvalue_input("x", value)
    binding.bind_ortvalue_output("y", result)
    for factor in (1, -1, 3):
        value.update_inplace(ROWS * factor)
        session.run_with_iobinding(binding)
        np.testing.assert_allclose(result.numpy(), small_result(ROWS * factor), rtol=1e-5)
    assert binding.copy_outputs_to_cpu()[0] is result.numpy()


def test_wrong_bindings(model):
    session = lepton.InferenceSession(model)
    binding = session.io_binding()
    binding.bind_cpu_input("x", ROWS)
    with pytest.raises(ValueError, match="the model has no output 'z'; its outputs are \\['y'\\]"):
        binding.bind_output("z")
    with pytest.raises(ValueError, match="Lepton runs on the CPU, not on cuda"):
        binding.bind_output("y", "cuda")
    binding.bind_ortvalue_output("y", lepton.OrtValue(np.empty((4, 3), np.float32)))
    with pytest.raises(ValueError, match="output 'y'"):
        session.run_with_iobinding(binding)
    binding.bind_ortvalue_output("y", lepton.OrtValue(np.empty((5, 3), np.int32)))
    with pytest.raises(ValueError, match="the memory for the output 'y' is an array of int32; expected is a contiguous and writable one of float"):
        session.run_with_iobinding(binding)


@pytest.mark.parametrize("providers", [["CUDAExecutionProvider", "CPUExecutionProvider"], [("CUDAExecutionProvider", {"device_id": 0})]])
def test_other_providers_are_ignored_with_a_warning(model, providers):
    with pytest.warns(UserWarning, match="the providers .*CUDAExecutionProvider.* are ignored") as warned:
        session = lepton.InferenceSession(model, providers=providers)
    assert "CPUExecutionProvider" not in str(warned[0].message) and session.get_providers() == ["CPUExecutionProvider"]


def test_a_run_that_fails_asynchronously_says_why(model):
    done = queue.Queue()
    lepton.InferenceSession(model).run_async(None, {}, lambda *given: done.put(given), 1)
    assert done.get(timeout=SECONDS) == ([], 1, "no value for the input 'x'")


class Foreign:
    """An array of another library, which has nothing but DLPack's interface."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


def test_dlpack_in_and_out(model):
    session = lepton.InferenceSession(model)
    (result,) = session.run(None, {"x": Foreign(ROWS)})
    np.testing.assert_allclose(result, small_result(ROWS), rtol=1e-6)
    shared = np.from_dlpack(result)
    assert shared.ctypes.data == result.ctypes.data
    value = lepton.OrtValue(Foreign(ROWS))
    assert value.data_ptr() == ROWS.ctypes.data and np.from_dlpack(value).ctypes.data == ROWS.ctypes.data


def test_what_a_model_says_of_itself(model, tmp_path):
    proto = onnx.load(model)
    proto.producer_name, proto.domain, proto.model_version, proto.doc_string = "a test", "test.small", 7, "adds one"
    proto.graph.doc_string = "small"
    onnx.helper.set_model_props(proto, {"characters": "a\nb", "": "unnamed"})
    described = [engine.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"]).get_modelmeta() for engine in (onnxruntime, lepton)]
    names = ("producer_name", "graph_name", "domain", "description", "graph_description", "version", "custom_metadata_map")
    expected, result = ([getattr(meta, name) for name in names] for meta in described)
    assert result == expected and result[-1]["characters"] == "a\nb"
    lepton.compile(model, tmp_path / "small.so")
    assert lepton.InferenceSession(tmp_path / "small.so").get_modelmeta().custom_metadata_map == {}


def test_numbers_of_python_have_the_type_of_the_input(model):
    for engine in (onnxruntime, lepton):
        (result,) = engine.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, {"x": [[0, 1, 2, 3], [4, 5, 6, 7]]})
        np.testing.assert_allclose(result, small_result(np.arange(8, dtype=np.float32).reshape(2, 4)), rtol=1e-6)


def test_calls_that_have_nothing_to_do(model):
    session = lepton.InferenceSession(model)
    session.set_providers(["CPUExecutionProvider"])
    session.disable_fallback()
    session.enable_fallback()
    lepton.disable_telemetry_events()
    lepton.enable_telemetry_events()
    lepton.set_default_logger_verbosity(0)
    assert session.get_provider_options() == {"CPUExecutionProvider": {}} and session.get_overridable_initializers() == []
    assert session.get_session_options().intra_op_num_threads == 0 and lepton.get_all_providers() == ["CPUExecutionProvider"]
