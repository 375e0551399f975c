"""Tars in the WebDataset format that other programs wrote: listed once, then read like shards of our own.

A sample is all files whose names agree up to the first dot of the base name. Its image is the file with the ending of
an image; its class is what KEY.json says as "class", else KEY.cls, else KEY.txt.

Source: https://github.com/webdataset/webdataset, "The WebDataset Format".
"""

import json
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from alexnet.data.archives import archive_errors, tar_members
from alexnet.data.cache_folder import caches_dir
from alexnet.data.folder_layout import IMAGE_ENDINGS, is_hidden, split_of
from alexnet.data.shard_source import ShardSource, table_of
from alexnet.data.shard_store import LocalShards
from alexnet.errors import DataError
from alexnet.files import disk_errors, escape_name, shown_name, write_whole

__all__ = ["open_foreign"]

LONGEST_NAME = 200
"""Characters of a class's name; a longer text is a caption."""


@dataclass(frozen=True)
class _Listing:
    """What a tar holds: of each image its name, where it lies, and its class as it is written there."""

    name: str
    files: list[str]
    offsets: list[int]
    lengths: list[int]
    classes: list[str]
    num_left_out: int


def open_foreign(folder: Path) -> ShardSource | None:
    """The images of a folder of tars; None where the folder holds folders too, or no tar.

    Tars whose name says so, as `val-0001.tar` does, hold test or validation images, the others training images.

    Raises:
        DataError: a tar is damaged, or none holds images with a class.
    """
    tars = _tars(folder)
    if not tars:
        return None
    stamps = [f"{path.name}\0{(status := path.stat()).st_size}\0{status.st_mtime_ns}" for path in tars]
    key = blake2b("\n".join([str(folder.resolve()), *stamps]).encode("utf-8", "surrogateescape"), digest_size=16)
    cached = caches_dir() / f"shards-{key.hexdigest()}" / "listing.json"
    listings = _read(cached)
    if listings is None:
        listings = [_list_tar(path) for path in tars]
        text = json.dumps([asdict(listing) for listing in listings])
        with disk_errors(cached, DataError, "set ALEXNET_CACHE to a folder that can be written"):
            write_whole(cached, lambda beside: beside.write_text(text, encoding="utf-8"))
    return _assemble(folder, key.hexdigest(), listings, stamps)


def _tars(folder: Path) -> list[Path]:
    """The tars of a folder that holds nothing else but files."""
    with suppress(OSError):
        items = [path for path in folder.iterdir() if not is_hidden(path.name)]
        if not any(path.is_dir() for path in items):
            return sorted(path for path in items if path.suffix.lower() == ".tar")
    return []


def _read(cached: Path) -> list[_Listing] | None:
    with suppress(OSError, ValueError, TypeError):
        return [_Listing(**values) for values in json.loads(cached.read_text(encoding="utf-8"))]
    return None


def _list_tar(path: Path) -> _Listing:
    """Every sample with an image and a class."""
    listing, num_left_out = _Listing(path.name, [], [], [], [], 0), 0
    with archive_errors(path, "tar"):
        for members in _samples(tar_members(path)):
            name = _class_name(path, members)
            image = next((ending for ending in members if f".{ending}".endswith(IMAGE_ENDINGS)), None)
            if name is None or image is None:
                num_left_out += 1
                continue
            member = members[image]
            listing.files.append(f"{escape_name(path.stem)}/{escape_name(member.name)}")
            listing.offsets.append(member.offset_data)
            listing.lengths.append(member.size)
            listing.classes.append(name)
    return _Listing(**asdict(listing) | {"num_left_out": num_left_out})


def _samples(members: Sequence[tarfile.TarInfo]) -> Iterator[dict[str, tarfile.TarInfo]]:
    """The files of each sample by their endings, in lower case."""
    key, sample = "", dict[str, tarfile.TarInfo]()
    for member in members:
        folder, _, base = member.name.rpartition("/")
        stem, dot, ending = base.partition(".")
        if not member.isreg() or not dot or not stem:
            continue
        if f"{folder}/{stem}" != key:
            if sample:
                yield sample
            key, sample = f"{folder}/{stem}", {}
        sample[ending.lower()] = member
    if sample:
        yield sample


def _class_name(path: Path, sample: dict[str, tarfile.TarInfo]) -> str | None:
    """The class of a sample as a text; None where it has none."""
    with path.open("rb") as file:
        for ending in ("json", "cls", "txt"):
            if ending in sample:
                file.seek(sample[ending].offset_data)
                name = _as_name(file.read(sample[ending].size), is_json=ending == "json")
                if name:
                    return name
    return None


def _as_name(content: bytes, *, is_json: bool) -> str | None:
    with suppress(ValueError, RecursionError):  # what is no text, and no JSON, names no class
        text: Any = content.decode("utf-8")
        if is_json:
            values = json.loads(text)
            text = values.get("class") if isinstance(values, dict) else None
        if isinstance(text, str) and len(text.strip()) <= LONGEST_NAME:
            return shown_name(text.strip())
    return None


def _assemble(folder: Path, key: str, listings: Sequence[_Listing], stamps: Sequence[str]) -> ShardSource:
    filled = [place for place, listing in enumerate(listings) if listing.files]
    if not filled:
        raise DataError(
            f"{shown_name(folder)}: no tar holds images with a class (KEY.jpg with KEY.cls, KEY.txt or KEY.json); "
            "unpack the tars into class folders"
        )
    names = _sorted_classes({name for listing in listings for name in listing.classes})
    number = {text: place for place, text in enumerate(names)}
    tables = []
    for place in filled:
        listing = listings[place]
        labels = [number[name] for name in listing.classes]
        stamp = blake2b(stamps[place].encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
        split = split_of(Path(listing.name).stem) or "train"
        tables.append(table_of(listing.name, split, stamp, listing.offsets, listing.lengths, labels))
    num_left_out = sum(listing.num_left_out for listing in listings)
    notes = (f"{num_left_out} samples are left out: without an image, or without a class",) if num_left_out else ()
    sizes = {name: int(size) for name, size, _ in (stamp.split("\0") for stamp in stamps)}
    return ShardSource(
        folder,
        shown_name(folder),
        key,
        tuple(names.values()),
        tables,
        LocalShards(folder, sizes),
        lambda place: listings[filled[place]].files,
        notes,
    )


def _sorted_classes(texts: set[str]) -> dict[str, str]:
    """Classes as they are written → as they are shown, in order: numbers get leading zeros."""
    if all(text.isascii() and text.isdigit() for text in texts):
        width = max(map(len, texts))
        return {text: text.zfill(width) for text in sorted(texts, key=int)}
    return {text: text for text in sorted(texts)}
