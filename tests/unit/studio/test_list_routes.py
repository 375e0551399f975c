"""Orders that are computed first: how odd images are and which are twins, from the lists that commands write."""

import shutil
import time
from pathlib import Path

import pytest

from alexnet.audit.odd_images import odd_images
from alexnet.data.check import check_folder
from alexnet.errors import DataError
from alexnet.studio.image_lists import TWIN_KINDS, latest_list, list_path, read_oddities, read_twins
from tests.conftest import copy_images, draw_stripes
from tests.studio_server import Studio

Started = list[tuple[list[str], Path]]


@pytest.fixture
def planted(place: Path, image_folder: Path) -> object:
    """A folder of its own: a copy of an image in another class and one in the test images, and an odd image."""
    folder = copy_images(image_folder, place / "planted")
    shutil.copyfile(folder / "train" / "down" / "down_003.png", folder / "train" / "rings" / "copy.png")
    shutil.copyfile(folder / "train" / "rings" / "rings_005.png", folder / "test" / "rings" / "copy.png")
    draw_stripes(0, 1).convert("1").save(folder / "train" / "down" / "odd.png")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def started(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> Started:
    """What was started; nothing is."""
    known: Started = []
    monkeypatch.setattr(studio.workspace.jobs, "start", lambda words, out: known.append((words, out)))
    return known


def test_twins_are_the_pairs_of_the_check_nearest_first(studio: Studio, planted: Path, started: Started) -> None:
    studio.workspace.listing(seconds=0)
    before = studio.ask("/api/folders/planted/twins").values
    assert (before["list"], before["is_old"], before["job"]["is_alive"]) == (None, False, False)
    studio.post("/api/folders/planted/twins")
    ((words, target),) = started
    assert words == ["data", "check", str(planted), "--csv", str(target)]
    report = check_folder(planted)
    report.save_csv(target)
    values = studio.ask("/api/folders/planted/twins").values
    names = [file for file, *_ in studio.ask("/api/folders/planted/images").values["files"]]
    pairs = [({names[a], names[b]}, distance, values["kinds"][kind]) for a, b, distance, kind in values["list"]]
    assert pairs[0] == ({"train/down/down_003.png", "train/rings/copy.png"}, 0.0, "across classes")
    assert pairs[1] == ({"train/rings/rings_005.png", "test/rings/copy.png"}, 0.0, "across the split")
    assert [distance for _, distance, _ in pairs] == sorted(distance for _, distance, _ in pairs)
    assert len(pairs) == len(report.near_duplicates)
    assert values["version"] == studio.ask("/api/folders/planted").values["version"]


def test_oddities_are_those_of_the_library_by_place(
    studio: Studio, place: Path, planted: Path, started: Started
) -> None:
    studio.workspace.listing(seconds=0)
    studio.post("/api/folders/planted/odd", {})
    studio.post("/api/folders/planted/odd", {"run": "first"})
    (plain, target), (by_run, other) = started
    assert plain == ["data", "odd", str(planted), "--csv", str(target)]
    assert by_run == ["data", "odd", str(planted), "--csv", str(other), "--run", str(place / "runs" / "first")]
    assert target != other
    result = odd_images(planted)
    result.save_csv(target)
    assert studio.ask("/api/folders/planted/odd?run=first").values["list"] is None
    values = studio.ask("/api/folders/planted/odd").values["list"]
    names = [file for file, *_ in studio.ask("/api/folders/planted/images").values["files"]]
    oddest = result.images[0]
    at = names.index(oddest.file)
    assert values["in_class"][at] == max(values["in_class"]) == oddest.in_class
    assert names[values["nearest"][at]] == oddest.nearest
    assert values["usual_in_class"] == pytest.approx(result.usual_in_class, abs=1e-4)
    assert studio.ask("/api/folders/planted/odd?run=nothing").status == 404
    assert studio.post("/api/folders/planted/odd", {"run": 7}).error == "run: is not a text"


def test_the_list_of_an_earlier_version_is_shown_as_such(studio: Studio, planted: Path, started: Started) -> None:
    studio.workspace.listing(seconds=0)
    studio.post("/api/folders/planted/odd", {})
    odd_images(planted).save_csv(started[0][1])
    draw_stripes(1, 900).save(planted / "train" / "down" / "new.png")
    studio.workspace.forget(planted)
    values = studio.ask("/api/folders/planted/odd").values
    names = [file for file, *_ in studio.ask("/api/folders/planted/images").values["files"]]
    assert values["is_old"] and values["list"]["in_class"][names.index("train/down/new.png")] is None
    studio.post("/api/folders/planted/odd", {})
    odd_images(planted).save_csv(started[1][1])
    assert not studio.ask("/api/folders/planted/odd").values["is_old"]
    assert not started[0][1].exists(), "a list that nothing asks for any more is deleted"


def test_the_latest_of_several_earlier_lists_is_taken(tmp_path: Path, own_cache: Path) -> None:
    paths = [list_path(tmp_path, "odd", version) for version in ("aa", "bb", "cc")]
    assert len({path.name.rpartition("-")[0] for path in paths}) == 1
    assert latest_list(paths[2]) is None
    for path in paths[:2]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("", encoding="utf-8")
        time.sleep(0.01)
    assert latest_list(paths[2]) == paths[1]
    assert latest_list(list_path(tmp_path, "odd", "cc", by="a run")) is None
    assert latest_list(paths[1]) == paths[1] and not paths[0].exists()


def test_images_that_are_gone_are_left_out_and_a_damaged_list_is_named(tmp_path: Path) -> None:
    path = tmp_path / "twins.csv"
    header = "problem,file,other_file,distance,detail\n"
    path.write_text(f"{header}nearly identical within class,a,b,0.01,\nCMYK,a,,,\n", encoding="utf-8")
    assert read_twins(path, {"a": 0, "b": 1}) == [[0, 1, 0.01, TWIN_KINDS.index("within class")]]
    assert read_twins(path, {"a": 0}) == []
    with pytest.raises(DataError, match="delete it and make it again"):
        read_oddities(path, {"a": 0})
