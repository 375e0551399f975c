"""Images that have moved: known again by their fingerprint, with the run's own split."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import alexnet
from alexnet.errors import DataError
from alexnet.runs.own_images import decode_own_images, own_split
from alexnet.runs.run import Run, open_run
from alexnet.runs.train_images import training_images
from tests.conftest import copy_run_and_images, draw_stripes

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def moved(narrow_run: Run, image_folder: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A run whose images are now elsewhere: its folder, and that of the images."""
    root = copy_run_and_images(narrow_run, image_folder, tmp_path)
    shutil.move(root / "images", root / "elsewhere" / "images")
    return root / "runs" / "first", root / "elsewhere" / "images"


def test_moved_images_keep_the_split_of_the_training(moved: tuple[Path, Path], narrow_run: Run) -> None:
    run, data = moved
    images, rows = training_images(run, data)
    own = decode_own_images(narrow_run)
    expected = {own.files[row].entry.name for row in own_split(narrow_run, own).train.indices}
    assert {images.files[row].entry.name for row in rows} == expected
    assert len(rows) == 57 and len(images.files) == 93


def test_commands_say_where_to_give_the_new_place_and_then_give_the_same(
    moved: tuple[Path, Path], narrow_run: Run, tmp_path: Path, run_command: Command
) -> None:
    run, data = moved
    image = data / "test" / "down" / "down_1000.png"
    for words in (
        ["neighbours", run, image], ["features", run, "-o", tmp_path / "f.npz"], ["calibrate", run],
        ["evaluate", run], ["retrain", run, "--corrections", tmp_path / "c.csv"],
    ):  # fmt: skip
        code, _, err = run_command(*words)
        assert (code, err.count("\n")) == (2, 1)
        assert "images: no such file or folder; put them back, or give their new place with --data" in err
    code, out, _ = run_command("neighbours", run, image, "--data", data, "--json")
    (expected,) = alexnet.neighbours(narrow_run, image)
    (result,) = json.loads(out)["images"]
    assert [near["file"] for near in result["neighbours"]] == [near.file for near in expected.neighbours]
    assert run_command("features", run, "--data", data, "-o", tmp_path / "f.npz")[0] == 0
    with np.load(tmp_path / "f.npz") as saved:
        np.testing.assert_allclose(saved["values"], alexnet.features(narrow_run).values, rtol=1e-5, atol=1e-5)
    code, out, _ = run_command("calibrate", run, "--data", data, "--json")
    assert json.loads(out)["temperature"] == pytest.approx(alexnet.calibrate(narrow_run).temperature, rel=1e-6)


def test_a_run_with_moved_images_is_trained_again(moved: tuple[Path, Path], run_command: Command) -> None:
    run, data = moved
    alexnet.correct(data, ["train/down/down_003.png"], "exclude")
    words = ["retrain", run, "--corrections", data / "corrections.csv", "-o", run.parent / "after", "--data", data]
    code, _, err = run_command(*words)
    assert code == 0, err
    about = open_run(run.parent / "after").about
    assert (about.data.path, about.data.images["train"]) == (str(data), 71)


@pytest.mark.slow
def test_report_finds_moved_images(moved: tuple[Path, Path], run_command: Command) -> None:
    run, data = moved
    code, _, err = run_command("report", run, "--data", data, "--all")
    assert (code, err.startswith("looking: ")) == (0, True)
    page = (run / "report.html").read_text()
    assert "no longer where they were" not in page, "as a report without --data says"
    assert 'id="map"' in page and 'id="units"' in page


def test_other_images_are_no_place_of_the_runs_own(moved: tuple[Path, Path], tmp_path: Path) -> None:
    run, data = moved
    draw_stripes(0, 77).save(data / "train" / "across" / "one_more.png")
    for call in (alexnet.calibrate, alexnet.write_report):
        with pytest.raises(DataError, match=r"images: does not hold the images that .* was trained on, unchanged"):
            call(run, data=data)
    images, rows = training_images(run, data)
    assert len(rows) == len(images.files) == 94


def test_changed_images_are_named_with_the_next_step(moved: tuple[Path, Path]) -> None:
    run, data = moved
    home = Path(open_run(run).about.data.path)
    shutil.copytree(data, home)
    draw_stripes(0, 77).save(home / "train" / "across" / "one_more.png")
    message = r"have changed since .* was trained; put them back, or give their new place with --data"
    with pytest.raises(DataError, match=message):
        alexnet.features(run)
    with pytest.raises(DataError, match="was trained; put them back$"):
        alexnet.evaluate_without_twins(run)
