"""An image changed step by step: the probabilities along the way, and where the network stops recognizing it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float32

from alexnet.data.decode import Pixels
from alexnet.evaluation.averaged import note_on_views, one_view
from alexnet.evaluation.predict import predict_images, read_image
from alexnet.files import shown_name
from alexnet.inspection.image_changes import CHANGES, Change, change_image, mean_color
from alexnet.inspection.network_layers import network_input
from alexnet.inspection.pass_size import images_at_once
from alexnet.inspection.recording import preserved
from alexnet.model.checkpoint import Classifier
from alexnet.model.logits import check_logits
from alexnet.records import Record
from alexnet.runs.run import Model, as_classifier

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ChangeCurve", "EditedImage", "edit"]

BATCH = 64
"""Images in one forward pass, at most."""

TOLERANCE = 1 / 64
"""Of the step between two amounts: how exactly the amount at which the predicted class changes is found."""

NUM_SHOWN = 7
"""Images on the figure of one curve."""


@dataclass(frozen=True, eq=False)
class ChangeCurve(Record):
    """One kind of change, from its smallest to its largest amount.

    Args:
        change: its name. unit: what the amounts count. identity: the amount that changes nothing.
        amounts: ascending.
        probabilities: [amounts, classes], in the network's order of classes.
        predicted: the class at each amount.
        lost_below, lost_above: the amounts nearest to the identity, below and above it, at which another class is
            predicted; None where that does not happen. Between two amounts of the curve it is found by halving.
    """

    change: str
    unit: str
    identity: float
    amounts: tuple[float, ...]
    probabilities: Float32[np.ndarray, "A K"]
    predicted: tuple[str, ...]
    lost_below: float | None
    lost_above: float | None

    @property
    def is_safe(self) -> bool:
        """Whether the predicted class stays the same at every amount."""
        return self.lost_below is None and self.lost_above is None

    def to_dict(self) -> dict[str, Any]:
        """As plain lists."""
        return super().to_dict() | {"probabilities": self.probabilities.tolist()}

    def __str__(self) -> str:
        """For people: one line."""
        if self.is_safe:
            return f"{self.change}: recognized from {self.amounts[0]:g} to {self.amounts[-1]:g} {self.unit}"
        ends = [f"{end:.3g}" for end in (self.lost_below, self.lost_above) if end is not None]
        return f"{self.change}: no longer recognized at {' and at '.join(ends)} {self.unit}"


@dataclass(frozen=True, eq=False)
class EditedImage(Record):
    """An image, and the network's probabilities while it is changed.

    Args:
        file: the image.
        image: as the network gets it, uint8 [S, S, 3].
        classes: of the network.
        predicted, probability: of the image as it is, by one view, as those of the curves.
        curves: one for each kind of change.
        fill: RGB of what a change uncovers: the mean color of the training images.
        notes: what testing says about the image where it averages several views.
        views: what of the image the network gets, in words.
    """

    file: str
    image: Pixels
    classes: tuple[str, ...]
    predicted: str
    probability: float
    curves: tuple[ChangeCurve, ...]
    fill: tuple[int, int, int]
    notes: tuple[str, ...] = ()
    views: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As plain data, without the pixels."""
        return {
            "file": self.file,
            "predicted": self.predicted,
            "probability": self.probability,
            "views": self.views,
            "classes": list(self.classes),
            "curves": [curve.to_dict() for curve in self.curves],
            "notes": list(self.notes),
        }

    def draw(self) -> "Figure":
        """Draw the probabilities over each change, with the changed images below.

        >>> figure = alexnet.edit("runs/first", "photo.jpg", ["turn", "cover"]).draw()
        """
        from alexnet.figures.change_curves import CurvePanel, draw_changes

        panels = []
        for curve in self.curves:
            places = np.linspace(0, len(curve.amounts) - 1, NUM_SHOWN).round().astype(int)
            images = [
                (curve.amounts[place], change_image(self.image, curve.change, curve.amounts[place], fill=self.fill))
                for place in places
            ]
            lost = [end for end in (curve.lost_below, curve.lost_above) if end is not None]
            label = f"{CHANGES[curve.change].about}, {curve.unit}"
            panels.append(CurvePanel(label, curve.identity, curve.amounts, curve.probabilities, lost, images))
        names = [shown_name(name) for name in self.classes]
        return draw_changes(panels, names, self.classes.index(self.predicted), self.title)

    @property
    def title(self) -> str:
        """File, prediction and the view of the image that it is of, in one line."""
        name, predicted = shown_name(Path(self.file).name), shown_name(self.predicted)
        return f"{name}: {predicted} {100 * self.probability:.1f} % ({self.views})"


