"""Near duplicates: planted ones are paired with their originals, other images are not."""

import csv
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
from alexnet.data.split import split_images
from alexnet.errors import DataError
from alexnet.presets import PRESETS
from alexnet.runs.own_images import decode_own_images, own_split
from alexnet.training.train import train
from tests.conftest import small_recipe

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


COPIES = [("test", f"copy-{name}") for name in CHANGES]


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


def test_report_and_command_name_the_pairs(planted: Path, run_command: Command, tmp_path: Path) -> None:
    report = check_folder(planted)
    assert report.near_duplicates == _pairs(planted)
    assert check_folder(planted, near_duplicates=False).near_duplicates == ()
    code, out, _ = run_command("data", "check", planted, "--json")
    values = json.loads(out)["near_duplicates"]
    assert (code, set(values[0])) == (0, {"a", "b", "distance", "kind"})
    code, out, _ = run_command("data", "check", planted, "--csv", tmp_path / "problems.csv")
    with (tmp_path / "problems.csv").open(encoding="utf-8") as file:
        pairs = [row for row in csv.DictReader(file) if row["problem"].startswith("nearly identical ")]
    assert [(row["file"], row["other_file"]) for row in pairs] == [
        (pair.a, pair.b) for pair in report.near_duplicates
    ]
    assert "nearly identical across the split: " in out and "~ train/" in out


@pytest.fixture
def unsplit(planted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same images without a split of their own."""
    folder = tmp_path_factory.mktemp("unsplit")
    for path in planted.rglob("*.png"):
        (folder / path.parent.name).mkdir(exist_ok=True)
        path.rename(folder / path.parent.name / f"{path.parent.parent.name}-{path.name}")
    return folder


def test_split_keeps_near_duplicates_on_one_side(unsplit: Path) -> None:
    images = decode_folder(scan_folder(unsplit), plain_preprocessing(PRESETS["fast"]))

    def num_divided(grouped: bool) -> int:
        count = 0
        for seed in range(3):
            split = split_images(
                images, test_fraction=0.3, validation_fraction=0.3, seed=seed, group_near_duplicates=grouped
            )
            sides = (split.train, split.validation, split.test)
            for name, original in (("a", "00"), ("b", "01")):
                of_scene = {f"{name}/{side}-{file}.png" for side, file in (("train", original), *COPIES)}
                on_side = [{images.files[row].entry.name for row in side.indices} & of_scene for side in sides]
                assert sum(map(len, on_side)) == len(of_scene) == 7
                count += sum(map(bool, on_side)) > 1
        return count

    assert num_divided(grouped=False) > 0
    assert num_divided(grouped=True) == 0
    assert num_divided(grouped=True) == 0, "from the cache"
    (kept,) = images.pixels_path.parent.glob("near-*.json")
    kept.write_text(kept.read_text().replace(images.facts[0].digest[:3], "zzz"))
    assert num_divided(grouped=True) == 0, "damaged, found anew"


@pytest.mark.slow
def test_training_and_its_second_evaluation_split_alike(unsplit: Path, tmp_path: Path) -> None:
    recipe = small_recipe(epochs=1, group_near_duplicates=True, test_fraction=0.3, seed=1)
    run = train(unsplit, recipe, out=tmp_path / "run")
    tested = {each.file for each in run.predictions}
    for name, original in (("a", "00"), ("b", "01")):
        of_scene = {f"{name}/{side}-{file}.png" for side, file in (("train", original), *COPIES)}
        assert tested & of_scene in (set(), of_scene)
    images = decode_own_images(run)
    split = own_split(run, images)
    assert {images.files[row].entry.name for row in split.test.indices} == tested


def test_figure_shows_pairs_of_each_kind_with_class_distance_and_kind(
    tmp_path: Path, run_command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("train/a/1", "train/a/2", "test/a/3", "train/b/4", "test/b/5")):
        for place in (name, {1: "test/a/2b", 3: "train/a/4b"}.get(seed, name)):
            path = tmp_path / "images" / f"{place}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            _scene(seed).save(path)
    code, out, _ = run_command("data", "check", "images", "-o", "pairs.png")
    assert code == 0 and "written: pairs.png" in out
    with Image.open("pairs.png") as image:
        assert image.width > 400
    report = check_folder("images")
    figure = report.draw()
    drawn = [axes for axes in figure.axes if axes.images]
    titles = [axes.get_title() for axes in drawn]
    assert titles == ["a  0.000", "b  across classes", "a  0.000", "across the split"]
    assert [axes.get_xlabel() for axes in drawn[:2]] == ["train/a\n4b.png", "train/b\n4.png"]
    assert report.images is not None
    row = list(report.images.names).index("train/b/4.png")
    np.testing.assert_array_equal(drawn[1].images[0].get_array(), report.images.pixels[row])
    assert "images" not in report.to_dict()


def test_figure_without_pairs_is_refused(tmp_path: Path, run_command: Command, image_folder: Path) -> None:
    with pytest.raises(DataError, match="no images are nearly identical, so there is nothing to draw"):
        check_folder(image_folder, near_duplicates=False).draw()
    code, out, err = run_command("data", "check", image_folder, "--out", tmp_path / "pairs.png", "--json")
    assert (code, json.loads(out)["near_duplicates"]) == (0, []), "the rest of the check is not lost"
    assert "pairs.png is not written: no images are nearly identical" in err and not (tmp_path / "pairs.png").exists()
    code, _, err = run_command("data", "check", image_folder, "--no-near", "--out", tmp_path / "pairs.png")
    assert (code, err) == (2, "alexnet: data check: --out draws near duplicates; leave out --no-near\n")
