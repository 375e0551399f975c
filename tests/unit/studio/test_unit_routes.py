"""What the studio answers about fully connected layers: the numbers are those of the library and of PyTorch."""

import base64
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest

import alexnet
from alexnet.inspection.recording import recorded
from alexnet.runs.run import Run
from tests.conftest import copy_run_and_images
from tests.studio_server import Studio, served


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, narrow_run: Run, image_folder: Path) -> Iterator[Studio]:
    root = copy_run_and_images(narrow_run, image_folder, tmp_path_factory.mktemp("units"))
    with served([root]) as running:
        yield running


@pytest.fixture(scope="module")
def run(studio: Studio) -> Run:
    return alexnet.open_run(studio.workspace.run("first").path)


@pytest.fixture(scope="module")
def outputs(run: Run) -> dict[str, np.ndarray]:
    """The output of every layer for the first test image."""
    from alexnet.evaluation.predict import read_image
    from alexnet.inspection.network_layers import network_input

    image = read_image(Path(run.about.data.path) / run.predictions[0].file, run.model)
    with recorded(run.model.network, run.model.network.layer_names) as values:
        run.model.network(network_input(run.model, image[None]))
    return {name: value[0].numpy() for name, value in values.items()}


def inside(studio: Studio, run: Run, more: str = "") -> dict:
    return studio.ask(f"/api/runs/first/inside?image={quote(run.predictions[0].file)}{more}").values


def test_units_of_each_layer_are_those_of_the_network(
    studio: Studio, run: Run, outputs: dict[str, np.ndarray]
) -> None:
    stages = inside(studio, run)["units"]
    assert [stage["layer"] for stage in stages] == ["fc6", "fc7", "fc8"]
    for stage, name in zip(stages, ("relu6", "relu7", "fc8"), strict=True):
        values = np.frombuffer(base64.b64decode(stage["values"]), "<f4")
        np.testing.assert_allclose(values, outputs[name], rtol=1e-4, atol=1e-5)
        assert stage["num_active"] == np.count_nonzero(values)
        assert stage["shown"] == np.argsort(-values, kind="stable")[:8].tolist()
    chosen = inside(studio, run, "&units=fc7/100,fc7/3")["units"]
    assert [stage["shown"] for stage in chosen] == [stages[0]["shown"], [100, 3], stages[2]["shown"]]


@pytest.mark.parametrize(("layer", "source"), [("fc6", "pool5"), ("fc7", "fc6"), ("fc8", "fc7")])
def test_a_unit_is_written_out_as_the_sum_that_it_is(
    studio: Studio, run: Run, outputs: dict[str, np.ndarray], layer: str, source: str
) -> None:
    number = {"fc6": 17, "fc7": 99, "fc8": 1}[layer]
    image = quote(run.predictions[0].file)
    answer = studio.ask(f"/api/runs/first/inside/{layer}/units/{number}?image={image}").values
    unit, module = answer["sum"], run.model.network[layer]
    inputs = outputs[{"pool5": "pool5", "fc6": "relu6", "fc7": "relu7"}[source]]
    products = inputs * module.weight[number].detach().numpy().reshape(inputs.shape)
    bias = float(module.bias[number].detach())
    assert unit["value"] == pytest.approx(float(products.sum()) + bias, rel=1e-3, abs=1e-4)
    assert unit["layer_value"] == pytest.approx(float(outputs[layer][number]), rel=1e-3, abs=1e-4)
    assert unit["value"] == pytest.approx(unit["layer_value"], rel=1e-3, abs=1e-4)
    shown = sum(term["contribution"] for term in unit["terms"])
    assert shown + unit["rest"] + unit["bias"] == pytest.approx(unit["value"])
    by_source = products.reshape(len(products), -1).sum(1)
    largest = np.argsort(-np.abs(by_source), kind="stable")[:12]
    assert [term["source"] for term in unit["terms"]] == [f"{source}/{place}" for place in largest]
    for term in unit["terms"]:
        assert term["contribution"] == pytest.approx(float(by_source[term["number"]]), rel=1e-4, abs=1e-6)
        assert term["input"] * term["weight"] == pytest.approx(term["product"])
        if source == "pool5":
            np.testing.assert_allclose(term["factors"]["products"], products[term["number"]], rtol=1e-4, atol=1e-6)
        else:
            assert term["factors"] is None and term["place"] is None
    if layer == "fc8":
        assert answer["after"] == [] and answer["class"] == run.model.classes[number]
    else:
        (relu,) = answer["after"]
        assert relu["value"] == pytest.approx(max(0.0, float(outputs[layer][number])), rel=1e-3, abs=1e-4)
        assert relu["equation"].startswith("max(0, ") and answer["class"] is None


