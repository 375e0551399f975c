"""Run folders damaged at random, and what is asked of them: an answer, or an error of ours in one line.

python -m tests.fuzz_runs RUN NUMBER SEED tries many of them on a finished run; a few are part of the tests.
"""

import contextlib
import json
import os
import random
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alexnet.errors import AlexNetError
from alexnet.runs.run import Run, open_run

FILES = (
    "run.json", "model.json", "evaluation.json", "predictions.csv", "steps.csv", "epochs.csv", "recipe.toml",
    "kernels/epoch-0000.npy", "model.safetensors",
)  # fmt: skip

VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1, 3, 2**31, 2**63, 10**30, 10**400, 1e308, -1e308, 1e-320, 0.5, "", "x", "nan", "NaN", "..x/",
    "\0", "\x1b[31m", "\ud800", "\u202e", "=1+1", "x" * 5000, [], {}, [[]], [1], {"a": 1}, [None] * 50,
    "running",
)  # fmt: skip
"""What stands for a value in JSON."""

CELLS = (
    "", "-1", "0", "1", "nan", "inf", "-inf", "1e999", "1e308", "99999999999999999999", "x", "../../..", '"', "\0",
    "é",    "=1+1", "1,2", "\n", "\r", "0x10", "1_000", "x" * 200_000, "\\x3d", "\\ud800", "true",
)  # fmt: skip
"""What stands for a cell of a table."""

WHOLE = (
    b"",
    b"\0" * 4096,
    b"[]",
    b"null",
    b"{}",
    b'"x"',
    b"1",
    b"\xff\xfe",
    b"[" * 100_000,
    b"\n",
    b"a,b\n1\n",
    b"NaN",
)
"""What stands for a whole file."""


def damage(path: Path, rng: random.Random) -> str:
    """Change a file in some way; returns how."""
    kinds: list[Callable[[bytes, random.Random], bytes]] = [_cut, _flip, _overwrite, _insert, _repeat, _replace_whole]
    if path.suffix == ".json":
        kinds += [_change_json] * 8
    elif path.suffix == ".csv":
        kinds += [_change_cell] * 8
    kind = rng.choice(kinds)
    data = path.read_bytes()
    path.unlink()  # a link to the original, perhaps
    fate = rng.random()
    if fate < 0.02:
        return "gone"
    if fate < 0.04:
        path.mkdir()
        return "a folder"
    path.write_bytes(kind(data, rng))
    return kind.__name__


def _place(data: bytes, rng: random.Random) -> int:
    near_start = rng.random() < 0.5 and len(data) > 4096  # where a long file has its header
    return rng.randrange(min(len(data), 4096) if near_start else len(data) or 1)


def _cut(data: bytes, rng: random.Random) -> bytes:
    return data[: _place(data, rng)]


