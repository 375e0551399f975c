"""Time to accuracy: wall seconds from the start of the command, with an empty cache, to a given test accuracy.

    python -m benchmarks FOLDER --parts accuracy [--peers notebook seminar] [--seeds 0 1 2 3 4]

Each row of accuracy.jsonl is one training. Rows that exist are not computed again, so an interrupted series
continues; rows of another commit or CPU are ignored. All sides test after every epoch, and the test is part of the
time. The peer `seminar`, the notebook's recipe in our program, adds a level: the median of its own final accuracies.
"""

import csv
import json
import math
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.compare import Setting
from benchmarks.machine import describe
from benchmarks.measured import Candidate, Comparison
from benchmarks.parts.start import COMMAND

LEVELS = (90, 92, 94)
"""Test accuracies to reach, %."""

PEER_EPOCHS = 20
"""The number of epochs in the notebook."""

SIDES = {"fast": "ours, fast", "seminar": "ours, seminar", "notebook": "notebook's loop"}
"""Preset or peer → its name in the tables; ours is named after the preset."""

OURS, *PEERS = SIDES

LINE = re.compile(r"epoch \d+: .*test accuracy ([0-9.]+)")

Epochs = list[tuple[float, float]]
"""Wall seconds and test accuracy (a fraction) after each epoch."""


def measure(setting: Setting) -> list[Comparison]:
    """Train what the series still lacks; then one table for each level."""
    path = setting.out / "accuracy.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    data, here = str(setting.whole.resolve()), describe(setting.seeds[0])
    rows = [row for row in rows if all(row["machine"][name] == here[name] for name in ("commit", "cpu"))]
    for seed in setting.seeds:
        for side in (OURS, *setting.peers):
            if any((row["data"], row["side"], row["seed"]) == (data, side, seed) for row in rows):
                continue
            trained = train_peer(setting.whole, seed) if side == "notebook" else train_ours(setting.whole, side, seed)
            epochs = list(trained)
            rows.append({"data": data, "side": side, "seed": seed, "epochs": epochs, "machine": describe(seed)})
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a") as file:
                file.write(json.dumps(rows[-1]) + "\n")
            print(f"    {SIDES[side]}, seed {seed}: {_levels_reached(epochs)}", file=sys.stderr, flush=True)
    rows = [row for row in rows if row["data"] == data and row["seed"] in setting.seeds]
    return [_table(level, rows) for level in levels(rows)]


def levels(rows: Sequence[Mapping[str, Any]]) -> list[float]:
    """Test accuracies to reach, %: the fixed ones, and the final accuracy of preset `seminar` if it was trained."""
    ends = [100 * row["epochs"][-1][1] for row in rows if row["side"] == "seminar"]
    return [*LEVELS, *([statistics.median(ends)] if ends else [])]


def _levels_reached(epochs: Epochs) -> str:
    reached = {level: seconds_to(epochs, level) for level in LEVELS}
    passed = [f"{level} % " + (f"after {s:.0f} s" if math.isfinite(s) else "never") for level, s in reached.items()]
    return ", ".join([*passed, f"at the end {100 * epochs[-1][1]:.1f} % after {epochs[-1][0]:.0f} s"])


def seconds_to(epochs: Sequence[Sequence[float]], level: float) -> float:
    """Wall seconds after the first epoch with a test accuracy of at least `level` %; infinite if there is none."""
    return next((seconds for seconds, accuracy in epochs if 100 * accuracy >= level), math.inf)


def _table(level: float, rows: Sequence[Mapping[str, Any]]) -> Comparison:
    candidates = []
    for side, name in SIDES.items():
        values = tuple(seconds_to(row["epochs"], level) for row in rows if row["side"] == side)
        if values:
            candidates.append(Candidate(name, values))
    reached = [f"{c.name}: {sum(map(math.isfinite, c.values))} of {len(c.values)} seeds reach it" for c in candidates]
    finite = len(candidates) > 1 and all(math.isfinite(candidate.median) for candidate in candidates)
    title = f"time to {level:.4g} % test accuracy, cold cache"
    return Comparison(title, tuple(candidates), "s", candidates[-1].name if finite else None, notes=tuple(reached))


def train_ours(data: Path, preset: str, seed: int) -> Iterator[tuple[float, float]]:
    """Run `alexnet train DATA --preset PRESET` with an empty cache; yields seconds and accuracy of each epoch."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "run"
        words = [str(COMMAND), "-q", "train", str(data), "--preset", preset, "--seed", str(seed), "--out", str(out)]
        words += ["--set", "device=cpu"]
        started = time.perf_counter()
        process = subprocess.Popen(words, env=os.environ | {"ALEXNET_CACHE": f"{scratch}/cache"})
        seen = 0
        try:
            while True:
                ended = process.poll() is not None
                rows, now = _read_epochs(out / "epochs.csv"), time.perf_counter() - started
                for row in rows[seen:]:
                    yield now, 1.0 - float(row["test_top1_error"])
                seen = len(rows)
                if ended:
                    break
                time.sleep(0.1)
        finally:
            process.kill()
            process.wait()
        if process.returncode != 0:
            raise RuntimeError(f"`{' '.join(words)}` failed")


def _read_epochs(path: Path) -> list[dict[str, str]]:
    try:
        whole = path.read_text(encoding="utf-8").rpartition("\n")[0]
    except OSError:
        return []
    return list(csv.DictReader(whole.splitlines()))


def train_peer(data: Path, seed: int) -> Iterator[tuple[float, float]]:
    """Run the notebook's loop in a fresh process; yields seconds and accuracy of each epoch."""
    words = [sys.executable, "-m", "benchmarks.notebook_loop", str(data)]
    words += ["--epochs", str(PEER_EPOCHS), "--seed", str(seed)]
    started = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        for line in process.stdout or ():
            match = LINE.match(line)
            if match:
                yield time.perf_counter() - started, float(match[1])
        if process.wait() != 0:
            raise RuntimeError(f"`{' '.join(words)}` failed")
    finally:
        process.kill()
        process.wait()
