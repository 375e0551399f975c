"""A folder of images as shards: checked, shuffled, dealt into tars of bounded size."""

import io
import json
import tarfile
import zlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from hashlib import blake2b, sha256
from pathlib import Path
from typing import IO

import filelock
import numpy as np

from alexnet.data.decode import ImageFacts, plain_preprocessing
from alexnet.data.decode_files import read_checked
from alexnet.data.folder import ImageFile, ImageFolder, scan_folder
from alexnet.data.shards import MANIFEST, UNFINISHED, Shard, ShardIndex, ShardSet, SplitName, parse_manifest, to_json
from alexnet.data.split import hold_out
from alexnet.errors import DataError
from alexnet.files import disk_errors, is_unfinished, shown_name, write_whole
from alexnet.practice.new_folder import refuse_inside
from alexnet.presets import PRESETS
from alexnet.progress_callback import Progress

__all__ = ["write_shards"]

LOCK = ".shards.lock"

SHARD_MB = 32.0
"""Default size of a tar: large enough to be read at full speed, small enough that a few are downloaded soon."""

MOST_IMAGES = 10_000
"""Images of a tar, however small they are: its index stays a small file."""

ENDINGS = {"JPEG": "jpg", "MPO": "jpg", "TIFF": "tif", "JPEG2000": "jp2"}
"""Endings by format, where they are not its name in lower case: readers choose a decoder by them."""

MODE = 0o644
BLOCK = 512
"""Bytes of a tar's header, which lies before each file."""


def write_shards(
    folder: ImageFolder | Path | str,
    out: Path | str,
    *,
    seed: int = 0,
    shard_mb: float = SHARD_MB,
    test_fraction: float = 0.2,
    on_progress: Progress | None = None,
) -> ShardSet:
    """Write a folder of images as tars in the WebDataset format, with an index of each and a manifest.

    The bytes of images stay as they are; files that are no usable image are left out and listed. Training images are
    shuffled first. Interrupted or killed, the same call goes on after the last whole tar; the bytes are the same.

    Args:
        folder: a scanned folder, or the path of a folder, `.tar` or `.zip` of class folders.
        out: a new or empty folder, or one that the same call has begun.
        seed: of the order of the training images, >= 0.
        shard_mb: size of a tar, MB, >= 0.01; one with a single larger image is larger.
        test_fraction: of the images of each class, where the folder has no test set, above 0 and below 1; files of
            the same bytes stay on one side.
        on_progress: called with (files done, files in all).

    Raises:
        DataError: `out` holds something else, lies in the folder of images or cannot be written, or a file cannot be
            read just now.

    >>> shards = write_shards("images", "shards", shard_mb=0.1)
    >>> shards.num_images("train"), shards.num_images("test")
    (72, 21)
    """
    scanned = folder if isinstance(folder, ImageFolder) else scan_folder(folder)
    if seed < 0 or shard_mb < 0.01 or not 0.0 < test_fraction < 1.0:
        raise DataError(
            f"seed = {seed}, shard_mb = {shard_mb:g}, test_fraction = {test_fraction:g}: give a seed of at least 0, "
            "at least 0.01 MB, and a fraction between 0 and 1"
        )
    target = Path(out)
    with disk_errors(target, DataError, "choose another folder"), _locked(target, scanned.path):
        sequences = _deal(scanned, seed, test_fraction)
        plan = _plan(scanned.classes, sequences, seed, shard_mb)
        made = _read_own(target, plan)
        if made is None:
            made = _Writer(scanned, target, int(shard_mb * 1e6), on_progress).write(sequences, seed, plan)
            write_whole(target / MANIFEST, lambda beside: beside.write_bytes(to_json(made)))
        (target / UNFINISHED).unlink(missing_ok=True)
    return made


@contextmanager
def _locked(target: Path, source: Path) -> Iterator[None]:
    """Hold a folder for one writer. Raises DataError where another holds it, or it holds something else.

    source: the folder of images, in which it may not lie.
    """
    shown = shown_name(target)
    own = (target / UNFINISHED).is_file() or (target / MANIFEST).is_file()
    if target.exists() and not own and not _is_empty(target):
        raise DataError(f"{shown}: exists and is not an empty folder; choose another folder or delete it")
    refuse_inside(target, source)
    target.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(target / LOCK, blocking=False)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise DataError(f"{shown}: another process is writing it; wait for it, or choose another folder") from error
    except NotImplementedError:  # a file system without locks
        yield
        return
    try:
        yield
    finally:
        (target / LOCK).unlink(missing_ok=True)
        lock.release()


def _is_empty(target: Path) -> bool:
    """Whether a folder holds nothing but what a writer leaves that is killed at its first write."""
    return target.is_dir() and all(path.name == LOCK or is_unfinished(path) for path in target.iterdir())


