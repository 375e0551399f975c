"""Corrections of labels, kept in a file beside the images: who decided what about which image, and when.

    corrections.csv: file, action, label, to, who, when, hash

The images are never touched. A later line overrides earlier lines about the same file, so no decision is lost;
`undo_correction` removes the last line.
"""

import csv
import getpass
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path

import filelock

from alexnet.csv_files import parse_rows, to_csv
from alexnet.data.entry import Entry, ImageSource
from alexnet.data.folder import ImageFile, ImageFolder, scan_folder
from alexnet.data.label_decisions import ACTIONS, composed_name, decision_fault, file_fault
from alexnet.errors import DataError
from alexnet.files import (
    disk_errors,
    escape_name,
    is_file,
    is_folder,
    listed_names,
    shown_name,
    write_whole,
)
from alexnet.records import Record

__all__ = [
    "ACTIONS",
    "Correction",
    "apply_corrections",
    "correct",
    "corrections_lock",
    "corrections_path",
    "read_corrections",
    "undo_correction",
    "undo_decision",
    "write_corrections",
]

COLUMNS = ("file", "action", "label", "to", "who", "when", "hash")
FEW = 3


@dataclass(frozen=True)
class Correction(Record):
    """A decision about one image.

    Args:
        file: its name in the folder.
        action: `relabel` (the image is of class `to`), `both` (its label and `to` are both correct), `exclude` (it is
            not to be used) or `fine` (its label is correct).
        label: the class folder that it lies in, "" if not known.
        to: the class that `relabel` and `both` name, else "".
        who: who decided.
        when: ISO 8601, UTC.
        hash: BLAKE2b of the file's bytes at that time, 32 hexadecimal digits; "" for a line written by hand, and of
            an excluded file that cannot be read.
    """

    file: str
    action: str
    label: str = ""
    to: str = ""
    who: str = ""
    when: str = ""
    hash: str = ""

    @property
    def decision(self) -> tuple[str, str]:
        """The action and its class, whoever decided."""
        return self.action, self.to


def corrections_path(data: Path | str) -> Path:
    """Default path of the corrections file: in a folder of images, or beside an archive.

    >>> corrections_path("images.tar").name
    'images.tar.corrections.csv'
    """
    data = Path(data)
    return data / "corrections.csv" if is_folder(data) else data.with_name(f"{data.name}.corrections.csv")


