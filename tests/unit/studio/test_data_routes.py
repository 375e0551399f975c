"""The images of a folder: the listing, decisions about labels, doubts, and images that are added."""

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

import alexnet
from alexnet.audit.doubts import METHODS
from alexnet.data.corrections import corrections_path, read_corrections
from alexnet.data.folder import scan_folder
from alexnet.errors import DataError
from alexnet.run_folder import RunFolder
from alexnet.studio.add_image import add_image
from alexnet.studio.data_routes import MOST_UPLOAD_BYTES
from alexnet.studio.doubts_list import read_doubts
from alexnet.studio.job_state import job_state
from alexnet.studio.jobs import LOG_BYTES, Job, Jobs
from alexnet.studio.retrain_routes import _corrected, _described
from alexnet.studio.train_routes import free_run_path
from tests.conftest import copy_linked, draw_stripes, encode
from tests.studio_server import Answer, Studio
from tests.unit.studio.conftest import AWKWARD

FIRST, SECOND = "train/down/down_003.png", "train/down/down_004.png"


@pytest.fixture(autouse=True)
def no_corrections(place: Path) -> None:
    corrections_path(place / "images").unlink(missing_ok=True)


def correct(studio: Studio, *files: str, action: str = "relabel", to: str = "") -> Answer:
    return studio.post("/api/folders/images/corrections", {"files": files, "action": action, "to": to})


def test_listing_names_every_image_with_its_class_and_split(studio: Studio, place: Path) -> None:
    values = studio.ask("/api/folders/images/images").values
    folder = scan_folder(place / "images")
    assert [(name, values["classes"][label], values["splits"][split]) for name, label, split in values["files"]] == [
        (file.entry.name, file.class_name, file.split) for file in folder.files
    ]
    assert (values["doubts"], values["corrections"], values["may_add"]) == (None, {}, True)
    escaped = AWKWARD.replace("\u202e", "\\u202e")
    assert f"train/across/{escaped}" in [name for name, *_ in values["files"]]


def test_decisions_are_written_and_undone(studio: Studio, place: Path) -> None:
    path = corrections_path(place / "images")
    assert correct(studio, FIRST, SECOND, to="rings").values["num"] == 2
    values = correct(studio, FIRST, action="exclude").values
    assert {file: line["action"] for file, line in values["corrections"].items()} == {
        FIRST: "exclude",
        SECOND: "relabel",
    }
    assert [(line.file, line.action, line.to) for line in read_corrections(path)] == [
        (FIRST, "relabel", "rings"),
        (SECOND, "relabel", "rings"),
        (FIRST, "exclude", ""),
    ]
    undone = studio.post("/api/folders/images/undo").values
    assert undone["undone"] == [FIRST] and undone["corrections"][FIRST]["to"] == "rings"
    step = {"files": [FIRST, SECOND], "action": "relabel", "to": "rings"}
    assert studio.post("/api/folders/images/undo", step).values == {"undone": [FIRST, SECOND], "corrections": {}}
    assert studio.post("/api/folders/images/undo").error.endswith("there is nothing to undo")


def test_undoing_a_decision_leaves_what_others_decided_since(studio: Studio, place: Path) -> None:
    correct(studio, FIRST, SECOND, action="exclude")
    alexnet.correct(place / "images", [SECOND], "relabel", to="rings", who="somebody else")
    alexnet.correct(place / "images", [SECOND], "relabel", to="down", who="somebody else")
    undone = studio.post("/api/folders/images/undo", {"files": [FIRST, SECOND], "action": "exclude"}).values
    assert undone["undone"] == [FIRST]
    assert undone["corrections"][SECOND]["to"] == "down"
    corrections_path(place / "images").unlink()


