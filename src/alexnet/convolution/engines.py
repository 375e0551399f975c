"""Methods that convolve a scene, all with the same result: blocks, separable, matrices, FFT, integers."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from alexnet.convolution.bands import BLOCK, Scene, read_bands
from alexnet.convolution.layout import Array
from alexnet.convolution.threads import share

__all__ = [
    "Factors",
    "by_blocks",
    "by_fft",
    "by_integers",
    "by_matrices",
    "by_separated_blocks",
    "by_separated_matrices",
    "fft_tile",
]

Factors = Sequence[tuple[Array, Array]]
"""Columns and rows whose outer products add up to a kernel."""

STRIP = 16
"""Output rows that one matrix of `by_matrices` computes."""

WIDE = 64
"""Outputs that one matrix of `by_separated_matrices` computes."""


def num_blocks(columns: int) -> int:
    """Blocks of pixels that a row of `columns` taps covers."""
    return -(-(BLOCK + columns - 1) // BLOCK)


def _as_channels(rows: Tensor) -> Tensor:
    """Rows [h, w] as [1, BLOCK, h, w / BLOCK], channels last: the same memory, seen another way."""
    return rows.view(1, rows.shape[0], rows.shape[1] // BLOCK, BLOCK).permute(0, 3, 1, 2)


def _as_rows(maps: Tensor) -> Tensor:
    return maps.permute(0, 2, 3, 1).reshape(maps.shape[2], -1)


def _blocked(weights: Array) -> Tensor:
    """A kernel as weights [BLOCK, BLOCK, k, blocks]: pixel p of a patch is channel p % BLOCK of block p // BLOCK."""
    rows, columns = weights.shape
    blocked = np.zeros((BLOCK, BLOCK, rows, num_blocks(columns)), dtype=np.float32)
    for output in range(BLOCK):
        for column in range(columns):
            block, channel = divmod(output + column, BLOCK)
            blocked[output, channel, :, block] = weights[:, column]
    return torch.from_numpy(blocked).contiguous(memory_format=torch.channels_last)


def by_blocks(scene: Scene, weights: Array, out: Tensor | None) -> Tensor:
    """All taps at once: 16 neighboring pixels become the channels of one, and the kernel a layer of 16 x 16 kernels.

    In this form an image of one channel keeps the vector units of oneDNN's convolution busy. Without `out`, a plane
    that fits blocks is convolved in one piece, and the result is a part of a slightly wider array.
    """
    blocked = _blocked(weights)
    if out is None:
        pad, channels = blocked.shape[3] - 1, _as_channels(torch.from_numpy(scene.plane))
        return _inner(scene, _as_rows(F.conv2d(channels, blocked, padding=(_rows_outside(scene), pad))), pad)
    for band in read_bands(scene, torch.float32, blocks=blocked.shape[3]):
        rows = _as_rows(F.conv2d(_as_channels(band.rows), blocked, padding=(0, band.pad)))
        _write(out, band.first, band.stop, rows, scene, band.pad)
    return out


def _write(out: Tensor, first: int, stop: int, rows: Tensor, scene: Scene, pad: int) -> None:
    left = BLOCK * pad + scene.across.start if pad else 0
    out[first:stop].copy_(rows[:, left : left + scene.across.count])


def by_separated_blocks(scene: Scene, factors: Factors, out: Tensor | None) -> Tensor:
    """Down, then across, for each pair of factors; the results are added. Without `out`, as `by_blocks`."""
    pairs = [(_down_weights(column), _blocked(row[None])) for column, row in factors]
    if out is None:
        pad = pairs[0][1].shape[3] - 1
        return _inner(scene, _separated(torch.from_numpy(scene.plane), pairs, _rows_outside(scene), pad), pad)
    for band in read_bands(scene, torch.float32, blocks=pairs[0][1].shape[3]):
        _write(out, band.first, band.stop, _separated(band.rows, pairs, 0, band.pad), scene, band.pad)
    return out


def _separated(rows: Tensor, pairs: Sequence[tuple[Tensor, Tensor]], lead: int, pad: int) -> Tensor:
    channels, total = _as_channels(rows), None
    for down, across in pairs:
        maps = F.conv2d(channels, down, padding=(lead, 0), groups=BLOCK)
        part = _as_rows(F.conv2d(maps, across, padding=(0, pad)))
        total = part if total is None else total.add_(part)
    return rows if total is None else total


def _rows_outside(scene: Scene) -> int:
    """Rows of zeros that the patches need above or below the plane."""
    last = scene.down.start + scene.down.count + scene.taps[0] - 1
    return max(-scene.down.start, last - int(scene.plane.shape[0]), 0)


def _inner(scene: Scene, rows: Tensor, pad: int) -> Tensor:
    """The outputs of the scene among all that a plane in one piece gives."""
    top, left = _rows_outside(scene) + scene.down.start, BLOCK * pad + scene.across.start
    return rows[top : top + scene.down.count, left : left + scene.across.count]


def _down_weights(column: Array) -> Tensor:
    taps = torch.from_numpy(np.array(column, dtype=np.float32, order="C")).view(1, 1, -1, 1)
    return taps.expand(BLOCK, 1, -1, 1).contiguous(memory_format=torch.channels_last)


def _banded(taps: Array, length: int) -> Tensor:
    """Matrix [length, length + taps - 1] that slides the taps along a vector."""
    matrix = np.zeros((length, length + len(taps) - 1))
    for place in range(length):
        matrix[place, place : place + len(taps)] = taps
    return torch.from_numpy(matrix)


