"""The README's commands, run one after the other as they stand there: few images, one epoch, a narrow network."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"
SHORT = ["epochs=1", "size=67", "start_size=none", "batch_size=20", "validation_fraction=0.25"]
SET_SHORT = [word for setting in SHORT for word in ("--set", setting)]
FEWER = {
    "data soccer": ["--train", "40", "--test", "16"],
    "train": [*SET_SHORT, "--set", "variant=narrow"],
}
"""How a command begins → what is added; the first that fits."""
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
