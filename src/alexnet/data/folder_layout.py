"""Which folders of a source hold the training and the test images, and which hold the classes."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

from alexnet.data.entry import ImageSource
from alexnet.errors import DataError
from alexnet.files import listed_names, shown_name

__all__ = ["IMAGE_ENDINGS", "Layout", "find_layout", "is_hidden", "split_of"]

IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".avif", ".jp2")
"""Files that may be images by name: a folder that holds some directly is a class, not a split."""

TOOL_FOLDERS = frozenset(
    ("__MACOSX", "__pycache__", "@eaDir", "#recycle", "$RECYCLE.BIN", "System Volume Information", "lost+found")
)
"""Folders that operating systems and programs make beside a user's own."""

SPLIT_WORDS = {
    "train": ("train", "training", "trn"),
    "test": ("test", "testing", "tst", "eval", "evaluation", "holdout", "heldout"),
    "validation": ("val", "valid", "validation", "dev"),
}
"""Words in a folder's name that say which images it holds."""

PLAIN_NAMES = frozenset(("train", "test", "val", "valid", "validation"))
"""Names of splits that need no remark."""

SPLIT_ENDINGS = ("", "set", "data", "images", "imgs", "folder", "dir", "split", "samples")
"""What may follow such a word without a gap: `trainset`, `testdata`."""

FEW = 3
"""Names that a message gives before it says how many more there are."""


@dataclass(frozen=True)
class Layout:
    """Where the class folders lie.

    splits: folder of class folders, with a final `/` → `train`, `test`, `validation`, or None where the source has
    no splits. notes: what is read in another way than its name says, or left aside; a line each.
    """

    splits: dict[str, str | None]
    notes: tuple[str, ...] = ()


class _Tree:
    """The folders of a source, without hidden ones, and how many images by name lie directly in each."""

    def __init__(self, source: ImageSource) -> None:
        self._folders: dict[str, set[str]] = defaultdict(set)
        self._num_images: Counter[str] = Counter()
        self._num_images_below: Counter[str] = Counter()
        holders: Counter[str] = Counter()
        for entry in source.entries:
            folder = entry.name.rpartition("/")[0]
            holders[folder] += 0
            if entry.name.lower().endswith(IMAGE_ENDINGS):
                holders[folder] += 1
        for folder, count in [*holders.items(), *((name, 0) for name in source.folders)]:
            parts = folder.split("/") if folder else []
            if any(map(is_hidden, parts)):
                continue
            base = ""
            for part in parts:
                self._folders[base].add(part)
                self._num_images_below[base] += count
                base = f"{base}{part}/"
            self._num_images[base] += count
            self._num_images_below[base] += count

    def folders(self, base: str) -> set[str]:
        """Names of the folders directly below `base`."""
        return self._folders.get(base, set())

    def num_images(self, base: str) -> int:
        """Images by name directly in `base`."""
        return self._num_images[base]

    def num_images_below(self, base: str) -> int:
        """Images by name anywhere below `base`."""
        return self._num_images_below[base]

    def holds_only_folders(self, base: str) -> bool:
        """Whether `base` has folders in it and no image beside them."""
        return bool(self.folders(base)) and not self.num_images(base)


def is_hidden(name: str) -> bool:
    """Whether a folder is hidden, or made by an operating system or a program, by its name."""
    return name.startswith(".") or name in TOOL_FOLDERS


def split_of(name: str) -> str | None:
    """The split that a folder's name says; None where it says none, or several.

    >>> split_of("seg_train"), split_of("testset"), split_of("strain"), split_of("train_test_split")
    ('train', 'test', None, None)
    """
    joined = re.sub(r"(?i)(hold|held)[-_ ]?out", "holdout", name)
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", joined)]
    spoken = {
        split
        for split, starts in SPLIT_WORDS.items()
        for start in starts
        for end in SPLIT_ENDINGS
        if start + end in words
    }
    if "trainval" in words or spoken == {"train", "validation"}:
        return "train"
    return spoken.pop() if len(spoken) == 1 else None


def find_layout(source: ImageSource) -> Layout:
    """Where the class folders of a source lie; a folder around a single folder is looked through.

    Raises:
        DataError: held-out images lie in no class folders, or the folders may be splits as well as classes.
    """
    tree = _Tree(source)
    root = ""
    while len(tree.folders(root)) == 1 and tree.holds_only_folders(root):
        (only,) = tree.folders(root)
        below = f"{root}{only}/"
        if not tree.holds_only_folders(below) and len(tree.folders(below)) < 2:
            break
        root = below
    named = {name: split for name in sorted(tree.folders(root)) if (split := split_of(name))}
    training = [name for name, split in named.items() if split == "train" and tree.folders(f"{root}{name}/")]
    if training:
        return _with_splits(source.path, tree, root, named, training)
    _require_classes_for_certain(source.path, tree, root, named)
    return Layout({root: None})


