"""Corrections: written beside the images, honored by a scan, undone, merged, refused where an image has changed."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

import pytest

import alexnet
from alexnet.data.cache import decode_folder
from alexnet.data.corrected_copy import write_corrected_copy
from alexnet.data.corrections import (
    Correction,
    apply_corrections,
    correct,
    corrections_path,
    read_corrections,
    undo_correction,
    undo_decision,
)
from alexnet.data.decode import plain_preprocessing
from alexnet.data.folder import scan_folder
from alexnet.data.free_names import FreeNames
from alexnet.data.split import split_images
from alexnet.errors import DataError
from alexnet.presets import PRESETS
from tests.conftest import copy_images, draw_stripes, small_recipe, write_images

Command = Callable[..., tuple[int, str, str]]
DOWN, RING = "train/down/down_003.png", "train/rings/rings_004.png"


@pytest.fixture
def folder(image_folder: Path, tmp_path: Path) -> Path:
    return copy_images(image_folder, tmp_path / "images")


def test_decision_is_a_line_with_the_hash_of_the_bytes_and_leaves_the_image_alone(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*.png")}
    (line,) = correct(folder, [DOWN], "relabel", to="rings", who="Ada")
    digest = blake2b((folder / DOWN).read_bytes(), digest_size=16).hexdigest()
    assert line == Correction(DOWN, "relabel", "down", "rings", "Ada", line.when, digest)
    with (folder / "corrections.csv").open(newline="", encoding="utf-8") as file:
        assert list(csv.DictReader(file)) == [line.to_dict()]
    assert {path: path.read_bytes() for path in folder.rglob("*.png")} == before


def test_scan_split_and_cache_honor_each_action(folder: Path) -> None:
    correct(folder, [DOWN], "relabel", to="rings")
    correct(folder, [RING], "exclude")
    correct(folder, ["train/across/across_001.png"], "both", to="down")
    correct(folder, ["train/across/across_002.png"], "fine")
    corrected = apply_corrections(folder, folder / "corrections.csv")
    assert corrected.counts()["train"] == {"across": 24, "down": 23, "rings": 24}
    assert "4 corrections apply (1 relabel, 1 both, 1 exclude, 1 fine)" in corrected.notes
    images = decode_folder(corrected, plain_preprocessing(PRESETS["fast"]))
    split = split_images(images, test_fraction=0.2, validation_fraction=0.0, seed=0)
    names = [images.files[row].entry.name for row in split.train.indices]
    assert RING not in names
    assert split.classes[split.train.labels[names.index(DOWN)]] == "rings"
    assert images.fingerprint != decode_folder(scan_folder(folder), images.preprocessing).fingerprint


def test_last_decision_counts_and_undo_brings_the_one_before_back(folder: Path) -> None:
    path = corrections_path(folder)
    correct(folder, [DOWN], "relabel", to="rings")
    correct(folder, [DOWN], "exclude")
    assert apply_corrections(folder, path).counts()["train"]["down"] == 23
    assert apply_corrections(folder, path).counts()["train"]["rings"] == 24
    assert undo_correction(path).action == "exclude"
    assert apply_corrections(folder, path).counts()["train"]["rings"] == 25
    assert undo_correction(path, DOWN).action == "relabel"
    with pytest.raises(DataError, match="holds no correction; there is nothing to undo"):
        undo_correction(path)


def test_changed_image_is_refused_by_name(folder: Path) -> None:
    correct(folder, [DOWN, RING], "exclude")
    (folder / DOWN).unlink()
    draw_stripes(1, 77).save(folder / DOWN)
    with pytest.raises(DataError, match=f"{DOWN}: changed since the corrections were made"):
        apply_corrections(folder, folder / "corrections.csv")


def test_corrections_survive_a_moved_folder_and_name_files_that_are_gone(folder: Path, tmp_path: Path) -> None:
    correct(folder, [DOWN, RING], "exclude")
    (folder / RING).unlink()
    folder.rename(tmp_path / "moved")
    corrected = apply_corrections(tmp_path / "moved", tmp_path / "moved" / "corrections.csv")
    missing = f"1 correction of files that are not there ({RING})"
    assert corrected.notes == ("1 correction applies (1 exclude)", missing)


def test_names_that_spreadsheets_would_run_come_back(tmp_path: Path) -> None:
    names = ["=1+cmd|' !A0.png", 'quote", comma.png', "line\nbreak.png", "@sum(1).png", "ünï.png", "\\x3d.png"]
    for class_name in ("=a", "b, c"):
        (tmp_path / "set" / class_name).mkdir(parents=True)
        for place, name in enumerate(names):
            draw_stripes(place % 3, place).save(tmp_path / "set" / class_name / name)
    scanned = scan_folder(tmp_path / "set")
    files = [file.entry.name for file in scanned.files if file.class_name == "=a"]
    correct(scanned, files, "relabel", to="b, c", who="=me()")
    text = corrections_path(tmp_path / "set").read_text(encoding="utf-8")
    cells = [cell for row in csv.reader(text.splitlines()) for cell in row]
    assert [cell for cell in cells if cell[:1] in ("=", "@")] == []
    assert len(text.splitlines()) == 7
    assert {line.file for line in read_corrections(corrections_path(tmp_path / "set"))} == set(files)
    corrected = apply_corrections(scanned, corrections_path(tmp_path / "set"))
    assert corrected.counts()["all"] == {"b, c": 12}
    copy = write_corrected_copy(corrected, tmp_path / "copy")
    assert len(list((tmp_path / "copy" / "b, c").iterdir())) == 12
    assert (copy.num_images, copy.num_linked, len(copy.moved)) == (12, 12, 6)


def test_a_list_from_a_spreadsheet_is_read_with_bom_and_crlf(folder: Path) -> None:
    text = f"\ufefffile,action,to\r\n{DOWN},relabel,rings\r\n"
    (folder / "corrections.csv").write_bytes(text.encode("utf-8"))
    assert apply_corrections(folder, folder / "corrections.csv").counts()["train"]["rings"] == 25


@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_list_of_a_spreadsheet_with_other_separators_and_empty_rows_is_read(folder: Path, separator: str) -> None:
    rows = [("file", "action", "to"), (DOWN, " relabel", "rings"), ("", "", "")]
    text = "\r\n".join(separator.join(row) for row in rows)
    (folder / "corrections.csv").write_text(text, encoding="utf-8", newline="")
    assert apply_corrections(folder, folder / "corrections.csv").counts()["train"]["rings"] == 25


def test_a_copy_that_would_be_read_in_another_way_is_not_written(tmp_path: Path, run_command: Command) -> None:
    flat = write_images(tmp_path / "flat", 4)
    for name, to in (("down", "train"), ("across", "test"), ("rings", "test")):
        correct(flat, [f"{name}/{name}_{number:03d}.png" for number in range(4)], "relabel", to=to)
    copy = tmp_path / "copy"
    code, _, err = run_command("data", "apply", flat, "-o", copy)
    assert (code, copy.exists()) == (2, False)
    assert f"{copy}: is not written, because" in err and "correct to another class name" in err
    code, _, err = run_command("data", "apply", tmp_path / "gone", "-o", copy)
    assert (code, f"{tmp_path / 'gone'}: no such file or folder" in err) == (2, True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file,action\na.png,burn\n", "line 2: action = burn: choose one of relabel, both, exclude, fine"),
        ("file,action,to\na.png,relabel,\n", "line 2: action = relabel needs a class"),
        ("file,to\na.png,b\n", "line 1: there is no column action"),
        ("file,action,to,to\na.png,relabel,b,c\n", "line 1: there are two columns to"),
        ("file,action\na.png\n", "line 2: not as many cells as columns"),
        ("file,action,to\na.png,relabel, \n", "line 2: action = relabel needs a class"),
        ("file,action,to\na.png,relabel,.trash\n", "to = .trash: .* because a folder of this name is left aside"),
        (
            "file,action\n/photos/a.png,exclude\n",
            "line 2: file = /photos/a.png: leads out of the folder; give the name",
        ),
        ("file,action\n../images/a.png,exclude\n", "line 2: file = ../images/a.png: leads out of the folder"),
        ("file,action\ncaf\udce9.png,exclude\n", r"cannot be read \(not UTF-8\); save it as CSV in UTF-8"),
    ],
)
def test_invalid_lines_are_named(folder: Path, text: str, words: str) -> None:
    (folder / "corrections.csv").write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(DataError, match=words):
        apply_corrections(folder, folder / "corrections.csv")


@pytest.mark.parametrize("name", ["..", ".", "../../else", "/x/y", "a/b", "\\x2e\\x2e"])
def test_a_class_that_leads_out_of_the_folder_is_refused(folder: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "c.csv").write_text(f"file,action,to\n{DOWN},relabel,{name}\n", encoding="utf-8")
    with pytest.raises(DataError, match="leads to another folder"):
        apply_corrections(folder, tmp_path / "c.csv")
    with pytest.raises(DataError, match="leads to another folder"):
        correct(folder, [DOWN], "relabel", to=name)


def test_a_linked_file_stays_a_link(folder: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared.csv"
    correct(folder, [DOWN], "exclude", path=shared)
    (folder / "corrections.csv").symlink_to(shared)
    correct(folder, [RING], "exclude")
    undo_correction(folder / "corrections.csv", DOWN)
    assert (folder / "corrections.csv").is_symlink()
    assert [line.file for line in read_corrections(shared)] == [RING]


def test_a_copy_inside_the_folder_is_refused(folder: Path) -> None:
    correct(folder, [DOWN], "exclude")
    with pytest.raises(DataError, match="the copy would become part of it"):
        write_corrected_copy(apply_corrections(folder, folder / "corrections.csv"), folder / "copy")
    assert not (folder / "copy").exists()


def test_corrected_copy_is_linked_and_keeps_two_files_of_one_name(folder: Path, tmp_path: Path) -> None:
    (folder / "train" / "rings" / "down_003.png").hardlink_to(folder / RING)
    correct(folder, [DOWN], "relabel", to="rings")
    copy = write_corrected_copy(apply_corrections(folder, folder / "corrections.csv"), tmp_path / "copy")
    assert copy.moved == ((DOWN, "train/rings/2-down_003.png"),)
    assert (tmp_path / "copy" / "train/rings/2-down_003.png").samefile(folder / DOWN)
    assert (tmp_path / "copy" / "train/rings/down_003.png").samefile(folder / RING)
    assert scan_folder(tmp_path / "copy").counts()["train"] == {"across": 24, "down": 23, "rings": 26}


def test_archive_is_corrected_from_beside_it(folder: Path, tmp_path: Path) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / "set"), "zip", folder))
    correct(archive, [DOWN], "relabel", to="rings")
    corrected = apply_corrections(archive, tmp_path / "set.zip.corrections.csv")
    assert write_corrected_copy(corrected, tmp_path / "copy").num_linked == 0
    assert (tmp_path / "copy" / "train/rings/down_003.png").read_bytes() == (folder / DOWN).read_bytes()


def test_a_killed_writer_leaves_the_earlier_decisions_whole(folder: Path) -> None:
    code = (
        "import sys, itertools, alexnet\n"
        "for n in itertools.count():\n"
        f"    alexnet.correct(sys.argv[1], ['{DOWN}'], 'relabel', to=f'class{{n}}'); print(n, flush=True)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while int(process.stdout.readline()) < 5:
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    lines = read_corrections(folder / "corrections.csv")
    assert [line.to for line in lines] == [f"class{n}" for n in range(len(lines))]
    assert len(lines) >= 6


@pytest.mark.slow
def test_run_records_its_corrections_and_states_its_error_twice(folder: Path, tmp_path: Path) -> None:
    test = "test/down/down_1000.png"
    correct(folder, [DOWN], "relabel", to="rings")
    correct(folder, [test], "relabel", to="rings")
    corrected = apply_corrections(folder, folder / "corrections.csv")
    run = alexnet.train(corrected, small_recipe(epochs=1), out=tmp_path / "run")
    assert {line.file for line in read_corrections(run.folder.corrections_path)} == {DOWN, test}
    assert {p.file: p.true for p in run.predictions}[test] == "rings"
    result = alexnet.evaluate(run)
    assert result.reviewed is not None
    by_file = {p.file: p for p in result.predictions}
    as_labeled = [replace(p, true="down") if p.file == test else p for p in by_file.values()]
    assert result.reviewed.labeled_error == sum(p.is_mistake for p in as_labeled) / 21
    assert result.reviewed.top1_error == result.evaluation.top1_error
    assert result.reviewed.num_reviewed == 1
    assert alexnet.neighbours(run, folder / test)[0].neighbours


@pytest.mark.slow
def test_a_command_says_that_it_does_not_apply_the_corrections_of_the_folder(
    folder: Path, run_command: Command
) -> None:
    assert "corrections.csv" not in run_command("data", "check", folder)[2]
    correct(folder, [DOWN], "exclude")
    path = folder / "corrections.csv"
    assert f"{path} is not applied; `--corrections {path}` applies it" in run_command("data", "check", folder)[2]
    assert "is not applied" not in run_command("data", "check", folder, "--corrections", path)[2]


def test_commands_correct_list_undo_merge_and_apply(folder: Path, tmp_path: Path, run_command: Command) -> None:
    assert run_command("data", "correct", folder, DOWN, "--to", "rings", "--who", "Ada")[0] == 0
    code, out, _ = run_command("data", "correct", folder, RING, "--exclude", "--json")
    assert (code, [line["action"] for line in json.loads(out)["corrections"]]) == (0, ["relabel", "exclude"])
    code, out, _ = run_command("data", "check", folder, "--corrections", folder / "corrections.csv")
    assert code == 0 and "2 corrections apply (1 relabel, 1 exclude)" in out
    shutil.copy(folder / "corrections.csv", tmp_path / "other.csv")
    assert run_command("data", "correct", folder, "--undo")[0] == 0
    both = folder / "corrections.csv", tmp_path / "other.csv"
    assert run_command("data", "merge", *both, "--out", tmp_path / "merged.csv")[0] == 0
    merged = (tmp_path / "merged.csv").read_bytes()  # which a merge of others does not replace
    code, _, err = run_command("data", "merge", both[0], "--out", tmp_path / "merged.csv")
    assert code == 2 and "merged.csv: is there already; name it among the files to merge" in err
    assert (tmp_path / "merged.csv").read_bytes() == merged
    assert run_command("data", "merge", both[0], tmp_path / "merged.csv", "--out", tmp_path / "merged.csv")[0] == 0
    code, out, _ = run_command(
        "data", "apply", folder, "--corrections", tmp_path / "merged.csv", "--out", tmp_path / "copy", "--json"
    )
    values = json.loads(out)
    assert (values["num_images"], values["excluded"]) == (92, [RING])
    code, _, err = run_command("data", "correct", folder, DOWN)
    assert code == 2 and "give one of --to CLASS" in err
    code, _, err = run_command("data", "correct", folder, "nothing.png", "--fine")
    assert code == 2 and "has no image nothing.png" in err
    code, _, err = run_command("data", "check", folder, "--corrections", tmp_path / "no.csv")
    assert code == 2 and "no such corrections file" in err


def test_lock_and_unfinished_files_are_not_taken_for_stray_files(folder: Path) -> None:
    correct(folder, [DOWN], "exclude")
    assert (folder / ".corrections.csv.lock").exists(), "or this test sees nothing"
    (folder / ".corrections.0123456789abcdef.part.csv").write_text("file,action")
    (folder / "train" / "down" / ".page.0123456789abcdef.part.png").write_bytes(b"half")
    scanned = scan_folder(folder)
    assert scanned.stray == ()
    assert len(scanned.files) == 93


def test_files_that_cannot_be_read_can_be_excluded(folder: Path, tmp_path: Path) -> None:
    gone = "train/down/gone.png"
    (folder / gone).symlink_to("nowhere")
    with pytest.raises(
        DataError, match=r"down/gone.png: cannot be read \(a link to nothing\); restore or exclude it"
    ):
        correct(folder, [gone], "fine")
    (line,) = correct(folder, [gone], "exclude")
    assert line.hash == ""
    copy = write_corrected_copy(apply_corrections(folder, folder / "corrections.csv"), tmp_path / "copy")
    assert (copy.num_images, copy.excluded) == (93, (gone,))


def test_excluded_file_that_is_damaged_later_stays_excluded(folder: Path) -> None:
    correct(folder, [DOWN], "exclude")
    (folder / DOWN).unlink()
    (folder / DOWN).symlink_to("nowhere")
    assert len(apply_corrections(folder, folder / "corrections.csv").files) == 92


def test_pipe_among_the_images_is_not_linked_into_the_copy(folder: Path, tmp_path: Path) -> None:
    os.mkfifo(folder / "train" / "down" / "pipe.png")
    correct(folder, [DOWN], "exclude")
    with pytest.raises(DataError, match=r"pipe.png cannot be read \(not a regular file\); exclude or restore it"):
        write_corrected_copy(apply_corrections(folder, folder / "corrections.csv"), tmp_path / "copy")


def test_names_of_the_copy_are_found_without_trying_every_number(tmp_path: Path) -> None:
    """Of 2,000 images of one name: trying 2, 3, 4 ... for each anew took two million tries."""
    names, tries = FreeNames(), 0
    used = names._used

    class Counted(set[str]):
        def __contains__(self, name: object) -> bool:
            nonlocal tries
            tries += 1
            return super().__contains__(name)

    names._used = Counted(used)
    got = [names.take("train/cat", "a.jpg") for _ in range(2000)]
    assert (got[0], got[-1], len(set(got))) == ("train/cat/a.jpg", "train/cat/2000-a.jpg", 2000)
    assert tries < 3 * 2000


def test_class_typed_in_another_form_of_unicode_is_the_folders_own(folder: Path, run_command: Command) -> None:
    """A Mac types an accent after its letter; class names are compared in the composed form."""
    composed, apart = "Hünd", unicodedata.normalize("NFD", "Hünd")
    assert composed != apart
    (folder / "train" / "rings").rename(folder / "train" / apart)
    (folder / "test" / "rings").rename(folder / "test" / composed)
    (line,) = correct(folder, [DOWN], "relabel", to=apart)
    assert line.to == composed
    path = folder / "corrections.csv"
    path.write_text(f"file,action,to\n{DOWN},relabel,{apart}\n", encoding="utf-8")  # as written by hand
    assert apply_corrections(folder, path).classes == ("Hünd", "across", "down")
    assert undo_decision(path, [DOWN], "relabel", apart) == (DOWN,)
    code, _, err = run_command("data", "correct", folder, DOWN, "--to", apart)
    assert (code, err) == (0, "")


def test_class_that_the_folder_does_not_have_is_said(folder: Path, run_command: Command) -> None:
    code, _, err = run_command("data", "correct", folder, DOWN, "--to", "ring")
    assert code == 0
    assert err == "ring is a new class: the folder has across, down, rings; --undo takes the correction back\n"
    assert "new class by correction: ring" in apply_corrections(folder, folder / "corrections.csv").notes
    assert run_command("data", "correct", folder, DOWN, "--exclude")[2] == ""
