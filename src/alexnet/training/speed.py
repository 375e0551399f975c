"""How fast this machine is at a recipe: a few real steps on random images, and the decoding of a few real files."""

import random
import statistics
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
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
from alexnet.layers.fast_path import allow_fast_paths
from alexnet.model.alexnet import AlexNet
from alexnet.model.variants import get_variant
from alexnet.recipe import Recipe
from alexnet.records import Record
from alexnet.training.machine import Machine, choose_machine, keep_freed_memory, subnormals_flushed
from alexnet.training.optimizer import Optimizers
from alexnet.training.schedule import Rates

__all__ = ["Speeds", "measure_speeds"]

PROBE = 16
"""Images of the steps that warm up and tell how large a batch can be timed."""

NUM_STEPS = 3
"""Timed steps."""

STEP_SECONDS = 12.0
"""About how long the steps of the timed batch may take together."""

SAMPLE = 256
"""Files whose decoding is timed, at most."""

SAMPLE_SECONDS = 5.0
"""After this no further files are decoded."""


@dataclass(frozen=True)
class Speeds(Record):
    """What was measured on this machine, medians of `num_steps` steps.

    pass_seconds: a batch of `batch` random images augmented, forward and backward. update_seconds: the optimizer's
    part, the same for any batch. decode_speed: images/s on all cores, of `num_decoded` files evenly spaced over the
    folder. num_unusable: those of them that are no image.
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
        """A step of `batch` images: what depends on the batch, in proportion, and what does not."""
        return self.pass_seconds * batch / self.batch + self.update_seconds


def measure_speeds(folder: ImageFolder, recipe: Recipe, *, num_classes: int, batch: int) -> Speeds:
    """Time steps of a recipe and the decoding of some of a folder's files; under half a minute, nothing is written.

    The steps are those of a training: augmentation, network, loss and optimizer of the recipe, on its device, in
    its precision, but on random images, and without the CUDA graph that a GPU replays. A batch too large to be
    timed in `STEP_SECONDS` is cut.

    Raises:
        RecipeError: there is no such variant or device, or a step does not fit into the device's memory.
        GeometryError: the images are too small for the network.
    """
    machine = choose_machine(recipe)
    with subnormals_flushed(), _random_state_kept(machine.device):
        if machine.device.type == "cpu":
            keep_freed_memory()
        bench = _Bench(recipe, num_classes, machine)
        try:
            for _ in range(2):
                spent = sum(bench.step(min(batch, PROBE)))
            affordable = int(min(batch, PROBE) * STEP_SECONDS / (1 + NUM_STEPS) / spent)
            timed = min(batch, max(PROBE, affordable))
            rows = [bench.step(timed) for _ in range(1 + NUM_STEPS)][1:]
        except torch.OutOfMemoryError as error:
            raise RecipeError(
                f"batch_size {batch}: a step does not fit into the memory of {machine.device}; set a smaller one"
            ) from error
    forth, update = (statistics.median(column) for column in zip(*rows, strict=True))
    decoded, unusable, speed = _time_decoding(folder, recipe)
    return Speeds(str(machine), timed, NUM_STEPS, forth, update, decoded, unusable, speed)


@contextmanager
def _random_state_kept(device: torch.device) -> Iterator[None]:
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(0)
        yield


class _Bench:
    """A network of the recipe, its optimizers, and steps on random images."""

    def __init__(self, recipe: Recipe, num_classes: int, machine: Machine) -> None:
        spec = get_variant(recipe.variant, **recipe.switches)
        by_pixel = recipe.normalization == "mean_image"
        network = AlexNet(
            spec, size=recipe.size, num_classes=num_classes, dropout=recipe.dropout, mean_image=by_pixel
        )
        network.to(device=machine.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        allow_fast_paths(network, recipe.convolution == "auto")
        self.network, self.recipe, self.machine = network.train(), recipe, machine
        self.optimizers = Optimizers(network, recipe, dtype=machine.dtype)
        self.preprocessing = replace(plain_preprocessing(recipe), mean=(127.5,) * 3, std=(60.0,) * 3)
        self.colors = PrincipalColors(np.ones(3), np.eye(3)) if recipe.pca_color > 0.0 else None

    def step(self, batch: int) -> tuple[float, float]:
        """Seconds of the passes and of the update of one step."""
        device, side = self.machine.device, self.preprocessing.decoded_size
        images = torch.randint(0, 256, (batch, side, side, 3), dtype=torch.uint8).to(device)
        labels = torch.randint(0, self.network.num_classes, (batch,)).to(device)
        started = self._now()
        x = augment(
            images,
            Augmentation.of(self.recipe),
            self.preprocessing,
            size=self.recipe.size,
            generator=torch.Generator().manual_seed(0),
            colors=self.colors,
            mean_image=self.network.mean_image,
        )
        with torch.autocast(device.type, self.machine.dtype, enabled=self.machine.dtype != torch.float32):
            logits = self.network(x)
        F.cross_entropy(logits.float(), labels).backward()  # type: ignore[no-untyped-call]
        passed = self._now()
        self.optimizers.step(Rates(1e-3, 1e-3))  # so small that random images do no harm
        return passed - started, self._now() - passed

    def _now(self) -> float:
        if self.machine.device.type == "cuda":
            torch.cuda.synchronize(self.machine.device)
        return time.perf_counter()


def _time_decoding(folder: ImageFolder, recipe: Recipe) -> tuple[int, int, float]:
    """Files decoded, those of them that cannot be used, and images/s on all cores."""
    files = folder.files[:: max(1, len(folder.files) // SAMPLE)][:SAMPLE]
    entries = [file.entry for file in files]
    random.Random(0).shuffle(entries)  # should time run out, the rest is still spread over the folder
    preprocessing = plain_preprocessing(recipe)
    usable: list[bool] = []
    started, seconds = time.perf_counter(), 0.0
    with closing(decode_files(folder.source, entries, preprocessing)) as decoded:
        for pixels, _ in decoded:
            usable.append(pixels is not None)
            seconds = time.perf_counter() - started
            if seconds > SAMPLE_SECONDS:
                break
    return len(usable), usable.count(False), len(usable) / seconds
