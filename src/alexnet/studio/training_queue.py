"""Trainings that wait until the one that runs has ended, in a file that outlives the server and is shared."""

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path

import filelock

from alexnet.errors import AlexNetError, DataError
from alexnet.files import disk_errors, shown_name, user_cache_dir, write_whole
from alexnet.records import Record
from alexnet.studio.jobs import Jobs

__all__ = ["TrainingQueue", "Waiting"]

LOCK_SECONDS = 10.0
"""How long a change waits for that of another server, which takes a moment."""


@dataclass(frozen=True)
class Waiting(Record):
    """A training that waits. out: its run folder. words: of its command. data, preset: as they are shown. added: ISO
    8601, UTC."""

    out: str
    words: tuple[str, ...]
    data: str
    preset: str
    added: str = ""

    @property
    def name(self) -> str:
        """The name of its run."""
        return Path(self.out).name

    @property
    def settings(self) -> list[str]:
        """What is changed in the preset, each as `epochs = 3`, and whether labels are corrected."""
        settings = [word.partition("=") for option, word in pairwise(self.words) if option == "--set"]
        changed = [f"{name} = {Path(value).name if name == 'weights' else value}" for name, _, value in settings]
        return changed + ["corrected labels"] * ("--corrections" in self.words)


class TrainingQueue:
    """The queue of a folder of runs; first come, first trained.

    It lies in the user's cache, not in the folder: its commands are started unasked, and a folder may come from
    others.
    """

    def __init__(self, runs_dir: Path) -> None:
        self._runs_dir = runs_dir
        self.fault = ""
        """Why the next training could not be started."""

    @property
    def _path(self) -> Path:
        name = blake2b(os.fsencode(self._runs_dir), digest_size=12).hexdigest()
        return user_cache_dir() / "studio" / "queues" / f"{name}.json"

    def waiting(self) -> list[Waiting]:
        """The trainings that wait, the next one first.

        Raises:
            DataError: the file is damaged, or cannot be read.
        """
        try:
            return [Waiting.from_dict(each) for each in json.loads(self._path.read_text(encoding="utf-8"))]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError) as error:
            raise DataError(f"{shown_name(self._path)}: cannot be read ({error}); delete it") from error

    def add(self, make: Callable[[], Waiting]) -> Waiting:
        """Append a training. `make` is called while nobody else changes the queue, so that it can choose a free name.

        Raises:
            DataError: the queue cannot be read or written.
        """
        with self._held():
            added = replace(make(), added=datetime.now(UTC).isoformat(timespec="seconds"))
            self._write([*self.waiting(), added])
        return added

    def remove(self, name: str) -> None:
        """Take a training out of the queue.

        Raises:
            DataError: it does not wait, or the queue cannot be read or written.
        """
        with self._held():
            waiting = self.waiting()
            kept = [each for each in waiting if each.name != name]
            if len(kept) == len(waiting):
                raise DataError(f"{shown_name(name)[:80]}: is no longer waiting; it may have started")
            self._write(kept)

    def start_next(self, jobs: Jobs, is_busy: Callable[[], bool]) -> None:
        """Start the first training, unless another one runs; of several servers, one does so.

        It is taken out of the file after its start. Where the server ends in between, its job shows that it has
        started, and it is not started again.
        """
        try:
            if self.waiting():
                with contextlib.suppress(_HeldError), self._held(seconds=0):
                    self._start_first(jobs, is_busy)
            self.fault = ""
        except AlexNetError as error:
            self.fault = str(error)

    def _start_first(self, jobs: Jobs, is_busy: Callable[[], bool]) -> None:
        waiting = self.waiting()
        left = [each for each in waiting if not _has_started(each, jobs)]
        if left and not is_busy():
            jobs.start(left[0].words, Path(left[0].out))
            left = left[1:]
        if left != waiting:
            self._write(left)

    @contextlib.contextmanager
    def _held(self, *, seconds: float = LOCK_SECONDS) -> Iterator[None]:
        with disk_errors(self._path, DataError, "check its permissions"):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(self._path.with_suffix(".lock"), timeout=seconds)
            try:
                lock.acquire()
            except filelock.Timeout as error:
                raise _HeldError("the queue is being changed by another studio; try again in a moment") from error
        try:
            yield
        finally:
            lock.release()

    def _write(self, waiting: list[Waiting]) -> None:
        text = json.dumps([each.to_dict() for each in waiting], indent=1)
        with disk_errors(self._path, DataError, "check its permissions"):
            write_whole(self._path, lambda beside: beside.write_text(text, encoding="utf-8"))


def _has_started(waiting: Waiting, jobs: Jobs) -> bool:
    """Whether its own job is known; one that is older wrote a run of the same name that was deleted since."""
    job = jobs.of(Path(waiting.out))
    return job is not None and job.started >= waiting.added


class _HeldError(DataError):
    """Another server changes the queue at the moment."""
