"""Training, validation and test images of shards: their own splits, or a part of each class from few shards."""

import numpy as np

from alexnet.data.decode import Indices
from alexnet.data.quota import num_held_out
from alexnet.data.shard_source import ShardSource

__all__ = ["hold_out_of_shards", "sides_of_shards"]


def sides_of_shards(
    source: ShardSource, *, test_fraction: float, validation_fraction: float, seed: int
) -> tuple[Indices, Indices, Indices]:
    """Numbers of the training, validation and test images, ascending.

    As in folders, `validation` without `test` is the test set. What is missing is held out of the training images.

    Args:
        test_fraction, validation_fraction, seed: see `split_images`.
    """
    train, validation, test = (source.rows_of(split) for split in ("train", "validation", "test"))
    if not len(test):
        validation, test = test, validation
    if not len(test):
        train, test = hold_out_of_shards(source, train, test_fraction, seed, at_least=1)
    if not len(validation):
        train, validation = hold_out_of_shards(source, train, validation_fraction, seed + 1)
    return train, validation, test


def hold_out_of_shards(
    source: ShardSource, rows: Indices, fraction: float, seed: int, *, at_least: int = 0
) -> tuple[Indices, Indices]:
    """Split images into (kept, held out): `fraction` of each class, the first ones in a random order of shards.

    So the held-out images lie in few shards where the images were shuffled before they were written. A class keeps at
    least one image, and gives `at_least` if it has more.
    """
    shards, labels = source.shards_of(rows), source.labels[rows]
    position = np.random.default_rng(seed).permutation(len(source.tables))
    order = np.argsort(position[shards], kind="stable")
    order = order[np.argsort(labels[order], kind="stable")]  # by class, each in the order of the shards
    counts = np.bincount(labels, minlength=len(source.classes))
    starts = np.cumsum(counts) - counts
    rank = np.empty(len(rows), np.int64)
    rank[order] = np.arange(len(rows)) - starts[labels[order]]
    quota = np.array([num_held_out(count, fraction, at_least=at_least) for count in counts.tolist()], np.int64)
    is_held = rank < quota[labels]
    return rows[~is_held], rows[is_held]
