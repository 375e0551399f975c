"""Corrections: written beside the images, honored by a scan, undone, merged, refused where an image has changed."""

import csv
import json
import shutil
import signal
import subprocess
import sys
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
    merge_corrections,
    read_corrections,
    undo_correction,
    write_corrections,
)
from alexnet.data.decode import plain_preprocessing
from alexnet.data.folder import scan_folder
from alexnet.data.split import split_images
from alexnet.errors import DataError
from alexnet.presets import PRESETS
from tests.conftest import copy_images, draw_stripes, small_recipe

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
    assert corrected.notes == ("1 correction applies (1 exclude)", "1 correction of files that are not there")


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


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file,action\na.png,burn\n", "line 2: action = burn: choose one of relabel, both, exclude, fine"),
        ("file,action,to\na.png,relabel,\n", "line 2: action = relabel needs a class"),
        ("file,to\na.png,b\n", "there is no column action"),
        ("file,action\na.png\n", "line 2: not as many cells as columns"),
    ],
)
def test_invalid_lines_are_named(folder: Path, text: str, words: str) -> None:
    (folder / "corrections.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=words):
        apply_corrections(folder, folder / "corrections.csv")


def _line(file: str, to: str, who: str, when: str, digest: str = "00") -> Correction:
    return Correction(file, "relabel", "x", to, who, when, digest)


def test_merge_keeps_agreement_and_later_knowledge_and_names_conflicts(tmp_path: Path) -> None:
    shared, own = _line("1", "a", "Ada", "2026-01-01"), _line("2", "a", "Ada", "2026-01-02")
    newer = _line("1", "b", "Bob", "2026-01-03")  # Bob saw Ada's line and replaced it: no conflict
    other, changed = _line("2", "b", "Bob", "2026-01-04"), _line("3", "a", "Bob", "2026-01-05", "11")
    write_corrections(tmp_path / "ada.csv", [shared, own, _line("3", "a", "Ada", "2026-01-01")])
    write_corrections(tmp_path / "bob.csv", [shared, newer, other, changed])
    merged = merge_corrections([tmp_path / "ada.csv", tmp_path / "bob.csv"])
    assert merged.corrections == (shared, newer)
    assert [words.split(":")[0] for words in merged.conflicts] == ["3", "2"]
    assert "says relabel a (Ada, 2026-01-02)" in merged.conflicts[1]
    assert "are about different images of this name" in merged.conflicts[0]
    later = merge_corrections([tmp_path / "ada.csv", tmp_path / "bob.csv"], prefer="later")
    assert {line.file: line.to for line in later.corrections} == {"1": "b", "2": "b", "3": "a"}


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
