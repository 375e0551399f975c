"""Receptive fields against brute force: one pixel after another is changed; the outputs that change are listed."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from alexnet.errors import GeometryError
from alexnet.inspection.receptive_field import receptive_boxes
from alexnet.model.alexnet import AlexNet
from alexnet.model.variants import VARIANTS
from tests.narrow import narrow


def by_brute_force(network: nn.Module, layer: nn.Module, size: int) -> list[list[tuple[int, int]]]:
    """For rows and columns, the first and last changed pixel of each output, in float64, by replacing with NaN."""
    outputs: list[torch.Tensor] = []
    handle = layer.register_forward_hook(lambda _m, _i, output: outputs.append(output.clone()))
    spans = []
    with torch.no_grad():
        for axis in (2, 3):
            touched = []
            for place in range(size):
                x = torch.zeros(1, 3, size, size)
                x.select(axis, place).fill_(float("nan"))
                outputs.clear()
                network(x)
                touched.append(outputs[0].isnan().any(dim=(0, 1, 5 - axis)).numpy())
            table = np.array(touched)
            spans.append([(int(c.nonzero()[0][0]), int(c.nonzero()[0][-1]) + 1) for c in table.T])
    handle.remove()
    return spans


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["seminar", "paper", "torchvision", "program"])
def test_fields_of_the_tables_equal_brute_force(variant: str) -> None:
    if variant not in VARIANTS:
        pytest.skip("no such variant")
    size = 75
    spec = narrow(VARIANTS[variant])
    spec = replace(spec, features=tuple(replace(f, groups=1) if hasattr(f, "groups") else f for f in spec.features))
    network = AlexNet(spec, size=size, num_classes=3).eval()
    for layer in ("conv1", "pool1", "conv2", "conv3"):
        boxes = receptive_boxes(network, layer, size)
        rows, columns = by_brute_force(network, network[layer], size)
        assert list(boxes.read_rows) == rows, layer
        assert list(boxes.read_columns) == columns, layer
        assert len({end - first for first, end in boxes.rows}) == 1, "what the kernels cover is equally large"
        for (first, end), (a, b) in zip(boxes.rows, boxes.read_rows, strict=True):
            assert first <= a < b <= end


def test_field_of_the_first_layer_is_its_kernel_and_that_of_a_vector_the_image() -> None:
    network = AlexNet(narrow(VARIANTS["seminar"]), size=67, num_classes=3)
    boxes = receptive_boxes(network, "conv1", 67)
    assert boxes.size == (11, 11)
    box = boxes.box(len(boxes.columns) + 2)
    first, step = boxes.rows[0][0], boxes.rows[1][0] - boxes.rows[0][0]
    assert (box.rows, box.columns) == ((first + step, first + step + 11), (first + 2 * step, first + 2 * step + 11))
    whole = receptive_boxes(network, "fc7", 67)
    assert (whole.is_vector, whole.box(0).rows) == (True, (0, 67))
    with pytest.raises(GeometryError, match="layer conv9: narrow has no such layer; choose one of conv1"):
        receptive_boxes(network, "conv9", 67)


def test_measured_fields_equal_the_formula_and_reach_into_the_padding() -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3, padding=1)
    )
    boxes = receptive_boxes(network, "3", 20)
    assert boxes.size == (8, 8)  # 3 + (2 - 1) * 1 + (3 - 1) * 2
    assert list(boxes.rows) == [(2 * row - 3, 2 * row + 5) for row in range(10)]
    assert boxes.read_rows[0] == (0, 5)
    assert boxes.columns == boxes.rows
    assert not network[0]._forward_hooks


def test_patch_shows_padding_where_the_field_leaves_the_image() -> None:
    network = nn.Sequential(nn.Conv2d(3, 2, 5, padding=2))
    image = np.random.default_rng(0).integers(1, 255, (9, 9, 3), np.uint8)
    patch, inside = receptive_boxes(network, "0", 9).box(0).cut(image)
    assert patch.shape == (5, 5, 3)
    assert inside.tolist() == [[False] * 5] * 2 + [[False] * 2 + [True] * 3] * 3
    np.testing.assert_array_equal(patch[2:, 2:], image[:3, :3])
    assert (patch[~inside] == 0).all()


class Enlarging(nn.Module):
    """Halves the maps and enlarges them again, so that two neighbors look at the same pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(nn.functional.interpolate(self.first(x), scale_factor=2.0))


def test_fields_after_an_enlargement_are_what_is_read() -> None:
    boxes = receptive_boxes(Enlarging(), "second", 32)
    assert boxes.rows == boxes.read_rows
    assert boxes.read_rows[12] == (9, 14)
    assert boxes.read_rows[31] == (29, 32)
    assert boxes.size == (5, 5)
