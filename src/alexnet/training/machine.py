"""The machine that a training runs on: device, precision, and how its CPU treats subnormal numbers."""

import ctypes
import os
import platform
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from alexnet.errors import RecipeError
from alexnet.layers.cpu_features import has_fast_bfloat16
from alexnet.recipe import Recipe

__all__ = ["Machine", "choose_machine", "describe_machine", "subnormals_flushed"]

SUBNORMAL = 5e-324
"""The smallest float64 above 0. Where subnormal numbers are flushed, it times 1 is 0."""


@dataclass(frozen=True)
class Machine:
    """Where a training runs. dtype: the precision of convolutions and matmuls. reason: why that one was chosen."""

    device: torch.device
    dtype: torch.dtype
    reason: str

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.device}, {self.precision} ({self.reason})"

    @property
    def precision(self) -> str:
        """The name of the number format."""
        return str(self.dtype).removeprefix("torch.")

    def to_dict(self) -> dict[str, str]:
        """The kind of device and the number format, for the run's record."""
        return {"device": self.device.type, "precision": self.precision}


def choose_machine(recipe: Recipe, *, gpu: int = 0) -> Machine:
    """The device and precision for a recipe.

    On a CPU, `precision = auto` means bfloat16 only where its matmuls are several times as fast as float32's.

    Args:
        gpu: the number of the GPU where the recipe names none; of several processes, each has its own.

    Raises:
        RecipeError: the device is unknown or not available.
    """
    device = _choose_device(recipe.device, gpu)
    if recipe.precision != "auto":
        return Machine(device, getattr(torch, recipe.precision), "set by the recipe")
    if device.type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return Machine(device, torch.bfloat16, "the GPU supports it")
        return Machine(device, torch.float32, "the GPU does not support bfloat16")
    if device.type == "cpu":
        if has_fast_bfloat16():
            return Machine(device, torch.bfloat16, "fast bfloat16 matmul on this CPU")
        return Machine(device, torch.float32, "no fast bfloat16 matmul on this CPU")
    return Machine(device, torch.float32, f"the safe choice on {device.type}")


def _choose_device(name: str, gpu: int) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and gpu:
        if gpu >= torch.cuda.device_count():
            raise RecipeError(
                f"process {gpu + 1} of this machine has no GPU of its own, there are {torch.cuda.device_count()}: "
                "start one process for each GPU"
            )
        name = f"cuda:{gpu}"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise RecipeError(f"device {name}: unknown or not available; choose auto or cpu") from error
    return device


@contextmanager
def subnormals_flushed() -> Iterator[None]:
    """Inside, the CPU treats subnormal numbers (float32: below 1.2e-38) as 0; afterwards as it did before.

    Gradients of saturated outputs decay into subnormal numbers, which the CPU computes with on a slow path:
    fine-tuning was three times as fast without them (EXPERIMENTS.md, "Subnormal numbers").

    The mode belongs to a thread. It is set, and set back, for the calling thread and for the threads that share
    torch's work with it, whether they exist already or start inside; other threads of the program keep theirs. Where
    torch does not use an OpenMP library with GNU's interface (outside Linux), only the calling thread is reached.
    """
    before: dict[int, bool] = {}
    here = threading.get_ident()

    def flush() -> None:
        before[threading.get_ident()] = _flushes_subnormals()
        torch.set_flush_denormal(True)

    def restore() -> None:
        # a thread that started inside took its mode over from the calling thread
        torch.set_flush_denormal(before.get(threading.get_ident(), before[here]))

    _run_on_every_thread(flush)
    try:
        yield
    finally:
        _run_on_every_thread(restore)


def _flushes_subnormals() -> bool:
    """Whether the calling thread treats subnormal numbers as 0."""
    return SUBNORMAL * 1.0 == 0.0


def _run_on_every_thread(action: Callable[[], None]) -> None:
    """Run `action` in the calling thread and in every thread that shares torch's operations with it.

    Torch has no call for this; the OpenMP library below it has: GOMP_parallel runs a function once in each thread of
    the caller's pool, which is the pool that torch's operations use.

    Source: libgomp's manual, "Implementing PARALLEL construct".
    """
    start_parallel = _gomp_parallel()
    if start_parallel is None:
        action()
    else:
        start_parallel(PARALLEL_BODY(lambda _data: action()), None, torch.get_num_threads(), 0)


PARALLEL_BODY = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
"""C's type of the function that a parallel region runs."""


def _gomp_parallel() -> Callable[..., None] | None:
    """The call that starts a parallel region, None where there is none of this name."""
    if not sys.platform.startswith("linux"):
        return None
    start_parallel = getattr(ctypes.CDLL(None), "GOMP_parallel", None)
    if start_parallel is not None:
        start_parallel.argtypes = [PARALLEL_BODY, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
        start_parallel.restype = None
    return start_parallel


def describe_machine() -> dict[str, str | int]:
    """System, CPU, cores and versions, for the run's record."""
    return {
        "system": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count() or 1,
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "",
    }
