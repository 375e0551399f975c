"""The temperature of a run: as SciPy finds it, kept with the run, and divided by in calibrated predictions."""

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

import alexnet
from alexnet.errors import DataError, RunError
from alexnet.evaluation.predict import read_image
from alexnet.inspection.network_layers import network_input
from alexnet.run_folder import RunFolder
from alexnet.runs.own_images import decode_own_images, own_split
from alexnet.runs.run import Run, open_run
from alexnet.runs.temperature import FILE
from tests.conftest import copy_linked

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def own_run(narrow_run: Run, tmp_path: Path) -> Run:
    """A copy of the run that has no temperature yet."""
    run = open_run(copy_linked(narrow_run.path, tmp_path / "own run"))
    (run.path / FILE).unlink(missing_ok=True)
    return run


def use_views(run: Run, views: str) -> Run:
    run.folder.write_json("model.json", run.folder.read_json("model.json") | {"test_views": views})
    return open_run(run.path)


def logits_of(run: Run, pixels: np.ndarray) -> np.ndarray:
    """Those of the center crop, or the logarithms of the mean probabilities of the two views."""
    with torch.inference_mode():
        views = [pixels] if run.model.views == "centre" else [pixels, pixels[:, :, ::-1].copy()]
        logits = [run.model.network(network_input(run.model, each)).double().numpy() for each in views]
    return logits[0] if len(views) == 1 else np.log(np.mean([softmax(each, axis=1) for each in logits], axis=0))


@pytest.mark.parametrize("views", ["centre", "mirror"])
def test_temperature_is_that_of_scipy_on_the_same_logits(own_run: Run, views: str) -> None:
    own_run = use_views(own_run, views)
    report = alexnet.calibrate(own_run)
    images = decode_own_images(own_run)
    held = own_split(own_run, images).validation
    logits = logits_of(own_run, images.pixels[held.indices])

    def loss(log_temperature: float) -> float:
        rows = log_softmax(logits / np.exp(log_temperature), axis=1)
        return float(-rows[np.arange(len(held)), held.labels].mean())

    best = minimize_scalar(loss, bounds=(np.log(0.05), np.log(20.0)), method="bounded", options={"xatol": 1e-9})
    assert report.temperature == pytest.approx(np.exp(best.x), rel=1e-4)
    stored = json.loads((own_run.path / FILE).read_text())
    assert (stored["temperature"], stored["num_validation"]) == (report.temperature, 15)


@pytest.mark.parametrize("views", ["centre", "mirror"])
def test_calibrated_probabilities_are_the_softmax_of_the_divided_logits(
    own_run: Run, image_folder: Path, views: str
) -> None:
    own_run = use_views(own_run, views)
    temperature = alexnet.calibrate(own_run).temperature
    assert temperature is not None and abs(temperature - 1.0) > 0.01
    files = sorted((image_folder / "test").rglob("*.png"))
    logits = logits_of(own_run, np.stack([read_image(file, own_run.model) for file in files]))
    expected = softmax(logits / temperature, axis=1)
    for result in (alexnet.predict(own_run, files, calibrated=True), own_run.predict(files, calibrated=True)):
        assert result.temperature == temperature
        for prediction, row in zip(result, expected, strict=True):
            by_name = dict(zip(own_run.model.classes, row, strict=True))
            assert dict(prediction.top) == pytest.approx(by_name, abs=1e-5)
    plain = alexnet.predict(own_run, files)
    assert plain.temperature is None
    assert [p.probability for p in plain] == pytest.approx(softmax(logits, axis=1).max(1).tolist(), abs=1e-5)


def test_bulk_predictions_are_calibrated_alike(own_run: Run, image_folder: Path, tmp_path: Path) -> None:
    alexnet.calibrate(own_run)
    result = alexnet.predict_many(own_run, image_folder / "test", out=tmp_path / "p.csv", calibrated=True)
    expected = alexnet.predict(own_run, image_folder / "test", calibrated=True)
    with (tmp_path / "p.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["probability"]) for row in rows] == [p.probability for p in expected]
    assert result.temperature == expected.temperature


def test_command_says_first_to_calibrate_and_then_gives_the_probabilities(
    own_run: Run, image_folder: Path, tmp_path: Path, run_command: Command
) -> None:
    image = image_folder / "test" / "down" / "down_1000.png"
    for words in ([], ["--out", tmp_path / "p.csv"]):
        code, _, err = run_command("predict", own_run.path, image, "--calibrated", *words)
        assert (code, err.count("\n")) == (2, 1)
        assert f"{own_run.path}: has no temperature; run `alexnet calibrate {own_run.path}` first" in err
    assert not (tmp_path / "p.csv").exists()
    assert run_command("calibrate", own_run.path, "-o", tmp_path / "c.png")[0] == 0
    code, out, _ = run_command("predict", own_run.path, image, "--calibrated", "--json")
    expected = alexnet.predict(own_run, image, calibrated=True)
    assert json.loads(out)["temperature"] == expected.temperature
    assert json.loads(out)["predictions"][0]["probability"] == expected[0].probability


def test_temperature_of_other_weights_is_noticed(own_run: Run, image_folder: Path) -> None:
    image = image_folder / "test" / "down" / "down_1000.png"
    alexnet.calibrate(own_run)
    with torch.no_grad():
        own_run.model.network["conv5"].bias[0] += 1e-3
    with pytest.raises(RunError, match="was fitted to other weights; run `alexnet calibrate .*` again"):
        own_run.predict(image, calibrated=True)
    alexnet.predict(own_run.path, image, calibrated=True)  # the weights on the disk are the same


def test_damaged_file_names_the_command_that_writes_it_again(own_run: Run, image_folder: Path) -> None:
    image = image_folder / "test" / "down" / "down_1000.png"
    for text in ("{", '{"temperature": -1.0, "num_validation": 3, "weights": "a"}', '{"temperature": 2.0}'):
        (own_run.path / FILE).write_text(text)
        with pytest.raises(RunError, match=r"calibration\.json: is damaged .*`alexnet calibrate .*` writes it again"):
            alexnet.predict(own_run, image, calibrated=True)


def test_network_without_a_run_has_no_temperature(own_run: Run, image_folder: Path) -> None:
    with pytest.raises(DataError, match="without a run has no temperature"):
        alexnet.predict(own_run.model, image_folder / "test", calibrated=True)


def test_run_that_cannot_be_written_is_measured_all_the_same(own_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: RunFolder, name: str, values: object) -> None:
        raise RunError(f"{name}: cannot be written ({os.strerror(13)}); choose another folder")

    monkeypatch.setattr(RunFolder, "write_json", refuse)
    report = alexnet.calibrate(own_run)
    assert report.temperature is not None
    assert [note for note in report.notes if "the temperature is not kept: calibration.json: cannot be" in note]
    assert not (own_run.path / FILE).exists()


def test_temperature_that_nothing_determines_comes_with_a_note(own_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where every validation image is classified correctly: the lower the temperature, the lower the loss."""
    monkeypatch.setattr("alexnet.runs.calibrate.fit_temperature", lambda probs, labels: 0.0500001)
    assert "at an end of its search (0.05 to 20)" in alexnet.calibrate(own_run).notes[0]
