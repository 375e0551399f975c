"""Measure the speed of this program against what a user would run instead, part by part.

    python -m benchmarks                                  on images drawn by the program; about ten minutes
    python -m benchmarks FOLDER --parts step lrn --repeats 7 --out benchmarks/results
    python -m benchmarks FOLDER --parts accuracy --peers notebook seminar   takes hours; see benchmarks/parts

Tables are printed as parts finish. All values are written to a JSON file, with a chart beside it. Each part runs in
its own process. Within a part the candidates alternate: one warm-up each, then round after round. Seeds are fixed,
and both sides get the same files.
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
"""Training and test images for every part that does not choose its own."""

BUSY = 0.5
"""Load average of the last minute above which a warning is printed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts; the exit code is 1 if one failed."""
    options = parse_arguments(arguments)
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


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "folder", type=Path, nargs="?", help="class folders; default: practice/, drawn if it is missing"
    )
    parser.add_argument("--parts", nargs="+", choices=(*parts.DEFAULT, *parts.LONG), default=list(parts.DEFAULT))
    parser.add_argument("--repeats", type=int, default=5, help="rounds after the warm-up")
    parser.add_argument(
        "--seeds",
        type=int,
        nargs="+",
        default=[0, 1, 2, 3, 4],
        help="seeds of part accuracy; the other parts use the first",
    )
    parser.add_argument(
        "--counts", type=int, nargs="+", default=list(Setting.counts), help="part linear: numbers of images to draw"
    )
    peers_help = "part accuracy: also measure the notebook's loop, or its recipe in our program"
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=[], help=peers_help)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args(arguments)
    if options.repeats < 1:
        parser.error("--repeats: at least 1")
    if options.folder and not options.folder.is_dir():
        parser.error(f"{options.folder}: is not a folder; give class folders, not an archive")
    return options


def draw_practice() -> Path:
    """The folder of practice images, drawn by the program if it is missing."""
    if not (PRACTICE / "train").is_dir():
        print(f"drawing practice images into {PRACTICE}/ (once)", flush=True)
        code = "from alexnet.cli.main import run; run()"
        subprocess.run([sys.executable, "-c", code, "-q", "data", "soccer", str(PRACTICE)], check=True)
    return PRACTICE


def run_apart(name: str, setting: Setting, cache: Path) -> PartResult:
    """Run a part in a fresh process; if it fails, the other parts still run."""
    setting_path, result_path = setting.scratch / "setting.json", setting.scratch / "result.json"
    setting_path.write_text(json.dumps(setting_values(setting)), encoding="utf-8")
    words = [sys.executable, "-m", "benchmarks.run_part", name, str(setting_path), str(result_path)]
    started = time.perf_counter()
    done = subprocess.run(words, env=os.environ | {"ALEXNET_CACHE": str(cache)}, check=False)
    if done.returncode != 0 or not result_path.exists():
        seconds = time.perf_counter() - started
        return PartResult(name, missing=f"failed with code {done.returncode}; see above", seconds=seconds)
    return PartResult.from_dict(json.loads(result_path.read_text(encoding="utf-8")))


def write_json(path: Path, about: dict[str, Any], results: Sequence[PartResult]) -> None:
    """Write everything measured so far; the file is whole or absent."""
    values = {"machine": about, "parts": [result.to_dict() for result in results]}
    text = json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_whole(path, lambda beside: beside.write_text(text, encoding="utf-8"))


def head(about: dict[str, Any]) -> str:
    """The machine and the settings, for the terminal."""
    flags = [name for name, present in about["flags"].items() if present] or ["none of the notable flags"]
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    lines = [
        f"{about['cpu']}, {about['cores']} cores, {about['threads']} threads, {', '.join(flags)}",
        f"python {about['python']}, {versions}; commit {about['commit'] or 'unknown'}; seed {about['seed']}",
        f"images: {about['data']}; {about['repeats']} repeats after one warm-up, candidates alternate; "
        "medians (quartiles)",
    ]
    if (about["load_at_start"] or 0.0) > BUSY:
        lines.append(f"warning: other programs are running (load {about['load_at_start']}); the times will vary")
    return "\n".join(lines)


def chart_title(about: dict[str, Any]) -> str:
    """The second line of the chart's title."""
    commit = f"commit {about['commit'] or 'unknown'}"
    return f"{about['cpu']}, {about['cores']} cores; torch {about['versions']['torch']}; {commit}"


if __name__ == "__main__":
    sys.exit(main())
