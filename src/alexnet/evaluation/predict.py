"""Predict the classes of image files, with the preprocessing of the training, bit for bit."""

import glob
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice, tee
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from jaxtyping import Float

from alexnet.data.decode import Pixels, center_crop, decode_file, inspect_image
from alexnet.data.decode_files import decode_files
from alexnet.data.entry import Entry
from alexnet.data.folder_layout import IMAGE_ENDINGS, is_hidden
from alexnet.data.image_file import read_file
from alexnet.data.sources import FolderSource, open_source
from alexnet.errors import DataError, GeometryError
from alexnet.evaluation.calibration import apply_temperature
from alexnet.evaluation.evaluate import BATCH, in_eval_mode, make_predictions, probabilities
from alexnet.files import is_folder, is_there, shown_name, unescape_name
from alexnet.model.checkpoint import Classifier
from alexnet.records import Prediction, Preprocessing, Record

__all__ = ["Predictions", "UnreadableImage", "file_probabilities", "predict_images", "read_image"]

ARCHIVE_ENDINGS = (".tar", ".zip", ".tgz", ".gz", ".bz2", ".tbz2", ".xz", ".txz", ".zst", ".7z", ".rar")
"""Files that are opened as archives; of a compressed one, the error says how to unpack it."""

LARGEST_SIDE = 4096
"""Side in px to which an image may be enlarged; the largest that a network may have."""

Paths = Path | str | Sequence[Path | str]
Reader = Callable[[], bytes]


@dataclass(frozen=True)
class UnreadableImage(Record):
    """A file that is missing, damaged or not an image, and why."""

    file: str
    reason: str

    def __str__(self) -> str:
        return f"{shown_name(self.file)}: {self.reason}"


@dataclass(frozen=True, repr=False)
class Predictions(Sequence[Prediction]):
    """A prediction for each image, in order; indexed and iterated like a tuple.

    unreadable: the files that were skipped. temperature: what the logits were divided by, None for nothing.
    """

    predictions: tuple[Prediction, ...]
    unreadable: tuple[UnreadableImage, ...] = ()
    temperature: float | None = None

    def __repr__(self) -> str:
        return f"Predictions(num_images={len(self.predictions)}, num_unreadable={len(self.unreadable)})"

    def __len__(self) -> int:
        return len(self.predictions)

    @overload
    def __getitem__(self, place: int) -> Prediction: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Prediction, ...]: ...
    def __getitem__(self, place: int | slice) -> Prediction | tuple[Prediction, ...]:
        return self.predictions[place]

    def to_dict(self, *, top: int = 5) -> dict[str, Any]:
        """As plain data. top: classes to name for each image, at most 5."""
        values = [prediction.to_dict() for prediction in self.predictions]
        return {
            "predictions": [value | {"top": value["top"][:top]} for value in values],
            "unreadable": [image.to_dict() for image in self.unreadable],
            "temperature": self.temperature,
        }


def read_image(path: Path | str, classifier: Classifier, *, size: int | None = None) -> Pixels:
    """An image file as the network gets it in testing: uint8 [size, size, 3].

    Args:
        size: another side in px than the network's, from 1 to 4096.

    Raises:
        DataError: the file is missing or not an image.
        GeometryError: the size is out of range.
    """
    preprocessing = classifier.preprocessing
    if size is not None:
        if not 1 <= size <= LARGEST_SIDE:
            raise GeometryError(f"size {size}: give 1 to {LARGEST_SIDE} px")
        cut_from = preprocessing.cut_from and max(size, round(size * preprocessing.cut_from / preprocessing.size))
        preprocessing = replace(preprocessing, size=size, cut_from=cut_from)
    return center_crop(decode_file(path, preprocessing), preprocessing)


def predict_images(
    classifier: Classifier,
    images: Paths,
    *,
    skip_unreadable: bool = False,
    temperature: float | None = None,
    extend: Callable[["PredictedBatch"], Iterable[Prediction]] = lambda batch: batch.predictions,
    on_progress: Callable[[int], None] | None = None,
) -> Predictions:
    """Predict the classes of images, in order, in batches.

    Args:
        images: an image file, a folder or archive of images (all of them, however deep), a pattern such as
            `photos/*.jpg`, or several of these.
        skip_unreadable: leave out files that cannot be read, and name them in the result.
        temperature: what the logits are divided by; None for nothing.
        extend: gives the predictions of a batch with more about each image.
        on_progress: called with the number of files done.

    Raises:
        DataError: a file cannot be read (unless such files are skipped), or a folder holds no image.
        WeightsError: the network's outputs are not numbers.
    """
    predictions: list[Prediction] = []
    unreadable: list[UnreadableImage] = []
    for batch in predict_batches(classifier, find_images(images), temperature=temperature):
        if batch.unreadable and not skip_unreadable:
            raise DataError(str(batch.unreadable[0]))
        unreadable += batch.unreadable
        predictions += extend(batch) if batch.predictions else ()
        if on_progress:
            on_progress(len(predictions) + len(unreadable))
    return Predictions(tuple(predictions), tuple(unreadable), temperature)