def _flip(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 8])):
        changed[_place(data, rng)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _overwrite(data: bytes, rng: random.Random) -> bytes:
    place, count = _place(data, rng), rng.choice([1, 4, 64, 4096])
    filling = rng.choice([b"\0" * count, b"\xff" * count, rng.randbytes(count), b"9" * count])
    return data[:place] + filling + data[place + count :]


def _insert(data: bytes, rng: random.Random) -> bytes:
    place = _place(data, rng)
    return data[:place] + rng.choice([rng.randbytes(9), b"\n", b",", b'"', b"{", b"9" * 5000]) + data[place:]


def _repeat(data: bytes, rng: random.Random) -> bytes:
    place = _place(data, rng)
    return data[:place] + data[max(0, place - rng.choice([1, 10, 200])) :]


def _replace_whole(data: bytes, rng: random.Random) -> bytes:
    return rng.choice(WHOLE)


def _change_json(data: bytes, rng: random.Random) -> bytes:
    values = json.loads(data)
    for _ in range(rng.choice([1, 1, 3])):
        holder: Any = values
        while True:
            key = rng.choice(list(holder)) if isinstance(holder, dict) else rng.randrange(len(holder))
            if isinstance(holder[key], dict | list) and holder[key] and rng.random() < 0.7:
                holder = holder[key]
            else:
                break
        if rng.random() < 0.2:
            del holder[key]
        else:
            holder[key] = rng.choice(VALUES)
        if not holder:
            break
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        return json.dumps(values).encode("utf-8", "surrogatepass")
    finally:
        sys.set_int_max_str_digits(limit)


def _change_cell(data: bytes, rng: random.Random) -> bytes:
    lines = data.decode("utf-8").split("\n")
    row = rng.randrange(min(len(lines), 5)) if rng.random() < 0.5 else rng.randrange(len(lines))
    cells = lines[row].split(",")
    cells[rng.randrange(len(cells))] = rng.choice(CELLS)
    if rng.random() < 0.1:
        rng.shuffle(cells)
    lines[row] = ",".join(cells)
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def readers(image: Path, out: Path) -> dict[str, Callable[[Run], object]]:
    """Everything that can be asked of a run, by name."""
    from alexnet.report.kernel_film import write_kernel_film
    from alexnet.report.page import write_comparison, write_report
    from alexnet.runs.compare import compare_runs
    from alexnet.runs.evaluate_runs import compare_views, evaluate
    from alexnet.training.train import resume

    return {
        "about": lambda run: run.about,
        "recipe": lambda run: run.recipe,
        "summary": lambda run: run.summary(),
        "html": lambda run: run._repr_html_(),
        "mistakes": lambda run: run.mistakes("pair").to_dict(),
        "curves": lambda run: run.curves().savefig(out / "curves.png"),
        "confusion": lambda run: run.confusion_matrix().savefig(out / "confusion.png"),
        "draw": lambda run: run.mistakes().draw(4).savefig(out / "mistakes.png"),
        "export": lambda run: run.mistakes().export(out / "mistakes"),
        "predict": lambda run: run.predict(image),
        "kernels": lambda run: run.draw_kernels(chosen=[0, 1]),
        "film": lambda run: write_kernel_film(run, out / "film.html"),
        "compare": lambda run: compare_runs([run, run]),
        "resume": resume,
        "evaluate": evaluate,
        "report": write_report,
        "comparison": lambda run: write_comparison([run, run], out / "comparison.html"),
        "views": lambda run: compare_views([run]),
    }


CHEAP = ("about", "recipe", "summary", "html", "mistakes", "compare", "resume")


def try_case(
    original: Path,
    image: Path,
    seed: int,
    folder: Path,
    *,
    names: tuple[str, ...] = CHEAP,
    files: tuple[str, ...] = FILES,
) -> list[str]:
    """Damage one file of a copy of a run, and ask; returns what went wrong otherwise than by an error of ours."""
    rng = random.Random(seed)
    copy, out = folder / "run", folder / "out"
    out.mkdir(parents=True)
    shutil.copytree(original, copy, copy_function=os.link, ignore=shutil.ignore_patterns("figures", "report.html"))
    file = rng.choice(files)
    how = damage(copy / file, rng)
    asked = readers(image, out)
    faults = []
    for name in names:
        try:
            asked[name](open_run(copy))
        except AlexNetError as error:
            if "\n" in str(error) or len(str(error)) > 2000:
                faults.append(f"seed {seed}: {file} {how}, {name}: not one line: {str(error)[:200]!r}")
        except Exception:
            faults.append(f"seed {seed}: {file} {how}, {name}:\n{traceback.format_exc(limit=-6)}")
    outside = [path for path in folder.iterdir() if path.name not in ("run", "out")]
    faults += [f"seed {seed}: {file} {how}: wrote {path}" for path in outside]
    shutil.rmtree(folder)
    return faults


def main(run: str, number: str, seed: str) -> None:
    """Try many cases and print what went wrong."""
    original = Path(run)
    image = next(Path(open_run(original).about.data.path).rglob("*.png"))
    bad = 0
    with contextlib.suppress(KeyboardInterrupt), tempfile.TemporaryDirectory(dir=original.parent) as folder:
        for case in range(int(seed), int(seed) + int(number)):
            rng = random.Random(-case)
            names = (*CHEAP, *rng.sample([n for n in readers(image, image) if n not in CHEAP], 2))
            for fault in try_case(original, image, case, Path(folder) / str(case), names=names):
                bad += 1
                sys.stdout.write(f"{fault}\n")
    sys.stdout.write(f"{bad} faults\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
