"""Commands that the studio starts: processes of their own, which go on when the page or the server is closed.

What is known of a job lies in the user's cache, so that a server that is started again finds it: a JSON file with the
process, and a log with what the command said, both named after what the job writes.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

import alexnet
from alexnet.errors import AlexNetError, DataError
from alexnet.files import disk_errors, shown_name, user_cache_dir, write_whole
from alexnet.records import Record

__all__ = ["Job", "Jobs"]

LOG_BYTES = 200_000
"""Bytes at the end of a log that are looked at."""

RESULT_BYTES = 64_000_000
"""The same for the object at its end."""

OFTEN_TOLD = ("doubts", "data", "enough", "shortcuts", "predict", "retrain")
"""Commands whose progress a page shows; the others are followed by the run that they write."""

INSTALLED = ("site-packages", "dist-packages")

PROC = Path("/proc")
"""Where Linux shows its processes."""

IS_WINDOWS = sys.platform == "win32"

APART: Any = {"creationflags": 0x200} if IS_WINDOWS else {"start_new_session": True}
"""So that Ctrl-C in the server's terminal does not end a job. 0x200: CREATE_NEW_PROCESS_GROUP."""

INTERRUPT = getattr(signal, "CTRL_BREAK_EVENT", signal.SIGINT)
"""What ends a job as Ctrl-C does; Windows sends Ctrl-C to the whole console only."""


@dataclass(frozen=True)
class Job(Record):
    """A command. out: what it writes, by which it is known. words: of the command. started: ISO 8601, UTC."""

    out: str
    words: tuple[str, ...]
    process: int
    started: str


class Jobs:
    """The jobs of this user, those of earlier servers too."""

    def __init__(self) -> None:
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._stopped: set[int] = set()
        """Processes that were asked to end: one that is still loading Python ends without a word."""
        self._lock = threading.Lock()

    def start(self, words: Sequence[str], out: Path) -> Job:
        """Start `alexnet WORDS...` in a session of its own.

        Raises:
            DataError: a job that writes there is running, or the system starts no process.
        """
        with self._lock:
            known = self.of(out)
            if known is not None and self.is_alive(known):
                raise DataError(f"{shown_name(out.name)}: is being written already; wait for it, or stop it")
            log, record = self._path(out, "log"), self._path(out, "json")
            with disk_errors(log, DataError, "check its permissions"):
                log.parent.mkdir(parents=True, exist_ok=True)
                with log.open("wb") as file, _interrupts_wait():
                    child = subprocess.Popen(
                        [sys.executable, "-m", "alexnet", *words],
                        stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT,
                        env=_environment(words), **APART,
                    )  # fmt: skip
                self._children[child.pid] = child
                self._stopped.discard(child.pid)
                now = datetime.now(UTC).isoformat(timespec="seconds")
                job = Job(str(out), tuple(words), child.pid, now)
                text = json.dumps(job.to_dict())
                try:
                    write_whole(record, lambda beside: beside.write_text(text, encoding="utf-8"))
                except OSError:  # without a record it could not be stopped from the page
                    child.kill()
                    child.wait()
                    raise
            return job

    def of(self, out: Path) -> Job | None:
        """The last job that writes to a path."""
        job = _read(self._path(out, "json"))
        return job if job is not None and job.out == str(out) else None

    def known(self) -> list[Job]:
        """Every job that was started, in no order."""
        with contextlib.suppress(OSError):
            return [job for path in _jobs_dir().glob("*.json") if (job := _read(path)) is not None]
        return []

    def is_alive(self, job: Job) -> bool:
        """Whether the process of a job is running; a later process of the same number does not count."""
        child = self._children.get(job.process)
        if child is not None:
            return child.poll() is None
        return _is_process_of(job.process, job.out)

    def stop(self, job: Job) -> None:
        """Ask a job to end, as Ctrl-C does: a training saves its state first."""
        if self.is_alive(job):
            self._stopped.add(job.process)
            with contextlib.suppress(ProcessLookupError):
                os.kill(job.process, INTERRUPT)

    def lines(self, job: Job) -> list[str]:
        """What the command said last."""
        return [shown_name(line) for line in self._end(job, LOG_BYTES).splitlines() if line.strip()]

    def result(self, job: Job) -> dict[str, Any] | None:
        """The object that a command with `--json` has printed; None where it has not."""
        text = self._end(job, RESULT_BYTES)
        line = next((line for line in reversed(text.splitlines()) if line.startswith("{")), "")
        with contextlib.suppress(ValueError):
            values = json.loads(line)
            return values if isinstance(values, dict) else None
        return None

    def _end(self, job: Job, most: int) -> str:
        """The end of the log, at most that many bytes."""
        try:
            with self._path(Path(job.out), "log").open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - most))
                return file.read().decode("utf-8", "replace")
        except OSError:
            return ""

    def fault(self, job: Job) -> str:
        """The one line with which a command failed; empty where it did not."""
        ends = [line for line in self.lines(job) if line.startswith("alexnet: ")]
        return ends[-1].removeprefix("alexnet: ") if ends else ""

    def was_interrupted(self, job: Job) -> bool:
        """Whether a job that has ended was stopped from here or by Ctrl-C, also where it could not say so yet."""
        child = self._children.get(job.process)
        is_stopped = child is not None and job.process in self._stopped and child.poll() not in (None, 0)
        return self.fault(job) == "interrupted" or is_stopped

    def wrote_run(self, job: Job) -> bool:
        """Whether a training that has ended got as far as to write a run, which may have been deleted since."""
        if job.words[0] == "resume" or any(line.startswith("epoch ") for line in self.lines(job)):
            return True
        return job.words[0] != "train" and not self.fault(job)

    def reason(self, job: Job) -> str:
        """Why a command failed: its own line, or else what it said last."""
        lines = self.lines(job)
        last = f"; its last line: {lines[-1]}" if lines else ""
        return self.fault(job) or f"its process ended without a reason, perhaps for lack of memory{last}"

    def _path(self, out: Path, kind: str) -> Path:
        name = blake2b(os.fsencode(out), digest_size=12).hexdigest()
        return _jobs_dir() / f"{name}.{kind}"


