"""The next layer's units that read a unit, against the traced layer, sums by hand, and groups."""

import numpy as np
import pytest
import torch
from torch import nn

from alexnet.errors import GeometryError
from alexnet.evaluation.predict import read_image
from alexnet.inspection.layer_trace import trace_layer
from alexnet.inspection.network_layers import network_input
from alexnet.inspection.next_units import next_units
from alexnet.inspection.recording import recorded
from alexnet.model.checkpoint import Classifier
from alexnet.runs.run import Run


@pytest.fixture
def image(narrow_run: Run, image_folder) -> np.ndarray:
    return read_image(image_folder / "test" / "rings" / "rings_1000.png", narrow_run.model)


@pytest.mark.parametrize("unit", ["conv1/5", "conv3/20"])
def test_contributions_are_the_channel_sums_of_the_traced_layer(
    narrow_run: Run, image: np.ndarray, unit: str
) -> None:
    classifier = narrow_run.model
    after = next_units(classifier, unit, image, most=1000)
    number, module = int(unit.partition("/")[2]), classifier.network[after.layer]
    assert after.layer == {"conv1/5": "conv2", "conv3/20": "conv4"}[unit]
    for each in (*after.by_contribution[:3], after.by_contribution[-1]):
        row, column = each.place
        step = trace_layer(classifier, image, after.layer, map=each.unit.number, row=row, column=column)
        assert each.contribution == pytest.approx(step.channel_sums[number - step.channels[0]], rel=1e-4, abs=1e-6)
    strongest = [abs(each.contribution) for each in after.by_contribution]
    assert strongest == sorted(strongest, reverse=True)
    norms = module.weight.detach()[:, number].flatten(1).norm(dim=1)
    assert [each.unit.number for each in after.by_weight] == norms.argsort(descending=True, stable=True).tolist()
    assert after.by_weight[0].weight_norm == pytest.approx(float(norms.max()))


def test_no_place_of_the_map_gets_more_from_the_channel(narrow_run: Run, image: np.ndarray) -> None:
    """Against the layer itself: the next layer's output without the channel, subtracted from the one with it."""
    classifier = narrow_run.model
    best = next_units(classifier, "conv2/7", image, most=1).by_contribution[0]
    module, names = classifier.network["conv3"], classifier.network.layer_names
    before = names[names.index("conv3") - 1]
    with recorded(classifier.network, [before]) as outputs:
        classifier.network(network_input(classifier, image[None]))
        silent = outputs[before].clone()
        silent[:, 7] = 0.0
        difference = (module(outputs[before]) - module(silent))[0]
    assert abs(best.contribution) == pytest.approx(float(difference.abs().max()), rel=1e-3)
    assert best.contribution == pytest.approx(float(difference[best.unit.number][best.place]), rel=1e-3)


def test_a_fully_connected_layer_reads_all_places_of_a_channel(narrow_run: Run, image: np.ndarray) -> None:
    classifier = narrow_run.model
    with recorded(classifier.network, ["pool5", "relu7"]) as outputs:
        classifier.network(network_input(classifier, image[None]))
    weight = classifier.network["fc6"].weight.detach()
    channel = outputs["pool5"][0, 3].flatten()
    places = len(channel)
    by_hand = weight[:, 3 * places : 4 * places] @ channel
    best = next_units(classifier, "conv5/3", image, most=1).by_contribution[0]
    assert best.unit.number == int(by_hand.abs().argmax()) and best.place is None
    assert best.contribution == pytest.approx(float(by_hand[best.unit.number]), rel=1e-4)
    last = next_units(classifier, "fc7/9", image)
    assert last.layer == "fc8" and last.num_units == len(classifier.classes)
    for each in last.by_contribution:
        expected = float(classifier.network["fc8"].weight.detach()[each.unit.number, 9] * outputs["relu7"][0, 9])
        assert each.contribution == pytest.approx(expected, abs=1e-6)
        assert each.class_name == classifier.classes[each.unit.number]


def test_a_pooled_channel_is_read_by_the_units_that_read_its_layer(narrow_run: Run, image: np.ndarray) -> None:
    own, pooled = (next_units(narrow_run.model, unit, image) for unit in ("conv1/5", "pool1/5"))
    assert pooled.by_contribution == own.by_contribution and pooled.by_weight == own.by_weight


def test_only_the_units_of_the_same_group_read_a_channel(narrow_run: Run) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 6, 3, groups=2), nn.Flatten(), nn.Linear(6 * 16, 2))
    classifier = Classifier(network, ("a", "b"), narrow_run.model.preprocessing)
    after = next_units(classifier, "0/3")
    assert sorted(each.unit.number for each in after.by_weight) == [3, 4, 5]
    weights = network[1].weight.detach()
    assert after.by_weight[0].weight_norm == pytest.approx(float(weights[3:, 1].flatten(1).norm(dim=1).max()))
    assert after.by_contribution == () and after.by_weight[0].contribution is None


def test_what_cannot_be_read_is_one_line(narrow_run: Run, image: np.ndarray) -> None:
    for unit, words in {
        "fc8/0": "is the last; its units are the classes",
        "conv1/24": "has units 0 to 23",
        "conv9/0": "no such layer|no layer",
    }.items():
        with pytest.raises(GeometryError, match=words):
            next_units(narrow_run.model, unit)
    with pytest.raises(GeometryError, match="give uint8"):
        next_units(narrow_run.model, "conv1/0", image[:20, :20])
    other = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(5, 6, 3))
    with pytest.raises(GeometryError, match="does not read the 4 channels of 0"):
        next_units(Classifier(other, ("a", "b"), narrow_run.model.preprocessing), "0/1")
    assert torch.is_grad_enabled()
