"""How the processes of a training start and meet.

    alexnet train DATA --processes 2         process 0 is the caller; it starts the others
    torchrun ... -m alexnet train DATA       torchrun starts them all, on one machine or many

Process 0 prepares the training and writes down its start. Then it names the run folder to the others, which prepare
the same from what is written there (`alexnet.training.worker`). When all are ready, they connect and train. Messages
before and after that are texts in a store: a temporary file, or torchrun's own.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import torch
import torch.distributed as dist
from torch.distributed import FileStore  # type: ignore[attr-defined]
from torch.distributed.distributed_c10d import PrefixStore, Store

from alexnet.errors import RecipeError, RunError
from alexnet.training.processes import Processes, ProcessLostError

__all__ = ["Launch", "is_first_process", "launched"]

LONGEST_WAIT = timedelta(hours=2)
"""How long a process waits in an exchange for the others, which may be decoding images or testing meanwhile."""

SECONDS_BETWEEN_LOOKS = 0.05
"""Between two looks for a message."""

SECONDS_TO_END = 10.0
"""How long a process that was told to end may take before it is killed."""


@dataclass(frozen=True)
class Launch:
    """One process of several, before they are connected.

    Args:
        number: of this process, from 0.
        count: how many processes there are.
        local_number: of this process among those of its machine; the number of its GPU, if it has any.
        store: for messages.
        others: the processes that this one has started, each with the file of its error messages.
        parent: the process that started this one and without which it ends; None under torchrun.
        threads: of this process while it trains; None leaves them as they are.
        is_restarted: torchrun has started the processes once more after a fault.
    """

    number: int
    count: int
    local_number: int
    store: Store
    others: tuple[tuple["subprocess.Popen[bytes]", Path], ...] = ()
    parent: int | None = None
    threads: int | None = None
    is_restarted: bool = False

    # --- messages
    def tell(self, subject: str, message: dict[str, Any]) -> None:
        """Leave a message for the other processes."""
        self.store.set(subject, json.dumps(message))

    def hear(self, subject: str) -> dict[str, Any]:
        """Wait for a message.

        Raises:
            ProcessLostError: the process that would leave it has ended.
        """
        while True:
            try:
                if self.store.check([subject]):
                    return dict(json.loads(self.store.get(subject)))
            except RuntimeError as error:  # the store's own process has ended
                raise ProcessLostError("the training's first process has ended or cannot be reached") from error
            self._require_others()
            time.sleep(SECONDS_BETWEEN_LOOKS)

    def _require_others(self) -> None:
        if self.parent is not None and os.getppid() != self.parent:
            raise ProcessLostError("the training's first process has ended")
        ended = self.describe_ended()
        if ended:
            raise ProcessLostError(ended)

    def describe_ended(self, *, seconds: float = 0.0) -> str:
        """Which of the processes that this one started has ended, and how; empty where all of them run.

        Args:
            seconds: how long to wait for one to end.
        """
        until = time.monotonic() + seconds
        while True:
            for number, (child, errors) in enumerate(self.others, 1):
                code = child.poll()
                if code is not None:
                    how = f"was killed (signal {-code})" if code < 0 else "has ended"
                    return f"process {number + 1} of {self.count} {how}{self._last_words(number, errors)}"
            if time.monotonic() >= until:
                return ""
            time.sleep(SECONDS_BETWEEN_LOOKS)

    def _last_words(self, number: int, errors: Path) -> str:
        """What a process said of its end: its message, or the last line of its error messages."""
        if self.store.check([f"fault/{number}"]):
            return f": {self.hear(f'fault/{number}')['fault']}"
        lines = errors.read_text(errors="replace").strip().splitlines()
        return f": {lines[-1][:300]}" if lines else ""

    # --- meeting
    def gather(self, facts: dict[str, Any]) -> None:
        """Wait until every process is ready, and require that all of them work on the same.

        Args:
            facts: what this process found; each other one sends its own as `ready/NUMBER`.

        Raises:
            RunError: a process cannot take part, or found something else.
            ProcessLostError: a process has ended.
        """
        for number in range(1, self.count):
            theirs = self.hear(f"ready/{number}")
            if "fault" in theirs:
                raise RunError(f"process {number + 1} of {self.count}: {theirs['fault']}")
            for name, value in facts.items():
                if theirs[name] != value:
                    raise RunError(
                        f"process {number + 1} of {self.count}: its {name} is {theirs[name]}, that of process 1 "
                        f"{value}; all processes need the same images, program and settings"
                    )

    @contextmanager
    def joined(self, device: torch.device) -> Iterator[Processes]:
        """Connect the processes; every one must call this. Afterwards they are no longer connected."""
        if dist.is_initialized():
            raise RunError("torch.distributed is in use by this program already; train in a process of its own")
        backend = "nccl" if device.type == "cuda" else "gloo"
        is_local = bool(self.others) or self.parent is not None
        with _loopback_only(is_needed=is_local):
            threads = torch.get_num_threads()
            torch.set_num_threads(self.threads or threads)
            try:
                dist.init_process_group(
                    backend,
                    store=PrefixStore("group", self.store),
                    rank=self.number,
                    world_size=self.count,
                    timeout=LONGEST_WAIT,
                    device_id=device if device.type == "cuda" else None,
                )
                control = dist.new_group(backend="gloo", timeout=LONGEST_WAIT)
                yield Processes(self.number, self.count, control, is_local and device.type == "cpu")
            finally:
                torch.set_num_threads(threads)
                if dist.is_initialized():
                    dist.destroy_process_group()

    # --- ending
    def end_others(self) -> None:
        """End the processes that this one started, and wait for them."""
        for child, _ in self.others:
            if child.poll() is None:
                child.terminate()
        until = time.monotonic() + SECONDS_TO_END
        for child, _ in self.others:
            try:
                child.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    @classmethod
    def from_parent(cls, folder: Path, number: int, count: int, parent: int) -> Self:
        """The launch of a process that another one has started, with the folder that they exchange messages in."""
        return cls(number, count, number, FileStore(str(folder / "store"), count), parent=parent)


def is_first_process() -> bool:
    """Whether this process is the one that writes the run folder; only torchrun starts processes that are not.

    >>> is_first_process()
    True
    """
    return os.environ.get("RANK", "0") == "0"


def _torchrun_launch() -> Launch | None:
    """This process among those that torchrun started; None if torchrun did not start it, or no other.

    Source: torchrun's manual, "Environment Variables".
    """
    count, number = int(os.environ.get("WORLD_SIZE", "1")), os.environ.get("RANK", "")
    if count < 2 or not number or "MASTER_ADDR" not in os.environ:
        return None
    store, _, _ = next(iter(dist.rendezvous("env://", timeout=LONGEST_WAIT)))  # type: ignore[attr-defined]
    attempt = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))
    local_number = int(os.environ.get("LOCAL_RANK", number))
    messages = PrefixStore(f"alexnet/{attempt}", store)
    return Launch(int(number), count, local_number, messages, is_restarted=attempt > 0)


@contextmanager
def launched(count: int) -> Iterator[Launch | None]:
    """Start the other processes of a training, which end with this block; None where this one trains alone.

    Each gets an equal part of this process's threads, and so does this one while it trains. Where torchrun has
    started this process and others, they are the training's, and none is started here.

    Raises:
        RecipeError: `count` is no number of processes, or torchrun has chosen it already.
    """
    launch = _torchrun_launch()
    if launch:
        if count > 1:
            raise RecipeError(f"processes = {count}: torchrun has started {launch.count} already; leave it out")
        yield launch
        return
    if count < 1:
        raise RecipeError(f"processes = {count}: must be 1 or more")
    if count == 1:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="alexnet-") as name:
        folder, threads = Path(name), max(1, torch.get_num_threads() // count)
        store = FileStore(str(folder / "store"), count)
        others = tuple(_start(folder, number, count, threads=threads) for number in range(1, count))
        launch = Launch(0, count, 0, store, others, threads=threads)
        try:
            yield launch
        finally:
            launch.end_others()


def _start(folder: Path, number: int, count: int, *, threads: int) -> tuple["subprocess.Popen[bytes]", Path]:
    """A process that follows this one's messages; Ctrl-C and a closed terminal do not reach it."""
    words = [str(folder), str(number), str(count), str(os.getpid())]
    errors = folder / f"errors-{number}"
    with errors.open("wb") as file:
        child = subprocess.Popen(
            [*worker_command(), *words],
            env=os.environ | {"OMP_NUM_THREADS": str(threads)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=file,
            start_new_session=True,
        )
    return child, errors


def worker_command() -> list[str]:
    """The words that start a process of a training; the folder, its number, their count and this process follow."""
    return [sys.executable, "-P", "-m", "alexnet.training.worker"]


@contextmanager
def _loopback_only(*, is_needed: bool) -> Iterator[None]:
    """Let gloo listen on the loopback interface alone, unless the user has named another."""
    name = "GLOO_SOCKET_IFNAME"
    if not is_needed or name in os.environ or not sys.platform.startswith("linux"):
        yield
        return
    os.environ[name] = "lo"
    try:
        yield
    finally:
        os.environ.pop(name, None)
