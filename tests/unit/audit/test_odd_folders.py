"""Folders at the edge, one class, ten images, a hundred classes: a right result or one clear line."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from alexnet.audit.doubts import doubts
from alexnet.audit.enough import enough
from alexnet.audit.shortcuts import shortcuts
from alexnet.errors import DataError
from tests.conftest import draw_stripes, small_recipe

RECIPE = small_recipe(epochs=1)


def write(root: Path, num_classes: int, count: int) -> Path:
    """`count` images of each of so many classes, all different."""
    for number in range(num_classes):
        (root / f"c{number:03d}").mkdir(parents=True)
        for place in range(count):
            draw_stripes(number % 3, 100 * number + place, 24).save(root / f"c{number:03d}" / f"{place}.png")
    return root


@pytest.mark.parametrize("ask", [lambda path: doubts(path, recipe=RECIPE), shortcuts, enough])
def test_one_class_is_refused_in_one_line(tmp_path: Path, ask: Callable[[Path], object]) -> None:
    with pytest.raises(DataError) as caught:
        ask(write(tmp_path / "images", 1, 20))
    line = str(caught.value)
    assert "\n" not in line and re.search(r"two classes|only one class|class folders", line), line


@pytest.mark.slow
def test_two_classes_of_five_images_are_ranked_and_probed(tmp_path: Path) -> None:
    path = write(tmp_path / "images", 2, 5)
    result = doubts(path, recipe=RECIPE)
    assert result.num_images == 10 and 0.0 <= result.estimated_wrong <= 1.0
    assert [each.n for each in result.expected] == [10] and len(result.doubts) == 10, "all that it says something of"
    assert all(0.0 <= each.low <= each.precision <= each.high <= 1.0 for each in result.expected)
    json.dumps(result.to_dict(), allow_nan=False)
    probed = shortcuts(path)
    assert (probed.num_images, probed.num_test, probed.alarms) == (10, 2, ())
    json.dumps(probed.to_dict(), allow_nan=False)
    with pytest.raises(DataError, match="the largest class has 4 training images, and an eighth of them is too few"):
        enough(path, recipe=RECIPE)
    with pytest.raises(
        DataError, match=r"c000 \(5\), c001 \(5\): fewer images than parts \(6\); add images or remove"
    ):
        doubts(path, recipe=RECIPE, method="folds", num_folds=6)


@pytest.mark.slow
def test_a_hundred_classes_are_ranked_and_probed(tmp_path: Path) -> None:
    path = write(tmp_path / "images", 100, 3)
    result = doubts(path, recipe=RECIPE)
    assert result.num_images == 300 and [each.n for each in result.expected] == [10, 18]
    assert 0.0 <= result.agreement < 0.2, "one epoch cannot tell them apart"
    assert not result.is_reliable
    assert result.interval[0] == 0.0 < result.interval[1], "no label is wrong, and the interval holds that"
    assert [each.low for each in result.expected] == [0.0] * len(result.expected)
    json.dumps(result.to_dict(), allow_nan=False)
    probed = shortcuts(path)
    assert probed.num_images == 300 and probed.num_test == 100
    assert all(score.chance == 1 / 100 for score in probed.probes)
    with pytest.raises(DataError, match="the largest class has 2 training images"):
        enough(path, recipe=RECIPE)
