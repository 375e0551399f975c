"""Nearly identical images: crops, mirror images, re-encodings, other brightness, neighboring frames of a video."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from alexnet.data.cache import DecodedImages
from alexnet.data.decode import Pixels
from alexnet.progress_callback import Progress
from alexnet.records import Record

__all__ = ["KINDS", "NEAR", "NearDuplicate", "find_near_duplicates", "group_near_duplicates", "near_pairs", "shrink"]

KINDS = ("across classes", "across the split", "within class")
"""Kinds of pairs, the worst first."""

NEAR = 0.03
"""Largest distance of a near duplicate. Chosen on natural8 with planted ones: EXPERIMENTS.md, "Near duplicates"."""

GRID = 12
"""Cells in each direction in which two images are compared."""

COARSE = 6
"""The same for the first look, which chooses what is compared."""

BASE = 48
"""Side in px of the small images from which windows are cut."""

NUM_CANDIDATES = 8
"""Images that are compared with each image, for each way of looking at it."""

SMALLEST_CORRELATION = 0.7
"""Of the first look, below which two images are not compared."""

LEAST_CONTRAST = 4.0
"""Standard deviation on the scale 0 to 255 below which an image is plain: it resembles nothing."""

SIDES = (0.97, 0.93, 0.9)
"""Sides of the windows, as fractions: a crop of 80 % of the area has sides of 0.89."""

ZOOM = 0.93
"""Side of the window in the middle, by which the first look sees crops."""

CHUNK = 256

Window = tuple[float, float, float]


@dataclass(frozen=True)
class NearDuplicate(Record):
    """Two nearly identical images. distance: 1 - correlation at the best alignment, 0 for the same pixels.

    kind: `across classes`, else `across the split`, else `within class`.
    """

    a: str
    b: str
    distance: float
    kind: str


def find_near_duplicates(images: DecodedImages, *, on_progress: Progress | None = None) -> tuple[NearDuplicate, ...]:
    """All pairs of nearly identical images of a decoded folder, the nearest first.

    Every image is reduced to a few cells of color, without its brightness and contrast. For each, the most similar
    ones are looked up (of the image, its mirror image, and its middle), and compared in windows that a crop of 80 %
    of the area or more may show. No network is needed.

    Args:
        on_progress: called with (images done, images in all).
    """
    pairs, distances = near_pairs(images.pixels, on_progress=on_progress)
    files = images.files
    named = []
    for pair, distance in zip(pairs, distances, strict=True):
        a, b = (files[row] for row in pair)
        kind = "within class" if a.split == b.split else "across the split"
        kind = kind if a.class_name == b.class_name else "across classes"
        named.append(NearDuplicate(a.entry.name, b.entry.name, float(distance), kind))
    return tuple(sorted(named, key=lambda pair: (pair.distance, pair.a, pair.b)))


def near_pairs(
    pixels: Pixels, *, on_progress: Progress | None = None
) -> tuple[Int[np.ndarray, "P 2"], Float[np.ndarray, " P"]]:
    """All pairs of rows that are nearly identical images, and their distances, as `find_near_duplicates` has them.

    Args:
        pixels: uint8 [N, S, S, 3].
        on_progress: called with (images done, images in all).
    """
    small = shrink(pixels)
    cells = _normalize(_cells(small, (0.0, 0.0, 1.0)))
    mirrored = _normalize(_cells(small[:, :, ::-1], (0.0, 0.0, 1.0)))
    on_progress, count = on_progress or _ignore, len(small)
    pairs = _candidates(small, lambda done: on_progress(done // 2, count))
    near = _correlate(pairs, cells, mirrored, cells)
    unsettled = np.flatnonzero(near < 1.0 - NEAR / 10)
    near[unsettled] = np.maximum(
        near[unsettled],
        _search(small, pairs[unsettled], cells, mirrored, lambda done: on_progress((count + done) // 2, count)),
    )
    is_near = near >= 1.0 - NEAR
    return pairs[is_near], np.maximum(0.0, 1.0 - near[is_near].astype(np.float64)).round(5)


def group_near_duplicates(pairs: tuple[NearDuplicate, ...]) -> tuple[tuple[str, ...], ...]:
    """Groups of files that hang together by pairs, the largest first.

    >>> group_near_duplicates((NearDuplicate("a", "b", 0.0, ""), NearDuplicate("c", "b", 0.01, "")))
    (('a', 'b', 'c'),)
    """
    leader: dict[str, str] = {}

    def lead(name: str) -> str:
        while leader.setdefault(name, name) != name:
            leader[name] = leader[leader[name]]
            name = leader[name]
        return name

    for pair in pairs:
        leader[lead(pair.a)] = lead(pair.b)
    groups: dict[str, list[str]] = {}
    for name in sorted(leader):
        groups.setdefault(lead(name), []).append(name)
    return tuple(sorted((tuple(group) for group in groups.values()), key=lambda group: (-len(group), group)))


def _ignore(_done: int, _total: int) -> None:
    """Show no progress."""


def _chunks(count: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


def shrink(pixels: Pixels) -> Float[np.ndarray, "N S S 3"]:
    """Images of BASE px, by areas; in half precision, to be small."""
    side = pixels.shape[1]
    matrix = _averaging(0.0, 1.0, BASE, side)
    small = np.empty((len(pixels), BASE, BASE, 3), np.float16)
    for part in _chunks(len(pixels), CHUNK):
        small[part] = _resample(pixels[part].astype(np.float32), matrix, matrix)
    return small


def _averaging(start: float, end: float, num_cells: int, side: int) -> Float[np.ndarray, "M S"]:
    """What averages the pixels of each of equal cells between two places of a line, as fractions of its length."""
    edges = np.linspace(start * side, end * side, num_cells + 1)
    places = np.arange(side)
    overlap = np.minimum(edges[1:, None], places + 1) - np.maximum(edges[:-1, None], places)
    weights = np.clip(overlap, 0.0, None)
    return np.asarray(weights / weights.sum(1, keepdims=True), np.float32)


def _resample(
    images: Float[np.ndarray, "N S S 3"], rows: Float[np.ndarray, "M S"], columns: Float[np.ndarray, "M S"]
) -> Float[np.ndarray, "N M M 3"]:
    return np.asarray(np.einsum("ij,njkc,lk->nilc", rows, images, columns, optimize=True), np.float32)


def _cells(small: Float[np.ndarray, "N S S 3"], window: Window, num_cells: int = GRID) -> np.ndarray:
    """The cells of a window (top, left, side), [N, M, M, 3]."""
    top, left, side = window
    rows, columns = (_averaging(start, start + side, num_cells, BASE) for start in (top, left))
    parts = [_resample(small[part].astype(np.float32), rows, columns) for part in _chunks(len(small), 4 * CHUNK)]
    return np.concatenate(parts) if parts else np.empty((0, num_cells, num_cells, 3), np.float32)


def _normalize(cells: np.ndarray) -> Float[np.ndarray, "N D"]:
    """Vectors without mean and of length 1, of plain images shorter."""
    flat = cells.reshape(len(cells), -1)
    flat = flat - flat.mean(1, keepdims=True)
    contrast = cells.std((1, 2)).max(1)[:, None]
    scale = np.minimum(contrast / LEAST_CONTRAST, 1.0) / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-3)
    return np.asarray(flat * scale, np.float32)


def _candidates(small: Float[np.ndarray, "N S S 3"], on_done: Callable[[int], None]) -> Int[np.ndarray, "P 2"]:
    """Pairs worth comparing: rows of the smaller number first, in order.

    Args:
        on_done: called with the images done, on average over the ways of looking.
    """
    whole, middle = (0.0, 0.0, 1.0), ((1 - ZOOM) / 2, (1 - ZOOM) / 2, ZOOM)
    coarse = _normalize(_cells(small, whole, COARSE))
    looks = (
        coarse,
        _normalize(_cells(small[:, :, ::-1], whole, COARSE)),
        _normalize(_cells(small, middle, COARSE)),
    )
    count, keys = len(small), []
    num_near = min(NUM_CANDIDATES, count - 1)
    for number, look in enumerate(looks):
        for part in _chunks(count, 4 * CHUNK):
            near = look[part] @ coarse.T
            rows = np.arange(part.start, part.stop)
            near[np.arange(len(rows)), rows] = -1.0
            values, best = (each.numpy() for each in torch.from_numpy(near).topk(num_near, dim=1, sorted=False))
            kept = values >= SMALLEST_CORRELATION
            own = np.broadcast_to(rows[:, None], best.shape)[kept]
            keys.append(np.minimum(own, best[kept]) * count + np.maximum(own, best[kept]))
            on_done((number * count + part.stop) // len(looks))
    unique = np.unique(np.concatenate(keys)) if keys else np.empty(0, np.int64)
    return np.stack([unique // max(count, 1), unique % max(count, 1)], 1)


def _correlate(
    pairs: Int[np.ndarray, "P 2"],
    first: Float[np.ndarray, "N D"],
    mirrored: Float[np.ndarray, "N D"],
    second: Float[np.ndarray, "N D"],
) -> Float[np.ndarray, " P"]:
    """The correlation of each pair, mirrored or not, whichever is larger."""
    values = np.empty(len(pairs), np.float32)
    for part in _chunks(len(pairs), 16 * CHUNK):
        a, b = pairs[part].T
        plain = np.einsum("nd,nd->n", first[a], second[b])
        values[part] = np.maximum(plain, np.einsum("nd,nd->n", first[a], mirrored[b]))
    return values


def _windows() -> list[Window]:
    return [
        ((1 - side) * down / 2, (1 - side) * across / 2, side)
        for side in SIDES
        for down in range(3)
        for across in range(3)
    ]


def _search(
    small: Float[np.ndarray, "N S S 3"],
    pairs: Int[np.ndarray, "P 2"],
    cells: Float[np.ndarray, "N D"],
    mirrored: Float[np.ndarray, "N D"],
    on_done: Callable[[int], None],
) -> Float[np.ndarray, " P"]:
    """The largest correlation of a window of either image with the whole of the other, mirrored or not."""
    best = np.full(len(pairs), -1.0, np.float32)
    directions = [(pairs[:, side], pairs[:, 1 - side]) for side in (0, 1)]
    orders = [np.argsort(cut, kind="stable") for cut, _ in directions]
    for part in _chunks(len(small), CHUNK):
        chosen = [
            order[slice(*np.searchsorted(cut[order], [part.start, part.stop]))]
            for (cut, _), order in zip(directions, orders, strict=True)
        ]
        rows = np.unique(np.concatenate([cut[places] for (cut, _), places in zip(directions, chosen, strict=True)]))
        images = small[rows].astype(np.float32)
        for window in _windows() if len(rows) else []:
            views = _normalize(_cells(images, window))
            for (cut, whole), places in zip(directions, chosen, strict=True):
                seen = np.stack([np.searchsorted(rows, cut[places]), whole[places]], 1)
                best[places] = np.maximum(best[places], _correlate(seen, views, mirrored, cells))
        on_done(part.stop)
    return best
