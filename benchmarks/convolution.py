"""Convolution of an image as large as a photograph: ours, SciPy, PyTorch and, if it is installed, OpenCV.

python -m benchmarks.convolution [--repeats 7] [--threads 2] [--only 3 5 7]

Every candidate convolves the same 1920 x 1080 float32 image with the same kernel, with zeros outside and an output of
the same size. The candidates alternate: one warm-up each, then round after round. Prints median and quartiles in ms.
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
"""A peer whose warm-up takes longer is measured by that one call only."""

Candidates = Mapping[str, Callable[[], object]]


def load_opencv() -> Any:
    """OpenCV if it is installed, else None: this project does not depend on it."""
    try:
        return importlib.import_module("cv2")
    except ImportError:
        return None


def make_candidates(image: np.ndarray, side: int, opencv: Any, *, separable: bool) -> Candidates:
    """The candidates; all give the same numbers."""
    generator = np.random.default_rng(side)
    column, row = generator.normal(size=(2, side)).astype(np.float32)
    kernel = np.outer(column, row) if separable else generator.normal(size=(side, side)).astype(np.float32)
    tensor = torch.from_numpy(image)[None, None]
    flipped = torch.from_numpy(kernel[::-1, ::-1].copy())[None, None]
    rotated = np.ascontiguousarray(kernel[::-1, ::-1])
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
            ways["cv2.filter2D"] = lambda: opencv.filter2D(image, -1, rotated, borderType=zero)
    reference = np.asarray(ways["scipy.fftconvolve"]())
    bound = ERROR_BOUND["float32"] * float(np.abs(image).max()) * float(np.abs(kernel).sum())
    if float(np.abs(reference - np.asarray(ways["ours"]())).max()) > 2 * bound:
        raise SystemExit(f"side {side}: the result differs from SciPy's")
    return ways


def take_turns(candidates: Candidates, repeats: int) -> dict[str, list[float]]:
    """Milliseconds of each repeat of each candidate; the candidates alternate."""
    times: dict[str, list[float]] = {}
    for name, run in candidates.items():
        started = time.perf_counter()
        run()
        times[name] = [1000 * (time.perf_counter() - started)]
    quick = [name for name, (first,) in times.items() if first < 1000 * SLOWEST_SECONDS]
    for name in quick:
        times[name] = []
    for _ in range(repeats):
        for name in quick:
            started = time.perf_counter()
            candidates[name]()
            times[name].append(1000 * (time.perf_counter() - started))
    return times


def print_row(side: int, times: Mapping[str, list[float]]) -> None:
    """Print a row: ours, the fastest of SciPy and PyTorch, OpenCV, and the ratios; then every candidate."""
    medians = {name: statistics.median(values) for name, values in times.items()}
    ours = medians["ours"]
    peer = min((name for name in medians if name != "ours" and not name.startswith("cv2")), key=lambda n: medians[n])
    opencv = next((name for name in medians if name.startswith("cv2")), None)
    opencv_columns = f"{medians[opencv]:8.2f} {ours / medians[opencv]:9.2f}" if opencv else f"{'-':>8} {'-':>9}"
    print(
        f"{side:>4} {ours:9.2f} {medians[peer]:9.2f}  {peer:<20} {medians[peer] / ours:7.1f} {opencv_columns}",
        flush=True,
    )
    for name, values in times.items():
        low, high = (values[0], values[0]) if len(values) < 4 else statistics.quantiles(values, n=4)[::2]
        once = "  (one call)" if len(values) == 1 else ""
        print(f"        {name:<20} {medians[name]:10.2f} ms  quartiles {low:.2f} to {high:.2f}{once}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", type=int, nargs="*", default=SIDES)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    opencv = load_opencv()
    if opencv is not None:
        opencv.setNumThreads(options.threads)
    image = np.random.default_rng(0).random((1080, 1920), dtype=np.float32)
    about = f"torch {torch.__version__}, scipy {scipy.__version__}, numpy {np.__version__}"
    peer = f"OpenCV {opencv.__version__}" if opencv else "OpenCV is not installed and not measured"
    print(f"1920 x 1080 float32, {options.threads} threads, {about}, {peer}")
    for separable in (False, True):
        print(f"\n{'separable' if separable else 'dense'}: medians in ms")
        print("side      ours best peer  which             times faster   OpenCV  x OpenCV")
        for side in options.only:
            print_row(side, take_turns(make_candidates(image, side, opencv, separable=separable), options.repeats))


if __name__ == "__main__":
    main()
