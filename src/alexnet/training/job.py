"""Everything that a training works on, gathered in one value."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from alexnet.batch_part import BatchPart
from alexnet.data.augment import Augmentation, augment
from alexnet.data.batches import Order, training_order
from alexnet.data.decode import PixelRows
from alexnet.data.folder import ImageFile
from alexnet.data.split import Indices, Split
from alexnet.data.statistics import PrincipalColors
from alexnet.layers.dropout import set_dropout_generator
from alexnet.model.alexnet import AlexNet
from alexnet.model.checkpoint import Classifier
from alexnet.recipe import Recipe
from alexnet.records import Preprocessing
from alexnet.training.guessing import guessing_formula, guessing_loss, lowest_loss
from alexnet.training.machine import Machine
from alexnet.training.processes import ALONE, Processes
from alexnet.training.schedule import Rates, image_size, is_evaluated, rates_at, start_note, usable_sizes

__all__ = ["Job"]


@dataclass(frozen=True)
class Job:
    """What the training loop works on.

    A step's random choices depend on the recipe's seed and the step's number alone, and are drawn from generators of
    the job's own: other random numbers of the process neither change nor are changed. On a CPU the same step from the
    same state gives the same weights, bit for bit. On a GPU the choices are the same too, but cuDNN's gradients are
    sums in no fixed order, so that weights agree within rounding.

    Args:
        classifier: the network on its device, with its classes and preprocessing.
        colors: principal colors of the training images; None where the recipe does not use them.
        files: the file of each row of `pixels`, where a loss that is not finite shall name them.
        processes: those that train together, each on its part of every batch.
    """

    recipe: Recipe
    classifier: Classifier
    pixels: PixelRows
    split: Split
    machine: Machine
    colors: PrincipalColors | None = None
    files: Sequence[ImageFile] = field(default=(), repr=False)
    processes: Processes = ALONE
    dropout_generator: torch.Generator = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Give the dropout layers a generator of the job's own."""
        generator = torch.Generator(self.machine.device)
        object.__setattr__(self, "dropout_generator", generator)
        set_dropout_generator(self.network, generator, part=self.part)

    @property
    def network(self) -> AlexNet:
        """The network that is trained."""
        return self.classifier.network

    @property
    def preprocessing(self) -> Preprocessing:
        """How images become the network's input."""
        return self.classifier.preprocessing

    # --- steps and epochs
    @property
    def batch_size(self) -> int:
        """Images in a step: the recipe's number, or all there are."""
        return min(self.recipe.batch_size, len(self.split.train))

    @property
    def part(self) -> BatchPart | None:
        """The part of every batch that this process computes; None where that is the whole batch."""
        return self.processes.part_of(self.batch_size)

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches in an epoch; the few images left over differ from epoch to epoch."""
        return len(self.split.train) // self.batch_size

    @property
    def num_steps(self) -> int:
        """Steps of the whole training."""
        return self.recipe.epochs * self.steps_per_epoch

    def epoch_of(self, step: int) -> int:
        """The epoch, from 1, that a step (from 0) belongs to."""
        return step // self.steps_per_epoch + 1

    def is_evaluated(self, step: int) -> bool:
        """Whether the epoch that ends with a step is measured on the held-out images, see `is_evaluated`."""
        return is_evaluated(self.recipe, self.epoch_of(step), steps_per_epoch=self.steps_per_epoch)

    def rates(self, step: int, *, num_drops: int = 0) -> Rates:
        """Factors on the peak learning rates at a step, after so many drops of schedule `plateau`."""
        return rates_at(
            self.recipe, step, num_steps=self.num_steps, steps_per_epoch=self.steps_per_epoch, num_drops=num_drops
        )

    @cached_property
    def order(self) -> Order:
        """From the number of a step to the training images that it uses."""
        return training_order(self.pixels, self.split.train, batch_size=self.batch_size, seed=self.recipe.seed)

    def own_order(self, step: int) -> Indices:
        """The training images of a step that this process computes."""
        places = self.order(step)
        return places if self.part is None else places[self.part.places]

    def files_of(self, step: int) -> list[ImageFile]:
        """The files of a step's batch."""
        return [self.files[row] for row in self.split.train.indices[self.order(step)]] if self.files else []

    # --- images
    @cached_property
    def _sizes(self) -> tuple[int, ...]:
        return usable_sizes(self.network.spec, self.recipe.start_size or self.recipe.size, self.recipe.size)

    @property
    def start_note(self) -> str | None:
        """What is said where images start at another size than the recipe asks for."""
        return start_note(self.recipe, self._sizes)

    def image_size(self, step: int) -> int:
        """Side in px of the images at a step; it grows where the recipe has a `start_size`."""
        return image_size(self.recipe, self._sizes, step, num_steps=self.num_steps)

    def augment(
        self,
        images: UInt8[Tensor, "N S S 3"],
        step: int,
        *,
        size: int | None = None,
        part: BatchPart | None = None,
    ) -> Float[Tensor, "N 3 R R"]:
        """The network's input for a step: images changed at random, resized and normalized.

        size: side in px; by default, that of the step.
        part: the part of the batch that `images` is; None for a whole batch.
        """
        augmentation = Augmentation.of(self.recipe)
        if step >= round(self.recipe.crop_until * self.num_steps):
            augmentation = replace(augmentation, crop_scale=1.0, crop_ratio=1.0)
        return augment(
            images,
            augmentation,
            self.preprocessing,
            size=size or self.image_size(step),
            generator=torch.Generator().manual_seed(self._seed(step) + 1),
            colors=self.colors if step < round(self.recipe.pca_until * self.num_steps) else None,
            mean_image=self.network.mean_image,
            part=part,
        )

    def seed_dropout(self, step: int) -> None:
        """Let dropout draw the masks that belong to a step."""
        self.dropout_generator.manual_seed(self._seed(step))

    def _seed(self, step: int) -> int:
        return 2 * (self.recipe.seed * 1_000_003 + step)

    # --- guessing
    @cached_property
    def guessing_loss(self) -> float:
        """Training loss in nats of guessing by the frequency of the classes alone; see `guessing.guessing_loss`."""
        counts = np.bincount(self.split.train.labels, minlength=len(self.split.classes))
        return guessing_loss(counts / counts.sum(), self.recipe.label_smoothing)

    @property
    def lowest_loss(self) -> float:
        """Training loss in nats below which label smoothing lets no network come."""
        return lowest_loss(len(self.split.classes), self.recipe.label_smoothing)

    @property
    def guessing_formula(self) -> str:
        """The loss of guessing as people look it up, for example `ln 8 = 2.079`."""
        return guessing_formula(self.guessing_loss, len(self.split.classes))
