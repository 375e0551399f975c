"""A new head on corrected labels: the same test images, both errors, and a run that opens like any other."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import alexnet
from alexnet.audit.answer_sheet import Answers
from alexnet.audit.linear_head import fit_head
from alexnet.audit.retrain import retrain
from alexnet.audit.retrained import Retrained, read_retrained
from alexnet.audit.spoil import spoil_folder
from alexnet.data.corrections import Correction, read_corrections, write_corrections
from alexnet.data.write_shards import write_shards
from alexnet.errors import DataError, RunError
from alexnet.figures.canvas import RED
from alexnet.inspection.features import compute_features
from alexnet.report.page import write_report
from alexnet.runs.own_images import decode_own_images
from alexnet.runs.run import Run
from tests.conftest import copy_images, draw_stripes, small_recipe, trained_once

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory: pytest.TempPathFactory, image_folder: Path) -> tuple[Path, Answers]:
    out = tmp_path_factory.mktemp("retrain") / "spoiled"
    return out, spoil_folder(image_folder, out, swap=0.25, between=["down", "rings"])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, spoiled: tuple[Path, Answers]) -> Run:
    return trained_once(
        tmp_path_factory, "spoiled-run", spoiled[0], small_recipe(epochs=6, seed=1, test_views="centre")
    )


@pytest.fixture
def corrections(spoiled: tuple[Path, Answers], tmp_path: Path) -> Path:
    """All planted labels corrected, and of the test images one excluded and one called `down` too."""
    lines = [Correction(each.file, "relabel", each.label, each.true) for each in spoiled[1].swapped]
    tests = sorted(name for name in spoiled[1].files if name.startswith("test/rings"))
    lines += [Correction(tests[0], "exclude", "rings"), Correction(tests[1], "both", "rings", "down")]
    return write_corrections(tmp_path / "corrections.csv", lines)


@pytest.mark.slow
def test_new_head_is_compared_on_the_same_images_and_opens_as_a_run(
    run: Run, corrections: Path, spoiled: tuple[Path, Answers], tmp_path: Path, run_command: Command
) -> None:
    result = retrain(run, corrections, out=tmp_path / "after")
    after = alexnet.open_run(tmp_path / "after")
    assert (result.num_applied, result.whole, result.difference.num_images) == (14, False, 20)
    assert result.reviewed_before.num_reviewed == result.reviewed_after.num_reviewed == 2
    change = result.reviewed_after.top1_error - result.reviewed_before.top1_error
    assert result.difference.difference == pytest.approx(change)
    assert len(result.difference.broken) - len(result.difference.fixed) == round(20 * change)
    assert set(json.loads(json.dumps(result.to_dict()))) >= {"fixed", "broken", "reviewed_before", "seconds"}
    assert {line.file for line in read_corrections(after.folder.corrections_path)} == {
        line.file for line in read_corrections(corrections)
    }
    fitted = [name for name in spoiled[1].files if name.startswith("train/")]
    assert after.about.data.images == {"train": len(fitted), "validation": 0, "test": 20}
    assert after.about.layers_of == str(run.path)
    assert 0 < after.about.seconds < result.seconds, "of the last layer, not of the training before"
    assert f"fitted anew on {len(fitted)} images" in write_report(after).read_text(encoding="utf-8")
    code, _, err = run_command("calibrate", after.path)
    assert (code, f"the last layer was fitted on them; calibrate {run.path}" in err) == (0, True)
    again = alexnet.evaluate(after)  # its images, corrections and split are all there
    assert again.evaluation.top1_error == after.evaluation.top1_error
    assert again.evaluation.num_images == 20
    assert again.reviewed is not None


def test_only_the_last_layer_differs_and_the_old_run_stays(run: Run, corrections: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    retrain(run, corrections, out=tmp_path / "after")
    assert {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == before
    old, new = run.model.network.state_dict(), alexnet.open_run(tmp_path / "after").model.network.state_dict()
    changed = [name for name in old if not torch.equal(old[name], new[name])]
    assert {name.rsplit(".", 1)[0] for name in changed} == {list(old)[-1].rsplit(".", 1)[0]}


def test_one_that_is_stopped_leaves_no_folder(
    run: Run, corrections: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("alexnet.audit.new_head.evaluate_classifier", stop)
    with pytest.raises(KeyboardInterrupt):
        retrain(run, corrections, out=tmp_path / "after")
    assert not (tmp_path / "after").exists()


def test_correcting_labels_heals_the_network(run: Run, corrections: Path, tmp_path: Path) -> None:
    """On the training images, which the head has seen with their true labels."""
    result = retrain(run, corrections, out=tmp_path / "after")
    relabeled = [line for line in read_corrections(corrections) if line.action == "relabel"]
    files = [Path(run.about.data.path) / line.file for line in relabeled]
    correct = [
        np.mean([p.predicted == line.to for p, line in zip(alexnet.predict(name, files), relabeled, strict=True)])
        for name in (result.before, result.after)
    ]
    assert correct[1] > correct[0]


def planted(spoiled: tuple[Path, Answers], path: Path) -> Path:
    """Corrections of all the labels that were planted wrong, and of nothing else."""
    lines = [Correction(each.file, "relabel", each.label, each.true) for each in spoiled[1].swapped]
    return write_corrections(path, lines)


def head_on_folder_labels(run: Run) -> dict[str, str]:
    """What a linear head on the labels that the class folders say answers for the test images, by its definition."""
    images = decode_own_images(run)
    values = compute_features(run.model, images, "fc7").values
    names = [file.entry.name for file in images.files]
    train = [row for row, name in enumerate(names) if name.startswith("train/")]
    classes = run.model.classes
    head = fit_head(values[train], np.array([classes.index(names[row].split("/")[1]) for row in train]), len(classes))
    best = head.probabilities(values).argmax(1)
    return {name: classes[best[row]] for row, name in enumerate(names) if name.startswith("test/")}


def test_only_the_corrections_differ_from_the_control_to_the_new_layer(
    run: Run, spoiled: tuple[Path, Answers], tmp_path: Path
) -> None:
    """Planted wrong labels are the oracle: the control keeps them, and its error with them."""
    result = retrain(run, planted(spoiled, tmp_path / "c.csv"), out=tmp_path / "after")
    assert {image.file: image.control for image in result.images} == head_on_folder_labels(run)
    assert result.control is not None and result.by_corrections is not None
    assert result.num_changed == len(spoiled[1].swapped)
    assert result.reviewed_after.top1_error < result.control.top1_error
    assert result.by_corrections.difference == result.reviewed_after.top1_error - result.control.top1_error
    assert result.by_corrections.interval[0] < 0
    wrong = [
        {image.file for image in result.images if getattr(image, of) != image.true} for of in ("control", "after")
    ]
    assert set(result.fixed) == wrong[0] - wrong[1] == set(result.by_corrections.fixed)
    assert set(result.broken) == wrong[1] - wrong[0]
    kept = read_retrained(alexnet.open_run(result.after).folder)
    assert kept == result
    require_stated_twice(result, run, tmp_path)
    assert read_retrained(run.folder) is None
    require_figure(kept, alexnet.open_run(result.after))


def require_stated_twice(result: Retrained, run: Run, folder: Path) -> None:
    """Errors and their paired changes as labeled, against counts of the rows of images, and with reviewed labels."""
    rows = list(csv.DictReader(result.save_csv(folder / "all.csv").read_text(encoding="utf-8").splitlines()))
    images = [row for row in rows if row["row"] == "image"]
    for words, column in (("as labeled", "label"), ("with the reviewed labels", "true")):
        cells = {row["row"]: row for row in rows if row["row"] != "image"}
        wrong = {
            name: np.array([row[name] != row[column] for row in images]) for name in ("before", "control", "after")
        }
        for name, mistakes in wrong.items():
            assert float(cells[f"error {words}"][name]) == pytest.approx(mistakes.mean())
            low, high = (float(cells[f"error {words}, {end}"][name]) for end in ("low", "high"))
            assert low <= mistakes.mean() <= high
        for name in ("before", "control"):
            change = float(cells[f"change {words}"][name])
            assert change == pytest.approx(wrong["after"].mean() - wrong[name].mean())
            assert float(cells[f"change {words}, low"][name]) < change < float(cells[f"change {words}, high"][name])
    assert result.network_seconds == run.about.seconds
    assert result.layer_seconds is not None and 0 < result.layer_seconds < result.seconds
    assert list(result.times.values()) == [run.about.seconds, None, result.layer_seconds]


def require_figure(result: Retrained, after: Run) -> None:
    """The figure has the numbers of the result, and images that are fixed and broken."""
    (errors, differences, *cells), changed = result.draw(2).axes, [each for each in result.images if each.change]
    lines = [list(line.get_xdata()) for line in errors.lines]
    for score in result.errors.values():
        assert [100 * end for end in score.labeled_interval] in lines and [100 * score.labeled_error] in lines
        assert [100 * end for end in score.top1_interval] in lines and [100 * score.top1_error] in lines
    assert [label.get_text() for label in errors.get_yticklabels()] == list(result.errors)
    lines = [list(line.get_xdata()) for line in differences.lines]
    for each in (result.by_corrections, result.difference):
        assert each is not None
        assert [100 * end for end in each.interval] in lines and [100 * each.difference] in lines
    shown = [axes for axes in cells if axes.images]
    first = [each for kind in ("fixed", "broken") for each in [one for one in changed if one.change == kind][:2]]
    assert len(shown) == len(first) > 0
    pixels = after.images_of(each.file for each in first)
    for axes, each in zip(shown, first, strict=True):
        np.testing.assert_array_equal(axes.images[0].get_array(), pixels[each.file])
        assert axes.get_title() == f"label: {each.true}\n{each.control} → {each.after}"
        assert each.file.endswith(axes.get_xlabel())
        assert (axes.title.get_color() == RED) == (each.change == "broken")
    assert [axes for axes in result.draw(0).axes if axes.images] == []


def test_wrong_corrections_are_told_as_harm(run: Run, spoiled: tuple[Path, Answers], tmp_path: Path) -> None:
    """Whatever the new kind of layer changes by itself."""
    names = sorted(name for name in spoiled[1].files if name.startswith("train/across"))
    lines = [Correction(name, "relabel", "across", "rings") for name in names[: 2 * len(names) // 3]]
    result = retrain(run, write_corrections(tmp_path / "c.csv", lines), out=tmp_path / "after")
    assert {image.file: image.control for image in result.images} == head_on_folder_labels(run)
    assert result.by_corrections is not None and result.by_corrections.difference > 0
    assert len(result.broken) > len(result.fixed)


def test_decisions_about_test_images_alone_leave_nothing_to_compare(
    run: Run, corrections: Path, tmp_path: Path, run_command: Command
) -> None:
    lines = [line for line in read_corrections(corrections) if line.file.startswith("test/")]
    write_corrections(tmp_path / "tests.csv", lines)
    code, out, err = run_command("retrain", run.path, "--corrections", tmp_path / "tests.csv", "-o", tmp_path / "r",
                                 "--csv", tmp_path / "images.csv", "--figure", tmp_path / "errors.png")  # fmt: skip
    assert code == 0, err
    assert (tmp_path / "errors.png").read_bytes().startswith(b"\x89PNG")
    code, _, err = run_command("retrain", run.path, "--hard", tmp_path, "--figure", "errors.png", "--whole")
    assert (code, "--hard takes no --whole and --figure; leave out --whole and --figure" in err) == (2, True)
    result = read_retrained(alexnet.open_run(tmp_path / "r").folder)
    assert result is not None and (result.num_changed, result.by_corrections) == (0, None)
    assert result.control == result.reviewed_after and result.fixed == result.broken == ()
    assert "no image to train on is corrected" in out and "what that changed" not in out
    assert "2 test images reviewed" in out and "a new last layer, old labels" in out
    rows = list(csv.DictReader((tmp_path / "images.csv").read_text(encoding="utf-8").splitlines()))
    images = [row for row in rows if row["row"] == "image"]
    assert [row["file"] for row in images] == [image.file for image in result.images]
    assert all(row["control"] == row["after"] and row["change"] == "" for row in images)
    assert "by the corrections alone" not in out and "from the run as it is" in out


@pytest.mark.slow
def test_whole_recipe_is_trained_again(run: Run, corrections: Path, tmp_path: Path) -> None:
    result = retrain(run, corrections, out=tmp_path / "whole", whole=True)
    after = alexnet.open_run(tmp_path / "whole")
    assert result.whole and after.about.is_finished
    assert (result.control, result.by_corrections, result.num_changed) == (None, None, 12)
    layer = alexnet.open_run(retrain(run, corrections, out=tmp_path / "layer").after)
    assert result.last_layer is not None and result.by_whole is not None
    of_the_layer = {each.file: each.predicted for each in layer.predictions}
    assert {image.file: image.last_layer for image in result.images}.items() <= of_the_layer.items()
    assert result.by_whole.difference == pytest.approx(
        result.reviewed_after.top1_error - result.last_layer.top1_error
    )
    assert list(result.times.values()) == [None, result.layer_seconds, after.about.seconds]
    assert len(result.errors) == 3 and "from a new last layer to the whole network" in result.changes
    assert (set(result.fixed), set(result.broken)) == (set(result.difference.fixed), set(result.difference.broken))
    assert after.recipe == run.recipe
    assert sum(after.about.data.images.values()) == sum(run.about.data.images.values()) - 1


def test_a_run_of_shards_is_trained_again_on_its_corrected_images(
    run: Run, corrections: Path, spoiled: tuple[Path, Answers], tmp_path: Path
) -> None:
    shards = write_shards(spoiled[0], tmp_path / "shards")
    streamed = alexnet.train(tmp_path / "shards", small_recipe(epochs=1), out=tmp_path / "streamed")
    del shards
    result = retrain(streamed, corrections, out=tmp_path / "after")
    after = alexnet.open_run(result.after)
    labels = {each.file: each.true for each in after.predictions}
    plain = {
        each.file: each.true
        for each in alexnet.open_run(retrain(run, corrections, out=tmp_path / "b").after).predictions
    }
    assert labels == plain
    assert alexnet.evaluate(after).predictions == after.predictions


def test_an_unrelated_class_with_test_images_only_refuses_nothing(tmp_path: Path, image_folder: Path) -> None:
    folder = copy_images(image_folder, tmp_path / "images")
    (folder / "test" / "zebra").mkdir()
    draw_stripes(0, 1).save(folder / "test" / "zebra" / "1.png")
    own = alexnet.train(folder, small_recipe(epochs=1), out=tmp_path / "run")
    alexnet.correct(folder, ["train/down/down_003.png"], "exclude")
    assert retrain(own, folder / "corrections.csv").num_applied == 1


def test_the_file_is_the_whole_truth_about_the_labels(run: Run, corrections: Path, tmp_path: Path) -> None:
    """What the run before was trained with and is no longer in the file does not count: undone, or called fine."""
    first = retrain(run, corrections, out=tmp_path / "first")
    lines = list(read_corrections(corrections))
    relabeled, undone = [line for line in lines if line.action == "relabel"][:2]
    excluded = next(line for line in lines if line.action == "exclude")
    kept = [line for line in lines if line not in (undone, excluded)]
    fine = Correction(relabeled.file, "fine", relabeled.label)
    write_corrections(tmp_path / "later.csv", [*kept, fine])
    second = retrain(first.after, tmp_path / "later.csv", out=tmp_path / "second")
    after = alexnet.open_run(second.after)
    folder = decode_own_images(after).folder  # raises where the corrections are not those of the fingerprint
    labels = {file.entry.name: file.class_name for file in folder.files}
    assert labels[relabeled.file] == relabeled.label and labels[undone.file] == undone.label
    assert excluded.file in labels and excluded.file in {each.file for each in after.predictions}
    counts = [alexnet.open_run(each.after).about.data.images for each in (first, second)]
    assert counts[1] == counts[0] | {"test": counts[0]["test"] + 1}, "the excluded test image is back"
    assert after.about.layers_of == str(run.path)
    with pytest.raises(DataError, match="changes no label"):
        retrain(second.after, tmp_path / "later.csv", out=tmp_path / "third")


@pytest.mark.slow
def test_a_class_that_is_new_changes_no_other_ones_score(run: Run, corrections: Path, tmp_path: Path) -> None:
    """Its number comes before those of the others."""
    lines = list(read_corrections(corrections))
    lines += [
        Correction(name, "relabel", "across", "aardvark")
        for name in sorted(file.entry.name for file in decode_own_images(run).folder.files)
        if name.startswith("train/across") and name[-5] in "02468"
    ]
    write_corrections(tmp_path / "new.csv", lines)
    result = retrain(run, tmp_path / "new.csv", out=tmp_path / "whole", whole=True)
    after = alexnet.open_run(result.after)
    assert after.about.classes[0] == "aardvark"
    own = {each.file: each.is_mistake for each in after.predictions}
    broken = {name for name in result.difference.broken if name in own}
    assert all(own[name] for name in broken)
    assert result.reviewed_after.num_mistakes == sum(own.values())


def test_a_folder_without_a_split_is_split_as_before(tmp_path: Path, image_folder: Path) -> None:
    folder = image_folder / "train"
    run = alexnet.train(folder, small_recipe(epochs=1), out=tmp_path / "run")
    tested = {prediction.file for prediction in run.predictions}
    lines = [Correction(f"down/down_{n:03d}.png", "relabel", "down", "rings") for n in range(12)]
    write_corrections(tmp_path / "c.csv", lines)
    moved = copy_images(folder, tmp_path / "moved")
    result = retrain(Run(run.folder, data=moved), tmp_path / "c.csv", out=tmp_path / "after")
    after = alexnet.open_run(result.after)
    assert {p.file for p in after.predictions} == tested
    assert after.about.data.path == str(moved)
    assert alexnet.evaluate(after).evaluation.num_images == len(tested)


def test_errors_say_what_to_do(run: Run, corrections: Path, tmp_path: Path, run_command: Command) -> None:
    write_corrections(tmp_path / "none.csv", [Correction("nothing.png", "exclude")])
    with pytest.raises(DataError, match="changes no label"):
        retrain(run, tmp_path / "none.csv", out=tmp_path / "x")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(RunError, match="choose another --out"):
        retrain(run, corrections, out=tmp_path / "full")
    name = next(line.file for line in read_corrections(corrections))
    write_corrections(tmp_path / "new.csv", [Correction(name, "relabel", "", "goat")])
    with pytest.raises(DataError, match="goat: is not a class of"):
        retrain(run, tmp_path / "new.csv", out=tmp_path / "x")
    assert not (tmp_path / "x").exists()
    code, out, err = run_command("retrain", run.path, "--corrections", corrections, "-o", tmp_path / "r", "--json")
    assert code == 0, err
    assert json.loads(out)["after"] == str(tmp_path / "r")
