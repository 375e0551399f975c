"""Long names of classes and files: no text of a figure runs over another, however long the names are."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from alexnet.figures.canvas import Sheet
from alexnet.figures.doubt_rows import DoubtRow, draw_doubts
from alexnet.figures.heat_maps import HeatMapRow, draw_heat_maps
from alexnet.figures.matrix import draw_confusion
from alexnet.figures.near_rows import NearRow, draw_near
from alexnet.figures.path_drawing import DecisionBars, _fill_decision
from alexnet.figures.predicted_counts import draw_counts
from alexnet.figures.reliability import Curve, draw_reliability
from alexnet.figures.retrained_errors import (
    ChangedImage,
    ChangedImages,
    ErrorDifference,
    NetworkError,
    draw_retrained,
)
from alexnet.figures.unit_patches import PatchTile, draw_unit

IMAGE = np.zeros((32, 32, 3), np.uint8)


def overlapping(figure: Figure, texts: list[Text]) -> list[tuple[str, str]]:
    """Pairs of texts of which one covers more than a trace of the other."""
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in texts if text.get_text()]
    shown = [text.get_text() for text in texts if text.get_text()]
    return [
        (shown[a], shown[b])
        for a, b in combinations(range(len(boxes)), 2)
        if min(boxes[a].x1, boxes[b].x1) - max(boxes[a].x0, boxes[b].x0) > 1
        and min(boxes[a].y1, boxes[b].y1) - max(boxes[a].y0, boxes[b].y0) > 1
    ]


def titles(figure: Figure) -> list[Text]:
    return [text for axes in figure.axes for text in (axes.title, axes._left_title, axes.xaxis.label)]  # type: ignore[attr-defined]


@pytest.mark.parametrize("number", [8, 40, 41, 60, 120])
def test_names_beside_the_confusion_matrix_lie_apart(number: int) -> None:
    figure = draw_confusion([f"a class with a long name {n}" for n in range(number)], np.eye(number, dtype=int))
    axes = figure.axes[0]
    assert overlapping(figure, list(axes.get_yticklabels())) == []
    if number > 40:  # upright: boxes of slanted names overlap though the names do not
        assert overlapping(figure, list(axes.get_xticklabels())) == []
    else:
        lowest = axes.get_window_extent().y0
        assert all(label.get_window_extent().y1 <= lowest + 1 for label in axes.get_xticklabels())


def test_doubted_labels_lie_apart() -> None:
    near = [(IMAGE, "goalkeeper_area_of_the_field"), (IMAGE, "robot_obstacle_in_view")] * 2
    file = "train/goalkeeper_area_x/a_long_name_of_a_file_0017.jpg"
    row = DoubtRow(IMAGE, file, "goalkeeper_area_x", "robot_obstacle_in_view", 0.93, near)
    figure = draw_doubts([row, row])
    files = [axes.xaxis.label for axes in figure.axes if axes.get_xlabel()]
    assert [label.get_text() for label in files] == ["…ong_name_of_a_file_0017.jpg"] * 2
    assert overlapping(figure, titles(figure)) == []


def test_counts_of_a_few_images_have_whole_numbers_below() -> None:
    axes = draw_counts({"a": 2, "b": 1}, {"low margin": 1}, title="3 images").axes[-1]
    assert [place for place in axes.get_xticks() if 0 <= place <= 2] == [0, 1, 2]


def test_titles_of_heat_maps_lie_apart() -> None:
    row = HeatMapRow(
        IMAGE, np.ones((32, 32)), np.zeros((32, 32)), 0.0, "a very long file name of…: motorbike_with_a_very_l… 76 %",
        "for motorbike_with_a_very_l… rather than airplane_with_another_l…, guided-backprop",
        "this map points at what the network uses: score 0.33, the best of 8 random orders 0.20; warning: guided "
        "backpropagation hardly depends on the weights of the later layers", says_something=True,
    )  # fmt: skip
    figure = draw_heat_maps([row, row])
    assert overlapping(figure, titles(figure)) == []
    words = [axes.get_title(loc="left") for axes in figure.axes]
    assert words[2::4] == ["the map alone\n0 to 1"] * 2
    assert words[3::4] == ["the same method, random weights\n0 everywhere"] * 2


def test_errors_before_and_after_corrections_and_names_of_images_lie_apart() -> None:
    errors = [
        NetworkError(name, 0.2, (0.1, 0.3), 0.1, (0.05, 0.2)) for name in ("the run as it is", "a new last layer")
    ]
    differences = [ErrorDifference("by the corrections", -0.1, (-0.2, -0.01))]
    names = "goalkeeper_area_of_the_field", "robot_obstacle_in_view"
    image = ChangedImage(IMAGE, "test/x/a file with a very long name.jpg", names[0], *names)
    groups = [ChangedImages("fixed: 7 images", [image] * 7, False), ChangedImages("broken: 1 image", [image], True)]
    figure = draw_retrained(errors, differences, groups, title="before and after")
    labels = [label for axes in figure.axes[:2] for label in axes.get_yticklabels()]
    assert overlapping(figure, [*titles(figure), *labels]) == []
    boxes = [text.get_window_extent() for text in titles(figure) if text.get_text()]
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 for box in boxes)


def test_label_of_the_contributions_stays_within_its_part() -> None:
    names = ("motorbike_with_a_very_long_name_that_goes_on", "airplane_with_another_long_name_that_goes_on")
    decision = DecisionBars(*names, [("fc7/1", 0.5)], [], 2.0, 0.1, [(names[0], 0.7), (names[1], 0.3)])
    sheet = Sheet(16.0, 4.0)
    _fill_decision(sheet, decision, IMAGE)
    sheet.canvas.draw()
    axes = sheet.axes[2]
    label = axes.xaxis.label.get_window_extent()
    part = sheet.subfigs[1].bbox
    assert part.x0 <= label.x0 < label.x1 <= part.x1


def test_legend_of_the_reliability_diagram_lies_below_the_curves() -> None:
    points = ((0.2, 1.0, 0.2, 1.0, 1), (0.5, 1.0, 0.5, 1.0, 2))
    figure = draw_reliability(
        [Curve("as trained", 0.13, points), Curve("temperature 0.49", 0.02, points)], num_images=3
    )
    figure.canvas.draw()
    axes = figure.axes[0]
    legend = axes.get_legend()
    assert legend is not None
    assert legend.get_window_extent().y1 < axes.xaxis.label.get_window_extent().y0
    assert legend.get_window_extent().y0 >= 0


def test_weaker_patches_say_how_much_of_the_largest_activation_they_have() -> None:
    tiles = [PatchTile(IMAGE, np.ones((32, 32), bool), "flower", value) for value in (0.696, 0.436)]
    figure = draw_unit("fc7/100", None, [(1.0, tiles[:1] * 8), (0.9, tiles[1:] * 8)], [])
    assert [axes.get_title() for axes in figure.axes] == ["0.696"] * 8 + ["0.436 (63 %)"] * 8
    assert [axes.get_ylabel() for axes in figure.axes[::8]] == ["strongest", "nearest to 90 %"]
    assert overlapping(figure, titles(figure)) == []


def test_words_on_an_empty_map_are_read_on_a_dark_image() -> None:
    empty = np.zeros((32, 32))
    figure = draw_heat_maps([HeatMapRow(IMAGE, empty, empty, 0.0, "a", "for b", "no better", says_something=False)])
    (words,) = (text for axes in figure.axes for text in axes.texts)
    box = words.get_bbox_patch()
    assert box is not None
    assert box.get_facecolor()[:3] == (1.0, 1.0, 1.0)


def test_long_names_above_near_images_stay_on_the_sheet() -> None:
    name = "motorbike_with_a_very_long_name"
    row = NearRow(IMAGE, "file.jpg", name, 0.2, [(IMAGE, "another_class_with_a_name", 1.0)] * 5)
    figure = draw_near([row], title="nearest")
    assert overlapping(figure, titles(figure)) == []
    assert all(axes.title.get_window_extent().x0 >= 0 for axes in figure.axes)


def test_title_of_a_unit_stays_on_a_narrow_sheet() -> None:
    title = "conv3/217: at most 12.3, positive on 100 % of 6,219 images; receptive field 99 x 99 px"
    figure = draw_unit(title, None, [], [])
    figure.canvas.draw()
    (shown,) = (text for text in figure.texts if "conv3" in text.get_text())
    box = shown.get_window_extent()
    assert box.x0 >= 0 and box.x1 <= figure.bbox.x1
