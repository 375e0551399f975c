"""Predict the classes of picture files, with the preprocessing of the training, bit for bit."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from alexnet.data.decode import Pixels, centre_crop, decode_picture
from alexnet.errors import DataError
from alexnet.evaluation.evaluate import BATCH, in_eval_mode, make_prediction, probabilities
from alexnet.model.checkpoint import TrainedNetwork
from alexnet.records import Prediction

__all__ = ["predict", "read_picture"]


def read_picture(path: Path | str, trained: TrainedNetwork) -> Pixels:
    """A picture file as the network gets it in testing: uint8 [size, size, 3].

    Raises:
        DataError: the file is missing or no picture.
    """
    return centre_crop(_decode(path, trained), trained.preprocessing)


def _decode(path: Path | str, trained: TrainedNetwork) -> Pixels:
    """A picture file as the square that views are cut from."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    try:
        return decode_picture(data, trained.preprocessing)
    except DataError as error:
        raise DataError(f"{path}: cannot be used ({error}); give a picture file") from error


def predict(trained: TrainedNetwork, paths: Sequence[Path | str]) -> Iterator[Prediction]:
    """A prediction for each picture file, in order, computed in batches.

    Raises:
        DataError: a file is missing or no picture; those before it have been given.
    """
    device = next(trained.network.parameters()).device
    for start in range(0, len(paths), BATCH):
        chunk = paths[start : start + BATCH]
        pixels = torch.from_numpy(np.stack([_decode(path, trained) for path in chunk])).to(device)
        with in_eval_mode(trained.network):
            probs = probabilities(trained.network, pixels, trained.preprocessing, views=trained.views).cpu()
        for path, row in zip(chunk, probs, strict=True):
            yield make_prediction(str(path), row, trained.classes)
