"""What the studio lists: runs and folders of images, under names that are unique and lead nowhere else."""

from pathlib import Path

import pytest

from alexnet.errors import DataError
from alexnet.studio.answers import NotHereError
from alexnet.studio.workspace import COLLECTED, Workspace
from tests.conftest import copy_linked, draw_stripes
from tests.studio_server import Studio, served


def test_runs_and_folders_are_listed(studio: Studio, place: Path) -> None:
    studio.workspace.listing(seconds=0)  # without the folders of other tests, which may still be remembered
    values = studio.ask("/api/here").values
    assert [run["name"] for run in values["runs"]] == ["first"]
    (run,) = values["runs"]
    assert (run["status"], run["num_images"], run["classes"]) == ("finished", 21, ["across", "down", "rings"])
    assert run["kernel_epochs"] == [0, 1, 2]
    assert [folder["name"] for folder in values["folders"]] == ["images"]
    folder = studio.ask("/api/folders/images").values
    assert (folder["num_images"], folder["counts"]["test"]) == (94, {"across": 7, "down": 7, "rings": 7})
    assert len(folder["samples"]) == 3


def test_the_programs_own_cache_is_not_listed(tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy_linked(place / "runs" / "first", tmp_path / "cache" / "folds" / "run-0")
    copy_linked(place / "runs" / "first", tmp_path / "runs" / "mine")
    assert set(Workspace([tmp_path]).listing().runs) == {"run-0", "mine"}
    monkeypatch.setenv("ALEXNET_CACHE", str(tmp_path / "cache"))
    assert set(Workspace([tmp_path]).listing().runs) == {"mine"}


def test_folder_itself_archive_and_single_runs_may_be_given(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # practice images of the working directory are listed, too
    assert list(Workspace([place / "images"]).listing().folders) == ["images"]
    assert "first" in Workspace([place / "runs" / "first"]).listing().runs


def test_namesakes_get_different_names_and_lead_to_their_own(tmp_path: Path) -> None:
    for parent in ("a", "b"):
        for kind, name in enumerate(("x", "y")):
            folder = tmp_path / parent / "cats" / name
            folder.mkdir(parents=True)
            draw_stripes(kind, 1).save(folder / "1.png")
    listing = Workspace([tmp_path]).listing()
    assert len(listing.folders) == 2
    assert "cats" not in listing.folders, "when one of them is deleted, its page must not show the other"
    assert sorted(path.parent.name for path in listing.folders.values()) == ["a", "b"]


def test_what_is_drawn_later_is_found_and_what_is_removed_is_refused(tmp_path: Path) -> None:
    workspace = Workspace([tmp_path])
    assert workspace.listing().folders == {}
    for name in ("x", "y"):
        (tmp_path / "late" / name).mkdir(parents=True)
        draw_stripes(0, 1).save(tmp_path / "late" / name / "1.png")
    assert len(Workspace([tmp_path]).folder("late").files) == 2
    version = Workspace([tmp_path]).version("late")
    draw_stripes(0, 2).save(tmp_path / "late" / "x" / "2.png")
    assert Workspace([tmp_path]).version("late") != version
    with pytest.raises(NotHereError, match="no such folder here"):
        workspace.folder("../late")


def test_a_folder_is_listed_once_and_with_its_test_set_alone(tmp_path: Path) -> None:
    make_set(tmp_path / "sets" / "photos" / "test")
    (tmp_path / "sets" / "again").symlink_to(tmp_path / "sets" / "photos")
    assert len(Workspace([tmp_path]).listing().folders) == 1
    assert [path.resolve() for path in Workspace([tmp_path]).listing().folders.values()] == [tmp_path / "sets/photos"]


def make_set(path: Path) -> Path:
    for kind, name in enumerate(("x", "y")):
        (path / name).mkdir(parents=True)
        draw_stripes(kind, 1).save(path / name / "1.png")
    return path


@pytest.mark.parametrize("name", ["test", "my test", "train1"])
def test_a_name_that_says_test_or_train_hides_nothing(tmp_path: Path, place: Path, name: str) -> None:
    copy_linked(place / "runs" / "first", tmp_path / "runs" / name)
    (tmp_path / "runs" / name / "figures").mkdir(exist_ok=True)
    draw_stripes(0, 1).save(tmp_path / "runs" / name / "figures" / "why.png")
    make_set(tmp_path / "cats")
    (make_set(tmp_path / name) / COLLECTED).touch()
    listing = Workspace([tmp_path]).listing()
    assert (set(listing.runs), set(listing.folders)) == ({name}, {"cats", name})


def test_new_folders_are_never_written_among_the_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = make_set(tmp_path / "here" / "images")
    draw_stripes(0, 1).save(tmp_path / "here" / "curves.png")  # a figure that a command wrote
    make_set(tmp_path)  # so that what lies around looks like a folder of images, too
    assert Workspace([tmp_path / "here"]).home == tmp_path / "here"
    monkeypatch.chdir(images)
    for paths in ([images], [Path()], [images / "x"]):
        assert Workspace(paths).home == tmp_path / "here"
    with served([images]) as studio:
        made = studio.post("/api/collect", {"name": "env", "classes": ["cup", "hand"]}).values
        assert made == {"folder": "env"} and (tmp_path / "here" / "env" / "cup").is_dir()
        assert set(studio.workspace.listing(seconds=0.0).folders) == {"images", "env"}


def test_a_damaged_run_says_so(tmp_path: Path) -> None:
    from alexnet.studio.home_routes import describe_run

    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "run.json").write_text("{", encoding="utf-8")
    values = describe_run(Workspace([tmp_path]), "bad", tmp_path / "bad")
    assert values["status"] == "damaged"
    assert "run.json" in values["fault"]


def test_thumbnail_is_kept_and_an_old_version_is_refused(studio: Studio) -> None:
    version = studio.workspace.version("images")
    answer = studio.ask(f"/api/folders/images/thumbnails/0?v={version}")
    assert (answer.status, answer.headers["content-type"]) == (200, "image/jpeg")
    assert "immutable" in answer.headers["cache-control"]
    old = studio.ask("/api/folders/images/thumbnails/0?v=0")
    assert (old.status, old.error) == (409, "the folder has changed; load the page again")


def test_a_page_that_was_loaded_before_an_image_was_added_still_gets_its_own(tmp_path: Path) -> None:
    for name in ("x", "y"):
        (tmp_path / "images" / name).mkdir(parents=True)
        draw_stripes(0, 1).save(tmp_path / "images" / name / "5.png")
    with served([tmp_path]) as studio:
        path, before = tmp_path / "images", studio.workspace.version("images")
        shown = studio.ask(f"/api/folders/images/thumbnails/1?v={before}").body
        draw_stripes(1, 2).save(path / "x" / "1.png")
        studio.workspace.forget(path)
        after = studio.workspace.version("images")
        assert after != before
        assert studio.ask(f"/api/folders/images/thumbnails/1?v={before}").body == shown
        assert studio.workspace.scan_in_version(path, after).folder.files[1].entry.name == "x/5.png"  # type: ignore[union-attr]


def test_kernel_sheet_shows_every_kernel_on_its_own_scale(studio: Studio) -> None:
    import io

    import numpy as np
    from PIL import Image

    from alexnet.figures.kernel_frame import kernel_frame
    from alexnet.studio.kernel_sheet import read_snapshot

    weights = read_snapshot(studio.workspace.run("first"), 2)
    answer = studio.ask("/api/runs/first/kernels/2")
    assert answer.body == kernel_frame(weights)
    sheet = np.asarray(Image.open(io.BytesIO(answer.body)))
    side = weights.shape[-1]
    for place in (0, 17):
        top, left = place // 16 * (side + 1), place % 16 * (side + 1)
        tile = sheet[top : top + side, left : left + side]
        expected = 127.5 + 127.5 * weights[place].transpose(1, 2, 0) / np.abs(weights[place]).max()
        assert np.abs(tile - expected).max() <= 0.501


def test_kernels_of_all_epochs_share_one_scale_where_it_is_asked_for(studio: Studio) -> None:
    import numpy as np

    import alexnet
    from alexnet.figures.kernel_frame import kernel_frame
    from alexnet.studio.kernel_sheet import read_snapshot

    run = studio.workspace.run("first")
    history = alexnet.kernel_history(run.path)
    largest = float(np.abs(history.weights).max())
    for epoch in (0, 2):
        answer = studio.ask(f"/api/runs/first/kernels/{epoch}?common=2")
        assert answer.body == kernel_frame(read_snapshot(run, epoch), largest)
    numbers = studio.ask("/api/runs/first/kernel-numbers").values["numbers"]
    cosine = history.to_dict()["cosine_to_start"]
    assert numbers["0"].startswith("median cosine to the start 1.00")
    assert numbers["2"].startswith(f"median cosine to the start {cosine[-1]:.2f}")


def test_a_file_that_is_no_image_is_named(tmp_path: Path) -> None:
    from alexnet.studio.thumbnails import image_bytes

    for name in ("x", "y"):
        (tmp_path / "odd" / name).mkdir(parents=True)
        (tmp_path / "odd" / name / "1.png").write_bytes(b"<html>")
    folder = Workspace([tmp_path]).folder("odd")
    assert image_bytes(folder, 0) == b"<html>"
    from alexnet.data.thumbnail import thumbnail

    with pytest.raises(DataError, match="a web page, perhaps"):
        thumbnail(b"<html>", 10)
