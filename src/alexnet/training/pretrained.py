"""Weights to start from: fetched or read, and what they say about the network they belong to."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from alexnet.errors import RecipeError
from alexnet.files import is_folder
from alexnet.model.checkpoint import Classifier, load_network
from alexnet.model.download import fetch_weights
from alexnet.model.variants import VARIANTS
from alexnet.model.weights import fitting_variant, read_weights
from alexnet.recipe import Recipe
from alexnet.run_folder import RunFolder
from alexnet.training.epoch_networks import find_epoch_network, run_of_weights
from alexnet.training.events import Listener, Progress

__all__ = ["Pretrained", "load_pretrained"]


@dataclass(frozen=True)
class Pretrained:
    """Weights that a training starts from.

    Args:
        source: `imagenet`, or the absolute path of the file.
        tensors: by name.
        classifier: the classifier of the run that the weights come from; None for any other file.
    """

    source: str
    tensors: Mapping[str, Tensor]
    classifier: Classifier | None

    @property
    def variant(self) -> str:
        """The variant that the weights fit.

        Raises:
            RecipeError: they fit none.
        """
        if self.classifier is not None:
            return self.classifier.network.spec.name
        spec = fitting_variant(self.tensors)
        if spec is None:
            raise RecipeError(f"{self.source}: fits none of {', '.join(VARIANTS)}; give weights of an AlexNet")
        return spec.name

    @property
    def mean_image(self) -> Tensor | None:
        """What the network of that run subtracts from its input, [3, size, size]; None if nothing."""
        return None if self.classifier is None else self.classifier.network.mean_image


def load_pretrained(recipe: Recipe, emit: Listener) -> Pretrained | None:
    """Fetch or read the weights that a recipe names; None where it starts from scratch.

    Raises:
        WeightsError, DownloadError, RunError: the weights cannot be had.
    """
    if recipe.weights is None:
        return None
    path = _weights_path(recipe.weights, emit)
    source = recipe.weights if recipe.weights == "imagenet" else str(path.resolve())
    classifier = _classifier_at(path)  # first: it refuses a run of another version
    return Pretrained(source, read_weights(path), classifier)


def _weights_path(weights: str, emit: Listener) -> Path:
    if weights == "imagenet":
        return fetch_weights(on_progress=lambda done, total: emit(Progress("downloading", done, total)))
    kept = find_epoch_network(weights)
    if kept is not None:
        return kept
    path = Path(weights)
    return RunFolder.open(path).model_path if is_folder(path) else path


def _classifier_at(path: Path) -> Classifier | None:
    """The classifier of the run whose weights lie at `path`; None if it is another weight file."""
    run = run_of_weights(path)
    return None if run is None else load_network(run)
