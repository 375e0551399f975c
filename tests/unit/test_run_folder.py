"""The run folder: whole or absent, readable while it is written, one training at a time; damage is named."""

import csv
import errno
import json
import multiprocessing
from collections.abc import Sequence
from pathlib import Path

import pytest

from alexnet.errors import RunError
from alexnet.files import write_whole
from alexnet.presets import PRESETS
from alexnet.records import Evaluation, ImageSetInfo, Prediction, Preprocessing, RunInfo, StepRecord
from alexnet.run_folder import SCHEMA, RunFolder

PREPROCESSING = Preprocessing(67, "squash", True, "RGB", (128.0,) * 3, (60.0,) * 3)


def about(*, status: str = "finished", path: str = "images") -> RunInfo:
    """What is known of a run of two classes."""
    return RunInfo(SCHEMA, status, ("cat", "dog"), ImageSetInfo(path, "f00d"), PREPROCESSING)


def predictions(*files: str) -> tuple[Prediction, ...]:
    """A mistake for each file."""
    return tuple(Prediction(f, "cat", "dog", 0.75, 0.5, 1.386, (("dog", 0.75), ("cat", 0.25))) for f in files)


def write_test(run: RunFolder, tested: Sequence[Prediction]) -> None:
    """run.json, evaluation.json and predictions.csv of a finished run."""
    wrong = sum(p.is_mistake for p in tested)
    count = len(tested)
    run.write_about(about())
    run.write_evaluation(
        Evaluation(
            "test",
            "center crop",
            count,
            wrong,
            wrong / count,
            (0.0, 1.0),
            None,
            None,
            1.0,
            ("cat", "dog"),
            ((count - wrong, wrong), (0, 0)),
            1.0,
            1.0,
        )
    )
    run.write_predictions(tested)


def step(number: int) -> StepRecord:
    return StepRecord(number, 1, 1e-3, 1 / 3, 0.5)


