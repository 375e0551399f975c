"""A network and the images that it is tested on, with and without some of its units."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alexnet.data.cache import DecodedImages
from alexnet.data.split import Indices
from alexnet.errors import RecipeError
from alexnet.evaluation.paired import paired_interval
from alexnet.inspection.network_layers import network_input
from alexnet.inspection.pass_size import images_at_once
from alexnet.inspection.recording import preserved, recorded
from alexnet.model.checkpoint import Classifier
from alexnet.model.logits import check_logits
from alexnet.runs.ablation_results import ClassChange, UnitAblation
from alexnet.runs.held_out import choose_images, held_out_subset
from alexnet.runs.own_images import open_images_at
from alexnet.runs.run import Model, as_classifier, as_run
from alexnet.runs.train_images import training_images

__all__ = ["TestedImages", "compare", "replacements", "tested_images"]

BY = ("zero", "mean")
"""What a unit that is switched off gives: 0, or its mean over training images."""

MOST_AVERAGED = 2000
"""Training images over which a unit is averaged, evenly taken from all."""


@dataclass(frozen=True)
class TestedImages:
    """The network, the decoded images, and the rows to test on with their class numbers."""

    classifier: Classifier
    images: DecodedImages
    rows: Indices
    labels: Indices

    def batches(self, most: int = 256) -> Iterator[Tensor]:
        """The network's input, a batch of at most `most` images at a time, fewer if they are large."""
        size = min(most, images_at_once(self.classifier.preprocessing.size))
        for rows in np.array_split(self.rows, -(-len(self.rows) // size)):
            yield network_input(self.classifier, [self.images.pixels[row] for row in rows])

    def predict(self, on_images: Callable[[int], object] | None = None) -> np.ndarray:
        """Predicted class numbers; `on_images` is told after every batch how many images it had."""
        predicted = []
        with preserved(self.classifier.network), torch.no_grad():
            self.classifier.network.eval()
            for x in self.batches():
                predicted.append(
                    np.asarray(check_logits(self.classifier.network(x), self.classifier.classes).argmax(1).cpu())
                )
                if on_images:
                    on_images(len(x))
        return np.concatenate(predicted)

    def files(self, chosen: np.ndarray) -> tuple[str, ...]:
        """Names of the files of some tested images, given as a mask."""
        return tuple(self.images.files[row].entry.name for row in self.rows[chosen])


def tested_images(model: Model, data: Any) -> TestedImages:
    """The images that a network or a run is tested on.

    Of a folder that is given they are its test set if it has one, otherwise all.

    Raises:
        DataError: they are not where they were, have changed, or have no class that the network knows.
    """
    if not isinstance(model, Classifier):
        (held_out,) = choose_images([as_run(model)], data)
        subset = held_out.subset
        return TestedImages(held_out.run.model, held_out.images, subset.indices, subset.labels)
    images, _ = training_images(model, data)
    subset = held_out_subset(images, model.classes)
    return TestedImages(model, images, subset.indices, subset.labels)


def replacements(model: Model, layer: str, by: str, data: Any) -> Tensor | None:
    """What each unit of a layer gives when it is switched off; None for 0.

    Raises:
        RecipeError: `by` is neither `zero` nor `mean`.
        DataError: the images to average over are not where they were, or have changed.
    """
    if by not in BY:
        raise RecipeError(f"by {by}: choose one of {', '.join(BY)}")
    if by == "zero":
        return None
    classifier = as_classifier(model)
    # of a run always those of its training, which another place may hold
    is_there = isinstance(model, Classifier) or (data is not None and open_images_at(as_run(model), data)[1])
    images, rows = training_images(model, data if is_there else None)
    chosen = rows[np.linspace(0, len(rows) - 1, min(MOST_AVERAGED, len(rows))).astype(int)]
    total, step = torch.zeros(()), images_at_once(classifier.preprocessing.size)
    for start in range(0, len(chosen), step):
        pixels = [images.pixels[row] for row in chosen[start : start + step]]
        with recorded(classifier.network, [layer]) as outputs:
            classifier.network(network_input(classifier, pixels))
        output = outputs[layer].double()
        total = total + (output.flatten(2).mean(2) if output.ndim > 2 else output).sum(0).cpu()
    return (total / len(chosen)).float()


def compare(tested: TestedImages, unit: str, before: np.ndarray, after: np.ndarray) -> UnitAblation:
    """Two tests of the same images: with all units, and without some."""
    labels = tested.labels
    was_wrong, is_wrong = before != labels, after != labels
    broken, fixed = is_wrong & ~was_wrong, was_wrong & ~is_wrong
    num_both = int((is_wrong & was_wrong).sum())
    return UnitAblation(
        unit=unit,
        error=float(is_wrong.mean()),
        difference=float(is_wrong.mean() - was_wrong.mean()),
        interval=paired_interval(num_both, int(broken.sum()), int(fixed.sum()), len(labels)),
        fixed=tested.files(fixed),
        broken=tested.files(broken),
        classes=_class_changes(tested, broken, fixed, is_wrong),
    )


def _class_changes(
    tested: TestedImages, broken: np.ndarray, fixed: np.ndarray, is_wrong: np.ndarray
) -> tuple[ClassChange, ...]:
    """The classes whose recall changes, the largest fall first."""
    num_classes = len(tested.classifier.classes)
    images, lost, won, wrong = (
        np.bincount(tested.labels[chosen], minlength=num_classes)
        for chosen in (np.ones(len(tested.labels), bool), broken, fixed, is_wrong)
    )
    changed = [int(k) for k in np.flatnonzero(won - lost)]
    changes = [
        ClassChange(
            tested.classifier.classes[k],
            int(images[k]),
            float((images[k] - wrong[k]) / images[k]),
            float((won[k] - lost[k]) / images[k]),
        )
        for k in changed
    ]
    return tuple(sorted(changes, key=lambda change: change.difference))
