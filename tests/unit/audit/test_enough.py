"""Enough images: nested parts, one test set, a curve that recovers a known law, and work that is kept."""

import csv
import itertools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alexnet.audit import enough as module
from alexnet.audit.enough import enough, fit_curve, plan_enough
from alexnet.errors import DataError
from alexnet.training.plan import Counts
from tests.conftest import draw_stripes, small_recipe

Command = Callable[..., tuple[int, str, str]]


def test_curve_equals_a_line_through_the_logarithms() -> None:
    counts, errors = np.array([50.0, 100, 200, 400]), np.array([0.31, 0.24, 0.15, 0.12])
    slope, start = np.polyfit(np.log(counts), np.log(errors), 1)
    a, b = fit_curve(counts, errors, np.ones(4))
    assert (a, b) == pytest.approx((np.exp(start), -slope))
    assert fit_curve(counts, errors[::-1], np.ones(4))[1] == 0.0  # more images never harm


def test_law_of_a_simulated_learner_is_within_the_interval() -> None:
    """Mistakes drawn from error = 2 n^-0.5 on 500 test images: what twice as many images give is predicted."""
    rng, inside = np.random.default_rng(0), 0
    counts = np.array([100, 200, 400, 800])
    for _ in range(20):
        wrong = rng.binomial(500, 2.0 * counts**-0.5)
        curve = module._curve("a", counts, wrong, 500)
        inside += curve.interval[0] <= 2.0 * 1600**-0.5 <= curve.interval[1]
    assert inside >= 17


def test_a_class_without_mistakes_gains_nothing() -> None:
    curve = module._curve("ball", np.array([10, 20, 40, 80]), np.zeros(4), 100)
    assert curve.gain == pytest.approx(0.0, abs=0.01)
    assert "ball: 80 more images would" in str(curve)


@pytest.mark.slow
def test_parts_are_nested_and_tested_on_the_same_images(image_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts: list[tuple[set[str], set[str]]] = []
    original = module.train_or_resume

    def watch(folder: object, *rest: object, **options: object) -> object:
        sides = [
            {file.entry.name for file in folder.files if file.split == side}  # type: ignore[attr-defined]
            for side in ("train", "test")
        ]
        parts.append((sides[0], sides[1]))
        return original(folder, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "train_or_resume", watch)
    result = enough(image_folder, recipe=small_recipe(epochs=3))
    assert [len(train) for train, _ in parts] == [9, 18, 36, 72]
    assert all(small < large for (small, _), (large, _) in itertools.pairwise(parts))
    assert len({frozenset(test) for _, test in parts}) == 1
    assert [score.num_images for score in result.sizes] == [9, 18, 36, 72]
    assert [curve.name for curve in result.classes] == ["across", "down", "rings"]
    assert enough(image_folder, recipe=small_recipe(epochs=3)) == result
    assert len(parts) == 4  # nothing was trained twice
    json.dumps(result.to_dict())


def test_few_images_are_refused_by_words(tmp_path: Path) -> None:
    for place in range(20):
        path = tmp_path / "ab"[place % 2] / f"{place}.png"
        path.parent.mkdir(exist_ok=True)
        draw_stripes(place % 2, place).save(path)
    with pytest.raises(DataError, match="an eighth of them is too few to train on; add images, at least 16 of each"):
        enough(tmp_path, recipe=small_recipe())


@pytest.mark.slow
def test_command_says_it_in_sentences(image_folder: Path, run_command: Command, tmp_path: Path) -> None:
    settings = ("variant=narrow", "size=67", "start_size=none", "batch_size=8", "epochs=1")
    words = [word for setting in settings for word in ("--set", setting)]
    files = ("--csv", tmp_path / "enough.csv", "-o", tmp_path / "enough.png")
    code, out, err = run_command("enough", image_folder, *words, *files, "--json")
    assert code == 0, err
    values = json.loads(out)
    assert len(values["sizes"]) == 4
    assert values["sentences"][0].startswith("all classes: 72 more images would")
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
    code, out, _ = run_command("enough", image_folder, "--plan", "--set", "epochs=4", "--json")
    assert (code, json.loads(out)["seconds"]) == (0, pytest.approx(19.75))
    code, _, err = run_command("enough", image_folder, "--plan", "--preset", "nothing")
    assert code == 2 and "preset nothing: no such preset; choose one of fast" in err
