"""The finder: what has a name that contains a text, and in which order it is told."""

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from alexnet.inspection.network_layers import find_layer, weighted_layers
from alexnet.runs.run import Run
from alexnet.studio.finder_routes import MOST_OF_A_KIND, _layers
from tests.conftest import copy_linked, draw_stripes
from tests.studio_server import Studio, served
from tests.unit.studio.conftest import AWKWARD


def find(studio: Studio, q: str, **query: str) -> list[dict[str, Any]]:
    matches: list[dict[str, Any]] = studio.ask(f"/api/find?{urlencode({'q': q} | query)}").values["matches"]
    return matches


def test_runs_folders_classes_units_and_files_are_found_by_a_part_of_their_name(studio: Studio, place: Path) -> None:
    assert {"kind": "run", "name": "first", "is_finished": True} in find(studio, "FIR")
    assert {"kind": "folder", "name": "images"} in find(studio, "mage")
    assert {"kind": "class", "name": "rings", "place": "images"} in find(studio, "ring")
    file = {"kind": "file", "name": "train/down/down_003.png", "place": "images"}
    assert find(studio, "down_003") == [file]
    (awkward,) = find(studio, '<b> & "quoted"')
    assert awkward["name"].startswith("train/across/a <b>") and "\u202e" not in awkward["name"], AWKWARD
    many = [match for match in find(studio, "png") if match["kind"] == "file"]
    assert len(many) == MOST_OF_A_KIND
    assert find(studio, "  ") == find(studio, "") == find(studio, "nothing has this name") == []


@pytest.mark.parametrize(
    ("q", "units"),
    [
        ("conv3/17", ["conv3/17"]),
        ("conv3 17", ["conv3/17"]),
        ("conv3/64", []),
        ("conv3/63", ["conv3/63"]),
        ("conv", ["conv1/0", "conv2/0", "conv3/0", "conv4/0", "conv5/0"]),
        ("fc8/2", ["fc8/2"]),
        ("fc8/3", []),
    ],
)
def test_a_unit_is_there_where_its_layer_has_as_many(studio: Studio, q: str, units: list[str]) -> None:
    matches = [match for match in find(studio, q) if match["kind"] == "unit"]
    assert [match["name"] for match in matches] == units
    assert all(match["place"] == "first" for match in matches)


def test_layers_are_those_of_the_network(narrow_run: Run) -> None:
    network = narrow_run.model.network
    expected = {name: len(next(find_layer(network, name).parameters())) for name in weighted_layers(network)}
    assert _layers(narrow_run.folder) == expected


def test_what_was_looked_at_last_comes_first_and_what_is_damaged_is_left_out(place: Path, tmp_path: Path) -> None:
    for name in ("one", "two", "broken"):
        copy_linked(place / "runs" / "first", tmp_path / "runs" / name)
        for kind in ("x", "y"):
            folder = tmp_path / f"{name}-images" / kind
            folder.mkdir(parents=True)
            draw_stripes(0, 1).save(folder / "same.png")
    (tmp_path / "runs" / "broken" / "model.json").unlink()
    with served([tmp_path]) as studio:
        units = find(studio, "conv3/5", run="two")
        assert [match["place"] for match in units] == ["two", "one"]
        files = find(studio, "same.png", folder="two-images")
        assert [match["place"] for match in files[:2]] == ["two-images"] * 2 and len(files) == MOST_OF_A_KIND
