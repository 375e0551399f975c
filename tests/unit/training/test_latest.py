"""The newest test of a training that goes on: that of the epoch's own network, and gone at the end."""

import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from alexnet.batch_part import BatchPart
from alexnet.data.folder import scan_folder
from alexnet.errors import RunError
from alexnet.evaluation.evaluate import subset_probabilities
from alexnet.run_folder import RunFolder
from alexnet.training import loop
from alexnet.training.events import Ended, Event, ignore
from alexnet.training.latest import LATEST, LatestTest, read_latest
from alexnet.training.latest_predictions import LatestPredictions, write_latest
from alexnet.training.preparation import prepare
from alexnet.training.train import resume, train
from tests.conftest import small_recipe


def test_it_is_that_of_the_network_of_its_epoch_and_computed_once(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, kept = tmp_path / "run", tmp_path / "kept"
    measured: list[int] = []
    measure = loop.measure

    def count(network: object, pixels: object, subset: object, *rest: object, **options: object) -> object:
        measured.append(len(subset))  # type: ignore[arg-type]
        return measure(network, pixels, subset, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "measure", count)

    def keep(event: Event) -> None:
        """What the second epoch finds is that of the first one."""
        if isinstance(event, Ended) and event.record.epoch == 2:
            shutil.copytree(out, kept)

    recipe = small_recipe(keep_networks=True, muon_learning_rate=0.001)
    finished = train(image_folder, recipe, out=out, on_event=keep)
    assert not finished.folder.has(LATEST)
    assert measured.count(21) == 2, "the images are tested no more often than before"
    latest = read_latest(RunFolder(kept))
    assert latest is not None and (latest.epoch, latest.num_images) == (1, 21)

    job, images = prepare(scan_folder(image_folder), recipe, ignore)
    ((_, path),) = RunFolder(kept).network_snapshots()[:1]
    from safetensors.torch import load_file

    job.network.load_state_dict(load_file(path))
    probs = subset_probabilities(job.classifier, job.pixels, job.split.test, views="centre").numpy()
    true, predicted, classes = job.split.test.labels, probs.argmax(1), job.split.classes
    matrix = np.zeros((3, 3), int)
    np.add.at(matrix, (true, predicted), 1)
    assert latest.matrix == matrix.tolist() and latest.classes == classes
    wrong = np.flatnonzero(true != predicted)
    assert latest.num_mistakes == len(wrong) > 0
    files = [images.names[row] for row in job.split.test.indices]
    expected = {(files[row], classes[true[row]], classes[predicted[row]]) for row in wrong}
    assert {(each.file, each.true, each.predicted) for each in latest.mistakes} == expected
    told = [each.probability for each in latest.mistakes]
    assert told == pytest.approx(sorted(probs[wrong].max(1), reverse=True), abs=1e-5)
    first = RunFolder(kept).epochs[0]
    assert first.test_top1_error == pytest.approx(latest.num_mistakes / latest.num_images)


def test_a_stopped_training_keeps_it_and_ends_as_without(image_folder: Path, tmp_path: Path) -> None:
    def stop(event: Event) -> None:
        if isinstance(event, Ended):
            raise KeyboardInterrupt

    recipe = small_recipe()
    straight = train(image_folder, recipe, out=tmp_path / "straight")
    with pytest.raises(KeyboardInterrupt):
        train(image_folder, recipe, out=tmp_path / "run", on_event=stop)
    run = RunFolder(tmp_path / "run")
    assert not run.has(LATEST), "the epoch's line is written first"
    (run.path / LATEST).write_text("damaged", encoding="utf-8")
    with pytest.raises(RunError, match="continue it with `alexnet resume"):
        read_latest(run)
    resumed = resume(tmp_path / "run")
    assert not resumed.folder.has(LATEST)
    assert resumed.evaluation.confusion == straight.evaluation.confusion
    assert resumed.folder.checksum("model.safetensors") == straight.folder.checksum("model.safetensors")


def test_several_processes_find_what_one_does(image_folder: Path, tmp_path: Path) -> None:
    probs = torch.rand(21, 3, generator=torch.Generator().manual_seed(1)).softmax(1)
    labels, device = torch.zeros(21, dtype=torch.int64), torch.device("cpu")
    whole = LatestPredictions(21, None, device)
    for start in (0, 16):
        whole.take(probs[start : start + 16], labels[start : start + 16])
    added = torch.zeros_like(whole.values)
    for number in range(4):
        part = BatchPart.of(number, 4, 21)
        tested = LatestPredictions(21, part, device)
        tested.take(probs[part.places], labels[part.places])
        added += tested.values
    assert torch.equal(added, whole.values)
    assert whole.values[0].tolist() == probs.argmax(1).tolist()
    job, _ = prepare(scan_folder(image_folder), small_recipe(), ignore)
    run = RunFolder(tmp_path)
    write_latest(run, job, whole, epoch=7)
    latest = LatestTest.from_dict(json.loads((tmp_path / LATEST).read_text(encoding="utf-8")))
    pairs = Counter(zip(job.split.test.labels.tolist(), probs.argmax(1).tolist(), strict=True))
    assert {(true, predicted): n for true, predicted, n in latest.confusion} == pairs and latest.epoch == 7


def test_probabilities_that_are_no_numbers_are_not_written(image_folder: Path, tmp_path: Path) -> None:
    job, _ = prepare(scan_folder(image_folder), small_recipe(), ignore)
    tested = LatestPredictions(21, None, torch.device("cpu"))
    tested.take(torch.full((21, 3), torch.nan), torch.zeros(21, dtype=torch.int64))
    write_latest(RunFolder(tmp_path), job, tested, epoch=1)
    assert not (tmp_path / LATEST).exists()


def test_a_class_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="a class that is not there"):
        LatestTest(1, 9, 1, ("a", "b"), ((0, 2, 1),), ())


def test_of_many_classes_the_most_confused_pairs_are_kept(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alexnet.training.latest_predictions.MOST_CELLS", 2)
    job, _ = prepare(scan_folder(image_folder), small_recipe(), ignore)
    predicted = torch.tensor([0] * 4 + [1] * 3 + [1] * 7 + [0] + [2] * 6)  # 7 images of each class in turn
    tested = LatestPredictions(21, None, torch.device("cpu"))
    tested.take(F.one_hot(predicted, 3).float(), predicted)
    assert job.split.test.labels.tolist() == [0] * 7 + [1] * 7 + [2] * 7
    write_latest(RunFolder(tmp_path), job, tested, epoch=1)
    latest = read_latest(RunFolder(tmp_path))
    assert latest is not None and latest.confusion == ((0, 1, 3), (2, 0, 1))
    assert (latest.num_images, latest.num_mistakes) == (21, 4)
