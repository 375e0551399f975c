"""A new head on corrected labels: the same test images, both errors, and a run that opens like any other."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import alexnet
from alexnet.audit.retrain import retrain
from alexnet.audit.spoil import Answers, spoil_folder
from alexnet.data.corrections import Correction, read_corrections, write_corrections
from alexnet.errors import DataError, RunError
from alexnet.runs.run import Run
from tests.conftest import small_recipe, trained_once

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory: pytest.TempPathFactory, image_folder: Path) -> tuple[Path, Answers]:
    out = tmp_path_factory.mktemp("retrain") / "spoiled"
    return out, spoil_folder(image_folder, out, swap=0.25, between=["down", "rings"])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, spoiled: tuple[Path, Answers]) -> Run:
    return trained_once(tmp_path_factory, "spoiled-run", spoiled[0], small_recipe(epochs=6, seed=1))


@pytest.fixture
def corrections(spoiled: tuple[Path, Answers], tmp_path: Path) -> Path:
    """All planted labels corrected, and of the test images one excluded and one called `down` too."""
    lines = [Correction(each.file, "relabel", each.label, each.true) for each in spoiled[1].swapped]
    tests = sorted(name for name in spoiled[1].files if name.startswith("test/rings"))
    lines += [Correction(tests[0], "exclude", "rings"), Correction(tests[1], "both", "rings", "down")]
    return write_corrections(tmp_path / "corrections.csv", lines)


@pytest.mark.slow
def test_new_head_is_compared_on_the_same_images_and_opens_as_a_run(
    run: Run, corrections: Path, spoiled: tuple[Path, Answers], tmp_path: Path
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


@pytest.mark.slow
def test_whole_recipe_is_trained_again(run: Run, corrections: Path, tmp_path: Path) -> None:
    result = retrain(run, corrections, out=tmp_path / "whole", whole=True)
    after = alexnet.open_run(tmp_path / "whole")
    assert result.whole and after.about.is_finished
    assert after.recipe == run.recipe
    assert sum(after.about.data.images.values()) == sum(run.about.data.images.values()) - 1


def test_a_folder_without_a_split_is_split_as_before(tmp_path: Path, image_folder: Path) -> None:
    folder = image_folder / "train"
    run = alexnet.train(folder, small_recipe(epochs=1), out=tmp_path / "run")
    tested = {prediction.file for prediction in run.predictions}
    lines = [Correction(f"down/down_{n:03d}.png", "relabel", "down", "rings") for n in range(12)]
    write_corrections(tmp_path / "c.csv", lines)
    result = retrain(run, tmp_path / "c.csv", out=tmp_path / "after")
    assert {p.file for p in alexnet.open_run(result.after).predictions} == tested
    assert alexnet.evaluate(result.after).evaluation.num_images == len(tested)


def test_errors_say_what_to_do(run: Run, corrections: Path, tmp_path: Path, run_command: Command) -> None:
    write_corrections(tmp_path / "none.csv", [Correction("nothing.png", "exclude")])
    with pytest.raises(DataError, match="none of its corrections applies"):
        retrain(run, tmp_path / "none.csv", out=tmp_path / "x")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(RunError, match="choose another --out"):
        retrain(run, corrections, out=tmp_path / "full")
    name = next(line.file for line in read_corrections(corrections))
    write_corrections(tmp_path / "new.csv", [Correction(name, "relabel", "", "goat")])
    with pytest.raises(DataError, match="goat: is no class of"):
        retrain(run, tmp_path / "new.csv", out=tmp_path / "x")
    assert not (tmp_path / "x").exists()
    code, out, err = run_command("retrain", run.path, "--corrections", corrections, "-o", tmp_path / "r", "--json")
    assert code == 0, err
    assert json.loads(out)["after"] == str(tmp_path / "r")
