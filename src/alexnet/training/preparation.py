"""Everything that a training needs before its first step: machine, start values, decoded and split pictures."""

from collections.abc import Mapping
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from alexnet.data.cache import DecodedPictures, decode_folder
from alexnet.data.decode import NORMALIZATIONS, plain_preprocessing
from alexnet.data.folder import PictureFolder
from alexnet.data.split import Split, split_pictures
from alexnet.data.statistics import channel_statistics, mean_picture, principal_colors
from alexnet.errors import RecipeError
from alexnet.model.alexnet import AlexNet
from alexnet.model.checkpoint import TrainedNetwork
from alexnet.model.initialization import initialize
from alexnet.model.variants import get_variant
from alexnet.model.weights import load_weights
from alexnet.recipe import Recipe
from alexnet.records import Preprocessing
from alexnet.training.events import Listener, Note, Progress
from alexnet.training.job import Job
from alexnet.training.processes import Machine, choose_machine
from alexnet.training.start import Start, choose_start

__all__ = ["build_job", "prepare"]


def prepare(
    folder: PictureFolder, recipe: Recipe, emit: Listener, *, resumes: bool = False
) -> tuple[Job, DecodedPictures]:
    """Everything that a training needs; nothing is written but the cache of decoded pictures.

    Args:
        resumes: there is a saved state, so that start values need not be fetched.

    Raises:
        DataError, RecipeError, WeightsError, GeometryError: one line that says what to mend.
    """
    machine = choose_machine(recipe)
    start = Start(recipe, None) if resumes else choose_start(recipe, emit)
    pictures = _decode(folder, start.recipe, emit)
    split = split_pictures(
        pictures,
        test_fraction=start.recipe.test_fraction,
        validation_fraction=start.recipe.validation_fraction,
        seed=start.recipe.seed,
    )
    return build_job(start, pictures, split, machine, emit), pictures


def _decode(folder: PictureFolder, recipe: Recipe, emit: Listener) -> DecodedPictures:
    plain = plain_preprocessing(recipe)
    return decode_folder(folder, plain, on_progress=lambda done, total: emit(Progress("decoding", done, total)))


def _preprocessing(start: Start, pictures: DecodedPictures, split: Split) -> Preprocessing:
    recipe = start.recipe
    if start.preprocessing is not None:
        channels, mean, deviation = start.preprocessing
    elif recipe.normalization in ("dataset", "mean", "mean_image"):
        mean, deviation = channel_statistics(pictures.pixels, split.train)
        deviation = deviation if recipe.normalization == "dataset" else (1.0, 1.0, 1.0)
        channels = "RGB"
    else:
        channels, mean, deviation = NORMALIZATIONS[recipe.normalization]
    plain = plain_preprocessing(recipe)
    return replace(plain, channels=channels, mean=mean, deviation=deviation)


def build_job(start: Start, pictures: DecodedPictures, split: Split, machine: Machine, emit: Listener) -> Job:
    """The network at its start values, on its device, with all that the loop works on."""
    recipe = start.recipe
    spec = get_variant(recipe.variant, **recipe.switches)
    by_pixel = recipe.normalization == "mean_image"
    if recipe.schedule == "plateau" and not len(split.validation):
        raise RecipeError("schedule = plateau needs validation pictures: set validation_fraction=0.1")
    network = AlexNet(
        spec, size=recipe.size, num_classes=len(split.classes), dropout=recipe.dropout, mean_image=by_pixel
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
    preprocessing = _preprocessing(start, pictures, split)
    if network.mean_image is not None:
        network.mean_image.copy_(
            mean_picture(pictures.pixels, split.train, preprocessing)
            if start.mean_image is None
            else F.interpolate(start.mean_image[None], [recipe.size] * 2, mode="bilinear")[0]
        )
    network.to(device=machine.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    trained = TrainedNetwork(network, split.classes, preprocessing, views=recipe.test_views)
    colors = principal_colors(pictures.pixels, split.train) if recipe.pca_color > 0.0 else None
    return Job(recipe, trained, pictures.pixels, split, machine, colors)


def _load(network: AlexNet, tensors: Mapping[str, Tensor], source: str, emit: Listener) -> None:
    emit(Note(str(load_weights(network, tensors, source))))
