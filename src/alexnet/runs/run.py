"""A finished or running training, opened: scores, mistakes, network, figures."""

import html
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from alexnet.data.decode import Pixels
from alexnet.evaluation.predict import Paths, Predictions, predict_images, read_image
from alexnet.evaluation.views import restate_views
from alexnet.files import shown_name
from alexnet.inspection.feature_maps import feature_maps
from alexnet.inspection.kernels import kernels
from alexnet.model.checkpoint import Classifier, load_network
from alexnet.recipe import Recipe
from alexnet.records import Evaluation, Prediction, RunInfo
from alexnet.run_folder import RunFolder
from alexnet.runs.images import images_of
from alexnet.runs.mistakes import MistakeOrder, Mistakes, find_mistakes
from alexnet.runs.temperature import read_temperature

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from alexnet.figures.curves import Course
    from alexnet.figures.tiles import KernelScale

__all__ = ["Model", "Run", "RunLike", "as_classifier", "as_run", "open_once", "open_run"]


class Run:
    """A training and everything one can ask of it. Displays itself in a notebook.

    folder: of the run. data: where its images are now, if they were moved.

    >>> run = alexnet.open_run("runs/first")
    >>> run.evaluation.split
    'test'
    """

    def __init__(self, folder: RunFolder, *, data: Path | str | None = None) -> None:
        self.folder = folder
        self.moved_to = data

    def __repr__(self) -> str:
        return f"Run({str(self.folder.path)!r})"

    @property
    def path(self) -> Path:
        """The run folder."""
        return self.folder.path

    @property
    def name(self) -> str:
        """Name of the run folder, also of one that was opened as `.`, in a form that can be shown."""
        return shown_name(self.path.resolve().name)

    @property
    def data_path(self) -> Path | str:
        """Where the images of the training are, or are said to be now."""
        return self.moved_to or self.about.data.path

    @property
    def about(self) -> RunInfo:
        """Status, classes, images, machine and versions."""
        return self.folder.about

    @property
    def recipe(self) -> Recipe:
        """The recipe that the run was trained with."""
        return self.folder.recipe

    @cached_property
    def model(self) -> Classifier:
        """The network of the kept checkpoint, in eval mode."""
        return load_network(self.folder)

    @property
    def evaluation(self) -> Evaluation:
        """The scores of the kept checkpoint on the test images."""
        evaluation = self.folder.evaluation
        return replace(evaluation, views=restate_views(evaluation.views, self.about.preprocessing))

    @cached_property
    def predictions(self) -> tuple[Prediction, ...]:
        """The prediction for every test image."""
        return self.folder.predictions

    def mistakes(self, order: MistakeOrder = "confidence") -> Mistakes:
        """The wrongly classified test images.

        order: `confidence` puts the images first of which the network was most certain; `pair` groups by true and
        predicted class, the most frequent pair first.

        Raises:
            RecipeError: there is no such order.

        >>> figure = alexnet.open_run("runs/first").mistakes().draw()
        """
        return Mistakes(self, find_mistakes(self.predictions, order=order), order)

    def images_of(self, files: Iterable[str], *, missing_ok: bool = False) -> dict[str, Pixels]:
        """Test images by file name, as the network gets them: uint8 [size, size, 3].

        Args:
            files: names as `predictions` has them.
            missing_ok: leave out images that are missing or cannot be read.

        Raises:
            DataError: the folder, or an image, is missing or cannot be read.
        """
        return images_of(self.data_path, files, self.model.preprocessing, missing_ok=missing_ok)

    def predict(self, images: Paths, *, skip_unreadable: bool = False, calibrated: bool = False) -> Predictions:
        """Predict the classes of images; see the function `predict`.

        >>> [prediction.file for prediction in alexnet.open_run("runs/first").predict("photo.jpg")]
        ['photo.jpg']
        """
        temperature = read_temperature(self.folder, self.model) if calibrated else None
        return predict_images(self.model, images, skip_unreadable=skip_unreadable, temperature=temperature)

    def summary(self) -> dict[str, Any]:
        """The run in a few numbers, as `--json` prints them."""
        evaluation, about, epochs = self.evaluation, self.about, self.folder.epochs
        values = evaluation.to_dict()
        speeds = [epoch.images_per_second for epoch in epochs] or [0.0]
        names = ("num_images", "num_mistakes", "top1_error", "top1_interval", "top5_error")
        return {
            "run": str(self.path),
            **{name: values[name] for name in names},
            "seconds": about.seconds,
            "training_seconds": about.training_seconds,
            "images_per_second": median(speeds),
            "epochs": len(epochs),
        }

    # --- figures
    @property
    def course(self) -> "Course":
        """The records of steps and epochs that the curves are drawn from."""
        from alexnet.figures.curves import Course

        recipe = self.recipe
        title = f"{recipe.name}, {recipe.variant}" + (", pretrained" if recipe.weights else "")
        return Course(shown_name(title), self.folder.steps, self.folder.epochs, len(self.about.classes))

    def curves(self) -> "Figure":
        """Accuracy and loss over the training, on training and held-out images."""
        from alexnet.figures.curves import draw_curves

        return draw_curves(self.course)

    def confusion_matrix(self) -> "Figure":
        """Test images by true and predicted class."""
        from alexnet.figures.matrix import draw_confusion

        evaluation = self.evaluation
        return draw_confusion([shown_name(name) for name in evaluation.classes], evaluation.confusion)

    def draw_kernels(
        self,
        layer: str = "conv1",
        *,
        scale: "KernelScale" = "common",
        chosen: Sequence[int] | None = None,
        channel: int | None = None,
    ) -> "Figure":
        """The learned kernels of a convolutional layer.

        Args:
            layer: conv1 to conv5.
            scale: Color scale: `common` to all kernels, or each kernel's `own`.
            chosen: numbers of the kernels to draw, all by default.
            channel: draw the weights of this input channel alone.

        Raises:
            GeometryError: there is no such layer, kernel or channel.
        """
        title = f"{layer} of {self.name}"
        return kernels(self.model, layer, title=title).draw(scale=scale, chosen=chosen, channel=channel)

    def draw_feature_maps(
        self,
        image: Path | str | Pixels,
        layer: str = "conv1",
        *,
        chosen: Sequence[int] | None = None,
        every: bool = False,
    ) -> "Figure":
        """The feature maps of a layer for an image: image, kernel and map side by side.

        Args:
            image: a file, or a decoded image, uint8 [size, size, 3].
            layer: conv1 to pool5.
            chosen: numbers of the maps to draw; the three strongest by default.
            every: draw all maps of the layer on one sheet.

        Raises:
            DataError: the file is missing or not an image.
            GeometryError: there is no such layer or map.
        """
        pixels = read_image(image, self.model) if isinstance(image, Path | str) else image
        name = shown_name(Path(image).name) if isinstance(image, Path | str) else "an image"
        maps = feature_maps(self.model, pixels, layer, title=f"{layer} of {name}")
        return maps.draw_all() if every else maps.draw(chosen)

    def _repr_html_(self) -> str:
        name = html.escape(shown_name(self.path))
        if not self.about.is_finished:
            return f"<b>{name}</b>: {self.about.status}, {len(self.folder.epochs)} epochs done"
        evaluation = self.evaluation
        low, high = evaluation.top1_interval
        return (
            f"<b>{name}</b>: top-1 error {100 * evaluation.top1_error:.1f} % "
            f"(95 % interval {100 * low:.1f} to {100 * high:.1f} %), {evaluation.num_mistakes} of "
            f"{evaluation.num_images} test images wrong"
        )


RunLike = Run | Path | str
"""An opened run, or the path of its folder."""

Model = Classifier | Run | Path | str
"""A network, a run, or the path of a run's folder."""


def open_run(path: Path | str) -> Run:
    """Open the run at `path`.

    Raises:
        RunError: there is no run at the path.

    >>> run = alexnet.open_run("runs/first")
    """
    return Run(RunFolder.open(path))


def as_run(run: RunLike) -> Run:
    """The run itself, or the one at a path.

    Raises:
        RunError: there is no run at the path.
    """
    return run if isinstance(run, Run) else open_run(run)


def as_classifier(model: Model) -> Classifier:
    """The network itself, or that of a run.

    Raises:
        RunError: there is no run at the path, or it is damaged.
    """
    return model if isinstance(model, Classifier) else as_run(model).model


def open_once(model: Model) -> Classifier | Run:
    """The network or run itself: opened by its path again and again, a run would load its network each time."""
    return model if isinstance(model, Classifier) else as_run(model)
