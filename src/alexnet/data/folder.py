"""Which image belongs to which class and split: a folder of class folders, scanned by name."""

import html
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from alexnet.data.entry import ImageFile, ImageSource
from alexnet.data.folder_layout import Layout, find_layout, is_hidden
from alexnet.data.shard_source import ShardSource
from alexnet.data.sources import open_source
from alexnet.errors import DataError
from alexnet.files import address_of, is_unfinished, shown_name

if TYPE_CHECKING:
    from alexnet.data.corrections import Correction

__all__ = ["ImageFile", "ImageFolder", "scan_folder"]

ANNOTATION_ENDINGS = (".txt", ".xml", ".json", ".csv")
"""Files that hold boxes or outlines of objects, beside the images of a data set for detection."""


OWN_FILES = {"corrections.csv", ".corrections.csv.lock", "answers.json", "origins.csv"}
"""What this program writes into a folder of images, beside the class folders."""


@dataclass(frozen=True)
class ImageFolder:
    """A scanned folder: what it holds by name, before any file is opened.

    classes: names in lexicographic order, those without files too. stray: files outside the class folders.
    notes: what was left aside, and which folders were read as which split, where their names leave a doubt.
    corrections: the decisions that were applied, see `apply_corrections`.
    """

    path: Path
    source: ImageSource = field(repr=False, compare=False)
    classes: tuple[str, ...]
    files: Sequence[ImageFile] = field(repr=False)
    stray: tuple[str, ...] = field(repr=False)
    notes: tuple[str, ...] = ()
    corrections: tuple["Correction", ...] = field(default=(), repr=False)

    @property
    def has_split(self) -> bool:
        """Whether the folder has its own test or validation images."""
        if isinstance(self.source, ShardSource):
            return any(table.split != "train" for table in self.source.tables)
        return any(file.split in ("test", "validation") for file in self.files)

    @property
    def location(self) -> str:
        """Where it is: an absolute path, or an address."""
        return address_of(self.path) or str(self.path.resolve())

    def counts(self) -> dict[str, Counter[str]]:
        """Number of files by split (`all` where the folder has none) and class."""
        table: dict[str, Counter[str]] = {}
        for file in self.files:
            table.setdefault(file.split or "all", Counter())[file.class_name] += 1
        return table

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{html.escape(name)}</td>"
            + "".join(f"<td>{counter[name]}</td>" for counter in self.counts().values())
            + "</tr>"
            for name in self.classes
        )
        head = "".join(f"<th>{split}</th>" for split in self.counts())
        return f"<b>{html.escape(shown_name(self.path))}</b><table><tr><th>class</th>{head}</tr>{rows}</table>"


def scan_folder(path: Path | str, *, min_classes: int = 2) -> ImageFolder:
    """List a folder of images, a `.tar` or `.zip` of one, or a set of shards; no image is opened.

    Layouts: `DIR/train/CLASS/*` with `DIR/test` or `DIR/val` or both, or `DIR/CLASS/*`; other names that contain
    train, test, val, valid, eval, dev or holdout as a word do as well, such as `training_set`. Single folders around
    either are looked through; folders inside a class folder belong to the class. Class names are compared in
    Unicode's composed form (NFC). Hidden folders, and those that programs make, are left aside at every level.

    Args:
        path: of the folder or archive; or of shards, see `open_shards`.
        min_classes: how many class folders there must be, >= 1.

    Raises:
        DataError: the path is missing or damaged, there are too few classes, or it is not clear which folders are
            splits and which are classes.

    >>> scan_folder("images").classes
    ('across', 'down', 'rings')
    """
    source = open_source(path)
    if isinstance(source, ShardSource):
        return ImageFolder(source.path, source, source.classes, source.files, (), source.notes)
    layout = find_layout(source)
    files, stray, hidden = [], [], Counter[str]()
    for entry in source.entries:
        if entry.name in OWN_FILES or is_unfinished(Path(entry.name)):
            continue
        base = next((base for base in layout.splits if entry.name.startswith(base)), None)
        *folders, _ = entry.name.split("/")
        inner = entry.name[len(base or "") :].split("/")
        if any(map(is_hidden, folders)):
            hidden[next(filter(is_hidden, folders))] += 1
        elif base is not None and len(inner) > 1:
            files.append(ImageFile(entry, _class_name(inner[0]), layout.splits[base]))
            continue
        stray.append(entry.name)
    if "train" in layout.splits.values() and not {"test", "validation"} & set(layout.splits.values()):
        files = [ImageFile(file.entry, file.class_name, None) for file in files]
    classes = {file.class_name for file in files} | _folder_names(source, layout)
    _require_classes(Path(path), classes, files, min_classes)
    notes = layout.notes + _hidden_note(hidden) + _unreadable(source)
    return ImageFolder(Path(path), source, tuple(sorted(classes)), tuple(files), tuple(stray), notes)


def _class_name(folder: str) -> str:
    return unicodedata.normalize("NFC", folder)


def _folder_names(source: ImageSource, layout: Layout) -> set[str]:
    """Classes that have a folder, those without files too."""
    names = set()
    for folder in source.folders:
        for base in layout.splits:
            inner = folder[len(base) :].split("/")
            if folder.startswith(base) and inner[0] and not is_hidden(inner[0]):
                names.add(_class_name(inner[0]))
    return names


def _hidden_note(hidden: Counter[str]) -> tuple[str, ...]:
    files = "1 file in a hidden folder is" if hidden.total() == 1 else f"{hidden.total()} files in hidden folders are"
    return (f"{files} left aside ({', '.join(sorted(hidden)[:3])})",) if hidden else ()


def _unreadable(source: ImageSource) -> tuple[str, ...]:
    return tuple(
        f"{e.name}: {e.problem}; its files are left aside" for e in source.entries if e.name in source.folders
    )


def _require_classes(path: Path, classes: Iterable[str], files: Sequence[ImageFile], at_least: int) -> None:
    filled = {file.class_name for file in files}
    if not filled:
        raise DataError(f"{shown_name(path)}: has no images in class folders; lay them out as DIR/CLASS/image.jpg")
    if len(set(classes)) < at_least:
        few = f"has only one class ({min(filled)}); give a folder of at least {at_least} class folders"
        raise DataError(f"{shown_name(path)}: {few}")
    with_images = {file.class_name for file in files if not file.entry.name.lower().endswith(ANNOTATION_ENDINGS)}
    annotations = filled - with_images
    if annotations and len(with_images) < at_least:
        raise DataError(
            f"{shown_name(path)}: {min(annotations)} holds text files and no images, as in a data set of boxes; cut "
            "the objects out of the images and sort them into DIR/CLASS/image.jpg"
        )
