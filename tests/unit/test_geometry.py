"""Sizes, counts and receptive fields against torch and hand-computed values."""

import pytest
import torch
from torch import nn

from alexnet.errors import GeometryError
from alexnet.geometry import ReceptiveField, output_size


@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("size", [5, 6, 7, 8, 13, 22])
def test_output_size_equals_torch_pooling(size: int, padding: int, stride: int, ceil: bool) -> None:
    pooled = nn.MaxPool2d(3, stride, padding, ceil_mode=ceil)(torch.zeros(1, 1, size, size))
    assert output_size(size, 3, stride=stride, padding=padding, ceil=ceil) == pooled.shape[-1]


def test_kernel_larger_than_input_names_both_lengths() -> None:
    with pytest.raises(GeometryError, match="kernel of 11 px .* padded input of 9 px"):
        output_size(7, 11, padding=1)


@pytest.mark.parametrize("bad", [{"size": 0}, {"kernel_size": 0}, {"stride": 0}, {"padding": -1}])
def test_impossible_numbers_are_refused(bad: dict[str, int]) -> None:
    with pytest.raises(GeometryError, match="at least"):
        output_size(**{"size": 5, "kernel_size": 3, **bad})


def test_receptive_field_of_pool5_is_195_px() -> None:
    field = ReceptiveField()
    for kernel_size, stride in [(11, 4), (3, 2), (5, 1), (3, 2), (3, 1), (3, 1), (3, 1), (3, 2)]:
        field = field.through(kernel_size, stride)
    assert field == ReceptiveField(size=195, step=32)
