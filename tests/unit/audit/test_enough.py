"""Enough images: nested parts, one test set, one class alone, and work that is kept."""

import csv
import itertools
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alexnet.audit import enough as module
from alexnet.audit import part_runs
from alexnet.audit.enough import Enough, enough, plan_enough
from alexnet.audit.learning_curve import SizeScore, measure_curve
from alexnet.errors import DataError
from alexnet.training.events import Note, Overall
from alexnet.training.plan import Counts
from tests.conftest import CLASSES, draw_stripes, small_recipe

Command = Callable[..., tuple[int, str, str]]


@pytest.mark.slow
def test_parts_are_nested_and_tested_on_the_same_images(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALEXNET_CACHE", str(tmp_path / "cache"))
    parts: list[tuple[set[str], set[str]]] = []
    original = part_runs.train_or_resume

    def watch(folder: object, *rest: object, **options: object) -> object:
        sides = [
            {file.entry.name for file in folder.files if file.split == side}  # type: ignore[attr-defined]
            for side in ("train", "test")
        ]
        parts.append((sides[0], sides[1]))
        return original(folder, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(part_runs, "train_or_resume", watch)
    result = enough(image_folder, recipe=small_recipe(epochs=3))
    assert [len(train) for train, _ in parts] == [9, 18, 36, 72]
    assert all(small < large for (small, _), (large, _) in itertools.pairwise(parts))
    assert len({frozenset(test) for _, test in parts}) == 1
    assert [score.num_images for score in result.sizes] == [9, 18, 36, 72]
    assert [curve.name for curve in result.classes] == ["across", "down", "rings"]
    assert enough(image_folder, recipe=small_recipe(epochs=3)) == result
    assert len(parts) == 4  # nothing was trained twice
    json.dumps(result.to_dict())
    for path in (tmp_path / "cache" / "enough").rglob("seed0-0.25.json"):  # as earlier versions wrote it
        path.write_text('{"across": 3, "down": 1, "rings": 0}', encoding="utf-8")
    told: list[object] = []
    assert enough(image_folder, recipe=small_recipe(epochs=3), on_event=told.append) == result
    assert [len(train) for train, _ in parts[4:]] == [18]
    assert sum("only the number of mistakes" in event.text for event in told if isinstance(event, Note)) == 1
    told.clear()
    again = enough(image_folder, recipe=small_recipe(epochs=3), more=10, class_name="down", on_event=told.append)
    overall = [event for event in told if isinstance(event, Overall)]
    assert {(event.part, event.num_parts) for event in overall} == {(5, 5)}
    assert all(event.done >= (9 + 18 + 36 + 72) / (9 + 18 + 36 + 72 + 72) for event in overall)
    assert len(parts) == 6  # the four are read
    train = parts[5][0]
    assert [sum(f"/{name}/" in file for file in train) for name in CLASSES] == [24, 12, 24]
    assert again.half is not None and again.half.num_images == (12, 24)
    assert again.half.errors[1] == again.classes[1].errors[-1]
    assert again.half.gain == pytest.approx(again.half.errors[0] - again.half.errors[1])
    assert again.curve.more is not None and again.curve.more.num_images == 72 + 3 * 10
    assert again.classes[0].more is not None and again.classes[0].more.num_images == 34
    assert again.sentences[-2].startswith("24 instead of 12 images of down alone, measured: its error ")
    assert result.check in result.sentences and result.left_out == ()
    wrong = np.array(result.curve.errors[:3]) * 21 + 0.5  # the same by numpy: a line through the logarithms
    x, y = np.log([9, 18, 36]), np.log(wrong / 22)
    slope = min(0.0, np.polyfit(x, y, 1, w=np.sqrt(wrong))[0])
    at_mean = np.average(y, weights=wrong) - slope * np.average(x, weights=wrong)
    assert result.predicted == pytest.approx(min(1.0, np.exp(at_mean + slope * np.log(72))))
    assert replace(again, half=None, curve=result.curve, classes=result.classes) == result


def test_what_the_curve_cannot_tell_is_refused_before_training(
    image_folder: Path, run_command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(*words: object, **options: object) -> None:
        raise AssertionError("nothing is to be trained")

    monkeypatch.setattr(part_runs, "train_or_resume", train)
    message = "more = 73: the curve is read up to 4 times the 72 training images; ask for 1 to 72 more of every class"
    with pytest.raises(DataError, match=message):
        enough(image_folder, recipe=small_recipe(), more=73)
    with pytest.raises(AssertionError):
        enough(image_folder, recipe=small_recipe(), more=72)
    code, _, err = run_command("enough", image_folder, "--class", "up")
    assert code == 2 and "no class up; choose one of across, down, rings" in err


def test_few_images_are_refused_by_words(tmp_path: Path) -> None:
    for place in range(20):
        path = tmp_path / "ab"[place % 2] / f"{place}.png"
        path.parent.mkdir(exist_ok=True)
        draw_stripes(place % 2, place).save(path)
    words = "the largest class has 8 training images, and an eighth of them is too few to train on; add images"
    for ask in (enough, plan_enough):
        with pytest.raises(DataError, match=words):
            ask(tmp_path, recipe=small_recipe())


def test_plan_refuses_a_class_that_is_not_there(image_folder: Path) -> None:
    with pytest.raises(DataError, match="no class up; choose one of across, down, rings"):
        plan_enough(image_folder, recipe=small_recipe(), class_name="up")


@pytest.mark.slow
def test_a_small_class_is_trained_on_and_named(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(image_folder, tmp_path / "images")
    for place in range(5, 24):
        (tmp_path / "images" / "train" / "down" / f"down_{place:03d}.png").unlink()
    counts: list[int] = []
    original = part_runs.train_or_resume

    def watch(folder: object, *rest: object, **options: object) -> object:
        files = folder.files  # type: ignore[attr-defined]
        counts.append(sum(file.split == "train" and file.class_name == "down" for file in files))
        return original(folder, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(part_runs, "train_or_resume", watch)
    result = enough(tmp_path / "images", recipe=small_recipe(epochs=1))
    assert counts == [2, 2, 3, 5]
    assert [curve.name for curve in result.classes] == ["across", "rings"]
    assert "too few training images for curves of their own: down" in result.sentences
    with pytest.raises(DataError, match="down has too few training images to take half of them away"):
        enough(tmp_path / "images", recipe=small_recipe(epochs=1), class_name="down")


@pytest.mark.parametrize(("predicted", "is_fit"), [(0.293, True), (0.41, False)])
def test_the_curve_is_checked_by_its_own_last_size(predicted: float, is_fit: bool) -> None:
    rng = np.random.default_rng(0)
    curve = measure_curve(None, np.array([1, 2, 4, 8]), rng.random((1, 4, 500)) < 0.3)
    score = SizeScore(1.0, 8, 0.284, (0.245, 0.325), (0.284,))
    result = Enough((score,), curve, (), 500, (0,), (), predicted)
    told = f"half of the images would have predicted {100 * predicted:.1f} %; measured 28.4 %"
    told += " (95 % interval 24.5 to 32.5)"
    no_fit = f"{told}: the errors do not follow the curve, so its predictions mean little"
    assert result.check == (told if is_fit else no_fit)


@pytest.mark.slow
def test_command_says_it_in_sentences(image_folder: Path, run_command: Command, tmp_path: Path) -> None:
    settings = ("variant=narrow", "size=67", "start_size=none", "batch_size=8", "epochs=1")
    words = [word for setting in settings for word in ("--set", setting)]
    files = ("--csv", tmp_path / "enough.csv", "-o", tmp_path / "enough.png")
    code, out, err = run_command("enough", image_folder, *words, *files, "--json")
    assert code == 0, err
    values = json.loads(out)
    assert len(values["sizes"]) == 4
    assert values["sentences"][0].startswith("with twice as many images of every class, the test error would be")
    with (tmp_path / "enough.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["class"] for row in rows] == ["(all)", "across", "down", "rings"]
    assert [int(rows[0][f"images_{place}"]) for place in (1, 2, 3, 4)] == [9, 18, 36, 72]
    assert [float(rows[0][f"error_{place}"]) for place in (1, 2, 3, 4)] == values["curve"]["errors"]
    assert float(rows[0]["gain"]) == values["curve"]["gain"]
    with Image.open(tmp_path / "enough.png") as figure:
        assert figure.width > 600


def test_plan_is_the_time_of_the_parts(
    image_folder: Path, run_command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Planned:
        """A second to decode, and ten to train on 72 images."""

        decode_seconds, training_seconds = 1.0, 11.0
        counts = Counts(93, 3, 72, 0, 21)

    monkeypatch.setattr(module, "plan_training", lambda folder, recipe: Planned())
    fixed = small_recipe(epochs=4)
    assert plan_enough(image_folder, recipe=fixed) == pytest.approx(1 + 10 * (1 + 1 / 2 + 1 / 4 + 1 / 8))
    assert plan_enough(image_folder, recipe=fixed, num_seeds=2) == pytest.approx(1 + 20 * 1.875)
    assert plan_enough(image_folder, recipe=fixed, class_name="down") == pytest.approx(1 + 10 * 2.875)
    code, out, _ = run_command("enough", image_folder, "--plan", "--set", "epochs=4", "--json")
    assert (code, json.loads(out)["seconds"]) == (0, pytest.approx(19.75))
    code, _, err = run_command("enough", image_folder, "--plan", "--preset", "nothing")
    assert code == 2 and "preset nothing: no such preset; choose one of fast" in err
