"""Near duplicates: planted ones are paired with their originals, other images are not."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from alexnet.data.cache import decode_folder
from alexnet.data.check import check_folder
from alexnet.data.decode import plain_preprocessing
from alexnet.data.folder import scan_folder
from alexnet.data.near_duplicates import NearDuplicate, find_near_duplicates, group_near_duplicates
from alexnet.presets import PRESETS

Command = Callable[..., tuple[int, str, str]]


def _scene(seed: int) -> Image.Image:
    """Colored rectangles, unlike those of any other seed."""
    rng = np.random.default_rng(seed)
    pixels = np.full((120, 150, 3), rng.integers(0, 256, 3), np.uint8)
    for _ in range(12):
        top, left = rng.integers(0, 90), rng.integers(0, 110)
        pixels[top : top + rng.integers(10, 50), left : left + rng.integers(10, 60)] = rng.integers(0, 256, 3)
    return Image.fromarray(pixels)


def _jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "crop": lambda image: image.crop((15, 2, 149, 109)),  # 80 % of the area, off the middle
    "flip": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "jpeg": lambda image: _jpeg(image, 30),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.2),
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.8),
    "same": lambda image: image,
}


def _pairs(folder: Path) -> tuple[NearDuplicate, ...]:
    return find_near_duplicates(decode_folder(scan_folder(folder), plain_preprocessing(PRESETS["fast"])))


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """Sixty scenes in two classes and two splits; of the first of each class, every change in the test images."""
    for place in range(60):
        path = tmp_path / ("test" if place % 10 > 7 else "train") / "ab"[place % 2] / f"{place:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        _scene(place).save(path)
    for place in range(2):
        for name, change in CHANGES.items():
            change(_scene(place)).save(tmp_path / "test" / "ab"[place] / f"copy-{name}.png")
    return tmp_path


def test_every_change_is_paired_with_its_original_and_nothing_else(planted: Path) -> None:
    pairs = _pairs(planted)
    for class_name, original in (("a", "train/a/00.png"), ("b", "train/b/01.png")):
        near = {pair.a if pair.b == original else pair.b for pair in pairs if original in (pair.a, pair.b)}
        assert near == {f"test/{class_name}/copy-{name}.png" for name in CHANGES}
    originals = {f"copy-{name}" for name in CHANGES} | {"00", "01"}
    assert {Path(name).stem for pair in pairs for name in (pair.a, pair.b)} == originals
    assert len(group_near_duplicates(pairs)) == 2


def test_kinds_and_distances(planted: Path) -> None:
    _scene(5).save(planted / "train" / "a" / "other.png")  # scene 5 is of class b
    _scene(6).save(planted / "train" / "a" / "same.png")
    kinds = {(pair.a, pair.b): pair for pair in _pairs(planted)}
    assert kinds["train/a/other.png", "train/b/05.png"].kind == "across classes"
    assert kinds["train/a/06.png", "train/a/same.png"].kind == "within class"
    across = kinds["test/a/copy-same.png", "train/a/00.png"]
    assert (across.kind, across.distance) == ("across the split", 0.0)
    assert [pair.distance for pair in _pairs(planted)] == sorted(pair.distance for pair in _pairs(planted))


def test_plain_images_resemble_nothing(tmp_path: Path) -> None:
    for place in range(6):
        folder = tmp_path / "ab"[place % 2]
        folder.mkdir(exist_ok=True)
        Image.new("RGB", (80, 80), (place * 40, 90, 90)).save(folder / f"{place}.png")
    assert _pairs(tmp_path) == ()


def test_two_images_are_enough_and_one_is_compared_with_nothing(tmp_path: Path) -> None:
    for class_name in "ab":
        (tmp_path / class_name).mkdir()
        _scene(1).save(tmp_path / class_name / "1.png")
    (pair,) = _pairs(tmp_path)
    assert pair.kind == "across classes"
    (tmp_path / "b" / "1.png").write_bytes(b"no image")
    assert _pairs(tmp_path) == ()


def test_report_and_command_name_the_pairs(planted: Path, run_command: Command) -> None:
    report = check_folder(planted)
    assert report.near_duplicates == _pairs(planted)
    assert check_folder(planted, near_duplicates=False).near_duplicates == ()
    code, out, _ = run_command("data", "check", planted, "--json")
    values = json.loads(out)["near_duplicates"]
    assert (code, set(values[0])) == (0, {"a", "b", "distance", "kind"})
    code, out, _ = run_command("data", "check", planted)
    assert "nearly identical across the split: " in out and "~ train/" in out