def test_records_read_back_the_same(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.append_records("steps.csv", [step(1)])
    run.append_records("steps.csv", [step(2)])
    assert run.steps == (step(1), step(2))


def test_line_that_is_being_written_is_left_out(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.append_records("steps.csv", [step(1), step(2)])
    text = (tmp_path / "steps.csv").read_text()
    (tmp_path / "steps.csv").write_text(text[:-7])
    assert run.steps == (step(1),)


def test_lines_after_the_saved_step_are_cut(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.append_records("steps.csv", [step(n) for n in (1, 2, 3)])
    run.cut_records("steps.csv", StepRecord, 2)
    assert [record.step for record in run.steps] == [1, 2]


def test_failed_writing_leaves_the_old_file_and_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")

    def fail(beside: Path) -> None:
        beside.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_whole(path, fail)
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]
    assert path.read_text() == "old"


def test_full_disk_is_said_in_one_line(tmp_path: Path) -> None:
    def fail(beside: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(RunError, match=r"model.safetensors: cannot be written .* the disk is full: free some space"):
        RunFolder(tmp_path).write("model.safetensors", fail)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        ("running", "holds an unfinished run; continue it with `alexnet resume .*run`, or choose another --out"),
        ("finished", "already holds a run; choose another --out"),
        ("nonsense", "already holds a run; choose another --out"),
    ],
)
def test_folder_that_holds_a_run_is_not_overwritten(tmp_path: Path, status: str, message: str) -> None:
    run = RunFolder.create(tmp_path / "run")
    run.write_json("run.json", about().to_dict() | {"status": status})
    with pytest.raises(RunError, match=message):
        RunFolder.create(tmp_path / "run")


def test_folder_with_other_things_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(RunError, match="exists and is not a run folder"):
        RunFolder.create(tmp_path)


@pytest.mark.parametrize("name", ["gone", ".", "nul\0", "x" * 300, "file/below"])
def test_opening_what_is_no_run_says_so(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"no such folder|not a run folder"):
        RunFolder.open(tmp_path / name)


def _hold(path: Path, held: object, done: object) -> None:
    with RunFolder(path).locked():
        held.set()  # type: ignore[attr-defined]
        done.wait(20)  # type: ignore[attr-defined]


def test_second_process_is_refused(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    held, done = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(tmp_path, held, done))
    other.start()
    assert held.wait(20)
    try:
        with (
            pytest.raises(RunError, match="another training is running in this folder; wait for it"),
            RunFolder(tmp_path).locked(),
        ):
            pass
    finally:
        done.set()
        other.join(20)
    with RunFolder(tmp_path).locked():
        pass


def test_second_thread_is_refused(tmp_path: Path) -> None:
    with (
        RunFolder(tmp_path).locked(),
        pytest.raises(RunError, match="another training is running"),
        RunFolder(tmp_path).locked(),
    ):
        pass


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("{", "Expecting property name"),
        ("[]", "it does not hold an object"),
        ("[" * 100_000, "recursion"),
        ('{"loss": NaN}', "NaN is not a number that JSON allows"),
        ('{"n": ' + "9" * 5000 + "}", "Exceeds the limit"),
        (b"\xff\xfe{", "byte 0 is not UTF-8"),
        ("", "Expecting value"),
    ],
)
def test_damaged_json_is_named(tmp_path: Path, content: str | bytes, fault: str) -> None:
    (tmp_path / "run.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(RunError, match=rf"run\.json: is damaged \(.*{fault}.*\); train again") as caught:
        RunFolder(tmp_path).read_json("run.json")
    assert "\n" not in str(caught.value)


def test_recipe_and_predictions_read_back(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.write_recipe(PRESETS["seminar"])
    sure = Prediction("c.jpg", "cat", "cat", 1.0, 1.0, 0.0, (("cat", 1.0), ("dog", 0.0)))
    tested = (*predictions("a,b.jpg"), sure)
    write_test(run, tested)
    assert run.recipe == PRESETS["seminar"]
    assert run.predictions == tested
    assert run.about == about()


ODD_NAMES = (
    "=1+1.png", "==.png", "+cmd|' /C calc'!A0.png", "-5.png", "-2+3(x).png", "@sum(1).png", "a,b.png", 'say "q".png',
    "-minus", "+plus", "@at", "\uff1dfull.png", r"\\uff1d.png",
    "semi;colon.png", "a;=1.png", "b; '@c;-2.png", r"a;\\x3d.png",
    r"caf\xe9.png", r"\\x3d.png", r"new\nline.png", "日本.png", "None", "nan", " .png", "'=.png",
)  # fmt: skip


def test_names_of_any_kind_are_stored_as_data(tmp_path: Path) -> None:
    """As `Entry.name` has them: escaped already. Spreadsheets find no formula, other programs the names."""
    run, tested = RunFolder(tmp_path), predictions(*ODD_NAMES)
    write_test(run, tested)
    assert run.predictions == tested
    text = (run.path / "predictions.csv").read_text(encoding="utf-8")
    assert len(text.splitlines()) == len(ODD_NAMES) + 1
    cells = [row["file"] for row in csv.DictReader(text.splitlines())]
    changed = {name for name in ODD_NAMES if name[0] in "=+-@\uff1d" or ";=" in name or "-2.png" in name}
    assert len(changed) == 12
    assert {name for name, cell in zip(ODD_NAMES, cells, strict=True) if name != cell} == changed
    for separator in ",;":  # many a spreadsheet splits at semicolons
        rows = csv.reader(text.splitlines(), delimiter=separator)
        assert not any(cell.strip(' "').startswith(tuple("=+-@\uff1d")) for row in rows for cell in row)


def test_what_no_table_can_hold_is_escaped(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.write_table("left_out.csv", ["file", "reason"], [("caf\udce9.png", "red \x1b[31m\nline")])
    assert (tmp_path / "left_out.csv").read_bytes() == b"file,reason\ncaf\\xe9.png,red \\x1b[31m\\nline\n"


def test_path_that_is_not_utf8_comes_back_from_json(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.write_about(about(path="/data/caf\udce9"))
    assert run.about.data.path == "/data/caf\udce9"
    assert json.loads((tmp_path / "run.json").read_bytes())["data"]["path"] == "/data/caf\udce9"


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("a.png,cat", "a.png", "line 2: not as many cells as columns"),
        ("file,", "name,", "line 1: there is no column file"),
        ("0.75,0.5", "0.75,much", "line 2: margin: input should be a valid number"),
        ("0.75,0.5", "0.75,", "line 2: margin: "),
        ("0.75,0.5", "0.75,nan", "line 2: margin: "),
        ("0.75,0.5", "7.5,0.5", "line 2: probability: a fraction"),
        ("a.png,cat,dog", "a.png,cat,cat", "1 of 2 images are wrong, in evaluation.json 2 of 2"),
        ("a.png,cat,dog", '"a.png,cat,dog', "line 2: "),
        ("a.png", "x" * 200_000, "line 2: field larger than field limit"),
    ],
)
def test_damaged_predictions_are_named(tmp_path: Path, before: str, after: str, fault: str) -> None:
    run = RunFolder(tmp_path)
    write_test(run, predictions("a.png", "b.png"))
    text = (run.path / "predictions.csv").read_text(encoding="utf-8")
    assert before in text
    (run.path / "predictions.csv").write_text(text.replace(before, after, 1), encoding="utf-8")
    with pytest.raises(
        RunError, match=rf"predictions.csv: is damaged \({fault}.*`alexnet evaluate .* writes it again"
    ):
        _ = run.predictions


def test_predictions_that_were_cut_short_are_named(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    write_test(run, predictions("a.png", "b.png"))
    lines = (run.path / "predictions.csv").read_bytes().splitlines(keepends=True)
    (run.path / "predictions.csv").write_bytes(b"".join(lines[:2]))
    with pytest.raises(RunError, match="1 of 1 images are wrong, in evaluation.json 2 of 2"):
        _ = run.predictions
    (run.path / "predictions.csv").write_bytes(b"")
    with pytest.raises(RunError, match="line 1: there is no column file"):
        _ = run.predictions


@pytest.mark.parametrize(
    ("status", "name", "step"),
    [
        ("finished", "evaluation.json", "`alexnet evaluate .*` writes it again"),
        ("finished", "predictions.csv", "`alexnet evaluate .*` writes it again"),
        ("finished", "model.json", "train again"),
        ("running", "evaluation.json", "the run is not finished: continue it with `alexnet resume .*`"),
        ("running", "model.json", "the run is not finished: continue it with `alexnet resume .*`"),
    ],
)
def test_missing_file_comes_with_a_step_that_helps(tmp_path: Path, status: str, name: str, step: str) -> None:
    run = RunFolder(tmp_path)
    run.write_about(about(status=status))
    with pytest.raises(RunError, match=f"{name}: is missing; {step}"):
        _ = {"evaluation.json": lambda: run.evaluation, "predictions.csv": lambda: run.predictions}.get(
            name, lambda: run.model_info
        )()


@pytest.mark.parametrize(
    "line", ["4,1,x,0.5,0.5", "4,1,0.001,,0.5", "4,1,0.001,inf,0.5", "4,1", "-4,1,0.001,0.5,0.5"]
)
def test_damaged_steps_are_named(tmp_path: Path, line: str) -> None:
    run = RunFolder(tmp_path)
    run.write_about(about(status="running"))
    run.append_records("steps.csv", [step(1)])
    with (tmp_path / "steps.csv").open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(RunError, match=r"steps.csv: is damaged \(line 3: .*\); delete that line, or train again"):
        _ = run.steps


@pytest.mark.parametrize(
    ("schema", "message"), [(3, "earlier version of this program; train"), (99, "later version")]
)
def test_other_versions_are_refused_in_one_line(tmp_path: Path, schema: int, message: str) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"schema": schema}), encoding="utf-8")
    with pytest.raises(RunError, match=message):
        _ = RunFolder(tmp_path).about


