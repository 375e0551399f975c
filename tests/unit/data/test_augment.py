"""Augmentation: what it changes, what it leaves, and that it follows its seed."""

import pytest
import torch

from alexnet.data.augment import Augmentation, augment
from alexnet.data.batches import epoch_order
from alexnet.data.decode import normalize
from alexnet.data.split import Subset
from alexnet.data.statistics import channel_statistics
from alexnet.records import Preprocessing

PLAIN = Preprocessing(32, "squash", True, "RGB", (100.0, 110.0, 120.0), (50.0, 60.0, 70.0))
NOTHING = Augmentation(flip=False)


def pictures(count: int = 64) -> torch.Tensor:
    return torch.randint(0, 256, (count, 32, 32, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(5))


def change(pixels: torch.Tensor, augmentation: Augmentation, *, size: int = 32, seed: int = 0) -> torch.Tensor:
    return augment(pixels, augmentation, PLAIN, size=size, generator=torch.Generator().manual_seed(seed))


def test_nothing_changes_nothing() -> None:
    torch.testing.assert_close(change(pictures(), NOTHING), normalize(pictures(), PLAIN))


def test_resampling_without_change_is_the_identity() -> None:
    small = Augmentation(flip=False, crop_ratio=1.0000001)
    torch.testing.assert_close(change(pictures(), small), normalize(pictures(), PLAIN), atol=2e-4, rtol=1e-3)


def test_about_half_are_mirrored_and_the_rest_untouched() -> None:
    x, plain = change(pictures(400), Augmentation()), normalize(pictures(400), PLAIN)
    same = (x == plain).flatten(1).all(1)
    mirrored = (x == plain.flip(3)).flatten(1).all(1)
    assert bool((same ^ mirrored).all())
    assert 150 < int(mirrored.sum()) < 250


@pytest.mark.parametrize("augmentation", [Augmentation(), Augmentation(True, 0.3, 1.3, 10.0, 0.2)])
def test_same_seed_gives_the_same_and_another_another(augmentation: Augmentation) -> None:
    first, again, other = (change(pictures(), augmentation, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("size", [24, 32, 40])
def test_size_is_what_was_asked_and_memory_channels_last(size: int) -> None:
    x = change(pictures(4), Augmentation(crop_scale=0.5, color=0.1), size=size)
    assert x.shape == (4, 3, size, size)
    assert x.is_contiguous(memory_format=torch.channels_last)


def test_crops_stay_inside_the_picture() -> None:
    """A picture whose value is its place: every crop's values lie in the range of places, in order."""
    ramp = torch.arange(32, dtype=torch.uint8)[None, None, :, None].expand(200, 32, 32, 3).contiguous()
    x = change(ramp, Augmentation(flip=False, crop_scale=0.2)) * 50 + 100  # red channel back to places
    row = x[:, 0, 16, :]
    assert row.min() >= -0.01
    assert row.max() <= 31.01
    assert bool((row.diff(dim=1) > 0).all())
    assert (row[:, -1] - row[:, 0]).min() < 20


def test_colour_moves_brightness_within_its_strength() -> None:
    grey = torch.full((500, 8, 8, 3), 128, dtype=torch.uint8)
    plain = Preprocessing(8, "squash", True, "RGB", (128.0, 128.0, 128.0), (50.0, 50.0, 50.0))
    x = augment(grey, Augmentation(flip=False, color=0.2), plain, size=8, generator=torch.Generator().manual_seed(0))
    levels = x[:, 0, 0, 0] * 50
    assert levels.abs().max() <= 20.01
    assert levels.abs().max() > 15


def test_order_of_an_epoch_is_a_permutation_of_its_own() -> None:
    first, again, later = (
        epoch_order(50, seed=1, epoch=0),
        epoch_order(50, seed=1, epoch=0),
        epoch_order(50, seed=1, epoch=1),
    )
    assert sorted(first) == list(range(50))
    assert first.tolist() == again.tolist() != later.tolist()


def test_statistics_equal_numpys() -> None:
    pixels = pictures(10).numpy()
    subset = Subset(torch.arange(10).numpy(), torch.zeros(10, dtype=torch.long).numpy())
    mean, deviation = channel_statistics(pixels, subset)
    assert mean == pytest.approx(pixels.mean((0, 1, 2)), abs=1e-3)
    assert deviation == pytest.approx(pixels.std((0, 1, 2)), abs=1e-3)
