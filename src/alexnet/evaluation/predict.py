"""Predict the classes of image files, with the preprocessing of the training, bit for bit."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from alexnet.data.decode import Pixels, centre_crop, decode_file
from alexnet.evaluation.evaluate import BATCH, in_eval_mode, make_prediction, probabilities
from alexnet.model.checkpoint import Classifier
from alexnet.records import Prediction

__all__ = ["predict", "read_image"]


def read_image(path: Path | str, classifier: Classifier) -> Pixels:
    """An image file as the network gets it in testing: uint8 [size, size, 3].

    Raises:
        DataError: the file is missing or no image.
    """
    return centre_crop(_decode(path, classifier), classifier.preprocessing)


def _decode(path: Path | str, classifier: Classifier) -> Pixels:
    """An image file as the square that views are cut from."""
    return decode_file(path, classifier.preprocessing)


def predict(classifier: Classifier, paths: Sequence[Path | str]) -> Iterator[Prediction]:
    """A prediction for each image file, in order, computed in batches.

    Raises:
        DataError: a file is missing or no image; those before it have been given.
    """
    device = next(classifier.network.parameters()).device
    for start in range(0, len(paths), BATCH):
        chunk = paths[start : start + BATCH]
        pixels = torch.from_numpy(np.stack([_decode(path, classifier) for path in chunk])).to(device)
        with in_eval_mode(classifier.network):
            probs = probabilities(classifier.network, pixels, classifier.preprocessing, views=classifier.views).cpu()
        for path, row in zip(chunk, probs, strict=True):
            yield make_prediction(str(path), row, classifier.classes)
