"""What a set of shards is: tars in the WebDataset format, an index beside each, and a manifest of all.

    train-000000.tar     of each image KEY.jpg, KEY.cls (the class's number) and KEY.json (file and class)
    train-000000.json    where each image lies in the tar, its label, its name and its CRC-32
    shards.json          the classes, and every shard with its checksums; written last

With them any image is read by its number, without listing a tar. The tars alone are read by any reader of WebDataset.
"""

import json
from dataclasses import field
from hashlib import sha256
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from alexnet.errors import DataError
from alexnet.records import LAZY, Record
from alexnet.stored_values import Classes, Count, Name

__all__ = [
    "MANIFEST",
    "UNFINISHED",
    "Shard",
    "ShardIndex",
    "ShardSet",
    "SplitName",
    "parse_index",
    "parse_manifest",
    "to_json",
]

MANIFEST = "shards.json"

UNFINISHED = "unfinished.json"
"""Lies in the folder while it is written, with the checksum of what it is made from."""

Checksum = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
TarName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.+-]*\.tar$")]
"""No path: a manifest from a server names files of its own folder only."""
SplitName = Literal["train", "validation", "test"]


@dataclass(frozen=True, config=LAZY)
class Shard(Record):
    """One tar of a set.

    split: of all its images. num_bytes, sha256: of the tar. index_sha256: of the JSON file beside it.
    """

    name: TarName
    split: SplitName
    num_images: Annotated[int, Field(ge=1)]
    num_bytes: Count
    sha256: Checksum
    index_sha256: Checksum

    @property
    def index_name(self) -> str:
        """The file that says where its images lie."""
        return self.name.removesuffix(".tar") + ".json"


@dataclass(frozen=True, config=LAZY)
class ShardSet(Record):
    """The manifest of a set of shards, shards.json.

    classes: in the order that labels count. shards: training images first. plan: a checksum of what the set was made
    from: files, classes, seed and sizes. left_out: files of the folder that are no usable image.
    """

    version: Annotated[int, Field(ge=1, le=1)]
    classes: Classes
    shards: tuple[Shard, ...]
    seed: Count
    plan: str
    left_out: Count = 0

    def num_images(self, split: str) -> int:
        """Images of a split."""
        return sum(shard.num_images for shard in self.shards if shard.split == split)

    @property
    def num_bytes(self) -> int:
        """Bytes of all tars."""
        return sum(shard.num_bytes for shard in self.shards)


@dataclass(frozen=True, config=LAZY)
class ShardIndex(Record):
    """Where the images of a shard lie, and what they show.

    first, stop: the places of its files in the order in which the files of its split are written. offsets, lengths:
    of each image in the tar, bytes. crcs: CRC-32 of its bytes. labels: class numbers. files: names in the folder.
    left_out: files between them that are no usable image, name → reason.
    """

    num_bytes: Count
    sha256: Checksum
    first: Count
    stop: Count
    offsets: tuple[Count, ...]
    lengths: tuple[Count, ...]
    crcs: tuple[Count, ...]
    labels: tuple[Count, ...]
    files: tuple[Name, ...]
    left_out: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that the columns agree with each other and with the tar."""
        columns = (self.offsets, self.lengths, self.crcs, self.labels, self.files)
        if len({len(column) for column in columns}) != 1:
            raise ValueError("its columns are of different lengths")
        ends = (offset + length for offset, length in zip(self.offsets, self.lengths, strict=True))
        if max(ends, default=0) > self.num_bytes:
            raise ValueError("an image ends beyond the tar")


def to_json(record: ShardSet | ShardIndex) -> bytes:
    """A record as the bytes of its file; the same bytes for the same values."""
    return (json.dumps(record.to_dict(), separators=(",", ":")) + "\n").encode()


def parse_manifest(data: bytes, name: str) -> ShardSet:
    """The manifest of a file's bytes. name: for the message.

    Raises:
        DataError: it is no manifest, or a damaged one.
    """
    try:
        made = ShardSet.from_dict(json.loads(data))
    except (ValueError, TypeError, RecursionError) as error:
        raise DataError(f"{name}: is not a list of shards ({error}); write the shards again") from error
    if not made.num_images("train"):
        raise DataError(f"{name}: lists no training images; write the shards again")
    return made


def parse_index(data: bytes, shard: Shard, name: str, *, num_classes: int) -> ShardIndex:
    """The index of a shard. name: for the message.

    Raises:
        DataError: it is not the one that the manifest names.
    """
    if sha256(data).hexdigest() != shard.index_sha256:
        raise DataError(f"{name}: is not the file that {MANIFEST} names; restore it, or write the shards again")
    try:
        index = ShardIndex.from_dict(json.loads(data))
    except (ValueError, TypeError, RecursionError) as error:
        raise DataError(f"{name}: is damaged ({error}); write the shards again") from error
    if len(index.files) != shard.num_images or max(index.labels) >= num_classes:
        raise DataError(f"{name}: does not agree with {MANIFEST}; write the shards again")
    return index
