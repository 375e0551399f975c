"""Batches: the same numbers whether read when wanted, held by the device, or read ahead by threads."""

import threading
from collections.abc import Callable
from contextlib import ExitStack

import numpy as np
import pytest
import torch
from torch import Tensor

from alexnet.data import batches
from alexnet.data.batches import (
    PrefetchedBatches,
    ResidentBatches,
    Shuffled,
    epoch_order,
    gather,
    in_order,
    training_batches,
)
from alexnet.data.split import Subset

CPU = torch.device("cpu")


def some_images(side: int) -> tuple[np.ndarray, Subset]:
    """23 random images, every second of which belongs to the subset."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (23, side, side, 3), dtype=np.uint8)
    return pixels, Subset(np.arange(0, 23, 2), rng.integers(0, 5, 12))


def test_every_epoch_gets_whole_batches_in_an_order_of_its_own() -> None:
    order = Shuffled(12, 5, seed=3)
    for epoch in (0, 1, 2):
        expected = epoch_order(12, seed=3, epoch=epoch)
        np.testing.assert_array_equal(order(2 * epoch), expected[:5])
        np.testing.assert_array_equal(order(2 * epoch + 1), expected[5:10])


@pytest.mark.parametrize("side", [8, 7, 5])  # 64, 16 and 8 bits at a time
@pytest.mark.parametrize("kind", [ResidentBatches, PrefetchedBatches])
def test_held_and_read_ahead_equal_gathered(kind: type, side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "CHUNK_BYTES", 3 * side * side * 5)  # several chunks, the last not full
    pixels, subset = some_images(side)
    order = Shuffled(len(subset), 5, seed=0)
    with ExitStack() as stack:
        if kind is PrefetchedBatches:
            source = stack.enter_context(PrefetchedBatches(pixels, subset, order, CPU, num_steps=6))
        else:
            source = ResidentBatches(pixels, subset, order, CPU)
        for step in (0, 1, 2, 5, 3):  # forwards, and from anywhere, as on resuming
            images, labels = source.get(step)
            expected = gather(pixels, subset, order(step), CPU)
            assert torch.equal(images, expected[0])
            assert torch.equal(labels, expected[1])
            assert images.dtype == torch.uint8
            assert labels.dtype == torch.int64


def test_next_batch_is_started_and_the_threads_end_with_the_context() -> None:
    pixels, subset = some_images(8)
    asked: list[int] = []

    def order(step: int) -> np.ndarray:
        asked.append(step)
        return np.arange(3)

    before = threading.active_count()
    with PrefetchedBatches(pixels, subset, order, CPU, num_steps=3) as ahead:
        ahead.get(0)
        assert 1 in asked
        for step in (1, 2):
            ahead.get(step)
    assert max(asked) == 2, "nothing is gathered that nobody will ask for"
    assert threading.active_count() <= before


def test_a_image_that_cannot_be_read_is_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, subset = some_images(8)

    def fail(*_: object) -> None:
        raise OSError("disk gone")

    with PrefetchedBatches(pixels, subset, Shuffled(12, 4, seed=0), CPU, num_steps=3) as ahead:
        monkeypatch.setattr(ahead, "_copy", fail)
        with pytest.raises(OSError, match="disk gone"):
            ahead.get(0)


def test_images_are_read_from_a_file_that_is_mapped_read_only(tmp_path: object) -> None:
    pixels, subset = some_images(8)
    np.save(f"{tmp_path}/pixels.npy", pixels)
    mapped = np.load(f"{tmp_path}/pixels.npy", mmap_mode="r")
    order = Shuffled(len(subset), 5, seed=0)
    expected = gather(pixels, subset, order(1), CPU)
    with PrefetchedBatches(mapped, subset, order, CPU, num_steps=2) as ahead:
        for result in (ahead.get(1), ResidentBatches(mapped, subset, order, CPU).get(1)):
            assert all(torch.equal(*pair) for pair in zip(result, expected, strict=True))


def test_every_image_comes_once_in_order() -> None:
    pixels, subset = some_images(8)
    result = list(in_order(pixels, subset, batch_size=5, device=CPU))
    assert [len(labels) for _, labels in result] == [5, 5, 2]
    assert torch.equal(torch.cat([images for images, _ in result]), torch.from_numpy(pixels[subset.indices]))
    assert torch.equal(torch.cat([labels for _, labels in result]), torch.from_numpy(subset.labels))


@pytest.mark.parametrize(("free", "kind"), [(24 * 8 * 8 * 3, "held"), (24 * 8 * 8 * 3 - 1, "ahead")])
def test_a_gpu_holds_what_fits_into_half_of_its_free_memory(
    monkeypatch: pytest.MonkeyPatch, free: int, kind: str
) -> None:
    pixels, subset = some_images(8)
    made: list[str] = []

    def stand_in(name: str) -> Callable[..., object]:
        class Source:
            def __init__(self, *_: object, **__: object) -> None:
                made.append(name)

            def __enter__(self) -> "Source":
                return self

            def __exit__(self, *_: object) -> None: ...

            def get(self, step: int) -> tuple[Tensor, Tensor]:
                return torch.empty(0), torch.empty(0)

        return Source

    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 10**12))
    monkeypatch.setattr(batches, "ResidentBatches", stand_in("held"))
    monkeypatch.setattr(batches, "PrefetchedBatches", stand_in("ahead"))
    order = Shuffled(len(subset), 5, seed=0)
    with training_batches(pixels, subset, order, torch.device("cuda"), num_steps=2) as batch_at:
        batch_at(0)
    assert made == [kind]
