"""Doubts: planted wrong labels come first, no image is judged by a network that has seen it, and work is kept."""

import csv
import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alexnet.audit import doubts as module
from alexnet.audit import fold_runs
from alexnet.audit.answer_sheet import Answers
from alexnet.audit.doubts import Doubts, doubts, plan_doubts
from alexnet.audit.fold_runs import geometric_mean
from alexnet.audit.grade import grade
from alexnet.audit.label_doubts import doubt_scores, soften
from alexnet.audit.spoil import spoil_folder
from alexnet.data.corrections import apply_corrections, correct
from alexnet.errors import DataError, RecipeError
from alexnet.training.events import Note, Overall, Progress, Stepped
from tests.conftest import CLASSES, draw_stripes, small_recipe

Command = Callable[..., tuple[int, str, str]]
RECIPE = small_recipe(epochs=8)
KEYS = ["num_images", "estimated_wrong", "interval", "agreement", "expected", "doubts"]


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
    assert list(values) == KEYS
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
    assert float(rows[9]["expected_precision"]) == pytest.approx(result.expected[0].precision, abs=1e-4)


def test_expected_number_of_wrong_labels_is_near_the_true_one(spoiled: tuple[Path, Answers], result: Doubts) -> None:
    wrong = {each.file for each in spoiled[1].swapped}
    assert [each.n for each in result.expected] == [10]  # 6 % of 93 are fewer
    first = result.expected[0]
    hits = sum(each.file in wrong for each in result.doubts[:10]) / 10
    assert 0 <= first.low <= first.precision <= first.high <= 1
    assert first.precision == pytest.approx(hits, abs=0.5)  # 93 images tell no more


def test_networks_are_not_trained_on_what_they_judge(
    spoiled: tuple[Path, Answers], monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[set[str]] = []
    judged: list[tuple[str, set[str]]] = []
    train, judge = fold_runs.train_or_resume, fold_runs.judge

    def watch(folder: object, *rest: object, **options: object) -> object:
        trained.append({file.entry.name for file in folder.files if file.split == "train"})  # type: ignore[attr-defined]
        return train(folder, *rest, **options)  # type: ignore[arg-type]

    def record(classifier: object, images: object, rows: object, classes: object, views: str) -> object:
        judged.append((views, {images.files[row].entry.name for row in rows}))  # type: ignore[attr-defined]
        return judge(classifier, images, rows, classes, views)  # type: ignore[arg-type]

    monkeypatch.setattr(fold_runs, "train_or_resume", watch)
    monkeypatch.setattr(fold_runs, "judge", record)
    doubts(spoiled[0], recipe=small_recipe(epochs=1), method="folds")
    held = [names for views, names in judged if views == "mirror"]
    seen = [names for views, names in judged if views == "centre"]
    assert len(trained) == len(held) == len(seen) == 4
    assert all(not own & names for own, names in zip(trained, held, strict=True))
    assert all(names <= own for own, names in zip(trained, seen, strict=True))
    assert sum(map(len, held)) == 93


def test_networks_on_the_way_are_kept_no_longer_than_they_are_needed(
    spoiled: tuple[Path, Answers], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALEXNET_CACHE", str(tmp_path / "cache"))
    kept: list[set[str]] = []

    def look(event: object) -> None:
        if isinstance(event, Stepped):
            kept.append({path.stem for path in tmp_path.rglob("epoch-*.safetensors") if "networks" in path.parts})

    doubts(spoiled[0], recipe=small_recipe(epochs=4), on_event=look)
    assert set().union(*kept) == {"epoch-0002"}  # the others are that of the last step, or deleted
    assert not list(tmp_path.rglob("epoch-*.safetensors"))


def test_answers_of_networks_that_have_memorized_all_labels_change_nothing() -> None:
    held = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.95, 0.05]])
    labels = np.zeros(4, int)
    memorized = np.array([[0.9992, 0.0008], [0.9991, 0.0009], [0.9994, 0.0006], [0.999, 0.001]])
    softened = soften(memorized, labels, float(held[:, 0].mean()))
    assert softened[:, 0] == pytest.approx(held[:, 0].mean(), abs=0.02)
    alone, _ = doubt_scores(labels, held)
    both, _ = doubt_scores(labels, geometric_mean([held, softened]))
    assert np.argsort(alone).tolist() == np.argsort(both).tolist()
    assert soften(held, labels, 0.99) == pytest.approx(held), "what is less certain is not sharpened"


