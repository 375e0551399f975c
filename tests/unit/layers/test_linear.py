"""When a fully connected layer is computed by oneDNN, and that it is the same layer."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

import alexnet
from alexnet.layers import linear
from alexnet.layers.fast_path import allow_fast_paths
from alexnet.layers.linear import Linear
from alexnet.recipe import Recipe


def _layer(monkeypatch: pytest.MonkeyPatch, *, torch_is_slow: bool = True) -> Linear:
    monkeypatch.setattr(linear, "has_slow_float32_matmul", lambda: torch_is_slow)
    torch.manual_seed(0)
    layer = Linear(48, 40)
    allow_fast_paths(layer, True)
    return layer


def _by_onednn(y: torch.Tensor) -> bool:
    assert y.grad_fn is not None
    return "Mkldnn" in y.grad_fn.name() or "ToDense" in y.grad_fn.name()


def test_result_and_gradients_are_those_of_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = _layer(monkeypatch)
    x = torch.randn(16, 48, requires_grad=True)
    towards = torch.randn(16, 40)
    y = layer(x)
    assert _by_onednn(y)
    inputs = (x, layer.weight, layer.bias)
    found = (y, *torch.autograd.grad(y, inputs, towards))
    exact = [value.detach().double().requires_grad_() for value in inputs]
    exact_y = F.linear(*exact)
    expected = (exact_y, *torch.autograd.grad(exact_y, exact, towards.double()))
    for value, right in zip(found, expected, strict=True):
        assert value.dtype == torch.float32
        assert value.layout == torch.strided
        assert (value - right).abs().max() < 1e-5 * right.abs().max()


def test_only_training_in_float32_where_it_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, x = _layer(monkeypatch), torch.randn(16, 48)
    assert _by_onednn(layer(x))
    assert not _by_onednn(layer(x[:7]))
    with torch.autocast("cpu", torch.bfloat16):
        assert not _by_onednn(layer(x))
    assert not _by_onednn(layer.eval()(x))
    allow_fast_paths(layer.train(), False)
    assert not _by_onednn(layer(x))
    assert not _by_onednn(_layer(monkeypatch, torch_is_slow=False)(x))
    assert not _by_onednn(_layer(monkeypatch).double()(x.double()))


def test_a_training_by_onednn_is_the_plain_one(
    monkeypatch: pytest.MonkeyPatch, image_folder: Path, tmp_path: Path
) -> None:
    recipe = Recipe(size=67, epochs=1, batch_size=32, initialization="fan_in", device="cpu", precision="float32")
    made: list[int] = []
    real = torch.Tensor.to_mkldnn
    monkeypatch.setattr(torch.Tensor, "to_mkldnn", lambda x: (made.append(1), real(x))[1])
    losses = []
    for torch_is_slow in (False, True):
        monkeypatch.setattr(linear, "has_slow_float32_matmul", lambda slow=torch_is_slow: slow)
        run = alexnet.train(image_folder, recipe, out=tmp_path / str(torch_is_slow))
        losses.append([step.loss for step in run.folder.steps])
        assert bool(made) == torch_is_slow
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
