"""Shortcuts: what was planted is named, and nothing is where nothing was."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alexnet.audit.grade import grade
from alexnet.audit.probes import probe_values
from alexnet.audit.shortcuts import Shortcuts, shortcuts
from alexnet.audit.spoil import spoil_folder
from alexnet.data.cache import decode_folder
from alexnet.data.decode import plain_preprocessing
from alexnet.data.folder import scan_folder
from alexnet.presets import PRESETS

Command = Callable[..., tuple[int, str, str]]


def _noise(rng: np.random.Generator, size: tuple[int, int] = (64, 64)) -> Image.Image:
    """Patches of random colors, of random brightness."""
    cells = rng.integers(0, 256, (8, 8, 3)) * rng.uniform(0.5, 1.0)
    return Image.fromarray(cells.astype(np.uint8)).resize(size, Image.Resampling.NEAREST)


def _write(root: Path, change: Callable[[str, Image.Image], Image.Image], count: int = 60) -> Path:
    rng = np.random.default_rng(0)
    for split, number in (("train", count), ("test", count // 2)):
        for class_name in "abc":
            folder = root / split / class_name
            folder.mkdir(parents=True)
            for place in range(number):
                change(class_name, _noise(rng)).save(folder / f"{place}.png")
    return root


def _named(result: Shortcuts) -> set[tuple[str, str | None]]:
    return {(alarm.probe, alarm.class_name) for alarm in result.alarms}


@pytest.mark.slow
def test_nothing_planted_raises_no_alarm(tmp_path: Path) -> None:
    result = shortcuts(_write(tmp_path, lambda _, image: image))
    assert result.alarms == ()
    for score in result.probes:
        assert score.interval[0] < 0.45
        assert score.chance == pytest.approx(1 / 3)


@pytest.mark.slow
def test_colored_border_names_the_border_and_its_class(tmp_path: Path) -> None:
    def frame(class_name: str, image: Image.Image) -> Image.Image:
        if class_name == "b":
            image.paste((250, 0, 250), (0, 0, 64, 6))
        return image

    result = shortcuts(_write(tmp_path, frame))
    assert ("border", "b") in _named(result)
    assert {name for _, name in _named(result)} == {"b"}


@pytest.mark.slow
def test_frames_of_films_do_not_recognize_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten films a class, each six nearly identical frames: a frame is judged by probes that know none of its film."""

    def film(seed: int) -> list[Image.Image]:
        image = np.asarray(_noise(np.random.default_rng(seed)), np.float64)
        return [Image.fromarray((image * (1 - 0.02 * frame)).astype(np.uint8)) for frame in range(6)]

    for split, num_films in (("train", 10), ("test", 4)):
        for kind, class_name in enumerate("abc"):
            folder = tmp_path / "images" / split / class_name
            folder.mkdir(parents=True)
            for number in range(num_films):
                for frame, image in enumerate(film(1000 * (split == "test") + 100 * kind + number)):
                    image.save(folder / f"{number}-{frame}.png")
    result = shortcuts(tmp_path / "images")
    score = next(score for score in result.probes if score.probe == "color")
    assert score.accuracy < 0.6, "there is nothing to learn but the films themselves"


@pytest.mark.slow
def test_size_is_named_for_all_classes(tmp_path: Path) -> None:
    result = shortcuts(_write(tmp_path, lambda name, image: image.resize((64 + 20 * "abc".index(name), 64))))
    assert ("size", None) in _named(result)
    assert "the network may be reading the size" in next(a.sentence for a in result.alarms if a.class_name is None)


@pytest.mark.slow
def test_format_and_file_size(tmp_path: Path) -> None:
    _write(tmp_path, lambda _, image: image)
    for path in list(tmp_path.rglob("c/*.png")):
        Image.open(path).convert("RGB").save(path.with_suffix(".jpg"), quality=95)
        path.unlink()
    assert {("format", "c"), ("file size", "c")} <= _named(shortcuts(tmp_path))


@pytest.mark.slow
def test_planted_corner_and_dark_class_are_graded_as_named(tmp_path: Path) -> None:
    _write(tmp_path / "in", lambda _, image: image)
    spoil_folder(tmp_path / "in", tmp_path / "out", corner="a", dark="b")
    result = shortcuts(tmp_path / "out")
    (tmp_path / "list.json").write_text(json.dumps(result.to_dict()), encoding="utf-8")
    score = grade(tmp_path / "out", tmp_path / "list.json")
    assert (score.corner_named, score.dark_named) == (True, True)


def test_border_probe_sees_no_pixel_of_the_middle_and_the_center_none_of_the_border(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    image = _noise(rng, (96, 96))
    middle, rim = image.copy(), image.copy()
    middle.paste((0, 255, 0), (12, 12, 84, 84))
    rim.paste((0, 255, 0), (0, 0, 96, 12))
    for name, each in (("a/1", image), ("a/2", middle), ("b/3", rim)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        each.save(tmp_path / f"{name}.png")
    values = probe_values(decode_folder(scan_folder(tmp_path), plain_preprocessing(PRESETS["fast"])))
    assert np.array_equal(values["border"][0], values["border"][1])
    assert np.array_equal(values["center"][0], values["center"][2])
    assert not np.array_equal(values["border"][0], values["border"][2])


@pytest.mark.slow
def test_command_prints_alarms_and_json(tmp_path: Path, run_command: Command) -> None:
    _write(tmp_path, lambda name, image: image.resize((64 + 20 * "abc".index(name), 64)))
    code, out, _ = run_command("shortcuts", tmp_path)
    assert code == 0
    assert "alarm: " in out and "its width and height" in out
    values = json.loads(run_command("shortcuts", tmp_path, "--json")[1])
    assert set(values["alarms"][0]) == {"probe", "class", "sentence"}
    assert set(values["probes"][0]) >= {"probe", "accuracy", "interval", "chance", "test_accuracy"}
    out_files = (tmp_path / "probes.csv", tmp_path / "probes.svg")
    assert run_command("shortcuts", tmp_path, "--csv", out_files[0], "-o", out_files[1])[0] == 0
    with out_files[0].open(encoding="utf-8") as file:
        rows = {row["probe"]: row for row in csv.DictReader(file)}
    assert float(rows["size"]["accuracy"]) == next(p for p in values["probes"] if p["probe"] == "size")["accuracy"]
    assert (rows["size"]["alarm"], rows["center"]["alarm"]) == ("True", "False")
    assert out_files[1].stat().st_size > 5000
