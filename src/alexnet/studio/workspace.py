"""The runs and the folders of images below the paths that the user gave; the only way from a name to a path."""

import contextlib
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

from starlette.requests import HTTPConnection

from alexnet.data.folder import ImageFolder, scan_folder
from alexnet.data.folder_layout import IMAGE_ENDINGS, is_hidden, split_of
from alexnet.data.sources import open_source
from alexnet.errors import DataError, RunError
from alexnet.files import is_there, shown_name, unescape_name, user_cache_dir
from alexnet.run_folder import RunFolder
from alexnet.studio.answers import NotHereError
from alexnet.studio.jobs import Jobs
from alexnet.studio.training_queue import TrainingQueue

__all__ = ["COLLECTED", "Listing", "Scan", "Workspace", "workspace_of"]

DEPTH = 4
"""Folders within folders that are looked into."""

MOST_LOOKED_INTO = 4000
"""Folders that are looked into for one listing."""

COLLECTED = ".collected"
"""An empty file in a folder that was made to be filled from the page, by which it is known while it is empty."""

NUM_PEEKED = 50
"""Entries of a folder among which an image is expected, if it holds any."""

LISTING_SECONDS = 1.0
"""A listing this young is used again."""

NUM_OLDER = 3
"""Earlier versions of a folder whose images can still be asked for: an added image moves the places of others."""

STAMP_SECONDS = 1.0
"""A folder that was looked at this recently is taken to be unchanged."""

WRITE_RUNS = ("train", "retrain")
"""Commands that write a new run."""

NOT_LOOKED_INTO = frozenset(("node_modules", "site-packages", "venv", "env"))
"""Folders of programs, which are large and hold no data of the user's."""


@dataclass(frozen=True)
class Listing:
    """Paths of runs and of folders of images by name. Names are fit to be shown, and unique."""

    runs: dict[str, Path]
    folders: dict[str, Path]


