"""The README's commands, run one after the other as they stand there, on fewer images and for one epoch."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"
FEWER = {
    "data soccer": ["--train", "40", "--test", "16"],
    "train": [
        "--epochs",
        "1",
        "--set",
        "size=67",
        "--set",
        "start_size=none",
        "--set",
        "batch_size=20",
        "--set",
        "validation_fraction=0.25",
    ],
}
NO_NETWORK = {"imagenet": "runs/torchvision"}


def commands() -> list[list[str]]:
    """Words of each `alexnet ...` line, but for the studio, which runs until Ctrl-C and has tests of its own."""
    lines = re.findall(r"^alexnet (.+)$", README.read_text(encoding="utf-8"), re.MULTILINE)
    words = [shlex.split(line, comments=True) for line in lines]
    return [each for each in words if each[0] != "studio"]


@pytest.mark.slow
def test_tour_runs_as_it_stands(
    run_command: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tour = commands()
    assert len(tour) >= 10
    for words in tour:
        extra = next((more for start, more in FEWER.items() if " ".join(words).startswith(start)), [])
        code, _, err = run_command(*[NO_NETWORK.get(word, word) for word in words], *extra)
        assert code == 0, f"{words}: {err}"
    for name in ("runs/first/report.html", "kernels.png", "maps.png", "comparison.html", "wrong"):
        assert (tmp_path / name).exists(), name
