"""Everything that a training needs before its first step: machine, start values, decoded and split images."""

from collections.abc import Mapping
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from alexnet.data.cache import DecodedImages, decode_folder
from alexnet.data.decode import NORMALIZATIONS, plain_preprocessing
from alexnet.data.folder import ImageFolder
from alexnet.data.split import Split, split_images
from alexnet.data.statistics import channel_statistics, mean_image, principal_colors
from alexnet.errors import RecipeError
from alexnet.layers.fast_path import allow_fast_paths
from alexnet.model.alexnet import AlexNet
from alexnet.model.checkpoint import Classifier
from alexnet.model.initialization import initialize
from alexnet.model.variants import get_variant
from alexnet.model.weights import load_weights
from alexnet.recipe import Recipe
from alexnet.records import Preprocessing
from alexnet.run_folder import RunFolder
from alexnet.training.events import Listener, Note, Progress
from alexnet.training.job import Job
from alexnet.training.machine import Machine, choose_machine
from alexnet.training.pretrained import Start, choose_start

__all__ = ["build_job", "missing_validation", "prepare"]


def prepare(
    folder: ImageFolder,
    recipe: Recipe,
    emit: Listener,
    *,
    begun: RunFolder | None = None,
) -> tuple[Job, DecodedImages]:
    """Everything that a training needs; nothing is written but the cache of decoded images.

    Args:
        begun: the run that is resumed: its preprocessing holds, and where it has a saved state, start values need
            not be fetched.

    Raises:
        DataError, RecipeError, WeightsError, GeometryError: one line that says what to mend.
    """
    machine = choose_machine(recipe)
    saved = begun is not None and begun.holds_state
    start = Start(recipe, None) if saved else choose_start(recipe, emit)
    if begun is not None:
        start = _as_begun(start, begun)
    images = _decode(folder, start.recipe, emit)
    split = split_images(
        images,
        test_fraction=start.recipe.test_fraction,
        validation_fraction=start.recipe.validation_fraction,
        seed=start.recipe.seed,
    )
    return build_job(start, images, split, machine, emit, saved=saved), images


def _as_begun(start: Start, begun: RunFolder) -> Start:
    """With the channels, mean and deviation that the run was begun with."""
    about = begun.about
    used = Preprocessing.from_dict(about["preprocessing"])
    learned = (used.channels, used.mean, used.std)
    return replace(start, preprocessing=learned, by_pixel=bool(about["mean_image"]))


def _decode(folder: ImageFolder, recipe: Recipe, emit: Listener) -> DecodedImages:
    plain = plain_preprocessing(recipe)
    return decode_folder(folder, plain, on_progress=lambda done, total: emit(Progress("decoding", done, total)))


def _preprocessing(start: Start, images: DecodedImages, split: Split) -> Preprocessing:
    recipe = start.recipe
    if start.preprocessing is not None:
        channels, mean, std = start.preprocessing
    elif recipe.normalization in ("dataset", "mean", "mean_image"):
        mean, std = channel_statistics(images.pixels, split.train)
        std = std if recipe.normalization == "dataset" else (1.0, 1.0, 1.0)
        channels = "RGB"
    else:
        channels, mean, std = NORMALIZATIONS[recipe.normalization]
    plain = plain_preprocessing(recipe)
    return replace(plain, channels=channels, mean=mean, std=std)


def build_job(
    start: Start,
    images: DecodedImages,
    split: Split,
    machine: Machine,
    emit: Listener,
    *,
    saved: bool = False,
) -> Job:
    """The network at its start values, on its device, with all that the loop works on.

    saved: a saved state will be put into the network, so that its mean image need not be computed.
    """
    recipe = start.recipe
    spec = get_variant(recipe.variant, **recipe.switches)
    missing = missing_validation(recipe, len(split.train), len(split.validation))
    if missing:
        raise RecipeError(missing)
    network = AlexNet.empty(
        spec, size=recipe.size, num_classes=len(split.classes), dropout=recipe.dropout, mean_image=start.by_pixel
    )
    initialize(
        network,
        recipe.initialization,
        seed=recipe.seed,
        hidden_bias=recipe.hidden_bias,
        kernel_std=recipe.kernel_std,
        head_std=recipe.head_std,
    )
    if start.tensors is not None:
        _load(network, start.tensors, str(recipe.weights), emit)
    preprocessing = _preprocessing(start, images, split)
    if network.mean_image is not None and not saved:
        network.mean_image.copy_(
            mean_image(images.pixels, split.train, preprocessing)
            if start.mean_image is None
            else F.interpolate(start.mean_image[None], [recipe.size] * 2, mode="bilinear")[0]
        )
    network.to(device=machine.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    allow_fast_paths(network, recipe.convolution == "auto")
    classifier = Classifier(network, split.classes, preprocessing, views=recipe.test_views)
    colors = principal_colors(images.pixels, split.train) if recipe.pca_color > 0.0 else None
    return Job(recipe, classifier, images.pixels, split, machine, colors)


def missing_validation(recipe: Recipe, num_train: int, num_validation: int) -> str | None:
    """What to do where schedule `plateau` has no validation images to go by; None where nothing is missing."""
    if recipe.schedule != "plateau" or num_validation > 0:
        return None
    return (
        "schedule = plateau goes by validation images, and "
        f"validation_fraction = {recipe.validation_fraction:g} of {num_train} training images leaves none: "
        "raise it (0.25), add a val folder, or set schedule=step"
    )


def _load(network: AlexNet, tensors: Mapping[str, Tensor], source: str, emit: Listener) -> None:
    emit(Note(str(load_weights(network, tensors, source))))
