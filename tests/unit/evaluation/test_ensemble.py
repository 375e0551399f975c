"""Several networks on the same images against probabilities averaged by hand."""

import numpy as np
import pytest
import torch

from alexnet.data.decode import normalize
from alexnet.data.split import Subset
from alexnet.evaluation.ensemble import EnsembleMember, evaluate_members
from alexnet.evaluation.evaluate import evaluate_classifier
from alexnet.model.alexnet import AlexNet
from alexnet.model.checkpoint import Classifier
from alexnet.model.initialization import initialize
from alexnet.model.variants import VARIANTS
from alexnet.records import Preprocessing

CLASSES = tuple("abcdefg")
FILES = [f"{place}.png" for place in range(9)]
SIZES = (67, 71)


def network(size: int) -> Classifier:
    made = AlexNet(VARIANTS["seminar"], size=size, num_classes=7)
    initialize(made, "fan_in", seed=size, head_std=0.1)
    return Classifier(made, CLASSES, Preprocessing(size, "squash", True, "RGB", (128.0,) * 3, (60.0,) * 3))


def images(size: int) -> np.ndarray:
    """Eleven images of one color each and some noise."""
    rng = np.random.default_rng(size)
    colors = rng.integers(0, 200, (11, 1, 1, 3))
    return (colors + rng.integers(0, 56, (11, size, size, 3))).astype(np.uint8)


@pytest.fixture(scope="module")
def members() -> list[EnsembleMember]:
    """Two networks of different sizes; the first finds the images in rows 2 to 10, the second in 0 to 8."""
    labels = np.random.default_rng(0).integers(0, 7, 9)
    return [
        EnsembleMember(network(size), images(size), Subset(np.arange(9) + start, labels), "centre")
        for size, start in zip(SIZES, (2, 0), strict=True)
    ]


def by_hand(member: EnsembleMember) -> np.ndarray:
    """Probabilities [9, 7] in float64."""
    pixels = torch.from_numpy(member.pixels[member.subset.indices])
    with torch.no_grad():
        logits = member.classifier.network.eval()(normalize(pixels, member.classifier.preprocessing)).double().numpy()
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))


def test_ensemble_is_the_mean_of_the_probabilities(members: list[EnsembleMember]) -> None:
    labels = members[0].subset.labels
    alone = [by_hand(member) for member in members]
    mean = (alone[0] + alone[1]) / 2
    members_alone, evaluation, predictions = evaluate_members(members, FILES)
    for row, prediction in enumerate(predictions):
        assert (prediction.file, prediction.true) == (FILES[row], CLASSES[labels[row]])
        assert prediction.predicted == CLASSES[mean[row].argmax()]
        expected = [mean[row][CLASSES.index(name)] for name, _ in prediction.top]
        assert [probability for _, probability in prediction.top] == pytest.approx(expected, abs=1e-6)
    assert evaluation.top1_error == np.mean(mean.argmax(1) != labels)
    ranks = (-mean).argsort(1)[:, :5]
    assert evaluation.top5_error == np.mean([label not in row for label, row in zip(labels, ranks, strict=True)])
    assert [member.top1_error for member in members_alone] == [np.mean(p.argmax(1) != labels) for p in alone]


def test_the_networks_of_these_tests_disagree(members: list[EnsembleMember]) -> None:
    """Else the test above would say little."""
    first, second = (by_hand(member).argmax(1) for member in members)
    assert (first != second).any()
    assert len(set(first) | set(second)) > 1


def test_an_ensemble_of_one_is_that_network(members: list[EnsembleMember]) -> None:
    member = members[0]
    names = [f"{place - 2}.png" for place in range(11)]
    members_alone, evaluation, together = evaluate_members([member], FILES)
    alone, predictions = evaluate_classifier(
        member.classifier, member.pixels, member.subset, names, views=member.views
    )
    assert together == predictions
    assert evaluation.confusion == members_alone[0].confusion == alone.confusion
    assert evaluation.views == alone.views == "squashed image"


def test_networks_with_views_of_their_own(members: list[EnsembleMember]) -> None:
    mirror = EnsembleMember(members[1].classifier, members[1].pixels, members[1].subset, "mirror")
    members_alone, evaluation, _ = evaluate_members([members[0], mirror], FILES)
    assert [member.views for member in members_alone] == ["squashed image", "squashed image and its mirror image"]
    assert evaluation.views == "each network's own views"
    assert evaluation.seconds == sum(member.seconds for member in members_alone)


def test_networks_are_left_as_found(members: list[EnsembleMember]) -> None:
    made = members[0].classifier.network
    made.train()
    made.classifier[0].eval()
    modes = [module.training for module in made.modules()]
    weights = {name: tensor.clone() for name, tensor in made.state_dict().items()}
    state = torch.get_rng_state()
    evaluate_members(members, FILES)
    assert [module.training for module in made.modules()] == modes
    assert all(torch.equal(tensor, weights[name]) for name, tensor in made.state_dict().items())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in made.parameters())
    assert torch.equal(torch.get_rng_state(), state)
    made.eval()
