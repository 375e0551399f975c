"""The numbers of a finished run as rows of tables: its tests, its epochs, and what its figures show."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from alexnet.csv_files import prediction_rows, record_rows
from alexnet.errors import AlexNetError
from alexnet.files import shown_name
from alexnet.records import EpochRecord

if TYPE_CHECKING:
    from alexnet.runs.run import Run

__all__ = ["TABLES", "decisions"]

Rows = Iterable[Sequence[Any]]


def decisions(run: "Run") -> dict[str, Any]:
    """The last decision about each file that the corrections of the run's folder name."""
    import alexnet

    try:
        lines = alexnet.read_corrections(alexnet.corrections_path(run.about.data.path))
    except AlexNetError:
        return {}
    return {shown_name(line.file): {"action": line.action, "to": shown_name(line.to)} for line in lines}


def _mistakes(run: "Run") -> Rows:
    columns = ("file", "true", "predicted", "probability", "margin", "loss")
    decided = decisions(run)
    yield *columns, "decision", "to"
    for each in run.mistakes():
        line = decided.get(shown_name(each.file), {})
        yield *(getattr(each, column) for column in columns), line.get("action"), line.get("to")


def _confusion(run: "Run") -> Rows:
    evaluation = run.evaluation
    yield "true", *(f"predicted {name}" for name in evaluation.classes)
    for name, row in zip(evaluation.classes, evaluation.confusion, strict=True):
        yield name, *row


def _classes(run: "Run") -> Rows:
    columns = ("name", "num_images", "num_predicted", "num_correct", "recall", "precision")
    yield columns
    for each in run.evaluation.per_class:
        yield [getattr(each, column) for column in columns]


def _epochs(run: "Run") -> Rows:
    return record_rows(run.folder.epochs, EpochRecord, with_header=True)


def _calibration(run: "Run") -> Rows:
    import alexnet

    report = alexnet.calibrate(run)
    yield "temperature", "low", "high", "num_images", "confidence", "accuracy", "accuracy_low", "accuracy_high"
    for temperature, measured in ((None, report.before), (report.temperature, report.after)):
        for each in [] if measured is None else measured.bins:
            yield temperature, each.low, each.high, each.num_images, each.confidence, each.accuracy, *each.interval


def _kernels(run: "Run") -> Rows:
    """A row for each weight of the first layer, channels in RGB order if there are three."""
    import alexnet

    yield "kernel", "channel", "row", "column", "weight"
    weights = alexnet.kernels(run).weights
    count, channels, height, width = weights.shape
    for kernel in range(count):
        for channel in range(channels):
            for row in range(height):
                for column in range(width):
                    yield kernel, channel, row, column, float(weights[kernel, channel, row, column])


def _kernel_change(run: "Run") -> Rows:
    import alexnet

    columns = ("unit", "cosine", "structure", "norm")
    yield "unit", "cosine_to_start", "structure", "norm"
    kernels: Any = alexnet.kernel_history(run).to_dict()["kernels"]
    for each in kernels:
        yield [each[column] for column in columns]


def _kernel_fits(run: "Run") -> Rows:
    import alexnet

    fits = alexnet.kernel_statistics(run).fits
    return record_rows(fits, type(fits[0]), with_header=True) if fits else []


def _map(run: "Run") -> Rows:
    import alexnet

    return alexnet.map_images(run, method="pca").table()


TABLES: Mapping[str, tuple[Callable[["Run"], Rows], bool]] = {
    "mistakes": (_mistakes, False),
    "predictions": (lambda run: prediction_rows(run.predictions), False),
    "confusion": (_confusion, False),
    "classes": (_classes, False),
    "epochs": (_epochs, False),
    "calibration": (_calibration, True),
    "kernels": (_kernels, False),
    "kernel-change": (_kernel_change, False),
    "kernel-fits": (_kernel_fits, True),
    "map": (_map, True),
}
"""Each table, and whether it takes longer than a moment to compute."""
