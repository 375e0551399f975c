"""One image has one answer in `inside` and `edit`, also where testing averages several views of it."""

from pathlib import Path

import pytest
import torch

from alexnet.evaluation.evaluate import in_eval_mode
from alexnet.evaluation.predict import predict_images, read_image
from alexnet.inspection import peaks
from alexnet.inspection.network_layers import network_input
from alexnet.model.checkpoint import Classifier
from alexnet.runs.edit import edit
from alexnet.runs.inside import inside
from alexnet.runs.run import Run


@pytest.fixture
def image(image_folder: Path) -> Path:
    return image_folder / "test" / "rings" / "rings_1000.png"


def with_views(model: Classifier, views: str) -> Classifier:
    return Classifier(model.network, model.classes, model.preprocessing, views=views)


def of_the_center(classifier: Classifier, image: Path) -> list[float]:
    with in_eval_mode(classifier.network):
        logits = classifier.network(network_input(classifier, [read_image(image, classifier)]))
    return list(torch.softmax(logits[0], 0).tolist())


def test_both_say_whose_probabilities_they_show(narrow_run: Run, image: Path, image_folder: Path) -> None:
    classifier = with_views(narrow_run.model, "mirror")
    probs, (averaged,) = of_the_center(classifier, image), predict_images(classifier, image)
    assert averaged.probability != pytest.approx(max(probs), abs=1e-6), "else the views are no different"
    looked = inside(classifier, image, data=image_folder / "test")
    edited = edit(classifier, image, "turn")
    for values in (looked.to_dict(), edited.to_dict()):
        assert values["views"] == "squashed image"
        assert values["predicted"] == classifier.classes[probs.index(max(probs))]
        assert values["probability"] == pytest.approx(max(probs), abs=1e-6)
        (note,) = values["notes"]
        assert "averaged as in testing (squashed image and its mirror image)" in note
        assert f"{averaged.predicted}, {100 * averaged.probability:.1f} %" in note
    assert max(looked.to_dict()["probabilities"].values()) == looked.to_dict()["probability"]
    assert looked.prediction == averaged
    for figure in (looked.draw(), edited.draw()):
        predicted = f"{classifier.classes[probs.index(max(probs))]} {100 * max(probs):.1f} % (squashed image)"
        assert figure.get_suptitle().startswith(f"rings_1000.png: {predicted}")


def test_a_network_that_is_tested_by_the_center_gets_no_note(
    narrow_run: Run, image: Path, image_folder: Path
) -> None:
    classifier = with_views(narrow_run.model, "centre")
    assert inside(classifier, image, data=image_folder / "test").notes == ()
    assert edit(classifier, image, "turn").to_dict()["notes"] == []


def test_the_peaks_of_a_layer_are_read_once(
    narrow_run: Run, image: Path, image_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []
    monkeypatch.setattr(
        peaks,
        "cached_rows",
        lambda kind, *rest, original=peaks.cached_rows: read.append(kind) or original(kind, *rest),
    )
    view = inside(narrow_run.model, image, data=image_folder / "test")
    assert {unit.partition("/")[0] for unit in view.patches} == {"conv1", "conv2", "conv3", "conv4", "conv5", "fc7"}
    assert read == ["peaks conv1 conv2 conv3 conv4 conv5", "peaks fc7"]
