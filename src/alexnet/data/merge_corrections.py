"""The corrections of several users as one list."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from alexnet.data.corrections import Correction, corrections_lock, read_existing, write_corrections
from alexnet.errors import DataError
from alexnet.files import disk_errors, is_file, shown_name
from alexnet.records import Record

__all__ = ["MergedCorrections", "merge_corrections", "merge_into"]


@dataclass(frozen=True)
class MergedCorrections(Record):
    """Corrections of several files. conflicts: files about which they differ, in words, left out of `corrections`."""

    corrections: tuple[Correction, ...]
    conflicts: tuple[str, ...]


def merge_corrections(paths: Sequence[Path | str], *, prefer: str | None = None) -> MergedCorrections:
    """Merge the corrections of several files into one list, by time.

    Two files conflict about an image where their last decisions differ and neither file knows the other's, or where
    they saw different bytes.

    Args:
        paths: corrections files.
        prefer: `later` takes the later decision of a conflict; by default it is left out and named.

    Raises:
        DataError: a file is missing or not valid.

    >>> merge_corrections([]).corrections
    ()
    """
    lists = []
    for path in map(Path, paths):
        lists.append((path, read_existing(path)))
    merged = _in_order([lines for _, lines in lists])
    by_file = [(path, _by_file(lines)) for path, lines in lists]
    conflicts = {}
    for file in dict.fromkeys(line.file for line in merged):
        words = _conflict(file, [(path, about[file]) for path, about in by_file if file in about])
        if words:
            conflicts[file] = words
    kept = merged if prefer == "later" else [line for line in merged if line.file not in conflicts]
    return MergedCorrections(tuple(kept), tuple(conflicts.values()))


def merge_into(path: Path | str, other: Path | str, *, prefer: str | None = None) -> MergedCorrections:
    """Add the corrections of another file to a file, which need not be there yet; no decision in between is lost.

    Where the two conflict, nothing is written.

    Args:
        path, other: corrections files.
        prefer: as in `merge_corrections`; with `later`, all is written.

    Raises:
        DataError: a file is not valid, `other` is missing, or `path` cannot be written.

    >>> merge_into("all.csv", write_corrections("hers.csv", [Correction("a.png", "exclude")])).conflicts
    ()
    """
    path = Path(path)
    with disk_errors(path, DataError, "check its permissions"), corrections_lock(path):
        merged = merge_corrections([path, other] if is_file(path) else [other], prefer=prefer)
        if not merged.conflicts or prefer == "later":
            write_corrections(path, merged.corrections)
    return merged


def _in_order(lists: Sequence[Sequence[Correction]]) -> list[Correction]:
    """The lines of all files by time; those of one file keep their order, and what several files hold comes once.

    A line without a time counts as made right after the one above it.
    """
    timed: list[tuple[datetime, int, Correction]] = []
    known: set[Correction] = set()
    for number, lines in enumerate(lists):
        time = datetime.min.replace(tzinfo=UTC)
        for line in lines:
            time = max(time, _time_of(line) or time)
            if line not in known:
                timed.append((time, number, line))
        known |= set(lines)
    return [line for *_, line in sorted(timed, key=lambda each: each[:2])]


def _time_of(line: Correction) -> datetime | None:
    try:
        time = datetime.fromisoformat(line.when)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _by_file(lines: Iterable[Correction]) -> dict[str, list[Correction]]:
    """The lines about each image, in their order."""
    about: dict[str, list[Correction]] = defaultdict(list)
    for line in lines:
        about[line.file].append(line)
    return dict(about)


def _conflict(file: str, about: Sequence[tuple[Path, list[Correction]]]) -> str:
    """In words, why the last decisions of several files about an image do not go together; empty where they do.

    about: the files that say something about it, with these lines.
    """
    # a decision that another file holds and has replaced since is no longer open
    last = [(path, lines[-1]) for path, lines in about if not any(lines[-1] in other[:-1] for _, other in about)]
    if len({line.decision for _, line in last}) > 1:
        return f"{file}: " + "; ".join(f"{shown_name(path)} says {_words(line)}" for path, line in last)
    if len({line.hash for _, line in last if line.hash}) > 1:
        return f"{file}: {' and '.join(shown_name(path) for path, _ in last)} are about different images of this name"
    return ""


def _words(line: Correction) -> str:
    who = f" ({line.who}, {line.when})" if line.who or line.when else ""
    return f"{line.action}{f' {line.to}' if line.to else ''}{who}"
