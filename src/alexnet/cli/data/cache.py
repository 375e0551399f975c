"""`alexnet data cache`: the decoded images and downloaded shards that are kept."""

from typing import Annotated

import typer

import alexnet
from alexnet.cli.options import Json
from alexnet.cli.screen import screen

__all__ = ["cache"]


def cache(
    clear: Annotated[
        bool, typer.Option("--clear", help="Delete all that no program is building or downloading.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show how much disk the cached images use, or delete them.

    Cached are decoded images, features of networks for them, and shards that were downloaded. What is deleted is
    made or downloaded again when it is next needed; runs, weights and your own folders are never touched.
    """
    rows = alexnet.list_caches()
    shown = [(path, f"{size / 1e6:.0f}", f"{days:.1f}") for path, size, days in rows]
    screen.table(["cache", "MB", "days old"], shown, right=(1, 2))
    freed = alexnet.clear_cache() if clear else 0
    total = sum(size for _, size, _ in rows)
    screen.print(f"deleted {freed / 1e6:.0f} MB" if clear else f"{total / 1e6:.0f} MB in total")
    listed = [{"path": str(path), "bytes": size, "days": days} for path, size, days in rows]
    screen.print_json({"caches": listed, "freed_bytes": freed})
