"""The wrongly classified images of a run, or of a network that is tested on a folder."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from alexnet.data.decode import Pixels
from alexnet.evaluation.evaluate import evaluate_classifier
from alexnet.model.checkpoint import Classifier
from alexnet.records import Evaluation, Preprocessing
from alexnet.runs.held_out import held_out_subset
from alexnet.runs.images import images_of
from alexnet.runs.mistakes import MistakeOrder, Mistakes, find_mistakes
from alexnet.runs.own_images import GIVE_DATA, decode_own_images
from alexnet.runs.run import Model, Run, as_run
from alexnet.runs.train_images import training_images

__all__ = ["mistakes"]


@dataclass(frozen=True, eq=False)
class TestedNetwork:
    """A network without a run, tested on a folder: what `Mistakes` asks of a run.

    path, data_path: both where the images are.
    """

    path: Path
    data_path: Path
    evaluation: Evaluation
    preprocessing: Preprocessing

    def images_of(self, files: Iterable[str]) -> dict[str, Pixels]:
        """The images by file name, as the network gets them."""
        return images_of(self.data_path, files, self.preprocessing)


def mistakes(model: Model, data: Path | str | None = None, *, order: MistakeOrder = "confidence") -> Mistakes:
    """List the wrongly classified test images of a run, or test a network on a folder and list them.

    Args:
        model: a network, a run, or the path of a run's folder.
        data: where the run's images are now, if they were moved; required for a network without a run: the folder to
            test it on, its test set if it has one, otherwise all of it.
        order: `confidence` puts the images first of which the network was most certain; `pair` groups by true and
            predicted class, the most frequent pair first.

    Raises:
        DataError: a network without a run was given without images, there are none of its classes, or `data` does
            not hold the run's images.
        RecipeError: there is no such order.
        RunError: the run is not finished or damaged.

    >>> all(each.is_mistake for each in alexnet.mistakes("runs/first"))
    True
    """
    if not isinstance(model, Classifier):
        run = as_run(model)
        if data is not None:
            run = Run(run.folder, data=data)
            decode_own_images(run, step=GIVE_DATA)  # raises where it holds other images
        return run.mistakes(order)
    images, _ = training_images(model, data)
    names = [file.entry.name for file in images.files]
    subset = held_out_subset(images, model.classes)
    evaluation, predictions = evaluate_classifier(model, images.pixels, subset, names)
    path = images.folder.path
    tested = TestedNetwork(path, path, evaluation, model.preprocessing)
    return Mistakes(tested, find_mistakes(predictions, order=order), order)
