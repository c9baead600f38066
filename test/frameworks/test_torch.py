"""PyTorch on Lepton: modules that are exported, and graphs of torch.compile, compute what PyTorch computes."""

import sys
import warnings
from pathlib import Path

import pytest
import torch

import lepton
import lepton.torch  # registers the backend

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))
from test_applications import answers, require_same


@pytest.fixture(autouse=True)
def inference():
    """No gradients, the same weights, and no graph that is left to PyTorch unless a test says so."""
    torch.manual_seed(0)
    torch._dynamo.reset()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.filterwarnings("error", message="Lepton leaves")
        yield


class Convolutions(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.features = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.BatchNorm2d(8), torch.nn.SiLU(), torch.nn.MaxPool2d(2))
        self.head = torch.nn.Linear(8, 5)

    def forward(self, image):
        return torch.softmax(self.head(self.features(image).mean((2, 3))), -1)


class Encoder(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding(50, 32)
        self.layer = torch.nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
        self.memory = torch.nn.GRU(32, 16, batch_first=True)

    def forward(self, tokens):
        output, state = self.memory(self.layer(self.embedding(tokens)))
        return {"output": output, "state": (state, output.mean(1))}


class Branches(torch.nn.Module):
    """Has a graph break, and a branch on a value."""

    def __init__(self):
        super().__init__()
        self.first, self.second = torch.nn.Linear(4, 4), torch.nn.Linear(4, 4)

    def forward(self, x):
        y = torch.relu(self.first(x))
        torch._dynamo.graph_break()
        return self.second(y + 1 if y.sum() > 0 else -y)


def image(batch):
    return torch.randn(batch, 3, 16, 16)


def require_close(result, expected):
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-5)


def test_from_torch():
    model, x = Convolutions().eval(), image(2)
    compiled = lepton.from_torch(model, (x,), threads=2)
    require_close(compiled(x), model(x))
    assert [value.shape for value in compiled.session.get_inputs()] == [[2, 3, 16, 16]]
    with pytest.raises(ValueError, match=r"has shape \[3,3,16,16\]"):
        compiled(image(3))
    with pytest.raises(ValueError, match="takes 1 tensors"):
        compiled(x, x)


def test_from_torch_with_open_sizes():
    model = Convolutions().eval()
    compiled = lepton.from_torch(model, (image(2),), dynamic_shapes=({0: torch.export.Dim("batch")},))
    for batch in (1, 2, 7):
        x = image(batch)
        require_close(compiled(x), model(x))


def test_results_have_the_structure_of_the_module():
    model, tokens = Encoder().eval(), torch.randint(0, 50, (2, 9))
    result, expected = lepton.from_torch(model, (tokens,))(tokens), model(tokens)
    assert isinstance(result["state"], tuple)
    require_close(result, expected)


def test_bfloat16():
    model, x = torch.nn.Linear(8, 4).to(torch.bfloat16).eval(), torch.randn(3, 8, dtype=torch.bfloat16)
    result = lepton.from_torch(model, (x,))(x)
    assert result.dtype == torch.bfloat16
    torch.testing.assert_close(result, model(x), rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize("model, x", [(Convolutions(), image(2)), (Branches(), torch.randn(3, 4)), (Branches(), -torch.ones(3, 4))])
def test_compile(model, x):
    compiled = torch.compile(model.eval(), backend="lepton")
    require_close(compiled(x), model(x))


def test_sizes_that_change_are_left_open():
    def function(x):
        return torch.relu(x).reshape(x.shape[0] * 2, -1) + x.shape[0], x.sum(0)

    compiled = torch.compile(function, backend="lepton")
    for rows in (2, 5, 7, 9):
        x = torch.randn(rows, 4)
        require_close(compiled(x), function(x))


@pytest.mark.parametrize("mask", ["src_mask", "src_key_padding_mask", None])
@pytest.mark.parametrize("options", [{}, {"norm_first": True, "activation": "gelu"}], ids=["relu", "gelu"])
def test_encoder_layers(options, mask):
    """In inference each is one operator of PyTorch's."""
    model, x = torch.nn.TransformerEncoderLayer(32, 4, 64, batch_first=True, **options).eval(), torch.randn(2, 7, 32)
    masks = {"src_mask": torch.nn.Transformer.generate_square_subsequent_mask(7), "src_key_padding_mask": torch.arange(7) >= torch.tensor([[7], [5]])}
    given = {mask: masks[mask]} if mask else {}
    require_close(torch.compile(model, backend="lepton", dynamic=True)(x, **given), model(x, **given))


def test_real_numbers_are_compiled_in(monkeypatch):
    """Where sizes are open, torch.compile passes the numbers of modules, such as what a normalization adds, as tensors; and arguments in any case."""
    model = torch.nn.Sequential(torch.nn.Embedding(50, 32), torch.nn.LayerNorm(32)).eval()
    compiled = torch.compile(model, backend="lepton", dynamic=True)
    scale = torch.compile(lambda x, by: x * by + x.shape[0], backend="lepton", dynamic=True)
    for batch, length in ((2, 5), (3, 9), (4, 17)):
        tokens = torch.randint(0, 50, (batch, length))
        require_close(compiled(tokens), model(tokens))
    for i in range(12):
        x, by = torch.randn(2 + i % 3, 4), 0.5 + i % 2
        require_close(scale(x, by), x * by + x.shape[0])
    with monkeypatch.context() as patch:  # a number that is another one in each run is not compiled each time
        patch.setattr(lepton.torch, "_Version", lambda *_: pytest.fail("is compiled again"))
        patch.setattr(lepton.torch, "_MOST_NUMBERS", 2)
        require_close(scale(x, 7.25), x * 7.25 + x.shape[0])


def test_weights_that_change():
    model, x = torch.nn.Linear(4, 3).eval(), torch.randn(2, 4)
    compiled = torch.compile(model, backend="lepton")
    require_close(compiled(x), model(x))
    model.weight.add_(1)
    require_close(compiled(x), model(x))


def test_options():
    x = torch.randn(2, 4)
    compiled = torch.compile(torch.tanh, backend="lepton", options={"opt_level": 0})
    require_close(compiled(x), torch.tanh(x))


def test_gradients_are_pytorchs():
    model, x = torch.nn.Linear(4, 3), torch.randn(2, 4)
    compiled = torch.compile(model, backend="lepton")
    with torch.enable_grad():
        compiled(x).sum().backward()
    require_close(model.weight.grad, x.sum(0).expand(3, 4))


def test_what_cannot_be_compiled_is_pytorchs():
    def change(x):
        x.add_(1)
        return x * 2

    x = torch.zeros(3)
    with pytest.warns(UserWarning, match="Lepton leaves a graph of .* to PyTorch: ValueError: it changes its inputs or its state"):
        result = torch.compile(change, backend="lepton")(x)
    assert result.tolist() == [2, 2, 2] and x.tolist() == [1, 1, 1]


def test_silero_vad():
    probabilities, frames, blocks = answers("silero", "lepton")
    require_same([probabilities, frames, blocks], answers("silero", "onnxruntime"), 1e-3)
    assert len(frames) == len(blocks) == 1 and 15000 < frames[0]["start"] < frames[0]["end"] < 49000
