"""The order of a training on shards: whole epochs, few shards at a time, and lanes that processes do not share."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alexnet.data.lanes import LaneOrder, num_lanes


def shards_of(*counts: int) -> np.ndarray:
    return np.repeat(np.arange(len(counts)), counts)


@given(
    counts=st.lists(st.integers(1, 30), min_size=1, max_size=60),
    batch=st.integers(1, 64),
    seed=st.integers(0, 5),
)
@settings(deadline=None, max_examples=60)
def test_every_image_comes_at_most_once_an_epoch_in_whole_batches(counts: list[int], batch: int, seed: int) -> None:
    total = sum(counts)
    batch = min(batch, total)
    order = LaneOrder(shards_of(*counts), batch, seed)
    for epoch in (0, 1):
        steps = [order(epoch * (total // batch) + step) for step in range(total // batch)]
        assert all(len(places) == batch for places in steps)
        places = np.concatenate(steps)
        assert len(set(places.tolist())) == len(places) > total - batch
        assert set(places.tolist()) <= set(range(total))


def test_equal_seeds_give_equal_orders_and_epochs_differ() -> None:
    shards = shards_of(*[20] * 12)
    first, second, other = LaneOrder(shards, 16, 1), LaneOrder(shards, 16, 1), LaneOrder(shards, 16, 2)
    second(29)  # asked in another order
    assert all(np.array_equal(first(step), second(step)) for step in range(30))
    assert not np.array_equal(first(0), other(0)) and not np.array_equal(first(0), first(15))


@pytest.mark.parametrize("num_processes", [1, 2, 4, 8, 16])
def test_a_process_reads_only_shards_of_its_own_and_each_once(num_processes: int) -> None:
    """Of W processes each has the W-th part of a batch: no shard serves two, and one that is left stays so."""
    shards, batch = shards_of(*[48] * 64), 64
    order = LaneOrder(shards, batch, seed=3)
    assert order.num_lanes == 16
    parts = [np.split(shards[order(step)], order.num_lanes) for step in range(order.steps_per_epoch)]
    lanes_of_process = np.split(np.arange(order.num_lanes), num_processes)
    own = [{shard for step in parts for lane in lanes for shard in step[lane].tolist()} for lanes in lanes_of_process]
    assert sum(map(len, own)) == len(set.union(*own)) == 64
    for lane in range(order.num_lanes):
        read = np.concatenate([step[lane] for step in parts])
        changes = np.flatnonzero(np.diff(read, prepend=-1))
        assert len(changes) == len(set(read.tolist())) == 4


def test_only_the_end_of_an_epoch_mixes_lanes_of_unequal_length() -> None:
    shards = shards_of(*np.random.default_rng(0).choice([5, 60], 256))
    order = LaneOrder(shards, 64, seed=3)
    lane_of: dict[int, int] = {}
    mixed = [
        step
        for step in range(order.steps_per_epoch)
        for lane, part in enumerate(np.split(shards[order(step)], order.num_lanes))
        if any(lane_of.setdefault(shard, lane) != lane for shard in part.tolist())
    ]
    assert min(mixed) > 0.85 * order.steps_per_epoch


def test_few_shards_are_open_at_a_time() -> None:
    order = LaneOrder(shards_of(*[100] * 64), 32, seed=0)
    for step in range(0, 190, 7):
        assert len(set((order(step) // 100).tolist())) <= 2 * order.num_lanes
        assert len(set((order(step) // 100).tolist())) >= order.num_lanes


@pytest.mark.parametrize(
    ("num_shards", "batch", "expected"),
    [
        (1, 128, 1),
        (3, 128, 1),
        (4, 128, 2),
        (32, 128, 16),
        (1024, 128, 16),
        (2048, 128, 32),
        (10**5, 64, 64),
        (40, 3, 2),
    ],
)
def test_number_of_lanes(num_shards: int, batch: int, expected: int) -> None:
    assert num_lanes(num_shards, batch) == expected


def test_one_shard_is_shuffled_whole() -> None:
    order = LaneOrder(shards_of(60), 20, seed=0)
    first = np.concatenate([order(step) for step in range(3)])
    assert sorted(first.tolist()) == list(range(60)) and first.tolist() != list(range(60))