def test_near_twins_are_on_one_side_whatever_their_labels(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that has seen an image under its true label hides that its twin has a wrong one."""
    monkeypatch.setenv("ALEXNET_CACHE", str(tmp_path / "cache"))
    shutil.copytree(image_folder / "train", tmp_path / "images")
    for place in range(8):
        with Image.open(tmp_path / "images" / "across" / f"across_{place:03d}.png") as image:
            darker = image.point(lambda value: round(0.9 * value))
        darker.save(tmp_path / "images" / "rings" / f"twin_{place:03d}.png")
    trained: list[set[str]] = []
    original = fold_runs.train_or_resume

    def watch(folder: object, *rest: object, **options: object) -> object:
        trained.append({file.entry.name for file in folder.files if file.split == "train"})  # type: ignore[attr-defined]
        return original(folder, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(fold_runs, "train_or_resume", watch)
    told: list[object] = []
    doubts(tmp_path / "images", recipe=small_recipe(epochs=1), on_event=told.append)
    for place in range(8):
        pair = {f"across/across_{place:03d}.png", f"rings/twin_{place:03d}.png"}
        assert sorted(len(pair & names) for names in trained) == [0, 2]
    assert any(isinstance(event, Progress) and event.what == "comparing" for event in told)


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
    with pytest.raises(RecipeError, match="num_folds = 3: features trains 2; choose the method folds"):
        doubts(tmp_path, num_folds=3)
    for number in (1, 11):
        with pytest.raises(RecipeError, match=f"num_folds = {number}: choose 2 to 10"):
            plan_doubts(tmp_path, method="folds", num_folds=number)


def test_time_is_told_before_training_for_what_is_still_missing(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALEXNET_CACHE", str(tmp_path / "cache"))

    class Planned:
        """A second to decode, and 120 to train."""

        decode_seconds, training_seconds = 1.0, 121.0

    monkeypatch.setattr(module, "plan_training", lambda folder, recipe: Planned())
    assert plan_doubts(image_folder, method="folds", num_folds=3) == 1 + 3 * 120
    original, trained = fold_runs.train_or_resume, []

    def interrupted(*words: object, **options: object) -> object:
        trained.append(len(told))
        if len(trained) == 2:
            raise KeyboardInterrupt
        return original(*words, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(fold_runs, "train_or_resume", interrupted)
    for words in (
        "3 networks are to be trained: about 6 minutes",
        "2 of 3 networks are to be trained: about 4 minutes",
    ):
        told: list[object] = []
        options = {"method": "folds", "num_folds": 3, "recipe": small_recipe(epochs=1), "announce_time": True}
        with suppress(KeyboardInterrupt):
            doubts(image_folder, **options, on_event=told.append)  # type: ignore[arg-type]
        lines = [event.text for event in told if isinstance(event, Note)]
        assert lines[0] == f"{words} on this machine"
    assert len(trained) == 4
    told = []
    assert doubts(image_folder, **options, on_event=told.append).num_images == 93  # type: ignore[arg-type]
    assert not any("to be trained" in event.text for event in told if isinstance(event, Note))


def test_command_writes_json_csv_and_figure(
    spoiled: tuple[Path, Answers], run_command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alexnet.audit.doubts.LOW_AGREEMENT", 1.1)
    settings = ("variant=narrow", "size=67", "start_size=none", "batch_size=16", "epochs=1")
    words = [word for setting in settings for word in ("--set", setting)]
    code, out, err = run_command(
        "doubts", spoiled[0], *words, "--csv", tmp_path / "d.csv", "--out", tmp_path / "d.png", "--json"
    )
    assert code == 0, err
    values = json.loads(out)
    assert list(values) == [*KEYS, "num_corrections"]
    code, out, _ = run_command("doubts", spoiled[0], *words)  # read from what is kept
    assert code == 0
    first = values["expected"][0]
    wrong, low, high = (round(first["n"] * first[name]) for name in ("precision", "low", "high"))
    assert f"expected to be mislabeled (95 % interval): {wrong} of the first 10 ({low} to {high})" in out
    assert "warning: the networks agree with only" in err
    assert (tmp_path / "d.csv").is_file() and (tmp_path / "d.png").is_file()
