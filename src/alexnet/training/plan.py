"""How long a training takes, and how much memory and disk, estimated without training."""

import math
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from alexnet.data.cache import DecodedImages, caches_dir, is_cached
from alexnet.data.decode import ImageFacts, plain_preprocessing
from alexnet.data.folder import ImageFolder, scan_folder
from alexnet.data.split import split_images
from alexnet.data.streamed import is_streamed, open_images
from alexnet.evaluation.views import NUM_VIEWS
from alexnet.model.specs import Activation, LayerGeometry, NetworkSpec
from alexnet.model.variants import get_variant
from alexnet.published import PAPER_TRAINING, PaperTraining
from alexnet.recipe import Recipe
from alexnet.records import Record
from alexnet.training.events import Listener, ignore
from alexnet.training.optimizer import num_remembered, parameters_in_table
from alexnet.training.preparation import missing_validation
from alexnet.training.pretrained import load_pretrained
from alexnet.training.schedule import image_size, is_evaluated, start_note, usable_sizes
from alexnet.training.settle import settle_recipe
from alexnet.training.sizing import open_settings, size_for_images
from alexnet.training.speed import Speeds, measure_speeds
from alexnet.training.step_budget import ENOUGH_STEPS, StepBudget

__all__ = ["Counts", "Memory", "Plan", "lay_out", "plan_training"]

FLOP_PER_MULTIPLY_ADD = 2

TRAINING_FACTOR = 3
"""A step against a forward pass: the backward pass is two matmuls of the same size, for the gradients of the inputs
and of the weights."""

FLOAT_BYTES = 4


@dataclass(frozen=True)
class Counts(Record):
    """Numbers of images by their part in the training. Files are counted by name and not opened."""

    files: int
    classes: int
    train: int
    validation: int
    test: int


@dataclass(frozen=True)
class Memory(Record):
    """Bytes that a step keeps in memory, in float32.

        weights = gradients = 4 * parameters
        momentum = 4 * parameters * (1 with momentum, 2 with Adam; muon: 1 for its kernels, 2 for the rest)
        activations = 4 * batch * (3 * size² + the outputs of all layers but ReLU, which works in place)

    The workspace of convolutions is not included: the tiled ones (setting `convolution`) keep their transformed
    inputs, 2 to 6 times the maps. bfloat16 halves most of the activations.
    """

    weights: int
    gradients: int
    momentum: int
    activations: int

    @property
    def total(self) -> int:
        """The sum of the four."""
        return self.weights + self.gradients + self.momentum + self.activations


@dataclass(frozen=True)
class Plan(Record):
    """What a training will take.

    Args:
        data, recipe, variant: names, as they were given.
        size: side of the network's input, px.
        batch_size: images in a step: the recipe's number, or all training images.
        counts: images and classes.
        num_steps: steps of all epochs.
        decoded_size: side of the decoded images, px.
        cache_path: folder of the decoded images.
        cache_bytes: their size, files * decoded_size² * 3; 0 for shards.
        is_cached: they are there already, decoded by an earlier training.
        free_bytes: free space on the disk of that folder.
        parameters: weights and biases of the network.
        memory: what a step needs.
        multiply_adds: of the forward pass of one image at the recipe's size.
        flop: of one image in training, multiply_adds * 2 * 3.
        total_flop: of all steps, at the sizes that the images grow through.
        speeds: measured on this machine.
        decode_seconds: decoding all images; 0 where they are cached. Of shards, decoding them in every epoch.
        epoch_seconds: an epoch at the recipe's size, with the evaluation of the held-out images.
        training_seconds: decoding, all epochs, their measurements on the held-out images, and the final test.
        paper: what the paper's own training took.
        warnings: what should be changed before training, in words.
        notes: what is done otherwise than the settings say, in words.
        chosen: the settings that were `auto`, with the values chosen for this folder.
        chosen_for: the training images that they were chosen by, with those set apart for validation.
    """

    data: str
    recipe: str
    variant: str
    size: int
    epochs: int
    batch_size: int
    counts: Counts
    steps_per_epoch: int
    num_steps: int
    decoded_size: int
    cache_path: str
    cache_bytes: int
    free_bytes: int
    parameters: int
    memory: Memory
    multiply_adds: int
    flop: int
    total_flop: int
    speeds: Speeds
    decode_seconds: float
    epoch_seconds: float
    training_seconds: float
    paper: PaperTraining
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    chosen: dict[str, float] = field(default_factory=dict)
    chosen_for: int = 0
    is_cached: bool = False


