"""One training step: augment, forward, loss, backward, update; one path for CPUs and GPUs.

On a GPU nothing here waits for the device. Loss and errors are on their way to the CPU when a step returns, and
are read when they are wanted; forward and backward are recorded once for each image size as a CUDA graph, whose
replay is one launch instead of hundreds.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from alexnet.data.augment import Augmentation, augment
from alexnet.data.statistics import PrincipalColors
from alexnet.evaluation.metrics import num_wrong
from alexnet.model.alexnet import AlexNet
from alexnet.training.events import Listener, Note
from alexnet.training.job import Job
from alexnet.training.machine import Machine
from alexnet.training.optimizer import Optimizers
from alexnet.training.schedule import Rates, image_size, usable_sizes

__all__ = ["CapturedPasses", "Outcome", "Passes", "TrainingStep", "training_input"]

LASTING = 200
"""Steps for which an image size must stay to be worth a CUDA graph: recording one takes as long as it saves then."""

NUM_WARMUPS = 3
"""Passes before the recorded one, in which libraries choose their algorithms and allocate what they keep."""


class Outcome:
    """What came out of a step. count: its images. size: their side in px.

    The numbers of a step on a GPU are copied to the CPU behind the step's work; nobody waits for them before
    `read`.
    """

    def __init__(self, loss: Tensor, wrong: Tensor, *, count: int, size: int) -> None:
        values = torch.stack((loss, wrong.to(loss.dtype)))
        self.count, self.size = count, size
        self._copied: torch.cuda.Event | None = None
        self._values = values
        if values.is_cuda:
            self._values = torch.empty(2, dtype=values.dtype, pin_memory=True)
            self._values.copy_(values, non_blocking=True)
            self._copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._copied.record(torch.cuda.current_stream(values.device))

    def read(self) -> tuple[float, int]:
        """Loss in nats and number of wrong images; waits until the step is done."""
        if self._copied is not None:
            self._copied.synchronize()
        loss, wrong = self._values.tolist()
        return loss, int(wrong)


def training_input(
    job: Job, images: UInt8[Tensor, "N S S 3"], *, size: int, seed: int, colors: PrincipalColors | None
) -> Float[Tensor, "N 3 R R"]:
    """Images as a job's network learns from them: changed at random from a seed, `size` px on a side."""
    return augment(
        images,
        Augmentation.of(job.recipe),
        job.classifier.preprocessing,
        size=size,
        generator=torch.Generator().manual_seed(seed),
        colors=colors,
        mean_image=job.classifier.network.mean_image,
    )


