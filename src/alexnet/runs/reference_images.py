"""The training images of a run by their features, to find those most like another image."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from alexnet.data.cache import DecodedImages
from alexnet.data.decode import Pixels, center_crop
from alexnet.inspection.features import compute_features, features_of
from alexnet.inspection.neighbours import nearest_rows
from alexnet.progress_callback import Progress
from alexnet.records import Neighbour
from alexnet.runs.run import Model, as_classifier
from alexnet.runs.train_images import training_images

__all__ = ["ReferenceImages"]

FAR_QUANTILE = 0.99
"""An image is far if fewer than one in a hundred training images is as far from its nearest one."""

NUM_MEASURED = 500


class ReferenceImages:
    """Training images, decoded, with their features in a layer.

    images: decoded, those of other splits too. notes: remarks on the features, one line each.
    """

    def __init__(
        self,
        model: Model,
        layer: str = "fc7",
        *,
        data: Path | str | None = None,
        on_progress: Progress | None = None,
    ) -> None:
        """Args:
        model, data: see `training_images`.
        layer: any layer.
        on_progress: called with (images done, images in all) while computing.
        """
        self._classifier, self._layer = as_classifier(model), layer
        self.images, train = training_images(model, data, on_progress=on_progress)
        table = compute_features(self._classifier, self.images, layer, on_progress=on_progress)
        self._values, self._rows = table.values, train
        self._files, self._labels = table.files, table.labels
        self.notes = table.notes

    def nearest(self, pixels: Pixels, names: Sequence[Path | str], k: int) -> list[tuple[Neighbour, ...]]:
        """The `k` nearest training images of each image, nearest first; an image is not its own neighbor.

        Args:
            pixels: decoded images, [N, S, S, 3].
            names: their paths.
        """
        queries = features_of(self._classifier, pixels, self._layer)
        rows, distances = nearest_rows(
            self._values,
            queries,
            k + 1,
            rows=self._rows,  # one more: the image itself may be among them
        )
        near = []
        for name, places, apart in zip(names, rows, distances, strict=True):
            own = _name_in(self.images, name)
            close = [
                Neighbour(self._files[row], self._labels[row], float(distance))
                for row, distance in zip(places, apart, strict=True)
                if self._files[row] != own
            ]
            near.append(tuple(close[:k]))
        return near

    def pixels_of(self, files: Iterable[str]) -> dict[str, Pixels]:
        """Training images by file name, each once, as the network gets them: uint8 [size, size, 3]."""
        rows = {name: row for row, name in enumerate(self._files)}
        decoded, preprocessing = self.images.pixels, self._classifier.preprocessing
        return {name: center_crop(decoded[rows[name]], preprocessing) for name in dict.fromkeys(files)}

    def far_distance(self) -> float:
        """The distance to its nearest other one that one in a hundred training images exceeds."""
        measured = self._rows[np.random.default_rng(0).permutation(len(self._rows))[:NUM_MEASURED]]
        _, apart = nearest_rows(self._values, self._values[measured], 2, rows=self._rows)
        return float(np.quantile(apart[:, -1], FAR_QUANTILE))


def _name_in(images: DecodedImages, path: Path | str) -> str | None:
    """The name of a file within the scanned folder; None where it lies elsewhere."""
    try:
        return Path(path).resolve().relative_to(images.folder.path.resolve()).as_posix()
    except ValueError:
        return None