def plan_training(folder: ImageFolder | Path | str, recipe: Recipe, *, on_event: Listener = ignore) -> Plan:
    """Estimate what training a recipe on a folder will take. Nothing is trained, and no run or cache is written.

    Images are counted by file name and split as in training, but duplicates are not looked for. Speeds are measured
    for about half a minute: a few real steps on random images, and the decoding of some of the files.

    Args:
        folder: a scanned folder, or the path of a folder, `.tar` or `.zip` of class folders.
        recipe: all settings.
        on_event: called with the progress of a download, where the network depends on its weights.

    Raises:
        DataError, RecipeError, GeometryError, WeightsError: one line that says what to correct, as in training.

    >>> plan = alexnet.plan_training("images", alexnet.PRESETS["fast"])
    >>> plan.num_steps == plan.epochs * plan.steps_per_epoch, plan.training_seconds > 0
    (True, True)
    """
    folder = folder if isinstance(folder, ImageFolder) else scan_folder(folder)
    recipe = settle_recipe(recipe, load_pretrained(recipe, on_event))
    undecoded = _undecoded(folder, recipe)
    were_open = open_settings(recipe)
    recipe, chosen_for = size_for_images(recipe, undecoded)
    counts = _count(undecoded, recipe)
    batch = min(recipe.batch_size, counts.train)
    speeds = measure_speeds(folder, recipe, num_classes=counts.classes, batch=batch)
    cache = caches_dir()
    plan = lay_out(
        folder.path,
        recipe,
        counts,
        speeds,
        cache_path=cache,
        free_bytes=_free_bytes(cache),
        is_streamed=is_streamed(folder),
        is_cached=not is_streamed(folder) and is_cached(folder, plain_preprocessing(recipe)),
    )
    return replace(plan, chosen={name: getattr(recipe, name) for name in were_open}, chosen_for=chosen_for)


def _undecoded(folder: ImageFolder, recipe: Recipe) -> DecodedImages:
    """The images of a folder as if every file were an image of its own; those of shards as they are read."""
    if is_streamed(folder):
        return open_images(folder, plain_preprocessing(recipe))
    facts = tuple(ImageFacts(digest=file.entry.name) for file in folder.files)
    return DecodedImages(folder, plain_preprocessing(recipe), Path(), folder.files, facts)


def _count(undecoded: DecodedImages, recipe: Recipe) -> Counts:
    """The split of a training in which every file is an image of its own.

    Raises:
        DataError: too few images are left for training or for testing.
    """
    split = split_images(
        undecoded,
        test_fraction=recipe.test_fraction,
        validation_fraction=recipe.validation_fraction,
        seed=recipe.seed,
    )
    return Counts(len(undecoded.facts), len(split.classes), len(split.train), len(split.validation), len(split.test))


def _free_bytes(path: Path) -> int:
    """Free space on the disk of `path`, which need not exist yet."""
    absolute = path.resolve()
    return shutil.disk_usage(next(folder for folder in (absolute, *absolute.parents) if folder.exists())).free


def lay_out(
    data: Path,
    recipe: Recipe,
    counts: Counts,
    speeds: Speeds,
    *,
    cache_path: Path,
    free_bytes: int,
    is_streamed: bool = False,
    is_cached: bool = False,
) -> Plan:
    """The plan that follows from counts and speeds by arithmetic alone.

    Args:
        is_streamed: the images are those of shards: none is kept, and all are decoded in every epoch.
        is_cached: the images have been decoded already.

    Raises:
        RecipeError: there is no such variant.
        GeometryError: the images are too small for it.
    """
    spec = get_variant(recipe.variant, **recipe.switches)
    layers = spec.geometry(recipe.size, counts.classes)
    budget = StepBudget(counts.train, min(recipe.batch_size, counts.train), recipe.epochs)
    multiply_adds = sum(layer.multiply_adds for layer in layers)
    flop = multiply_adds * FLOP_PER_MULTIPLY_ADD * TRAINING_FACTOR
    total_flop = budget.batch_size * _flop_of_steps(recipe, spec, counts.classes, budget.num_steps)
    size_fraction = total_flop / (budget.num_steps * budget.batch_size * flop)  # below 1 where images grow
    decode_seconds, epoch_seconds, training_seconds = _times(
        recipe,
        counts,
        speeds,
        budget,
        size_fraction,
        num_decoded=counts.files * (recipe.epochs if is_streamed else 1 - is_cached),
    )
    plan = Plan(
        data=str(data),
        recipe=recipe.name,
        variant=recipe.variant,
        size=recipe.size,
        epochs=recipe.epochs,
        batch_size=budget.batch_size,
        counts=counts,
        steps_per_epoch=budget.steps_per_epoch,
        num_steps=budget.num_steps,
        decoded_size=recipe.cut_from,
        cache_path=str(cache_path),
        cache_bytes=0 if is_streamed else counts.files * recipe.cut_from**2 * 3,
        free_bytes=free_bytes,
        parameters=sum(layer.parameters for layer in layers),
        memory=_memory(recipe, spec, layers, budget.batch_size),
        multiply_adds=multiply_adds,
        flop=flop,
        total_flop=total_flop,
        speeds=speeds,
        decode_seconds=decode_seconds,
        epoch_seconds=epoch_seconds,
        training_seconds=training_seconds,
        paper=PAPER_TRAINING,
        is_cached=is_cached,
    )
    note = start_note(recipe, usable_sizes(spec, recipe.start_size or recipe.size, recipe.size))
    plan = replace(plan, notes=(note,) if note else ())
    return replace(plan, warnings=tuple(_warnings(plan, recipe, budget)))