class Workspace:
    """What the studio shows: everything below `paths`.

    home: where new runs and folders are written: the first path that is neither a run nor a folder of images, or else
    the current folder, or the first one around it that is in none of them.
    jobs: the commands that were started from here. queue: the trainings that wait. computing: is held by whatever
    computes at length.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = tuple(path.resolve() for path in paths)
        self.home = _home(self.paths)
        self.jobs = Jobs()
        self.queue = TrainingQueue(self.runs_dir)
        self.computing = threading.Lock()
        self._lock = threading.RLock()
        self._listing: tuple[float, Listing] = (float("-inf"), Listing({}, {}))
        self._scans: dict[Path, Scan] = {}
        self._older: dict[Path, list[Scan]] = {}
        self._checked: dict[Path, float] = {}

    # --- what is there
    def listing(self, *, seconds: float = LISTING_SECONDS) -> Listing:
        """The runs and folders, listed anew where the last listing is older than `seconds`."""
        with self._lock:
            listed_at, listing = self._listing
            if time.monotonic() - listed_at > seconds:
                made = [
                    self.home / name for name in _folders_in(self.home) if (self.home / name / COLLECTED).is_file()
                ]
                listing = _list(self.paths, [self.runs_dir, self.practice_dir, *made])
                self._listing = (time.monotonic(), listing)
            return listing

    def run(self, name: str) -> RunFolder:
        """The run of a name.

        Raises:
            NotHereError: there is none.
        """
        path = self._look_up(name, "runs") or self._just_written(name)
        if path is None:
            raise NotHereError(f"{shown_name(name)[:80]}: there is no such run here; choose one on Home")
        return RunFolder.open(path)

    @property
    def runs_dir(self) -> Path:
        """Where new runs are written."""
        return self.home / "runs"

    @property
    def practice_dir(self) -> Path:
        """Where practice images are drawn."""
        return self.home / "practice"

    def pending(self) -> dict[str, Path]:
        """Trainings that were started here and have not written a run yet, by name; those that failed, too."""
        starts = [(Path(job.out), job) for job in self.jobs.known() if job.words[0] in WRITE_RUNS]
        early = [(out, job) for out, job in starts if out.parent == self.runs_dir and _kind(out) != "run"]
        return {
            shown_name(out.name): out
            for out, job in early
            if self.jobs.is_alive(job) or not self.jobs.wrote_run(job)  # else the run was deleted
        }

    def _just_written(self, name: str) -> Path | None:
        """A run that was started here and is there, though the last listing does not have it yet."""
        outs = (Path(job.out) for job in self.jobs.known())
        own = (out for out in outs if out.parent == self.runs_dir and shown_name(out.name) == name)
        return next((out for out in own if _kind(out) == "run"), None)

    def training_path(self, name: str) -> Path:
        """The path of a run, or of one that is being started.

        Raises:
            NotHereError: there is none.
        """
        path = self._look_up(name, "runs") or self.pending().get(name) or self._just_written(name)
        if path is None:
            raise NotHereError(f"{shown_name(name)[:80]}: there is no such training here; choose one on Home")
        return path

    def folder_path(self, name: str) -> Path:
        """The path of a folder of images.

        Raises:
            NotHereError: there is none.
        """
        path = self._look_up(name, "folders")
        if path is None:
            raise NotHereError(f"{shown_name(name)[:80]}: there is no such folder here; choose one on Home")
        return path

    def _look_up(self, name: str, kind: str) -> Path | None:
        known: dict[str, Path] = getattr(self.listing(seconds=60.0), kind)
        if name not in known or not is_there(known[name]):
            known = getattr(self.listing(), kind)
        return known.get(name)

    def folder(self, name: str) -> ImageFolder:
        """A folder of images, scanned.

        Raises:
            NotHereError: there is none.
            DataError: it cannot be read.
        """
        return self.scan(self.folder_path(name)).folder

    def version(self, name: str) -> str:
        """Digits that change when a file of the folder does."""
        return self.scan(self.folder_path(name)).version

    def scan(self, path: Path) -> "Scan":
        """The folder at a path that a listing or a run names; kept until a folder in it changes.

        Raises:
            DataError: it is not there, or cannot be read.
        """
        with self._lock:
            kept, now = self._scans.get(path), time.monotonic()
            if kept is not None and now - self._checked[path] < STAMP_SECONDS:
                return kept
            self._checked[path] = now
            if kept is not None and kept.stamp == _stamp(kept.folder):
                return kept
            folder = _empty(path) or scan_folder(path, min_classes=1)
            digest = blake2b(digest_size=8)
            for file in folder.files:
                digest.update(f"{file.entry.name}\0{file.entry.stamp}\0{file.entry.num_bytes}\n".encode())
            scan = Scan(_stamp(folder), folder, digest.hexdigest())
            if kept is not None and kept.version != scan.version:
                self._older[path] = [kept, *self._older.get(path, [])][:NUM_OLDER]
            self._scans[path] = scan
            return scan

    def scan_in_version(self, path: Path, version: str) -> "Scan | None":
        """The folder as a page has it that was loaded a moment ago; None for a version that is not known any more.

        Raises:
            DataError: it is not there, or cannot be read.
        """
        scans = [self.scan(path), *self._older.get(path, [])]
        return next((scan for scan in scans if scan.version == version), None)

    def forget(self, path: Path) -> None:
        """Look at a folder anew the next time: something was written into it."""
        with self._lock:
            self._checked[path] = float("-inf")

    def folder_name(self, path: Path) -> str | None:
        """The name under which a folder of images is listed; None where it is not."""
        listed = self.listing(seconds=60.0).folders
        return next((name for name, each in listed.items() if each.resolve() == path), None)


@dataclass(frozen=True)
class Scan:
    """A scanned folder. stamp: by which it is seen that the folder has changed. version: digits of its content."""

    stamp: object
    folder: ImageFolder
    version: str

    @cached_property
    def places(self) -> dict[str, int]:
        """Place in the listing by the name of the file."""
        return {file.entry.name: place for place, file in enumerate(self.folder.files)}


def workspace_of(connection: HTTPConnection) -> Workspace:
    """The workspace of a request's application."""
    workspace: Workspace = connection.app.state.workspace
    return workspace


def _empty(path: Path) -> ImageFolder | None:
    """A folder that is to be filled from the page and holds no image yet; None for others."""
    splits = [path / name for name in _folders_in(path) if split_of(name) and _folders_in(path / name)]
    classes = [base / name for base in splits or [path] for name in _folders_in(base)]
    if not (path / COLLECTED).is_file() or any(map(_has_image, classes)):
        return None
    return ImageFolder(path, open_source(path), tuple(sorted({each.name for each in classes})), (), ())


def _stamp(folder: ImageFolder) -> object:
    """Changes when an image of the folder is added, removed or renamed, not when corrections are written into it."""
    if not folder.path.is_dir():
        return _modified(folder.path)
    inner = [_modified(folder.path / unescape_name(name)) for name in sorted(folder.source.folders)]
    return _folders_in(folder.path), inner