def test_an_awkward_name_is_corrected_as_it_is_listed(studio: Studio) -> None:
    name = next(file for file, *_ in studio.ask("/api/folders/images/images").values["files"] if "<b>" in file)
    assert correct(studio, name, action="fine").values["corrections"][name]["action"] == "fine"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"files": ["../../etc/passwd"], "action": "exclude"}, "has no image ../../etc/passwd"),
        ({"files": FIRST, "action": "exclude"}, "files: is not a list"),
        ({"files": [7], "action": "exclude"}, "files: is not a list"),
        ({"files": [FIRST], "action": "burn"}, "action = burn: choose one of"),
        ({"files": [FIRST], "action": "relabel", "to": "no such class"}, "the folder has no class no such class"),
        ({"files": [FIRST], "action": "relabel"}, "needs a class"),
        ({"files": [FIRST], "action": ["relabel"]}, "are not texts"),
    ],
)
def test_a_wrong_decision_is_refused_and_nothing_written(
    studio: Studio, place: Path, values: dict[str, object], words: str
) -> None:
    answer = studio.post("/api/folders/images/corrections", values)
    assert answer.status == 400 and words in answer.error
    assert not corrections_path(place / "images").exists()


def test_undoing_takes_names(studio: Studio) -> None:
    for files in (FIRST, [1], [FIRST] * 50_001, True):
        assert "files: is not a list" in studio.post("/api/folders/images/undo", {"files": files}).error


# --- doubts
def test_doubts_are_read_where_the_command_writes_them(studio: Studio, place: Path) -> None:
    path = place / "images" / "doubts.csv"
    text = "file,label,suggested,doubt,nearest_1,nearest_label_1\na.png,x,y,0.25,c.png,y\nb.png,x,y,0.75,,\n"
    path.write_text(text, encoding="utf-8")
    try:
        doubts = studio.ask("/api/folders/images/doubts").values["doubts"]
        assert [(each["file"], each["doubt"]) for each in doubts] == [("b.png", 0.75), ("a.png", 0.25)]
        assert [each["nearest"] for each in doubts] == [[], [["c.png", "y"]]]
        path.write_text("file,doubt\na.png,much\n", encoding="utf-8")
        with pytest.raises(DataError, match="delete it and make it again"):
            read_doubts(path)
    finally:
        path.unlink()


