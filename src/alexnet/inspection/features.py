"""Features: what a layer makes of every image of a folder, computed once and kept on the disk."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from alexnet.data.cache import DecodedImages
from alexnet.data.decode import Pixels, center_crop, normalize
from alexnet.errors import DataError
from alexnet.files import disk_errors, write_whole
from alexnet.inspection.recording import recorded
from alexnet.model.checkpoint import Classifier
from alexnet.model.specs import Activation, Conv, Linear
from alexnet.records import Record

__all__ = ["Features", "compute_features", "features_of"]

BATCH = 256
"""Images in one forward pass."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Features(Record):
    """One vector for each image of a folder.

    Args:
        layer: the layer that gave them, behind its activation where one follows.
        files: names of the images, in the order of the rows.
        labels: name of each image's class folder.
        values: [N, D], float32, mapped from the disk, read-only; maps are laid out as one vector.
    """

    layer: str
    files: tuple[str, ...]
    labels: tuple[str, ...]
    values: Float32[np.ndarray, "N D"]

    def to_dict(self) -> dict[str, object]:
        """Layer, shape and files, without the values."""
        return {"layer": self.layer, "shape": list(self.values.shape), "files": list(self.files)}

    def save(self, path: Path) -> Path:
        """Write layer, files, labels and values as an .npz file, whole.

        Raises:
            DataError: the folder cannot be written.
        """

        def write(beside: Path) -> None:
            with beside.open("wb") as file:
                np.savez(file, values=self.values, files=self.files, labels=self.labels, layer=self.layer)

        with disk_errors(path, DataError, "choose another path"):
            write_whole(path, write)
        return path


def features_of(classifier: Classifier, pixels: Pixels, layer: str = "fc7") -> Float32[np.ndarray, "N D"]:
    """What a layer gives for decoded images, [N, S, S, 3] uint8; the network is left as found.

    Of `fc7` and other layers with weights, the activation's output is meant, where an activation follows.

    Raises:
        GeometryError: there is no such layer.
    """
    batches = [pixels[start : start + BATCH] for start in range(0, len(pixels), BATCH)]
    return np.concatenate([_forward(classifier, batch, _output_layer(classifier, layer)) for batch in batches])


def _output_layer(classifier: Classifier, layer: str) -> str:
    """The activation behind a layer with weights, else the layer itself."""
    for spec, following in pairwise(classifier.network.spec.layers):
        if spec.name == layer and isinstance(spec, Conv | Linear) and isinstance(following, Activation):
            return following.name
    return layer


def _forward(classifier: Classifier, pixels: Pixels, layer: str) -> np.ndarray:
    network = classifier.network
    device = next(network.parameters()).device
    cropped = np.stack([center_crop(image, classifier.preprocessing) for image in pixels])
    with recorded(network, [layer]) as outputs:
        network(normalize(torch.from_numpy(cropped).to(device), classifier.preprocessing))
    return outputs[layer].float().flatten(1).cpu().numpy()


def compute_features(
    classifier: Classifier, images: DecodedImages, layer: str = "fc7", *, on_progress: Progress | None = None
) -> Features:
    """The features of every usable image of a decoded folder, from the cache where they were computed before.

    They are kept beside the decoded images, under a key of the weights, the pixels and the layer: a changed weight
    or image is another key. A damaged file is noticed by its checksum and computed again. Memory stays bounded
    however many images there are.

    Args:
        on_progress: called with (images done, images in all) while computing.

    Raises:
        GeometryError: there is no such layer.
        DataError: the cache cannot be written.
    """
    output = _output_layer(classifier, layer)
    path = images.pixels_path.with_name(f"features-{_key(classifier, images, output)}.f32")
    size = _read_size(path, len(images.files))
    if size is None:
        with disk_errors(path, DataError, "free some space, or set ALEXNET_CACHE to another folder"):
            size = _build(path, classifier, images, output, on_progress)
    values = np.memmap(path, dtype=np.float32, mode="r", shape=(len(images.files), size))
    names = tuple(file.entry.name for file in images.files)
    return Features(layer, names, tuple(file.class_name for file in images.files), values)


def _key(classifier: Classifier, images: DecodedImages, layer: str) -> str:
    digest = blake2b(digest_size=12)
    digest.update(f"{layer} {classifier.preprocessing.to_dict()} {images.fingerprint}".encode())
    for name, tensor in classifier.network.state_dict().items():
        digest.update(name.encode())
        digest.update(_bytes_of(tensor))
    return digest.hexdigest()


def _bytes_of(tensor: Tensor) -> bytes:
    return tensor.detach().cpu().contiguous().numpy().tobytes()


def _manifest(path: Path) -> Path:
    return path.with_suffix(".json")


def _read_size(path: Path, count: int) -> int | None:
    """Numbers of each vector, where the file is whole; else None."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        manifest = json.loads(_manifest(path).read_text(encoding="utf-8"))
        size = int(manifest["size"])
        if path.stat().st_size == 4 * size * count and _checksum(path) == manifest["blake2b"]:
            return size
    return None


def _build(
    path: Path,
    classifier: Classifier,
    images: DecodedImages,
    layer: str,
    on_progress: Progress | None,
) -> int:
    sizes = set()

    def batches() -> Iterator[np.ndarray]:
        count = len(images.files)
        for start in range(0, count, BATCH):
            yield _forward(classifier, images.pixels[start : start + BATCH], layer)
            if on_progress:
                on_progress(min(start + BATCH, count), count)

    def write(beside: Path) -> None:
        with beside.open("wb") as file:
            for values in batches():
                sizes.add(values.shape[1])
                file.write(values.astype("<f4").tobytes())

    write_whole(path, write)
    size = sizes.pop()
    text = json.dumps({"size": size, "layer": layer, "blake2b": _checksum(path)})
    write_whole(_manifest(path), lambda beside: beside.write_text(text, encoding="utf-8"))
    return int(size)


def _checksum(path: Path) -> str:
    digest = blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