def by_matrices(scene: Scene, weights: Array, out: Tensor) -> None:
    """Float64: for each column of the kernel, a banded matrix times a strip of the image."""
    matrices = [_banded(column, STRIP) for column in weights.T]
    width, lead = scene.across.count, weights.shape[0] - 1
    for band in read_bands(scene, torch.float64, blocks=num_blocks(weights.shape[1])):
        result = torch.zeros(band.stop - band.first, width, dtype=torch.float64)
        for top in range(0, len(result), STRIP):
            strip = result[top : top + STRIP]
            source = band.rows[top : top + len(strip) + lead]
            for column, matrix in enumerate(matrices):
                strip.addmm_(matrix[: len(strip), : len(source)], source[:, column : column + width])
        out[band.first : band.stop].copy_(result)


def by_separated_matrices(scene: Scene, factors: Factors, out: Tensor) -> None:
    """Float64: banded matrices down, then across, for each pair of factors."""
    pairs = [(_banded(column, WIDE), _banded(row, WIDE).T.contiguous()) for column, row in factors]
    width, (rows, columns) = scene.across.count, scene.taps
    for band in read_bands(scene, torch.float64, blocks=num_blocks(columns)):
        result = torch.zeros(band.stop - band.first, width, dtype=torch.float64)
        for top in range(0, len(result), WIDE):
            strip = result[top : top + WIDE]
            source = band.rows[top : top + len(strip) + rows - 1]
            for down, across in pairs:
                middle = down[: len(strip), : len(source)] @ source
                for left in range(0, width, WIDE):
                    part = strip[:, left : left + WIDE]
                    reach = part.shape[1] + columns - 1
                    part.addmm_(middle[:, left : left + reach], across[:reach, : part.shape[1]])
        out[band.first : band.stop].copy_(result)


def by_integers(scene: Scene, weights: Array, out: Tensor) -> None:
    """Int64, one tap after the other; sums wrap around at 64 bits, which the caller must exclude."""
    width = scene.across.count
    taps = [[int(tap) for tap in row] for row in weights.astype(np.int64)]
    for band in read_bands(scene, torch.int64, blocks=num_blocks(weights.shape[1])):
        count = band.stop - band.first
        result = torch.zeros(count, width, dtype=torch.int64)
        for row, tap_row in enumerate(taps):
            for column, tap in enumerate(tap_row):
                if tap:
                    result.add_(band.rows[row : row + count, column : column + width], alpha=tap)
        out[band.first : band.stop].copy_(result)


GROUP_PIXELS = 1 << 19
"""Pixels of the tiles that are transformed in one call, which needs half a dozen arrays of this size."""


@dataclass(frozen=True)
class Tile:
    """Sides of a transformed tile, px, and its work in operations for each output."""

    height: int
    width: int
    work: float


TILE_SIDES = (16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096)


@lru_cache(maxsize=64)
def fft_tile(taps: tuple[int, ...], outputs: tuple[int, int]) -> Tile:
    """The tile with the least work for an output; above 2^16 px, too much for the cache, work counts 1.5 times."""
    best: Tile | None = None
    for height in TILE_SIDES:
        for width in TILE_SIDES:
            rows, columns = height - taps[0] + 1, width - taps[1] + 1
            if rows < 1 or columns < 1:
                continue
            tiles = -(-outputs[0] // rows) * -(-outputs[1] // columns)
            pixels = height * width
            work = tiles * pixels * np.log2(pixels) / (outputs[0] * outputs[1]) * (1.5 if pixels > 1 << 16 else 1)
            if best is None or work < best.work:
                best = Tile(height, width, float(work))
    if best is None:  # a kernel of thousands of px: one tile that holds everything
        sides = [1 << (size + tap - 1).bit_length() for size, tap in zip(outputs, taps, strict=True)]
        best = Tile(sides[0], sides[1], 8.0 * np.log2(sides[0] * sides[1]))
    return best


def by_fft(scene: Scene, weights: Array, out: Tensor, dtype: torch.dtype) -> None:
    """Overlapping tiles, transformed, multiplied by the spectrum of the kernel and transformed back (overlap-save).

    Source: Oppenheim & Schafer, Discrete-Time Signal Processing, 3rd ed. 2010, section 8.7.3.
    """
    (rows, columns), (count, width) = scene.taps, (scene.down.count, scene.across.count)
    tile = fft_tile(scene.taps, (count, width))
    high, wide = tile.height - rows + 1, tile.width - columns + 1
    across, down = -(-width // wide), -(-count // high)
    group = min(down, max(1, GROUP_PIXELS // (across * tile.height * tile.width)))
    kind = np.float32 if dtype == torch.float32 else np.float64
    flipped = torch.from_numpy(np.array(weights[::-1, ::-1], dtype=kind, order="C"))
    spectrum = torch.fft.rfft2(flipped, s=(tile.height, tile.width))

    def transform(place: int) -> None:
        first = place * group * high
        number = min(group * high, count - first)
        filled = np.empty((-(-number // high) * high + rows - 1, across * wide + columns - 1), dtype=kind)
        scene.read(scene.down.start + first, len(filled), scene.across.start, filled.shape[1], filled)
        tiles = torch.from_numpy(filled).unfold(0, tile.height, high).unfold(1, tile.width, wide)
        transformed = torch.fft.rfft2(tiles).mul_(spectrum)
        result = torch.fft.irfft2(transformed, s=(tile.height, tile.width))[..., rows - 1 :, columns - 1 :]
        joined = result.transpose(1, 2).reshape(-1, across * wide)
        out[first : first + number].copy_(joined[:number, :width])

    share(transform, -(-count // (group * high)))
