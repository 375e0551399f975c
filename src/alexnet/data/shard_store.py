"""Bytes of shards: from a folder, read in place, or from an HTTP server, downloaded whole into a bounded cache."""

import contextlib
import os
import time
from collections import OrderedDict, defaultdict
from collections.abc import Iterator, Sequence
from hashlib import blake2b, sha256
from pathlib import Path
from queue import Queue
from threading import Lock, Thread, get_ident
from typing import Protocol
from urllib.parse import quote

from filelock import BaseFileLock, FileLock, Timeout

from alexnet.data.cache_folder import cache_lock, caches_dir
from alexnet.data.limits import get_shard_cache_bytes
from alexnet.data.shards import Shard
from alexnet.downloads import download_patiently, file_sha256
from alexnet.errors import AlexNetError, DataError, DownloadError
from alexnet.files import disk_errors, shown_name

__all__ = ["LocalShards", "OpenShard", "OpenShards", "RemoteShards", "ShardStore"]

OPEN_FILES = 64
"""Tars that are kept open."""

TRIES = 3
"""To open a tar of the cache, which another process may remove just then."""

WAIT_SECONDS = 0.05
"""Between two looks whether another has finished a download."""

AHEAD_THREADS = 4
"""Shards that are downloaded at a time before they are needed."""

FULL_CACHE = "free some space, set ALEXNET_CACHE to another folder, or lower ALEXNET_MAX_SHARD_CACHE_BYTES"


class ShardStore(Protocol):
    """Where the tars of a set are. All calls are thread-safe."""

    def path(self, name: str) -> Path:
        """A tar of the set as a local file. Raises DataError or DownloadError where it cannot be had."""

    def forget(self, name: str) -> bool:
        """Whether a damaged tar can be had anew, and is from now on."""

    def keep(self, num_shards: int) -> None:
        """Keep so many downloaded tars at least."""

    def fetch_ahead(self, names: Sequence[str]) -> None:
        """Have tars ready that are needed soon, without waiting for them."""


class LocalShards:
    """Tars of a folder. num_bytes: of each, as it was written."""

    def __init__(self, folder: Path, num_bytes: dict[str, int]) -> None:
        self._folder, self._num_bytes = folder, num_bytes

    def path(self, name: str) -> Path:
        """The tar itself."""
        path = self._folder / name
        try:
            size = path.stat().st_size
        except OSError as error:
            reason = error.strerror or str(error)
            raise DataError(f"{shown_name(path)}: cannot be read ({reason}); restore the shard") from error
        if size != self._num_bytes[name]:
            raise DataError(
                f"{shown_name(path)}: has {size:,} bytes, and had {self._num_bytes[name]:,} when it was listed; "
                "restore the shard, or write the shards again"
            )
        return path

    def forget(self, name: str) -> bool:  # noqa: ARG002
        """There is no other copy."""
        return False

    def keep(self, num_shards: int) -> None:
        """Nothing is downloaded."""

    def fetch_ahead(self, names: Sequence[str]) -> None:
        """Nothing is to be done."""


