"""Ways to look at an image, each against crops cut by hand."""

import doctest
from dataclasses import replace

import numpy as np
import pytest
import torch

from alexnet.errors import RecipeError
from alexnet.evaluation import views as module
from alexnet.evaluation.evaluate import average_probabilities, probabilities
from alexnet.evaluation.views import VIEWS, check_views, cut_views, decoding_for, describe_views, restate_views
from alexnet.model.alexnet import AlexNet
from alexnet.model.initialization import initialize
from alexnet.model.variants import VARIANTS
from alexnet.records import Preprocessing

CUT = Preprocessing(67, "squash", True, "RGB", (128.0,) * 3, (60.0,) * 3, cut_from=76)


def squares(side: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (3, side, side, 3), dtype=np.uint8)


def crops_by_hand(pixels: np.ndarray) -> list[np.ndarray]:
    """67 of 76 px: 9 px of room, the center 4 px from the near edges."""
    five = [
        pixels[:, 4:71, 4:71],
        pixels[:, 0:67, 0:67],
        pixels[:, 0:67, 9:76],
        pixels[:, 9:76, 0:67],
        pixels[:, 9:76, 9:76],
    ]
    return [*five, *(crop[:, :, ::-1] for crop in five)]


def test_ten_crops_are_center_corners_and_their_mirror_images() -> None:
    pixels = squares(76)
    result = sorted(crop.numpy().tobytes() for crop in cut_views(torch.from_numpy(pixels), 67, "ten_crop"))
    assert result == sorted(crop.tobytes() for crop in crops_by_hand(pixels))
    assert len(set(result)) == 10


def test_center_and_mirror_are_the_first_of_them() -> None:
    pixels = squares(76)
    whole = crops_by_hand(pixels)
    (center,) = cut_views(torch.from_numpy(pixels), 67, "centre")
    both = list(cut_views(torch.from_numpy(pixels), 67, "mirror"))
    np.testing.assert_array_equal(center.numpy(), whole[0])
    np.testing.assert_array_equal(torch.stack(both).numpy(), [whole[0], whole[5]])


@pytest.mark.slow
def test_ten_crops_average_ten_separate_answers_after_the_softmax() -> None:
    network = AlexNet(VARIANTS["seminar"], size=67, num_classes=4).eval()
    initialize(network, "fan_in", seed=2, head_std=0.1)
    pixels = squares(76)
    expected = np.zeros((3, 4))
    with torch.no_grad():
        for crop in crops_by_hand(pixels):
            inputs = ((crop.astype(np.float32) - 128.0) / 60.0).transpose(0, 3, 1, 2)
            logits = network(torch.from_numpy(np.ascontiguousarray(inputs))).double().numpy()
            powers = np.exp(logits)
            expected += powers / powers.sum(1, keepdims=True) / 10
        result = probabilities(network, torch.from_numpy(pixels), CUT, views="ten_crop")
    np.testing.assert_allclose(result.numpy(), expected, atol=1e-6)


def test_average_is_of_probabilities_not_of_logits() -> None:
    logits = torch.tensor([[[8.0, 0.0]], [[0.0, 2.0]]])
    result = average_probabilities([part.softmax(1) for part in logits])
    first, second = 1 / (1 + np.exp(-8.0)), 1 / (1 + np.exp(2.0))
    assert result[0, 0].item() == pytest.approx((first + second) / 2, rel=1e-6)
    assert result[0, 0].item() != pytest.approx(logits.mean(0).softmax(1)[0, 0].item(), rel=0.1)


def test_only_ten_crops_of_whole_squares_need_larger_ones() -> None:
    whole = Preprocessing(67, "squash", True, "RGB", (128.0,) * 3, (60.0,) * 3)
    assert decoding_for(whole, "ten_crop").decoded_size == 77  # 67 * 256 / 224 = 76.6
    assert decoding_for(whole, "ten_crop").size == 67
    assert [decoding_for(whole, views) for views in ("centre", "mirror")] == [whole, whole]
    assert [decoding_for(CUT, views) for views in VIEWS] == [CUT] * 3


def test_words_name_what_is_done_to_the_image() -> None:
    squashed = Preprocessing(67, "squash", True, "RGB", (128.0,) * 3, (60.0,) * 3)
    cropped, cut = replace(squashed, resize="crop"), replace(squashed, cut_from=77)
    assert [describe_views("centre", each) for each in (cropped, squashed, cut)] == [
        "center crop",
        "squashed image",
        "center crop of the squashed image",
    ]
    assert describe_views("mirror", squashed) == "squashed image and its mirror image"
    assert describe_views("ten_crop", squashed).startswith("ten crops of the squashed image: center")
    for views in VIEWS:
        former = describe_views(views, cropped)  # what was once written of every run
        assert restate_views(former, cropped) == former
        assert restate_views(former, squashed) == describe_views(views, squashed)
    assert restate_views("each network's own views", squashed) == "each network's own views"


def test_unknown_views_are_refused_by_name() -> None:
    for views in VIEWS:
        check_views(views)
    with pytest.raises(RecipeError, match="views = left: no such views; choose one of centre, mirror"):
        check_views("left")


def test_examples_run() -> None:
    assert doctest.testmod(module).attempted > 0
    assert doctest.testmod(module).failed == 0
