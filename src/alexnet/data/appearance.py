"""What images look like, without a network: their colors, and the directions of their edges."""

import numpy as np
from jaxtyping import Float, Int

from alexnet.data.decode import Pixels
from alexnet.data.near_duplicates import shrink

__all__ = ["describe_appearance"]

LEVELS = 4
"""Levels of red, green and blue that are told apart."""

GRID = 4
"""Cells in each direction in which edges are counted."""

DIRECTIONS = 8

FAINT = 1e-3
"""Added to the mean gradient before its logarithm, on the scale 0 to 1."""

EDGE_WEIGHT = 0.5
"""Of edges beside colors (EXPERIMENTS.md, "Odd images")."""

CHUNK = 256


def describe_appearance(pixels: Pixels) -> Float[np.ndarray, "N D"]:
    """A vector for each image, float32; images of much the same colors and edges lie close to each other.

    The first 64 numbers are the square roots of the fractions of 64 colors. The other 128 are logarithms of the mean
    gradient in 4 x 4 cells and 8 directions, standardized over the images.

    Args:
        pixels: [N, S, S, 3] uint8.

    Source: histograms compared by their square roots: Hellinger's distance; directions in cells: Dalal & Triggs 2005.

    >>> describe_appearance(np.zeros((2, 96, 96, 3), np.uint8)).shape
    (2, 192)
    """
    if not len(pixels):
        return np.empty((0, LEVELS**3 + GRID**2 * DIRECTIONS), np.float32)
    colors, edges = _describe(pixels)
    edges = np.log(edges + FAINT)
    edges = (edges - edges.mean(0)) / np.maximum(edges.std(0), 1e-3) / np.sqrt(edges.shape[1])
    return np.concatenate([colors, EDGE_WEIGHT * edges], 1, dtype=np.float32)


def _describe(pixels: Pixels) -> tuple[Float[np.ndarray, "N C"], Float[np.ndarray, "N E"]]:
    """Colors and edges of all images; the images themselves, made smaller, are in memory for a chunk at a time."""
    colors, edges = [], []
    for start in range(0, len(pixels), CHUNK):
        small = shrink(pixels[start : start + CHUNK]).astype(np.float32) / 256.0
        colors.append(_colors(small))
        edges.append(_edges(small))
    return np.concatenate(colors), np.concatenate(edges)


def _colors(images: Float[np.ndarray, "N S S 3"]) -> Float[np.ndarray, "N C"]:
    """Square roots of the fractions of each color, a vector of length 1."""
    levels = np.minimum((images * LEVELS).astype(np.int64), LEVELS - 1)
    codes = (levels @ np.array([LEVELS**2, LEVELS, 1])).reshape(len(images), -1)
    return np.asarray(np.sqrt(_histograms(codes, LEVELS**3) / codes.shape[1]))


def _histograms(codes: Int[np.ndarray, "N P"], num_codes: int) -> Float[np.ndarray, "N C"]:
    own = codes + num_codes * np.arange(len(codes))[:, None]
    return np.bincount(own.ravel(), minlength=num_codes * len(codes)).reshape(len(codes), num_codes)


def _edges(images: Float[np.ndarray, "N S S 3"]) -> Float[np.ndarray, "N E"]:
    """Mean gradient of the brightness in each cell and direction; opposite directions are one."""
    gray = images.mean(3)
    down, across = np.zeros_like(gray), np.zeros_like(gray)
    down[:, 1:-1], across[:, :, 1:-1] = (gray[:, 2:] - gray[:, :-2]) / 2, (gray[:, :, 2:] - gray[:, :, :-2]) / 2
    length = np.hypot(down, across)
    turn = (np.arctan2(down, across) % np.pi) / np.pi * DIRECTIONS
    direction = turn.astype(np.int64) % DIRECTIONS
    side = gray.shape[1] // GRID
    cells = [
        np.where(direction == each, length, 0.0).reshape(-1, GRID, side, GRID, side).mean((2, 4))
        for each in range(DIRECTIONS)
    ]
    return np.stack(cells, 3).reshape(len(images), -1)
