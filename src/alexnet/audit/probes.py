"""What a probe may see of an image instead of the object: its border, its colors, its size, its file."""

import math

import numpy as np
from jaxtyping import Float

from alexnet.data.cache import DecodedImages
from alexnet.data.decode import Pixels

__all__ = ["PROBES", "probe_values"]

PROBES = {
    "border": "the outer eighth of the image",
    "center": "the middle half of the image",
    "color": "its color histogram",
    "brightness": "its brightness and contrast",
    "size": "its width and height",
    "file size": "the length of its file",
    "format": "its file format",
}
"""What each probe sees, in words."""

CELLS = 16
"""Cells a side into which an image is averaged; the outer eighth is two of them."""

RIM = 2
LEVELS = 4
"""Levels of red, green and blue in the histogram."""

CHUNK = 512


def probe_values(images: DecodedImages) -> dict[str, Float[np.ndarray, "N D"]]:
    """What each probe sees of every image: one row of numbers for each.

    Pixels are those of the square that networks get, so that its shape says nothing about the image's size.
    """
    parts: dict[str, list[np.ndarray]] = {name: [] for name in ("border", "center", "color", "brightness")}
    for start in range(0, len(images.files), CHUNK):
        for name, part in _pixel_values(images.pixels[start : start + CHUNK]).items():
            parts[name].append(part)
    values = {name: np.concatenate(each) for name, each in parts.items()}
    facts, files = images.facts, images.files
    sides = np.array([[fact.width, fact.height] for fact in facts], np.float64)
    logs = np.log(np.maximum(sides, 1))
    shape = logs[:, :1] - logs[:, 1:]
    num_bytes = np.array([[math.log(max(file.entry.num_bytes, 1))] for file in files])
    kinds = [f"{fact.format} {fact.mode}" for fact in facts]
    known = sorted(set(kinds))
    values["size"] = np.concatenate([logs, shape, logs**2, shape**2], 1)
    values["file size"] = np.concatenate([num_bytes, num_bytes**2], 1)
    values["format"] = np.array([[float(kind == name) for name in known] for kind in kinds])
    return values


def _pixel_values(pixels: Pixels) -> dict[str, Float[np.ndarray, "M D"]]:
    count, side = len(pixels), pixels.shape[1] // CELLS * CELLS
    whole = np.asarray(pixels[:, :side, :side], np.float32) / 255
    step = side // CELLS
    blocks = whole.reshape(count, CELLS, step, CELLS, step, 3)
    cells = blocks.mean((2, 4))
    is_rim = np.ones((CELLS, CELLS), bool)
    is_rim[RIM:-RIM, RIM:-RIM] = False
    quarter = CELLS // 4
    bins = np.minimum((whole * LEVELS).astype(np.int64), LEVELS - 1) @ np.array([LEVELS**2, LEVELS, 1])
    histogram = np.stack([np.bincount(image.ravel(), minlength=LEVELS**3) for image in bins]) / side**2
    gray = whole.mean(3)
    mean, std = gray.mean((1, 2)), gray.std((1, 2))
    levels = np.quantile(gray.reshape(count, -1)[:, ::7], [0.05, 0.5, 0.95], axis=1).T
    return {
        "border": cells[:, is_rim].reshape(count, -1),
        "center": cells[:, quarter:-quarter, quarter:-quarter].reshape(count, -1),
        "color": np.sqrt(histogram),
        "brightness": np.concatenate([np.stack([mean, std, mean**2], 1), levels], 1),
    }
