"""Augmentation: what it changes, what it leaves, and that it follows its seed."""

import numpy as np
import pytest
import torch

from alexnet.data.augment import Augmentation, augment
from alexnet.data.batches import epoch_order
from alexnet.data.decode import normalize
from alexnet.data.split import Subset
from alexnet.data.statistics import PrincipalColors, channel_statistics, mean_image, principal_colors
from alexnet.records import Preprocessing

PLAIN = Preprocessing(32, "squash", True, "RGB", (100.0, 110.0, 120.0), (50.0, 60.0, 70.0))
NOTHING = Augmentation(flip=False)


def images(count: int = 64) -> torch.Tensor:
    return torch.randint(0, 256, (count, 32, 32, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(5))


def change(pixels: torch.Tensor, augmentation: Augmentation, *, size: int = 32, seed: int = 0) -> torch.Tensor:
    return augment(pixels, augmentation, PLAIN, size=size, generator=torch.Generator().manual_seed(seed))


def test_nothing_changes_nothing() -> None:
    torch.testing.assert_close(change(images(), NOTHING), normalize(images(), PLAIN))


def test_resampling_without_change_is_the_identity() -> None:
    small = Augmentation(flip=False, crop_ratio=1.0000001)
    torch.testing.assert_close(change(images(), small), normalize(images(), PLAIN), atol=2e-4, rtol=1e-3)


def test_about_half_are_mirrored_and_the_rest_untouched() -> None:
    x, plain = change(images(400), Augmentation()), normalize(images(400), PLAIN)
    same = (x == plain).flatten(1).all(1)
    mirrored = (x == plain.flip(3)).flatten(1).all(1)
    assert bool((same ^ mirrored).all())
    assert 150 < int(mirrored.sum()) < 250


@pytest.mark.parametrize("augmentation", [Augmentation(), Augmentation(True, 0.3, 1.3, 10.0, 0.2)])
def test_same_seed_gives_the_same_and_another_another(augmentation: Augmentation) -> None:
    first, again, other = (change(images(), augmentation, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("size", [24, 32, 40])
def test_size_is_what_was_asked_and_memory_channels_last(size: int) -> None:
    x = change(images(4), Augmentation(crop_scale=0.5, color=0.1), size=size)
    assert x.shape == (4, 3, size, size)
    assert x.is_contiguous(memory_format=torch.channels_last)


def test_crops_stay_inside_the_image() -> None:
    """An image whose value is its place: every crop's values lie in the range of places, in order."""
    ramp = torch.arange(32, dtype=torch.uint8)[None, None, :, None].expand(200, 32, 32, 3).contiguous()
    x = change(ramp, Augmentation(flip=False, crop_scale=0.2)) * 50 + 100  # red channel back to places
    row = x[:, 0, 16, :]
    assert row.min() >= -0.01
    assert row.max() <= 31.01
    assert bool((row.diff(dim=1) > 0).all())
    assert (row[:, -1] - row[:, 0]).min() < 20


def test_color_moves_brightness_within_its_strength() -> None:
    gray = torch.full((500, 8, 8, 3), 128, dtype=torch.uint8)
    plain = Preprocessing(8, "squash", True, "RGB", (128.0, 128.0, 128.0), (50.0, 50.0, 50.0))
    x = augment(gray, Augmentation(flip=False, color=0.2), plain, size=8, generator=torch.Generator().manual_seed(0))
    levels = x[:, 0, 0, 0] * 50
    assert levels.abs().max() <= 20.01
    assert levels.abs().max() > 15


def test_color_is_saturation_then_contrast_then_brightness() -> None:
    result = change(images(5), Augmentation(flip=False, color=0.2), seed=3)
    random = torch.Generator().manual_seed(3)
    spreads = {"saturation": (0.4, 1.0), "contrast": (0.3, 1.0), "brightness": (20.0 / 60.0, 0.0)}
    drawn = {
        name: torch.empty(5, 1, 1, 1).uniform_(center - spread, center + spread, generator=random).double()
        for name, (spread, center) in spreads.items()
    }
    exact = normalize(images(5), PLAIN).double()
    gray = exact.mean(1, keepdim=True)
    exact = gray + drawn["saturation"] * (exact - gray)
    mean = exact.mean((1, 2, 3), keepdim=True)
    exact = mean + drawn["contrast"] * (exact - mean) + drawn["brightness"]
    torch.testing.assert_close(result, exact.float(), rtol=0.0, atol=1e-5)


def test_order_of_an_epoch_is_a_permutation_of_its_own() -> None:
    first, again, later = (
        epoch_order(50, seed=1, epoch=0),
        epoch_order(50, seed=1, epoch=0),
        epoch_order(50, seed=1, epoch=1),
    )
    assert sorted(first) == list(range(50))
    assert first.tolist() == again.tolist() != later.tolist()


def test_statistics_equal_numpys() -> None:
    pixels = images(10).numpy()
    subset = Subset(torch.arange(10).numpy(), torch.zeros(10, dtype=torch.long).numpy())
    mean, std = channel_statistics(pixels, subset)
    assert mean == pytest.approx(pixels.mean((0, 1, 2)), abs=1e-3)
    assert std == pytest.approx(pixels.std((0, 1, 2)), abs=1e-3)


def test_statistics_of_many_bright_images_are_not_rounded() -> None:
    pixels = np.random.default_rng(0).integers(200, 256, (150, 5, 5, 3), dtype=np.uint8)
    rows = np.arange(1, 150, 2)
    mean, std = channel_statistics(pixels, Subset(rows, np.zeros_like(rows)), most=1000)
    assert mean == pytest.approx(pixels[rows].mean((0, 1, 2), dtype=np.float64), abs=5.1e-4)
    assert std == pytest.approx(pixels[rows].std((0, 1, 2), dtype=np.float64), abs=5.1e-4)


LARGER = Preprocessing(64, "squash", True, "RGB", (10.0, 20.0, 30.0), (1.0, 1.0, 1.0), cut_from=73)


def numbered(count: int, side: int = 73) -> torch.Tensor:
    """Images whose every pixel says where it is: red the row, green the column, blue the image."""
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    one = torch.stack([rows, columns, torch.zeros_like(rows)], -1).to(torch.uint8)
    images = one.expand(count, -1, -1, -1).clone()
    images[..., 2] = torch.arange(count, dtype=torch.uint8).view(-1, 1, 1)
    return images


def places(augmentation: Augmentation, count: int = 128, seed: int = 0) -> torch.Tensor:
    """Upper left corner of each image's crop, and whether it is mirrored, [count, 3]."""
    generator = torch.Generator().manual_seed(seed)
    x = augment(numbered(count), augmentation, LARGER, size=64, generator=generator)
    corner = x[:, :, 0, 0] + torch.tensor([10.0, 20.0, 30.0])
    last = x[:, 1, 0, -1] + 20.0
    mirrored = corner[:, 1] > last
    assert torch.equal(x[:, 2, 0, 0] + 30.0, torch.arange(count).float()), "each crop is of its own image"
    left = torch.where(mirrored, last, corner[:, 1])
    return torch.stack([corner[:, 0], left, mirrored.float()], 1)


def test_crops_lie_at_every_place_and_the_paper_leaves_the_last_out() -> None:
    result = torch.cat([places(Augmentation(), seed=s) for s in range(8)])
    assert {result[:, 0].min().item(), result[:, 0].max().item()} == {0.0, 9.0}
    assert set(result[:, 1].tolist()) == set(map(float, range(10)))
    paper = torch.cat([places(Augmentation(crop_last_offset=False), seed=s) for s in range(8)])
    assert set(paper[:, 0].tolist()) == set(paper[:, 1].tolist()) == set(map(float, range(9)))
    assert 0.4 < result[:, 2].mean() < 0.6


def test_neighbors_of_a_group_share_crop_and_flip() -> None:
    result = places(Augmentation(crop_group=32)).view(4, 32, 3)
    assert torch.equal(result, result[:, :1].expand_as(result))
    assert len(result[:, 0].unique(dim=0)) > 1
    assert len(places(Augmentation()).unique(dim=0)) > 50


def test_principal_colors_are_those_of_the_covariance() -> None:
    rng = np.random.default_rng(0)
    pixels = (rng.normal(0, 1, (6, 9, 9, 3)) @ np.diag([40.0, 20.0, 5.0]) + 128).clip(0, 255).astype(np.uint8)
    result = principal_colors(pixels, Subset(np.arange(6), np.zeros(6, np.int64)))
    covariance = np.cov(pixels.reshape(-1, 3).T.astype(float), bias=True)
    np.testing.assert_allclose(result.vectors @ np.diag(result.eigenvalues) @ result.vectors.T, covariance, rtol=1e-9)
    assert list(result.eigenvalues) == sorted(result.eigenvalues, reverse=True)


@pytest.mark.parametrize(("form", "scale"), [("eigenvalue", 400.0 / 255), ("std", 20.0)])
def test_shifts_have_the_size_that_their_form_says(form: str, scale: float) -> None:
    """0.1 x eigenvalue on the scale 0-1 x 255, or 0.1 x std, along each direction."""
    colors = PrincipalColors(np.array([400.0, 100.0, 25.0]), np.eye(3))
    shifts = colors.shifts(20_000, 0.1, form, torch.Generator().manual_seed(0))
    assert shifts[:, 0].std().item() == pytest.approx(0.1 * scale, rel=0.03)
    assert abs(shifts.mean().item()) < 0.02


@pytest.mark.parametrize("channels", ["RGB", "BGR"])
def test_whole_images_are_shifted_and_scaled_as_the_program_does(channels: str) -> None:
    """(x - mean image + noise) / 1.1, channel by channel in the network's order."""
    preprocessing = Preprocessing(64, "squash", True, channels, (10.0, 20.0, 30.0), (1.0, 1.0, 1.0))
    pixels = numbered(4, 64)
    colors = PrincipalColors(
        np.array([400.0, 100.0, 25.0]), np.linalg.qr(np.arange(9.0).reshape(3, 3) + np.eye(3))[0]
    )
    mean = torch.randn(3, 64, 64, generator=torch.Generator().manual_seed(1))
    plain = Augmentation(flip=False, pca_color=0.1, pca_form="std", pca_rescale=True)
    x = augment(
        pixels, plain, preprocessing, size=64, generator=torch.Generator().manual_seed(2), colors=colors,
        mean_image=mean,
    )  # fmt: skip
    noise = colors.shifts(4, 0.1, "std", torch.Generator().manual_seed(2))
    noise = noise.flip(1) if channels == "BGR" else noise
    expected = (normalize(pixels, preprocessing) - mean + noise.view(4, 3, 1, 1)) / 1.1
    torch.testing.assert_close(x - mean, expected, rtol=1e-4, atol=1e-3)


def test_mean_image_is_the_mean_of_every_pixel_of_the_centers() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 73, 73, 3), dtype=np.uint8)
    result = mean_image(pixels, Subset(np.array([0, 2, 4]), np.zeros(3, np.int64)), LARGER)
    expected = pixels[[0, 2, 4], 4:68, 4:68].mean(0).transpose(2, 0, 1) - np.array([10.0, 20.0, 30.0])[:, None, None]
    np.testing.assert_allclose(result.numpy(), expected, rtol=1e-5, atol=1e-4)
