"""A map of a run's images: near together where a layer makes much the same of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import nn

from alexnet.csv_files import write_csv
from alexnet.data.cache import DecodedImages
from alexnet.data.decode import center_crop
from alexnet.errors import RecipeError
from alexnet.files import shown_name
from alexnet.inspection.ablation import forward_from
from alexnet.inspection.features import Features, compute_features, compute_logits
from alexnet.inspection.neighbours import nearest_rows
from alexnet.inspection.network_layers import output_layer
from alexnet.inspection.projection import METHODS_OF_PROJECTION, principal_components, tsne
from alexnet.inspection.recording import preserved
from alexnet.model.alexnet import AlexNet
from alexnet.model.checkpoint import Classifier
from alexnet.progress_callback import Progress
from alexnet.records import Record
from alexnet.runs.own_images import own_split
from alexnet.runs.run import Model, as_classifier, as_run
from alexnet.runs.train_images import training_images

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ImageMap", "map_images"]

QUERIES = 1024
"""Images whose neighbors are looked for at a time."""

WITHOUT_TSNE = (
    "mapped by principal components; t-SNE, which keeps near images near, needs scikit-learn: "
    "pip install 'alexnet-workbench[map]'"
)
"""The note on a map whose method was left open."""

COLUMNS = ("file", "true", "predicted", "set", "x", "y")

NUM_NEAR = 5
"""Neighbors of each image."""


@dataclass(frozen=True, eq=False)
class ImageMap(Record):
    """Every image of a folder at a point of a plane.

    Args:
        layer, method: whose features, and how they became two numbers: `tsne` or `pca`.
        files, labels, predicted: of every image its name, class folder and predicted class.
        sets: what the run's training used each image for: `train`, `validation` or `test`; "" for other images.
        places: [N, 2], y upward.
        explained: of `pca`, the fraction of the variance along each axis.
        neighbors: [N, k], rows of the nearest images by the layer's features, nearest first.
        notes: remarks, one line each.
        images: the decoded images.
        classes: those that the network knows; an image of another class can be no mistake.

    >>> alexnet.map_images("runs/first", method="pca").to_dict()["num_images"]
    93
    """

    layer: str
    method: str
    files: tuple[str, ...]
    labels: tuple[str, ...]
    predicted: tuple[str, ...]
    sets: tuple[str, ...]
    places: Float[np.ndarray, "N 2"]
    explained: tuple[float, float] | None
    neighbors: Int[np.ndarray, "N K"]
    notes: tuple[str, ...]
    images: DecodedImages
    classes: tuple[str, ...]

    @property
    def is_mistake(self) -> Bool[np.ndarray, " N"]:
        """Whether each image is of a class that the network knows, and another is predicted."""
        known, pairs = set(self.classes), zip(self.labels, self.predicted, strict=True)
        return np.array([label in known and label != predicted for label, predicted in pairs], bool)

    @property
    def num_mistakes(self) -> int:
        """Wrongly classified images, training images included."""
        return int(self.is_mistake.sum())

    @property
    def num_unknown(self) -> int:
        """Images of a class that the network does not know."""
        known = set(self.classes)
        return sum(label not in known for label in self.labels)

    def to_dict(self) -> dict[str, Any]:
        """As plain data, with a point for every image and without pixels."""
        return {
            "layer": self.layer,
            "method": self.method,
            "explained": None if self.explained is None else list(self.explained),
            "num_images": len(self.files),
            "num_mistakes": self.num_mistakes,
            "num_unknown": self.num_unknown,
            "images": [
                {"file": file, "label": label, "predicted": predicted, "set": of, "place": place}
                for file, label, predicted, of, *place in self._rows()
            ],
            "notes": list(self.notes),
        }

    def _rows(self) -> Iterable[tuple[Any, ...]]:
        """A row for each image, in the order of `COLUMNS`."""
        places = self.places.tolist()
        return zip(self.files, self.labels, self.predicted, self.sets, *zip(*places, strict=True), strict=True)

    def table(self) -> list[tuple[Any, ...]]:
        """A row for each image, below the names of the columns: file, true, predicted, set, x, y.

        >>> alexnet.map_images("runs/first", method="pca").table()[0]
        ('file', 'true', 'predicted', 'set', 'x', 'y')
        """
        return [COLUMNS, *self._rows()]

    def save_csv(self, path: Path | str) -> Path:
        """Write the table.

        Raises:
            DataError: it cannot be written.

        >>> alexnet.map_images("runs/first", method="pca").save_csv("map.csv").name
        'map.csv'
        """
        return write_csv(self.table(), path)

    def thumbnail(self, row: int) -> np.ndarray:
        """An image as the network gets it, uint8 [S, S, 3]."""
        return center_crop(self.images.pixels[row], self.images.preprocessing)

    def draw(self) -> "Figure":
        """Draw the map: a point for each image, a cross on mistakes, and thumbnails of images that lie apart.

        >>> figure = alexnet.map_images("runs/first", method="pca").draw()
        """
        from alexnet.figures.image_scatter import choose_apart, draw_scatter

        chosen = choose_apart(self.places)
        names = [shown_name(label) for label in self.labels]
        return draw_scatter(
            self.places, names, self.is_mistake, [(row, self.thumbnail(row)) for row in chosen], self.title
        )

    @property
    def title(self) -> str:
        """Number of images, layer, method and mistakes in one line."""
        how = "t-SNE" if self.method == "tsne" else "principal components"
        if self.explained is not None:
            how += f" ({100 * self.explained[0]:.0f} % and {100 * self.explained[1]:.0f} % of the variance)"
        return f"{len(self.files):,} images by {self.layer}, {how}; {self._mistakes_in_words}"

    @property
    def _mistakes_in_words(self) -> str:
        count, unknown = len(self.files), self.num_unknown
        if not unknown:
            return f"{self.num_mistakes} classified wrongly"
        if unknown == count:
            return "none is of a class that the network knows"
        return (
            f"{self.num_mistakes} of the {count - unknown:,} that are of a class that the network knows classified "
            f"wrongly, {unknown:,} of other classes"
        )


def map_images(
    model: Model,
    *,
    layer: str = "fc7",
    method: str | None = None,
    data: Path | str | None = None,
    seed: int = 0,
    on_progress: Progress | None = None,
) -> ImageMap:
    """Place every image of a run, training and test, on a plane by its features in a layer.

    Args:
        model: a network, a run, or the path of a run's folder.
        layer: any layer.
        method: `tsne` keeps near images near (needs scikit-learn); `pca` keeps the directions of largest variance;
            None chooses `tsne` where scikit-learn is installed.
        data: other images; required for a network without a run.
        seed: of t-SNE.
        on_progress: called with (images done, images in all) while computing features.

    Raises:
        DataError: the images are not where they were, or have changed.
        GeometryError: there is no such layer.
        RecipeError: there is no such method, or scikit-learn is not installed.

    >>> alexnet.map_images("runs/first", method="pca").places.shape
    (93, 2)
    """
    notes: tuple[str, ...] = ()
    if method is None:
        method = "tsne" if find_spec("sklearn") else "pca"
        notes = () if method == "tsne" else (WITHOUT_TSNE,)
    if method not in METHODS_OF_PROJECTION:
        raise RecipeError(f"method {method}: choose one of {', '.join(METHODS_OF_PROJECTION)}")
    classifier = as_classifier(model)
    images, _ = training_images(model, data, on_progress=on_progress)
    features = compute_features(classifier, images, layer, on_progress=on_progress)
    places, explained = project(features.values, method, seed)
    predicted = _predicted(classifier, images, features, on_progress)
    near = nearest_of_all(features.values)
    notes += features.notes
    return ImageMap(
        layer, method, features.files, features.labels, predicted, _sets(model, images), places, explained, near,
        notes, images, classifier.classes,
    )  # fmt: skip


def _sets(model: Model, images: DecodedImages) -> tuple[str, ...]:
    """Of every image the part of the run's split that it is in; "" where it is in none, or not the run's."""
    names = [""] * len(images.files)
    if not isinstance(model, Classifier):
        run = as_run(model)
        if images.fingerprint == run.about.data.fingerprint:
            split = own_split(run, images)
            for name in ("train", "validation", "test"):
                for row in getattr(split, name).indices.tolist():
                    names[row] = name
    return tuple(names)


def project(
    values: Float[np.ndarray, "N D"], method: str, seed: int = 0
) -> tuple[Float[np.ndarray, "N 2"], tuple[float, float] | None]:
    """Places on a plane, and of `pca` the fraction of the variance along each axis."""
    if method == "tsne":
        return tsne(values, seed=seed), None
    places, fractions = principal_components(values, 2)
    if places.shape[1] < 2:
        places, fractions = np.pad(places, ((0, 0), (0, 1))), np.pad(fractions, (0, 1))
    return places, (float(fractions[0]), float(fractions[1]))


def nearest_of_all(values: Float[np.ndarray, "N D"], k: int = NUM_NEAR) -> Int[np.ndarray, "N K"]:
    """For every row the nearest other rows, nearest first."""
    parts = []
    for start in range(0, len(values), QUERIES):
        rows = np.arange(start, min(start + QUERIES, len(values)))
        near, _ = nearest_rows(values, values[rows], k + 1)
        parts.append(
            [[other for other in line if other != row][:k] for row, line in zip(rows, near.tolist(), strict=True)]
        )
    return np.array([line for part in parts for line in part], np.int64)


def _predicted(
    classifier: Classifier, images: DecodedImages, features: Features, on_progress: Progress | None
) -> tuple[str, ...]:
    """The class that the network gives each image, by its center; from the features where nothing else is needed."""
    network: nn.Module = classifier.network  # of any kind
    name = output_layer(network, features.layer)
    if isinstance(network, AlexNet) and name in {layer.name for layer in network.spec.classifier}:
        device = next(network.parameters()).device
        numbers: list[int] = []
        with preserved(network), torch.inference_mode():
            network.eval()
            for start in range(0, len(features.values), QUERIES):
                vectors = torch.from_numpy(np.array(features.values[start : start + QUERIES])).to(device)
                numbers += forward_from(network, name, vectors).argmax(1).tolist()
    else:
        numbers = np.asarray(compute_logits(classifier, images, on_progress=on_progress).values).argmax(1).tolist()
    return tuple(classifier.classes[number] for number in numbers)
