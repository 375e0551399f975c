"""The part of a batch that one of several processes computes."""

from dataclasses import dataclass

__all__ = ["BatchPart"]


@dataclass(frozen=True)
class BatchPart:
    """A contiguous part of a batch.

    Random numbers are drawn for the whole batch, and the part's own are taken from them, so that a batch is the same
    in one process as in several.

    Args:
        start: place in the batch of the first image.
        stop: place after the last image.
        whole: images in the whole batch.
    """

    start: int
    stop: int
    whole: int

    @classmethod
    def of(cls, number: int, count: int, whole: int) -> "BatchPart":
        """The part of process `number` of `count`; sizes differ by one at most.

        >>> [BatchPart.of(number, 3, 8) for number in range(3)][1]
        BatchPart(start=3, stop=6, whole=8)
        """
        each, more = divmod(whole, count)
        start = number * each + min(number, more)
        return cls(start, start + each + (number < more), whole)

    @property
    def places(self) -> slice:
        """The places of the part in the batch."""
        return slice(self.start, self.stop)
