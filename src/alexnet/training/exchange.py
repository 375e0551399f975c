"""How the processes of a training add their gradients up and update the weights."""

from collections.abc import Iterator

from torch import Tensor

from alexnet.model.alexnet import AlexNet
from alexnet.training.optimizer import Optimizers
from alexnet.training.processes import Processes
from alexnet.training.shared_memory import SharedMemory, share_memory

__all__ = ["Exchange"]


class Exchange:
    """The sums of gradients, and who updates what.

    On several machines the gradients are sent and every process updates all weights. Processes of one machine use
    shared memory, where there is enough of it, from the second step on: in the first one the optimizers create what
    they remember.

    Args:
        step: the step that the training starts with.
    """

    def __init__(self, processes: Processes, network: AlexNet, optimizers: Optimizers, *, step: int) -> None:
        self._processes, self._network, self._optimizers = processes, network, optimizers
        self._memory: SharedMemory | None = None
        self._may_share = processes.can_share_memory
        if step > 0:
            self._use_shared_memory()

    def _use_shared_memory(self) -> None:
        if self._may_share:
            self._memory = share_memory(self._processes, self._network, self._optimizers)
            self._may_share = False

    def add_up(self, loss: Tensor, wrong: Tensor) -> None:
        """Replace loss, number of wrong images and the gradients that this process needs by their sums.

        Raises:
            ProcessLostError: another process has ended.
        """
        if self._memory is None:
            self._processes.add_up([*self._gradients(), loss, wrong])
            return
        self._memory.show_gradients()
        self._processes.add_up([loss, wrong])  # all have shown theirs when this is done
        self._memory.add_gradients()

    def finish_step(self) -> None:
        """Wait until all weights are updated.

        Raises:
            ProcessLostError: another process has ended, perhaps amid its update.
        """
        if self._memory is not None:
            self._processes.any_of(False)
        self._use_shared_memory()

    def _gradients(self) -> Iterator[Tensor]:
        for parameter in self._network.parameters():
            if parameter.grad is not None:
                yield parameter.grad
