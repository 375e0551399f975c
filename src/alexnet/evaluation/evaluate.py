"""Test a network: in eval mode, without gradients, every image counted."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from alexnet.data.batches import in_order
from alexnet.data.decode import Pixels, normalize
from alexnet.data.split import Indices, Subset
from alexnet.evaluation.metrics import TOP5_FROM, class_scores, confusion_matrix, num_wrong
from alexnet.evaluation.views import SAID, cut_views
from alexnet.model.checkpoint import Classifier
from alexnet.records import Evaluation, Prediction, Preprocessing, wilson_interval

__all__ = [
    "HeldOutScore",
    "average_probabilities",
    "evaluate",
    "in_eval_mode",
    "make_prediction",
    "measure",
    "probabilities",
    "score",
    "subset_probabilities",
]

BATCH = 256


@dataclass(frozen=True)
class HeldOutScore:
    """Loss in nats and errors as fractions on a held-out set; top5_error is None below 6 classes."""

    loss: float
    top1_error: float
    top5_error: float | None


@contextmanager
def in_eval_mode(network: nn.Module) -> Iterator[None]:
    """Eval mode without gradients inside; each module's mode is as before outside, whatever happens."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        for module, mode in modes:
            module.training = mode


def probabilities(
    network: nn.Module, pixels: Tensor, preprocessing: Preprocessing, *, views: str = "centre"
) -> Float[Tensor, "N K"]:
    """Probabilities of decoded uint8 images [N, S, S, 3], averaged (after the softmax) over their views."""
    parts = [
        network(normalize(crop, preprocessing)).float().softmax(1)
        for crop in cut_views(pixels, preprocessing.size, views)
    ]
    return average_probabilities(parts)


def average_probabilities(parts: Sequence[Float[Tensor, "N K"]]) -> Float[Tensor, "N K"]:
    """The mean of several probabilities of the same images: of views, or of networks.

    Source: Krizhevsky et al. 2012, §4.1 (views) and §6.1 (the five and seven CNNs).
    """
    return torch.stack(tuple(parts)).mean(0)


def measure(
    network: nn.Module,
    pixels: Pixels,
    subset: Subset,
    preprocessing: Preprocessing,
    *,
    device: torch.device,
) -> HeldOutScore | None:
    """Loss and errors on a subset, by one view of each image; None if the subset is empty.

    The network is left in the mode that it was in.
    """
    if not len(subset):
        return None
    num_classes = 0
    sums = torch.zeros(3, dtype=torch.float64, device=device)  # read once: a GPU is not waited for batch by batch
    with in_eval_mode(network):
        for images, labels in in_order(pixels, subset, batch_size=BATCH, device=device):
            probs = probabilities(network, images, preprocessing)
            num_classes = probs.shape[1]
            loss = nn.functional.nll_loss(_log(probs), labels, reduction="sum")
            sums += torch.stack((loss, num_wrong(probs, labels), num_wrong(probs, labels, k=5)))
    loss_mean, top1_error, top5_error = (sums / len(subset)).tolist()
    return HeldOutScore(loss_mean, top1_error, top5_error if num_classes >= TOP5_FROM else None)


def _log(probs: Tensor) -> Tensor:
    return probs.clamp_min(1e-12).log()


def evaluate(
    classifier: Classifier,
    pixels: Pixels,
    subset: Subset,
    names: Sequence[str],
    *,
    split: str = "test",
    views: str | None = None,
) -> tuple[Evaluation, tuple[Prediction, ...]]:
    """Test a network on a subset of decoded images.

    Args:
        names: the file name of each row of `pixels`.
        split: what the subset is called.
        views: of an image, to be averaged; the network's own if not given, see `VIEWS`.

    Returns:
        The scores, and a prediction for each image, in order.
    """
    started = time.perf_counter()
    views = views or classifier.views
    probs = subset_probabilities(classifier, pixels, subset, views=views)
    seconds = time.perf_counter() - started
    files = [names[row] for row in subset.indices]
    return score(probs, subset.labels, classifier.classes, files, split=split, views=SAID[views], seconds=seconds)


def subset_probabilities(
    classifier: Classifier, pixels: Pixels, subset: Subset, *, views: str
) -> Float[Tensor, "N K"]:
    """Probabilities of every image of a subset, in order, averaged over its views; the model is left as found."""
    device = next(classifier.network.parameters()).device
    parts = []
    with in_eval_mode(classifier.network):
        for images, _ in in_order(pixels, subset, batch_size=BATCH, device=device):
            parts.append(probabilities(classifier.network, images, classifier.preprocessing, views=views).cpu())
    return torch.cat(parts)


def score(
    probs: Float[Tensor, "N K"],
    true: Indices,
    classes: tuple[str, ...],
    files: Sequence[str],
    *,
    split: str,
    views: str,
    seconds: float,
) -> tuple[Evaluation, tuple[Prediction, ...]]:
    """The scores of probabilities, and a prediction for each image, in order.

    Args:
        true: the number of each image's class. files: its name. views: how it was looked at, in words.
        seconds: what the test took.
    """
    labels, count = torch.from_numpy(true), len(true)
    confusion = confusion_matrix(labels, probs.argmax(1), len(classes))
    wrong = count - int(confusion.diagonal().sum())
    predictions = tuple(
        make_prediction(file, row_probs, classes, true=classes[label])
        for file, row_probs, label in zip(files, probs, labels.tolist(), strict=True)
    )
    evaluation = Evaluation(
        split=split,
        views=views,
        num_images=count,
        num_mistakes=wrong,
        top1_error=wrong / count,
        top1_interval=wilson_interval(wrong, count),
        top5_error=int(num_wrong(probs, labels, k=5)) / count if len(classes) >= TOP5_FROM else None,
        loss=float(nn.functional.nll_loss(_log(probs), labels)),
        classes=classes,
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        seconds=seconds,
        images_per_second=count / seconds,
        per_class=class_scores(classes, confusion),
    )
    return evaluation, predictions


def make_prediction(
    file: str, probs: Float[Tensor, " K"], classes: tuple[str, ...], *, true: str | None = None
) -> Prediction:
    """What an image's probabilities say, most probable class first."""
    order = probs.argsort(descending=True, stable=True).tolist()
    ranked = [float(probs[place]) for place in order]
    loss = float(-_log(probs)[classes.index(true)]) if true is not None else None
    return Prediction(
        file=file,
        true=true,
        predicted=classes[order[0]],
        probability=ranked[0],
        margin=ranked[0] - (ranked[1] if len(ranked) > 1 else 0.0),
        loss=loss,
        top=tuple((classes[place], value) for place, value in zip(order[:5], ranked[:5], strict=True)),
    )
