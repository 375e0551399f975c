"""Test a network: in eval mode, without gradients, every image counted."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from alexnet.batch_part import BatchPart
from alexnet.data.batches import in_order
from alexnet.data.decode import PixelRows, normalize
from alexnet.data.split import Indices, Subset
from alexnet.errors import WeightsError
from alexnet.evaluation.metrics import TOP5_FROM, class_scores, confusion_matrix, num_wrong
from alexnet.evaluation.views import cut_views, describe_views
from alexnet.model.checkpoint import Classifier
from alexnet.model.logits import check_logits
from alexnet.records import Evaluation, Prediction, Preprocessing, wilson_interval

__all__ = [
    "HeldOutScore",
    "OnBatch",
    "average_probabilities",
    "evaluate_classifier",
    "in_eval_mode",
    "make_predictions",
    "measure",
    "probabilities",
    "score",
    "subset_probabilities",
]

BATCH = 256
"""Images that are computed at a time."""

ROWS = 4096
"""Images whose probabilities are sorted at a time: bounds the memory."""

NUM_TOP = 5
"""Classes that a prediction names."""

OnBatch = Callable[[Float[Tensor, "N K"], Int64[Tensor, " N"]], object]


@dataclass(frozen=True)
class HeldOutScore:
    """Loss in nats and errors as fractions on a held-out set; top5_error is None below 6 classes."""

    loss: float
    top1_error: float
    top5_error: float | None


@contextmanager
def in_eval_mode(network: nn.Module) -> Iterator[None]:
    """Eval mode without gradients inside; afterwards each module has the mode it had, whatever happens."""
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
        check_logits(network(normalize(crop, preprocessing))).float().softmax(1)
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
    pixels: PixelRows,
    subset: Subset,
    preprocessing: Preprocessing,
    *,
    device: torch.device,
    part: BatchPart | None = None,
    add_up: Callable[[list[Tensor]], object] = lambda _sums: None,
    on_batch: OnBatch = lambda _probs, _labels: None,
) -> HeldOutScore | None:
    """Loss and errors on a subset, by one view of each image, its center; None if the subset is empty.

    The network keeps the mode that it is in.

    Args:
        part: what to compute of the subset, where several processes share it; None for all of it.
        add_up: replaces sums over the part by those over all parts.
        on_batch: called with the probabilities and the labels of each batch, in order.
    """
    if not len(subset):
        return None
    num_classes, own = 0, subset if part is None else subset.part(part.places)
    sums = torch.zeros(3, dtype=torch.float64, device=device)  # read once, so that a GPU is not waited for each time
    with in_eval_mode(network):
        for images, labels in in_order(pixels, own, batch_size=BATCH, device=device):
            probs = probabilities(network, images, preprocessing)
            on_batch(probs, labels)
            num_classes = probs.shape[1]
            loss = nn.functional.nll_loss(_log(probs), labels, reduction="sum")
            sums += torch.stack((loss, num_wrong(probs, labels), num_wrong(probs, labels, k=5)))
    add_up([sums])
    loss_mean, top1_error, top5_error = (sums / len(subset)).tolist()
    return HeldOutScore(loss_mean, top1_error, top5_error if num_classes >= TOP5_FROM else None)


def _log(probs: Tensor) -> Tensor:
    return probs.clamp_min(1e-12).log()


def evaluate_classifier(
    classifier: Classifier,
    pixels: PixelRows,
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
        views: which crops of an image are averaged, see `VIEWS`; the network's own by default.

    Returns:
        The scores, and a prediction for each image, in order.

    Raises:
        WeightsError: the network's outputs are not numbers.
    """
    started = time.perf_counter()
    views = views or classifier.views
    probs = subset_probabilities(classifier, pixels, subset, views=views)
    seconds = time.perf_counter() - started
    files = [names[row] for row in subset.indices]
    words = describe_views(views, classifier.preprocessing)
    return score(probs, subset.labels, classifier.classes, files, split=split, views=words, seconds=seconds)


