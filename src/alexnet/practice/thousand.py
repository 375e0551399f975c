"""A thousand classes drawn by the program in ILSVRC's layout: none of the images is a photograph.

A class is a shape with a texture in a color, ten of each. With them everything that a training on ImageNet needs can
be tried at once: a thousand outputs, top-5 error, ten crops, a thousand class folders. What a network learns from
them holds for drawings only.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from alexnet.errors import DataError
from alexnet.files import shown_name
from alexnet.practice.new_folder import new_folder
from alexnet.progress_callback import Progress

__all__ = [
    "COLORS",
    "NUM_CLASSES",
    "SHAPES",
    "TEXTURES",
    "class_name",
    "class_words",
    "draw_class",
    "draw_thousand_classes",
    "thousand_classes",
]

Array = npt.NDArray[Any]  # float32 throughout
Drawing = Callable[[Array, Array], Array]

NUM_CLASSES = 1000
SPLITS = ("train", "val")
JPEG_QUALITY = 90
BATCH_SIZE = 8
"""Images of a class that are drawn at a time."""

SPREAD = 123
"""Steps through the 1000 combinations from class to class; prime to 1000, so that a few classes differ in all."""

MIN_SIZE, MAX_SIZE = 32, 512
"""Sides in px that can be drawn."""


def _radius(u: Array, v: Array) -> Array:
    distance: Array = np.hypot(u, v)
    return distance


def _box(u: Array, v: Array) -> Array:
    reach: Array = np.maximum(abs(u), abs(v))
    return reach


def _triangle(u: Array, v: Array) -> Array:
    reach: Array = np.maximum(1.73 * abs(u) - (v - 0.2), 2 * (v - 0.2)) * 0.5
    return reach


def _star(u: Array, v: Array) -> Array:
    reach: Array = _radius(u, v) / (0.72 + 0.28 * np.cos(5 * np.arctan2(u, -v)))
    return reach


def _heart(u: Array, v: Array) -> Array:
    reach: Array = np.hypot(u, (v + 0.1) * 1.1 + 0.55 * np.sqrt(abs(u)) - 0.15) * 1.05
    return reach


SHAPES: dict[str, Drawing] = {
    # below 1 inside the shape; u to the right, v downwards, both about -1 ... 1 within its extent
    "disc": lambda u, v: _radius(u, v) / 0.85,
    "square": lambda u, v: _box(u, v) / 0.76,
    "triangle": lambda u, v: _triangle(u, v) / 0.52,
    "ring": lambda u, v: 1 + (abs(_radius(u, v) - 0.66) - 0.26) * 1.5,
    "frame": lambda u, v: 1 + (abs(_box(u, v) - 0.6) - 0.22) * 1.5,
    "cross": lambda u, v: np.maximum(np.minimum(abs(u), abs(v)) / 0.3, _box(u, v) / 0.92),
    "star": lambda u, v: _star(u, v) / 1.05,
    "crescent": lambda u, v: np.maximum(_radius(u, v) / 0.92, 1 + 0.72 - np.hypot(u - 0.5, v)),
    "bar": lambda u, v: np.maximum(abs(u) / 0.98, abs(v) / 0.36),
    "heart": lambda u, v: _heart(u, v) / 0.9,
}
"""Shapes by name: a function of the place, below 1 inside the shape."""


def _wave(x: Array) -> Array:
    return 0.5 + 0.5 * np.sin(x)


TEXTURES: dict[str, Drawing] = {
    # 0 dark to 1 light; u and v in radians of the texture's own wave
    "plain": lambda u, v: np.full(np.broadcast(u, v).shape, 0.8, np.float32),
    "stripes across": lambda u, v: _wave(v) + 0 * u,
    "stripes down": lambda u, v: _wave(u) + 0 * v,
    "stripes aslant": lambda u, v: _wave(0.7 * (u + v)),
    "rings": lambda u, v: _wave(1.2 * _radius(u, v)),
    "checks": lambda u, v: (np.sin(u) * np.sin(v) > 0).astype(np.float32),
    "dots": lambda u, v: (_wave(u) + _wave(v) > 1.45).astype(np.float32),
    "zigzags": lambda u, v: _wave(v + 2.2 * abs((u / 5) % 2 - 1)),
    "rays": lambda u, v: _wave(6 * np.arctan2(v, u)),
    "net": lambda u, v: (np.maximum(np.sin(u), np.sin(v)) > 0.8).astype(np.float32),
}
"""Textures by name: lightness as a function of the place."""

COLORS: dict[str, tuple[int, int, int]] = {
    "red": (214, 40, 40),
    "orange": (240, 130, 20),
    "yellow": (240, 215, 50),
    "green": (50, 165, 60),
    "cyan": (40, 200, 205),
    "blue": (45, 85, 215),
    "violet": (135, 60, 190),
    "pink": (245, 130, 185),
    "brown": (125, 80, 40),
    "white": (235, 235, 235),
}
"""Colors by name, RGB 0-255."""


def _parts(number: int) -> tuple[str, str, str]:
    """Color, texture and shape of a class."""
    place = number * SPREAD % NUM_CLASSES
    return list(COLORS)[place % 10], list(TEXTURES)[place // 10 % 10], list(SHAPES)[place // 100]


def class_name(number: int) -> str:
    """The folder of class `number` (from 0), written as ILSVRC's are.

    >>> class_name(0)
    'n00000001'
    """
    return f"n{number + 1:08d}"


def class_words(number: int) -> str:
    """What class `number` (from 0) shows.

    >>> class_words(0), class_words(1)
    ('red disc, plain', 'green square, stripes down')
    """
    color, texture, shape = _parts(number)
    return f"{color} {shape}, {texture}"


def thousand_classes(num_classes: int = NUM_CLASSES) -> dict[str, str]:
    """The first `num_classes` drawn classes: name of the class folder → description.

    >>> thousand_classes(2)["n00000001"]
    'red disc, plain'
    """
    return {class_name(number): class_words(number) for number in range(num_classes)}


@dataclass(frozen=True)
class _RandomNumbers:
    """Everything random in n images; each field is [n] or [n, 3], noise [n, size, size, 3]."""

    place: Array
    radius: Array
    angle: Array
    wave: Array
    phase: Array
    color: Array
    ground: Array
    slope: Array
    contrast: Array
    noise: Array


def _random_numbers(rngs: list[np.random.Generator], size: int) -> _RandomNumbers:
    """The random numbers of each image, from its own generator."""
    numbers = np.stack([rng.random(18, np.float32) for rng in rngs])
    noise = np.stack([rng.standard_normal((size, size), np.float32) for rng in rngs])
    low_high = numbers * 2 - 1
    return _RandomNumbers(
        place=low_high[:, 0:2] * 0.3,
        radius=0.42 + 0.26 * numbers[:, 2],
        angle=low_high[:, 3] * 0.3,
        wave=8.5 * (1 + 0.2 * low_high[:, 4]),
        phase=low_high[:, 5:7] * np.float32(np.pi),
        color=low_high[:, 7:10] * 22,
        ground=numbers[:, 10:13] * 150 + 30,
        slope=low_high[:, 13:15] * 45,
        contrast=0.45 + 0.3 * numbers[:, 15],
        noise=noise[..., None] * (4 + 12 * numbers[:, 16])[:, None, None, None],
    )


def draw_class(number: int, rngs: list[np.random.Generator], *, size: int = 96) -> npt.NDArray[np.uint8]:
    """Draw images, not photographs, of a class at random places and sizes, in random light.

    Args:
        number: of the class, 0 to 999.
        rngs: one for each image, the source of everything random in it.
        size: side, px.

    Returns:
        RGB images, uint8 [n, size, size, 3].

    Raises:
        DataError: there is no such class, or the size is out of range.

    >>> draw_class(0, [np.random.default_rng(1)], size=64).shape
    (1, 64, 64, 3)
    """
    if not 0 <= number < NUM_CLASSES:
        raise DataError(f"class {number}: there are {NUM_CLASSES} classes; choose 0 to {NUM_CLASSES - 1}")
    _require_size(size)
    color, texture, shape = _parts(number)
    c = _random_numbers(rngs, size)
    across = np.linspace(-1, 1, size, dtype=np.float32)

    def each(values: Array) -> Array:
        return values[:, None, None]

    x, y = across[None, None, :] - each(c.place[:, 0]), across[None, :, None] - each(c.place[:, 1])
    cosine, sine = each(np.cos(c.angle) / c.radius), each(np.sin(c.angle) / c.radius)
    u, v = x * cosine + y * sine, y * cosine - x * sine
    edge = 0.5 * size * each(c.radius)  # px in one unit of u: the rim is about a pixel wide
    inside = np.clip((1 - SHAPES[shape](u, v)) * edge + 0.5, 0, 1)[..., None]
    shift = c.phase * (texture not in ("rings", "rays"))  # those have a middle
    light = TEXTURES[texture](u * each(c.wave) + each(shift[:, 0]), v * each(c.wave) + each(shift[:, 1]))
    shade = 1 - each(c.contrast) * (1 - light)
    paint = (np.array(COLORS[color], np.float32) + c.color)[:, None, None, :] * shade[..., None]
    slope = across[None, None, :] * each(c.slope[:, 0]) + across[None, :, None] * each(c.slope[:, 1])
    ground = _desaturate(c.ground)[:, None, None, :] + slope[..., None]
    paint -= ground  # ground + (paint - ground) * inside + noise, without new memory
    paint *= inside
    paint += ground
    paint += c.noise
    images: npt.NDArray[np.uint8] = np.clip(paint, 0, 255, out=paint).astype(np.uint8)
    return images


def _desaturate(colors: Array) -> Array:
    """Colors [n, 3] moved towards their gray."""
    pale: Array = 0.35 * colors + 0.65 * colors.mean(1, keepdims=True)
    return pale


def _require_size(size: int) -> None:
    if not MIN_SIZE <= size <= MAX_SIZE:
        raise DataError(f"size {size} px: cannot be drawn; choose a size from {MIN_SIZE} to {MAX_SIZE} px")


@dataclass(frozen=True)
class _Batch:
    """Images that are drawn at a time: those of a class with indices first to last."""

    split: str
    number: int
    first: int
    last: int


def _batches(num_classes: int, counts: dict[str, int]) -> Iterator[_Batch]:
    for split, count in counts.items():
        for number in range(num_classes):
            for first in range(1, count + 1, BATCH_SIZE):
                yield _Batch(split, number, first, min(first + BATCH_SIZE - 1, count))


def _write_batch(root: Path, batch: _Batch, seed: int, size: int) -> int:
    """Draw and save a batch; returns the number of images."""
    indices = range(batch.first, batch.last + 1)
    seeds = [(seed, SPLITS.index(batch.split), batch.number, index) for index in indices]
    images = draw_class(batch.number, [np.random.default_rng(numbers) for numbers in seeds], size=size)
    name = class_name(batch.number)
    for index, pixels in zip(indices, images, strict=True):
        Image.fromarray(pixels).save(root / batch.split / name / f"{name}_{index}.JPEG", "JPEG", quality=JPEG_QUALITY)
    return len(images)


def draw_thousand_classes(
    directory: Path | str,
    *,
    num_classes: int = NUM_CLASSES,
    num_train: int = 20,
    num_test: int = 5,
    size: int = 96,
    seed: int = 0,
    on_progress: Progress | None = None,
) -> Path:
    """Draw up to 1000 classes in ILSVRC's layout: directory/train/n00000001/n00000001_1.JPEG, and val likewise.

    An image depends on size, seed, its split, class and index only: a larger set contains the smaller one. The folder
    appears when it is whole.

    Args:
        directory: a new or empty folder.
        num_classes: 2 to 1000.
        num_train: training images of each class, >= 1.
        num_test: images of each class in val, >= 1.
        size: side of the images, px, 32 to 512.
        seed: >= 0; another seed gives other images of the same classes.
        on_progress: called with (images done, images in all).

    Returns:
        The directory.

    Raises:
        DataError: a number out of range, or a folder that is not empty or cannot be written.

    >>> draw_thousand_classes("thousand", num_classes=2, num_train=1, num_test=1, size=32).name
    'thousand'
    """
    directory, counts = Path(directory), dict(zip(SPLITS, (num_train, num_test), strict=True))
    shown = shown_name(directory)
    if not 2 <= num_classes <= NUM_CLASSES:
        raise DataError(f"{shown}: {num_classes} classes cannot be drawn; choose 2 to {NUM_CLASSES}")
    if min(counts.values()) < 1:
        raise DataError(f"{shown}: {num_train} training and {num_test} test images; ask for at least 1 of each")
    if seed < 0:
        raise DataError(f"{shown}: the seed {seed} is negative; choose 0 or more")
    _require_size(size)
    with new_folder(directory) as beside:
        for split in SPLITS:
            for number in range(num_classes):
                (beside / split / class_name(number)).mkdir(parents=True)
        total = num_classes * sum(counts.values())
        _draw_all(beside, _batches(num_classes, counts), seed, size, total, on_progress)
    return directory


def _draw_all(
    root: Path,
    batches: Iterator[_Batch],
    seed: int,
    size: int,
    total: int,
    on_progress: Progress | None,
) -> None:
    """Draw every batch on all cores, in threads: NumPy and Pillow release Python's lock while they work."""
    cores, done = os.cpu_count() or 1, 0
    with ThreadPoolExecutor(cores) as pool:
        while chunk := list(islice(batches, 8 * cores)):
            for count in pool.map(lambda batch: _write_batch(root, batch, seed, size), chunk):
                done += count
                if on_progress is not None:
                    on_progress(done, total)
