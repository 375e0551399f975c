"""Many files at once: in order, with what is wrong in its place, bounded, and without touching Python's warnings."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from alexnet.data.decode import decode_image
from alexnet.data.decode_files import GROUP, WAITING_BYTES, decode_files
from alexnet.data.entry import Entry
from alexnet.records import Preprocessing
from tests.conftest import draw_stripes, encode

ZERO = (0.0, 0.0, 0.0)
SETTINGS = Preprocessing(24, "squash", True, "RGB", ZERO, ZERO)


class Drawn:
    """A source of as many images as are asked for; remembers how many were read."""

    path = Path()
    folders: frozenset[str] = frozenset()

    def __init__(self, count: int) -> None:
        self.entries = tuple(Entry(f"{place}", 1, "") for place in range(count))
        self.files = [encode(draw_stripes(place % 2, place), "PNG") for place in range(min(count, 7))]
        self.num_read = 0
        self._lock = threading.Lock()

    def read(self, entry: Entry) -> bytes:
        with self._lock:
            self.num_read += 1
        if entry.name == "3":
            raise OSError("gone")
        return b"no image" if entry.name == "5" else self.files[int(entry.name) % 7]


@pytest.mark.parametrize("count", [0, 1, 6, 100, 331])
def test_every_file_in_its_place(count: int) -> None:
    source = Drawn(count)
    decoded = list(decode_files(source, source.entries, SETTINGS))
    assert len(decoded) == count
    for place, (pixels, facts) in enumerate(decoded):
        if place in (3, 5):
            assert pixels is None
            assert facts.error == ("cannot be read (gone)" if place == 3 else "no image")
        else:
            assert pixels is not None
            assert (pixels == decode_image(source.files[place % 7], SETTINGS)).all()


def test_no_more_is_decoded_ahead_than_the_bound() -> None:
    source, wide = Drawn(20 * GROUP), Preprocessing(512, "squash", True, "RGB", ZERO, ZERO)
    with closing(decode_files(source, source.entries, wide)) as decoded:
        next(decoded)
        assert source.num_read <= WAITING_BYTES // (3 * 512**2) + 6 * 8 * GROUP
    seen = source.num_read
    assert seen < len(source.entries)
    assert source.num_read == seen, "nothing goes on after it was closed"


def test_warning_filters_are_as_they_were() -> None:
    source = Drawn(40)
    before = list(warnings.filters)

    def through() -> Iterator[None]:
        for _ in decode_files(source, source.entries, SETTINGS):
            yield

    for _ in through():
        pass
    assert warnings.filters == before
