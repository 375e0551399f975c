"""Which image belongs to which class and split: a folder of class folders, scanned by name."""

import html
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from alexnet.data.sources import Entry, ImageSource, open_source
from alexnet.errors import DataError

__all__ = ["ImageFile", "ImageFolder", "scan_folder"]

SPLIT_NAMES = {"train": "train", "training": "train", "test": "test", "testing": "test"} | dict.fromkeys(
    ("val", "valid", "validation"), "validation"
)

IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
"""Files that may be images by name, in a folder that holds nothing else but one folder."""


@dataclass(frozen=True)
class ImageFile:
    """A file that should hold an image. split: `train`, `test`, `validation`, or None where none is given."""

    entry: Entry
    class_name: str
    split: str | None


@dataclass(frozen=True)
class ImageFolder:
    """A scanned folder: what it holds by name, before any file is opened.

    classes: names in lexicographic order, those without files too. stray: files outside the class folders.
    """

    path: Path
    source: ImageSource = field(repr=False, compare=False)
    classes: tuple[str, ...]
    files: tuple[ImageFile, ...] = field(repr=False)
    stray: tuple[str, ...] = field(repr=False)

    @property
    def has_split(self) -> bool:
        """Whether the folder itself says which images are for testing."""
        return any(file.split in ("test", "validation") for file in self.files)

    def counts(self) -> dict[str, Counter[str]]:
        """Number of files by split (`all` where none is given) and class."""
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
        return f"<b>{html.escape(str(self.path))}</b><table><tr><th>class</th>{head}</tr>{rows}</table>"


def scan_folder(path: Path | str) -> ImageFolder:
    """List a folder of images, or a `.tar` or `.zip` of one; no file is opened.

    Layouts: `DIR/train/CLASS/*` with `DIR/test` or `DIR/val` or both, or `DIR/CLASS/*`. A single folder around
    either is looked through; folders inside a class folder belong to the class.

    Raises:
        DataError: the path is missing or broken, or there are not at least two classes.
    """
    source = open_source(path)
    root = _find_root(source)
    layout = _split_folders(source, root)
    files, stray, classes = [], [], set()
    for entry in source.entries:
        parts = _parts_below(entry.name, root)
        split = layout.get(parts[0]) if parts else None
        inner = parts[1:] if split else parts
        if (layout and not split) or len(inner) < 2 or _is_hidden(inner[0]):
            stray.append(entry.name)
            continue
        files.append(ImageFile(entry, inner[0], split))
        classes.add(inner[0])
    classes |= _empty_classes(source, root, layout)
    if "train" in layout.values() and not {"test", "validation"} & set(layout.values()):
        files = [ImageFile(file.entry, file.class_name, None) for file in files]
    _require_classes(Path(path), classes, files)
    return ImageFolder(Path(path), source, tuple(sorted(classes)), tuple(files), tuple(stray))


def _parts_below(name: str, root: str) -> tuple[str, ...]:
    if not name.startswith(root):
        return ()
    return tuple(part for part in name[len(root) :].split("/") if part not in ("", "."))


def _children(source: ImageSource, root: str) -> tuple[set[str], set[str]]:
    """Names of the folders and of the files directly below `root`."""
    folders: set[str] = set()
    files: set[str] = set()
    for entry in source.entries:
        parts = _parts_below(entry.name, root)
        if parts:
            (files if len(parts) == 1 else folders).add(parts[0])
    folders |= {parts[0] for name in source.folders if (parts := _parts_below(name, root))}
    return {name for name in folders if not _is_hidden(name)}, files


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _find_root(source: ImageSource) -> str:
    """The folder inside the source that holds the splits or the classes: lone folders are looked through."""
    root = ""
    while True:
        folders, files = _children(source, root)
        if len(folders) != 1 or any(name.lower().endswith(IMAGE_ENDINGS) for name in files):
            return root
        (only,) = folders
        if only.lower() in SPLIT_NAMES or not _children(source, f"{root}{only}/")[0]:
            return root
        root = f"{root}{only}/"


def _split_folders(source: ImageSource, root: str) -> dict[str, str]:
    """Folder name → split, where `train` is among them; else nothing."""
    folders, _ = _children(source, root)
    named = {name: SPLIT_NAMES[name.lower()] for name in folders if name.lower() in SPLIT_NAMES}
    flat = [name for name in sorted(named) if not _children(source, f"{root}{name}/")[0]]
    if flat:  # a class may be called `train`; but beside a `train` of class folders, flat images are unsorted
        _refuse_unsorted(source, root, named, flat)
        return {}
    return named if "train" in named.values() else {}


def _refuse_unsorted(source: ImageSource, root: str, named: dict[str, str], flat: list[str]) -> None:
    """Say what to do where `train` holds class folders and `val` or `test` bare images, as ILSVRC-2012 comes."""
    folders, _ = _children(source, root)
    trained = [name for name, split in named.items() if split == "train" and name not in flat]
    if folders == set(named) and trained and len(_children(source, f"{root}{trained[0]}/")[0]) >= 2:
        raise DataError(
            f"{source.path / root / flat[0]}: its images lie in no class folders, those of {trained[0]} do; sort "
            f"them into {flat[0]}/CLASS/ (ILSVRC-2012: by its ground truth), or move {flat[0]} elsewhere"
        )


def _empty_classes(source: ImageSource, root: str, layout: dict[str, str]) -> set[str]:
    bases = [f"{root}{name}/" for name in layout] if layout else [root]
    return {name for base in bases for name in _children(source, base)[0]}


def _require_classes(path: Path, classes: Iterable[str], files: Iterable[ImageFile]) -> None:
    filled = {file.class_name for file in files}
    if not filled:
        raise DataError(f"{path}: holds no images in class folders; lay them out as DIR/CLASS/image.jpg")
    if len(set(classes)) < 2:
        raise DataError(f"{path}: holds one class only ({min(filled)}); at least two folders of images are needed")
