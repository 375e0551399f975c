"""The wrongly classified images of a run, each with everything that helps to tell why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8

from alexnet.data.decode import center_crop, inspect_image
from alexnet.errors import DataError, GeometryError, RecipeError
from alexnet.evaluation.evaluate import in_eval_mode, probabilities
from alexnet.inspection.attribution import AttributionMap, attribute_all
from alexnet.inspection.faithfulness import Faithfulness, check_maps
from alexnet.progress_callback import Progress
from alexnet.records import Neighbour, Prediction, Record
from alexnet.runs.images import read_files
from alexnet.runs.reference_images import ReferenceImages
from alexnet.runs.run import Run, RunLike, as_run

__all__ = ["LAYER", "MistakeDetail", "MistakeDetails", "explain_mistakes"]

BATCH = 64
"""Images in one forward pass."""

LAYER = "fc7"
"""Whose features tell which training images are near."""

NUM_NEAR = 5


@dataclass(frozen=True, eq=False)
class MistakeDetail(Record):
    """One wrongly classified image.

    Args:
        prediction: as the run's test has it.
        image: what the network gets, uint8 [S, S, 3].
        probabilities: of every class, in the network's order, averaged over the run's views.
        heat_map: what supports the predicted class; None if none was asked for.
        test: of the heat map; None where it was not tested.
        neighbours: the nearest training images; empty where there are none to look at.
    """

    prediction: Prediction
    image: UInt8[np.ndarray, "S S 3"]
    probabilities: tuple[float, ...]
    heat_map: AttributionMap | None
    test: Faithfulness | None
    neighbours: tuple[Neighbour, ...]

    def to_dict(self) -> dict[str, Any]:
        """As plain data, without pixels."""
        heat: dict[str, Any] | None = None
        if self.heat_map is not None:
            heat = {"target": self.heat_map.target, "layer": self.heat_map.layer, "method": self.heat_map.method}
        if heat is not None and self.test is not None:
            heat |= {"says_something": self.test.says_something, "verdict": str(self.test)}
        return {
            **self.prediction.to_dict(),
            "probabilities": list(self.probabilities),
            "heat_map": heat,
            "neighbours": [neighbour.to_dict() for neighbour in self.neighbours],
        }


@dataclass(frozen=True, eq=False)
class MistakeDetails(Record):
    """Wrongly classified images of a run in detail.

    Args:
        classes: of the network, as the probabilities count them.
        confusion: confusion[i][j] is the number of test images of class i predicted as class j.
        num_mistakes: wrongly classified test images in all.
        details: those looked at, the most certain first.
        thumbnails: the images named as neighbors, uint8 [S, S, 3], by file.
        notes: what could not be shown, and why.
    """

    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    num_mistakes: int
    details: tuple[MistakeDetail, ...]
    thumbnails: Mapping[str, UInt8[np.ndarray, "S S 3"]]
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As plain data, without pixels."""
        return {
            "classes": list(self.classes),
            "num_mistakes": self.num_mistakes,
            "mistakes": [detail.to_dict() for detail in self.details],
            "notes": list(self.notes),
        }


def explain_mistakes(
    run: RunLike,
    files: Sequence[str] | None = None,
    *,
    most: int = 240,
    num_heat_maps: int | None = None,
    num_tested: int = 24,
    with_neighbors: bool = True,
    on_progress: Progress | None = None,
) -> MistakeDetails:
    """Explain wrongly classified test images: probabilities, tested heat map, nearest training images.

    Args:
        run: a run, or the path of its folder.
        files: names of test images to look at, whether they are wrong or not; by default the mistakes that the
            network was most certain of.
        most: largest number of images.
        num_heat_maps: how many of the images, from the first, get a Grad-CAM heat map; by default all.
        num_tested: how many of the heat maps, from the first, are tested; a test takes much longer than its map.
        with_neighbors: find the nearest training images by the features of fc7; the first time, this computes the
            features of every image of the run.
        on_progress: called with (images done, images in all) while computing features, and then heat maps and tests.

    Raises:
        RunError: the run is not finished, or damaged.
        DataError: there is no test image of such a name.

    >>> details = alexnet.explain_mistakes("runs/first", most=2)
    >>> len(details.details[0].probabilities)
    3
    """
    run = as_run(run)
    chosen = _choose(run, files)[:most]
    decoded, missing = _decode(run, chosen)
    kept = [prediction for prediction in chosen if prediction.file in decoded]
    probs = _probabilities(run, [decoded[prediction.file] for prediction in kept])
    images = [center_crop(decoded[prediction.file], run.model.preprocessing) for prediction in kept]
    near, thumbnails, notes = _neighbours(run, kept, images, on_progress) if with_neighbors and kept else ({}, {}, ())
    count = len(kept) if num_heat_maps is None else min(num_heat_maps, len(kept))
    maps, why_not = _heat_maps(run, kept[:count], images, num_tested, on_progress)
    maps += [(None, None)] * (len(kept) - len(maps))
    details = [
        MistakeDetail(each, image, row, heat, test, near.get(each.file, ()))
        for each, image, row, (heat, test) in zip(kept, images, probs, maps, strict=True)
    ]
    evaluation = run.evaluation
    return MistakeDetails(
        evaluation.classes, evaluation.confusion, evaluation.num_mistakes, tuple(details), thumbnails,
        (*missing, *notes, *why_not),
    )  # fmt: skip


