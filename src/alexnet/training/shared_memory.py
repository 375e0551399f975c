"""Processes of one machine share weights, gradients and what optimizers remember in memory, and divide the update.

Over sockets, every step of AlexNet would send all of its gradients, and every process would update all weights. Here
a process writes its gradients into memory that all of them see; each parameter has an owner, who adds the gradients
up and updates it in place.
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from alexnet.model.alexnet import AlexNet
from alexnet.training.optimizer import Optimizers
from alexnet.training.processes import Processes

__all__ = ["SharedMemory", "owners", "share_memory"]

MEMORY = Path("/dev/shm")
"""Files that lie in memory (Linux)."""

ALIGNMENT = 64
"""Bytes that every tensor's place is a multiple of: a line of the CPU's cache."""


def owners(costs: Sequence[float], count: int) -> list[int]:
    """The owner of each parameter: the costliest first, each to the process that has the least to do by then.

    >>> owners([1.0, 5.0, 3.0, 1.0], 2)
    [1, 0, 1, 1]
    """
    loads, chosen = [0.0] * count, [0] * len(costs)
    for place in sorted(range(len(costs)), key=lambda place: (-costs[place], place)):
        chosen[place] = min(range(count), key=lambda number: (loads[number], number))
        loads[chosen[place]] += costs[place]
    return chosen


@dataclass(frozen=True)
class SharedMemory:
    """The parameters in shared memory.

    Args:
        parameters: those that are trained, each with its owner and a place for the gradient of each process.
    """

    processes: Processes
    parameters: tuple[tuple[nn.Parameter, int, tuple[Tensor, ...]], ...]

    def show_gradients(self) -> None:
        """Write the gradients of the parameters that other processes own to where they see them."""
        for parameter, owner, places in self.parameters:
            if owner != self.processes.number and parameter.grad is not None:
                places[self.processes.number].copy_(parameter.grad)

    def add_gradients(self) -> None:
        """Add the gradients of the other processes to those of the own parameters."""
        for parameter, owner, places in self.parameters:
            if owner == self.processes.number and parameter.grad is not None:
                for number, place in enumerate(places):
                    if number != owner:
                        parameter.grad.add_(place)


def share_memory(processes: Processes, network: AlexNet, optimizers: Optimizers) -> SharedMemory | None:
    """Move the weights and what the optimizers remember into shared memory; None where there is none.

    Every process calls this after the same step, or before the first one of a resumed training. From then on each
    updates its own parameters only.

    Raises:
        ProcessLostError: another process has ended.
    """
    remembered = optimizers.state_tensors()
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    values = [*parameters, *remembered.values(), *(each for each in parameters for _ in range(processes.count))]
    sizes = [-(-value.numel() * value.element_size() // ALIGNMENT) * ALIGNMENT for value in values]
    memory = _map(processes, sum(sizes))
    if memory is None:
        return None
    places = _places(memory, values, sizes)
    with torch.no_grad():
        for parameter in parameters:
            place = next(places)
            if processes.is_first:
                place.copy_(parameter)
            parameter.data = place
        for name, value in remembered.items():
            place = next(places)
            if processes.is_first:
                place.copy_(value)
            optimizers.move_state(name, place)
    chosen = owners([optimizers.cost_of(parameter) for parameter in parameters], processes.count)
    optimizers.update_only(
        [parameter for parameter, owner in zip(parameters, chosen, strict=True) if owner == processes.number]
    )
    rows = [
        (parameter, owner, tuple(next(places) for _ in range(processes.count)))
        for parameter, owner in zip(parameters, chosen, strict=True)
    ]
    processes.any_of(False)  # nobody goes on before the weights are there
    return SharedMemory(processes, tuple(rows))


def _places(memory: Tensor, values: Sequence[Tensor], sizes: Sequence[int]) -> Iterator[Tensor]:
    """A tensor in shared memory like each of these, one after the other, with the same order in memory."""
    start = 0
    for value, size in zip(values, sizes, strict=True):
        flat = memory[start : start + value.numel() * value.element_size()].view(value.dtype)
        yield flat.as_strided(value.shape, value.stride())
        start += size


def _map(processes: Processes, num_bytes: int) -> Tensor | None:
    """Memory that all processes share, uint8 [num_bytes]; None where one of them cannot have it.

    Its file has no name any more when this returns, so that it goes with the processes.
    """
    path = _reserve(num_bytes) if processes.is_first else None
    name = processes.share(str(path or "").encode()).decode()
    memory = None
    if name:
        with suppress(RuntimeError, OSError):
            memory = torch.from_file(name, shared=True, size=num_bytes, dtype=torch.uint8)
    is_missing = processes.any_of(memory is None)
    if path is not None:
        path.unlink()
    return None if is_missing else memory


def _reserve(num_bytes: int) -> Path | None:
    """A new file in memory, all of it reserved; None where there is no such memory or too little."""
    if not MEMORY.is_dir() or not hasattr(os, "posix_fallocate"):
        return None
    with suppress(OSError):
        file, name = tempfile.mkstemp(prefix="alexnet-", dir=MEMORY)
        try:
            os.posix_fallocate(file, 0, num_bytes)
        except OSError:
            Path(name).unlink()
            return None
        finally:
            os.close(file)
        return Path(name)
    return None