def edit(model: Model, image: Path | str, changes: Sequence[str] | str | None = None) -> EditedImage:
    """Change an image step by step, and see the probabilities along the way.

    The image is changed as the network gets it, after it was decoded to the network's size.

    Args:
        model: a network, a run, or the path of a run's folder.
        image: an image file.
        changes: names of changes: cover, shift-x, shift-y, turn, crop, scale, brightness, contrast, saturation, hue;
            all by default.

    Raises:
        DataError: the image cannot be read.
        GeometryError: there is no such change.

    >>> edited = alexnet.edit("runs/first", "photo.jpg", "turn")
    >>> curve = edited.curves[0]
    >>> curve.predicted[curve.amounts.index(0.0)] == edited.predicted
    True
    """
    classifier = as_classifier(model)
    names = [changes] if isinstance(changes, str) else list(CHANGES) if changes is None else list(changes)
    pixels = read_image(image, classifier)
    fill = mean_color(classifier.preprocessing)
    for name in names:
        if name in CHANGES:
            continue
        change_image(pixels, name, 0.0)  # raises
    own = _probabilities(classifier, [pixels])[0]
    number = int(own.argmax())
    curves = [_curve(classifier, pixels, CHANGES[name], number, fill) for name in names]
    classes = tuple(classifier.classes)
    notes: tuple[str, ...] = ()
    if classifier.views != "centre":
        notes = note_on_views(classifier, predict_images(classifier, image)[0], "probabilities are")
    view = one_view(classifier)
    return EditedImage(
        str(image), pixels, classes, classes[number], float(own[number]), tuple(curves), fill, notes, view
    )


def _curve(
    classifier: Classifier, image: Pixels, change: Change, number: int, fill: tuple[int, int, int]
) -> ChangeCurve:
    amounts = (
        change.amounts if change.identity in change.amounts else tuple(sorted((*change.amounts, change.identity)))
    )
    probabilities = _probabilities(classifier, [change_image(image, change.name, a, fill=fill) for a in amounts])
    predicted = probabilities.argmax(1)
    middle = amounts.index(change.identity)

    def is_lost(amount: float) -> bool:
        changed = change_image(image, change.name, amount, fill=fill)
        return int(_probabilities(classifier, [changed])[0].argmax()) != number

    def first_lost(places: Sequence[int]) -> float | None:
        """The smallest change in one direction at which the predicted class is another."""
        for place in places:
            if predicted[place] != number:
                kept = amounts[place + 1 if place < middle else place - 1]
                lost = amounts[place]
                tolerance = abs(lost - kept) * TOLERANCE
                while abs(lost - kept) > tolerance:
                    half = (lost + kept) / 2
                    kept, lost = (kept, half) if is_lost(half) else (half, lost)
                return lost
        return None

    return ChangeCurve(
        change.name,
        change.unit,
        change.identity,
        amounts,
        probabilities,
        tuple(classifier.classes[n] for n in predicted),
        first_lost(range(middle - 1, -1, -1)),
        first_lost(range(middle + 1, len(amounts))),
    )


def _probabilities(classifier: Classifier, images: Sequence[Pixels]) -> Float32[np.ndarray, "n K"]:
    parts, step = [], min(BATCH, images_at_once(classifier.preprocessing.size))
    with preserved(classifier.network), torch.inference_mode():
        classifier.network.eval()
        for start in range(0, len(images), step):
            logits = classifier.network(network_input(classifier, images[start : start + step]))
            parts.append(check_logits(logits, classifier.classes).float().softmax(1).cpu().numpy())
    return np.concatenate(parts)