def read_corrections(path: Path | str) -> tuple[Correction, ...]:
    """Read all lines of a corrections file, in order; empty if there is no file yet.

    Raises:
        DataError: it cannot be read, or a line is not valid; the message names it.

    >>> read_corrections("images/corrections.csv")
    ()
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return ()
    except UnicodeDecodeError as error:
        raise DataError(f"{shown_name(path)}: cannot be read (not UTF-8); save it as CSV in UTF-8") from error
    except OSError as error:
        raise DataError(f"{shown_name(path)}: cannot be read ({error.strerror or error}); check the path") from error
    try:
        rows = parse_rows(text, ("file", "action"))
        return tuple(_correction(line, row) for line, row in rows if any(row.values()))
    except (ValueError, csv.Error) as error:
        raise DataError(f"{shown_name(path)}: {error}; correct that line, or remove it") from error


def read_existing(path: Path | str) -> tuple[Correction, ...]:
    """The same of a file that must be there. Raises DataError where it is not."""
    lines = read_corrections(path)
    if not lines and not is_file(path):
        raise DataError(f"{shown_name(path)}: no such corrections file; check the path")
    return lines


def _correction(line: int, row: dict[str, str | None]) -> Correction:
    values = {name: row.get(name) or "" for name in COLUMNS}
    name = values["file"]
    values["file"] = name if shown_name(name) == name else escape_name(name)
    values["action"], values["to"] = values["action"].strip(), composed_name(values["to"])
    fault = file_fault(values["file"]) or decision_fault(values["action"], values["to"])
    if fault:
        raise ValueError(f"line {line}: {fault}")
    return Correction(**values)


def write_corrections(path: Path | str, corrections: Iterable[Correction]) -> Path:
    """Write a corrections file, complete or not at all.

    Raises:
        DataError: it cannot be written.

    >>> write_corrections("mine.csv", [Correction("train/down/down_003.png", "exclude")]).name
    'mine.csv'
    """
    path = Path(path)
    rows = [[getattr(each, name) for name in COLUMNS] for each in corrections]
    with disk_errors(path, DataError, "choose another path for the corrections"):
        write_whole(
            path.resolve(), lambda beside: beside.write_text(to_csv([COLUMNS, *rows]), encoding="utf-8", newline="")
        )
    return path


def effective(corrections: Iterable[Correction]) -> dict[str, Correction]:
    """The last decision about each file."""
    return {each.file: each for each in corrections}


# --- deciding
def correct(
    folder: ImageFolder | Path | str,
    files: Sequence[str],
    action: str,
    *,
    to: str = "",
    who: str | None = None,
    path: Path | str | None = None,
) -> tuple[Correction, ...]:
    """Record a decision about images of a folder in its corrections file; the images are not changed.

    Args:
        folder: a scanned folder, or the path of a folder or archive.
        files: names in the folder, as the commands print them.
        action: `relabel` (the images are of class `to`), `both` (their labels and `to` are both correct), `exclude`
            (do not use them) or `fine` (their labels are correct).
        to: the class that `relabel` and `both` name.
        who: who decides; by default the user of this machine.
        path: the corrections file; `corrections_path` by default.

    Raises:
        DataError: there is no such file or action, a class is missing, or the file cannot be written.

    >>> (decided,) = correct("images", ["train/down/down_003.png"], "relabel", to="rings", who="me")
    >>> decided.label, decided.to
    ('down', 'rings')
    """
    scanned = folder if isinstance(folder, ImageFolder) else scan_folder(folder, min_classes=1)
    fault, to = decision_fault(action, to), composed_name(to)
    if fault:
        raise DataError(f"correct: {fault}")
    by_name = {file.entry.name: file for file in scanned.files}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    decided = []
    for name in files:
        file = by_name.get(name) or by_name.get(escape_name(name))
        if file is None:
            raise DataError(
                f"{shown_name(scanned.path)}: has no image {shown_name(name)}; give names as `doubts` prints"
            )
        decided.append(
            Correction(file.entry.name, action, file.folder_class, to, _user() if who is None else who, now,
                       _hash_for(action, scanned.source, file.entry))
        )  # fmt: skip
    target = corrections_path(scanned.path) if path is None else Path(path)
    with disk_errors(target, DataError, "choose another path for the corrections"), corrections_lock(target):
        write_corrections(target, [*read_corrections(target), *decided])
    return tuple(decided)


def undo_correction(path: Path | str, file: str | None = None) -> Correction:
    """Remove the last decision from a corrections file; returns it.

    Args:
        path: of the corrections file.
        file: name of an image, to remove the last decision about it; by default the last of all.

    Raises:
        DataError: there is no such decision, or the file cannot be read or written.

    >>> _ = correct("images", ["train/down/down_003.png"], "exclude")
    >>> undo_correction(corrections_path("images")).action
    'exclude'
    """
    path = Path(path)
    _last_about(path, file, read_corrections(path))  # before a lock is made where nothing is to undo
    with disk_errors(path, DataError, "check its permissions"), corrections_lock(path):
        lines = list(read_corrections(path))
        undone = lines.pop(_last_about(path, file, lines))
        write_corrections(path, lines)
    return undone


def _last_about(path: Path, file: str | None, lines: Sequence[Correction]) -> int:
    """The place of the last line, or of the last about a file. Raises DataError where there is none."""
    places = [place for place, line in enumerate(lines) if file is None or line.file in (file, escape_name(file))]
    if not places:
        about = "" if file is None else f" about {shown_name(file)}"
        raise DataError(f"{shown_name(path)}: holds no correction{about}; there is nothing to undo")
    return places[-1]


def undo_decision(path: Path | str, files: Iterable[str], action: str, to: str = "") -> tuple[str, ...]:
    """Remove one decision about several images, as it was made; returns the names of those about which it still held.

    A later decision about an image, of another user or another page, stays, and so does the one before it.

    Args:
        path: of the corrections file.
        files: names of the images.
        action, to: what was decided.

    Raises:
        DataError: the file cannot be read or written.

    >>> _ = correct("images", ["train/down/down_003.png", "train/down/down_004.png"], "exclude")
    >>> undo_decision(corrections_path("images"), ["train/down/down_003.png"], "exclude")
    ('train/down/down_003.png',)
    """
    path, named = Path(path), {name for file in files for name in (file, escape_name(file))}
    with disk_errors(path, DataError, "check its permissions"), corrections_lock(path):
        lines = read_corrections(path)
        last = {line.file: place for place, line in enumerate(lines) if line.file in named}
        decision = (action, composed_name(to))
        undone = {file: place for file, place in last.items() if lines[place].decision == decision}
        if undone:
            gone = set(undone.values())
            write_corrections(path, [line for place, line in enumerate(lines) if place not in gone])
    return tuple(undone)


def corrections_lock(path: Path) -> filelock.BaseFileLock:
    """The lock of a corrections file; where it is a link, that of the file that all share."""
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    return filelock.FileLock(path.with_name(f".{path.name}.lock"))


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no name is known for this user
        return ""


def _hash_for(action: str, source: ImageSource, entry: Entry) -> str:
    """The hash that goes with a decision; "" of a file that is excluded because it cannot be read."""
    try:
        return content_hash(source, entry)
    except DataError:
        if action == "exclude":
            return ""
        raise


def content_hash(source: ImageSource, entry: Entry) -> str:
    """BLAKE2b of a file's bytes, 32 hexadecimal digits.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return blake2b(source.read(entry), digest_size=16).hexdigest()
    except OSError as error:
        raise DataError(f"{entry.name}: cannot be read ({error.strerror or error}); restore or exclude it") from error


