"""What happens to a training while it writes, or at any other moment, costs neither its folder nor its result."""

import os
import signal
from pathlib import Path

import pytest

from tests.kills import INTERRUPTED, REFUSED, Killer, fill_disk, make_killer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/fd").is_dir() or not hasattr(os, "fork"), reason="needs fork and /proc"),
]
SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


@pytest.fixture(scope="module")
def killer(tmp_path_factory: pytest.TempPathFactory) -> Killer:
    return make_killer(tmp_path_factory.mktemp("kills"))


@pytest.fixture(scope="module")
def alone(killer: Killer) -> tuple[dict[str, str], int]:
    return killer.reference()


@pytest.mark.parametrize("place", [index / 9 for index in range(10)])
def test_killed_at_a_write(killer: Killer, alone: tuple[dict[str, str], int], place: float) -> None:
    expected, num_moments = alone
    assert num_moments > 100
    case = killer.root / f"write-{place:.3f}"
    assert killer.disturb(case, round(place * (num_moments - 1))) == -signal.SIGKILL
    assert killer.differences(case, expected) == []


@pytest.mark.parametrize("seconds", [0.3, 0.9])
def test_killed_after_some_seconds(killer: Killer, alone: tuple[dict[str, str], int], seconds: float) -> None:
    case = killer.root / f"seconds-{seconds}"
    killer.kill_after(case, seconds)  # a quick machine may have finished before
    assert killer.differences(case, alone[0]) == []


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
def test_full_disk_at_a_write(killer: Killer, alone: tuple[dict[str, str], int], place: float) -> None:
    """One line of ours, or the write was no loss and the training went on."""
    expected, num_moments = alone
    case = killer.root / f"full-{place}"
    assert killer.disturb(case, round(place * (num_moments - 1)), fill_disk) in (REFUSED, 0)
    assert killer.differences(case, expected) == []


@pytest.mark.parametrize("number", SIGNALS)
def test_signal_during_a_step(killer: Killer, alone: tuple[dict[str, str], int], number: int) -> None:
    """`kill` and a closed terminal save the state, as Ctrl-C does."""
    expected, num_moments = alone
    case = killer.root / f"signal-{number}"
    assert killer.disturb(case, num_moments // 2, lambda: os.kill(os.getpid(), number)) == INTERRUPTED
    assert list((case / "run" / "state").glob("*.json"))
    assert killer.differences(case, expected) == []


def test_second_ctrl_c_ends_at_once(killer: Killer, alone: tuple[dict[str, str], int]) -> None:
    def twice() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    expected, num_moments = alone
    case = killer.root / "twice"
    assert killer.disturb(case, num_moments // 2, twice) == INTERRUPTED
    assert killer.differences(case, expected) == []
