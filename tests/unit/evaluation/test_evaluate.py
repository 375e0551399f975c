"""Testing: eval mode, no gradients, every image counted, the network left as found."""

import numpy as np
import pytest
import torch

from alexnet.data.split import Subset
from alexnet.errors import WeightsError
from alexnet.evaluation.evaluate import evaluate_classifier, in_eval_mode, make_predictions, measure
from alexnet.model.alexnet import AlexNet
from alexnet.model.checkpoint import Classifier
from alexnet.model.variants import VARIANTS
from alexnet.records import Preprocessing

PLAIN = Preprocessing(67, "squash", True, "RGB", (128.0,) * 3, (60.0,) * 3)
CLASSES = ("a", "b", "c", "d", "e", "f", "g")


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    torch.manual_seed(0)
    network = AlexNet(VARIANTS["seminar"], size=67, num_classes=7)
    return Classifier(network, CLASSES, PLAIN)


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (11, 67, 67, 3), dtype=np.uint8)


SUBSET = Subset(np.arange(11), np.arange(11) % 7)
CPU = torch.device("cpu")


def test_every_image_is_counted_whatever_the_batch(
    classifier: Classifier, pixels: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = evaluate_classifier(classifier, pixels, SUBSET, [str(i) for i in range(11)])
    monkeypatch.setattr("alexnet.evaluation.evaluate.BATCH", 4)
    parts, predictions = evaluate_classifier(classifier, pixels, SUBSET, [str(i) for i in range(11)])
    assert whole.num_images == parts.num_images == len(predictions) == 11
    assert sum(map(sum, parts.confusion)) == 11
    assert parts.confusion == whole.confusion


def test_dropout_is_off_and_the_mode_is_as_before(classifier: Classifier, pixels: np.ndarray) -> None:
    network = classifier.network
    network.train()
    network.classifier[0].eval()
    before = [module.training for module in network.modules()]
    scores = {measure(network, pixels, SUBSET, PLAIN, device=CPU) for _ in range(3)}
    assert len(scores) == 1, "dropout was on"
    assert [module.training for module in network.modules()] == before
    assert all(parameter.grad is None for parameter in network.parameters())


def test_no_gradients_are_kept_inside(classifier: Classifier) -> None:
    with in_eval_mode(classifier.network):
        assert not classifier.network(torch.zeros(1, 3, 67, 67)).requires_grad
    assert torch.is_grad_enabled()


def test_mode_comes_back_when_something_fails(classifier: Classifier) -> None:
    classifier.network.train()
    with pytest.raises(ValueError, match="inside"), in_eval_mode(classifier.network):
        raise ValueError("inside")
    assert classifier.network.training
    assert torch.is_grad_enabled()


def test_scores_during_training_equal_those_of_the_test(classifier: Classifier, pixels: np.ndarray) -> None:
    score = measure(classifier.network, pixels, SUBSET, PLAIN, device=CPU)
    evaluation, _ = evaluate_classifier(classifier, pixels, SUBSET, [str(i) for i in range(11)])
    assert score is not None
    assert score.top1_error == evaluation.top1_error
    assert score.top5_error == evaluation.top5_error
    assert score.loss == pytest.approx(evaluation.loss, abs=1e-5)


def test_mirror_averages_both_views(classifier: Classifier, pixels: np.ndarray) -> None:
    both = Classifier(classifier.network, CLASSES, PLAIN, views="mirror")
    flipped = np.ascontiguousarray(pixels[:, :, ::-1])
    names = [str(i) for i in range(11)]
    _, first = evaluate_classifier(both, pixels, SUBSET, names)
    _, second = evaluate_classifier(both, flipped, SUBSET, names)
    assert [p.probability for p in first] == pytest.approx([p.probability for p in second], abs=1e-6)


def test_empty_subset_has_no_score(classifier: Classifier, pixels: np.ndarray) -> None:
    empty = Subset(np.array([], np.int64), np.array([], np.int64))
    assert measure(classifier.network, pixels, empty, PLAIN, device=CPU) is None


def test_prediction_holds_margin_and_loss() -> None:
    probs = torch.tensor([[0.2, 0.7, 0.1]])
    (prediction,) = make_predictions(["x"], probs, ("a", "b", "c"), true=torch.tensor([0]))
    assert (prediction.predicted, prediction.is_mistake) == ("b", True)
    assert prediction.margin == pytest.approx(0.5)
    assert prediction.loss == pytest.approx(-np.log(0.2), rel=1e-5)
    assert [name for name, _ in prediction.top] == ["b", "a", "c"]


def test_of_equal_probabilities_the_first_class_is_predicted() -> None:
    predictions = make_predictions(["x", "y"], torch.tensor([[0.4, 0.4, 0.2], [0.2, 0.4, 0.4]]), ("a", "b", "c"))
    assert [(p.predicted, p.margin, p.true, p.loss) for p in predictions] == [
        ("a", 0.0, None, None),
        ("b", 0.0, None, None),
    ]


def test_predictions_are_the_same_whatever_the_number_sorted_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    probs = torch.rand(9, 7, generator=torch.Generator().manual_seed(0)).softmax(1)
    names, labels = [str(number) for number in range(9)], torch.arange(9) % 7
    whole = make_predictions(names, probs, CLASSES, true=labels)
    monkeypatch.setattr("alexnet.evaluation.evaluate.ROWS", 4)
    assert make_predictions(names, probs, CLASSES, true=labels) == whole
    assert len(whole) == 9


def test_outputs_that_are_not_numbers_are_refused(classifier: Classifier, pixels: np.ndarray) -> None:
    weight = classifier.network[classifier.network.layer_names[-1]].weight
    before = weight.detach().clone()
    try:
        with torch.no_grad():
            weight[0, 0] = float("nan")
        with pytest.raises(
            WeightsError, match=r"outputs are not numbers \(NaN\): its weights are damaged; train again"
        ):
            evaluate_classifier(classifier, pixels, SUBSET, [str(i) for i in range(11)])
    finally:
        with torch.no_grad():
            weight.copy_(before)
