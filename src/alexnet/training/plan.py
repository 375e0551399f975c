"""What a training would take, worked out before anything is trained or written."""

import math
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from alexnet.data.cache import DecodedImages, caches_dir
from alexnet.data.decode import ImageFacts, plain_preprocessing
from alexnet.data.folder import ImageFolder, scan_folder
from alexnet.data.split import split_images
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
from alexnet.training.schedule import image_size, usable_sizes
from alexnet.training.settle import settle_recipe
from alexnet.training.sizing import size_for_images
from alexnet.training.speed import Speeds, measure_speeds

__all__ = ["Counts", "Memory", "Plan", "lay_out", "plan_training"]

FLOP_PER_MULTIPLY_ADD = 2

TRAINING_FACTOR = 3
"""Forward, and two products of the same size backward: the gradients of inputs and of weights."""

FLOAT_BYTES = 4


@dataclass(frozen=True)
class Counts(Record):
    """Images by their part in the training, counted by name: files are not opened."""

    files: int
    classes: int
    train: int
    validation: int
    test: int


@dataclass(frozen=True)
class Memory(Record):
    """Bytes that a step holds, in float32.

        weights = gradients = 4 * parameters
        momentum = 4 * parameters * (1 with momentum, 2 with Adam; muon: 1 for its kernels, 2 for the rest)
        activations = 4 * batch * (3 * size² + the outputs of all layers but ReLU, which changes its input in place)

    What convolutions need to work in comes on top: by tiles (setting `convolution`) they keep their transformed
    inputs, 2 to 6 times the maps. bfloat16 halves most of the activations.
    """

    weights: int
    gradients: int
    momentum: int
    activations: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.gradients + self.momentum + self.activations


