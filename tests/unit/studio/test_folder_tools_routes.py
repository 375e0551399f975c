"""What else the page does with a folder: other people's corrections, a corrected copy, predictions of all images."""

import csv
import io
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import alexnet
from alexnet.audit.answer_sheet import read_answers
from alexnet.csv_files import to_csv
from alexnet.data.corrections import Correction, correct, corrections_path, effective, read_corrections
from alexnet.data.folder import scan_folder
from alexnet.runs.run import Run
from alexnet.studio.image_lists import list_path
from alexnet.studio.jobs import Job
from tests.conftest import copy_images
from tests.studio_server import Answer, Studio

FIRST, SECOND, THIRD = (f"train/down/down_00{n}.png" for n in (3, 4, 5))


@pytest.fixture
def own(studio: Studio, place: Path, image_folder: Path) -> Iterator[Path]:
    """A folder of its own, in which one label is corrected."""
    folder = copy_images(image_folder, place / "tools")
    studio.workspace.listing(seconds=0)
    studio.workspace.forget(folder)
    correct(scan_folder(folder), [FIRST], "relabel", to="rings", who="ann")
    yield folder
    shutil.rmtree(folder)


def merge(studio: Studio, *lines: Correction, **values: object) -> Answer:
    columns = ("file", "action", "label", "to", "who", "when", "hash")
    text = to_csv([columns, *([getattr(line, name) for name in columns] for line in lines)])
    return studio.post("/api/folders/tools/merge", {"name": "theirs.csv", "text": text} | values)


def test_another_persons_corrections_are_added(studio: Studio, own: Path) -> None:
    later = "2100-01-01T00:00:00+00:00"
    answer = merge(
        studio, Correction(SECOND, "exclude", who="bob", when=later), Correction("gone.png", "exclude")
    ).values
    assert (answer["conflicts"], answer["num_new"], answer["num_absent"]) == ([], 2, 1)
    assert {file: line["action"] for file, line in answer["corrections"].items()} == {
        "gone.png": "exclude", FIRST: "relabel", SECOND: "exclude"
    }  # fmt: skip
    assert {line.who for line in read_corrections(corrections_path(own))} == {"ann", "bob", ""}
    again = merge(studio, Correction(SECOND, "exclude", who="bob", when=later)).values
    assert again["num_new"] == 0, "what is there already is not added again"


def test_conflicts_are_named_and_nothing_is_written_until_the_later_ones_are_taken(studio: Studio, own: Path) -> None:
    before = corrections_path(own).read_bytes()
    line = Correction(FIRST, "relabel", to="across", who="bob", when="2100-01-01T00:00:00+00:00")
    answer = merge(studio, line, Correction(THIRD, "exclude")).values
    (words,) = answer["conflicts"]
    assert words.startswith(f"{FIRST}: this folder's corrections.csv says relabel rings (ann, ")
    assert words.endswith("; theirs.csv says relabel across (bob, 2100-01-01T00:00:00+00:00)")
    assert answer["num_new"] == 0 and corrections_path(own).read_bytes() == before
    answer = merge(studio, line, Correction(THIRD, "exclude"), later=True).values
    assert answer["num_new"] == 2
    assert effective(read_corrections(corrections_path(own)))[FIRST].to == "across"


def test_a_file_that_is_none_is_refused_by_its_name(studio: Studio, own: Path) -> None:
    wrong = "file,action\na.png,burn\n"
    error = studio.post("/api/folders/tools/merge", {"name": "../../theirs.csv", "text": wrong}).error
    assert "theirs.csv: line 2: action = burn: choose one of" in error and "alexnet-" not in error
    assert studio.post("/api/folders/tools/merge", {"name": 3, "text": ""}).error == "name, text: are not texts"
    assert [line.file for line in read_corrections(corrections_path(own))] == [FIRST]


def test_a_corrected_copy_is_written_and_listed(studio: Studio, place: Path, own: Path) -> None:
    correct(scan_folder(own), [SECOND], "exclude")
    copies = "/api/folders/tools/copies"
    for name, error in ((" ", "is empty"), ("train", "means a part of a folder"), ("tools", "already exists")):
        assert error in studio.post(copies, {"name": name}).error, name
    assert studio.post(copies, {"name": "tools-better"}).values["job"]["is_alive"]
    until = time.monotonic() + 60
    while (state := studio.ask(f"{copies}/tools-better").values)["job"]["is_alive"]:
        assert time.monotonic() < until, state
        time.sleep(0.1)
    count = len(scan_folder(own).files)
    try:
        assert state["result"] == {
            "num_images": count - 1,
            "num_linked": count - 1,
            "num_moved": 1,
            "num_excluded": 1,
        }
        assert state["folder"] == "tools-better"
        names = {file.entry.name for file in scan_folder(place / "tools-better").files}
        assert "train/rings/down_003.png" in names and FIRST not in names and SECOND not in names
        assert (own / FIRST).is_file(), "the originals stay"
    finally:
        shutil.rmtree(place / "tools-better")
    assert studio.ask(f"{copies}/tools-better").values["result"] is None, "it is gone"
    corrections_path(own).unlink()
    assert studio.post(copies, {"name": "other"}).error == "tools: has no corrections to apply"


