"""What the command sets for its whole process, and nothing else does."""

import os
import signal
import subprocess
import sys

import pytest

from alexnet.cli.process import SPIN_COUNT, Interrupts, keep_freed_memory, share_cores


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, SPIN_COUNT),
        ({"GOMP_SPINCOUNT": "7"}, "7"),
        ({"OMP_WAIT_POLICY": "active"}, None),
    ],
)
def test_waiting_threads_give_way_unless_the_user_says_how_they_wait(
    monkeypatch: pytest.MonkeyPatch, before: dict[str, str], after: str | None
) -> None:
    monkeypatch.setattr(os, "environ", dict(before))
    share_cores()
    assert os.environ.get("GOMP_SPINCOUNT") == after


def test_preparing_loads_nothing_that_starts_threads() -> None:
    code = (
        "import sys; from alexnet.cli.process import prepare_process; prepare_process(); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'numpy', 'typer', 'rich')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="other systems are not asked")
def test_freed_memory_is_kept() -> None:
    """Of a second array of the same size no page is mapped anew."""
    code = (
        "import resource, sys, numpy as np; from alexnet.cli.process import keep_freed_memory\n"
        "sys.argv[1] == 'yes' and (keep_freed_memory() or sys.exit('not asked'))\n"
        "faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "for _ in range(3):\n    before = faults(); np.ones(48 << 20, np.uint8); count = faults() - before\n"
        "print(count)"
    )
    counts = {
        asked: int(subprocess.run([sys.executable, "-c", code, asked], capture_output=True, check=True).stdout)
        for asked in ("yes", "no")
    }
    assert counts["yes"] < 8 < counts["no"], counts


@pytest.mark.skipif(sys.platform == "linux", reason="glibc can be asked")
def test_other_systems_are_left_alone() -> None:
    assert not keep_freed_memory()


@pytest.mark.skipif(os.name == "nt", reason="Windows has other signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_kill_and_a_closed_terminal_are_as_ctrl_c(name: str) -> None:
    number = getattr(signal, name)
    handler = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), Interrupts() as interrupts:
        os.kill(os.getpid(), number)
    assert interrupts.is_pressed
    assert signal.getsignal(number) == handler


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGHUP")
def test_what_is_ignored_stays_so() -> None:
    """As nohup asks for."""
    handler = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupts() as interrupts:
            os.kill(os.getpid(), signal.SIGHUP)
        assert not interrupts.is_pressed
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, handler)
