"""Convolution of a photograph's size: ours against SciPy, PyTorch and, where it is installed, OpenCV.

python -m benchmarks.convolution [--repeats 7] [--threads 2] [--only 3 5 7]

Every candidate convolves the same 1920 x 1080 float32 image with the same kernel, zeros outside, output of the same
size. The candidates take turns: one warm-up of each, then round after round. Printed: median and quartiles in ms.
"""

import argparse
import importlib
import os
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import scipy
import torch
from scipy import ndimage, signal
from torch.nn import functional as F

from alexnet.cli.process import keep_freed_memory
from alexnet.convolution.fast import ERROR_BOUND, convolve2d

SIDES = (3, 5, 7, 11, 21, 41, 63)
SLOWEST_SECONDS = 1.0
"""A peer that takes longer in its warm-up is measured by that one call alone."""

Candidates = Mapping[str, Callable[[], object]]


def load_opencv() -> Any:
    """OpenCV where it is installed, else None: it is no dependency of this project."""
    try:
        return importlib.import_module("cv2")
    except ImportError:
        return None


def make_candidates(image: np.ndarray, side: int, opencv: Any, *, separable: bool) -> Candidates:
    """The ways to convolve, all with the same numbers as result."""
    generator = np.random.default_rng(side)
    column, row = generator.normal(size=(2, side)).astype(np.float32)
    kernel = np.outer(column, row) if separable else generator.normal(size=(side, side)).astype(np.float32)
    tensor = torch.from_numpy(image)[None, None]
    flipped = torch.from_numpy(kernel[::-1, ::-1].copy())[None, None]
    turned = np.ascontiguousarray(kernel[::-1, ::-1])
    ways: dict[str, Callable[[], object]] = {
        "ours": lambda: convolve2d(image, kernel),
        "scipy.oaconvolve": lambda: signal.oaconvolve(image, kernel, "same"),
        "scipy.fftconvolve": lambda: signal.fftconvolve(image, kernel, "same"),
        "scipy.convolve2d": lambda: signal.convolve2d(image, kernel, "same"),
        "ndimage.convolve": lambda: ndimage.convolve(image, kernel, mode="constant"),
        "torch.conv2d": lambda: F.conv2d(tensor, flipped, padding=side // 2),
    }
    if separable:
        ways["ndimage.convolve1d"] = lambda: ndimage.convolve1d(
            ndimage.convolve1d(image, column, 0, mode="constant"), row, 1, mode="constant"
        )
        down, across = (
            flipped[..., side // 2 : side // 2 + 1].clone(),
            flipped[:, :, side // 2 : side // 2 + 1].clone(),
        )
        ways["torch.conv2d, twice"] = lambda: F.conv2d(
            F.conv2d(tensor, down, padding=(side // 2, 0)), across, padding=(0, side // 2)
        )
    if opencv is not None:
        zero = opencv.BORDER_CONSTANT
        if separable:
            ways["cv2.sepFilter2D"] = lambda: opencv.sepFilter2D(
                image, -1, row[::-1].copy(), column[::-1].copy(), borderType=zero
            )
        else:
            ways["cv2.filter2D"] = lambda: opencv.filter2D(image, -1, turned, borderType=zero)
    reference = np.asarray(ways["scipy.fftconvolve"]())
    bound = ERROR_BOUND["float32"] * float(np.abs(image).max()) * float(np.abs(kernel).sum())
    if float(np.abs(reference - np.asarray(ways["ours"]())).max()) > 2 * bound:
        raise SystemExit(f"side {side}: the result is not SciPy's")
    return ways


def take_turns(candidates: Candidates, repeats: int) -> dict[str, list[float]]:
    """Milliseconds of each repeat of each candidate, one candidate after the other."""
    taken: dict[str, list[float]] = {}
    for name, run in candidates.items():
        started = time.perf_counter()
        run()
        taken[name] = [1000 * (time.perf_counter() - started)]
    quick = [name for name, (first,) in taken.items() if first < 1000 * SLOWEST_SECONDS]
    for name in quick:
        taken[name] = []
    for _ in range(repeats):
        for name in quick:
            started = time.perf_counter()
            candidates[name]()
            taken[name].append(1000 * (time.perf_counter() - started))
    return taken


def print_row(side: int, taken: Mapping[str, list[float]]) -> None:
    """A row: ours, the best of SciPy and PyTorch, OpenCV, and the ratios; then every candidate."""
    middle = {name: statistics.median(values) for name, values in taken.items()}
    ours = middle["ours"]
    peer = min((name for name in middle if name != "ours" and not name.startswith("cv2")), key=lambda n: middle[n])
    opencv = next((name for name in middle if name.startswith("cv2")), None)
    said = f"{middle[opencv]:8.2f} {ours / middle[opencv]:9.2f}" if opencv else f"{'-':>8} {'-':>9}"
    print(f"{side:>4} {ours:9.2f} {middle[peer]:9.2f}  {peer:<20} {middle[peer] / ours:7.1f} {said}", flush=True)
    for name, values in taken.items():
        low, high = (values[0], values[0]) if len(values) < 4 else statistics.quantiles(values, n=4)[::2]
        once = "  (one call)" if len(values) == 1 else ""
        print(f"        {name:<20} {middle[name]:10.2f} ms  quartiles {low:.2f} to {high:.2f}{once}", flush=True)


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    words.add_argument("--repeats", type=int, default=7)
    words.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    words.add_argument("--only", type=int, nargs="*", default=SIDES)
    chosen = words.parse_args()
    torch.set_num_threads(chosen.threads)
    keep_freed_memory()
    opencv = load_opencv()
    if opencv is not None:
        opencv.setNumThreads(chosen.threads)
    image = np.random.default_rng(0).random((1080, 1920), dtype=np.float32)
    about = f"torch {torch.__version__}, scipy {scipy.__version__}, numpy {np.__version__}"
    peer = f"OpenCV {opencv.__version__}" if opencv else "OpenCV is not installed and not measured"
    print(f"1920 x 1080 float32, {chosen.threads} threads, {about}, {peer}")
    for separable in (False, True):
        print(f"\n{'separable' if separable else 'dense'}: medians in ms")
        print("side      ours best peer  which             times faster   OpenCV  x OpenCV")
        for side in chosen.only:
            print_row(side, take_turns(make_candidates(image, side, opencv, separable=separable), chosen.repeats))


if __name__ == "__main__":
    main()
