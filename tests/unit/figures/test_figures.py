"""Figures: what they say, what they show, and that they are written whole."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from alexnet.errors import GeometryError, RunError
from alexnet.figures.canvas import save_figure, svg_text
from alexnet.figures.curves import Course, draw_comparison, draw_curves
from alexnet.figures.maps import draw_all_maps, draw_feature_maps
from alexnet.figures.matrix import draw_confusion
from alexnet.figures.tiles import MistakeTile, draw_kernels, draw_mistakes, kernel_image
from alexnet.records import EpochRecord, StepRecord

STEPS = tuple(StepRecord(n, 1 + n // 5, 1e-3, 2 - n / 10, 0.8 - n / 20) for n in range(1, 11))
EPOCHS = tuple(
    EpochRecord(n, 5 * n, 1.5 / n, 0.5 / n, 1.4 / n, 0.45 / n, 1.3 / n, 0.4 / n, None, 1e-3, 96, 2.0 * n, 50.0)
    for n in (1, 2)
)
COURSE = Course("fast, seminar", STEPS, EPOCHS, 8)
KERNELS = np.random.default_rng(0).normal(size=(20, 3, 11, 11)).astype(np.float32)


def words(figure: Figure) -> str:
    texts = [figure.get_suptitle()]
    for axes in figure.axes:
        texts += [axes.get_title(), axes.get_xlabel(), axes.get_ylabel(), axes.get_title(loc="left")]
        texts += [text.get_text() for text in axes.texts]
        legend = axes.get_legend()
        texts += [text.get_text() for text in legend.get_texts()] if legend else []
    return "\n".join(texts)


def test_curves_name_what_is_training_and_what_is_held_out() -> None:
    """The notebook's curves were called test data and showed training batches."""
    figure = draw_curves(COURSE)
    accuracy = figure.axes[0]
    lines = {line.get_label(): np.asarray(line.get_ydata()) for line in accuracy.get_lines()}
    np.testing.assert_allclose(lines["test"], [60, 80])
    np.testing.assert_allclose(lines["training"], [50, 75])
    assert "ln 8" in words(figure)


def test_comparison_has_a_column_for_each_run_on_common_scales() -> None:
    figure = draw_comparison([COURSE, COURSE, COURSE])
    assert len(figure.axes) == 6
    assert {axes.get_ylim() for axes in figure.axes[3:]} == {figure.axes[3].get_ylim()}


def test_confusion_holds_every_count() -> None:
    figure = draw_confusion(["a", "b"], [[5, 1], [0, 7]])
    assert sorted(text.get_text() for text in figure.axes[0].texts) == ["1", "5", "7"]
    assert "predicted" in words(figure)


@pytest.mark.parametrize(("scale", "message"), [("common", "one scale"), ("own", "do not compare strengths")])
def test_kernels_say_their_scale(scale: str, message: str) -> None:
    """The notebook standardized each kernel by itself, and did not say so."""
    assert message in words(draw_kernels(KERNELS, title="conv1", scale=scale))  # type: ignore[arg-type]


def test_common_scale_keeps_relative_strength() -> None:
    strong, weak = kernel_image(np.full((3, 2, 2), 1.0), 1.0), kernel_image(np.full((3, 2, 2), 0.1), 1.0)
    assert strong.shape == (2, 2, 3)
    np.testing.assert_allclose((strong - 0.5) / (weak - 0.5), 10)
    np.testing.assert_allclose(kernel_image(np.zeros((3, 2, 2)), 1.0), 0.5)


def test_kernels_are_numbered_and_chosen() -> None:
    labels = words(draw_kernels(KERNELS, title="conv1", chosen=[3, 17])).split("\n")
    assert {"3", "17"} <= set(labels)
    assert "4" not in labels
    deep = np.random.default_rng(0).normal(size=(4, 8, 5, 5))
    assert "mean of 8 input maps" in words(draw_kernels(deep, title="conv2"))
    assert "input map 7" in words(draw_kernels(deep, title="conv2", channel=7))


@pytest.mark.parametrize("options", [{"chosen": [20]}, {"chosen": []}, {"channel": 3}])
def test_kernel_that_is_not_there_is_named(options: dict[str, object]) -> None:
    with pytest.raises(GeometryError, match=r"0 to (19|2)"):
        draw_kernels(KERNELS, title="conv1", **options)  # type: ignore[arg-type]


