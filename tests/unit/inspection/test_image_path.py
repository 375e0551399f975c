"""An image followed through a network, against its own outputs and a sum done by hand."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from alexnet.data.decode import normalize
from alexnet.errors import GeometryError
from alexnet.inspection.image_path import follow_image
from alexnet.inspection.recording import recorded
from alexnet.model.checkpoint import Classifier
from alexnet.runs.run import Run


@pytest.fixture
def image(narrow_run: Run, image_folder) -> np.ndarray:
    from alexnet.evaluation.predict import read_image

    return read_image(image_folder / "test" / "rings" / "rings_1000.png", narrow_run.model)


def test_contributions_and_biases_add_up_to_the_difference_of_the_logits(narrow_run: Run, image: np.ndarray) -> None:
    classifier = narrow_run.model
    network = classifier.network
    x = normalize(torch.from_numpy(image.copy())[None], classifier.preprocessing)
    with recorded(network, ["relu7", "fc8"]) as outputs:
        network(x)
    first, second = torch.argsort(outputs["fc8"][0], descending=True)[:2].tolist()
    decision = follow_image(classifier, image).decision
    assert (decision.winner, decision.runner_up) == (classifier.classes[first], classifier.classes[second])
    weight = network["fc8"].weight.detach().double()
    by_hand = outputs["relu7"][0].double() * (weight[first] - weight[second])
    assert decision.total == pytest.approx(float(by_hand.sum()), rel=1e-5)
    logits = outputs["fc8"][0]
    assert decision.total + decision.bias_difference == pytest.approx(float(logits[first] - logits[second]), rel=1e-4)
    strongest = decision.towards_winner[0]
    assert strongest.unit == f"fc7/{int(by_hand.argmax())}"
    assert strongest.contribution == pytest.approx(strongest.activation * strongest.weight_difference)
    assert all(push.contribution < 0.0 for push in decision.towards_runner_up)


def test_maps_are_the_strongest_after_the_activation_with_pooling_before_and_after(
    narrow_run: Run, image: np.ndarray
) -> None:
    classifier = narrow_run.model
    path = follow_image(classifier, image, num_maps=2)
    x = normalize(torch.from_numpy(image.copy())[None], classifier.preprocessing)
    with recorded(classifier.network, ["relu2", "norm1", "pool1", "pool5"]) as outputs:
        classifier.network(x)
    stages = {stage.layer: stage for stage in path.stages}
    assert list(stages)[:3] == ["conv1", *[name for name in classifier.network.layer_names if name[-1] == "1"][2:4]]
    peaks = outputs["relu2"][0].flatten(1).amax(1)
    assert stages["conv2"].maps[0].address.number == int(peaks.argmax())
    assert stages["conv2"].maps[0].maximum == pytest.approx(float(peaks.max()), rel=1e-5)
    pooled = stages["pool1"].maps[0]
    np.testing.assert_allclose(pooled.values, outputs["pool1"][0, pooled.address.number].numpy(), rtol=1e-5)
    assert pooled.before is not None and pooled.before.shape > pooled.values.shape
    assert sum(path.probabilities) == pytest.approx(1.0)
    assert not classifier.network["conv1"]._forward_hooks and not classifier.network["conv1"]._forward_pre_hooks


def test_chosen_maps_are_shown_in_their_order_and_others_are_the_strongest(
    narrow_run: Run, image: np.ndarray
) -> None:
    every = follow_image(narrow_run.model, image, num_maps=48)
    path = follow_image(narrow_run.model, image, num_maps=2, chosen={"conv2": [9, 4]})
    for stage, whole in zip(path.stages, every.stages, strict=True):
        numbers = [9, 4] if stage.layer == "conv2" else [one.address.number for one in whole.maps[:2]]
        assert [one.address.number for one in stage.maps] == numbers
        values = {one.address.number: one.values for one in whole.maps}
        for one in stage.maps:
            np.testing.assert_array_equal(one.values, values[one.address.number])
    with pytest.raises(GeometryError, match="conv2/48: conv2 has units 0 to 47"):
        follow_image(narrow_run.model, image, chosen={"conv2": [48]})


def test_units_of_fully_connected_layers_are_those_after_the_activation(narrow_run: Run, image: np.ndarray) -> None:
    classifier = narrow_run.model
    path = follow_image(classifier, image, num_maps=5, chosen={"fc7": [9, 4]})
    x = normalize(torch.from_numpy(image.copy())[None], classifier.preprocessing)
    with recorded(classifier.network, ["relu6", "relu7", "fc8"]) as outputs:
        classifier.network(x)
    assert [(stage.layer, stage.activation) for stage in path.units] == [
        ("fc6", "relu6"), ("fc7", "relu7"), ("fc8", None)
    ]  # fmt: skip
    for stage, values in zip(path.units, outputs.values(), strict=True):
        np.testing.assert_allclose(stage.values, values[0].numpy(), rtol=1e-5, atol=1e-6)
        assert stage.num_active == int((values != 0).sum())
    assert path.units[0].shown == tuple(torch.argsort(outputs["relu6"][0], descending=True, stable=True)[:5].tolist())
    assert path.units[1].shown == (9, 4)
    with pytest.raises(GeometryError, match="fc7/128: fc7 has units 0 to 127"):
        follow_image(classifier, image, chosen={"fc7": [128]})


def test_softmax_is_written_out(narrow_run: Run, image: np.ndarray) -> None:
    softmax = follow_image(narrow_run.model, image).softmax
    by_hand = [math.exp(logit) for logit in softmax.logits]
    largest = math.exp(max(softmax.logits))
    assert softmax.exponentials == pytest.approx([each / largest for each in by_hand])
    assert softmax.total == pytest.approx(sum(softmax.exponentials))
    assert softmax.probabilities == pytest.approx([each / sum(by_hand) for each in by_hand])


def test_the_decision_between_two_chosen_classes(narrow_run: Run, image: np.ndarray) -> None:
    classifier = narrow_run.model
    path = follow_image(classifier, image, between=(2, 0), num_units=128)
    decision, logits = path.decision, path.softmax.logits
    assert (decision.winner, decision.runner_up) == (classifier.classes[2], classifier.classes[0])
    assert decision.logit_difference == pytest.approx(logits[2] - logits[0])
    assert decision.total + decision.bias_difference == pytest.approx(decision.logit_difference, rel=1e-4)
    contributions = [push.contribution for push in (*decision.towards_winner, *decision.towards_runner_up)]
    assert sum(contributions) == pytest.approx(decision.total)
    for wrong in ((1, 1), (0, 3), (-1, 0)):
        with pytest.raises(GeometryError, match="choose two different ones from 0 to 2"):
            follow_image(classifier, image, between=wrong)


def test_network_that_ends_in_no_vector_is_refused(narrow_run: Run, image: np.ndarray) -> None:
    network = nn.Sequential(nn.Conv2d(3, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    classifier = Classifier(network, ("a", "b"), narrow_run.model.preprocessing)
    with pytest.raises(GeometryError, match="does not end in a fully connected layer"):
        follow_image(classifier, image)
    with pytest.raises(GeometryError, match="give uint8"):
        follow_image(narrow_run.model, image[:20, :20])
