"""A sequence whose items are made when they are read, for sets of images too large for lists."""

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar, overload

__all__ = ["LazySequence"]

Item = TypeVar("Item", covariant=True)


class LazySequence(Sequence[Item], Generic[Item]):
    """As many items as `length`; each is made by its number whenever it is read.

    Args:
        make: the item of a number, from 0.
        make_all: all items in turn, where that is faster than one by one.
    """

    def __init__(
        self, length: int, make: Callable[[int], Item], make_all: Callable[[], Iterator[Item]] | None = None
    ) -> None:
        self._length, self._make = length, make
        self._make_all = make_all or (lambda: map(make, range(length)))

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, row: int) -> Item: ...
    @overload
    def __getitem__(self, row: slice) -> Sequence[Item]: ...
    def __getitem__(self, row: int | slice) -> Item | Sequence[Item]:
        """An item by its number, or several."""
        if isinstance(row, slice):
            return tuple(self[each] for each in range(*row.indices(len(self))))
        if not -len(self) <= row < len(self):
            raise IndexError(row)
        return self._make(int(row) % len(self))

    def __iter__(self) -> Iterator[Item]:
        return self._make_all()