# --- honoring them
def apply_corrections(
    folder: ImageFolder | Path | str, corrections: Iterable[Correction] | Path | str, *, min_classes: int = 2
) -> ImageFolder:
    """Apply corrections to a scanned folder: relabeled images change class, excluded ones go; nothing is written.

    The result can be given wherever a folder can: to `check_folder`, `train`, `doubts`. Its `corrections` are those
    that apply, its notes say how many, and how many name no file.

    Args:
        folder: a scanned folder, or the path of a folder or archive.
        corrections: decisions, the last about a file counts; or the path of a corrections file.
        min_classes: see `scan_folder`.

    Raises:
        DataError: an image has changed since it was reviewed (it is named), or a file is missing or not valid.

    >>> _ = correct("images", ["train/down/down_003.png"], "relabel", to="rings")
    >>> apply_corrections("images", "images/corrections.csv").counts()["train"]["rings"]
    25
    """
    if isinstance(corrections, Path | str):
        corrections = read_existing(corrections)
    folder = folder if isinstance(folder, ImageFolder) else scan_folder(folder, min_classes=min_classes)
    decided = effective(corrections)
    by_name = {file.entry.name: file for file in folder.files}
    present = {name: line for name, line in decided.items() if name in by_name}
    changed = [
        name
        for name, line in present.items()
        if line.hash and _hash_for(line.action, folder.source, by_name[name].entry) not in ("", line.hash)
    ]
    if changed:
        raise DataError(
            f"{shown_name(folder.path)}: {listed_names(changed, most=FEW)}: changed since the corrections were made; "
            "look at them again and correct them anew, or undo these corrections"
        )
    files = tuple(_corrected(file, present.get(file.entry.name)) for file in folder.files)
    kept = tuple(file for file in files if file is not None)
    classes = tuple(sorted({*folder.classes, *(file.class_name for file in kept)}))
    notes = (*folder.notes, *_notes(present, [name for name in decided if name not in present], folder.classes))
    return replace(folder, classes=classes, files=kept, notes=notes, corrections=tuple(present.values()))


def _corrected(file: ImageFile, line: Correction | None) -> ImageFile | None:
    if line is None or line.action in ("both", "fine"):
        return file
    return None if line.action == "exclude" else replace(file, class_name=line.to, labeled=file.folder_class)


def _notes(present: dict[str, Correction], missing: Sequence[str], classes: Sequence[str]) -> list[str]:
    counts = Counter(line.action for line in present.values())
    parts = ", ".join(f"{counts[action]} {action}" for action in ACTIONS if counts[action])
    applied = (
        f"{len(present)} correction{'' if len(present) == 1 else 's'} {'apply' if len(present) != 1 else 'applies'}"
    )
    notes = [f"{applied} ({parts})" if parts else applied]
    if missing:
        number = f"{len(missing)} correction{'' if len(missing) == 1 else 's'}"
        notes.append(f"{number} of files that are not there ({listed_names(missing, most=FEW)})")
    new = sorted({line.to for line in present.values() if line.to} - set(classes))
    if new:
        notes.append(f"new class{'' if len(new) == 1 else 'es'} by correction: {listed_names(new, most=FEW)}")
    return notes
