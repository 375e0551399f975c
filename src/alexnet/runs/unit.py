"""What a unit looks for: its kernel, and the patches of the user's own images that excite it most."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32
from torch import nn

from alexnet.data.cache import DecodedImages
from alexnet.data.split import Indices
from alexnet.errors import DataError
from alexnet.files import shown_name
from alexnet.inspection.network_layers import find_layer
from alexnet.inspection.pass_size import images_at_once
from alexnet.inspection.peaks import Peaks, find_peaks
from alexnet.inspection.receptive_field import ReceptiveBoxes, receptive_boxes
from alexnet.inspection.synthesis import SynthesizedImage, synthesize
from alexnet.inspection.top_patches import ClassFraction, Strip, class_fractions, make_strips
from alexnet.inspection.unit_address import UnitAddress
from alexnet.inspection.unit_outputs import is_dead
from alexnet.model.checkpoint import Classifier
from alexnet.progress_callback import Progress
from alexnet.records import Record
from alexnet.runs.run import Model, as_classifier
from alexnet.runs.train_images import training_images

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["UnitView", "layer_peaks", "show_patches", "unit"]


@dataclass(frozen=True, eq=False)
class UnitView(Record):
    """What excites one unit.

    Args:
        address: LAYER/NUMBER.
        num_images: images looked at; 0 where they could not be read.
        maximum: its largest activation on them, before the activation function.
        fraction_active: fraction of the images on which it is positive somewhere.
        field: height and width of its receptive field, px of the network's input.
        kernel: its weights [in, k, k], channels in RGB order if there are three; None where it has no kernel.
        strips: the strongest patches, and of the other images those nearest to 90, 50 and 10 % of the maximum.
        classes: classes of the images that excite it most, most frequent first.
        synthesized: an image made by gradient ascent, if it was asked for.
        notes: what could not be shown, and why.
        is_dead: it gives the same number for all of them at all places, after the batch normalization and the
            activation that follow its layer, if any do.

    >>> alexnet.unit("runs/first", "conv1/5").field
    (11, 11)
    """

    address: UnitAddress
    num_images: int
    maximum: float
    fraction_active: float
    field: tuple[int, int]
    kernel: Float32[np.ndarray, "I k k"] | None
    strips: tuple[Strip, ...]
    classes: tuple[ClassFraction, ...]
    synthesized: SynthesizedImage | None = None
    notes: tuple[str, ...] = ()
    is_dead: bool = False

    def to_dict(self) -> dict[str, Any]:
        """As plain data: addresses, activations, files and positions, without pixels and weights."""
        return {
            "unit": str(self.address),
            "num_images": self.num_images,
            "maximum": self.maximum,
            "fraction_active": self.fraction_active,
            "is_dead": self.is_dead,
            "receptive_field": list(self.field),
            "strips": [{"level": s.level, "patches": [p.to_dict() for p in s.patches]} for s in self.strips],
            "classes": [each.to_dict() for each in self.classes],
            "synthesized": None if self.synthesized is None else self.synthesized.to_dict(),
            "notes": list(self.notes),
        }

    def draw(self) -> "Figure":
        """Draw the kernel, the strips of patches, the classes, and the synthesized image if there is one.

        >>> figure = alexnet.unit("runs/first", "conv2/5").draw()
        """
        from alexnet.figures.unit_patches import PatchTile, draw_unit

        strips = [
            (each.level, [PatchTile(p.pixels, p.inside, p.label, p.activation) for p in each.patches])
            for each in self.strips
        ]
        classes = [(shown_name(each.name), each.fraction, each.fraction_of_all) for each in self.classes]
        image = None if self.synthesized is None else self.synthesized.image
        return draw_unit(self.title, self.kernel, strips, classes, image)

    @property
    def title(self) -> str:
        """Address, number of images and activations in one line."""
        field = f"receptive field {self.field[0]} x {self.field[1]} px"
        if not self.num_images:
            kernel = "" if self.kernel is None else f"kernel {' x '.join(map(str, self.kernel.shape))}; "
            return f"{self.address}: without its images; {kernel}{field}"
        active = f"positive on {100 * self.fraction_active:.0f} % of {self.num_images:,} images"
        dead = "; dead: it gives the same for all of them" if self.is_dead else ""
        return f"{self.address}: at most {self.maximum:.3g}, {active}{dead}; {field}"


def unit(
    model: Model,
    address: UnitAddress | str,
    *,
    data: Path | str | None = None,
    most: int = 8,
    synthesized: bool = False,
    on_progress: Progress | None = None,
) -> UnitView:
    """Find the patches that excite a unit most, cut to its exact receptive field, and weaker ones for comparison.

    The first call computes all units of all convolutional layers in one pass over the images; its result is kept, and
    later calls only read it.

    Args:
        model: a network, a run, or the path of a run's folder.
        address: `conv3/217`, or a unit of any other layer, `fc7/100`.
        data: other images than those of the run's training; required for a network without a run.
        most: patches in each strip, >= 1.
        synthesized: also make an image that excites the unit, by gradient ascent.
        on_progress: called with (images done, images in all) while computing.

    Raises:
        GeometryError: the address is not LAYER/NUMBER, or there is no such layer or unit.
        DataError: the images given as data cannot be read. Where those of the run are gone or have changed, what
            needs no images is returned, and `notes` says so.

    >>> view = alexnet.unit("runs/first", "conv3/21")
    >>> view.strips[0].patches[0].activation == view.maximum
    True
    """
    address = UnitAddress.parse(address)
    classifier = as_classifier(model)
    module = find_layer(classifier.network, address.layer)
    boxes = receptive_boxes(classifier.network, address.layer, classifier.preprocessing.size)
    address.require_below(boxes.num_units)
    empty = UnitView(address, 0, 0.0, 0.0, boxes.size, _kernel(classifier, module, address), (), ())
    if synthesized:
        empty = replace(empty, synthesized=synthesize(classifier, address))
    try:
        images, rows = training_images(model, data, on_progress=on_progress)
    except DataError as error:
        if data is not None or isinstance(model, Classifier):
            raise
        return replace(empty, notes=(f"without patches: {error}",))
    peaks = layer_peaks(classifier, address.layer, images, on_progress)
    view = show_patches(empty, peaks, images, rows, boxes, most=most)
    values = peaks.of_unit(address.layer, address.number)[0][rows]
    return replace(view, is_dead=_is_dead(classifier, address, values, images, rows))


def _is_dead(
    classifier: Classifier, address: UnitAddress, values: np.ndarray, images: DecodedImages, rows: Indices
) -> bool:
    """Whether a unit gives the same for all images; `values` are its largest outputs on them."""
    extremes = [int(values.argmax()), int(values.argmin())]  # on these most units differ already
    step = images_at_once(classifier.preprocessing.size)
    others = [rows[start : start + step] for start in range(0, len(rows), step)]
    batches = (images.pixels[each] for each in (rows[extremes], *others))
    return is_dead(classifier, address, batches, maximum=float(values.max()))


def show_patches(
    empty: UnitView, peaks: Peaks, images: DecodedImages, rows: Indices, boxes: ReceptiveBoxes, *, most: int
) -> UnitView:
    """A view with what its unit responds to on the images at `rows`."""
    address = empty.address
    values = peaks.of_unit(address.layer, address.number)[0][rows]
    return replace(
        empty,
        num_images=len(rows),
        maximum=float(values.max()),
        fraction_active=float((values > 0.0).mean()),
        strips=make_strips(address, peaks, images, rows, boxes, most=most),
        classes=class_fractions(values, [images.files[row].class_name for row in rows]),
        notes=peaks.notes,
    )


def layer_peaks(classifier: Classifier, layer: str, images: DecodedImages, on_progress: Progress | None) -> Peaks:
    """The peaks of a layer; a convolutional one comes with all others that run, since one pass gives them."""
    is_conv = isinstance(find_layer(classifier.network, layer), nn.Conv2d)
    return find_peaks(classifier, images, None if is_conv else [layer], on_progress=on_progress)


def _kernel(classifier: Classifier, module: nn.Module, address: UnitAddress) -> np.ndarray | None:
    if not isinstance(module, nn.Conv2d):
        return None
    weights = module.weight[address.number].detach().float().cpu().numpy().copy()
    if len(weights) == 3 and classifier.preprocessing.channels == "BGR":
        weights = weights[::-1].copy()
    return weights
