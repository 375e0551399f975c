"""An order for training on shards: a few of them at a time, each read once an epoch, every step known beforehand."""

import heapq
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from alexnet.data.decode import Indices

__all__ = ["LaneOrder", "num_lanes"]

MOST_LANES = 16
"""Of sets of up to a thousand shards: as many shards are open at a time, and as many processes can share an epoch."""

SHARDS_OF_LANE = 64
"""Shards of each lane, in sets so large that they have more lanes."""

SHUFFLED_SHARDS = 64
"""Orders within shards that are kept."""


def num_lanes(num_shards: int, batch_size: int) -> int:
    """How many lanes an epoch has: a power of two, so that 2, 4, 8 ... processes share them evenly.

        16, at most half as many as shards; above 1,024 shards one for every 64; never more than a batch has images

    >>> [num_lanes(count, 128) for count in (1, 5, 40, 1000, 5000)]
    [1, 2, 16, 16, 64]
    """
    most = min(batch_size, max(min(MOST_LANES, num_shards // 2), num_shards // SHARDS_OF_LANE))
    return 1 << max(1, most).bit_length() - 1


@dataclass(frozen=True)
class _Lane:
    """Shards that are read one after the other. ends: images of the lane up to the end of each."""

    shards: Indices
    ends: Indices


@dataclass(frozen=True)
class _Epoch:
    """The lanes of an epoch, the steps that take their images from all of them, and the images left then, mixed."""

    lanes: tuple[_Lane, ...]
    num_steps: int
    rest: Indices


class LaneOrder:
    """An order for training on shards, as `Shuffled` is one for images that lie in memory or on the disk.

    In each epoch the shards are shuffled and dealt into lanes, always to the lane with the fewest images. A lane
    reads its shards one after the other, each in an order of its own. Every batch takes as many images from each
    lane, those of the first lane first; what is left when the shortest lane ends is mixed. So W processes, each with
    the W-th part of every batch, read shards of their own lanes only. Each image comes at most once, batches are
    whole, and everything follows from seed and step: a position is one number.

    Args:
        shards: number of the shard of each place in the training subset, ascending, [n].
        batch_size: images of a step, from 1 to n.
        seed: of all random choices.
    """

    def __init__(self, shards: Indices, batch_size: int, seed: int) -> None:
        self.batch_size, self.seed = batch_size, seed
        self.steps_per_epoch = len(shards) // batch_size
        numbers, self._starts, self._counts = np.unique(shards, return_index=True, return_counts=True)
        self.num_lanes = num_lanes(len(numbers), batch_size)
        cuts = np.arange(self.num_lanes + 1) * batch_size // self.num_lanes
        self._images_of_lane = np.diff(cuts)
        self._epoch = lru_cache(maxsize=2)(self._deal)
        self._within = lru_cache(maxsize=max(SHUFFLED_SHARDS, 4 * self.num_lanes))(self._shuffle)

    def __call__(self, step: int) -> Indices:
        """The places that a step uses.

        >>> order = LaneOrder(np.repeat([0, 1, 2, 3], 3), 4, seed=0)
        >>> sorted(np.concatenate([order(step) for step in (0, 1, 2)]).tolist())
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
        """
        number, batch = divmod(step, self.steps_per_epoch)
        epoch = self._epoch(number)
        if batch >= epoch.num_steps:
            first = (batch - epoch.num_steps) * self.batch_size
            return epoch.rest[first : first + self.batch_size]
        each = self._images_of_lane
        lanes = zip(epoch.lanes, each, strict=True)
        return np.concatenate([self._cut(number, lane, batch * n, (batch + 1) * n) for lane, n in lanes])

    def _deal(self, number: int) -> _Epoch:
        """The lanes of an epoch, and what is left when the shortest of them ends."""
        shards: list[list[int]] = [[] for _ in range(self.num_lanes)]
        fewest = [(0, lane) for lane in range(self.num_lanes)]
        for shard in np.random.default_rng([self.seed, number]).permutation(len(self._counts)).tolist():
            count, lane = fewest[0]
            heapq.heapreplace(fewest, (count + int(self._counts[shard]), lane))
            shards[lane].append(shard)
        lanes = tuple(_Lane(np.array(each), np.cumsum(self._counts[each])) for each in shards)
        lengths = np.array([lane.ends[-1] for lane in lanes])
        num_steps = int((lengths // self._images_of_lane).min())
        starts = num_steps * self._images_of_lane
        rest = np.concatenate([self._cut(number, *cut) for cut in zip(lanes, starts, lengths, strict=True)])
        return _Epoch(lanes, num_steps, rest[np.random.default_rng([self.seed, number, 1]).permutation(len(rest))])

    def _cut(self, number: int, lane: _Lane, start: int, stop: int) -> Indices:
        """The places from `start` to `stop` of a lane."""
        parts = [np.empty(0, np.int64)]
        for place in range(int(np.searchsorted(lane.ends, start, "right")), len(lane.shards)):
            shard, end = int(lane.shards[place]), int(lane.ends[place])
            first = end - int(self._counts[shard])
            if first >= stop:
                break
            parts.append(self._within(number, shard)[max(0, start - first) : stop - first])
        return np.concatenate(parts)

    def _shuffle(self, number: int, shard: int) -> Indices:
        """The places of a shard in the order of an epoch."""
        draw = np.random.default_rng([self.seed, number, 2, shard])
        return np.asarray(self._starts[shard] + draw.permutation(self._counts[shard]), np.int64)
