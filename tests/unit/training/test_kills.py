"""A training that is killed while it writes, or at any other moment, ends as one that was left alone."""

import os
from pathlib import Path

import pytest

from tests.kills import Killer, make_killer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/fd").is_dir() or not hasattr(os, "fork"), reason="needs fork and /proc"),
]


@pytest.fixture(scope="module")
def killer(tmp_path_factory: pytest.TempPathFactory) -> Killer:
    return make_killer(tmp_path_factory.mktemp("kills"))


@pytest.fixture(scope="module")
def alone(killer: Killer) -> tuple[dict[str, str], int]:
    return killer.reference()


@pytest.mark.parametrize("place", [index / 9 for index in range(9)])
def test_killed_at_a_write(killer: Killer, alone: tuple[dict[str, str], int], place: float) -> None:
    expected, num_moments = alone
    assert num_moments > 100
    case = killer.root / f"write-{place:.3f}"
    assert killer.kill(case, at=round(place * (num_moments - 1)))
    assert killer.differences(case, expected) == []


@pytest.mark.parametrize("seconds", [0.3, 0.8, 1.3])
def test_killed_after_some_seconds(killer: Killer, alone: tuple[dict[str, str], int], seconds: float) -> None:
    case = killer.root / f"seconds-{seconds}"
    killer.kill(case, seconds=seconds)  # a quick machine may have finished before
    assert killer.differences(case, alone[0]) == []