class RemoteShards:
    """Tars of an HTTP server, in a cache that forgets the tar used longest ago.

        images/shards-KEY/train-000000.tar         a whole tar, its checksum compared
        images/shards-KEY/train-000000.tar.part    one on its way; whoever needs it next continues it

    Processes that share the cache folder share the tars, too.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.folder = caches_dir() / f"shards-{blake2b(address.encode(), digest_size=8).hexdigest()}"
        self._shards: dict[str, Shard] = {}
        self._num_kept, self._most_bytes = 2, get_shard_cache_bytes()
        self._asked: OrderedDict[str, None] = OrderedDict()
        self._queue: Queue[str] = Queue()
        self._lock, self._starting = Lock(), Lock()

    def use(self, shards: Sequence[Shard]) -> None:
        """Take the tars from a manifest."""
        self._shards = {shard.name: shard for shard in shards}

    def keep(self, num_shards: int) -> None:
        """Keep so many tars whatever the limit: those that are read at the same time."""
        self._num_kept = num_shards

    def read_manifest(self, name: str) -> bytes:
        """The bytes of the manifest, always from the server."""
        part = self.folder / f"{name}.{os.getpid()}-{get_ident()}.part"
        with disk_errors(self.folder, DownloadError, FULL_CACHE), self._locked(name):
            part.unlink(missing_ok=True)
            try:
                download_patiently(self._url(name), part)
                return part.read_bytes()
            finally:
                part.unlink(missing_ok=True)

    def read_index(self, shard: Shard) -> bytes:
        """The bytes of a tar's index, kept in the cache."""
        path, part = self.folder / shard.index_name, self.folder / f"{shard.index_name}.part"
        with contextlib.suppress(OSError):
            data = path.read_bytes()
            if sha256(data).hexdigest() == shard.index_sha256:
                return data
        with disk_errors(self.folder, DownloadError, FULL_CACHE), self._locked(shard.index_name):
            part.unlink(missing_ok=True)
            download_patiently(self._url(shard.index_name), part)
            data = part.read_bytes()
            part.replace(path)
        return data

    def path(self, name: str) -> Path:
        """The tar in the cache, downloaded where it is not there.

        Raises:
            DownloadError: it does not come, or it is not the one of the manifest.
        """
        path, shard = self.folder / name, self._shards[name]
        with disk_errors(path, DownloadError, FULL_CACHE):
            if _is_there(path, shard):
                return path
            with self._locked(name):
                if not _is_there(path, shard):
                    self._download(shard, path)
        self._remove_oldest()
        return path

    def _download(self, shard: Shard, path: Path) -> None:
        url, part = self._url(shard.name), path.with_name(f"{shard.name}.part")
        continued = part.exists() and part.stat().st_size > 0
        download_patiently(url, part)
        if continued and file_sha256(part) != shard.sha256:  # the part may have been of an older tar
            part.unlink()
            download_patiently(url, part)
        if file_sha256(part) != shard.sha256:
            part.unlink()
            raise DownloadError(
                f"{url}: has changed on the server (its SHA-256 is not that of the manifest); restore it there, or "
                "train again on the new shards"
            )
        part.replace(path)

    def forget(self, name: str) -> bool:
        """The tar is downloaded again when it is next needed."""
        (self.folder / name).unlink(missing_ok=True)
        return True

    def fetch_ahead(self, names: Sequence[str]) -> None:
        """Download tars in the background; what fails there is tried again, and reported, when it is needed."""
        with self._lock:
            if not self._asked:
                for number in range(AHEAD_THREADS):  # daemons: the end of the program does not wait for a download
                    Thread(target=self._fetch_asked, name=f"shards-{number}", daemon=True).start()
            for name in names:
                if name not in self._asked:
                    self._asked[name] = None
                    self._queue.put(name)
            while len(self._asked) > self._num_kept:  # later it may have been removed again
                self._asked.popitem(last=False)

    def _fetch_asked(self) -> None:
        while True:
            with contextlib.suppress(AlexNetError, OSError):
                self.path(self._queue.get())

    def _remove_oldest(self) -> None:
        """Remove the tars of all sets used longest ago, down to the limit."""
        tars = []
        for path in self.folder.parent.glob("shards-*/*.tar"):
            with contextlib.suppress(OSError):
                status = path.stat()
                tars.append((status.st_mtime_ns, status.st_size, path))
        tars.sort(reverse=True)
        total = 0
        for place, (_, size, path) in enumerate(tars):
            total += size
            if total > self._most_bytes and place >= self._num_kept:
                with contextlib.suppress(OSError):
                    path.unlink()

    def _url(self, name: str) -> str:
        return f"{self.address}/{quote(name)}"

    @contextlib.contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        """Hold a file of the set; whoever clears the cache leaves alone a set of which any file is held."""
        lock = self._hold(name)
        while lock is None:
            time.sleep(WAIT_SECONDS)
            lock = self._hold(name)
        try:
            yield
        finally:
            lock.release()

    def _hold(self, name: str) -> BaseFileLock | None:
        """The lock of a file; None while another holds it. No lock is made in a folder that is being cleared."""
        with self._starting, cache_lock(self.folder):  # threads of one process wait for each other without polling
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / f".{name}.lock", blocking=False)
            with contextlib.suppress(Timeout):
                lock.acquire()
                return lock
        return None


def _is_there(path: Path, shard: Shard) -> bool:
    """Whether a tar is in the cache whole; from now on it counts as used."""
    try:
        if path.stat().st_size != shard.num_bytes:
            return False
        os.utime(path)
    except OSError:
        return False
    return True


class OpenShards:
    """Tars that are kept open to be read at any place, by several threads."""

    def __init__(self, store: ShardStore) -> None:
        self._store = store
        self._files: OrderedDict[str, OpenShard] = OrderedDict()
        self._lock = Lock()
        self._opening: defaultdict[str, Lock] = defaultdict(Lock)

    def file(self, name: str) -> "OpenShard":
        """A tar, opened where it is not. Raises OSError where it cannot be read."""
        file = self._opened(name)
        if file is None:
            with self._opening_lock(name):  # threads that need the same tar open it once
                file = self._opened(name) or self._open_anew(name)
        return file

    def renew(self, name: str, damaged: "OpenShard") -> "OpenShard":
        """A tar without the damage, where another copy can be had: another thread may have opened it already."""
        with self._opening_lock(name):
            file = self._opened(name)
            if file is not None and file is not damaged:
                return file
            with self._lock:
                self._files.pop(name, None)
            return self._open_anew(name) if self._store.forget(name) else damaged

    def _opening_lock(self, name: str) -> Lock:
        with self._lock:
            return self._opening[name]

    def _opened(self, name: str) -> "OpenShard | None":
        with self._lock:
            file = self._files.get(name)
            if file is not None:
                self._files.move_to_end(name)
            return file

    def _open_anew(self, name: str) -> "OpenShard":
        file = self._open_file(name)
        with self._lock:
            self._files[name] = file
            while len(self._files) > OPEN_FILES:
                self._files.popitem(last=False)  # a thread that reads it still holds it
        return file

    def _open_file(self, name: str) -> "OpenShard":
        for _ in range(TRIES):
            with contextlib.suppress(FileNotFoundError):  # another process has removed it from the cache meanwhile
                return OpenShard(self._store.path(name))
        return OpenShard(self._store.path(name))


class OpenShard:
    """A file that several threads read; closed when the last of them lets go of it."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        self._lock = Lock()

    def read(self, offset: int, length: int) -> bytes:
        """Bytes at a place."""
        if hasattr(os, "pread"):
            return os.pread(self._file.fileno(), length, offset)
        with self._lock:
            self._file.seek(offset)
            return self._file.read(length)

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()
