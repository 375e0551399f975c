"""Sizes, counts and receptive fields of convolution and pooling: integers only, no tensors."""

from dataclasses import dataclass

from alexnet.errors import GeometryError

__all__ = ["ReceptiveField", "output_size"]


def output_size(size: int, kernel_size: int, *, stride: int = 1, padding: int = 0, ceil: bool = False) -> int:
    """Length in px of a convolution's or pooling's output along one axis.

        out = floor((size + 2 * padding - kernel_size) / stride) + 1

    Args:
        size: input length, px, >= 1.
        kernel_size: taps of the kernel, >= 1.
        stride: px the kernel moves from one output to the next, >= 1.
        padding: px of zeros added on *each* side, >= 0.
        ceil: round up, as the authors' 2012 program does; the last window may reach over the edge, but must
            start inside the input or its left padding (the rule of PyTorch and Caffe).

    Raises:
        GeometryError: the kernel is larger than the padded input; the message gives both lengths.

    Source: Dumoulin & Visin 2016, arXiv:1603.07285; the ceiling: layer.py:1004 of the 2012 program.

    The paper prints 224 px and 55 px maps; both are right if one rounds up:

    >>> output_size(224, 11, stride=4, ceil=True)
    55
    """
    if min(size, kernel_size, stride) < 1 or padding < 0:
        raise GeometryError(
            f"size {size}, kernel_size {kernel_size} and stride {stride} must be at least 1 and "
            f"padding {padding} at least 0: correct the layer's table"
        )
    room = size + 2 * padding - kernel_size
    if room < 0:
        raise GeometryError(
            f"a kernel of {kernel_size} px is larger than its padded input of {size + 2 * padding} px: "
            "use larger images"
        )
    if not ceil:
        return room // stride + 1
    length = -(-room // stride) + 1
    return length - 1 if (length - 1) * stride >= size + padding else length


@dataclass(frozen=True)
class ReceptiveField:
    """The square of input pixels that one activation depends on.

    size: its side, px. step: px between the fields of two neighboring activations. Both grow from layer to layer:

        size' = size + (kernel_size - 1) * step        step' = step * stride

    Source: Araujo, Norris & Sim 2019, doi:10.23915/distill.00021.

    >>> ReceptiveField().through(11, 4).through(3, 2)
    ReceptiveField(size=19, step=8)
    """

    size: int = 1
    step: int = 1

    def through(self, kernel_size: int, stride: int = 1) -> "ReceptiveField":
        """The field after one more layer."""
        return ReceptiveField(self.size + (kernel_size - 1) * self.step, self.step * stride)