def _choose(run: Run, files: Sequence[str] | None) -> list[Prediction]:
    if files is None:
        return list(run.mistakes())
    by_name = {prediction.file: prediction for prediction in run.predictions}
    unknown = [name for name in files if name not in by_name]
    if unknown:
        raise DataError(f"{run.path}: tested no image {unknown[0]}; give names as predictions.csv has them")
    return [by_name[name] for name in files]


def _decode(run: Run, chosen: Sequence[Prediction]) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """The decoded squares by file, and a note where some are no longer there."""
    decoded = {}
    try:
        for name, data in read_files(run.data_path, [p.file for p in chosen], missing_ok=True):
            pixels, _ = inspect_image(data, run.model.preprocessing)
            if pixels is not None:
                decoded[name] = pixels
    except DataError:  # not even the folder is there
        decoded = {}
    num_missing = len(chosen) - len(decoded)
    note = f"{num_missing} of the wrongly classified images are no longer where they were, and are not shown."
    return decoded, (note,) if num_missing else ()


def _probabilities(run: Run, decoded: Sequence[np.ndarray]) -> list[tuple[float, ...]]:
    classifier, rows = run.model, list[list[float]]()
    device = next(classifier.network.parameters()).device
    with in_eval_mode(classifier.network):
        for start in range(0, len(decoded), BATCH):
            x = torch.from_numpy(np.stack(decoded[start : start + BATCH])).to(device)
            rows += probabilities(classifier.network, x, classifier.preprocessing, views=classifier.views).tolist()
    return [tuple(row) for row in rows]


def _neighbours(
    run: Run, kept: Sequence[Prediction], images: Sequence[np.ndarray], on_progress: Progress | None
) -> tuple[dict[str, tuple[Neighbour, ...]], dict[str, np.ndarray], tuple[str, ...]]:
    """The neighbors of every image, their pixels, and a note where there are none."""
    try:
        reference = ReferenceImages(run, LAYER, on_progress=on_progress)
    except DataError as error:
        return {}, {}, (f"Without neighbors: {error}",)
    files = [prediction.file for prediction in kept]
    paths = [reference.images.folder.path / file for file in files]
    near = dict(zip(files, reference.nearest(np.stack(images), paths, NUM_NEAR), strict=True))
    return near, reference.pixels_of(each.file for close in near.values() for each in close), reference.notes


def _heat_maps(
    run: Run,
    kept: Sequence[Prediction],
    images: Sequence[np.ndarray],
    num_tested: int,
    on_progress: Progress | None,
) -> tuple[list[tuple[AttributionMap | None, Faithfulness | None]], tuple[str, ...]]:
    """Of each image the map for the predicted class, of the first ones its test; a note where Captum is missing."""
    try:
        targets = [prediction.predicted for prediction, _ in zip(kept, images, strict=False)]
        maps = attribute_all(run.model, images[: len(targets)], targets, on_progress=on_progress)
    except (RecipeError, GeometryError) as error:
        return [], (f"Without heat maps: {error}",)
    tests = check_maps(run.model, maps[:num_tested], on_progress=on_progress)
    return list(zip_longest(maps, tests)), ()
