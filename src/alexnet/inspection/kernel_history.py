"""How kernels moved during training: their start, their end, and every epoch between."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from alexnet.errors import GeometryError
from alexnet.inspection.kernel_structure import kernel_structure
from alexnet.records import Record

__all__ = ["KernelHistory", "KernelSummary", "cosine_similarity"]


@dataclass(frozen=True)
class KernelSummary(Record):
    """Medians over the kernels of a layer at the end of training.

    Args:
        num_kernels: kernels of the layer.
        cosine_to_start: cosine between a kernel and what it was before training: 1 where it kept its direction.
        structure: largest autocorrelation of a kernel over eight shifts; about 0.1 for noise.
        structure_at_start: the same before training.
        fraction_structured: fraction of the kernels with a structure above 0.5.
        norm, norm_at_start: Euclidean norm of a kernel's weights.
        change: norm of the difference between end and start, over the norm at the start.
    """

    num_kernels: int
    cosine_to_start: float
    structure: float
    structure_at_start: float
    fraction_structured: float
    norm: float
    norm_at_start: float
    change: float

    def __str__(self) -> str:
        """The medians in one line."""
        return (
            f"median of {self.num_kernels} kernels: cosine to the start {self.cosine_to_start:.2f}, structure "
            f"{self.structure_at_start:.2f} at the start and {self.structure:.2f} now, norm {self.norm_at_start:.3g} "
            f"and {self.norm:.3g}"
        )


@dataclass(frozen=True, eq=False)
class KernelHistory(Record):
    """The kernels of one layer at the start of training and after every epoch.

    Args:
        layer: name of the layer.
        epochs: epochs done at each moment; the first is 0, the start.
        weights: [moment, out, in, k, k]; kernels of the first layer in RGB order.
    """

    layer: str
    epochs: tuple[int, ...]
    weights: Float32[np.ndarray, "E O I h w"]

    def __post_init__(self) -> None:
        """Check that the moments and the weights belong together."""
        if len(self.epochs) != len(self.weights) or not self.epochs:
            raise GeometryError(
                f"{len(self.epochs)} epochs for {len(self.weights)} sets of kernels: give one for each"
            )

    @property
    def start(self) -> Float32[np.ndarray, "O I h w"]:
        """The kernels before training."""
        return np.asarray(self.weights[0])

    @property
    def end(self) -> Float32[np.ndarray, "O I h w"]:
        """The kernels of the last moment."""
        return np.asarray(self.weights[-1])

    def cosine_to_start(self) -> Float[np.ndarray, "E O"]:
        """Cosine between each kernel and its start, at every moment."""
        return np.stack([cosine_similarity(kernels, self.start) for kernels in self.weights])

    def structure(self) -> Float[np.ndarray, "E O"]:
        """Structure of each kernel at every moment."""
        return np.stack([kernel_structure(kernels) for kernels in self.weights])

    def norms(self) -> Float[np.ndarray, "E O"]:
        """Norm of each kernel at every moment."""
        return np.asarray(np.sqrt((self.weights.astype(np.float64) ** 2).sum((2, 3, 4))))

    def summary(self) -> KernelSummary:
        """How far the kernels have moved, in a few numbers."""
        start, end = self.start.astype(np.float64), self.end.astype(np.float64)
        structure, before = kernel_structure(end), kernel_structure(start)
        norms = self.norms()
        moved = np.sqrt(((end - start) ** 2).sum((1, 2, 3)))
        return KernelSummary(
            num_kernels=len(end),
            cosine_to_start=float(np.median(cosine_similarity(end, start))),
            structure=float(np.median(structure)),
            structure_at_start=float(np.median(before)),
            fraction_structured=float((structure > 0.5).mean()),
            norm=float(np.median(norms[-1])),
            norm_at_start=float(np.median(norms[0])),
            change=float(np.median(moved / np.maximum(norms[0], 1e-12))),
        )

    def to_dict(self) -> dict[str, object]:
        """Medians at every moment, and every kernel at the last one, without the weights."""
        cosines, structures, norms = self.cosine_to_start(), self.structure(), self.norms()
        return {
            "layer": self.layer,
            "epochs": list(self.epochs),
            "cosine_to_start": np.median(cosines, axis=1).tolist(),
            "structure": np.median(structures, axis=1).tolist(),
            "norm": np.median(norms, axis=1).tolist(),
            "summary": self.summary().to_dict(),
            "kernels": [
                {"unit": f"{self.layer}/{number}", "cosine": cosine, "structure": structure, "norm": norm}
                for number, (cosine, structure, norm) in enumerate(
                    zip(cosines[-1].tolist(), structures[-1].tolist(), norms[-1].tolist(), strict=True)
                )
            ],
        }


def cosine_similarity(
    first: Float[np.ndarray, "O I h w"], second: Float[np.ndarray, "O I h w"]
) -> Float[np.ndarray, " O"]:
    """Cosine between kernels of the same number; 0 where one of them is all zeros.

    >>> ones = np.ones((1, 1, 2, 2))
    >>> float(cosine_similarity(ones, -3 * ones)[0])
    -1.0
    """
    a, b = (kernels.reshape(len(kernels), -1).astype(np.float64) for kernels in (first, second))
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.asarray(np.divide((a * b).sum(1), norms, out=np.zeros(len(a)), where=norms > 0.0))
