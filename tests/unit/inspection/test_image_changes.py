"""Changes of an image against Pillow's and torch's own, and the identity to the last bit."""

import colorsys
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image, ImageEnhance

from alexnet.errors import GeometryError
from alexnet.inspection.image_changes import CHANGES, apply_changes, change_image, mean_color
from alexnet.records import Preprocessing


@pytest.fixture
def image() -> np.ndarray:
    """A smooth image with some noise."""
    y, x = np.mgrid[0:40, 0:40] / 40
    smooth = np.stack([x, y, (x + y) / 2], 2) * 180 + 20
    return (smooth + np.random.default_rng(0).normal(0, 4, smooth.shape)).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", CHANGES)
def test_identity_changes_nothing_and_everything_else_something(image: np.ndarray, name: str) -> None:
    change = CHANGES[name]
    kept = image.copy()
    same = change_image(image, name, change.identity)
    np.testing.assert_array_equal(same, image)
    assert same is not image
    for amount in (change.amounts[0], change.amounts[-1]):
        changed = change_image(image, name, amount, fill=(9, 8, 7))
        assert changed.shape == image.shape
        assert changed.dtype == np.uint8
        assert amount == change.identity or not np.array_equal(changed, image)
    np.testing.assert_array_equal(image, kept)
    assert list(change.amounts) == sorted(change.amounts)


def test_several_changes_are_applied_in_the_order_of_the_table(image: np.ndarray) -> None:
    turned = change_image(change_image(image, "turn", 20.0, fill=(9, 8, 7)), "brightness", 1.5)
    for amounts in ({"brightness": 1.5, "turn": 20.0}, {"turn": 20.0, "brightness": 1.5}):
        np.testing.assert_array_equal(apply_changes(image, amounts, fill=(9, 8, 7)), turned)
    same = apply_changes(image, {})
    np.testing.assert_array_equal(same, image)
    assert same is not image
    with pytest.raises(GeometryError, match="change flip: choose one of"):
        apply_changes(image, {"turn": 20.0, "flip": 1.0})


def test_mean_color_is_rgb_whatever_order_the_network_takes() -> None:
    mean = Preprocessing(8, "squash", True, "RGB", (300.0, 20.4, -3.0), (1.0, 1.0, 1.0))
    assert mean_color(mean) == (255, 20, 0)
    assert mean_color(replace(mean, channels="BGR")) == (0, 20, 255)


def test_shift_equals_padding_and_cropping(image: np.ndarray) -> None:
    maps = torch.from_numpy(image).permute(2, 0, 1)
    for by in (-7, 7):
        right = F.pad(maps, (by, -by, 0, 0)).permute(1, 2, 0).numpy()
        np.testing.assert_array_equal(change_image(image, "shift-x", by / 40), right)
        down = F.pad(maps, (0, 0, by, -by)).permute(1, 2, 0).numpy()
        np.testing.assert_array_equal(change_image(image, "shift-y", by / 40), down)


def test_quarter_turns_equal_numpys(image: np.ndarray) -> None:
    np.testing.assert_array_equal(change_image(image, "turn", 90.0), np.rot90(image))
    np.testing.assert_array_equal(change_image(image, "turn", 180.0), np.rot90(image, 2))


def test_crop_equals_pillows_and_enlarging_is_the_same_crop(image: np.ndarray) -> None:
    expected = Image.fromarray(image).resize((40, 40), Image.Resampling.BILINEAR, box=(10, 10, 30, 30))
    np.testing.assert_array_equal(change_image(image, "crop", 0.5), np.asarray(expected))
    np.testing.assert_array_equal(change_image(image, "scale", 2.0), np.asarray(expected))


def test_smaller_image_has_a_border(image: np.ndarray) -> None:
    small = change_image(image, "scale", 0.5, fill=(1, 2, 3))
    np.testing.assert_array_equal(small[10:30, 10:30], np.asarray(Image.fromarray(image).resize((20, 20), 2)))
    outside = np.ones((40, 40), bool)
    outside[10:30, 10:30] = False
    assert (small[outside] == (1, 2, 3)).all()


def test_cover_is_a_square_of_that_area_in_the_middle(image: np.ndarray) -> None:
    covered = change_image(image, "cover", 0.25, fill=(1, 2, 3))
    assert (covered[10:30, 10:30] == (1, 2, 3)).all()
    assert (covered == image)[:10].all()
    assert (change_image(image, "cover", 1.0, fill=(1, 2, 3)) == (1, 2, 3)).all()


def test_brightness_and_saturation_equal_pillows(image: np.ndarray) -> None:
    pillow = Image.fromarray(image)
    for amount in (0.0, 0.4, 1.7):
        expected = np.asarray(ImageEnhance.Brightness(pillow).enhance(amount)).astype(int)
        assert np.abs(change_image(image, "brightness", amount).astype(int) - expected).max() <= 1
        expected = np.asarray(ImageEnhance.Color(pillow).enhance(amount)).astype(int)
        assert np.abs(change_image(image, "saturation", amount).astype(int) - expected).max() <= 2


def test_contrast_of_zero_is_the_mean_and_a_third_of_a_turn_permutes_colors(image: np.ndarray) -> None:
    flat = change_image(image, "contrast", 0.0)
    np.testing.assert_allclose(flat[0, 0], image.mean((0, 1)), atol=0.5)
    assert (flat == flat[0, 0]).all()
    np.testing.assert_array_equal(change_image(image, "hue", 120.0), image[..., [2, 0, 1]])
    red = np.full((2, 2, 3), (200, 50, 50), np.uint8)
    hue = colorsys.rgb_to_hsv(*(change_image(red, "hue", 60.0)[0, 0] / 255))[0]
    assert hue == pytest.approx(60 / 360, abs=0.02)


def test_unknown_changes_and_amounts_are_refused(image: np.ndarray) -> None:
    with pytest.raises(GeometryError, match="change flip: choose one of cover"):
        change_image(image, "flip", 1.0)
    with pytest.raises(GeometryError, match=r"cover = 1\.5: choose 0 to 1 of the area"):
        change_image(image, "cover", 1.5)
