"""The faster paths of a convolution layer: the same numbers as torch's, only in training, only where they apply."""

import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import alexnet
from alexnet.layers import conv2d
from alexnet.layers.conv2d import CeilConv2d, Conv2d
from alexnet.layers.fast_path import allow_fast_paths
from alexnet.recipe import Recipe


@pytest.fixture(params=[False, True], ids=["plain CPU", "bfloat16 CPU"])
def fast_bfloat16(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the CPU counts as one with fast bfloat16 matmul; float32 matmul counts as fast."""
    monkeypatch.setattr(conv2d, "has_fast_bfloat16", lambda: request.param)
    monkeypatch.setattr(conv2d, "has_slow_float32_matmul", lambda: False)
    return bool(request.param)


def make_layer(kind: type[Conv2d] = Conv2d, **settings: int) -> Conv2d:
    torch.manual_seed(0)
    layer = kind(**{"in_channels": 32, "out_channels": 32, "kernel_size": 3, "padding": 1} | settings)
    allow_fast_paths(layer, True)
    return layer.train()


def gradients(layer: Conv2d, x: Tensor, *, in_bfloat16: bool = False) -> list[Tensor]:
    """The output and the gradients of input, kernels and bias for one random upstream gradient."""
    x = x.clone().requires_grad_()
    layer.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=in_bfloat16):
        y = layer(x)
    upstream = torch.randn(y.shape, generator=torch.Generator().manual_seed(1)).to(y.dtype)
    y.backward(upstream)
    assert layer.bias is not None
    return [t for t in (y.detach(), x.grad, layer.weight.grad, layer.bias.grad) if t is not None]


def relative_errors(result: list[Tensor], expected: list[Tensor]) -> list[float]:
    assert len(result) == len(expected) == 4
    pairs = zip(result, expected, strict=True)
    return [((a.double() - b.double()).norm() / b.double().norm()).item() for a, b in pairs]


FLOAT32 = [
    (Conv2d, {}, (32, 32, 4, 4)),
    (CeilConv2d, {}, (32, 32, 4, 4)),
    (Conv2d, {"kernel_size": 5, "padding": 2}, (32, 32, 10, 11)),
    (Conv2d, {"in_channels": 64, "out_channels": 64, "groups": 2}, (40, 64, 5, 3)),
    (Conv2d, {"padding": 0}, (40, 32, 7, 5)),
    (Conv2d, {"padding": 2}, (40, 32, 6, 6)),
]


@pytest.mark.usefixtures("fast_bfloat16")
@pytest.mark.parametrize(("kind", "settings", "shape"), FLOAT32)
def test_training_in_float32_equals_torch_forward_and_backward(
    kind: type[Conv2d], settings: dict[str, int], shape: tuple[int, ...]
) -> None:
    layer, x = make_layer(kind, **settings), torch.randn(shape)
    fast = gradients(layer, x)
    allow_fast_paths(layer, False)
    plain = gradients(layer, x)
    assert not torch.equal(fast[0], plain[0]), "the fast path was used"
    assert max(relative_errors(fast, plain)) < 1e-5


@pytest.mark.parametrize("settings", [{}, {"padding": 0}, {"kernel_size": 5, "padding": 2}])
def test_small_maps_in_bfloat16_equal_torch_within_rounding(fast_bfloat16: bool, settings: dict[str, int]) -> None:
    layer = make_layer(**{"in_channels": 256, "out_channels": 256} | settings)
    x = torch.randn(16, 256, 4, 4)
    fast = gradients(layer, x, in_bfloat16=True)
    allow_fast_paths(layer, False)
    plain = gradients(layer, x, in_bfloat16=True)
    is_same = all(torch.equal(a, b) for a, b in zip(fast, plain, strict=True))
    assert is_same != fast_bfloat16, "the fast path was used, or not"
    assert max(relative_errors(fast, plain)) < 0.01
    assert [t.dtype for t in fast] == [t.dtype for t in plain]


@pytest.mark.usefixtures("fast_bfloat16")
@pytest.mark.parametrize("in_bfloat16", [False, True])
def test_evaluation_is_torchs_own(in_bfloat16: bool) -> None:
    layer, x = make_layer(in_channels=256, out_channels=256), torch.randn(32, 256, 4, 4)
    own = nn.Conv2d(256, 256, 3, padding=1)
    own.load_state_dict(layer.state_dict())
    with torch.autocast("cpu", torch.bfloat16, enabled=in_bfloat16):
        expected = own(x)
        assert torch.equal(layer.eval()(x), expected)
        with torch.no_grad():
            assert torch.equal(layer.train()(x), expected)
        allow_fast_paths(layer, False)
        assert torch.equal(layer.train()(x), expected)


OTHERS = [
    ({"stride": 2}, (32, 32, 6, 6)),
    ({"kernel_size": 7, "padding": 3}, (32, 32, 6, 6)),
    ({"dilation": 2, "padding": 2}, (32, 32, 6, 6)),
    ({"groups": 2}, (32, 32, 6, 6)),  # 16 channels each
    ({"kernel_size": 1, "padding": 0}, (32, 32, 6, 6)),
    ({}, (31, 32, 4, 4)),  # too few tiles
    ({}, (0, 32, 4, 4)),
]


@pytest.mark.usefixtures("fast_bfloat16")
@pytest.mark.parametrize(("settings", "shape"), OTHERS)
def test_other_convolutions_are_torchs_own_in_training(settings: dict[str, int], shape: tuple[int, ...]) -> None:
    layer, x = make_layer(**settings), torch.randn(shape)
    assert torch.equal(layer(x), layer.eval()(x))
    layer = layer.double().train()
    assert torch.equal(layer(x.double()), layer.eval()(x.double()))


@pytest.mark.usefixtures("fast_bfloat16")
@pytest.mark.parametrize(
    ("settings", "maps"),
    [
        ({}, (4, 6)),  # rows of six values
        ({"groups": 2}, (4, 4)),
        ({"out_channels": 128}, (4, 4)),
        ({"stride": 2}, (4, 4)),
        ({"kernel_size": 1, "padding": 1}, (2, 2)),
    ],
)
def test_other_convolutions_in_bfloat16_are_torchs_own(settings: dict[str, int], maps: tuple[int, int]) -> None:
    layer, x = make_layer(**{"in_channels": 256, "out_channels": 256} | settings), torch.randn(3, 256, *maps)
    fast = gradients(layer, x, in_bfloat16=True)
    allow_fast_paths(layer, False)
    plain = gradients(layer, x, in_bfloat16=True)
    assert all(torch.equal(a, b) for a, b in zip(fast, plain, strict=True))


def test_float32_is_torchs_own_where_its_matmul_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conv2d, "has_slow_float32_matmul", lambda: True)
    layer, x = make_layer(), torch.randn(32, 32, 4, 4)
    assert torch.equal(layer(x), layer.eval()(x))


@pytest.mark.slow
def test_training_with_fast_paths_is_training_without(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("conv2d", "linear"):
        monkeypatch.setattr(sys.modules[f"alexnet.layers.{module}"], "has_slow_float32_matmul", lambda: False)
    base = Recipe(size=67, epochs=1, batch_size=32, device="cpu", precision="float32")
    losses = {}
    for how in ("direct", "auto"):
        run = alexnet.train(image_folder, base.replace(convolution=how), out=tmp_path / how)
        losses[how] = [step.loss for step in run.folder.steps]
    assert losses["auto"] != losses["direct"], "the fast path was used"
    assert losses["auto"] == pytest.approx(losses["direct"], rel=1e-3)
