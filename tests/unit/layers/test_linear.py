"""The faster path of a fully connected layer: the same numbers as torch's, only in training."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alexnet.layers import linear
from alexnet.layers.fast_path import allow_fast_paths
from alexnet.layers.linear import Linear


@pytest.fixture(autouse=True)
def _slow_float32_matmul(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "has_slow_float32_matmul", lambda: True)


def make_layer() -> Linear:
    torch.manual_seed(0)
    layer = Linear(1000, 40)
    allow_fast_paths(layer, True)
    return layer.train()


def allow(layer: Linear, allowed: bool) -> Linear:
    allow_fast_paths(layer, allowed)
    return layer


def output_and_gradients(layer: nn.Linear, x: Tensor, *, autocast: bool = False) -> list[Tensor]:
    inputs = (x.clone().requires_grad_(), layer.weight, layer.bias)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        y = layer(inputs[0])
    upstream = torch.randn(y.shape, generator=torch.Generator().manual_seed(1)).to(y.dtype)
    return [y.detach(), *torch.autograd.grad(y, inputs, upstream)]


def test_training_is_within_float32_of_float64() -> None:
    layer, x = make_layer(), torch.randn(16, 1000)
    result = output_and_gradients(layer, x)
    exact = nn.Linear(1000, 40).double()
    exact.load_state_dict(layer.state_dict())
    for value, right in zip(result, output_and_gradients(exact, x.double()), strict=True):
        assert value.dtype == torch.float32
        assert value.layout == torch.strided
        assert (value - right).abs().max() < 1e-5 * right.abs().max()


def test_small_batches_of_a_bfloat16_training_are_computed_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "has_fast_bfloat16", lambda: True)
    layer = make_layer()
    for num_images in (16, 64, 65):
        x = torch.randn(num_images, 1000).bfloat16()
        result = output_and_gradients(layer, x, autocast=True)
        if num_images > 64:
            assert result[0].dtype == torch.bfloat16
            continue
        assert result[0].dtype == torch.float32
        own = output_and_gradients(allow(layer, False), x.float())
        for value, right in zip(result, own, strict=True):
            error = 8e-3 if value.dtype == torch.bfloat16 else 1e-5
            assert (value.float() - right).abs().max() < error * right.abs().max()
        allow(layer, True)


def test_everything_but_training_is_torchs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "has_fast_bfloat16", lambda: False)
    layer, x = make_layer(), torch.randn(16, 1000)
    own = F.linear(x, layer.weight, layer.bias)
    assert torch.equal(layer.eval()(x), own)
    with torch.no_grad():
        assert torch.equal(layer.train()(x), own)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(layer(x), F.linear(x, layer.weight, layer.bias))
    allow_fast_paths(layer, False)
    assert torch.equal(layer(x), own)
    one = make_layer()
    assert torch.equal(one(x[:1]), F.linear(x[:1], one.weight, one.bias))
    wide = make_layer().double()
    assert torch.equal(wide(x.double()), F.linear(x.double(), wide.weight, wide.bias))


def test_no_images_are_no_fault() -> None:
    assert make_layer()(torch.randn(0, 1000)).shape == (0, 40)
