"""The test error with and without the test images that have a twin among the training images."""

from dataclasses import dataclass

from alexnet.data.near_duplicates import find_near_duplicates
from alexnet.progress_callback import Progress
from alexnet.records import Record, wilson_interval
from alexnet.runs.own_images import decode_own_images, own_split
from alexnet.runs.run import RunLike, as_run

__all__ = ["TwinScore", "evaluate_without_twins"]


@dataclass(frozen=True)
class TwinScore(Record):
    """A run's test error with and without its twins: test images that are near duplicates of a training image.

    Args:
        num_images: test images.
        twins: pairs (test image, the training image that it nearly equals).
        all_error, without_error, twin_error: top-1 error on all test images, on those without a twin, and on the
            twins; None where there are no such images.
        all_interval, without_interval, twin_interval: 95 % intervals of these errors.
    """

    num_images: int
    twins: tuple[tuple[str, str], ...]
    all_error: float
    all_interval: tuple[float, float]
    without_error: float | None
    without_interval: tuple[float, float]
    twin_error: float | None
    twin_interval: tuple[float, float]


def evaluate_without_twins(run: RunLike, *, on_progress: Progress | None = None) -> TwinScore:
    """Give a finished run's test error with and without test images that are near duplicates of a training image.

    Args:
        run: a run, or the path of its folder; its stored predictions are scored.
        on_progress: called with (images done, images in all) while near duplicates are looked for.

    Raises:
        DataError: the run's images are missing or have changed.
        RunError: the run is not finished or damaged.

    >>> alexnet.evaluate_without_twins("runs/first").num_images
    21
    """
    run = as_run(run)
    predictions = run.predictions
    images = decode_own_images(run)
    split = own_split(run, images)
    train = {images.files[row].entry.name for row in split.train.indices}
    tested = {prediction.file for prediction in predictions}
    twins: dict[str, str] = {}
    for pair in find_near_duplicates(images, on_progress=on_progress):
        for first, second in ((pair.a, pair.b), (pair.b, pair.a)):
            if first in tested and second in train:
                twins.setdefault(first, second)
    wrong = {prediction.file: prediction.is_mistake for prediction in predictions}

    def rate(files: set[str]) -> tuple[float | None, tuple[float, float]]:
        hits = sum(wrong[file] for file in files)
        return (hits / len(files) if files else None), wilson_interval(hits, len(files))

    every, without, twin = rate(tested), rate(tested - twins.keys()), rate(set(twins))
    pairs = tuple(sorted(twins.items()))
    return TwinScore(len(tested), pairs, every[0] or 0.0, every[1], without[0], without[1], twin[0], twin[1])