def test_checksum_tells_a_changed_bit(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    (tmp_path / "x").write_bytes(b"123456789")
    assert run.checksum("x") == "cbf43926", "the check value of CRC-32"
    (tmp_path / "x").write_bytes(b"123456788")
    assert run.checksum("x") != "cbf43926"


def test_disk_that_fills_while_tensors_are_written_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from safetensors import SafetensorError

    from alexnet.model import checkpoint

    def fill(_tensors: object, beside: Path) -> None:
        beside.write_bytes(b"half")
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(checkpoint.safetensors.torch, "save_file", fill)
    with pytest.raises(
        RunError, match=r"x.safetensors: cannot be written .No space left on device.; the disk is full"
    ):
        checkpoint.write_tensors(RunFolder(tmp_path), "x.safetensors", {"a": torch.ones(2)})
    assert list(tmp_path.iterdir()) == []


def test_stored_recipe_leaves_nothing_open(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.write_about(about())
    run.write_recipe(PRESETS["finetune"])
    with pytest.raises(
        RunError, match=r"recipe.toml: is damaged \(variant = auto, which a training replaces\); train"
    ):
        _ = run.recipe


@pytest.mark.parametrize("weights", [None, "imagenet", "/data/caf\udce9/w.pth", r"C:\new\x41.pth", "/data/日本.pth"])
def test_recipe_comes_back_with_weights_of_any_path(tmp_path: Path, weights: str | None) -> None:
    run, recipe = RunFolder(tmp_path), PRESETS["seminar"].replace(weights=weights)
    run.write_about(about())
    run.write_recipe(recipe)
    assert run.recipe == recipe
    (tmp_path / "recipe.toml").read_text(encoding="utf-8")