def _modified(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return -1


def _home(paths: Sequence[Path]) -> Path:
    """Where new folders are written; never into a run or among the classes of a folder of images."""
    for path in paths:
        if path.is_dir() and _kind(path) == "other" and not _is_class(path):
            return path
    home = Path.cwd()
    while home != home.parent and os.access(home.parent, os.W_OK):
        if _kind(home) == "other" and not _is_class(home) and not {home, *home.parents} & set(paths):
            break
        home = home.parent
    return home


def _is_class(path: Path) -> bool:
    """Whether a folder is a class of the folder of images around it: it holds images and no folders."""
    is_full = _has_image(path) and not _folders_in(path)
    return is_full and any(_kind(each) == "folder" for each in [*path.parents][:2])


# --- looking around
def _list(paths: Sequence[Path], own: Sequence[Path]) -> Listing:
    """What is below paths of the user's, and below those that the studio writes to."""
    runs: list[Path] = []
    folders: list[Path] = []
    met: set[Path] = set()  # a link leads to the same
    cache = None
    with contextlib.suppress(DataError):  # there is none, then nothing is left out
        cache = user_cache_dir().resolve()  # what the program keeps for itself, networks of held-out images among it
    for roots in (paths, own):
        left = [MOST_LOOKED_INTO]
        for root in roots:
            for kind, path in _walk(root, DEPTH, left, cache):
                if path.resolve() not in met:
                    met.add(path.resolve())
                    (runs if kind == "run" else folders).append(path)
    return Listing(_name(runs), _name(folders))


def _walk(path: Path, depth: int, left: list[int], cache: Path | None) -> Iterator[tuple[str, Path]]:
    left[0] -= 1
    if left[0] < 0:
        return
    kind = _kind(path)
    if kind != "other":
        yield kind, path
    elif depth > 0:
        for name in _folders_in(path):
            if name not in NOT_LOOKED_INTO and path / name != cache:
                yield from _walk(path / name, depth - 1, left, cache)


def _kind(path: Path) -> str:
    """What is at a path: `run`, `folder` of images, or `other`."""
    if _is_run(path):
        return "run"
    if (path / COLLECTED).is_file():
        return "folder"
    if path.is_file():
        return "folder" if path.suffix.lower() in (".tar", ".zip") else "other"
    folders = [name for name in _folders_in(path) if not _is_run(path / name)]
    classes = [name for name in folders if _has_image(path / name)]
    splits = [n for n in folders if split_of(n) and n not in classes and not (path / n / COLLECTED).exists()]
    has_training = any(split_of(name) == "train" and _folders_in(path / name) for name in splits)
    has_classes = len(classes) > 1 and not all(map(split_of, classes))
    is_divided = (has_training or len(splits) == len(folders)) and any(_holds_classes(path / name) for name in splits)
    return "folder" if has_classes or is_divided else "other"


def _is_run(path: Path) -> bool:
    try:
        RunFolder.open(path)
    except RunError:
        return False
    return True


def _holds_classes(path: Path) -> bool:
    return any(_has_image(path / name) for name in _folders_in(path))


def _folders_in(path: Path) -> list[str]:
    try:
        with os.scandir(path) as items:
            return sorted(item.name for item in items if item.is_dir() and not is_hidden(item.name))
    except OSError:
        return []


def _has_image(path: Path) -> bool:
    try:
        with os.scandir(path) as items:
            names = (item.name for _, item in zip(range(NUM_PEEKED), items, strict=False))
            return any(name.lower().endswith(IMAGE_ENDINGS) for name in names)
    except OSError:
        return False


def _name(paths: Sequence[Path]) -> dict[str, Path]:
    """Each path by the last part of its name; namesakes by that and digits of the whole path.

    Were the first of them to keep the plain name, its page would show another one when it is deleted.
    """
    named: dict[str, Path] = {}
    plain = [shown_name(path.name) or "images" for path in paths]
    counts = Counter(plain)
    for path, name in zip(paths, plain, strict=True):
        if counts[name] > 1:
            digits = blake2b(os.fsencode(path), digest_size=2).hexdigest()
            name = f"{name}~{digits}"
        named[name] = path
    return named


def require_readable(paths: Sequence[Path]) -> None:
    """Check that the paths of the command line are there.

    Raises:
        DataError: one is not.
    """
    for path in paths:
        if not path.exists():
            raise DataError(f"{shown_name(path)}: no such file or folder; give runs, or folders that hold some")
