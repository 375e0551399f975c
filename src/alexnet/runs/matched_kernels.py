"""The first layers of two runs, kernel by kernel: which is like which, and how much."""

from dataclasses import dataclass

import numpy as np

from alexnet.errors import AlexNetError, GeometryError
from alexnet.inspection.kernel_pairs import KernelPair
from alexnet.records import Record
from alexnet.runs.first_kernels import match_runs
from alexnet.runs.inspect_run import kernels
from alexnet.runs.run import RunLike, as_run

__all__ = ["MatchedKernels", "match_first_layers"]


@dataclass(frozen=True)
class MatchedKernels(Record):
    """The kernels of conv1 of two runs, matched.

    Args:
        runs: paths of the first and the second run.
        median: median correlation of the pairs; None where the kernels cannot be matched.
        pairs: best first.
        note: why there are no pairs; "" where there are.
    """

    runs: tuple[str, str]
    median: float | None
    pairs: tuple[KernelPair, ...]
    note: str = ""

    def __str__(self) -> str:
        """The median, or the note, in one line."""
        if self.median is None:
            return self.note
        return (
            f"conv1 of {self.runs[0]} and {self.runs[1]}: {len(self.pairs)} pairs of kernels, median correlation "
            f"{self.median:.2f}"
        )


def match_first_layers(first: RunLike, second: RunLike) -> MatchedKernels:
    """Match the kernels of conv1 of two runs; where that is impossible, the note says why.

    Each kernel is matched at most once, the most similar pair first, by the correlation of the weights.

    Args:
        first, second: runs, or the paths of their folders.

    Raises:
        RunError: there is no run at a path.

    >>> round(alexnet.match_first_layers("runs/first", "runs/first").median, 3)
    1.0
    """
    first, second = as_run(first), as_run(second)
    runs = (str(first.path), str(second.path))
    try:
        shapes = [kernels(run).weights.shape[1:] for run in (first, second)]
        if shapes[0] != shapes[1]:
            one, other = (" x ".join(map(str, shape)) for shape in shapes)
            note = f"conv1 of {runs[0]} and {runs[1]}: kernels of {one} and of {other} cannot be compared"
            return MatchedKernels(runs, None, (), note)
        if not all(np.isfinite(kernels(run).weights).all() for run in (first, second)):
            raise GeometryError(f"conv1 of {runs[0]} and {runs[1]}: weights that are not finite cannot be compared")
        pairs = match_runs(first, second)
    except AlexNetError as error:
        return MatchedKernels(runs, None, (), str(error))
    return MatchedKernels(runs, float(np.median([pair.correlation for pair in pairs])), pairs)
