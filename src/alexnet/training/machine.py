"""The machine: device, precision, and memory that is not given back between steps."""

import ctypes
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from alexnet.errors import RecipeError
from alexnet.layers.cpu_features import has_fast_bfloat16
from alexnet.recipe import Recipe

__all__ = ["Machine", "choose_machine", "describe_machine", "keep_freed_memory", "subnormals_flushed"]


@dataclass(frozen=True)
class Machine:
    """Where a training runs. dtype: numbers in convolutions and products."""

    device: torch.device
    dtype: torch.dtype
    reason: str

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.device}, {str(self.dtype).removeprefix('torch.')} ({self.reason})"


def choose_machine(recipe: Recipe) -> Machine:
    """Device and precision for a recipe.

    On a CPU, bfloat16 is chosen where its products are several times as fast as those of float32.

    Raises:
        RecipeError: the device is unknown or not there.
    """
    device = _choose_device(recipe.device)
    if recipe.precision != "auto":
        return Machine(device, getattr(torch, recipe.precision), "as asked")
    if device.type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return Machine(device, torch.bfloat16, "the GPU has it")
        return Machine(device, torch.float32, "the GPU has no bfloat16")
    if device.type == "cpu":
        if has_fast_bfloat16():
            return Machine(device, torch.bfloat16, "the CPU multiplies it fast")
        return Machine(device, torch.float32, "no fast products of bfloat16 that may be used")
    return Machine(device, torch.float32, f"the safe choice on {device.type}")


def _choose_device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise RecipeError(f"device {name}: is unknown or not there; choose auto or cpu") from error
    return device


def keep_freed_memory() -> bool:
    """Ask the C library (glibc) to keep freed memory for the next step instead of giving it back.

    Each step allocates and frees the same large blocks; given back, every one of them is mapped and zeroed anew
    by the system, which costs a fifth to a third of the step on two cores (EXPERIMENTS.md, "Memory that is
    kept"). Holds for the rest of the process. Returns whether it could be asked.

    Source: mallopt(3): M_MMAP_MAX, M_TRIM_THRESHOLD, M_TOP_PAD.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    m_trim_threshold, m_top_pad, m_mmap_max = -1, -2, -4
    return all([mallopt(m_mmap_max, 0), mallopt(m_trim_threshold, -1), mallopt(m_top_pad, 64 << 20)])


@contextmanager
def subnormals_flushed() -> Iterator[None]:
    """Inside, numbers below 1e-38 count as 0 on a CPU, which computes with them on a slow path otherwise.

    To be entered before the first parallel work, whose threads take it over; the calling thread is set back.
    Fine-tuning was three times as fast (EXPERIMENTS.md, "Subnormal numbers").
    """
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


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
