"""Curves over changes: at the identity the network's own answer, and the class is lost where it was planted."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from alexnet.errors import DataError, GeometryError
from alexnet.evaluation.predict import read_image
from alexnet.figures.canvas import save_figure
from alexnet.inspection.image_changes import CHANGES
from alexnet.model.wrap_network import wrap_network
from alexnet.runs.edit import edit
from alexnet.runs.run import Run


class Planted(nn.Module):
    """Logits that depend on the mean of a part of the image alone: bright above `limit`, else dark."""

    def __init__(self, limit: float, part: slice = slice(None)) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.1))
        self.limit, self.part = limit, part

    def forward(self, x: Tensor) -> Tensor:
        brightness = self.scale * (x[:, :, self.part].mean((1, 2, 3)) - self.limit)
        return torch.stack([brightness, -brightness], 1)


def planted(limit: float, part: slice = slice(None), mean: float = 0.0) -> object:
    return wrap_network(Planted(limit - mean, part), ["bright", "dark"], size=40, mean=(mean,) * 3, std=(1.0,) * 3)


@pytest.fixture
def gray_image(tmp_path) -> str:
    Image.new("RGB", (40, 40), (100, 100, 100)).save(tmp_path / "gray.png")
    return str(tmp_path / "gray.png")


def test_brightness_at_which_the_class_changes_is_found(gray_image: str) -> None:
    (curve,) = edit(planted(154.7), gray_image, "brightness").curves
    assert (curve.lost_below, curve.predicted[curve.amounts.index(1.0)]) == (None, "dark")
    assert curve.lost_above == pytest.approx(1.545, abs=0.002)  # 154.5 is rounded to 155
    place = curve.amounts.index(2.0)
    assert curve.predicted[place] == "bright"
    assert curve.probabilities[place, 0] == pytest.approx(1 / (1 + np.exp(-0.2 * (200 - 154.7))), rel=1e-3)
    assert "no longer recognized at 1.55 times" in str(curve)


def test_cover_and_shift_uncover_the_mean_color(gray_image: str) -> None:
    """The mean color is 200: a covered fraction f of the area gives 100 + 100 f."""
    cover, shift = edit(planted(155.0, mean=200.0), gray_image, ["cover", "shift-y"]).curves
    assert cover.lost_above == pytest.approx(0.56, abs=0.05)  # whole px: a square of 30 px
    assert shift.lost_above is None and shift.lost_below is None
    top = edit(planted(155.0, slice(0, 10), mean=200.0), gray_image, "shift-y").curves[0]
    assert top.lost_below is None
    assert top.lost_above == pytest.approx(6 / 40, abs=0.02)  # six of the ten rows are uncovered


@pytest.mark.slow
def test_curves_of_a_run_begin_with_its_own_answer(narrow_run: Run, image_folder, tmp_path) -> None:
    path = image_folder / "test" / "across" / "across_1000.png"
    edited = edit(narrow_run, path)
    assert [curve.change for curve in edited.curves] == list(CHANGES)
    for curve in edited.curves:
        place = curve.amounts.index(curve.identity)
        assert curve.predicted[place] == edited.predicted
        assert curve.probabilities[place].max() == pytest.approx(edited.probability, rel=1e-4)
        np.testing.assert_allclose(curve.probabilities.sum(1), 1.0, rtol=1e-5)
    np.testing.assert_array_equal(edited.image, read_image(path, narrow_run.model))
    assert edited.to_dict()["curves"][3]["unit"] == "degrees"
    assert save_figure(edited.draw(), tmp_path / "edit.png").stat().st_size > 20_000


def test_what_cannot_be_edited_is_refused(narrow_run: Run, gray_image: str, tmp_path) -> None:
    with pytest.raises(GeometryError, match="change flip"):
        edit(narrow_run, gray_image, ["flip"])
    with pytest.raises(DataError, match=r"gone\.png"):
        edit(narrow_run, tmp_path / "gone.png")
