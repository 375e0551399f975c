"""Forward and backward pass as CUDA graphs: recorded once for each image size, then replayed in one launch."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from alexnet.model.alexnet import AlexNet
from alexnet.training.events import Listener, Note
from alexnet.training.job import Job

__all__ = ["ForwardBackward", "GraphedPasses", "ReplayedPasses", "replayed_on_gpu"]

MIN_STEPS = 200
"""Steps at one image size that make a CUDA graph worthwhile: recording one takes as long as it then saves."""

NUM_WARMUPS = 3
"""Passes before the recorded one, in which libraries choose their algorithms and allocate their workspace."""

ForwardBackward = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""From a batch [N, 3, R, R] and its labels [N] to the loss and the number of wrong images; leaves the gradients."""


def replayed_on_gpu(
    forward_backward: ForwardBackward, job: Job, *, first_step: int, emit: Listener, record: bool | None = None
) -> ForwardBackward:
    """The same function, replayed from CUDA graphs on a GPU; on any other device, the function itself.

    Args:
        first_step: the step that training starts with; sizes with too few steps left are not recorded.
        record: use graphs or not; by default, on a CUDA device.
    """
    if not (job.machine.device.type == "cuda" if record is None else record):
        return forward_backward
    return ReplayedPasses(forward_backward, job, first_step=first_step, emit=emit)


class ReplayedPasses:
    """Records a CUDA graph at the first batch of each image size that has enough steps; otherwise runs as is.

    Image sizes only grow, so the graph of a smaller size is released when a larger one comes.
    """

    def __init__(self, forward_backward: ForwardBackward, job: Job, *, first_step: int, emit: Listener) -> None:
        self._plain, self._job, self._emit = forward_backward, job, emit
        self._num_steps = Counter(job.image_size(step) for step in range(first_step, job.num_steps))
        self._passes: ForwardBackward = forward_backward
        self._size = 0
        self._can_record = True

    def __call__(self, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Loss and number of wrong images; they are valid until the next call."""
        if x.shape[-1] != self._size:
            self._choose(x.shape[-1], len(x))
        return self._passes(x, labels)

    def _choose(self, size: int, count: int) -> None:
        if isinstance(self._passes, GraphedPasses):
            self._passes.finish()
        self._passes, self._size = self._plain, size
        if not self._can_record or self._num_steps[size] < MIN_STEPS:
            return
        try:
            self._passes = GraphedPasses(self._plain, self._job, count=count, size=size)
        except RuntimeError as error:
            self._can_record = False
            reason = " ".join(str(error).split())[:160]
            self._emit(Note(f"no CUDA graph could be recorded, so operations are launched one by one: {reason}"))


class GraphedPasses:
    """Forward and backward pass on batches of one shape, recorded as a CUDA graph.

    Dropout draws from the job's own generator, whose state is registered with the graph: a replay draws what the
    recorded operations would draw, from the seed that is set at the time.

    Raises:
        RuntimeError: an operation cannot be recorded.
    """

    def __init__(self, forward_backward: ForwardBackward, job: Job, *, count: int, size: int) -> None:
        device, network = job.machine.device, job.network
        # autocast would round the input first thing, so it is rounded on its way in; not so where the network
        # subtracts a mean image before
        dtype = job.machine.dtype if network.mean_image is None else torch.float32
        x = torch.zeros(count, 3, size, size, dtype=dtype, device=device)
        self._x = x.contiguous(memory_format=torch.channels_last)
        self._labels = torch.zeros(count, dtype=torch.int64, device=device)
        self._device, self._graph = device, torch.cuda.CUDAGraph()
        generator = job.dropout_generator
        state = generator.clone_state()
        with torch.cuda.device(device), _fastest_algorithms():
            try:
                self._graph.register_generator_state(generator)
                self._results = self._record(forward_backward, network)
                self._gradients = [(p, p.grad) for p in network.parameters() if p.grad is not None]
            except RuntimeError:
                generator.graphsafe_set_state(state)  # an aborted recording leaves the generator unusable
                raise
            finally:
                _clear_gradients(network)
                generator.manual_seed(generator.initial_seed())  # the warm-up has drawn masks

    def _record(self, forward_backward: ForwardBackward, network: AlexNet) -> tuple[Tensor, Tensor]:
        side, current = torch.cuda.Stream(), torch.cuda.current_stream()  # type: ignore[no-untyped-call]
        side.wait_stream(current)
        with torch.cuda.stream(side):
            for _ in range(NUM_WARMUPS):
                forward_backward(self._x, self._labels)
                _clear_gradients(network)
        current.wait_stream(side)
        with torch.cuda.graph(self._graph, stream=side, capture_error_mode="thread_local"):
            return forward_backward(self._x, self._labels)

    def finish(self) -> None:
        """Wait for the last replay; after that the graph and its memory can be released."""
        torch.cuda.synchronize(self._device)

    def __call__(self, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Replay; the results are valid until the next call."""
        self._x.copy_(x)
        self._labels.copy_(labels)
        self._graph.replay()
        for parameter, gradient in self._gradients:
            parameter.grad = gradient
        return self._results


def _clear_gradients(network: AlexNet) -> None:
    for parameter in network.parameters():
        parameter.grad = None


@contextmanager
def _fastest_algorithms() -> Iterator[None]:
    """Let cuDNN measure which algorithm is fastest for each convolution; afterwards the flag is as before."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before