def test_mistakes_show_true_and_predicted_class() -> None:
    tile = MistakeTile(np.zeros((96, 96, 3), np.uint8), "post", "ball", 0.97, "test/ball/ball_1.jpg")
    text = words(draw_mistakes([tile, tile], title="2 of 9 wrong"))
    assert "pred: post 97 %" in text
    assert "true: ball" in text
    assert "ball_1.jpg" in text
    assert "no mistakes" in words(draw_mistakes([], title="0 of 9 wrong"))


def test_feature_maps_show_image_kernel_and_maps() -> None:
    image = np.zeros((96, 96, 3), np.uint8)
    maps = np.random.default_rng(0).normal(size=(20, 22, 22))
    figure = draw_feature_maps(image, KERNELS, maps, maps.clip(0), [0, 5], title="conv1")
    assert len(figure.axes) == 8
    assert "kernel 5" in words(figure)
    before = figure.axes[2].images[0]
    assert before.norm.vmin == -before.norm.vmax
    assert len(draw_feature_maps(image, None, maps, None, [1], title="pool1").axes) == 2
    with pytest.raises(GeometryError, match="maps 0 to 19"):
        draw_feature_maps(image, KERNELS, maps, None, [20], title="conv1")


def test_maps_after_another_activation_are_named_and_keep_their_negative_values() -> None:
    maps = np.random.default_rng(0).normal(size=(2, 5, 5))
    figure = draw_feature_maps(
        np.zeros((8, 8, 3), np.uint8), None, maps, np.tanh(maps), [0], title="conv1", activation="tanh"
    )
    assert {"before tanh", "after tanh"} <= set(words(figure).split("\n"))
    assert figure.axes[2].images[0].norm.vmin == np.tanh(maps[0]).min() < 0
    relu = draw_feature_maps(np.zeros((8, 8, 3), np.uint8), None, maps, maps.clip(0), [0], title="conv1")
    assert relu.axes[2].images[0].norm.vmin == 0


def test_all_maps_say_their_one_scale() -> None:
    maps = np.linspace(0, 3, 40 * 4).reshape(40, 2, 2)
    assert "one scale from 0 to 3" in words(draw_all_maps(maps, title="conv2"))
    assert "one scale" in words(draw_all_maps(np.zeros((2, 2, 2)), title="conv2"))


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_figures_are_written_in_the_form_of_the_ending(tmp_path: Path, ending: str) -> None:
    path = save_figure(draw_curves(COURSE), tmp_path / "new" / f"curves.{ending}")
    assert path.stat().st_size > 3000
    assert [p.name for p in path.parent.iterdir()] == [f"curves.{ending}"]
    if ending == "png":
        with Image.open(path) as image:
            assert image.size == (1050, 400)


def test_unknown_suffix_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"unknown suffix; choose one of \.png, \.svg"):
        save_figure(draw_curves(COURSE), tmp_path / "curves.gif")


def test_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="cannot be written"):
        save_figure(draw_curves(COURSE), tmp_path / "file" / "x.png")


def test_figures_draw_themselves_in_a_notebook_and_in_a_page() -> None:
    figure = draw_curves(COURSE)
    assert figure._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]
    assert svg_text(figure).startswith("<svg")
    assert svg_text(figure) == svg_text(figure)


@pytest.mark.parametrize("name", ["50$ $20", r"$\foo$", "a_b^c"])
def test_names_are_no_mathematics(name: str) -> None:
    tile = MistakeTile(np.zeros((8, 8, 3), np.uint8), name, name, 0.5, name)
    for figure in (
        draw_confusion([name, "b"], [[1, 0], [0, 1]]),
        draw_mistakes([tile], title=name),
        draw_kernels(KERNELS, title=name),
        draw_curves(Course(name, STEPS, EPOCHS, 8)),
    ):
        assert svg_text(figure).startswith("<svg")


def test_too_many_rows_are_refused() -> None:
    maps = np.zeros((200, 2, 2))
    with pytest.raises(GeometryError, match="at most 32"):
        draw_feature_maps(np.zeros((8, 8, 3), np.uint8), None, maps, None, range(40), title="x")