def subset_probabilities(
    classifier: Classifier,
    pixels: PixelRows,
    subset: Subset,
    *,
    views: str,
    on_progress: Callable[[int], None] | None = None,
) -> Float[Tensor, "N K"]:
    """Probabilities of every image of a subset, in order, averaged over its views; the model is left as found.

    on_progress: called with the number of images done.
    """
    device = next(classifier.network.parameters()).device
    parts = []
    with in_eval_mode(classifier.network):
        for images, _ in in_order(pixels, subset, batch_size=BATCH, device=device):
            parts.append(probabilities(classifier.network, images, classifier.preprocessing, views=views).cpu())
            if on_progress:
                on_progress(sum(map(len, parts)))
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
    """The scores that follow from probabilities, and a prediction for each image, in order.

    Args:
        true: the number of each image's class.
        files: the name of each image.
        views: what was averaged for each image, in words.
        seconds: how long the test took.

    Raises:
        WeightsError: a probability is not a number.
    """
    labels, count = torch.from_numpy(true), len(true)
    predictions = make_predictions(files, probs, classes, true=labels)
    confusion = confusion_matrix(labels, probs.argmax(1), len(classes))
    wrong = count - int(confusion.diagonal().sum())
    top5_wrong = int(num_wrong(probs, labels, k=5)) if len(classes) >= TOP5_FROM else None
    evaluation = Evaluation(
        split=split,
        views=views,
        num_images=count,
        num_mistakes=wrong,
        top1_error=wrong / count,
        top1_interval=wilson_interval(wrong, count),
        top5_error=None if top5_wrong is None else top5_wrong / count,
        top5_interval=None if top5_wrong is None else wilson_interval(top5_wrong, count),
        loss=float(nn.functional.nll_loss(_log(probs), labels)),
        classes=classes,
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        seconds=seconds,
        images_per_second=count / seconds,
        per_class=class_scores(classes, confusion),
    )
    return evaluation, predictions


def make_predictions(
    files: Sequence[str],
    probs: Float[Tensor, "N K"],
    classes: tuple[str, ...],
    *,
    true: Int64[Tensor, " N"] | None = None,
) -> tuple[Prediction, ...]:
    """A prediction for each image; of equal probabilities the first class is predicted.

    Args:
        files: the name of each image.
        true: the number of each image's class, if known.

    Raises:
        WeightsError: a probability is not a number.
    """
    check_logits(probs, classes)
    if not bool(probs.isfinite().all()):
        raise WeightsError(
            "the network's outputs are not numbers (NaN): its weights are damaged; train again, or load other weights"
        )
    predictions: list[Prediction] = []
    for start in range(0, len(files), ROWS):
        rows = slice(start, start + ROWS)
        labels = None if true is None else true[rows]
        predictions += _predictions(files[rows], probs[rows], classes, labels)
    return tuple(predictions)


def _predictions(
    files: Sequence[str], probs: Tensor, classes: tuple[str, ...], labels: Tensor | None
) -> list[Prediction]:
    values, places = (part[:, :NUM_TOP].tolist() for part in probs.sort(dim=1, descending=True, stable=True))
    names: Sequence[str | None] = [None] * len(files)
    losses: Sequence[float | None] = names  # type: ignore[assignment]  # as unknown as the classes
    if labels is not None:
        names = [classes[label] for label in labels.tolist()]
        losses = (-_log(probs.gather(1, labels[:, None])[:, 0])).tolist()
    return [
        Prediction(
            file=file,
            true=name,
            predicted=classes[ranks[0]],
            probability=ranked[0],
            margin=ranked[0] - (ranked[1] if len(ranked) > 1 else 0.0),
            loss=loss,
            top=tuple((classes[place], value) for place, value in zip(ranks, ranked, strict=True)),
        )
        for file, name, loss, ranked, ranks in zip(files, names, losses, values, places, strict=True)
    ]
