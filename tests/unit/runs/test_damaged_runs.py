"""Whatever happened to the files of a run: an answer, or one line that names the file."""

import random
import shutil
from pathlib import Path

import pytest

from alexnet.errors import AlexNetError, RunError
from alexnet.runs.run import Run, open_run
from tests.fuzz_runs import FILES, damage, try_case

ASKED = ("about", "recipe", "summary", "html", "mistakes", "compare")
WEIGHTS = "model.safetensors"


@pytest.mark.slow
def test_two_hundred_damaged_runs_give_an_answer_or_one_line(narrow_run: Run, tmp_path: Path) -> None:
    faults = []
    for seed in range(200):
        faults += try_case(narrow_run.path, tmp_path, seed, tmp_path / "case", names=ASKED, files=FILES[:-1])
    assert faults == []


def test_damage_is_seen_at_all(narrow_run: Run, tmp_path: Path) -> None:
    """Else the test above would say little."""
    noticed = 0
    for seed in range(40):
        copy = tmp_path / str(seed)
        shutil.copytree(narrow_run.path, copy, ignore=shutil.ignore_patterns(WEIGHTS, "figures", "report.html"))
        damage(copy / "evaluation.json", random.Random(seed))
        try:
            changed = open_run(copy).evaluation != narrow_run.evaluation
        except AlexNetError:
            changed = True
        noticed += changed
    assert noticed > 30


@pytest.mark.parametrize("place", [0, 8, 5000, -1])
def test_one_changed_bit_of_the_weights_is_named(narrow_run: Run, tmp_path: Path, place: int) -> None:
    copy = shutil.copytree(narrow_run.path, tmp_path / "run", ignore=shutil.ignore_patterns("figures"))
    data = bytearray((copy / WEIGHTS).read_bytes())
    data[place] ^= 1
    (copy / WEIGHTS).write_bytes(data)
    with pytest.raises(RunError, match=r"run/model.safetensors: is damaged \(its checksum is not that in model.json"):
        _ = open_run(copy).model
