"""Ours against what one would run instead, part by part, every candidate in turn.

    python -m benchmarks                                  on images that the program draws: some ten minutes
    python -m benchmarks FOLDER --parts step lrn --repeats 7 --out benchmarks/results
    python -m benchmarks FOLDER --parts accuracy --peers notebook seminar   long: see benchmarks/parts

Tables are printed as parts finish; all values go into a JSON file, and a chart beside it. Each part runs in a process
of its own. Candidates of a comparison take turns within it: one warm-up of each, then round after round. Seeds are
fixed, and both sides get the same files.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alexnet.files import write_whole
from benchmarks import parts
from benchmarks.chart import draw_chart
from benchmarks.compare import Setting
from benchmarks.images import subset
from benchmarks.machine import describe
from benchmarks.measured import PartResult
from benchmarks.parts.accuracy import PEERS
from benchmarks.run_part import setting_values
from benchmarks.terminal import part_lines

PRACTICE = Path("practice")

NUM_TRAIN, NUM_TEST = 4096, 256
"""Images that the parts get, unless they choose by themselves."""

BUSY = 0.5
"""Processes that wanted to run in the last minute, above which a warning is given."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; the exit code is 1 if a part failed."""
    options = read_words(arguments)
    folder = options.folder or draw_practice()
    about = describe(options.seeds[0]) | {"data": str(folder), "repeats": options.repeats}
    print(head(about), flush=True)
    results: list[PartResult] = []
    stem = time.strftime("%Y-%m-%d-%H%M%S")
    with tempfile.TemporaryDirectory() as scratch:
        links = subset(folder, Path(scratch) / "images", num_train=NUM_TRAIN, num_test=NUM_TEST)
        for name in options.parts:
            mine = Path(scratch) / name
            mine.mkdir()
            setting = Setting(
                links, mine, folder, options.out, options.repeats, tuple(options.seeds), tuple(options.counts),
                tuple(options.peers),
            )  # fmt: skip
            results.append(run_apart(name, setting, Path(scratch) / "cache"))
            print("\n".join(part_lines(results[-1])), flush=True)
            write_json(options.out / f"{stem}.json", about, results)
    print(f"\nall values: {options.out / f'{stem}.json'}")
    if draw_chart(results, chart_title(about), options.out / f"{stem}.png"):
        print(f"chart: {options.out / f'{stem}.png'}")
    return int(any(result.missing.startswith("failed") for result in results))


def read_words(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?", help="class folders; practice/, drawn if it is missing")
    parser.add_argument("--parts", nargs="+", choices=(*parts.DEFAULT, *parts.LONG), default=list(parts.DEFAULT))
    parser.add_argument("--repeats", type=int, default=5, help="rounds after the warm-up")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4], help="of accuracy; the first of all")
    parser.add_argument("--counts", type=int, nargs="+", default=list(Setting.counts), help="linear: images drawn")
    said = "accuracy: the notebook's loop, or its recipe in our program, too"
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=[], help=said)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args(arguments)
    if options.repeats < 1:
        parser.error("--repeats: at least 1")
    if options.folder and not options.folder.is_dir():
        parser.error(f"{options.folder}: is no folder; give class folders, not an archive")
    return options


def draw_practice() -> Path:
    """The practice images, drawn by the program if they are missing."""
    if not (PRACTICE / "train").is_dir():
        print(f"drawing practice images into {PRACTICE}/ (once)", flush=True)
        code = "from alexnet.cli.main import run; run()"
        subprocess.run([sys.executable, "-c", code, "-q", "data", "soccer", str(PRACTICE)], check=True)
    return PRACTICE


def run_apart(name: str, setting: Setting, cache: Path) -> PartResult:
    """A part in a fresh process; one that fails leaves the others alone."""
    given, into = setting.scratch / "setting.json", setting.scratch / "result.json"
    given.write_text(json.dumps(setting_values(setting)), encoding="utf-8")
    words = [sys.executable, "-m", "benchmarks.run_part", name, str(given), str(into)]
    started = time.perf_counter()
    done = subprocess.run(words, env=os.environ | {"ALEXNET_CACHE": str(cache)}, check=False)
    if done.returncode != 0 or not into.exists():
        seconds = time.perf_counter() - started
        return PartResult(name, missing=f"failed with code {done.returncode}; see above", seconds=seconds)
    return PartResult.from_dict(json.loads(into.read_text(encoding="utf-8")))


def write_json(path: Path, about: dict[str, Any], results: Sequence[PartResult]) -> None:
    """Everything measured so far, whole."""
    values = {"machine": about, "parts": [result.to_dict() for result in results]}
    text = json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_whole(path, lambda beside: beside.write_text(text, encoding="utf-8"))


def head(about: dict[str, Any]) -> str:
    """What is measured on, for the terminal."""
    flags = [name for name, there in about["flags"].items() if there] or ["none of the notable flags"]
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    lines = [
        f"{about['CPU']}, {about['cores']} cores, {about['threads']} threads, {', '.join(flags)}",
        f"python {about['python']}, {versions}; commit {about['commit'] or 'unknown'}; seed {about['seed']}",
        f"images: {about['data']}; {about['repeats']} repeats after one warm-up, candidates in turn; "
        "medians (quartiles)",
    ]
    if (about["load_at_start"] or 0.0) > BUSY:
        lines.append(f"warning: something else is at work (load {about['load_at_start']}): times will be uncertain")
    return "\n".join(lines)


def chart_title(about: dict[str, Any]) -> str:
    """The second line of the chart's title."""
    commit = f"commit {about['commit'] or 'unknown'}"
    return f"{about['CPU']}, {about['cores']} cores; torch {about['versions']['torch']}; {commit}"


if __name__ == "__main__":
    sys.exit(main())
