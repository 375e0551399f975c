"""Resampling is torch's bilinear sampling, whichever way it is computed."""

import pytest
import torch
import torch.nn.functional as F

from alexnet.data import resample as module
from alexnet.data.resample import resample

COUNT, SIDE = 6, 20


def _pixels() -> torch.Tensor:
    return torch.randint(
        0, 256, (COUNT, SIDE, SIDE, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
    )


def _crops() -> torch.Tensor:
    """Crops of unequal width and height, some mirrored; the last two are the whole image, as it is and mirrored."""
    random = torch.Generator().manual_seed(2)
    width, height = (torch.empty(COUNT).uniform_(0.3, 1.0, generator=random) for _ in range(2))
    width[-2:], height[-2:] = 1.0, 1.0
    sign = torch.tensor([1.0, -1.0] * (COUNT // 2))
    matrices = torch.zeros(COUNT, 2, 3)
    matrices[:, 0, 0], matrices[:, 0, 2] = width * sign, (1 - width) * torch.rand(COUNT, generator=random)
    matrices[:, 1, 1], matrices[:, 1, 2] = height, (height - 1) * torch.rand(COUNT, generator=random)
    return matrices


def _changed(row: int, column: int, value: float) -> torch.Tensor:
    matrices = _crops()
    matrices[1, row, column] = value
    return matrices


@pytest.mark.parametrize("size", [1, 13, 20, 33])
@pytest.mark.parametrize(
    ("matrices", "by_lines"),
    [
        (_crops(), True),
        (_changed(0, 1, 0.1), False),  # turned
        (_changed(1, 0, -0.1), False),
        (_changed(0, 2, 0.9), False),  # beyond an edge
        (_changed(1, 1, -1.2), False),
    ],
)
def test_images_are_those_of_grid_sample(
    monkeypatch: pytest.MonkeyPatch, matrices: torch.Tensor, by_lines: bool, size: int
) -> None:
    sampled: list[int] = []
    real = F.grid_sample
    monkeypatch.setattr(module.F, "grid_sample", lambda *a, **k: (sampled.append(1), real(*a, **k))[1])
    result = resample(_pixels(), matrices, size)
    assert bool(sampled) != by_lines
    grid = F.affine_grid(matrices.double(), [COUNT, 3, size, size], align_corners=False)
    exact = real(_pixels().permute(0, 3, 1, 2).double(), grid, padding_mode="reflection", align_corners=False)
    assert result.dtype == torch.float32
    torch.testing.assert_close(result, exact.permute(0, 2, 3, 1).float(), rtol=0.0, atol=2e-3)


def test_an_image_of_one_pixel_stays() -> None:
    pixels = torch.full((2, 1, 1, 3), 7, dtype=torch.uint8)
    matrices = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]]).repeat(2, 1, 1)
    assert torch.equal(resample(pixels, matrices, 3), torch.full((2, 3, 3, 3), 7.0))
