"""The wrongly classified test images of a run: listed, drawn, and copied into a folder."""

import html
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, overload

from alexnet.data.decode import Pixels
from alexnet.errors import RecipeError, RunError
from alexnet.files import disk_errors, shown_name, unescape_name, write_whole
from alexnet.records import Evaluation, Prediction
from alexnet.runs.images import read_files
from alexnet.safe_name import safe_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["MistakeOrder", "Mistakes", "class_pairs", "find_mistakes"]

MistakeOrder = Literal["confidence", "pair"]


def find_mistakes(predictions: Iterable[Prediction], *, order: MistakeOrder = "confidence") -> tuple[Prediction, ...]:
    """The wrongly classified images.

    order: `confidence` puts the images first of which the network was most certain; `pair` groups by true and
    predicted class, the most frequent pair first.

    Raises:
        RecipeError: there is no such order.
    """
    if order not in ("confidence", "pair"):
        raise RecipeError(f"order = {order}: choose confidence or pair")
    wrong = [prediction for prediction in predictions if prediction.is_mistake]
    wrong.sort(key=lambda p: (-p.probability, p.file))
    if order == "pair":
        frequency = Counter((p.true, p.predicted) for p in wrong)
        wrong.sort(key=lambda p: (-frequency[p.true, p.predicted], str(p.true), p.predicted))
    return tuple(wrong)


def class_pairs(mistakes: Iterable[Prediction]) -> list[tuple[str, str, int]]:
    """The most confused pairs: (true class, predicted class, number of images), most frequent first."""
    frequency = Counter((str(p.true), p.predicted) for p in mistakes)
    return [(*pair, count) for pair, count in sorted(frequency.items(), key=lambda item: (-item[1], item[0]))]


class TestedRun(Protocol):
    """What mistakes ask of their run."""

    @property
    def path(self) -> Path:
        """Its folder."""

    @property
    def data_path(self) -> Path | str:
        """Where its images are."""

    @property
    def evaluation(self) -> Evaluation:
        """How many images were tested."""

    def images_of(self, files: Iterable[str]) -> dict[str, Pixels]:
        """Its images by file name."""


@dataclass(frozen=True, repr=False, eq=False)
class Mistakes(Sequence[Prediction]):
    """The wrongly classified test images of a run or a network, in order; indexed and iterated like a tuple.

    In a notebook, `run.mistakes()` is displayed as a table and `run.mistakes().draw()` as a figure.
    """

    run: TestedRun
    predictions: tuple[Prediction, ...]
    order: MistakeOrder

    def __repr__(self) -> str:
        return f"Mistakes({str(self.run.path)!r}, num_mistakes={len(self.predictions)})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mistakes) and self.predictions == other.predictions

    def __hash__(self) -> int:
        return hash(self.predictions)

    def __len__(self) -> int:
        return len(self.predictions)

    @overload
    def __getitem__(self, place: int) -> Prediction: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Prediction, ...]: ...
    def __getitem__(self, place: int | slice) -> Prediction | tuple[Prediction, ...]:
        return self.predictions[place]

    @property
    def pairs(self) -> list[tuple[str, str, int]]:
        """The most confused pairs: (true class, predicted class, number of images), most frequent first."""
        return class_pairs(self.predictions)

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        mistakes = [prediction.to_dict() for prediction in self.predictions]
        return {"run": str(self.run.path), "num_mistakes": len(mistakes), "mistakes": mistakes}

    def draw(self, most: int = 24, *, images: Mapping[str, Pixels] | None = None) -> "Figure":
        """The images with their true and predicted classes, on one figure.

        Args:
            most: images on the figure, at most.
            images: by file name, as `Run.images_of` gives them; others are left out. Read again by default.

        Raises:
            DataError: an image is no longer where it was.

        >>> figure = alexnet.open_run("runs/first").mistakes().draw()
        """
        from alexnet.figures.tiles import MistakeTile, draw_mistakes

        shown = self.predictions[:most]
        if images is None:
            images = self.run.images_of([p.file for p in shown])
        tiles = [
            MistakeTile(
                images[p.file], shown_name(p.predicted), shown_name(str(p.true)), p.probability, shown_name(p.file)
            )
            for p in shown
            if p.file in images
        ]
        part = f", {len(tiles)} of them shown" if len(tiles) < len(self) else ""
        return draw_mistakes(tiles, title=f"{len(self)} of {self.run.evaluation.num_images} test images wrong{part}")

    def export(self, folder: Path | str) -> tuple[Path, ...]:
        """Copy the images, unchanged, to `folder/TRUE-as-PREDICTED/RANK-PROBABILITY-NAME`; returns their paths.

        Nothing is written outside `folder`, whatever classes and files are called.

        Raises:
            RunError: the folder is not empty or cannot be written.
            DataError: an image is no longer where it was.

        >>> copies = alexnet.open_run("runs/first").mistakes().export("mistakes")
        """
        folder = Path(folder)
        with disk_errors(folder, RunError, "choose another folder"):
            if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
                raise RunError(f"{folder}: exists and is not empty; choose another folder")
        files = read_files(self.run.data_path, [mistake.file for mistake in self.predictions])
        copies = []
        for number, (mistake, (_, data)) in enumerate(zip(self.predictions, files, strict=True), start=1):
            copy = (
                folder
                / safe_name(unescape_name(f"{mistake.true}-as-{mistake.predicted}"))
                / _copy_name(number, mistake)
            )
            with disk_errors(copy, RunError, "check its permissions or choose another folder"):
                write_whole(copy, lambda beside, data=data: beside.write_bytes(data))  # type: ignore[misc]
            copies.append(copy)
        return tuple(copies)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{html.escape(shown_name(p.file))}</td><td>{html.escape(shown_name(str(p.true)))}</td>"
            f"<td>{html.escape(shown_name(p.predicted))}</td><td>{100 * p.probability:.1f} %</td></tr>"
            for p in self.predictions
        )
        head = "<tr><th>file</th><th>true</th><th>predicted</th><th>probability</th></tr>"
        return f"<table>{head}{rows}</table>"


def _copy_name(number: int, mistake: Prediction) -> str:
    name = unescape_name(mistake.file.rpartition("/")[2])
    return safe_name(f"{number:04d}-{100 * mistake.probability:.0f}-percent-{name}")
