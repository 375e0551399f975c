"""What processes that train one network together exchange: sums of gradients and scores, weights, when to stop."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
import torch.distributed as dist
from torch import Tensor

from alexnet.batch_part import BatchPart
from alexnet.errors import RunError

__all__ = ["ALONE", "ProcessLostError", "Processes"]


class ProcessLostError(RunError):
    """Another process of the training has ended, or cannot be reached."""


@dataclass(frozen=True)
class Processes:
    """The processes of a training, seen from one of them. All call the same methods in the same order.

    Args:
        number: of this process, from 0; process 0 writes the run folder.
        count: how many processes there are.
        control: torch's process group for numbers on the CPU; None for a single process.
        can_share_memory: whether they are CPU processes of one machine.
    """

    number: int = 0
    count: int = 1
    control: "dist.ProcessGroup | None" = field(default=None, repr=False)
    can_share_memory: bool = False

    @property
    def is_first(self) -> bool:
        """Whether this process writes the run folder, chooses when to save, and tests the finished network."""
        return self.number == 0

    def part_of(self, whole: int) -> BatchPart | None:
        """This process's part of so many images; None where it is alone and takes them all."""
        return None if self.count == 1 else BatchPart.of(self.number, self.count, whole)

    def add_up(self, tensors: Iterable[Tensor]) -> None:
        """Replace each tensor by its sum over all processes, which is the same in all of them, bit for bit.

        Raises:
            ProcessLostError: another process has ended.
        """
        if self.count == 1:
            return
        with _losses_named():
            for work in [dist.all_reduce(tensor, async_op=True) for tensor in tensors]:
                if work is not None:
                    work.wait()

    def any_of(self, is_set: bool) -> bool:
        """Whether something holds in any process.

        Raises:
            ProcessLostError: another process has ended.
        """
        if self.count == 1:
            return is_set
        flag = torch.tensor([int(is_set)])
        with _losses_named():
            dist.all_reduce(flag, group=self.control)
        return bool(flag.item())

    def share(self, content: bytes) -> bytes:
        """The content that process 0 gives, in every process.

        Raises:
            ProcessLostError: another process has ended.
        """
        if self.count == 1:
            return content
        with _losses_named():
            length = torch.tensor([len(content)])
            dist.broadcast(length, src=0, group=self.control)
            received = torch.empty(int(length.item()), dtype=torch.uint8)
            if self.is_first and content:
                received.copy_(torch.frombuffer(bytearray(content), dtype=torch.uint8))
            dist.broadcast(received, src=0, group=self.control)
        return received.numpy().tobytes()


ALONE = Processes()
"""A training in a single process."""


@contextmanager
def _losses_named() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # what torch.distributed raises where a connection ends
        raise ProcessLostError("another process of this training has ended or cannot be reached") from error
