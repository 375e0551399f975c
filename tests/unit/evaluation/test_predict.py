"""Predicting files, folders and archives; what cannot be read is named, and suppresses nothing else."""

import gc
import os
import tarfile
from pathlib import Path

import pytest
import torch

import alexnet
from alexnet.data.entry import Entry
from alexnet.errors import DataError, WeightsError
from alexnet.evaluation.predict import Predictions, predict_batches, predict_images, read_image
from alexnet.model.alexnet import AlexNet
from alexnet.model.checkpoint import Classifier
from alexnet.model.initialization import initialize
from alexnet.model.variants import VARIANTS
from alexnet.records import Preprocessing
from alexnet.runs.run import Run
from tests.conftest import CLASSES, draw_stripes


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    network = AlexNet(VARIANTS["seminar"], size=67, num_classes=3)
    initialize(network, "fan_in", seed=1, head_std=0.1)
    return Classifier(network.eval(), CLASSES, Preprocessing(67, "squash", True, "RGB", (128.0,) * 3, (60.0,) * 3))


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Five images, one of them in a folder below, beside what is no image or no longer whole."""
    folder = tmp_path / "images"
    (folder / "below" / ".hidden").mkdir(parents=True)
    for number in range(4):
        draw_stripes(number % 3, number).save(folder / f"{number}.png")
    draw_stripes(0, 9).save(folder / "below" / "9.jpg")
    draw_stripes(0, 8).save(folder / "below" / ".hidden" / "8.png")
    (folder / "notes.txt").write_text("no image")
    (folder / "cut.png").write_bytes((folder / "0.png").read_bytes()[:200])
    return folder


def test_one_path_is_as_good_as_several(classifier: Classifier, images: Path) -> None:
    one = predict_images(classifier, str(images / "0.png"))
    several = predict_images(classifier, [images / "0.png", images / "1.png", images / "0.png"])
    assert [p.file for p in several] == [str(images / name) for name in ("0.png", "1.png", "0.png")]
    assert len(one) == 1 and one[0].predicted == several[0].predicted == several[2].predicted
    assert one[0].probability == pytest.approx(several[0].probability, abs=1e-5)
    assert (one[0].true, one[0].loss) == (None, None)
    assert len(predict_images(classifier, [])) == 0


def test_a_folder_and_an_archive_hold_the_same_images(classifier: Classifier, images: Path, tmp_path: Path) -> None:
    (images / "cut.png").unlink()
    with tarfile.open(tmp_path / "images.tar", "w") as archive:
        archive.add(images, ".")
    of_folder = predict_images(classifier, images)
    of_archive = predict_images(classifier, tmp_path / "images.tar")
    names = ["0.png", "1.png", "2.png", "3.png", "below/9.jpg"]
    assert [p.file for p in of_folder] == [f"{images}/{name}" for name in names]
    assert [p.file for p in of_archive] == [f"{tmp_path}/images.tar/{name}" for name in names]
    assert [p.top for p in of_folder] == [p.top for p in of_archive]
    assert of_folder.unreadable == ()


def test_batches_do_not_change_what_is_predicted(
    classifier: Classifier, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = predict_images(classifier, images, skip_unreadable=True)
    monkeypatch.setattr("alexnet.evaluation.predict.BATCH", 2)
    parts = predict_images(classifier, images, skip_unreadable=True)
    assert [p.predicted for p in parts] == [p.predicted for p in whole]
    assert [p.probability for p in parts] == pytest.approx([p.probability for p in whole], abs=1e-5)
    assert parts.unreadable == whole.unreadable


def test_what_cannot_be_read_is_named_and_the_rest_predicted(classifier: Classifier, images: Path) -> None:
    paths = [images / "0.png", images / "gone.png", images / "cut.png", images / "notes.txt", images / "1.png"]
    result = predict_images(classifier, paths, skip_unreadable=True)
    assert [Path(p.file).name for p in result] == ["0.png", "1.png"]
    assert [Path(u.file).name for u in result.unreadable] == ["gone.png", "cut.png", "notes.txt"]
    assert "no such image" in result.unreadable[0].reason
    assert all(u.reason.startswith("cannot be used (") for u in result.unreadable[1:])
    assert str(result.unreadable[2]).startswith(f"{images}/notes.txt: cannot be used (no image); ")
    assert result.to_dict(top=2)["unreadable"][0]["file"] == str(images / "gone.png")
    assert [len(p["top"]) for p in result.to_dict(top=2)["predictions"]] == [2, 2]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gone.png", r"gone.png: no such image; check the path"),
        ("cut.png", r"cut.png: cannot be used \(.*\); give an image file"),
        ("notes.txt", r"notes.txt: cannot be used \(no image\)"),
        ("nul\0.png", r"nul\\x00.png: no such image"),
        ("gone.tar", r"gone.tar: no such file or folder"),
        ("empty", r"empty: holds no images; give image files, or a folder or archive of them"),
        ("", r"images/cut.png: cannot be used"),
    ],
)
def test_without_skipping_the_first_bad_file_is_an_error(
    classifier: Classifier, images: Path, name: str, message: str
) -> None:
    (images.parent / "empty").mkdir()
    path = images.parent / name if name == "empty" else images / name
    with pytest.raises(DataError, match=message) as caught:
        predict_images(classifier, [images / "0.png", path])
    assert "\n" not in str(caught.value)


def test_names_that_are_not_utf8_are_predicted_and_can_be_opened(classifier: Classifier, images: Path) -> None:
    (images / "cut.png").unlink()
    os.rename(images / "3.png", os.fsencode(images) + b"/caf\xe9.png")  # noqa: PTH104
    files = [p.file for p in predict_images(classifier, images)]
    assert f"{images}/caf\udce9.png" in files
    assert all(Path(file).is_file() for file in files)


def test_network_that_gives_no_numbers_is_refused(classifier: Classifier, images: Path) -> None:
    broken = AlexNet(VARIANTS["seminar"], size=67, num_classes=3).eval()
    with torch.no_grad():
        broken.features[0].weight.fill_(float("nan"))
    with pytest.raises(WeightsError, match="outputs are not numbers"):
        predict_images(Classifier(broken, CLASSES, classifier.preprocessing), images / "0.png")


def test_public_call_takes_a_network_a_run_or_its_path(narrow_run: Run, images: Path) -> None:
    path = images / "0.png"
    predictions = [alexnet.predict(model, path) for model in (narrow_run.model, narrow_run, str(narrow_run.path))]
    assert predictions[0] == predictions[1] == predictions[2] == narrow_run.predict(path)
    assert isinstance(predictions[0], Predictions)
    assert repr(predictions[0]) == "Predictions(num_images=1, num_unreadable=0)"
    assert read_image(path, narrow_run.model).shape == (67, 67, 3)


def test_of_a_large_folder_only_what_is_being_decoded_is_in_memory(
    trained_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    draw_stripes(0, 0, size=8).save(tmp_path / "0000.png")
    for number in range(1, 2000):
        os.link(tmp_path / "0000.png", tmp_path / f"{number:04d}.png")
    batches = predict_batches(trained_run.model, [tmp_path])
    assert [each.file for each in next(batches).predictions[:2]] == [f"{tmp_path}/000{n}.png" for n in range(2)]
    held = sum(type(each) is Entry for each in gc.get_objects())
    assert 0 < held < 1500, "entries of files that are not decoded yet"
    batches.close()