def _times(
    recipe: Recipe, counts: Counts, speeds: Speeds, budget: StepBudget, size_fraction: float, *, num_decoded: int
) -> tuple[float, float, float]:
    """Seconds of decoding, of an epoch at full size, and of the whole training.

    size_fraction: operations of the average step over those of a step at full size. num_decoded: in all epochs.
    """
    batch = budget.batch_size
    step = speeds.pass_seconds * batch / speeds.batch * size_fraction + speeds.update_seconds
    view = speeds.pass_seconds / speeds.batch / TRAINING_FACTOR  # the forward pass of one image
    held_out = (counts.validation + counts.test) * view
    test = counts.test * NUM_VIEWS[recipe.test_views] * view
    decoding = num_decoded / speeds.decode_speed
    epoch = budget.steps_per_epoch * speeds.step_seconds(batch) + held_out
    measured = sum(
        is_evaluated(recipe, number, steps_per_epoch=budget.steps_per_epoch) for number in range(1, recipe.epochs + 1)
    )
    return decoding, epoch, decoding + budget.num_steps * step + measured * held_out + test


def _warnings(plan: Plan, recipe: Recipe, budget: StepBudget) -> Iterator[str]:
    if plan.cache_bytes > plan.free_bytes and not plan.is_cached:
        yield (
            f"{plan.cache_path}: the decoded images need {plan.cache_bytes / 1e9:.1f} GB, and its disk has "
            f"{plan.free_bytes / 1e9:.1f} GB free; make room on it, or set ALEXNET_CACHE to a folder on another disk"
        )
    if budget.is_small and recipe.weights is None:
        advice = budget.advice(ENOUGH_STEPS) or "add images"
        yield f"the training has only {budget}, too few to learn kernels from scratch; {advice}"
    missing = missing_validation(recipe, plan.counts.train, plan.counts.validation, plan.counts.classes)
    if missing:
        yield missing
    if plan.speeds.num_unusable:
        yield (
            f"{plan.speeds.num_unusable} of {plan.speeds.num_decoded} files tried are damaged or not images; "
            f"`alexnet data check {plan.data}` lists them"
        )


def _memory(recipe: Recipe, spec: NetworkSpec, layers: tuple[LayerGeometry, ...], batch: int) -> Memory:
    """The bytes of a step, see `Memory`."""
    outputs = 3 * recipe.size**2
    for layer, row in zip(spec.layers, layers, strict=True):
        if not (isinstance(layer, Activation) and layer.function == "relu"):
            outputs += math.prod(row.output)
    weights = FLOAT_BYTES * sum(layer.parameters for layer in layers)
    momentum = FLOAT_BYTES * num_remembered(parameters_in_table(layers), recipe)
    return Memory(weights, weights, momentum, FLOAT_BYTES * batch * outputs)


def _flop_of_steps(recipe: Recipe, spec: NetworkSpec, num_classes: int, num_steps: int) -> int:
    """Floating point operations of all steps, for one image in each, at the size that images have at that step."""
    sizes = usable_sizes(spec, recipe.start_size or recipe.size, recipe.size)
    steps = range(num_steps) if recipe.start_size else ()
    steps_at = Counter(image_size(recipe, sizes, step, num_steps=num_steps) for step in steps)
    total = 0
    for size, count in (steps_at or {recipe.size: num_steps}).items():
        multiply_adds = sum(layer.multiply_adds for layer in spec.geometry(size, num_classes))
        total += count * multiply_adds * FLOP_PER_MULTIPLY_ADD * TRAINING_FACTOR
    return total
