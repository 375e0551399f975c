"""Everything that a training needs before its first step: machine, recipe, images, split, network."""

import math
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from alexnet.data.cache import DecodedImages
from alexnet.data.decode import NORMALIZATIONS, plain_preprocessing
from alexnet.data.folder import ImageFolder
from alexnet.data.near_groups import grouped_digests
from alexnet.data.split import Split, Subset, split_images
from alexnet.data.statistics import channel_statistics, mean_image, principal_colors
from alexnet.data.streamed import StreamedImages, open_images
from alexnet.errors import RecipeError, RunError
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
from alexnet.training.kernel_cache import KernelCache
from alexnet.training.machine import choose_machine
from alexnet.training.patch_start import initialize_from_patches
from alexnet.training.pretrained import Pretrained, load_pretrained
from alexnet.training.settle import settle_recipe
from alexnet.training.sizing import size_for_images

__all__ = ["missing_validation", "prepare"]


def prepare(
    folder: ImageFolder, recipe: Recipe, emit: Listener, *, resumed: RunFolder | None = None, gpu: int = 0
) -> tuple[Job, DecodedImages]:
    """Gather what a training needs; nothing is written but the cache of decoded images.

    Args:
        resumed: the run that is resumed: it keeps its preprocessing, and where it has a saved state, no pretrained
            weights are needed.
        gpu: the number of the GPU where the recipe names none.

    Raises:
        DataError, RecipeError, WeightsError, GeometryError, RunError: one line that says what to correct.
    """
    machine = choose_machine(recipe, gpu=gpu)
    has_state = resumed is not None and resumed.holds_state
    pretrained = None if has_state else load_pretrained(recipe, emit)
    recipe = recipe if resumed else settle_recipe(recipe, pretrained)
    images = _decode(folder, recipe, emit)
    if recipe.group_near_duplicates:
        grouped_digests(
            images, on_progress=lambda done, total: emit(Progress("looking for near duplicates", done, total))
        )
    recipe, _ = size_for_images(recipe, images)
    split = _split(images, recipe)
    if resumed:
        _require_same_split(resumed, images, split)
        preprocessing = resumed.about.preprocessing
    else:
        preprocessing = _choose_preprocessing(recipe, pretrained, images, split)
    network = _build_network(recipe, pretrained, num_classes=len(split.classes), emit=emit)
    if not has_state:  # a saved state brings its own
        network.mean_image = _mean_image(recipe, pretrained, images, split, preprocessing)
        if recipe.initialization == "patches" and pretrained is None:
            note = initialize_from_patches(
                network,
                images.pixels,
                _few(images, split, recipe).indices,
                preprocessing,
                seed=recipe.seed,
                cache=KernelCache(images.pixels_path.parent, images.fingerprint),
            )
            if note:
                emit(Note(note))
    network.to(device=machine.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    classifier = Classifier(network, split.classes, preprocessing, views=recipe.test_views)
    colors = principal_colors(images.pixels, _few(images, split, recipe)) if recipe.pca_color > 0.0 else None
    return Job(recipe, classifier, images.pixels, split, machine, colors, images.files), images


def _decode(folder: ImageFolder, recipe: Recipe, emit: Listener) -> DecodedImages:
    return open_images(
        folder,
        plain_preprocessing(recipe),
        on_progress=lambda done, total: emit(Progress("decoding", done, total)),
    )


def _split(images: DecodedImages, recipe: Recipe) -> Split:
    split = split_images(
        images,
        test_fraction=recipe.test_fraction,
        validation_fraction=recipe.validation_fraction,
        seed=recipe.seed,
        group_near_duplicates=recipe.group_near_duplicates,
    )
    missing = missing_validation(recipe, len(split.train), len(split.validation), len(split.classes))
    if missing:
        raise RecipeError(missing)
    return split


def _require_same_split(run: RunFolder, images: DecodedImages, split: Split) -> None:
    """Refuse to go on with other training and test images than a run of an earlier version was started with.

    Images that have changed since are refused with their own message.
    """
    if images.fingerprint != run.about.data.fingerprint:
        return
    names = ("train", "validation", "test")
    recorded = run.about.data.images
    then, now = [recorded.get(name) for name in names], [len(getattr(split, name)) for name in names]
    if then != now and None not in then:
        raise RunError(
            f"{run.path}: an earlier version split its images into {then[0]} for training, {then[1]} for validation "
            f"and {then[2]} for testing, and this one makes that {now[0]}, {now[1]} and {now[2]}; train again with "
            "another --out"
        )


def _few(images: DecodedImages, split: Split, recipe: Recipe) -> Subset:
    """The training images that statistics and patches are taken from: all, or of shards those of a few."""
    if not isinstance(images, StreamedImages):
        return split.train
    rows = images.few(split.train.indices, seed=recipe.seed)
    return Subset(rows, split.train.labels[np.isin(split.train.indices, rows)])


def missing_validation(recipe: Recipe, num_train: int, num_validation: int, num_classes: int) -> str | None:
    """What to do where schedule `plateau` has no validation images to go by; None where nothing is missing.

    The fraction that it names sets at least one image apart: it is taken of each class and rounded, and the largest
    class has at least `num_train / num_classes` images.
    """
    if recipe.schedule != "plateau" or num_validation > 0:
        return None
    per_class = -(-num_train // num_classes)
    larger = f"raise it ({max(0.25, math.ceil(100 / per_class) / 100):g})" if per_class > 1 else "add images"
    return (
        "schedule = plateau needs validation images, and "
        f"validation_fraction = {recipe.validation_fraction:g} of {num_train} training images of "
        f"{num_classes} classes leaves none: {larger}, add a val folder, or set schedule=step"
    )


def _choose_preprocessing(
    recipe: Recipe, pretrained: Pretrained | None, images: DecodedImages, split: Split
) -> Preprocessing:
    """How images become numbers: by a named normalization, that of the weights, or statistics of the training set."""
    channels = "RGB"
    if recipe.normalization == "weights" and pretrained is not None and pretrained.classifier is not None:
        own = pretrained.classifier.preprocessing
        channels, mean, std = own.channels, own.mean, own.std
    elif recipe.normalization in NORMALIZATIONS:
        channels, mean, std = NORMALIZATIONS[recipe.normalization]
    else:
        mean, std = channel_statistics(images.pixels, _few(images, split, recipe))
        std = std if recipe.normalization == "dataset" else (1.0, 1.0, 1.0)
    return replace(plain_preprocessing(recipe), channels=channels, mean=mean, std=std)


def _build_network(recipe: Recipe, pretrained: Pretrained | None, *, num_classes: int, emit: Listener) -> AlexNet:
    """The network with its initial weights, on the CPU."""
    spec = get_variant(recipe.variant, **recipe.switches)
    network = AlexNet.empty(spec, size=recipe.size, num_classes=num_classes, dropout=recipe.dropout)
    initialize(
        network,
        recipe.initialization,
        seed=recipe.seed,
        hidden_bias=recipe.hidden_bias,
        conv1_std=recipe.conv1_std,
        kernel_std=recipe.kernel_std,
        head_std=recipe.head_std,
    )
    if pretrained is not None:
        emit(Note(str(load_weights(network, pretrained.tensors, pretrained.source))))
    allow_fast_paths(network, recipe.convolution == "auto")
    return network


def _mean_image(
    recipe: Recipe, pretrained: Pretrained | None, images: DecodedImages, split: Split, preprocessing: Preprocessing
) -> Tensor | None:
    """What the network subtracts from every input, [3, size, size]; None if nothing."""
    if recipe.normalization == "mean_image":
        return mean_image(images.pixels, split.train, preprocessing)
    if recipe.normalization == "weights" and pretrained is not None and pretrained.mean_image is not None:
        return F.interpolate(pretrained.mean_image[None], [recipe.size] * 2, mode="bilinear")[0]
    return None
