"""Wrongly classified images in detail: the numbers are those of the calls that they come from."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from alexnet.errors import DataError
from alexnet.inspection.attribution import attribute
from alexnet.inspection.faithfulness import Faithfulness, check_map, check_maps
from alexnet.report.browser_data import HEAT_SIDE, browser_data, heat_data, thumbnail_sheet
from alexnet.run_folder import RunFolder
from alexnet.runs.characteristic_units import characteristic_units
from alexnet.runs.mistake_details import explain_mistakes
from alexnet.runs.run import Run
from alexnet.runs.similar import neighbours
from alexnet.runs.unit import unit
from tests.conftest import copy_linked


def test_details_agree_with_prediction_neighbors_and_heat_map(narrow_run: Run) -> None:
    details = explain_mistakes(narrow_run, most=3, num_heat_maps=2, num_tested=1)
    assert [d.prediction for d in details.details] == list(narrow_run.mistakes()[:3])
    for detail in details.details:
        assert max(detail.probabilities) == pytest.approx(detail.prediction.probability, abs=1e-5)
        assert details.classes[int(np.argmax(detail.probabilities))] == detail.prediction.predicted
        (similar,) = neighbours(narrow_run, Path(narrow_run.about.data.path) / detail.prediction.file)
        assert [n.file for n in detail.neighbours] == [n.file for n in similar.neighbours]
        assert {n.file for n in detail.neighbours} <= set(details.thumbnails)
    first, second, third = details.details
    heat = attribute(narrow_run.model, first.image, first.prediction.predicted)
    assert first.heat_map is not None
    np.testing.assert_allclose(first.heat_map.values, heat.values, atol=1e-5)
    assert first.test is not None
    assert_tests_agree(first.test, check_map(narrow_run.model, heat))
    assert second.heat_map is not None and second.test is None
    assert third.heat_map is None


def assert_tests_agree(one: Faithfulness, other: Faithfulness) -> None:
    """Up to the rounding that differs with the number of images in a pass."""
    for name in ("own", "random", "best_random", "blob", "randomized"):
        first, second = getattr(one, name), getattr(other, name)
        assert (first.deletion, first.insertion) == pytest.approx((second.deletion, second.insertion), abs=1e-3)
    assert one.similarity == pytest.approx(other.similarity, abs=1e-4)
    assert str(one) == str(other)


def test_maps_tested_together_are_tested_as_one_by_one_and_weights_come_back(narrow_run: Run) -> None:
    before = {name: value.clone() for name, value in narrow_run.model.network.state_dict().items()}
    details = explain_mistakes(narrow_run, most=2, num_tested=0, with_neighbors=False)
    maps = [detail.heat_map for detail in details.details if detail.heat_map is not None]
    for together, each in zip(check_maps(narrow_run.model, maps), maps, strict=True):
        assert_tests_agree(together, check_map(narrow_run.model, each))
    assert all(bool((before[name] == value).all()) for name, value in narrow_run.model.network.state_dict().items())


def test_no_weights_are_drawn_where_no_map_is_tested(narrow_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from alexnet.inspection import faithfulness

    monkeypatch.setattr(faithfulness, "_on_random_weights", lambda *_: pytest.fail("drawn for nothing"))
    assert check_maps(narrow_run.model, []) == ()
    details = explain_mistakes(narrow_run, most=1, num_tested=0, with_neighbors=False).details
    assert details[0].heat_map is not None and details[0].test is None


def test_images_that_moved_are_left_out_and_named_in_a_note(narrow_run: Run, tmp_path: Path) -> None:
    copy = RunFolder(copy_linked(narrow_run.path, tmp_path / "run"))
    images = Path(shutil.copytree(narrow_run.about.data.path, tmp_path / "images"))
    copy.write_about(replace(copy.about, data=replace(copy.about.data, path=str(images))))
    gone = narrow_run.mistakes()[0].file
    (images / gone).unlink()
    details = explain_mistakes(Run(copy), num_heat_maps=0)
    assert gone not in {detail.prediction.file for detail in details.details}
    assert details.notes[0].startswith("1 of the wrongly classified images are no longer where they were")
    assert details.notes[1].startswith("Without neighbors: ") and "changed" in details.notes[1]
    shutil.rmtree(images)
    assert explain_mistakes(Run(copy)).details == ()


def test_a_file_that_was_not_tested_is_named(narrow_run: Run) -> None:
    with pytest.raises(DataError, match=r"tested no image nothing\.png; give names as predictions\.csv has them"):
        explain_mistakes(narrow_run, ["nothing.png"])
    correct = next(p for p in narrow_run.predictions if not p.is_mistake)
    (detail,) = explain_mistakes(narrow_run, [correct.file], num_tested=0, with_neighbors=False).details
    assert detail.prediction == correct


def test_page_data_has_every_number_and_a_tile_for_each_neighbor(narrow_run: Run) -> None:
    details = explain_mistakes(narrow_run, most=2, num_tested=1)
    data = browser_data(details, lambda pixels: f"{pixels.shape[0]} px")
    assert data["num_mistakes"] == narrow_run.evaluation.num_mistakes
    assert data["counts"] == [list(row) for row in narrow_run.evaluation.confusion]
    first, second = data["items"]
    assert first["source"] == "67 px"
    assert first["heat"]["verdict"] == str(details.details[0].test)
    assert "verdict" not in second["heat"] and "not tested" in second["heat_note"]
    files = list(details.thumbnails)
    assert [files[n["tile"]] for n in first["neighbors"]] == [n.file for n in details.details[0].neighbours]


def test_thumbnails_lie_on_the_sheet_by_their_numbers() -> None:
    images = {str(value): np.full((60, 60, 3), value, np.uint8) for value in (10, 20, 30)}
    sheet, numbers = thumbnail_sheet(images)
    assert sheet is not None and sheet.shape == (96, 96, 3)
    assert numbers == {"10": 0, "20": 1, "30": 2}
    assert sheet[24, 24, 0] == 10 and sheet[24, 72, 0] == 20 and sheet[72, 24, 0] == 30
    assert thumbnail_sheet({}) == (None, {})


def test_heat_of_a_page_is_largest_where_the_map_is(narrow_run: Run) -> None:
    import base64

    detail = explain_mistakes(narrow_run, most=1, num_tested=0, with_neighbors=False).details[0]
    assert detail.heat_map is not None
    values = np.zeros_like(detail.heat_map.values)
    values[-4:, :4] = 3.0
    small = np.frombuffer(base64.b64decode(heat_data(replace(detail.heat_map, values=values))["values"]), np.uint8)
    assert small.reshape(HEAT_SIDE, HEAT_SIDE)[-1, 0] == 255
    assert small.sum() < 1000


def test_characteristic_units_prefer_one_class_and_show_what_unit_shows(narrow_run: Run) -> None:
    views = characteristic_units(narrow_run, num_units=3)
    assert len(views) == 15
    last = views[-3:]
    assert len({view.classes[0].name for view in last}) == 3
    assert all(view.classes[0].fraction > view.classes[0].fraction_of_all for view in last)
    same = unit(narrow_run, last[0].address)
    assert [p.file for p in same.strips[0].patches] == [p.file for p in last[0].strips[0].patches]
    assert same.classes == last[0].classes
