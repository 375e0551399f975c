"""Convolution of a 1920 x 1080 image: some rows of `python -m benchmarks.convolution`."""

import numpy as np

from benchmarks.compare import MissingPeerError, Setting, Way, compare
from benchmarks.measured import Comparison

SIDES = (3, 7, 21)
"""Sides of the dense kernels, px."""

SLOWEST_SECONDS = 0.5
"""A candidate whose warm-up takes longer is measured once."""


def measure(setting: Setting) -> list[Comparison]:
    """The peer is the fastest of SciPy and PyTorch."""
    try:
        from benchmarks.convolution import load_opencv, make_candidates
    except ImportError as error:
        raise MissingPeerError(f"{error.name} is not installed: no peer to convolve with") from error
    image = np.random.default_rng(0).random((1080, 1920), dtype=np.float32)
    comparisons = []
    for side in SIDES:
        runs = make_candidates(image, side, load_opencv(), separable=False)
        ways = {name: Way(run) for name, run in runs.items()}
        title = f"convolution of 1920 x 1080, kernel of {side} px"
        one = compare(title, ways, repeats=setting.repeats, slowest=SLOWEST_SECONDS)
        peers = [c for c in one.candidates if not c.is_ours and not c.name.startswith("cv2")]
        best = min(peers, key=lambda candidate: candidate.median)
        comparisons.append(Comparison(one.title, one.candidates, peer=best.name))
    return comparisons