def _read_own(target: Path, plan: str) -> ShardSet | None:
    """The finished set of a folder; None where it is to be written from the start or from where it stopped."""
    shown, unfinished = shown_name(target), target / UNFINISHED
    if (target / MANIFEST).is_file():
        made = parse_manifest((target / MANIFEST).read_bytes(), shown_name(target / MANIFEST))
        if made.plan == plan:
            return made
        raise DataError(f"{shown}: holds shards of other images or settings; choose another folder or delete it")
    if unfinished.is_file():
        if unfinished.read_bytes() == _begun(plan):
            return None
        raise DataError(
            f"{shown}: was begun with other images or settings; give the same ones, or delete it and start again"
        )
    write_whole(unfinished, lambda beside: beside.write_bytes(_begun(plan)))
    return None


def _begun(plan: str) -> bytes:
    return (json.dumps({"plan": plan}) + "\n").encode()


def _deal(folder: ImageFolder, seed: int, test_fraction: float) -> dict[SplitName, list[ImageFile]]:
    """The files of each split in the order in which they are written: training images shuffled, others by name."""
    sides: dict[SplitName, list[ImageFile]] = {"train": [], "validation": [], "test": []}
    unsplit = [file for file in folder.files if file.split is None]
    for split, files in sides.items():
        files += [file for file in folder.files if file.split == split]
    if unsplit:
        digests = _content_digests(folder, unsplit)
        names = [file.folder_class for file in unsplit]
        train, test = hold_out(range(len(unsplit)), names, digests, test_fraction, seed, at_least=1)
        sides["train"] += [unsplit[place] for place in train]
        sides["test"] += [unsplit[place] for place in test]
    order = np.random.default_rng(seed).permutation(len(sides["train"]))
    sides["train"] = [sides["train"][place] for place in order]
    return {split: files for split, files in sides.items() if files}


def _content_digests(folder: ImageFolder, files: Sequence[ImageFile]) -> list[str]:
    """A checksum of each file's bytes; of its name where it cannot be read, as it is left out later."""
    digests = []
    for file in files:
        try:
            digests.append(blake2b(folder.source.read(file.entry), digest_size=16).hexdigest())
        except OSError:
            digests.append(file.entry.name)
    return digests


def _plan(classes: tuple[str, ...], sequences: dict[SplitName, list[ImageFile]], seed: int, shard_mb: float) -> str:
    """A checksum of all that the bytes of a set follow from."""
    digest = blake2b(repr((1, classes, seed, shard_mb)).encode(), digest_size=16)
    for split, files in sequences.items():
        for file in files:
            entry = file.entry
            digest.update(f"{split}\0{entry.name}\0{entry.num_bytes}\0{entry.stamp}\0{file.class_name}\n".encode())
    return digest.hexdigest()


@dataclass(frozen=True)
class _Sample:
    """An image on its way into a tar. place: among the files of its split."""

    place: int
    file: ImageFile
    data: bytes
    format: str


