"""The interface of onnx.backend: prepare, run_model, run_node, supports_device."""
import onnx
from onnx.backend.base import Backend, BackendRep

from . import InferenceSession


class LeptonRep(BackendRep):
    """A prepared model; run takes the inputs in order and returns the outputs in order."""

    def __init__(self, session):
        self._session = session

    def run(self, inputs, **_):
        if isinstance(inputs, dict):
            feed = inputs
        else:
            values = inputs if isinstance(inputs, (list, tuple)) else [inputs]
            feed = {info.name: value for info, value in zip(self._session.get_inputs(), values)}
        return self._session.run(None, feed)


class LeptonBackend(Backend):
    @classmethod
    def prepare(cls, model, device="CPU", **kwargs):
        if not cls.supports_device(device):
            raise ValueError(f"Lepton runs on the CPU, not on {device}")
        return LeptonRep(InferenceSession(model.SerializeToString(), **kwargs))

    @classmethod
    def run_model(cls, model, inputs, device="CPU", **kwargs):
        return cls.prepare(model, device, **kwargs).run(inputs)

    @classmethod
    def run_node(cls, node, inputs, device="CPU", outputs_info=None, **kwargs):
        values = [onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(value.dtype), value.shape) for name, value in zip(node.input, inputs)]
        outputs = [onnx.helper.make_empty_tensor_value_info(name) for name in node.output]
        return cls.run_model(onnx.helper.make_model(onnx.helper.make_graph([node], "node", values, outputs)), inputs, device, **kwargs)

    @classmethod
    def supports_device(cls, device):
        return device.split(":")[0] == "CPU"


prepare = LeptonBackend.prepare
run_model = LeptonBackend.run_model
run_node = LeptonBackend.run_node
supports_device = LeptonBackend.supports_device
