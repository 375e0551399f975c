"""Features: the outputs of a layer for every image of a folder, computed once and kept on the disk."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32

from alexnet.data.cache import DecodedImages
from alexnet.data.decode import Pixels
from alexnet.errors import DataError
from alexnet.files import disk_errors, shown_name, write_whole
from alexnet.inspection.network_layers import find_layer, network_input, output_layer
from alexnet.inspection.pass_size import images_at_once
from alexnet.inspection.recording import preserved, recorded
from alexnet.inspection.row_cache import CachedRows, batches_of, cached_rows
from alexnet.model.checkpoint import Classifier
from alexnet.model.logits import check_logits
from alexnet.progress_callback import Progress
from alexnet.records import Record

__all__ = ["Features", "compute_features", "compute_logits", "features_of", "kind_of_features"]


@dataclass(frozen=True, eq=False)
class Features(Record):
    """One vector for each image of a folder.

    Args:
        layer: the layer whose outputs they are, after its activation where one follows.
        files: names of the images, in the order of the rows.
        labels: name of each image's class folder.
        values: [N, D], float32, memory-mapped and read-only; the maps of a convolutional layer are flattened.
        notes: remarks, one line each.
    """

    layer: str
    files: tuple[str, ...]
    labels: tuple[str, ...]
    values: Float32[np.ndarray, "N D"]
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """As plain data: layer, shape and files, without the values."""
        return {"layer": self.layer, "shape": list(self.values.shape), "files": list(self.files)}

    def save(self, path: Path) -> Path:
        """Write layer, files, labels and values as an .npz file, whole.

        Raises:
            DataError: the folder cannot be written, or the name does not end in .npz.
        """
        if path.suffix.lower() != ".npz":
            raise DataError(f"{shown_name(path)}: features are written as .npz; choose a name with that ending")

        def write(beside: Path) -> None:
            with beside.open("wb") as file:
                np.savez(file, values=self.values, files=self.files, labels=self.labels, layer=self.layer)

        with disk_errors(path, DataError, "choose another path"):
            write_whole(path, write)
        return path


def features_of(classifier: Classifier, pixels: Pixels, layer: str = "fc7") -> Float32[np.ndarray, "N D"]:
    """What a layer gives for decoded images, [N, S, S, 3] uint8; the network is preserved.

    Of `fc7` and other layers with weights, the activation's output is meant, where an activation follows.

    Raises:
        GeometryError: there is no such layer.
    """
    step = images_at_once(classifier.preprocessing.size)
    batches = [pixels[start : start + step] for start in range(0, len(pixels), step)]
    name = output_layer(classifier.network, layer)
    return np.concatenate([_forward(classifier, batch, name) for batch in batches])


def kind_of_features(layer: str) -> str:
    """What `cached_rows` calls a layer's outputs."""
    return f"features {layer}"


def _forward(classifier: Classifier, pixels: Pixels, layer: str) -> np.ndarray:
    with recorded(classifier.network, [layer]) as outputs:
        classifier.network(network_input(classifier, pixels))
    return outputs[layer].float().flatten(1).cpu().numpy()


def compute_features(
    classifier: Classifier, images: DecodedImages, layer: str = "fc7", *, on_progress: Progress | None = None
) -> Features:
    """The features of every usable image of a decoded folder, from the cache where they were computed before.

    They are kept beside the decoded images, under a key of the weights, the pixels and the layer: a changed weight
    or image is another key. A damaged file is noticed by its checksum and computed again, and `notes` says so.
    Memory stays bounded however many images there are, and however large.

    Args:
        on_progress: called with (images done, images in all) while computing.

    Raises:
        GeometryError: there is no such layer.
        DataError: the cache cannot be written.
    """
    name = output_layer(classifier.network, layer)
    find_layer(classifier.network, name)

    def compute() -> Iterator[np.ndarray]:
        for pixels in batches_of(images, on_progress):
            yield _forward(classifier, pixels, name)

    rows = cached_rows(kind_of_features(name), classifier, images, compute)
    names = tuple(file.entry.name for file in images.files)
    labels = tuple(file.class_name for file in images.files)
    return Features(layer, names, labels, rows.values, rows.notes)


def compute_logits(
    classifier: Classifier, images: DecodedImages, *, on_progress: Progress | None = None
) -> CachedRows:
    """What the network itself gives for the center of every usable image, [N, K], cached as features are.

    Args:
        on_progress: called with (images done, images in all) while computing.

    Raises:
        DataError: the cache cannot be written.
    """

    def compute() -> Iterator[np.ndarray]:
        for pixels in batches_of(images, on_progress):
            with preserved(classifier.network), torch.inference_mode():
                classifier.network.eval()
                logits = classifier.network(network_input(classifier, pixels))
                yield check_logits(logits, classifier.classes).float().cpu().numpy()

    return cached_rows("logits", classifier, images, compute)
