"""Seconds of a fresh process: imports, `alexnet --help`, and the first training step on a filled cache."""

import itertools
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.compare import MissingPeerError, Setting, Way, compare
from benchmarks.measured import Comparison

COMMAND = Path(sys.executable).parent / "alexnet"

LONGEST_SECONDS = 300.0

PEER = "notebook's loop, to its first step"


def python(*words: str) -> Callable[[], None]:
    """Run Python with these arguments in a fresh process."""
    return lambda: _run(sys.executable, *words)


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, timeout=LONGEST_SECONDS)


def command_to_first_step(folder: Path, scratch: Path) -> Callable[[], None]:
    """Run `alexnet train FOLDER` until its run folder records the first step."""
    numbers = itertools.count()

    def run() -> None:
        out = scratch / f"command-{next(numbers)}"
        words = [str(COMMAND), "-q", "train", str(folder), "--preset", "seminar", "--out", str(out)]
        words += ["--set", "device=cpu"]
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            until = time.perf_counter() + LONGEST_SECONDS
            while not _has_step(out / "steps.csv"):
                if process.poll() is not None or time.perf_counter() > until:
                    raise RuntimeError(f"`{' '.join(words)}` ended before its first step")
                time.sleep(0.005)
        finally:
            process.kill()
            process.wait()

    return run


def _has_step(path: Path) -> bool:
    try:
        return path.read_bytes().count(b"\n") >= 2  # the header and a step
    except OSError:
        return False


def measure(setting: Setting) -> list[Comparison]:
    """Wall seconds of whole processes; after the warm-up, files and cache are in memory."""
    if not COMMAND.exists():
        raise MissingPeerError(f"{COMMAND} is missing: install the package into this environment")
    folder = setting.folder
    quick = {
        "python, nothing imported": python("-c", "pass"),
        "import torch": python("-c", "import torch"),
        "ours, import alexnet": python("-c", "import alexnet"),
        "ours, alexnet --help": lambda: _run(str(COMMAND), "--help"),
        "ours, import alexnet.training.train": python("-c", "import alexnet.training.train"),
    }
    steps = {
        PEER: python("-m", "benchmarks.first_step", "notebook", str(folder), "1"),
        "ours, alexnet.train to the first step": python("-m", "benchmarks.first_step", "ours", str(folder), "1"),
        "ours, the command to the first step": command_to_first_step(folder, setting.scratch),
    }
    note = "ours includes the trainability check; imports are part of the time on both sides"
    return [
        compare("start of a process", {name: Way(run) for name, run in quick.items()},
                repeats=setting.repeats, unit="s", charted=False),
        compare("start of a training", {name: Way(run) for name, run in steps.items()},
                repeats=setting.repeats, unit="s", peer=PEER, notes=(note,)),
    ]  # fmt: skip