class _Writer:
    """Writes the tars of one set."""

    def __init__(self, folder: ImageFolder, target: Path, most_bytes: int, on_progress: Progress | None) -> None:
        self._folder, self._target, self._most_bytes = folder, target, most_bytes
        self._on_progress = on_progress
        self._numbers = {name: number for number, name in enumerate(folder.classes)}
        self._preprocessing = plain_preprocessing(PRESETS["fast"])

    def write(self, sequences: dict[SplitName, list[ImageFile]], seed: int, plan: str) -> ShardSet:
        """Write every tar that is not there yet; the manifest of all."""
        total, before = sum(map(len, sequences.values())), 0
        shards: list[Shard] = []
        for split, files in sequences.items():
            for name, index in self._write_split(split, files, before, total):
                indexed = sha256(to_json(index)).hexdigest()
                shards.append(Shard(name, split, len(index.files), index.num_bytes, index.sha256, indexed))
            before += len(files)
        if not any(shard.split == "train" for shard in shards):
            raise DataError(f"{shown_name(self._folder.path)}: holds no usable training image; add images")
        left_out = total - sum(shard.num_images for shard in shards)
        return ShardSet(1, self._folder.classes, tuple(shards), seed, plan, left_out)

    def _write_split(
        self, split: str, files: list[ImageFile], before: int, total: int
    ) -> Iterator[tuple[str, ShardIndex]]:
        number = place = 0
        while (index := self._whole_index(f"{split}-{number:06d}", place)) is not None:
            yield f"{split}-{number:06d}.tar", index
            number, place = number + 1, index.stop
        samples = _Samples(self._check(files, place), place)
        while samples.peek() is not None:
            name = f"{split}-{number:06d}"
            index = self._write_shard(name, samples)
            yield f"{name}.tar", index
            number += 1
            if self._on_progress:
                self._on_progress(before + index.stop, total)
        samples.close()

    def _whole_index(self, name: str, first: int) -> ShardIndex | None:
        """The index of a tar that an earlier call wrote whole."""
        tar, path = self._target / f"{name}.tar", self._target / f"{name}.json"
        if not path.is_file() or not tar.is_file():
            return None
        try:
            index = ShardIndex.from_dict(json.loads(path.read_bytes()))
        except ValueError:
            return None
        return index if index.num_bytes == tar.stat().st_size and index.first == first else None

    def _check(self, files: list[ImageFile], first: int) -> Generator[_Sample | tuple[str, str], None, None]:
        """The usable images from a place on; of the others name and reason."""
        entries = (file.entry for file in files[first:])
        with closing(read_checked(self._folder.source, entries, self._preprocessing)) as read:
            for place, (data, facts) in enumerate(read, start=first):
                file = files[place]
                if facts.may_pass:
                    where = f"{shown_name(self._folder.path)}: {file.entry.name}"
                    raise DataError(f"{where}: {facts.error}; the same command goes on from here")
                if data is None:
                    yield file.entry.name, facts.error or "no image"
                else:
                    yield _Sample(place, file, data, _ending(facts))

    def _write_shard(self, name: str, samples: "_Samples") -> ShardIndex:
        """Fill a tar up to its size, and write its index after it."""
        made: list[ShardIndex] = []

        def fill(beside: Path) -> None:
            with beside.open("wb") as file:
                made.append(self._fill(file, name.partition("-")[0], samples))

        write_whole(self._target / f"{name}.tar", fill)
        write_whole(self._target / f"{name}.json", lambda beside: beside.write_bytes(to_json(made[0])))
        return made[0]

    def _fill(self, file: IO[bytes], split: str, samples: "_Samples") -> ShardIndex:
        rows: list[tuple[int, int, int, int, str]] = []
        first, hashing = samples.stop, _Hashing(file)
        with tarfile.open(fileobj=hashing, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            while (sample := samples.peek()) is not None:
                is_full = tar.offset + len(sample.data) > self._most_bytes or len(rows) >= MOST_IMAGES
                if rows and is_full:
                    break
                number = self._numbers[sample.file.class_name]
                about = {"class": sample.file.class_name, "file": sample.file.entry.name}
                key = f"{split}-{sample.place:09d}"
                offset = tar.offset + BLOCK
                _add(tar, f"{key}.{sample.format}", sample.data)
                _add(tar, f"{key}.cls", str(number).encode())
                _add(tar, f"{key}.json", json.dumps(about).encode())
                rows.append((offset, len(sample.data), zlib.crc32(sample.data), number, sample.file.entry.name))
                samples.take()
        offsets, lengths, crcs, labels, names = zip(*rows, strict=True)
        return ShardIndex(
            hashing.num_bytes, hashing.hexdigest(), first, samples.stop, offsets, lengths, crcs, labels, names,
            samples.take_left_out(),
        )  # fmt: skip


class _Samples:
    """Samples one by one, with a look at the next; files that are left out are gathered on the way."""

    def __init__(self, checked: Generator[_Sample | tuple[str, str], None, None], first: int) -> None:
        self._checked = checked
        self._next: _Sample | None = None
        self._left_out: dict[str, str] = {}
        self._passed: dict[str, str] = {}
        self._num_read = self.stop = first

    def peek(self) -> _Sample | None:
        """The next sample; None at the end, where files left out after the last sample belong to it."""
        while self._next is None:
            item = next(self._checked, None)
            if item is None:
                self._left_out |= self._passed
                self._passed, self.stop = {}, self._num_read
                return None
            self._num_read += 1
            if isinstance(item, _Sample):
                self._next = item
            else:
                self._passed[item[0]] = item[1]
        return self._next

    def take(self) -> None:
        """Go past the sample that `peek` gave."""
        self._left_out |= self._passed
        self._next, self._passed, self.stop = None, {}, self._num_read

    def take_left_out(self) -> dict[str, str]:
        """The files left out before the last sample that was taken, since the last call."""
        left_out, self._left_out = self._left_out, {}
        return left_out

    def close(self) -> None:
        """End the threads that read."""
        self._checked.close()


class _Hashing(io.RawIOBase):
    """A file whose bytes are counted and hashed as they are written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._digest, self.num_bytes = file, sha256(), 0

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Write, count and hash."""
        self._file.write(data)
        self._digest.update(data)
        self.num_bytes += len(data)
        return len(data)

    def tell(self) -> int:
        """Bytes written."""
        return self.num_bytes

    def hexdigest(self) -> str:
        """SHA-256 of what was written."""
        return self._digest.hexdigest()


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)  # no time and no owner: the same images give the same bytes
    info.size, info.mode = len(data), MODE
    tar.addfile(info, io.BytesIO(data))


def _ending(facts: ImageFacts) -> str:
    return ENDINGS.get(facts.format, facts.format.lower())
