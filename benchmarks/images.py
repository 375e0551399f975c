"""Images for both sides of a comparison: the same files, chosen by name."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from alexnet.data.folder import ImageFile, scan_folder

__all__ = ["SIZE", "draw_photographs", "draw_small", "subset"]

SIZE = 96
"""Side in px of the seminar network's images."""


def subset(data: Path, into: Path, *, num_train: int, num_test: int) -> Path:
    """Make a folder of links to `num_train` and `num_test` images of `data`, equally many of each class, by name.

    If `data` has no split, every tenth image of a class is a test image.
    """
    by_side: dict[tuple[str, str], list[ImageFile]] = {}
    scanned = scan_folder(data)
    seen: dict[str, int] = {}
    for file in scanned.files:
        side = file.split
        if side is None:
            seen[file.class_name] = seen.get(file.class_name, 0) + 1
            side = "test" if seen[file.class_name] % 10 == 0 else "train"
        by_side.setdefault(("train" if side == "train" else "test", file.class_name), []).append(file)
    wanted = {"train": num_train, "test": num_test}
    for (side, name), files in by_side.items():
        (into / side / name).mkdir(parents=True, exist_ok=True)
        for place, file in enumerate(files[: max(1, wanted[side] // len(scanned.classes))]):
            source = (data / file.entry.name).resolve()
            (into / side / name / f"{place:06d}{source.suffix}").symlink_to(source)
    return into


def draw_small(into: Path, count: int, *, size: int = 64, seed: int = 0) -> Path:
    """Draw `count` different JPEG files of noise and a stripe in two classes; four fifths are training images."""
    generator = np.random.default_rng(seed)
    for place in range(count):
        side, kind = ("test" if place % 5 == 4 else "train"), place % 2
        folder = into / side / ("across", "down")[kind] / f"{place // 10_000:03d}"
        if place % 10_000 < 10:
            folder.mkdir(parents=True, exist_ok=True)
        coarse = generator.integers(0, 256, (size // 8, size // 8, 3), dtype=np.uint8)
        pixels = coarse.repeat(8, 0).repeat(8, 1)
        pixels[(slice(24, 32), slice(None)) if kind == 0 else (slice(None), slice(24, 32))] = 255
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, format="JPEG", quality=85)
        (folder / f"{place:06d}.jpg").write_bytes(buffer.getvalue())
    return into


def draw_photographs(into: Path, count: int, width: int, height: int, *, seed: int = 0) -> Path:
    """Draw `count` JPEG files of soft noise in two classes, about as many bytes as photographs of that size."""
    generator = np.random.default_rng(seed)
    for place in range(count):
        folder = into / ("one", "other")[place % 2]
        folder.mkdir(parents=True, exist_ok=True)
        coarse = generator.integers(0, 256, (height // 20, width // 20, 3), dtype=np.uint8)
        soft = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        soft.save(folder / f"{place:06d}.jpg", quality=88)
    return into
