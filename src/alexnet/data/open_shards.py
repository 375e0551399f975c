"""A set of shards that `write_shards` made, opened: from its folder, or from an HTTP server."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

from alexnet.data.foreign_shards import open_foreign
from alexnet.data.shard_source import ShardSource, ShardTable, table_of
from alexnet.data.shard_store import LocalShards, RemoteShards, ShardStore
from alexnet.data.shards import MANIFEST, UNFINISHED, Shard, ShardIndex, ShardSet, parse_index, parse_manifest
from alexnet.errors import DataError
from alexnet.files import address_of, shown_name

__all__ = ["open_remote_shards", "open_shards"]

THREADS = 8
"""Indexes that are read at a time: from a server, each takes a round trip."""


def open_shards(folder: Path) -> ShardSource | None:
    """The set of shards in a folder; None where it holds none.

    Args:
        folder: with `shards.json`, or with tars in the WebDataset format and nothing else.

    Raises:
        DataError: the set is damaged, or not written whole.
    """
    if (folder / MANIFEST).is_file():
        return _open_local(folder)
    if (folder / UNFINISHED).is_file():
        raise DataError(
            f"{shown_name(folder)}: its shards are not all written; finish them with `alexnet data shards`"
        )
    return open_foreign(folder)


def open_remote_shards(path: Path | str) -> ShardSource | None:
    """The set of shards at an address, `http://host/folder/shards.json`; None where the path is no address.

    Raises:
        DataError: the set is damaged.
        DownloadError: it cannot be downloaded.
    """
    address = address_of(path)
    if address is None:
        return None
    base = address.removesuffix(f"/{MANIFEST}")
    remote = RemoteShards(base)
    manifest = remote.read_manifest(MANIFEST)

    def store(shards: Sequence[Shard]) -> ShardStore:
        remote.use(shards)
        return remote

    return _open(Path(base), base, manifest, remote.read_index, store)


def _open_local(folder: Path) -> ShardSource:
    try:
        manifest = (folder / MANIFEST).read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(
            f"{shown_name(folder / MANIFEST)}: cannot be read ({reason}); check its permissions"
        ) from error

    def read(shard: Shard) -> bytes:
        path = folder / shard.index_name
        try:
            return path.read_bytes()
        except OSError as error:
            reason = error.strerror or str(error)
            raise DataError(f"{shown_name(path)}: cannot be read ({reason}); restore it") from error

    def store(shards: Sequence[Shard]) -> ShardStore:
        return LocalShards(folder, {shard.name: shard.num_bytes for shard in shards})

    return _open(folder, shown_name(folder), manifest, read, store)


def _fingerprint(made: ShardSet) -> str:
    """Changes when an image, its class or its split does; not when the same shards are written at another time."""
    digest = sha256("\0".join(made.classes).encode("utf-8", "surrogatepass"))
    for shard in made.shards:
        digest.update(f"\n{shard.name} {shard.split} {shard.sha256}".encode())
    return digest.hexdigest()[:32]


def _open(
    path: Path,
    location: str,
    manifest: bytes,
    read: Callable[[Shard], bytes],
    store: Callable[[Sequence[Shard]], ShardStore],
) -> ShardSource:
    made = parse_manifest(manifest, f"{location}/{MANIFEST}")

    def index_of(shard: Shard) -> ShardIndex:
        name = f"{location}/{shard.index_name}"
        return parse_index(read(shard), shard, name, num_classes=len(made.classes))

    def list_shard(shard: Shard) -> ShardTable:
        index = index_of(shard)
        stamp = shard.sha256[:16]
        return table_of(shard.name, shard.split, stamp, index.offsets, index.lengths, index.labels, index.crcs)

    with ThreadPoolExecutor(THREADS) as pool:
        tables = tuple(pool.map(list_shard, made.shards))
    notes = (f"{made.left_out} files were left out when the shards were written",) if made.left_out else ()
    return ShardSource(
        path,
        location,
        _fingerprint(made),
        made.classes,
        tables,
        store(made.shards),
        lambda number: index_of(made.shards[number]).files,
        notes,
    )
