"""What is said of a recipe that does not fit the images before anything is trained."""

import re

import pytest

from alexnet.data.split import hold_out
from alexnet.presets import PRESETS
from alexnet.training.preparation import missing_validation


@pytest.mark.parametrize("sizes", [(2, 2), (2,) * 1000, (3, 3, 3), (1, 2, 1), (4, 4), (5, 3), (9, 1), (300, 2)])
def test_validation_fraction_that_is_advised_sets_images_apart(sizes: tuple[int, ...]) -> None:
    recipe = PRESETS["paper"].replace(validation_fraction=0.001)
    message = missing_validation(recipe, sum(sizes), 0, len(sizes))
    assert message is not None
    fraction = float(re.search(r"raise it \((.*?)\)", message)[1])  # type: ignore[index]
    names = [str(number) for number, size in enumerate(sizes) for _ in range(size)]
    _, held = hold_out(range(len(names)), names, [str(row) for row in range(len(names))], fraction, seed=1)
    assert held, f"{message}: {fraction} leaves none either"


def test_one_image_of_each_class_leaves_none_to_set_apart() -> None:
    message = missing_validation(PRESETS["paper"], 8, 0, 8)
    assert message == (
        "schedule = plateau needs validation images, and validation_fraction = 0.1 of 8 training images of 8 classes "
        "leaves none: add images, add a val folder, or set schedule=step"
    )
    assert missing_validation(PRESETS["paper"], 8, 1, 8) is None
    assert missing_validation(PRESETS["fast"], 8, 0, 8) is None