AMONG = "classes among which labels are swapped: choose two or more, or none for all"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "no fault is chosen; choose at least one to plant"),
        ({"swap": 1}, "swapped labels: give 0 to 99 %"),
        ({"swap": None}, "swapped labels: give 0 to 99 %"),
        ({"duplicates": 1.5}, "near duplicates: give a whole number, 0 or more"),
        ({"swap": 0.1, "seed": -1}, "seed: give a whole number, 0 or more"),
        ({"corner": "horse"}, "corner: the folder has no class horse; choose one that it has"),
        ({"dark": ["down"]}, "dark: the folder has no class ['down']; choose one that it has"),
        ({"swap": 0.1, "between": ["down"]}, AMONG),
        ({"swap": 0.1, "between": "down"}, AMONG),
        ({"swap": 0.1, "between": ["down", "horse"]}, AMONG),
        ({"swap": 0.1, "name": "tools"}, "tools: already exists; choose another name"),
    ],
)
def test_faults_that_cannot_be_planted_are_refused(
    studio: Studio, own: Path, values: dict[str, object], words: str
) -> None:
    assert studio.post("/api/folders/tools/spoiled", {"name": "hunt"} | values).error == words
    assert not (own.parent / "hunt").exists()


def test_faults_are_planted_in_a_copy_and_its_corrections_graded(studio: Studio, place: Path, own: Path) -> None:
    values = {"name": "hunt", "swap": 0.1, "duplicates": 2, "corner": "down", "dark": "rings", "seed": 3}
    values |= {"between": ["down", "rings"], "keeps_names": True}
    assert studio.post("/api/folders/tools/spoiled", values).values["job"]["is_alive"]
    until = time.monotonic() + 60
    while (state := studio.ask("/api/folders/tools/spoiled/hunt").values)["job"]["is_alive"]:
        assert time.monotonic() < until, state
        time.sleep(0.1)
    hunt = place / "hunt"
    try:
        sheet = read_answers(hunt)
        assert (sheet.corner, sheet.dark, sheet.seed) == ("down", "rings", 3)
        copy = next(name for name, source in sheet.files.items() if source == FIRST)
        assert copy.startswith("train/rings/"), "the corrections of the folder are applied"
        assert {each.true for each in sheet.swapped} == {"down", "rings"}
        assert Path(copy).name == Path(FIRST).name
        assert state["folder"] == "hunt" and state["result"] == {
            "num_images": len(scan_folder(own).files) + 2, "swapped": len(sheet.swapped), "near_duplicates": 2
        }  # fmt: skip
        assert [studio.ask(f"/api/folders/{name}/grade").values["has_answers"] for name in ("hunt", "tools")] == [
            True, False
        ]  # fmt: skip
        error = studio.post("/api/folders/hunt/grade").error
        assert error == "hunt: has no corrections yet; correct the labels that are wrong first"
        correct(hunt, [sheet.swapped[0].file], "relabel", to=sheet.swapped[0].true)
        score = studio.post("/api/folders/hunt/grade").values["score"]
        expected = alexnet.grade(hunt, corrections_path(hunt)).corrections
        assert expected is not None and score == expected.to_dict()
        assert (score["num_corrected"], score["num_missed"]) == (1, len(sheet.swapped) - 1)
    finally:
        shutil.rmtree(hunt)
    assert studio.ask("/api/folders/tools/spoiled/hunt").values["result"] is None, "it is gone"
    assert "there is no answer sheet" in studio.post("/api/folders/tools/grade").error


def test_all_images_are_predicted_and_kept_as_a_table(
    studio: Studio, own: Path, narrow_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command runs here: another process does not know the small network of the tests."""
    address, jobs = "/api/folders/tools/predictions", studio.workspace.jobs
    started: list[Job] = []
    monkeypatch.setattr(jobs, "start", lambda words, out: started.append(Job(str(out), tuple(words), 2**22 + 1, "")))
    assert studio.ask(f"{address}?run=first").values["result"] is None
    assert "have not been predicted" in studio.ask(f"{address}/table?run=first").error
    assert studio.ask(address).error == "run: is not named; choose one"
    studio.post(address, {"run": "first"})
    (job,) = started
    target = Path(job.out)
    assert job.words[0] == "predict" and job.words[2:] == (str(own), "--out", str(target), "--json")
    assert target.parent == list_path(own, "", "").parent
    result = alexnet.predict_many(narrow_run, own, out=target)
    monkeypatch.setattr(jobs, "of", lambda out: job if str(out) == job.out else None)
    monkeypatch.setattr(jobs, "result", lambda _: json.loads(json.dumps(result.to_dict())))
    told = studio.ask(f"{address}?run=first").values["result"]
    assert (told["num_images"], told["counts"]) == (result.num_images, result.counts)
    answer = studio.ask(f"{address}/table?run=first")
    assert 'filename="tools-predicted-by-first.csv"' in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.body.decode())))
    assert len(rows) == len(scan_folder(own).files) == sum(result.counts.values())
    target.unlink()
