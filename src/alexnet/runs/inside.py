"""From an image to the answer: one image followed through a run's network, with the patches that excite its units."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import nn

from alexnet.data.cache import DecodedImages
from alexnet.data.split import Indices
from alexnet.errors import DataError
from alexnet.evaluation.averaged import note_on_views, one_view
from alexnet.evaluation.predict import predict_images, read_image
from alexnet.files import shown_name
from alexnet.inspection.image_path import ImagePath, follow_image
from alexnet.inspection.network_layers import find_layer, layer_names
from alexnet.inspection.peaks import Peaks
from alexnet.inspection.receptive_field import ReceptiveBoxes, receptive_boxes
from alexnet.inspection.top_patches import Patch, make_strips
from alexnet.inspection.unit_address import UnitAddress
from alexnet.model.checkpoint import Classifier
from alexnet.progress_callback import Progress
from alexnet.records import Prediction, Record
from alexnet.runs.run import Model, as_classifier
from alexnet.runs.train_images import training_images
from alexnet.runs.unit import layer_peaks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from alexnet.figures.path_drawing import Stage

__all__ = ["InsideView", "inside"]

NUM_PATCHES = 4
"""Patches beside each map."""


@dataclass(frozen=True, eq=False)
class InsideView(Record):
    """One image on its way through a network.

    Args:
        file: the image.
        prediction: what the network predicts in testing: averaged over its views.
        path: maps, and the decision; of one view of the image.
        classes: of the network, as the path's probabilities count them.
        patches: unit → the patches of training images that excite it most; empty where there are no images.
        kernels: unit of the first layer → its kernel as [3, k, k].
        notes: what could not be shown, and why; what testing says where it averages several views.
        views: what of the image the path shows, in words.

    >>> alexnet.inside("runs/first", "photo.jpg").path.stages[0].layer
    'conv1'
    """

    file: str
    prediction: Prediction
    path: ImagePath
    classes: tuple[str, ...]
    patches: Mapping[str, tuple[Patch, ...]]
    kernels: Mapping[str, np.ndarray]
    notes: tuple[str, ...] = ()
    views: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Units, activations and the decision, without pixels; everything of one view."""
        ranked = sorted(zip(self.classes, self.path.probabilities, strict=True), key=lambda pair: -pair[1])
        return {
            "file": self.file,
            "predicted": ranked[0][0],
            "probability": ranked[0][1],
            "views": self.views,
            "probabilities": dict(ranked),
            "layers": [stage.to_dict() for stage in self.path.stages],
            "decision": self.path.decision.to_dict(),
            "patches": {unit: [patch.to_dict() for patch in patches] for unit, patches in self.patches.items()},
            "notes": list(self.notes),
        }

    def draw(self) -> "Figure":
        """Draw the whole path through the network as one figure.

        >>> figure = alexnet.inside("runs/first", "photo.jpg").draw()
        """
        from alexnet.figures.path_drawing import draw_path

        return draw_path(self.title, self.path.image, self.stages(), self.decision())

    @property
    def title(self) -> str:
        """File, prediction and the view of the image that it is of, in one line."""
        decision = self.path.decision
        return (
            f"{shown_name(Path(self.file).name)}: {shown_name(decision.winner)} "
            f"{100 * max(self.path.probabilities):.1f} % ({self.views}), ahead of {shown_name(decision.runner_up)}"
        )

    def stages(self) -> "list[Stage]":
        """The stages as figures draw them."""
        from alexnet.figures.path_drawing import Stage, StageMap

        return [
            Stage(
                each.layer,
                each.kind,
                each.num_maps,
                [
                    StageMap(
                        str(one.address),
                        one.maximum,
                        one.values,
                        one.before,
                        self.kernels.get(str(one.address)),
                        [(patch.pixels, patch.inside) for patch in self.patches.get(str(one.address), ())],
                    )
                    for one in each.maps
                ],
            )
            for each in self.path.stages
        ]

    def decision(self) -> Any:
        """The decision as figures draw it."""
        from alexnet.figures.path_drawing import DecisionBars

        decision = self.path.decision
        pushes = [*decision.towards_winner, *reversed(decision.towards_runner_up)]
        images = [[(patch.pixels, patch.inside) for patch in self.patches.get(push.unit, ())] for push in pushes]
        return DecisionBars(
            shown_name(decision.winner),
            shown_name(decision.runner_up),
            [(push.unit, push.contribution) for push in pushes],
            images,
            decision.logit_difference,
            decision.bias_difference,
            [(shown_name(name), value) for name, value in zip(self.classes, self.path.probabilities, strict=True)],
        )