def _with_splits(path: Path, tree: _Tree, root: str, named: dict[str, str], training: list[str]) -> Layout:
    bases = {name: _class_base(tree, f"{root}{name}/", set()) for name in training}
    classes = {class_name for base in bases.values() for class_name in tree.folders(base)}
    unsorted = []
    for name in named.keys() - bases.keys():
        base = _class_base(tree, f"{root}{name}/", classes)
        inner = tree.folders(base)
        if inner and not (len(inner) == 1 and not inner & classes):
            bases[name] = base
        elif tree.num_images_below(base):
            unsorted.append(name)
    if unsorted and len(bases) == len(training):
        _refuse_unsorted(path / root, sorted(unsorted), training[0], classes)
    splits = _settle(named, bases)
    num_alike = Counter(splits.values())
    notes = [
        f"{name} is read as {split}"
        for name, split in splits.items()
        if name.lower() not in PLAIN_NAMES or num_alike[split] > 1
    ]
    for name in sorted(tree.folders(root) - bases.keys()):
        count = tree.num_images_below(f"{root}{name}/")
        why = "its images lie in no class folders" if name in unsorted else "its name is that of no split"
        notes.append(f"{name} is left aside ({count} images): {why}")
    return Layout({bases[name]: split for name, split in splits.items()}, tuple(notes))


def _class_base(tree: _Tree, base: str, classes: set[str]) -> str:
    """The folder of class folders at or below `base`, as in `seg_train/seg_train/CLASS`.

    classes: of the training images, so far as they are known.
    """
    while len(tree.folders(base)) == 1 and tree.holds_only_folders(base):
        (only,) = tree.folders(base)
        inner = tree.folders(f"{base}{only}/")
        if only in classes or not (inner & classes if classes else len(inner) > 1):
            break
        base = f"{base}{only}/"
    return base


def _settle(named: dict[str, str], bases: Iterable[str]) -> dict[str, str]:
    """The split of every folder that holds class folders; beside a `test`, `eval` chooses the checkpoint."""
    chosen = {name: named[name] for name in sorted(bases)}
    plain = {name for name, split in chosen.items() if split == "test" and "test" in name.lower()}
    if plain and "validation" not in chosen.values():
        chosen |= {name: "validation" for name, split in chosen.items() if split == "test" and name not in plain}
    return chosen


def _refuse_unsorted(base: Path, names: list[str], training: str, classes: set[str]) -> None:
    """Say what to do where `train` holds class folders and `val` or `test` bare images, as ILSVRC-2012 comes."""
    if len(classes) >= 2:
        first, more = names[0], "".join(f" and {name}" for name in names[1:])
        whose = "their" if more else "its"
        raise DataError(
            f"{shown_name(base / first)}{more}: {whose} images lie in no class folders, those of {training} do; sort "
            f"them into {first}/CLASS/ (ILSVRC-2012: by its ground truth), or move {first}{more} elsewhere"
        )


def _require_classes_for_certain(path: Path, tree: _Tree, root: str, named: dict[str, str]) -> None:
    """Refuse folders that look like splits rather than classes: the network would learn to tell them apart.

    Raises:
        DataError: all are named as splits, or all hold the same folders and no images.
    """
    where = shown_name(path / root)
    tops = sorted(name for name in tree.folders(root) if tree.num_images_below(f"{root}{name}/"))
    if len(tops) < 2:
        return
    if set(tops) <= named.keys() and "train" in named.values():
        raise DataError(
            f"{where}: {_few(tops)} hold no class folders; lay the images out as {tops[0]}/CLASS/image.jpg"
        )
    inner = [tree.folders(f"{root}{name}/") for name in tops]
    shared = reduce(set.intersection, inner)
    is_alike = len(shared) >= 2 and 2 * len(shared) >= max(map(len, inner))
    if not is_alike or not all(tree.holds_only_folders(f"{root}{name}/") for name in tops):
        return
    if "train" in map(split_of, shared):
        raise DataError(f"{where}: its class folders hold {_few(shared)}; lay them out as train/CLASS and test/CLASS")
    raise DataError(
        f"{where}: {_few(tops)} all hold the folders {_few(shared)} and no images, so they may be splits or classes; "
        "if they are splits, rename them to train and test; if they are classes, put their images directly into them"
    )


def _few(names: Iterable[str]) -> str:
    return listed_names(sorted(names), most=FEW)