def test_looking_for_doubts_is_the_command(studio: Studio, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    monkeypatch.setattr(studio.workspace.jobs, "start", lambda words, out: started.append((words, out)))
    studio.post("/api/folders/images/doubts")
    target = place / "images" / "doubts.csv"
    words = ["doubts", str(place / "images"), "--csv", str(target), "--json"]
    assert started == [(words, target)]
    path = corrections_path(place / "images")
    correct(studio, "train/down/down_003.png", action="exclude")
    try:
        studio.post("/api/folders/images/doubts")
        assert started[1:] == [([*words, "--corrections", str(path)], target)], (
            "what was decided is not doubted again"
        )
    finally:
        path.unlink()


def test_how_many_trainings_doubts_take_is_told_before_they_start(
    studio: Studio, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned: list[int] = []
    monkeypatch.setattr(
        alexnet, "plan_doubts", lambda folder: planned.append(len(folder.files)) or 90.0, raising=False
    )
    address = "/api/folders/images/doubts/plan"
    assert studio.post(address).values == {"num_trainings": METHODS["features"], "seconds": 90.0}
    assert correct(studio, "train/down/down_003.png", action="exclude").status == 200
    studio.post(address)
    count = len(scan_folder(place / "images").files)
    assert planned == [count, count - 1], "with the corrections, as the command gets them"


@pytest.mark.parametrize(
    ("kind", "values"), [("doubts", {}), ("enough", {}), ("shortcuts", {}), ("twins", {}), ("odd", {"run": "first"})]
)
def test_a_job_is_stopped_as_ctrl_c_does(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, kind: str, values: dict[str, str]
) -> None:
    jobs = studio.workspace.jobs
    started: list[Job] = []
    stopped: list[Job] = []
    address = f"/api/folders/images/{kind}"
    assert "nothing is running here" in studio.post(f"{address}/stop", values).error
    monkeypatch.setattr(jobs, "start", lambda words, out: started.append(Job(str(out), tuple(words), 7, "")))
    studio.post(address, values)
    monkeypatch.setattr(jobs, "of", lambda out: started[0] if str(out) == started[0].out else None)
    monkeypatch.setattr(jobs, "is_alive", lambda _: not stopped)
    monkeypatch.setattr(jobs, "stop", stopped.append)
    monkeypatch.setattr(jobs, "lines", lambda _: ["alexnet: interrupted"])
    told = studio.post(f"{address}/stop", values).values
    assert stopped == started, "the one that was started, of all commands about this folder"
    state = told["doubts_job" if kind == "doubts" else "job"]
    assert (state["is_alive"], state["is_stopped"], state["fault"]) == (False, True, "")


def test_the_estimate_is_that_of_the_list(
    studio: Studio, place: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs, target = studio.workspace.jobs, place / "images" / "doubts.csv"
    target.write_text("file,label,suggested,doubt\na.png,x,y,0.25\n", encoding="utf-8")
    job = Job(str(target), ("doubts", "images", "--csv", str(target), "--json"), 2**22 + 1, "")
    log = jobs._path(target, "log")
    log.parent.mkdir(parents=True, exist_ok=True)
    numbers = {"num_images": 93, "estimated_wrong": 0.03, "interval": [0.01, 0.08], "agreement": 0.9, "expected": []}
    log.write_text("part 1 of 2\n" + json.dumps(numbers | {"doubts": [{"file": "a.png"}]}) + "\n", encoding="utf-8")
    try:
        assert studio.ask("/api/folders/images/doubts").values["doubts_estimate"] is None, "nobody made it from here"
        monkeypatch.setattr(jobs, "of", lambda path: job)
        assert studio.ask("/api/folders/images/images").values["doubts_estimate"] == numbers
        target.write_text("file,label,suggested,doubt\nb.png,x,y,0.25\n", encoding="utf-8")
        assert studio.ask("/api/folders/images/doubts").values["doubts_estimate"] is None, "that is of another list"
    finally:
        target.unlink()
        log.unlink()


@pytest.mark.parametrize(
    ("lines", "line", "done"),
    [
        ([], "", None),
        (["96 images", "decoding: 30 of 120 images, 0:08 left"], "decoding: 30 of 120 images, 0:08 left", 0.25),
        (["decoding: 9 of 9 images", "34 % done, 2:10 left: part 1 of 2, epoch 3/8, step 9 of 12", "epoch  3/8"],
         "34 % done, 2:10 left: part 1 of 2, epoch 3/8", 0.34),
        (["decoding: 9 of 9 images", "epoch 1/2, step 3 of 12: loss 1.2", "epoch  1/2  train loss 1.2"],
         "epoch 1/2, step 3 of 12: loss 1.2", 0.25),
        (["part 1 of 2: training on the others"], "part 1 of 2: training on the others", None),
    ],
)  # fmt: skip
def test_how_far_a_job_is_is_read_from_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: list[str], line: str, done: float | None
) -> None:
    jobs = Jobs()
    nothing = {"is_alive": False, "line": "", "done": None, "fault": "", "is_stopped": False}
    assert job_state(jobs, tmp_path) == nothing
    monkeypatch.setattr(jobs, "of", lambda _: Job(str(tmp_path), ("doubts",), 0, ""))
    monkeypatch.setattr(jobs, "is_alive", lambda _: True)
    monkeypatch.setattr(jobs, "lines", lambda _: lines)
    assert job_state(jobs, tmp_path) == nothing | {"is_alive": True, "line": line, "done": done}


# --- retraining
def test_retraining_is_the_command_and_its_json_the_result(
    studio: Studio, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs, out = studio.workspace.jobs, place / "runs" / "first-corrected"
    words = ("retrain", str(place / "runs" / "first"), "--corrections", str(place / "images" / "corrections.csv"),
             "--out", str(out), "--json")  # fmt: skip
    started = []
    monkeypatch.setattr(jobs, "start", lambda words, out: started.append((tuple(words), out)))
    assert studio.post("/api/runs/first/retrain", {"data": "images"}).values == {"run": "first-corrected"}
    assert started == [(words, out)]
    assert studio.post("/api/runs/first/retrain", {"data": ["images"]}).status == 404
    assert studio.post("/api/runs/first/retrain", {"whole": True}).status == 200  # on the run's own images
    own = str(alexnet.corrections_path(RunFolder.open(place / "runs" / "first").about.data.path))
    assert started[1:] == [((*words[:3], own, *words[4:], "--whole"), out)]
    job = Job(str(out), words, 0, "")
    monkeypatch.setattr(jobs, "known", lambda: [job])
    monkeypatch.setattr(jobs, "of", lambda path: job)
    told = '{"fixed": ["a.png"], "more": "' + LOG_BYTES * "x" + '"}'  # longer than what is read for the last lines
    monkeypatch.setattr(jobs, "_end", lambda job, most: f"looking: 5 of 93 images\n{told}"[-most:])
    copy_linked(place / "runs" / "first", out)
    values = studio.ask("/api/runs/first-corrected/retrained").values
    assert values.pop("job") == {"is_alive": False, "line": "", "done": None, "fault": "", "is_stopped": False}
    assert values == {"left": "", "result": json.loads(told), "images": [],
                      "is_whole": False, "before": "first", "is_listed": True}  # fmt: skip
    shutil.rmtree(out)  # and one that failed has written none
    monkeypatch.setattr(jobs, "_end", lambda job, most: "alexnet: no correction applies")
    values = studio.ask("/api/runs/first-corrected/retrained").values
    assert (values["job"]["fault"], values["left"]) == ("no correction applies", "")


def test_corrections_of_training_images_are_counted_apart(studio: Studio, place: Path) -> None:
    run, images = RunFolder.open(place / "runs" / "first"), place / "images"
    for file, action, count in ((run.predictions[0].file, "exclude", 0), (SECOND, "fine", 0), (SECOND, "exclude", 1)):
        alexnet.correct(images, [file], action)
        path = corrections_path(images)
        told = _described("first", run, frozenset(_corrected(images)))
        assert told["num_training"] == count, action
    path.unlink()
    assert _described("first", run, _corrected(images))["num_training"] == 0


@pytest.mark.parametrize("left", ["", "run", "state"])
def test_a_retraining_is_stopped_and_what_it_has_left_is_told(
    studio: Studio, place: Path, monkeypatch: pytest.MonkeyPatch, left: str
) -> None:
    jobs, out = studio.workspace.jobs, place / "runs" / f"stopped-{left or 'early'}"
    job = Job(
        str(out), ("retrain", str(place / "runs" / "first"), "--corrections", "c.csv", "--out", str(out)), 0, ""
    )
    stopped: list[Job] = []
    monkeypatch.setattr(jobs, "known", lambda: [job])
    monkeypatch.setattr(jobs, "of", lambda path: job if path == out else None)
    monkeypatch.setattr(jobs, "is_alive", lambda job: not stopped)
    monkeypatch.setattr(jobs, "stop", stopped.append)
    monkeypatch.setattr(jobs, "_end", lambda job, most: "looking: 5 of 20 images\nalexnet: interrupted"[: most if
                        stopped else 23])  # fmt: skip
    address = f"/api/runs/{out.name}"
    values = studio.ask(f"{address}/retrained").values
    assert (values["job"]["is_alive"], values["job"]["done"], values["left"]) == (True, 0.25, "")
    if left:
        run = RunFolder(copy_linked(place / "runs" / "first", out))
    if left == "state":
        run.write_about(replace(run.about, status="running"))
        run.state_dir.mkdir(exist_ok=True)
        (run.state_dir / "step-000000010.json").write_text("{}", encoding="utf-8")
        jobs_lines = "training the whole recipe on the corrected images"
        monkeypatch.setattr(jobs, "lines", lambda job: [jobs_lines])
        done = studio.ask(f"{address}/retrained").values["job"]["done"]
        assert done == len(run.epochs) / run.recipe.epochs > 0, "a whole training is known by its epochs"
        monkeypatch.setattr(jobs, "lines", lambda job: ["alexnet: interrupted"])
    assert studio.post(f"{address}/stop").status == 200 and stopped == [job]
    values = studio.ask(f"{address}/retrained").values
    assert (values["job"]["is_stopped"], values["job"]["fault"], values["left"]) == (True, "", left)
    if not left:
        assert free_run_path(studio.workspace, out.name) == out, "its name is free again"
    last = studio.ask("/api/runs/first/retraining").values["last"]
    assert last == (out.name if left == "state" else None), "only what may be resumed is shown again"
    if left:
        shutil.rmtree(out)


# --- adding
def upload(studio: Studio, data: bytes, *, file: str = "new.png", to: str = "down", **headers: str) -> Answer:
    from urllib.parse import quote

    own = {"Origin": f"http://{studio.host}", "Sec-Fetch-Site": "same-origin", "Content-Type": "image/png"}
    path = f"/api/folders/images/images?class={quote(to)}&file={quote(file)}"
    return studio.ask(path, method="POST", body=data, headers=own | headers)


def test_an_image_is_added_to_its_class_and_listed(studio: Studio, place: Path) -> None:
    data = encode(draw_stripes(1, 500))
    added = upload(studio, data).values["file"]
    assert added == "train/down/new.png"
    assert (place / "images" / added).read_bytes() == data
    again = upload(studio, data).values["file"]
    assert again == "train/down/new-2.png"
    assert added in [file for file, *_ in studio.ask("/api/folders/images/images").values["files"]]
    for name in (added, again):
        (place / "images" / name).unlink()


@pytest.mark.parametrize(
    "file",
    ["../../../evil.png", "/etc/evil.png", "..\\..\\evil.png", ".hidden", "con.png", "a" * 400, "evil.php", ""],
)
def test_name_of_an_added_file_stays_in_its_class(studio: Studio, place: Path, file: str) -> None:
    added = place / "images" / upload(studio, encode(draw_stripes(1, 501)), file=file).values["file"]
    assert added.parent == place / "images" / "train" / "down"
    assert added.suffix == ".png" and not added.name.startswith(".")
    added.unlink()


ZIP = b"PK\x03\x04" + bytes(100)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<html><script>alert(1)</script>", "a web page, perhaps"),
        (ZIP, "no image"),
        (b"", "empty file"),
        (b"<svg onload='alert(1)'></svg>", "an SVG drawing"),
        (encode(draw_stripes(0, 1))[:200], "cannot be used"),
    ],
)
def test_what_is_no_image_is_refused_and_nothing_is_left(
    studio: Studio, place: Path, data: bytes, words: str
) -> None:
    before = sorted((place / "images" / "train" / "down").iterdir())
    answer = upload(studio, data)
    assert answer.status == 400 and words in answer.error
    assert sorted((place / "images" / "train" / "down").iterdir()) == before


def test_a_bomb_is_refused_by_its_header(place: Path) -> None:
    buffer = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(buffer, "PNG")  # 400 million pixels in 50 kB
    with pytest.raises(DataError, match="million pixels"):
        add_image(scan_folder(place / "images"), "down", "bomb.png", buffer.getvalue())


def test_an_upload_that_is_too_long_is_refused(studio: Studio) -> None:
    answer = upload(studio, b"x", **{"Content-Length": str(MOST_UPLOAD_BYTES + 1)})
    assert (answer.status, answer.error) == (413, "too large: 64 MB is the limit; send less at a time")


def test_an_upload_without_a_length_is_counted(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alexnet.studio.data_routes.MOST_UPLOAD_BYTES", 100)
    chunked = b"".join(b"40\r\n" + bytes(64) + b"\r\n" for _ in range(4)) + b"0\r\n\r\n"
    own = {"Origin": f"http://{studio.host}", "Transfer-Encoding": "chunked", "Content-Length": ""}
    import socket

    lines = ["POST /api/folders/images/images?class=down HTTP/1.1", f"Host: {studio.host}"]
    lines += [f"{name}: {value}" for name, value in own.items() if value]
    with socket.create_connection(("127.0.0.1", studio.access.port)) as line:
        line.sendall("\r\n".join([*lines, "", ""]).encode() + chunked)
        assert b" 413 " in line.recv(1000).splitlines()[0]


def test_class_and_folder_must_be_there(studio: Studio) -> None:
    data = encode(draw_stripes(1, 1))
    assert "the folder has no such class" in upload(studio, data, to="../../evil").error
    assert "the folder has no such class" in upload(studio, data, to="").error
    assert upload(studio, data, Origin="http://evil.example").status == 403
