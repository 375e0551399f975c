"""How one layer responds to a batch of images, forward and backward, in five numbers."""

from dataclasses import dataclass

from alexnet.records import Record

__all__ = ["LayerSignal"]


@dataclass(frozen=True)
class LayerSignal(Record):
    """How a layer with weights responds to a batch.

    Gradients and updates are measured without their mean over the batch, which teaches class frequencies only: what
    is left distinguishes images.

    Args:
        layer: its name.
        scale: root mean square of its outputs.
        variation: standard deviation of the outputs between images, root mean square over all outputs, as a fraction
            of `scale`; 0 where the layer gives the same for all images.
        relative_gradient: norm of the gradient of the weights over the norm of the weights.
        relative_update: norm of a step at the peak learning rate, momentum included, over the norm of the weights.
        dead: fraction of the units that are not positive for any image of the batch; None where no ReLU follows.
    """

    layer: str
    scale: float
    variation: float
    relative_gradient: float
    relative_update: float
    dead: float | None
