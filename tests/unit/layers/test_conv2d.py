"""Which convolutions take fewer products, and that a training with them is a training without them."""

from pathlib import Path

import pytest
import torch

import alexnet
from alexnet.layers import conv2d
from alexnet.layers.conv2d import CeilConv2d, Conv2d
from alexnet.layers.fast_path import allow_fast_paths
from alexnet.recipe import Recipe


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry a call of the convolution by tiles, on a CPU whose products in float32 are fast."""
    monkeypatch.setattr(conv2d, "has_slow_float32_matmul", lambda: False)
    made: list[int] = []
    real = conv2d.winograd_conv2d
    monkeypatch.setattr(conv2d, "winograd_conv2d", lambda *a, **k: (made.append(1), real(*a, **k))[1])
    return made


def _layer(kind: type[Conv2d] = Conv2d, **settings: int) -> Conv2d:
    layer = kind(**{"in_channels": 32, "out_channels": 32, "kernel_size": 3, "padding": 1} | settings)
    allow_fast_paths(layer, True)
    return layer.train()


@pytest.mark.parametrize("kind", [Conv2d, CeilConv2d])
def test_training_takes_fewer_products_and_testing_does_not(kind: type[Conv2d], calls: list[int]) -> None:
    layer, x = _layer(kind), torch.randn(32, 32, 4, 4)
    classifier = layer(x)
    assert len(calls) == 1
    torch.testing.assert_close(layer.eval()(x), classifier, rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        layer.train()(x)
    allow_fast_paths(layer, False)
    layer(x)
    assert len(calls) == 1


@pytest.mark.parametrize(
    "settings",
    [
        {"stride": 2},
        {"kernel_size": 7, "padding": 3},
        {"dilation": 2, "padding": 2},
        {"groups": 2},  # 16 channels each
        {"kernel_size": 1, "padding": 0},
    ],
)
def test_others_are_convolved_directly(settings: dict[str, int], calls: list[int]) -> None:
    _layer(**settings)(torch.randn(32, 32, 6, 6))
    assert not calls


def test_tiles_do_not_pay_where_their_products_are_slow(calls: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conv2d, "has_slow_float32_matmul", lambda: True)
    _layer()(torch.randn(32, 32, 4, 4))
    assert not calls


def test_few_tiles_and_other_numbers_are_convolved_directly(calls: list[int]) -> None:
    layer = _layer()
    layer(torch.randn(31, 32, 4, 4))
    with torch.autocast("cpu", torch.bfloat16):
        layer(torch.randn(32, 32, 4, 4))
    layer.double()(torch.randn(32, 32, 4, 4).double())
    assert not calls


def test_a_training_with_fewer_products_is_the_direct_one(
    image_folder: Path, tmp_path: Path, calls: list[int]
) -> None:
    base = Recipe(size=67, epochs=1, batch_size=32, initialization="fan_in", device="cpu", precision="float32")
    losses = {}
    for how in ("direct", "auto"):
        run = alexnet.train(image_folder, base.replace(convolution=how), out=tmp_path / how)
        losses[how] = [step.loss for step in run.folder.steps]
        assert bool(calls) == (how == "auto")
    assert losses["auto"] == pytest.approx(losses["direct"], rel=1e-3)


@pytest.mark.parametrize(
    ("settings", "maps", "is_fast", "taken"),
    [
        ({}, (4, 4), True, True),
        ({}, (4, 4), False, False),
        ({}, (4, 6), True, False),  # six places in a line
        ({"groups": 2}, (4, 4), True, False),
        ({"out_channels": 128}, (4, 4), True, False),
        ({"stride": 2}, (4, 4), True, False),
        ({"kernel_size": 1, "padding": 1}, (2, 2), True, False),
    ],
)
def test_small_maps_are_convolved_as_a_product_in_bfloat16(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, int], maps: tuple[int, int], is_fast: bool, taken: bool
) -> None:
    monkeypatch.setattr(conv2d, "has_fast_bfloat16", lambda: is_fast)
    made: list[int] = []
    real = conv2d.im2col_conv2d
    monkeypatch.setattr(conv2d, "im2col_conv2d", lambda *a, **k: (made.append(1), real(*a, **k))[1])
    torch.manual_seed(0)
    layer, x = _layer(**{"in_channels": 256, "out_channels": 256} | settings), torch.randn(3, 256, *maps)
    with torch.autocast("cpu", torch.bfloat16):
        y = layer(x)
        direct = layer.eval()(x)
    layer.train()(x)  # float32
    assert len(made) == int(taken)
    assert (y - direct).norm() < 0.01 * direct.norm()
