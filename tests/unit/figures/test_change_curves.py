"""Curves of one panel never look alike."""

import numpy as np
import pytest

from alexnet.figures.change_curves import CurvePanel, draw_changes

IMAGE = np.zeros((8, 8, 3), np.uint8)


def panel(strong: list[int], num_classes: int) -> CurvePanel:
    probabilities = np.full((3, num_classes), 1e-4)
    probabilities[:, strong] = np.linspace(0.3, 0.1, len(strong))
    return CurvePanel("turned, degrees", 0.0, [-1.0, 0.0, 1.0], probabilities, [], [(0.0, IMAGE), (1.0, IMAGE)])


@pytest.mark.parametrize(
    "strong", [[[0, 8, 16, 24, 32]], [[3, 11, 19, 4, 12], [5, 13, 21, 29, 37], [3, 13, 1, 2, 9]]]
)
def test_classes_of_a_panel_have_different_lines(strong: list[list[int]]) -> None:
    figure = draw_changes([panel(each, 40) for each in strong], [f"class {n}" for n in range(40)], 8, "photo")
    looks: dict[str, set[tuple[object, object]]] = {}
    for axes in figure.axes:
        if axes.get_legend() is None:
            continue
        curves = [line for line in axes.get_lines() if str(line.get_label()).startswith("class ")]
        shown = [(line.get_color(), line.get_linestyle()) for line in curves]
        assert len(set(shown)) == len(curves) >= 5
        for line, look in zip(curves, shown, strict=True):
            looks.setdefault(str(line.get_label()), set()).add(look)
    assert all(len(each) == 1 for each in looks.values())  # the same class looks the same in every panel
    assert looks["class 8"] == {("#0072b2", "-")}
