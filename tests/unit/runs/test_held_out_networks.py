"""Mistakes and calibration of a network without a run: those of a run with the same network, and no others."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import log_softmax

import alexnet
from alexnet.errors import DataError, RecipeError
from alexnet.evaluation.predict import read_image
from alexnet.inspection.network_layers import network_input
from alexnet.model.wrap_network import wrap_network
from alexnet.runs.run import Run
from alexnet.runs.temperature import FILE

CLASSES = ("across", "down", "rings")


def test_mistakes_of_a_network_are_those_of_its_run(narrow_run: Run, image_folder: Path, tmp_path: Path) -> None:
    own = narrow_run.mistakes()
    result = alexnet.mistakes(narrow_run.model, image_folder)
    assert [(p.file, p.true, p.predicted) for p in result] == [(p.file, p.true, p.predicted) for p in own]
    assert [p.probability for p in result] == pytest.approx([p.probability for p in own], abs=1e-5)
    assert result.draw(2).get_suptitle() == f"{len(own)} of 21 test images wrong, 2 of them shown"
    assert len(result.export(tmp_path / "copies")) == len(own)
    assert alexnet.mistakes(narrow_run.path, order="pair") == narrow_run.mistakes("pair")
    assert alexnet.mistakes(narrow_run, image_folder) == own
    everything = alexnet.mistakes(narrow_run.model, image_folder / "train")
    assert everything.run.evaluation.num_images == 72, "a folder without splits is tested as a whole"


def test_calibration_of_a_network_is_that_of_its_run(narrow_run: Run, image_folder: Path, tmp_path: Path) -> None:
    before = alexnet.calibrate(narrow_run).before
    (narrow_run.path / FILE).unlink()
    alone = alexnet.calibrate(narrow_run.model, data=image_folder)
    assert (alone.temperature, alone.after, alone.num_validation) == (None, None, 0)
    assert alone.notes == (
        "no validation images to fit a temperature on: put some into a folder `validation` beside `test`",
    )
    assert alone.before.expected_error == pytest.approx(before.expected_error, abs=1e-5)
    for name in ("train", "test", "validation"):
        shutil.copytree(image_folder / ("train" if name == "validation" else name), tmp_path / "images" / name)
    fitted = alexnet.calibrate(narrow_run.model, data=tmp_path / "images")
    assert fitted.before.num_images == 21 and fitted.num_validation == 72
    losses = [
        _loss(narrow_run, tmp_path / "images" / "validation", fitted.temperature * by) for by in (0.97, 1, 1.03)
    ]
    assert losses[1] < losses[0] and losses[1] < losses[2]
    assert not (narrow_run.path / FILE).exists(), "a network without a run keeps nothing"
    shutil.rmtree(tmp_path / "images" / "test")
    assert alexnet.calibrate(narrow_run.model, data=tmp_path / "images").before.num_images == 72
    assert alexnet.calibrate(narrow_run.model, data=tmp_path / "images").temperature is None


def _loss(run: Run, folder: Path, temperature: float) -> float:
    files = sorted(folder.glob("*/*.png"))
    labels = [CLASSES.index(file.parent.name) for file in files]
    with torch.inference_mode():
        x = network_input(run.model, [read_image(file, run.model) for file in files])
        views = [x] if run.model.views == "centre" else [x, x.flip(3)]
        probs = np.mean([run.model.network.eval()(view).double().softmax(1).numpy() for view in views], axis=0)
    rows = log_softmax(np.log(probs) / temperature, axis=1)
    return float(-rows[np.arange(len(files)), labels].mean())


def test_the_network_is_left_as_it_was_and_needs_images_of_its_classes(image_folder: Path) -> None:
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 3, 8), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()).train()
    wrapped, test = wrap_network(module, CLASSES, size=32), image_folder / "test"
    assert len(alexnet.mistakes(wrapped, test)) > 0
    assert alexnet.calibrate(wrapped, data=test).before.num_images == 21
    assert module.training and all(not each._forward_hooks for each in module.modules())
    calls: list[Callable[[], object]] = [lambda: alexnet.mistakes(wrapped), lambda: alexnet.calibrate(wrapped)]
    for call in calls:
        with pytest.raises(DataError, match="has no images of its own; give a folder as data"):
            call()
    other = wrap_network(module, ["a", "b", "c"], size=32)
    with pytest.raises(DataError, match=r"holds no test images of the network's classes \(a, b, c\)"):
        alexnet.mistakes(other, test)
    with pytest.raises(RecipeError, match="order = size: choose confidence or pair"):
        alexnet.mistakes(wrapped, test, order="size")  # type: ignore[arg-type]


def test_units_of_a_network_are_switched_off_on_the_test_images(narrow_run: Run, image_folder: Path) -> None:
    assert alexnet.ablate_units(narrow_run.model, "conv5", data=image_folder).num_images == 21


@pytest.mark.parametrize("command", ["calibrate", "mistakes"])
def test_a_file_of_weights_is_no_run(run_command: Callable[..., tuple], tmp_path: Path, command: str) -> None:
    torch.save({}, tmp_path / "network.pth")
    code, _, err = run_command(command, tmp_path / "network.pth")
    assert (code, len(err.strip().splitlines())) == (2, 1)
    assert "network.pth: is not a run folder" in err and "`alexnet train` wrote" in err