def test_the_decision_is_that_of_the_library(studio: Studio, run: Run, outputs: dict[str, np.ndarray]) -> None:
    values = inside(studio, run)
    expected = alexnet.inside(run, Path(run.about.data.path) / run.predictions[0].file).path
    assert values["decision"]["winner"] == expected.decision.winner
    assert [push["unit"] for push in values["decision"]["towards_winner"]] == [
        push.unit for push in expected.decision.towards_winner
    ]
    assert values["softmax"]["logits"] == pytest.approx(outputs["fc8"].tolist(), rel=1e-4, abs=1e-5)
    assert values["softmax"]["probabilities"] == pytest.approx(values["probabilities"])
    chosen = inside(studio, run, "&between=2,0")["decision"]
    classes, logits = run.model.classes, outputs["fc8"]
    assert (chosen["winner"], chosen["runner_up"], chosen["between"]) == (classes[2], classes[0], [2, 0])
    assert chosen["logit_difference"] == pytest.approx(float(logits[2] - logits[0]), rel=1e-3, abs=1e-4)
    assert chosen["total"] + chosen["bias_difference"] == pytest.approx(chosen["logit_difference"], rel=1e-3)


def test_the_way_forward_from_maps_and_units_reaches_the_fully_connected_layers(studio: Studio, run: Run) -> None:
    image = quote(run.predictions[0].file)
    for unit, layer in {"conv5/3": "fc6", "pool5/3": "fc6", "fc6/9": "fc7", "fc7/9": "fc8"}.items():
        read = studio.ask(f"/api/runs/first/next/{unit}?image={image}").values
        assert read["layer"] == layer and len(read["by_contribution"]) == min(6, read["num_units"])


def test_what_is_without_a_unit_is_that_of_the_library(studio: Studio, run: Run) -> None:
    file = run.predictions[0].file
    for unit in ("conv1/3", "fc7/9", "conv5/2"):
        expected = alexnet.ablate_units(run, unit)
        answer = studio.ask(f"/api/runs/first/units/{unit}/without?image={quote(file)}").values
        for name in ("error", "difference", "baseline_error", "num_fixed", "num_broken", "num_images", "unit"):
            assert answer[name] == getattr(expected, name)
        assert answer["interval"] == list(expected.interval)
        assert answer["classes"] == [each.to_dict() for each in expected.classes]
        for word, files in (("fixed", expected.fixed), ("broken", expected.broken)):
            assert [each["file"] for each in answer[word]] == list(files)
            assert all(run.predictions[each["number"]].file == each["file"] for each in answer[word])
        changed = alexnet.ablate_on_image(run, Path(run.about.data.path) / file, unit)
        assert answer["image"]["after"] == pytest.approx(changed.after, abs=1e-6)
        assert answer["image"]["before"] == pytest.approx(changed.before, abs=1e-6)
        assert answer["own"] == {"error": run.evaluation.top1_error, "views": run.evaluation.views}
    assert studio.ask("/api/runs/first/units/conv1/3/without").values["image"] is None


def test_what_is_no_unit_or_class_is_one_line(studio: Studio, run: Run) -> None:
    image = quote(run.predictions[0].file)
    for unit, words in {
        "fc7/units/128": "fc7: has no unit 128; choose 0 to 127",
        "relu7/units/0": "layer relu7: its output is 128 numbers, not maps",
        "conv1/units/0": "layer conv1: is not fully connected",
        "fc9/units/0": "layer fc9: narrow has no such layer",
    }.items():
        assert words in studio.ask(f"/api/runs/first/inside/{unit}?image={image}").error
    for unit, words in {
        "conv1/99": "conv1/99: conv1 has units 0 to 23",
        "pool1/0": "layer pool1: has no units to switch off",
        "conv1/0": "is not among the images of the run",
    }.items():
        gone = "?image=gone.png" if unit == "conv1/0" else ""
        assert words in studio.ask(f"/api/runs/first/units/{unit}/without{gone}").error
    for between in ("1,1", "0,3", "9"):
        assert studio.ask(f"/api/runs/first/inside?image={image}&between={between}").status == 400
    assert "whole numbers" in studio.ask(f"/api/runs/first/inside?image={image}&between=a,b").error