@dataclass(frozen=True, eq=False)
class PredictedBatch:
    """A few images: their pixels [N, S, S, 3], predictions, and what reads their files; and files without pixels."""

    pixels: Pixels
    predictions: tuple[Prediction, ...]
    readers: tuple[Reader, ...]
    unreadable: tuple[UnreadableImage, ...]


def predict_batches(
    classifier: Classifier,
    paths: Iterable[Path | str],
    *,
    temperature: float | None = None,
    skip: Callable[[str], bool] = lambda _name: False,
) -> Iterator[PredictedBatch]:
    """Predict the images at some paths, a batch at a time, in order and in constant memory.

    Args:
        temperature: what the logits are divided by; None for nothing.
        skip: whether to leave out the file of a name; asked once for each file.

    Raises:
        DataError: a folder or archive is missing, damaged, or holds no image.
        WeightsError: the network's outputs are not numbers.
    """
    size = classifier.preprocessing.decoded_size
    decoded = chain.from_iterable(_decode(Path(path), classifier.preprocessing, skip) for path in paths)
    while batch := list(islice(decoded, BATCH)):
        good = [(name, pixels, read) for name, pixels, read in batch if not isinstance(pixels, str)]
        bad = tuple(UnreadableImage(name, reason) for name, reason, _ in batch if isinstance(reason, str))
        pixels = np.stack([pixels for _, pixels, _ in good]) if good else np.empty((0, size, size, 3), np.uint8)
        predictions = _predict([name for name, _, _ in good], pixels, classifier, temperature) if good else ()
        yield PredictedBatch(pixels, predictions, tuple(read for _, _, read in good), bad)


def find_images(images: Paths) -> tuple[Path, ...]:
    """Paths with patterns such as `photos/*.jpg` replaced by what they match, in order.

    Raises:
        DataError: a pattern matches nothing.
    """
    paths: list[Path] = []
    for path in [images] if isinstance(images, str | Path) else images:
        is_pattern = any(mark in str(path) for mark in "*?[") and not is_there(path)
        matches = sorted(glob.glob(str(path), recursive=True)) if is_pattern else [str(path)]  # noqa: PTH207
        if not matches:
            raise DataError(f"{shown_name(path)}: no image matches this pattern; check it")
        paths += map(Path, matches)
    return tuple(paths)


def _decode(
    path: Path, preprocessing: Preprocessing, skip: Callable[[str], bool]
) -> Iterator[tuple[str, Pixels | str, Reader]]:
    """The file at `path`, or each image below it: its name, its pixels or why it has none, and what reads it."""
    if not is_folder(path) and not path.name.lower().endswith(ARCHIVE_ENDINGS):
        if skip(str(path)):
            return
        try:
            yield str(path), decode_file(path, preprocessing), partial(read_file, path)
        except DataError as error:
            yield str(path), str(error).removeprefix(f"{shown_name(path)}: "), partial(read_file, path)
        return
    source = open_source(path)
    listed = source.walk() if isinstance(source, FolderSource) else iter(source.entries)
    images = (entry for entry in listed if _may_be_image(entry.name))
    first = next(images, None)
    if first is None:
        raise DataError(f"{shown_name(path)}: holds no images; give image files, or a folder or archive of them")
    entries, decoded = tee(entry for entry in chain([first], images) if not skip(_path_in(path, entry)))
    for entry, (pixels, facts) in zip(entries, decode_files(source, decoded, preprocessing), strict=True):
        name, reader = _path_in(path, entry), partial(source.read, entry)
        yield name, f"cannot be used ({facts.error}); give an image file" if pixels is None else pixels, reader


def _path_in(path: Path, entry: Entry) -> str:
    return f"{path}/{unescape_name(entry.name)}"


def _may_be_image(name: str) -> bool:
    *folders, last = name.split("/")
    return not any(map(is_hidden, (*folders, last))) and last.lower().endswith(IMAGE_ENDINGS)


def file_probabilities(classifier: Classifier, data: bytes, name: str) -> Float[np.ndarray, " K"]:
    """Probabilities of every class for an image file, as `predict_images` computes them.

    Args:
        data: the bytes of the file. name: what the file is called in an error.

    Raises:
        DataError: it is not an image that can be used.
    """
    pixels, facts = inspect_image(data, classifier.preprocessing)
    if pixels is None:
        raise DataError(f"{shown_name(name)[:80]}: cannot be used ({facts.error}); choose an image file")
    return _probabilities(np.stack([pixels]), classifier)[0].numpy()


def _probabilities(pixels: Pixels, classifier: Classifier) -> Float[torch.Tensor, "N K"]:
    device = next(classifier.network.parameters()).device
    with in_eval_mode(classifier.network):
        x = torch.from_numpy(pixels).to(device)
        return probabilities(classifier.network, x, classifier.preprocessing, views=classifier.views).cpu()


def _predict(
    names: Sequence[str], pixels: Pixels, classifier: Classifier, temperature: float | None
) -> tuple[Prediction, ...]:
    probs = _probabilities(pixels, classifier)
    if temperature is not None:
        probs = torch.from_numpy(apply_temperature(probs.numpy(), temperature))
    return make_predictions(names, probs, classifier.classes)
