"""Peak memory of the first training steps: ours, and the notebook's loop with its workers."""

import contextlib
import json
import subprocess
import sys
import time
from pathlib import Path

from alexnet.data.cache import decode_folder
from alexnet.data.decode import plain_preprocessing
from alexnet.data.folder import scan_folder
from alexnet.presets import PRESETS
from benchmarks.compare import MissingPeerError, Setting
from benchmarks.measured import Candidate, Comparison

STEPS = 4

MOST_REPEATS = 3
"""Memory varies little from run to run."""

PEER = "notebook's loop"


def measure(setting: Setting) -> list[Comparison]:
    """All processes of a training together, and the main process alone."""
    if not Path("/proc/self/smaps_rollup").exists():
        raise MissingPeerError(
            "this system does not report how much memory a process shares with others: not measured"
        )
    decode_folder(scan_folder(setting.folder), plain_preprocessing(PRESETS["seminar"]))  # fill the cache
    together: dict[str, list[float]] = {"notebook": [], "ours": []}
    alone: dict[str, list[float]] = {"notebook": [], "ours": []}
    for _ in range(min(setting.repeats, MOST_REPEATS)):
        for side in together:
            all_of_them, largest = run_watched(side, setting.folder)
            together[side].append(all_of_them)
            alone[side].append(largest)
    names = {"notebook": PEER, "ours": "ours, alexnet.train"}

    def table(title: str, values: dict[str, list[float]], note: str) -> Comparison:
        candidates = tuple(Candidate(names[side], tuple(values[side])) for side in values)
        return Comparison(title, candidates, unit="MB", peer=PEER, notes=(note,))

    return [
        table(
            f"peak memory of {STEPS} steps, all processes", together,
            "memory that processes share is counted once (sum of their PSS, sampled every 30 ms)",
        ),
        table(
            f"peak memory of {STEPS} steps, main process", alone,
            "resident memory by getrusage, with pages of mapped files, without the loop's two workers",
        ),
    ]  # fmt: skip


def run_watched(side: str, folder: Path) -> tuple[float, float]:
    """Peak bytes of the process and its children together (PSS), and of the process alone (getrusage)."""
    words = [sys.executable, "-m", "benchmarks.first_step", side, str(folder), str(STEPS)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    peak = 0
    while process.poll() is None:
        peak = max(peak, sum(proportional_bytes(pid) for pid in [process.pid, *descendants(process.pid)]))
        time.sleep(0.03)
    output, _ = process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"`{' '.join(words)}` failed")
    return float(peak), float(json.loads(output.splitlines()[-1])["peak_bytes"])


def descendants(pid: int) -> list[int]:
    """Processes that a process has started, and those that they have started."""
    children: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            children += [int(word) for word in task.read_text(encoding="utf-8").split()]
    return children + [each for child in children for each in descendants(child)]


def proportional_bytes(pid: int) -> int:
    """Memory of a process; shared pages are divided by the number of processes that share them. 0 if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))
