"""What a network must give: a logit for each class and image."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from alexnet.errors import GeometryError

__all__ = ["check_logits"]


def check_logits(output: object, classes: Sequence[str] | None = None) -> Float[Tensor, "N K"]:
    """What a network gave, if it is a logit for each class; without `classes`, for any number of them.

    Raises:
        GeometryError: it is something else.
    """
    if not isinstance(output, Tensor) or output.ndim != 2:
        kind = f"{list(output.shape)}" if isinstance(output, Tensor) else f"a {type(output).__name__}"
        raise GeometryError(f"the network gives {kind}, not logits [N, K]; wrap a module that gives these alone")
    if classes is not None and output.shape[1] != len(classes):
        raise GeometryError(
            f"the network gives {output.shape[1]} logits for {len(classes)} classes; name one class for each"
        )
    return output
