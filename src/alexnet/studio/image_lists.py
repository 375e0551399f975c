"""Lists about the images of a folder that a command writes into the user's cache for the page: oddities and twins.

A list belongs to a version of its folder. Until the present version has one, that of an earlier version is shown.
"""

import os
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from statistics import median
from typing import Any

from alexnet.csv_files import parse_rows
from alexnet.errors import DataError
from alexnet.files import shown_name, user_cache_dir

__all__ = ["TWIN_KINDS", "latest_list", "list_path", "read_oddities", "read_twins"]

TWIN_KINDS = ("across classes", "across the split", "within class")
"""Kinds of twins, those first that are most often a fault."""

TWINS = "nearly identical "
"""What `alexnet data check --csv` puts in front of a kind."""

ODDITIES = (("in_class", "nearest_in_class"), ("among_all", "nearest"))
"""Columns of `alexnet data odd --csv`: a distance, and the image that is nearest of those."""


def list_path(folder: Path, kind: str, version: str, *, by: str = "") -> Path:
    """Where a list of a version of a folder is.

    Args:
        by: what was compared, where there is a choice.
    """
    name = blake2b(os.fsencode(folder) + b"\0" + by.encode(), digest_size=10).hexdigest()
    return user_cache_dir() / "studio" / "lists" / f"{kind}-{name}-{version}.csv"


def latest_list(path: Path) -> Path | None:
    """The list at a path, or that of an earlier version of its folder; None where there is none.

    As soon as a list is there, those of earlier versions are deleted.
    """
    older = [each for each in path.parent.glob(f"{path.name.rpartition('-')[0]}-*.csv") if each != path]
    if not path.is_file():
        return max(older, key=lambda each: each.stat().st_mtime, default=None)
    for each in older:
        each.unlink(missing_ok=True)
    return path


def read_twins(path: Path, places: Mapping[str, int]) -> list[list[float]]:
    """Pairs from a list of `alexnet data check`: the places of both images, their distance, the number of its kind.

    The nearest come first, and of equally near ones those of the first kind. Images that are gone are left out.

    Raises:
        DataError: it is damaged.
    """
    pairs = []
    for row in _rows(path, ("problem", "file", "other_file", "distance")):
        kind = (row["problem"] or "").removeprefix(TWINS)
        names = row["file"] or "", row["other_file"] or ""
        if kind in TWIN_KINDS and all(name in places for name in names):
            pairs.append([*(places[name] for name in names), float(row["distance"] or 0), TWIN_KINDS.index(kind)])
    return sorted(pairs, key=lambda pair: (pair[2], pair[3]))


def read_oddities(path: Path, places: Mapping[str, int]) -> dict[str, Any]:
    """Distances from a list of `alexnet data odd`, by place; None for images that it does not name.

    Returns:
        in_class, among_all: distances. nearest_in_class, nearest: places of the nearest images. usual_in_class,
        usual_among_all: medians.

    Raises:
        DataError: it is damaged.
    """
    values: dict[str, Any] = {column: [None] * len(places) for pair in ODDITIES for column in pair}
    for row in _rows(path, ("file", *(column for pair in ODDITIES for column in pair))):
        place = places.get(row["file"] or "")
        if place is None:
            continue
        for distance, nearest in ODDITIES:
            text = row[distance]
            values[distance][place] = float(text) if text else None
            values[nearest][place] = places.get(row[nearest] or "")
    for distance, _ in ODDITIES:
        known = [each for each in values[distance] if each is not None]
        values[f"usual_{distance}"] = median(known) if known else None
    return values


def _rows(path: Path, columns: tuple[str, ...]) -> list[dict[str, str | None]]:
    try:
        return [row for _, row in parse_rows(path.read_text(encoding="utf-8-sig"), columns)]
    except (OSError, ValueError) as error:
        raise DataError(f"{shown_name(path)}: cannot be read ({error}); delete it and make it again") from error
