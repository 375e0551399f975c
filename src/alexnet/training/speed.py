"""How fast this machine trains a recipe: a few real steps on random images, and the decoding of a few real files."""

import random
import statistics
import time
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F

from alexnet.data.augment import Augmentation, augment
from alexnet.data.decode import plain_preprocessing
from alexnet.data.decode_files import decode_files
from alexnet.data.folder import ImageFolder
from alexnet.data.statistics import PrincipalColors
from alexnet.errors import RecipeError
from alexnet.layers.dropout import set_dropout_generator
from alexnet.layers.fast_path import allow_fast_paths
from alexnet.model.alexnet import AlexNet
from alexnet.model.initialization import initialize
from alexnet.model.variants import get_variant
from alexnet.recipe import Recipe
from alexnet.records import Record
from alexnet.training.machine import Machine, choose_machine, subnormals_flushed
from alexnet.training.optimizer import Optimizers
from alexnet.training.schedule import Rates

__all__ = ["Speeds", "measure_speeds"]

PROBE = 16
"""Images in the first steps, which warm up and show how large a batch can be timed."""

NUM_STEPS = 3
"""Timed steps."""

STEP_SECONDS = 12.0
"""About how long the timed steps may take together."""

SAMPLE = 256
"""Files whose decoding is timed, at most."""

SAMPLE_SECONDS = 5.0
"""After this time no further file is decoded."""


@dataclass(frozen=True)
class Speeds(Record):
    """What was measured on this machine.

    Args:
        machine: device and precision.
        batch: random images in a timed step.
        num_steps: timed steps; the seconds are their medians.
        pass_seconds: augmentation, forward and backward pass of a batch.
        update_seconds: the optimizer's update, which does not depend on the batch.
        num_decoded: files that were decoded, evenly spaced over the folder.
        num_unusable: those of them that are not images.
        decode_speed: images/s on all cores.
    """

    machine: str
    batch: int
    num_steps: int
    pass_seconds: float
    update_seconds: float
    num_decoded: int
    num_unusable: int
    decode_speed: float

    def step_seconds(self, batch: int) -> float:
        """Seconds of a step of `batch` images: the passes in proportion, and the update."""
        return self.pass_seconds * batch / self.batch + self.update_seconds


def measure_speeds(folder: ImageFolder, recipe: Recipe, *, num_classes: int, batch: int) -> Speeds:
    """Time a few steps of a recipe and the decoding of a few files of a folder; it takes under half a minute.

    The steps are those of a training, with augmentation, network, loss and optimizer, on the recipe's device and in
    its precision, but on random images and without CUDA graphs. Where the batch is too large for `STEP_SECONDS`, a
    smaller one is timed. Nothing is written.

    Args:
        num_classes: outputs of the network.
        batch: images in a step of the training.

    Raises:
        RecipeError: there is no such variant or device, or a step does not fit into memory.
        GeometryError: the images are too small for the network.
    """
    machine = choose_machine(recipe)
    with subnormals_flushed(), torch.enable_grad():
        try:
            timed, steps = _time_steps(_Bench(recipe, num_classes, machine), batch)
        except torch.OutOfMemoryError as error:
            raise RecipeError(
                f"batch_size {batch}: a step does not fit into the memory of {machine.device}; set a smaller one"
            ) from error
    passes, update = (statistics.median(column) for column in zip(*steps, strict=True))
    decoded, unusable, speed = _time_decoding(folder, recipe)
    return Speeds(str(machine), timed, NUM_STEPS, passes, update, decoded, unusable, speed)


class _Bench:
    """A network of the recipe, its optimizers, and steps on random images, from random numbers of its own."""

    def __init__(self, recipe: Recipe, num_classes: int, machine: Machine) -> None:
        self.recipe, self.machine = recipe, machine
        self.generator = torch.Generator().manual_seed(0)
        self.network = _build_network(recipe, num_classes, machine)
        self.optimizers = Optimizers(self.network, recipe, dtype=machine.dtype)
        self.preprocessing = replace(plain_preprocessing(recipe), mean=(127.5,) * 3, std=(60.0,) * 3)
        self.colors = PrincipalColors(np.ones(3), np.eye(3)) if recipe.pca_color > 0.0 else None

    def step(self, batch: int) -> tuple[float, float]:
        """Seconds of the passes and of the update of one step."""
        device, side, random_numbers = self.machine.device, self.preprocessing.decoded_size, self.generator
        shape = (batch, side, side, 3)
        images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=random_numbers).to(device)
        labels = torch.randint(0, self.network.num_classes, (batch,), generator=random_numbers).to(device)
        started = self._now()
        self._compute_gradients(images, labels)
        passed = self._now()
        self.optimizers.step(Rates(1e-3, 1e-3))  # so small that random images do no harm
        return passed - started, self._now() - passed

    def _compute_gradients(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        x = augment(
            images,
            Augmentation.of(self.recipe),
            self.preprocessing,
            size=self.recipe.size,
            generator=self.generator,
            colors=self.colors,
            mean_image=self.network.mean_image,
        )
        device, dtype = self.machine.device, self.machine.dtype
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            logits = self.network(x)
        F.cross_entropy(logits.float(), labels).backward()  # type: ignore[no-untyped-call]

    def _now(self) -> float:
        if self.machine.device.type == "cuda":
            torch.cuda.synchronize(self.machine.device)
        return time.perf_counter()


def _build_network(recipe: Recipe, num_classes: int, machine: Machine) -> AlexNet:
    """The recipe's network on its device, in training mode."""
    network = AlexNet.empty(
        get_variant(recipe.variant, **recipe.switches),
        size=recipe.size,
        num_classes=num_classes,
        dropout=recipe.dropout,
        mean_image=recipe.normalization == "mean_image",
    )
    initialize(network, "fan_in", seed=0)  # whatever the recipe's: the time does not depend on it
    network.to(device=machine.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    allow_fast_paths(network, recipe.convolution == "auto")
    set_dropout_generator(network, torch.Generator(machine.device).manual_seed(0))
    return network.train()


def _time_steps(bench: _Bench, batch: int) -> tuple[int, list[tuple[float, float]]]:
    """Images in a timed step, and the seconds of the passes and of the update of each."""
    probe = min(batch, PROBE)
    bench.step(probe)
    seconds = sum(bench.step(probe))
    affordable = int(probe * STEP_SECONDS / (1 + NUM_STEPS) / seconds)
    timed = min(batch, max(PROBE, affordable))
    return timed, [bench.step(timed) for _ in range(1 + NUM_STEPS)][1:]


def _time_decoding(folder: ImageFolder, recipe: Recipe) -> tuple[int, int, float]:
    """Files that were decoded, those of them that cannot be used, and images/s on all cores."""
    rows = np.linspace(0, len(folder.files) - 1, min(SAMPLE, len(folder.files))).round()  # each another one
    entries = [folder.files[int(row)].entry for row in rows]
    random.Random(0).shuffle(entries)  # if time runs out, the files decoded are still spread over the folder
    usable: list[bool] = []
    started, seconds = time.perf_counter(), 0.0
    with closing(decode_files(folder.source, entries, plain_preprocessing(recipe))) as decoded:
        for pixels, _ in decoded:
            usable.append(pixels is not None)
            seconds = time.perf_counter() - started
            if seconds > SAMPLE_SECONDS:
                break
    return len(usable), usable.count(False), len(usable) / seconds
