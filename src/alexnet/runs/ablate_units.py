"""Units switched off together: what that does to a run's test, and to the probabilities of one image."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch

from alexnet.data.decode import Pixels
from alexnet.evaluation.averaged import one_view
from alexnet.evaluation.predict import read_image
from alexnet.inspection.ablation import ablated
from alexnet.inspection.network_layers import blank_input, network_input
from alexnet.inspection.recording import Outputs, layers_that_run, preserved
from alexnet.inspection.unit_address import parse_units_and_layers
from alexnet.model.checkpoint import Classifier
from alexnet.progress_callback import Progress
from alexnet.runs.ablation_results import ImageAblation, JointAblation, UnitAblation
from alexnet.runs.run import Model, as_classifier, open_once
from alexnet.runs.tested_images import compare, replacements, tested_images

__all__ = ["ablate_on_image", "ablate_units"]

Units = Mapping[str, Sequence[int] | None] | str
"""Layer → numbers of its units, None for all; or as text, `conv1/5,conv3`."""


def ablate_units(
    model: Model, units: Units, *, by: str = "zero", data: Any = None, on_progress: Progress | None = None
) -> JointAblation:
    """Test a network with the given units of any layers switched off together.

    Each image is tested by one view alone, its center.

    Args:
        model: a network, a run, or the path of a run's folder.
        units: `conv1/5,conv3` for a unit and a whole layer; or layer → numbers of its units, None for all.
        by: what replaces their outputs, `zero` or `mean`; see `ablate`.
        data: other images to test on; by default the run's own test images. Required for a network without a run.
        on_progress: called with (images done, images in all), where each image counts twice.

    Raises:
        GeometryError: a layer or a unit does not exist, or the layer does not run in testing.
        DataError: the images are not where they were, or have changed.

    >>> alexnet.ablate_units("runs/first", {"conv1": [5, 9]}).unit
    'conv1/5,conv1/9'
    """
    units = parse_units_and_layers(units) if isinstance(units, str) else units
    model = open_once(model)  # what is tested is the network that the units are switched off in
    _require_units(as_classifier(model), units)
    tested, done = tested_images(model, data), 0

    def count(num_images: int) -> None:
        nonlocal done
        done += num_images
        if on_progress:
            on_progress(done, 2 * len(tested.labels))

    before = tested.predict(count)
    with _without(model, units, by, data):
        after = tested.predict(count)
    compared = compare(tested, _addresses(units), before, after)
    return JointAblation(
        **{field.name: getattr(compared, field.name) for field in fields(UnitAblation)},
        baseline_error=float((before != tested.labels).mean()),
        num_images=len(tested.labels),
        by=by,
        views=one_view(as_classifier(model)),
    )


def ablate_on_image(
    model: Model, image: Path | str | Pixels, units: Units, *, by: str = "zero", data: Any = None
) -> ImageAblation:
    """The probabilities of one image with all units of a network, and with the given ones switched off.

    The network gets one view of the image, its center.

    Args:
        model: a network, a run, or the path of a run's folder.
        image: a file, or a decoded image, uint8 [size, size, 3].
        units: as for `ablate_units`.
        by: what replaces their outputs, `zero` or `mean`; see `ablate`.
        data: a folder of images for the means of a network without a run.

    Raises:
        GeometryError: a layer or a unit does not exist, or the layer does not run in testing.
        DataError: the image is missing or cannot be read, or the images to average over are not where they were.

    >>> changed = alexnet.ablate_on_image("runs/first", "photo.jpg", "conv1/5,conv3")
    >>> len(changed.before) == len(changed.after) == len(changed.classes)
    True
    """
    units = parse_units_and_layers(units) if isinstance(units, str) else units
    model = open_once(model)
    classifier = as_classifier(model)
    _require_units(classifier, units)
    pixels = read_image(image, classifier) if isinstance(image, Path | str) else image
    file = str(image) if isinstance(image, Path | str) else "an image"
    x = network_input(classifier, pixels[None])

    def probabilities() -> tuple[float, ...]:
        with preserved(classifier.network), torch.no_grad():
            return tuple(classifier.network.eval()(x)[0].float().softmax(0).tolist())

    before = probabilities()
    with _without(model, units, by, data):
        after = probabilities()
    classes = tuple(classifier.classes)
    return ImageAblation(_addresses(units), file, classes, before, after, by, one_view(classifier))


def _require_units(classifier: Classifier, units: Mapping[str, Sequence[int] | None]) -> None:
    """Check that the units exist and that their layers run, before images are read.

    Raises:
        GeometryError: a layer or a unit does not exist, or the layer does not run in testing.
    """
    with ablated(classifier.network, units):
        pass
    running = layers_that_run(classifier.network, tuple(units), blank_input(classifier))
    for layer in units:
        if layer not in running:
            Outputs()[layer]  # raises


@contextmanager
def _without(model: Model, units: Mapping[str, Sequence[int] | None], by: str, data: Any) -> Iterator[None]:
    """Inside the block the units are switched off."""
    values = {layer: mean for layer in units if (mean := replacements(model, layer, by, data)) is not None}
    with ablated(as_classifier(model).network, units, values=values):
        yield


def _addresses(units: Mapping[str, Sequence[int] | None]) -> str:
    """The units as one text: addresses, and the names of whole layers."""
    parts = [
        address
        for layer, numbers in units.items()
        for address in ([layer] if numbers is None else [f"{layer}/{number}" for number in numbers])
    ]
    return ",".join(parts)
