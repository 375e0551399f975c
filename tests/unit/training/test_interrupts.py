"""Ctrl-C, termination, a closed terminal and a kill in each phase of a training, as its command meets them."""

import os
import shutil
import signal
from pathlib import Path

import pytest

from alexnet import files
from alexnet.report.page import write_report
from alexnet.training.events import Event, Stepped
from alexnet.training.train import resume
from tests.disturbances import SMALL, Command, before, left, send
from tests.kills import fingerprint, in_child, kill

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has neither fork nor these signals")

SIGNALS = ["SIGINT", "twice", "SIGTERM", "SIGHUP"]


@pytest.mark.parametrize("name", SIGNALS)
def test_signal_while_decoding(
    run_command: Command, monkeypatch: pytest.MonkeyPatch, few_images: Path, tmp_path: Path, name: str
) -> None:
    monkeypatch.setenv("ALEXNET_CACHE", str(tmp_path / "cache"))
    before(monkeypatch, "alexnet.data.cache:_write_facts", send(name))
    code, _, err = run_command("train", few_images, *SMALL, "--out", tmp_path / "run")
    assert (code, err.splitlines()[-1]) == (130, "alexnet: interrupted")
    assert not (tmp_path / "run").exists()
    assert left(tmp_path / "cache") == []


PHASES = {
    "step": "alexnet.training.ledger:Ledger.record",
    "saving": "alexnet.training.resume:write_tensors",
}


@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("phase", PHASES)
def test_signal_in_a_step_or_while_saving(
    run_command: Command, monkeypatch: pytest.MonkeyPatch, stopped: Path, finished: Path, no_report: None,
    phase: str, name: str,
) -> None:  # fmt: skip
    with monkeypatch.context() as patch:
        before(patch, PHASES[phase], send(name))
        code, _, err = run_command("resume", stopped)
    step = 4 if name == "twice" else {"step": 5, "saving": 6}[phase]
    assert code == 130
    assert err.splitlines()[-2:] == [
        f"saved at step {step}; `alexnet resume {stopped}` continues", "alexnet: interrupted",
    ]  # fmt: skip
    resume(stopped)
    assert fingerprint(stopped) == fingerprint(finished)
    assert left(stopped) == []


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_terminal_or_batch_system_that_sends_its_signal_twice_loses_nothing(
    run_command: Command, monkeypatch: pytest.MonkeyPatch, stopped: Path, finished: Path, name: str
) -> None:
    with monkeypatch.context() as patch:
        before(patch, PHASES["step"], lambda: [send(name)() for _ in range(2)])
        code, _, err = run_command("resume", stopped)
    assert (code, "saved at step 5;" in err) == (130, True)
    resume(stopped)
    assert fingerprint(stopped) == fingerprint(finished)


@pytest.mark.parametrize("name", SIGNALS)
def test_signal_in_the_evaluation(
    run_command: Command, monkeypatch: pytest.MonkeyPatch, untested: Path, finished: Path, no_report: None, name: str
) -> None:
    with monkeypatch.context() as patch:
        before(patch, "alexnet.training.train:evaluate_classifier", send(name))
        code, _, err = run_command("resume", untested)
    assert (code, f"saved at step 6; `alexnet resume {untested}` continues" in err) == (130, True)
    assert not (untested / "predictions.csv").exists()
    assert run_command("resume", untested)[0] == 0
    assert fingerprint(untested) == fingerprint(finished)


@pytest.mark.parametrize("name", SIGNALS)
def test_signal_while_the_report_is_written(
    run_command: Command, monkeypatch: pytest.MonkeyPatch, finished: Path, name: str
) -> None:
    expected = fingerprint(finished)
    before(monkeypatch, "alexnet.report.page:_draw_all", send(name))
    code, _, err = run_command("resume", finished)
    assert code == 130
    assert f"the training is finished; `alexnet report {finished}` writes its page" in err
    assert fingerprint(finished) == expected


@pytest.mark.parametrize(
    "moment",
    [
        "alexnet.data.cache:_open", "alexnet.training.ledger:Ledger.record", "alexnet.training.train:discard_state",
        "alexnet.training.train:evaluate_classifier",
    ],
)  # fmt: skip
def test_killed_in_each_phase(monkeypatch: pytest.MonkeyPatch, stopped: Path, finished: Path, moment: str) -> None:
    with monkeypatch.context() as patch:
        before(patch, moment, kill)
        assert in_child(lambda: resume(stopped)) == -signal.SIGKILL
    resume(stopped)
    assert fingerprint(stopped) == fingerprint(finished)
    assert left(stopped) == []


def test_killed_while_the_report_is_written(
    monkeypatch: pytest.MonkeyPatch, finished: Path, plain_figures: None
) -> None:
    expected = fingerprint(finished)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", lambda _path, target: kill() if Path(target).suffix == ".html" else None)
        assert in_child(lambda: write_report(finished)) == -signal.SIGKILL
    assert len(left(finished)) == 1
    assert not (finished / "report.html").exists()
    files._remove_leftovers.cache_clear()
    write_report(finished)
    assert (left(finished), fingerprint(finished)) == ([], expected)


def test_interrupted_before_anything_was_saved_says_so(
    run_command: Command, monkeypatch: pytest.MonkeyPatch, stopped: Path, finished: Path, no_report: None
) -> None:
    shutil.rmtree(stopped / "state")
    with monkeypatch.context() as patch:
        before(patch, "alexnet.training.train:check_job", send("SIGINT"))
        code, _, err = run_command("resume", stopped)
    assert (code, f"`alexnet resume {stopped}` trains from the start" in err) == (130, True)
    resume(stopped)
    assert fingerprint(stopped) == fingerprint(finished)


def test_closed_terminal_under_nohup_is_no_interrupt(stopped: Path, finished: Path) -> None:
    def hang_up(event: Event) -> None:
        if isinstance(event, Stepped):
            os.kill(os.getpid(), signal.SIGHUP)

    handler = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        resume(stopped, on_event=hang_up)
    finally:
        signal.signal(signal.SIGHUP, handler)
    assert fingerprint(stopped) == fingerprint(finished)