@dataclass(frozen=True)
class Passes:
    """Forward pass, loss and backward pass; the gradients are left with the parameters."""

    network: AlexNet
    machine: Machine
    label_smoothing: float

    def __call__(self, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Loss, float32 [], and number of wrong images, int64 [], of a batch [N, 3, R, R]; on the device."""
        dtype = self.machine.dtype
        with torch.autocast(self.machine.device.type, dtype, enabled=dtype != torch.float32):
            logits = self.network(x)
        loss = F.cross_entropy(logits.float(), labels, label_smoothing=self.label_smoothing)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach(), num_wrong(logits.detach(), labels)

    def forget_gradients(self) -> None:
        """As before the first pass."""
        for parameter in self.network.parameters():
            parameter.grad = None


class CapturedPasses:
    """Passes on batches of one size, recorded as a CUDA graph and replayed.

    Random numbers inside (dropout) come from the device's default generator: a replay draws what the recorded
    operations would draw, from the seed that is set at the time.

    Raises:
        RuntimeError: something in them cannot be recorded.
    """

    def __init__(self, passes: Passes, *, count: int, size: int) -> None:
        device, network = passes.machine.device, passes.network
        # what autocast would round first is rounded on its way in; a mean image is subtracted before that
        dtype = passes.machine.dtype if network.mean_image is None else torch.float32
        x = torch.zeros(count, 3, size, size, dtype=dtype, device=device)
        self._x = x.contiguous(memory_format=torch.channels_last)
        self._labels = torch.zeros(count, dtype=torch.int64, device=device)
        self._device, self._graph = device, torch.cuda.CUDAGraph()
        with torch.cuda.device(device), _cudnn_tries_algorithms():
            generator = torch.cuda.default_generators[torch.cuda.current_device()]
            state = generator.clone_state()
            try:
                self._results = self._record(passes)
                self._gradients = [(p, p.grad) for p in network.parameters() if p.grad is not None]
            except RuntimeError:
                generator.graphsafe_set_state(state)  # a recording broken off leaves it in none to draw from
                raise
            finally:
                passes.forget_gradients()

    def _record(self, passes: Passes) -> tuple[Tensor, Tensor]:
        side, here = torch.cuda.Stream(), torch.cuda.current_stream()  # type: ignore[no-untyped-call]
        side.wait_stream(here)
        with torch.cuda.stream(side):
            for _ in range(NUM_WARMUPS):
                passes(self._x, self._labels)
                passes.forget_gradients()
        here.wait_stream(side)
        with torch.cuda.graph(self._graph, stream=side, capture_error_mode="thread_local"):
            return passes(self._x, self._labels)

    def finish(self) -> None:
        """Wait for the last replay; the graph and its memory can be given back then."""
        torch.cuda.synchronize(self._device)

    def __call__(self, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """As `Passes`; what is returned holds until the next call."""
        self._x.copy_(x)
        self._labels.copy_(labels)
        self._graph.replay()
        for parameter, gradient in self._gradients:
            parameter.grad = gradient
        return self._results


@contextmanager
def _cudnn_tries_algorithms() -> Iterator[None]:
    """Inside, cuDNN measures which algorithm is the fastest for a convolution; the flag is as before outside."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


class TrainingStep:
    """The step of a job, by its number.

    A step's random choices depend on the recipe's seed and the step's number alone. On a CPU the same step
    from the same state gives the same weights, bit for bit. On a GPU the choices are the same too, recorded or not,
    but cuDNN's gradients are sums in no fixed order, so that weights agree within rounding.

    Args:
        record: record CUDA graphs; where not given, on a CUDA device.
    """

    def __init__(self, job: Job, optimizers: Optimizers, emit: Listener, *, record: bool | None = None) -> None:
        recipe, network = job.recipe, job.classifier.network
        self._job, self._optimizers, self._emit = job, optimizers, emit
        self._sizes = usable_sizes(network.spec, recipe.start_size or recipe.size, recipe.size)
        self._plain = Passes(network, job.machine, recipe.label_smoothing)
        self._records = job.machine.device.type == "cuda" if record is None else record
        self._passes: Passes | CapturedPasses = self._plain
        self._passes_size = 0

    def __call__(self, step: int, images: Tensor, labels: Tensor, rates: Rates) -> Outcome:
        """Learn from uint8 images [N, S, S, 3] and labels [N] at these shares of the peak rates."""
        job, size = self._job, self._size(step)
        self._choose_passes(step, size)
        seed = 2 * (job.recipe.seed * 1_000_003 + step)
        torch.manual_seed(seed)  # dropout
        colors = job.colors if step < round(job.recipe.pca_until * job.num_steps) else None
        x = training_input(job, images, size=size, seed=seed + 1, colors=colors)
        loss, wrong = self._passes(x, labels)
        self._optimizers.step(rates)
        return Outcome(loss, wrong, count=len(labels), size=size)

    def _size(self, step: int) -> int:
        return image_size(self._job.recipe, self._sizes, step, num_steps=self._job.num_steps)

    def _choose_passes(self, step: int, size: int) -> None:
        """At the first step of a size: a graph, where it lasts. Sizes only grow, so the graph before it can go."""
        if size == self._passes_size:
            return
        if isinstance(self._passes, CapturedPasses):
            self._passes.finish()
        self._passes, self._passes_size = self._plain, size
        last = step + LASTING - 1
        if self._records and last < self._job.num_steps and self._size(last) == size:
            self._capture(size)

    def _capture(self, size: int) -> None:
        """Record the passes; where that fails, say so once and go on without."""
        try:
            self._passes = CapturedPasses(self._plain, count=self._job.batch_size, size=size)
        except RuntimeError as error:
            self._records = False
            reason = " ".join(str(error).split())[:160]
            self._emit(Note(f"no CUDA graph could be recorded, operations are launched one by one: {reason}"))