@dataclass(frozen=True)
class Plan(Record):
    """A training before it begins.

    cache_bytes: of the decoded images, files * decoded_size² * 3. free_bytes: where they will lie. multiply_adds:
    of one image, forward, at the recipe's size. flop: of an image in training, multiply_adds * 2 * 3. total_flop:
    of all steps, at the sizes that growing images have. decode_seconds: once, for a new cache. epoch_seconds: an
    epoch at the recipe's size, with the test of held-out images after it. training_seconds: decoding, all epochs,
    and the final test. paper: what the paper's own training took.
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


def plan_training(folder: ImageFolder | Path | str, recipe: Recipe, *, on_event: Listener = ignore) -> Plan:
    """Work out what training a recipe on a folder would take; no run folder and no cache is made.

    Images are counted by name, and split as training would split them were every file an image of its own. Speeds
    are measured, see `measure_speeds`.

    Args:
        folder: a scanned folder, or the path of a folder, `.tar` or `.zip` of class folders.
        on_event: hears of a download, where weights decide the network.

    Raises:
        DataError, RecipeError, GeometryError, WeightsError: one line that says what to mend, as in training.
    """
    folder = folder if isinstance(folder, ImageFolder) else scan_folder(folder)
    if recipe.variant == "auto":
        recipe = settle_recipe(recipe, load_pretrained(recipe, on_event))
    facts = tuple(ImageFacts(digest=file.entry.name) for file in folder.files)
    undecoded = DecodedImages(folder, plain_preprocessing(recipe), Path(), folder.files, facts)
    recipe = size_for_images(recipe, undecoded)
    counts = _count(undecoded, recipe)
    batch = min(recipe.batch_size, counts.train)
    speeds = measure_speeds(folder, recipe, num_classes=counts.classes, batch=batch)
    where = caches_dir()
    return lay_out(folder.path, recipe, counts, speeds, cache_path=where, free_bytes=_free_bytes(where))


def _count(undecoded: DecodedImages, recipe: Recipe) -> Counts:
    """Images by their part; each file is taken for an image unlike all others.

    Raises:
        DataError: too little is left to train or to test on.
    """
    fractions = {"test_fraction": recipe.test_fraction, "validation_fraction": recipe.validation_fraction}
    split = split_images(undecoded, **fractions, seed=recipe.seed)
    return Counts(len(undecoded.facts), len(split.classes), len(split.train), len(split.validation), len(split.test))


def _free_bytes(path: Path) -> int:
    """Free bytes where `path` lies or will lie."""
    whole = path.resolve()
    return shutil.disk_usage(next(folder for folder in (whole, *whole.parents) if folder.exists())).free


def lay_out(data: Path, recipe: Recipe, counts: Counts, speeds: Speeds, *, cache_path: Path, free_bytes: int) -> Plan:
    """The plan that follows from counts and speeds: arithmetic alone.

    Raises:
        RecipeError: there is no such variant.
        GeometryError: the images are too small for it.
    """
    spec = get_variant(recipe.variant, **recipe.switches)
    layers = spec.geometry(recipe.size, counts.classes)
    batch = min(recipe.batch_size, counts.train)
    steps_per_epoch = counts.train // batch
    num_steps = recipe.epochs * steps_per_epoch
    multiply_adds = sum(layer.multiply_adds for layer in layers)
    flop = multiply_adds * FLOP_PER_MULTIPLY_ADD * TRAINING_FACTOR
    total_flop = batch * _flop_of_steps(recipe, spec, counts.classes, num_steps)
    grown = total_flop / (num_steps * batch * flop)  # share of the work that growing images leave
    step_seconds = speeds.pass_seconds * batch / speeds.batch * grown + speeds.update_seconds
    view_seconds = speeds.pass_seconds / speeds.batch / TRAINING_FACTOR  # forward alone
    held_out_seconds = (counts.validation + counts.test) * view_seconds
    test_seconds = counts.test * NUM_VIEWS[recipe.test_views] * view_seconds
    decode_seconds = counts.files / speeds.decode_speed
    plan = Plan(
        data=str(data),
        recipe=recipe.name,
        variant=recipe.variant,
        size=recipe.size,
        epochs=recipe.epochs,
        batch_size=batch,
        counts=counts,
        steps_per_epoch=steps_per_epoch,
        num_steps=num_steps,
        decoded_size=recipe.cut_from,
        cache_path=str(cache_path),
        cache_bytes=counts.files * recipe.cut_from**2 * 3,
        free_bytes=free_bytes,
        parameters=sum(layer.parameters for layer in layers),
        memory=_memory(recipe, spec, layers, batch),
        multiply_adds=multiply_adds,
        flop=flop,
        total_flop=total_flop,
        speeds=speeds,
        decode_seconds=decode_seconds,
        epoch_seconds=steps_per_epoch * speeds.step_seconds(batch) + held_out_seconds,
        training_seconds=decode_seconds + num_steps * step_seconds + recipe.epochs * held_out_seconds + test_seconds,
        paper=PAPER_TRAINING,
    )
    return replace(plan, warnings=tuple(_warnings(plan, recipe)))


def _warnings(plan: Plan, recipe: Recipe) -> Iterator[str]:
    if plan.cache_bytes > plan.free_bytes:
        yield (
            f"{plan.cache_path}: {plan.cache_bytes / 1e9:.1f} GB of decoded images do not fit into the "
            f"{plan.free_bytes / 1e9:.1f} GB free; free space there, or set ALEXNET_CACHE to another folder"
        )
    missing = missing_validation(recipe, plan.counts.train, plan.counts.validation)
    if missing:
        yield missing
    if plan.speeds.num_unusable:
        yield (
            f"{plan.speeds.num_unusable} of {plan.speeds.num_decoded} files tried are no images, or damaged; "
            f"`alexnet data check {plan.data}` names them"
        )


def _memory(recipe: Recipe, spec: NetworkSpec, layers: tuple[LayerGeometry, ...], batch: int) -> Memory:
    """See `Memory`."""
    made = 3 * recipe.size**2
    for layer, row in zip(spec.layers, layers, strict=True):
        if not (isinstance(layer, Activation) and layer.function == "relu"):
            made += math.prod(row.output)
    weights = FLOAT_BYTES * sum(layer.parameters for layer in layers)
    momentum = FLOAT_BYTES * num_remembered(parameters_in_table(layers), recipe)
    return Memory(weights, weights, momentum, FLOAT_BYTES * batch * made)


def _flop_of_steps(recipe: Recipe, spec: NetworkSpec, num_classes: int, num_steps: int) -> int:
    """Operations of all steps for one image in each, at the size that it has then."""
    sizes = usable_sizes(spec, recipe.start_size or recipe.size, recipe.size)
    steps = range(num_steps) if recipe.start_size else ()
    shares = Counter(image_size(recipe, sizes, step, num_steps=num_steps) for step in steps)
    total = 0
    for size, count in (shares or {recipe.size: num_steps}).items():
        multiply_adds = sum(layer.multiply_adds for layer in spec.geometry(size, num_classes))
        total += count * multiply_adds * FLOP_PER_MULTIPLY_ADD * TRAINING_FACTOR
    return total
