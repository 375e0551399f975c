"""Spoiled copies: the same for the same seed, all faults on the answer sheet, originals untouched; and grading."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alexnet.audit.answer_sheet import Answers, read_answers
from alexnet.audit.grade import grade
from alexnet.audit.graded_corrections import CorrectionsScore
from alexnet.audit.spoil import spoil_folder
from alexnet.csv_files import write_csv
from alexnet.data.check import check_folder
from alexnet.data.corrections import correct, corrections_path
from alexnet.data.folder import scan_folder
from alexnet.errors import DataError
from alexnet.practice.alter import CHANGES, CORNER_COLOR, alter
from tests.conftest import copy_images, draw_stripes

Command = Callable[..., tuple[int, str, str]]


def _files(directory: Path) -> dict[str, bytes]:
    return {p.relative_to(directory).as_posix(): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory: pytest.TempPathFactory, image_folder: Path) -> tuple[Path, Answers]:
    out = tmp_path_factory.mktemp("spoil") / "copy"
    return out, spoil_folder(image_folder, out, swap=0.1, duplicates=10, corner="down", dark="rings", seed=4)


def test_swapped_images_lie_in_the_class_of_the_sheet_and_the_others_where_they_were(
    spoiled: tuple[Path, Answers], image_folder: Path
) -> None:
    out, answers = spoiled
    assert len(answers.swapped) == round(0.1 * 72)
    wrong = {each.file: each.true for each in answers.swapped}
    for name, source in answers.files.items():
        assert source.split("/")[1] == wrong.get(name, name.split("/")[1])
        if name.split("/")[1] == "across":  # neither darkened nor painted
            assert (out / name).read_bytes() == (image_folder / source).read_bytes()
    assert all(each.label != each.true and each.file.startswith("train/") for each in answers.swapped)
    assert scan_folder(out).classes == ("across", "down", "rings")


def test_same_seed_gives_the_same_bytes_and_another_seed_others(
    spoiled: tuple[Path, Answers], image_folder: Path, tmp_path: Path
) -> None:
    before = _files(image_folder)
    for seed in (4, 5):
        out = tmp_path / str(seed)
        spoil_folder(image_folder, out, swap=0.1, duplicates=10, corner="down", dark="rings", seed=seed)
    assert _files(tmp_path / "4") == _files(spoiled[0])
    assert _files(tmp_path / "5") != _files(spoiled[0])
    assert _files(image_folder) == before


def test_marks_are_in_every_image_of_their_class_and_in_no_other(spoiled: tuple[Path, Answers]) -> None:
    out, _ = spoiled
    means: dict[str, list[float]] = {}
    for path in out.rglob("*.png"):
        pixels = np.asarray(Image.open(path))
        assert (pixels[:3, :3] == CORNER_COLOR).all() == (path.parent.name == "down"), path
        means.setdefault(path.parent.name, []).append(float(pixels.mean()))
    assert np.mean(means["rings"]) < 0.6 * np.mean(means["across"])


def test_near_duplicates_are_test_images_of_their_originals_class(spoiled: tuple[Path, Answers]) -> None:
    out, answers = spoiled
    assert [each.change for each in answers.near_duplicates] == [*CHANGES, *CHANGES]
    for each in answers.near_duplicates:
        assert each.original.startswith("train/") and each.copy.startswith("test/")
        assert each.original.split("/")[1] == each.copy.split("/")[1]
        assert (out / each.original).is_file() and (out / each.copy).is_file()


def test_progress_counts_the_files_that_are_written(image_folder: Path, tmp_path: Path) -> None:
    looked: list[tuple[int, int]] = []
    copied: list[tuple[int, int]] = []
    answers = spoil_folder(
        image_folder, tmp_path / "copy", swap=0.1, duplicates=3,
        on_progress=lambda *each: copied.append(each), on_looking=lambda *each: looked.append(each),
    )  # fmt: skip
    assert copied == [(n + 1, answers.num_images) for n in range(answers.num_images)]
    assert looked == [(n + 1, answers.num_candidates) for n in range(answers.num_candidates)]


def test_class_with_a_comma_is_named_in_quotes(image_folder: Path, tmp_path: Path, run_command: Command) -> None:
    folder = copy_images(image_folder / "test", tmp_path / "images")
    (folder / "down").rename(folder / "down, or up")
    between = '"down, or up", rings'
    code, _, err = run_command("data", "spoil", folder, "-o", tmp_path / "out", "--swap", 0.5, "--between", between)
    assert code == 0, err
    labels = {name for each in read_answers(tmp_path / "out").swapped for name in (each.label, each.true)}
    assert labels == {"down, or up", "rings"}


def test_labels_are_swapped_between_named_classes_only(image_folder: Path, tmp_path: Path) -> None:
    answers = spoil_folder(image_folder, tmp_path / "out", swap=0.25, between=["down", "rings"])
    assert {(each.label, each.true) for each in answers.swapped} == {("down", "rings"), ("rings", "down")}
    assert (answers.num_candidates, len(answers.swapped)) == (48, 12)


def test_changes_are_as_strong_as_they_say() -> None:
    image, rng = draw_stripes(0, 1, size=100), np.random.default_rng(0)
    for _ in range(20):
        crop, area = alter(image, "crop", rng)
        assert crop.width * crop.height / 1e4 == pytest.approx(area, abs=0.02)
        assert 0.8 <= area <= 0.95
        brighter, factor = alter(image, "brightness", rng)
        assert 0.1 <= abs(factor - 1) <= 0.2
        assert (np.asarray(brighter).mean() > np.asarray(image).mean()) == (factor > 1)
        frame, degrees = alter(image, "frame", rng)
        assert 0.25 <= abs(degrees) <= 1 and frame.size == (95, 95)
        white, _ = alter(Image.new("RGB", (100, 80), "white"), "frame", rng)
        assert np.asarray(white).min() > 225, "what lies beyond the turned image is not seen"


def test_names_with_commas_quotes_and_line_breaks_are_kept(tmp_path: Path) -> None:
    names = ['=cmd|x!A1".png', "a,b.png", "line\nbreak.png", "ümlaut.png"]
    for place, name in enumerate(names):
        for class_name in ("one, two", "=three"):
            (tmp_path / "in" / class_name).mkdir(parents=True, exist_ok=True)
            draw_stripes(place % 3, place).save(tmp_path / "in" / class_name / name)
    answers = spoil_folder(tmp_path / "in", tmp_path / "out", swap=0.25, keep_names=True)
    assert len(_files(tmp_path / "out")) == 9
    assert len(scan_folder(tmp_path / "out").files) == 8
    assert read_answers(tmp_path / "out") == answers


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"corner": "goat"}, "has no class goat; choose from across, down, rings"),
        ({"swap": 1.0}, "swap = 1: give a fraction"),
        ({"swap": 0.5, "between": ["down"]}, "give at least two classes"),
        ({"duplicates": 99}, "has only 72 training images"),
    ],
)
def test_wrong_settings_are_refused_by_words(
    image_folder: Path, tmp_path: Path, settings: dict[str, object], words: str
) -> None:
    with pytest.raises(DataError, match=words):
        spoil_folder(image_folder, tmp_path / "out", **settings)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_a_perfect_list_scores_all_and_a_reversed_one_nothing(spoiled: tuple[Path, Answers], tmp_path: Path) -> None:
    out, answers = spoiled
    wrong = [each.file for each in answers.swapped]
    right = [name for name in answers.files if name not in wrong and name.startswith("train/")]
    for names, recall in ((wrong + right, 1.0), (right + wrong, 0.0)):
        text = json.dumps({"doubts": [{"file": name} for name in names]})
        (tmp_path / "list.json").write_text(text, encoding="utf-8")
        row = grade(out, tmp_path / "list.json").labels[4]
        assert (row[0], row[3]) == (0.1, recall)
    (tmp_path / "list.csv").write_text("label,file\n" + "".join(f"x,{name}\n" for name in wrong), encoding="utf-8")
    result = grade(out, tmp_path / "list.csv")
    assert (result.complete_after, result.labels[4][4]) == (7, 1.0)


def test_names_that_a_table_escapes_are_graded(tmp_path: Path) -> None:
    for name in ("=x", "y"):
        (tmp_path / "odd" / name).mkdir(parents=True)
        for number in range(8):
            draw_stripes(number % 2, number).save(tmp_path / "odd" / name / f"{number}.png")
    answers = spoil_folder(tmp_path / "odd", tmp_path / "out", swap=0.25)
    rows = [["file"], *([each.file] for each in answers.swapped)]
    assert grade(tmp_path / "out", write_csv(rows, tmp_path / "list.csv")).complete_after == len(answers.swapped)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            '{"doubts": [{"label": "down"}]}',
            "names no image of .*, but for example None; give names after the folder",
        ),
        ("photos/copy/train/down/image_0001.png\n", "names no image of .*, but for example photos/copy/train"),
        ("x" * 200_000, "field larger than field limit"),
        ("probe,sees,accuracy\nborder,the border,0.9\n", "names no image of .*, but for example probe,sees"),
    ],
)
def test_list_that_names_no_image_is_refused_instead_of_scored_as_nothing(
    spoiled: tuple[Path, Answers], tmp_path: Path, text: str, words: str
) -> None:
    (tmp_path / "list").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=words):
        grade(spoiled[0], tmp_path / "list")


def test_table_of_the_check_is_graded_by_its_pairs(spoiled: tuple[Path, Answers], tmp_path: Path) -> None:
    report = check_folder(spoiled[0])
    path = report.save_csv(tmp_path / "check.csv")
    (tmp_path / "check.json").write_text(json.dumps(report.to_dict()), encoding="utf-8")
    by_table, by_json = grade(spoiled[0], path), grade(spoiled[0], tmp_path / "check.json")
    assert by_table.labels == () and by_table.num_pairs == 10 and by_table.pair_recall is not None
    assert replace(by_table, list="") == replace(by_json, list="")
    (axes,) = by_table.draw().axes
    assert [label.get_text() for label in axes.get_yticklabels()] == list(by_table.change_recall)
    assert [bar.get_width() for bar in axes.patches] == [100 * value for value in by_table.change_recall.values()]


def test_pairs_and_shortcuts_are_graded(spoiled: tuple[Path, Answers], tmp_path: Path) -> None:
    out, answers = spoiled
    pairs = [{"a": each.copy, "b": each.original} for each in answers.near_duplicates[:6]]
    false = {"a": "train/across/x.png", "b": "train/across/y.png"}
    (tmp_path / "list.json").write_text(json.dumps({"near_duplicates": [*pairs, false]}), encoding="utf-8")
    result = grade(out, tmp_path / "list.json")
    assert (result.pair_recall, result.pair_precision) == (6 / 10, 6 / 7)
    assert result.change_recall == {"crop": 1.0, "flip": 0.5, "jpeg": 0.5, "brightness": 0.5, "frame": 0.5}
    alarms = {"alarms": [{"probe": "border", "class": "down"}]}
    (tmp_path / "list.json").write_text(json.dumps(alarms), encoding="utf-8")
    result = grade(out, tmp_path / "list.json")
    assert (result.corner_named, result.dark_named) == (True, False)
    assert result.marks == {"colored corner": True, "dark class": False}
    assert result.draw().get_suptitle().endswith("colored corner: named\ndark class: not named")


def test_decisions_are_counted_by_what_they_do_to_each_fault(
    image_folder: Path, tmp_path: Path, run_command: Command
) -> None:
    out = tmp_path / "copy"
    answers = spoil_folder(image_folder, out, swap=0.1, duplicates=5, seed=4)
    wrong = answers.swapped
    paired = {name for each in answers.near_duplicates for name in (each.original, each.copy)}
    faulty = {each.file for each in wrong} | paired
    good = [name for name in answers.files if name not in faulty and name.startswith("train/down/")]
    third = next(name for name in scan_folder(out).classes if name not in (wrong[2].label, wrong[2].true))
    for file, action, to in (
        (wrong[0].file, "relabel", wrong[0].true), (wrong[1].file, "exclude", ""), (wrong[2].file, "relabel", third),
        (wrong[3].file, "both", wrong[3].true), (wrong[4].file, "fine", ""), (good[0], "relabel", "rings"),
        (good[1], "exclude", ""), (good[2], "fine", ""), (answers.near_duplicates[1].copy, "exclude", ""),
        (answers.near_duplicates[2].original, "exclude", ""), (good[3], "relabel", "rings"), (good[3], "fine", ""),
    ):  # fmt: skip
        correct(out, [file], action, to=to)
    result = grade(out, corrections_path(out))
    assert result.corrections == CorrectionsScore(
        num_swapped=7, num_corrected=1, num_excluded=1, num_other_class=2, num_missed=3, num_changed=1,
        num_left_out=1, num_pairs=5, num_pairs_parted=2,
    )  # fmt: skip
    assert (result.labels, result.pair_recall, result.pair_precision) == ((), 2 / 5, None)
    assert "1 of the labels are corrected" in result.draw().get_suptitle()
    assert "corrected,,1,,," in result.save_csv(tmp_path / "grade.csv").read_text()
    code, text, _ = run_command("data", "spoil", out, "--grade", corrections_path(out))
    assert code == 0 and "1 of 7 wrong labels corrected, 1 excluded, 2 with another wrong class, 3 missed" in text


@pytest.mark.parametrize(
    ("probe", "corner", "dark"),
    [
        ("border", True, False), ("brightness", False, True), ("color", True, True), ("file size", False, False),
        ("size", False, False), ("format", False, False), ("center", False, False),
    ],
)  # fmt: skip
def test_a_shortcut_counts_only_where_a_probe_sees_what_was_planted(
    spoiled: tuple[Path, Answers], tmp_path: Path, probe: str, corner: bool, dark: bool
) -> None:
    """A corner is at the border and has a color; darkness is brightness, and moves the colors."""
    alarms = {"alarms": [{"probe": probe, "class": name} for name in ("down", "rings")]}
    (tmp_path / "list.json").write_text(json.dumps(alarms), encoding="utf-8")
    result = grade(spoiled[0], tmp_path / "list.json")
    assert (result.corner_named, result.dark_named) == (corner, dark)


def test_command_spoils_and_grades(run_command: Command, image_folder: Path, tmp_path: Path) -> None:
    code, out, _ = run_command("data", "spoil", image_folder, "--out", tmp_path / "s", "--swap", 0.1, "--json")
    assert (code, json.loads(out)["swapped"]) == (0, 7)
    wrong = [each.file for each in read_answers(tmp_path / "s").swapped]
    (tmp_path / "list.txt").write_text("\n".join(wrong), encoding="utf-8")
    code, out, _ = run_command("data", "spoil", tmp_path / "s", "--grade", tmp_path / "list.txt",
                               "--csv", tmp_path / "grade.csv", "--figure", tmp_path / "grade.png")  # fmt: skip
    assert code == 0
    assert "7 labels were swapped" in out and "100.0 %" in out
    lines = (tmp_path / "grade.csv").read_text(encoding="utf-8").splitlines()
    assert lines[:2] == [
        "planted,fraction,images,named,recall,precision",
        "wrong label,0.01,1,1,0.14285714285714285,1.0",
    ]
    assert (tmp_path / "grade.png").read_bytes().startswith(b"\x89PNG")
    code, _, err = run_command("data", "spoil", image_folder, "--out", tmp_path / "t", "--csv", "x.csv")
    assert code == 2 and "--csv goes with --grade; leave out --csv" in err
    code, _, err = run_command("data", "spoil", image_folder)
    assert code == 2 and "give the copy to write as --out" in err
    code, _, err = run_command("data", "spoil", image_folder, "--grade", tmp_path / "list.txt")
    assert code == 2 and "there is no answer sheet" in err


def test_faults_are_planted_in_images_only(image_folder: Path, tmp_path: Path) -> None:
    folder = copy_images(image_folder, tmp_path / "images")
    for name in ("across", "down", "rings"):
        whole = (folder / "train" / name / f"{name}_000.png").read_bytes()
        for number in range(20):
            (folder / "train" / name / f"cut_{number}.png").write_bytes(whole[:200])
        (folder / "train" / name / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    answers = spoil_folder(folder, tmp_path / "copy", swap=0.5, duplicates=30)
    assert (answers.num_candidates, len(answers.swapped), len(answers.near_duplicates)) == (72, 36, 30)
    planted = [each.file for each in answers.swapped] + [each.copy for each in answers.near_duplicates]
    for name in planted:
        with Image.open(tmp_path / "copy" / name) as image:
            image.load()
    assert sum(1 for path in (tmp_path / "copy").rglob("*") if path.is_file()) == 93 + 63 + 30 + 1, "all are copied"
    with pytest.raises(DataError, match="only 36 training images of correct labels that can be changed; ask"):
        spoil_folder(folder, tmp_path / "more", swap=0.5, duplicates=37)


def test_image_that_cannot_be_changed_gives_way_to_another(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = tmp_path / "images" / "train" / "down" / "down_000.png"
    copy_images(image_folder, tmp_path / "images")
    draw_stripes(0, 1, size=150).save(large)

    def refuse(image: Image.Image, change: str, rng: np.random.Generator) -> tuple[Image.Image, float]:
        if image.width == 150:
            raise MemoryError
        return alter(image, change, rng)

    monkeypatch.setattr("alexnet.audit.spoil.alter", refuse)
    answers = spoil_folder(tmp_path / "images", tmp_path / "copy", duplicates=71)
    sources = [answers.files[each.original] for each in answers.near_duplicates]
    assert len(set(sources)) == 71 and "train/down/down_000.png" not in sources


def test_kept_names_never_meet(tmp_path: Path) -> None:
    for seed, name in enumerate(("x/a.png", "y/a.png", "2-a.png")):
        (tmp_path / "in" / "cls" / name).parent.mkdir(parents=True, exist_ok=True)
        draw_stripes(0, seed).save(tmp_path / "in" / "cls" / name)
    (tmp_path / "in" / "other").mkdir()
    draw_stripes(1, 1).save(tmp_path / "in" / "other" / "b.png")
    answers = spoil_folder(tmp_path / "in", tmp_path / "out", keep_names=True)
    assert len(answers.files) == answers.num_images == 4
    for name, source in answers.files.items():
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "in" / source).read_bytes()
