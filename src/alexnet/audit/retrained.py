"""What corrections of labels change: a run, a control and the run trained on corrected labels, compared."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alexnet.csv_files import write_csv
from alexnet.data.corrections import Correction
from alexnet.evaluation.paired import PairedComparison
from alexnet.evaluation.reviewed import ReviewedScore
from alexnet.records import Prediction, Record
from alexnet.run_folder import RunFolder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from alexnet.figures.retrained_errors import ChangedImages
    from alexnet.runs.run import Run, RunLike

__all__ = ["KEPT", "Retrained", "RetrainedImage", "keep_retrained", "read_retrained", "retrained_images"]

KEPT = "retrained.json"
"""The comparison, in the folder of the new run."""

COLUMNS = ("row", "file", "label", "true", "also_true", "before", "control", "last_layer", "after", "change")
"""Of the CSV file: rows of errors, whose cells stand below the networks, then a row for each image."""


RUN, OLD_LAYER = "the run as it is", "a new last layer, old labels"
NEW_LAYER, NEW_NETWORK = "a new last layer, corrected labels", "the whole network, trained again"
"""The networks that are compared, in words."""

OF_THE_RUN = "from the run as it is"


@dataclass(frozen=True)
class RetrainedImage(Record):
    """A test image, and what each of the networks predicts.

    true: its class with the corrections. also_true: a second class that is correct, "" if there is none. before: as
    the run predicts it. control: the new last layer on the old labels, "" where the whole network was trained. after:
    the new run. label: the class folder that it lies in. last_layer: as a new last layer on the corrected labels
    predicts it, where the whole network was trained too, else "".
    """

    file: str
    true: str
    also_true: str
    before: str
    control: str
    after: str
    label: str = ""
    last_layer: str = ""

    @property
    def change(self) -> str:
        """`fixed` or `broken` by the corrections, from `control`, or else `before`, to `after`; "" if neither."""
        correct = {self.true, self.also_true} - {""}
        was_correct, is_correct = (self.control or self.before) in correct, self.after in correct
        return "" if was_correct == is_correct else "fixed" if is_correct else "broken"

    def to_dict(self) -> dict[str, Any]:
        """As plain data, with the change."""
        return super().to_dict() | {"change": self.change}


@dataclass(frozen=True)
class Retrained(Record):
    """A run and the same run trained on corrected labels, compared on the same test images.

    before, after: the runs. whole: whether the whole network was trained again. num_applied: corrections in force.
    num_changed: images to train on whose label they change, that they leave out or bring back.
    reviewed_before, control, reviewed_after: test errors as labeled and with reviewed labels, of the run, of a new
    last layer on the labels that the run was trained with, and of the new run. The control shows what the new kind of
    layer changes by itself; it is None where the whole network was trained.
    difference: of the test error with the reviewed labels, from the run to the new run. by_corrections: from the
    control to the new run; None where the whole network was trained, and where no image to train on is changed, so
    that the two are the same. labeled_difference, labeled_by_corrections: the same two as labeled.
    images: every test image that is compared. seconds: of the whole call.

    What the two ways cost and give, side by side: layer_seconds: of the new last layers, with their features;
    network_seconds: of a training of the whole network, the run's own or the new one. last_layer: where the whole
    network was trained, a new last layer on the corrected labels; by_whole: from it to the whole network;
    labeled_by_whole: the same as labeled. None where a class is new, and in comparisons of earlier versions.
    """

    before: str
    after: str
    whole: bool
    num_applied: int
    num_changed: int
    difference: PairedComparison
    by_corrections: PairedComparison | None
    reviewed_before: ReviewedScore
    control: ReviewedScore | None
    reviewed_after: ReviewedScore
    images: tuple[RetrainedImage, ...]
    seconds: float
    labeled_difference: PairedComparison | None = None
    labeled_by_corrections: PairedComparison | None = None
    layer_seconds: float | None = None
    network_seconds: float | None = None
    last_layer: ReviewedScore | None = None
    by_whole: PairedComparison | None = None
    labeled_by_whole: PairedComparison | None = None

    @property
    def fixed(self) -> tuple[str, ...]:
        """Files that the corrections fix: wrong in the control, or else in the run, and correct in the new run."""
        return self._changed("fixed")

    @property
    def broken(self) -> tuple[str, ...]:
        """Files that the corrections break."""
        return self._changed("broken")

    def _changed(self, change: str) -> tuple[str, ...]:
        return tuple(image.file for image in self.images if image.change == change)

    def to_dict(self) -> dict[str, Any]:
        """As plain data, with the images fixed and broken."""
        return super().to_dict() | {"fixed": list(self.fixed), "broken": list(self.broken)}

    def save_csv(self, path: Path | str) -> Path:
        """Write the errors of the networks and their changes, and the test images, those fixed or broken first.

        In the rows of errors the cells below `before`, `control`, `last_layer` and `after` hold each network's error;
        in those of changes, what changes from that network to the new run. `low` and `high`: 95 % intervals.

        Raises:
            DataError: it cannot be written.
        """
        order = sorted(self.images, key=lambda image: ("fixed", "broken", "").index(image.change))
        images = [{"row": "image"} | image.to_dict() for image in order]
        rows = [[row.get(name) for name in COLUMNS] for row in (*self._error_rows(), *images)]
        return write_csv([COLUMNS, *rows], path)

    def _error_rows(self) -> Iterator[dict[str, Any]]:
        scores = {"before": self.reviewed_before, "control": self.control, "last_layer": self.last_layer,
                  "after": self.reviewed_after}  # fmt: skip
        known = {name: score for name, score in scores.items() if score is not None}
        for words, error, interval in (
            ("as labeled", "labeled_error", "labeled_interval"),
            ("with the reviewed labels", "top1_error", "top1_interval"),
        ):
            values = {name: (getattr(each, error), *getattr(each, interval)) for name, each in known.items()}
            yield from _rows(f"error {words}", values)
            changes = dict(zip(("before", "control", "last_layer"), self._changes[words], strict=True))
            values = {name: (each.difference, *each.interval) for name, each in changes.items() if each is not None}
            yield from _rows(f"change {words}", values)

    @property
    def _changes(self) -> dict[str, tuple[PairedComparison | None, ...]]:
        """From the run, from the control and from the last layer alone to the new run."""
        return {
            "as labeled": (self.labeled_difference, self.labeled_by_corrections, self.labeled_by_whole),
            "with the reviewed labels": (self.difference, self.by_corrections, self.by_whole),
        }

    @property
    def changes(self) -> dict[str, tuple[PairedComparison | None, PairedComparison | None]]:
        """What changes to the new run, by from what in words: as labeled, and with the reviewed labels."""
        names = OF_THE_RUN, "by the corrections alone", "from a new last layer to the whole network"
        pairs = zip(names, *self._changes.values(), strict=True)
        return {name: (labeled, reviewed) for name, labeled, reviewed in pairs if reviewed is not None}

    @property
    def times(self) -> dict[str, float | None]:
        """Seconds that each network took, by what it is in words, as in `errors`."""
        own = None if self.whole else self.network_seconds
        new = self.network_seconds if self.whole else self.layer_seconds
        seconds = {RUN: own, OLD_LAYER: None, NEW_LAYER: self.layer_seconds, NEW_NETWORK: new}
        return {name: seconds[name] for name in self.errors}

    @property
    def errors(self) -> dict[str, ReviewedScore]:
        """The test error of each network, by what it is in words."""
        scores = {
            RUN: self.reviewed_before,
            OLD_LAYER: self.control,
            NEW_LAYER: self.last_layer if self.whole else self.reviewed_after,
            NEW_NETWORK: self.reviewed_after if self.whole else None,
        }
        return {name: score for name, score in scores.items() if score is not None}

    def draw(self, most: int = 12, *, run: "RunLike | None" = None) -> "Figure":
        """The test errors and their differences, with intervals, and images that are fixed and broken.

        Args:
            most: images fixed, and images broken, at most, >= 0; files that are no longer there are left out.
            run: the new run, where its folder was moved.

        Raises:
            RunError: the new run is not where it was.
            DataError: the folder of the images is not where it was.
        """
        from alexnet.figures.retrained_errors import ErrorDifference, NetworkError, draw_retrained
        from alexnet.runs.run import as_run  # here: the studio reads these records without torch

        after = as_run(self.after if run is None else run)
        errors = [
            NetworkError(name, each.labeled_error, each.labeled_interval, each.top1_error, each.top1_interval)
            for name, each in self.errors.items()
        ]
        differences = {"from the run to the new run": self.difference}
        if self.by_corrections is not None:
            differences = {"by the corrections": self.by_corrections, "with the new kind of layer": self.difference}
        if self.by_whole is not None:
            differences["from a new last layer to the new run"] = self.by_whole
        groups = (self._drawn(after, change, most) for change in ("fixed", "broken"))
        return draw_retrained(
            errors,
            [ErrorDifference(name, each.difference, each.interval) for name, each in differences.items()],
            [group for group in groups if group.images],
            title=f"Error on {self.difference.num_images:,} test images, before and after "
            f"{self.num_applied:,} correction{'' if self.num_applied == 1 else 's'}",
        )

    def _drawn(self, run: "Run", change: str, most: int) -> "ChangedImages":
        """The first images that are fixed, or broken."""
        from alexnet.figures.retrained_errors import ChangedImage, ChangedImages

        images = [image for image in self.images if image.change == change]
        pixels = run.images_of([image.file for image in images[:most]], missing_ok=True)
        shown = [
            ChangedImage(
                pixels[each.file], each.file, f"{each.true} or {each.also_true}" if each.also_true else each.true,
                each.control or each.before, each.after,
            )
            for each in images[:most]
            if each.file in pixels
        ]  # fmt: skip
        few = "" if len(shown) == len(images) else f", {len(shown)} of them shown"
        title = f"{change}: {len(images):,} image{'' if len(images) == 1 else 's'}{few}"
        return ChangedImages(title, shown, is_broken=change == "broken")


def _rows(words: str, values: Mapping[str, tuple[float, float, float]]) -> Iterator[dict[str, Any]]:
    """Rows of a value and of the ends of its interval, below the names of the networks."""
    if values:
        for place, end in enumerate(("", ", low", ", high")):
            yield {"row": f"{words}{end}"} | {name: each[place] for name, each in values.items()}


def retrained_images(
    before: Sequence[Prediction],
    control: Sequence[Prediction],
    after: Sequence[Prediction],
    corrections: Iterable[Correction],
    last_layer: Sequence[Prediction] = (),
) -> tuple[RetrainedImage, ...]:
    """What each network predicts for the same images, without those that are excluded.

    Args:
        before, control, after: predictions of the same files in the same order, with the labels of the folder;
            control may be empty, and so may last_layer.
        corrections: decisions; the last about a file counts.
    """
    decided = {line.file: line for line in corrections}
    controls, layers = ([each.predicted for each in some] or [""] * len(after) for some in (control, last_layer))
    images = []
    for first, middle, layer, last in zip(before, controls, layers, after, strict=True):
        line = decided.get(first.file)
        if line is not None and line.action == "exclude":
            continue
        true = line.to if line is not None and line.action == "relabel" else str(first.true)
        also = line.to if line is not None and line.action == "both" else ""
        names = first.predicted, middle, last.predicted, str(first.true), layer
        images.append(RetrainedImage(first.file, true, also, *names))
    return tuple(images)


def keep_retrained(run: RunFolder, result: Retrained) -> None:
    """Write the comparison into the folder of the new run.

    Raises:
        RunError: the folder cannot be written.
    """
    run.write_json(KEPT, result.to_dict())


def read_retrained(run: RunFolder) -> Retrained | None:
    """The comparison in the folder of a run; None where it was not trained on corrected labels by `retrain`.

    Raises:
        RunError: it is damaged.
    """
    return run.read_record(KEPT, Retrained) if run.has(KEPT) else None