@contextlib.contextmanager
def _interrupts_wait() -> Iterator[None]:
    """A process that is started inside gets Ctrl-C when it is ready for it: Python may drop it while it loads."""
    if IS_WINDOWS:
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _jobs_dir() -> Path:
    return user_cache_dir() / "studio"


def _read(path: Path) -> Job | None:
    """The job of a file; None where there is none, or it is damaged."""
    try:
        return Job.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, AlexNetError):
        return None


def _is_process_of(process: int, out: str) -> bool:
    """Whether the command line of a process names `out`, what a job writes; False where there is no such process."""
    if (PROC / "self").exists():
        with contextlib.suppress(OSError):
            return os.fsencode(out) in (PROC / str(process) / "cmdline").read_bytes().split(b"\0")
        return False
    if not IS_WINDOWS:  # there it would end the process
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return False
        except OSError:  # another user's
            pass
    ask = f"(Get-CimInstance Win32_Process | Where-Object ProcessId -eq {process}).CommandLine"
    ps = ["ps", "-ww", "-o", "command=", "-p", str(process)]
    words = ["powershell", "-NoProfile", "-Command", ask] if IS_WINDOWS else ps
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        told = subprocess.run(words, capture_output=True, text=True, errors="replace", timeout=10, check=False)
        return re.search(rf"{re.escape(out)}(?=[\s\"']|$)", told.stdout) is not None
    return False


def _environment(words: Sequence[str]) -> dict[str, str]:
    """This process's, in which a program that was not installed is found as well."""
    often = {"ALEXNET_PROGRESS": "often"} if words[0] in OFTEN_TOLD else {}
    place = Path(alexnet.__file__).resolve().parents[1]
    if place.name in INSTALLED:
        return dict(os.environ) | often
    paths = [str(place), *filter(None, [os.environ.get("PYTHONPATH")])]
    return dict(os.environ) | often | {"PYTHONPATH": os.pathsep.join(paths)}
