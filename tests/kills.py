"""Trainings killed at every write and at random moments: resumed, each must end as one that was left alone.

python -m tests.kills NUMBER SEED kills NUMBER trainings and prints what differed; a few are part of the tests.
A kill is SIGKILL: before a file is opened for writing, with half of its content written, or before its rename. At the
same moments a disk can be full, or a signal arrive. Only on POSIX: each training runs in a process that is forked, so
that torch is loaded once.
"""

import csv
import errno
import hashlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import alexnet.training.resume
from alexnet.data.folder import scan_folder
from alexnet.errors import AlexNetError
from alexnet.recipe import Recipe
from alexnet.run_folder import RunFolder
from alexnet.training.train import train_or_resume
from tests.conftest import small_recipe, write_images
from tests.narrow import narrow_variants

REFUSED, INTERRUPTED = 2, 130

TIMES = ("seconds", "images_per_second")
"""Columns of tables that say how long something took."""


def kill() -> None:
    """End this process at once."""
    os.kill(os.getpid(), signal.SIGKILL)


def fill_disk() -> None:
    """What a write meets on a full disk."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@dataclass
class WritePoints:
    """Counts the moments of writing in this process; at one of them, something happens.

    Args:
        folder: writing elsewhere does not count.
        at: the number of the moment, from 0; -1 for none.
        fault: what happens; a kill leaves half of what is being written.
    """

    folder: Path
    at: int = -1
    fault: Callable[[], object] = kill
    count: int = 0

    def install(self) -> None:
        """Watch every write of this process from now on."""
        fsync, append = os.fsync, RunFolder.append_records
        sys.addaudithook(self._hear)

        def half_flushed(file: int) -> None:
            path = Path(f"/proc/self/fd/{file}").readlink()
            self._pass(str(path), lambda: os.truncate(path, path.stat().st_size // 2) if path.is_file() else None)
            fsync(file)

        def half_appended(run: RunFolder, name: str, records: Any) -> None:
            path = run.path / name
            size = path.stat().st_size if path.is_file() else 0
            append(run, name, records)
            self._pass(str(path), lambda: os.truncate(path, (size + path.stat().st_size) // 2))

        os.fsync, RunFolder.append_records = half_flushed, half_appended  # type: ignore[assignment]

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], str) and (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR):
            self._pass(arguments[0], lambda: None)
        elif event in ("os.rename", "os.remove"):
            self._pass(str(arguments[0]), lambda: None)

    def _pass(self, path: str, damage: Callable[[], object]) -> None:
        if not os.path.abspath(path).startswith(str(self.folder)):  # noqa: PTH100  # an audit hook must be quick
            return
        self.count += 1
        if self.count == self.at + 1:
            if self.fault is kill:
                damage()
            self.fault()


def fingerprint(run: Path) -> dict[str, str]:
    """What a training leaves, by file, without the times."""
    left = {}
    for path in sorted(path for path in run.rglob("*") if path.is_file() and path.suffix in (".npy", ".safetensors")):
        left[str(path.relative_to(run))] = hashlib.sha256(path.read_bytes()).hexdigest()
    for name in ("steps.csv", "epochs.csv", "predictions.csv", "recipe.toml"):
        if not name.endswith(".csv"):
            left[name] = (run / name).read_text()
            continue
        with (run / name).open(newline="") as file:
            rows = [[row[key] for key in row if key not in TIMES] for row in csv.DictReader(file)]
        left[name] = repr(rows)
    return left


def in_child(work: Callable[[], object], *, seconds: float | None = None) -> int:
    """Do some work in a forked process; returns its exit status, as of the command, or negative for a signal.

    Args:
        seconds: kill it after so many.
    """
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        except KeyboardInterrupt:
            code = INTERRUPTED
        except AlexNetError as error:
            code = REFUSED if "\n" not in str(error) else 1
            sys.stderr.write(f"{error}\n")
        except BaseException as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
        finally:
            os._exit(code)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


@dataclass(frozen=True)
class Killer:
    """A training that is killed again and again; `root` gets a folder for each."""

    images: Path
    root: Path
    recipe: Recipe

    def training(self, case: Path, points: WritePoints | None = None) -> Callable[[], object]:
        """The work of a training in `case`, from images that are not decoded yet, which saves after every step."""

        def work() -> None:
            alexnet.training.resume.LARGEST_COST = 1e9
            os.environ["ALEXNET_CACHE"] = str(case / "cache")
            if points is not None:
                points.install()
            train_or_resume(scan_folder(self.images), self.recipe, case / "run")
            if points is not None:
                (self.root / "count").write_text(str(points.count))

        return work

    def reference(self) -> tuple[dict[str, str], int]:
        """What a training leaves that is left alone, and its number of moments of writing."""
        case = self.root / "alone"
        assert in_child(self.training(case, WritePoints(case))) == 0
        return fingerprint(case / "run"), int((self.root / "count").read_text())

    def kill_after(self, case: Path, seconds: float) -> bool:
        """Kill a training after some seconds; whether it was still running."""
        return in_child(self.training(case), seconds=seconds) == -signal.SIGKILL

    def disturb(self, case: Path, at: int, fault: Callable[[], object] = kill) -> int:
        """Let something happen to a training at a moment of writing; its exit status, negative for a signal."""
        return in_child(self.training(case, WritePoints(case, at, fault)))

    def differences(self, case: Path, expected: dict[str, str]) -> list[str]:
        """Resume a killed training; the files that differ from those of one left alone, and what else is wrong."""
        if in_child(self.training(case)) != 0:
            return ["it could not be resumed"]
        result = fingerprint(case / "run")
        wrong = sorted(name for name in expected | result if expected.get(name) != result.get(name))
        return wrong + [f"left {path}" for path in case.rglob("*.part*")]


def make_killer(root: Path) -> Killer:
    """A training of two epochs on few drawn images."""
    images = root / "images"
    write_images(images / "train", 10)
    write_images(images / "test", 4, first=1000)
    return Killer(images, root, small_recipe(epochs=2, batch_size=8, save_minutes=1e-9))


def main(number: int, seed: int) -> int:
    """Kill `number` trainings, half of them at every write in turn, half at random moments; returns the faults."""
    draw, faults, killed = random.Random(seed), 0, 0
    with tempfile.TemporaryDirectory() as folder:
        killer = make_killer(Path(folder))
        started = time.monotonic()
        expected, num_points = killer.reference()
        seconds = time.monotonic() - started
        for trial in range(number):
            case = Path(folder) / f"case-{trial}"
            if trial % 2:
                died = killer.kill_after(case, draw.uniform(0.0, seconds))
            else:
                died = killer.disturb(case, (seed + trial // 2) % num_points) == -signal.SIGKILL
            killed += died
            wrong = killer.differences(case, expected)
            faults += bool(wrong)
            if wrong:
                sys.stdout.write(f"trial {trial}: {wrong}\n")
            shutil.rmtree(case)
    sys.stdout.write(f"{number} trainings, {killed} killed, at {num_points} moments of writing; {faults} faults\n")
    return faults


if __name__ == "__main__":
    with narrow_variants():
        sys.exit(main(int(sys.argv[1]), int(sys.argv[2])) > 0)
