"""What a batch of images makes of one layer, forward and backward, in five numbers."""

from dataclasses import dataclass

from alexnet.records import Record

__all__ = ["LayerSignal"]


@dataclass(frozen=True)
class LayerSignal(Record):
    """What a batch makes of one layer with weights.

    scale: root mean square of its outputs. variation: root mean square of the deviation between images, over the
    scale: 0 where all images look alike to the layer. relative_gradient: norm of the weights' gradient over their
    norm; of the gradient only that part counts which tells images apart (without the mean over the batch of what
    the loss wants of each class). relative_update: norm of what a step at the peak rate changes in the end, momentum
    included, over the weights' norm; the same part. dead: share of units that no image of the batch makes positive,
    None where no ReLU follows.
    """

    layer: str
    scale: float
    variation: float
    relative_gradient: float
    relative_update: float
    dead: float | None
