"""Doubts: planted wrong labels come first, no image is judged by a network that has seen it, and work is kept."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from alexnet.audit import fold_runs
from alexnet.audit.doubts import Doubts, doubts
from alexnet.audit.grade import grade
from alexnet.audit.spoil import Answers, spoil_folder
from alexnet.data.corrections import apply_corrections, correct
from alexnet.errors import DataError, RecipeError
from alexnet.training.events import Overall
from tests.conftest import CLASSES, draw_stripes, small_recipe

Command = Callable[..., tuple[int, str, str]]
RECIPE = small_recipe(epochs=8)


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory: pytest.TempPathFactory, image_folder: Path) -> tuple[Path, Answers]:
    out = tmp_path_factory.mktemp("doubts") / "spoiled"
    return out, spoil_folder(image_folder, out, swap=0.07, seed=2)


@pytest.fixture(scope="module")
def result(spoiled: tuple[Path, Answers], tmp_path_factory: pytest.TempPathFactory) -> Doubts:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALEXNET_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        return doubts(spoiled[0], recipe=RECIPE)


def test_planted_labels_are_found_and_the_true_class_suggested(
    spoiled: tuple[Path, Answers], result: Doubts, tmp_path: Path
) -> None:
    out, answers = spoiled
    assert len(answers.swapped) == 5
    (tmp_path / "list.json").write_text(json.dumps(result.to_dict()), encoding="utf-8")
    assert grade(out, tmp_path / "list.json").labels[4][3] >= 0.8  # among the first tenth
    suggested = {each.file: each.suggested for each in result.doubts}
    true = {each.file: each.true for each in answers.swapped}
    assert np.mean([suggested.get(file) == name for file, name in true.items()]) >= 0.8


def test_list_has_the_documented_keys_and_order(result: Doubts) -> None:
    values = result.to_dict()
    assert list(values) == ["num_images", "estimated_wrong", "interval", "agreement", "doubts"]
    assert {tuple(row) for row in values["doubts"]} == {("file", "label", "suggested", "doubt")}
    scores = [row["doubt"] for row in values["doubts"]]
    assert scores == sorted(scores, reverse=True)
    assert values["num_images"] == 93
    low, high = values["interval"]
    assert 0.0 <= low <= values["estimated_wrong"] <= high <= 1.0
    assert all(row["label"] != row["suggested"] for row in values["doubts"])
    json.dumps(values)


def test_progress_is_that_of_both_trainings(
    spoiled: tuple[Path, Answers], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALEXNET_CACHE", str(tmp_path / "cache"))
    told: list[object] = []
    doubts(spoiled[0], recipe=small_recipe(epochs=1), on_event=told.append)
    overall = [event for event in told if isinstance(event, Overall)]
    done = [event.done for event in overall]
    assert {(event.part, event.num_parts) for event in overall} == {(1, 2), (2, 2)}
    assert done == sorted(done) and 0 < done[0] < 0.5 < done[-1] < 1.0
    assert all(event.seconds_left > 0 for event in overall)


def test_neighbours_are_other_images_with_their_labels(result: Doubts) -> None:
    for each in result.doubts:
        assert len(each.neighbours) == 5
        assert each.file not in {near.file for near in each.neighbours}
        assert all(near.file.split("/")[1] == near.label for near in each.neighbours)


def test_figure_and_csv(result: Doubts, tmp_path: Path) -> None:
    assert len(result.draw(3).axes) == 18
    with result.save_csv(tmp_path / "list.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == [each.file for each in result.doubts]
    assert rows[0]["nearest_label_1"] in CLASSES


def test_networks_are_not_trained_on_what_they_judge(
    spoiled: tuple[Path, Answers], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[set[str], set[str]]] = []
    original = fold_runs.train_or_resume

    def watch(folder: object, *rest: object, **options: object) -> object:
        trained = {file.entry.name for file in folder.files if file.split == "train"}  # type: ignore[attr-defined]
        seen.append((trained, set()))
        return original(folder, *rest, **options)  # type: ignore[arg-type]

    def judge(classifier: object, images: object, rows: object, classes: object) -> object:
        seen[-1][1].update(images.files[row].entry.name for row in rows)  # type: ignore[attr-defined]
        return answer(classifier, images, rows, classes)  # type: ignore[arg-type]

    answer = fold_runs.answer
    monkeypatch.setattr(fold_runs, "train_or_resume", watch)
    monkeypatch.setattr(fold_runs, "answer", judge)
    doubts(spoiled[0], recipe=small_recipe(epochs=1), method="folds")
    assert len(seen) == 4
    assert all(not trained & judged for trained, judged in seen)
    assert sum(len(judged) for _, judged in seen) == 93


def test_an_interrupted_call_continues_and_gives_the_same(
    spoiled: tuple[Path, Answers], result: Doubts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ALEXNET_CACHE", str(tmp_path / "cache"))
    original, calls = fold_runs.train_or_resume, []

    def interrupted(*words: object, **options: object) -> object:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return original(*words, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(fold_runs, "train_or_resume", interrupted)
    with pytest.raises(KeyboardInterrupt):
        doubts(spoiled[0], recipe=RECIPE)
    again = doubts(spoiled[0], recipe=RECIPE)
    assert len(calls) == 3  # the first part is read, the second trained again
    assert again == result
    assert doubts(spoiled[0], recipe=RECIPE) == result
    assert len(calls) == 3


def test_reviewed_images_are_not_listed(spoiled: tuple[Path, Answers], result: Doubts, tmp_path: Path) -> None:
    first = result.doubts[0]
    correct(spoiled[0], [first.file], "fine", path=tmp_path / "c.csv")
    again = doubts(apply_corrections(spoiled[0], tmp_path / "c.csv"), recipe=RECIPE)
    assert first.file not in {each.file for each in again.doubts}
    assert (again.num_reviewed, again.doubts[0]) == (1, result.doubts[1])


def test_few_images_and_wrong_settings_are_refused_by_words(tmp_path: Path) -> None:
    for place in range(6):
        path = tmp_path / ("a" if place else "b") / f"{place}.png"
        path.parent.mkdir(exist_ok=True)
        draw_stripes(0, place).save(path)
    with pytest.raises(DataError, match=r"b \(1\): fewer images than parts \(2\)"):
        doubts(tmp_path, recipe=RECIPE)
    with pytest.raises(RecipeError, match="method = magic: choose one of features, folds"):
        doubts(tmp_path, method="magic")


def test_command_writes_json_csv_and_figure(
    spoiled: tuple[Path, Answers], run_command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alexnet.cli.doubts.LOW_AGREEMENT", 1.1)
    settings = ("variant=narrow", "size=67", "start_size=none", "batch_size=16", "epochs=1")
    words = [word for setting in settings for word in ("--set", setting)]
    code, out, err = run_command(
        "doubts", spoiled[0], *words, "--csv", tmp_path / "d.csv", "--out", tmp_path / "d.png", "--json"
    )
    assert code == 0, err
    assert list(json.loads(out)) == ["num_images", "estimated_wrong", "interval", "agreement", "doubts"]
    assert "warning: the networks agree with only" in err
    assert (tmp_path / "d.csv").is_file() and (tmp_path / "d.png").is_file()