def inside(
    model: Model,
    image: Path | str,
    *,
    data: Path | str | None = None,
    num_maps: int = 3,
    deciding_patches: bool = True,
    on_progress: Progress | None = None,
) -> InsideView:
    """Follow one image through a network: strongest maps with the patches that excite them, and the decision.

    Args:
        model: a network, a run, or the path of a run's folder.
        image: an image file.
        data: images to take patches from; those of the run's training by default.
        num_maps: strongest maps shown of each layer, >= 1.
        deciding_patches: also look for patches of the units that decide, which the first time takes a pass of its own
            over the images.
        on_progress: called with (images done, images in all) while looking for patches.

    Raises:
        DataError: the image cannot be read, or images were given as data and cannot be. Where the run's own are gone,
            maps and decision come without patches, and `notes` says so.
        GeometryError: the network does not end in a fully connected layer.

    >>> view = alexnet.inside("runs/first", "photo.jpg")
    >>> decision = view.path.decision
    >>> abs(decision.total + decision.bias_difference - decision.logit_difference) < 1e-3
    True
    """
    classifier = as_classifier(model)
    pixels = read_image(image, classifier)
    (prediction,) = predict_images(classifier, image)
    path = follow_image(classifier, pixels, num_maps=num_maps)
    notes = note_on_views(classifier, prediction, "maps, decision and probabilities are")
    patches: dict[str, tuple[Patch, ...]] = {}
    try:
        images, rows = training_images(model, data, on_progress=on_progress)
        units = _shown_units(classifier, path, with_deciding=deciding_patches)
        patches = _patches(classifier, units, images, rows, on_progress)
    except DataError as error:
        if data is not None:
            raise
        notes += (f"without patches: {error}",)
    classes, kernels = tuple(classifier.classes), _kernels(classifier, path)
    return InsideView(str(image), prediction, path, classes, patches, kernels, notes, one_view(classifier))


def _shown_units(classifier: Classifier, path: ImagePath, *, with_deciding: bool) -> list[UnitAddress]:
    """The units shown that belong to a layer with weights."""
    convs = [one.address for stage in path.stages if stage.kind == "convolution" for one in stage.maps]
    if not with_deciding:
        return convs
    pushes = (*path.decision.towards_winner, *path.decision.towards_runner_up)
    deciding = (UnitAddress.parse(push.unit) for push in pushes)
    layers = layer_names(classifier.network)  # the inputs of the last layer may be those of none
    return [*convs, *(address for address in deciding if address.layer in layers)]


def _patches(
    classifier: Classifier,
    units: Sequence[UnitAddress],
    images: DecodedImages,
    rows: Indices,
    on_progress: Progress | None,
) -> dict[str, tuple[Patch, ...]]:
    """The strongest patches of each unit."""
    patches, boxes, peaks = {}, dict[str, ReceptiveBoxes](), dict[str, Peaks]()
    for address in units:
        if address.layer not in boxes:
            size = classifier.preprocessing.size
            boxes[address.layer] = receptive_boxes(classifier.network, address.layer, size)
        if address.layer not in peaks:
            several = layer_peaks(classifier, address.layer, images, on_progress)
            peaks |= dict.fromkeys(several.layers, several)
        strip = make_strips(address, peaks[address.layer], images, rows, boxes[address.layer], most=NUM_PATCHES)[0]
        patches[str(address)] = strip.patches
    return patches


def _kernels(classifier: Classifier, path: ImagePath) -> dict[str, np.ndarray]:
    """The kernels of the shown maps of a first layer, which can be seen as images."""
    kernels = {}
    for stage in path.stages:
        module = find_layer(classifier.network, stage.layer)
        if isinstance(module, nn.Conv2d) and module.weight.shape[1] == 3:
            for one in stage.maps:
                weights = module.weight[one.address.number].detach().float().cpu().numpy()
                is_bgr = classifier.preprocessing.channels == "BGR"
                kernels[str(one.address)] = weights[::-1].copy() if is_bgr else weights.copy()
    return kernels
