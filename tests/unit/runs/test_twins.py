"""Test images with a twin among the training images are named, and the error is stated without them."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import alexnet
from alexnet.runs.twins import evaluate_without_twins
from tests.conftest import copy_images, small_recipe

Command = Callable[..., tuple[int, str, str]]


@pytest.mark.slow
def test_planted_twin_is_left_out_of_the_second_error(
    image_folder: Path, tmp_path: Path, run_command: Command
) -> None:
    folder = copy_images(image_folder, tmp_path / "images")
    shutil.copy(folder / "train" / "rings" / "rings_003.png", folder / "test" / "rings" / "twin.png")
    run = alexnet.train(folder, small_recipe(epochs=1), out=tmp_path / "run")
    score = evaluate_without_twins(run)
    assert ("test/rings/twin.png", "train/rings/rings_003.png") in score.twins
    names = {file for file, _ in score.twins}
    wrong = [prediction.is_mistake for prediction in run.predictions if prediction.file not in names]
    assert score.num_images == 22
    assert score.without_error == sum(wrong) / len(wrong)
    assert score.all_error == run.evaluation.top1_error
    code, out, _ = run_command("evaluate", run.path, "--twins", "--json")
    assert (code, json.loads(out)["twins"]["num_images"]) == (0, 22)
    code, _, err = run_command("evaluate", run.path, "--twins", "--views", "mirror")
    assert code == 2 and "--twins: goes with one run" in err
