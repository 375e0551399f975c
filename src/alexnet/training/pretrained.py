"""Where a training starts: the variant and the weights that a recipe asks for."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from alexnet.errors import RecipeError
from alexnet.model.checkpoint import Classifier, load_network
from alexnet.model.download import fetch_weights
from alexnet.model.variants import VARIANTS, get_variant
from alexnet.model.weights import fitting_variant, read_weights
from alexnet.recipe import Recipe
from alexnet.run_folder import RunFolder
from alexnet.training.events import Listener, Progress

__all__ = ["Start", "choose_start"]


@dataclass(frozen=True)
class Start:
    """A recipe without `auto` in variant or normalization, and the weights to load, None from scratch.

    preprocessing: channels, mean and deviation that the weights learned with, where they come from a run.
    mean_image: what the network of that run subtracts, [3, size, size], None if nothing. by_pixel: whether a mean
    image is subtracted.
    """

    recipe: Recipe
    tensors: Mapping[str, Tensor] | None
    preprocessing: tuple[str, tuple[float, float, float], tuple[float, float, float]] | None = None
    mean_image: Tensor | None = None
    by_pixel: bool = False


def choose_start(recipe: Recipe, emit: Listener) -> Start:
    """Fetch or read the weights that the recipe names, and settle what it leaves to them.

    `normalization = auto` stays in the recipe where the weights are a run's: that run says what it means.

    `variant = auto` takes that run's network, or the variant whose layers have the weights' shapes;
    `normalization = auto` what that run, or that variant's published weights, were trained with.

    Raises:
        RecipeError: `auto` without weights, or no such variant.
        WeightsError, DownloadError, RunError: the weights cannot be had.
    """
    tensors, run = None, None
    if recipe.weights is not None:
        path = _weights_path(recipe.weights, emit)
        tensors = read_weights(path)
        run = _run_of(path)
        recipe = recipe.replace(weights="imagenet" if recipe.weights == "imagenet" else str(path.resolve()))
    if recipe.variant == "auto":
        own = {**run.network.spec.switches, **recipe.switches} if run else {}
        recipe = recipe.replace(variant=run.network.spec.name if run else _fitting(recipe, tensors), **own)
    if recipe.normalization == "auto" and run is None:
        recipe = recipe.replace(normalization=get_variant(recipe.variant).normalization)
    if recipe.normalization != "auto" or run is None:
        return Start(recipe, tensors, by_pixel=recipe.normalization == "mean_image")
    used, mean_image = run.preprocessing, run.network.mean_image
    learned = (used.channels, used.mean, used.std)
    return Start(recipe, tensors, learned, mean_image, by_pixel=mean_image is not None)


def _run_of(path: Path) -> Classifier | None:
    """The network of the run whose weights lie at `path`, None if it is another weight file."""
    run = RunFolder(path.parent)
    is_run = path.name == run.model_path.name and (path.parent / "run.json").is_file()
    return load_network(run) if is_run else None


def _weights_path(weights: str, emit: Listener) -> Path:
    if weights == "imagenet":
        return fetch_weights(on_progress=lambda done, total: emit(Progress("downloading", done, total)))
    path = Path(weights)
    return RunFolder.open(path).model_path if path.is_dir() else path


def _fitting(recipe: Recipe, tensors: Mapping[str, Tensor] | None) -> str:
    if tensors is None:
        raise RecipeError(
            f"preset {recipe.name} starts from weights: give --weights imagenet, a file or a run folder"
        )
    spec = fitting_variant(tensors)
    if spec is None:
        raise RecipeError(f"{recipe.weights}: fits none of {', '.join(VARIANTS)}; give weights of an AlexNet")
    return spec.name
