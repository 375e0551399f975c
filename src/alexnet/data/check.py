"""What is odd about a folder of images, by name."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from alexnet.data.cache import DecodedImages, decode_folder
from alexnet.data.decode import ImageFacts, plain_preprocessing
from alexnet.data.folder import ImageFile, scan_folder
from alexnet.presets import PRESETS
from alexnet.records import Record

__all__ = ["FolderReport", "check_folder", "check_images"]

EXTREME_RATIO = 4.0
"""Width to height, or height to width, from which a shape is called extreme."""

SMALL, LARGE = 32, 4096
"""Sides in px below and above which an image is called extreme."""

IMBALANCE = 5.0
"""Largest class over smallest, in the training images, from which it is named."""

EXTENSIONS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"), "PNG": (".png", ".apng"), "GIF": (".gif",), "BMP": (".bmp", ".dib"),
    "TIFF": (".tif", ".tiff"), "WEBP": (".webp",), "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
}  # fmt: skip
ENDINGS = frozenset(ending for endings in EXTENSIONS.values() for ending in endings)


@dataclass(frozen=True)
class FolderReport(Record):
    """What a check found.

    counts: usable images by split and class. sizes: (smallest, median, largest) by width and by height, px.
    oddities: kind → names of the files it concerns, or for kinds about classes, the classes.
    left_out: files that cannot be used, name → reason.
    """

    path: str
    classes: tuple[str, ...]
    num_files: int
    num_images: int
    counts: dict[str, dict[str, int]]
    widths: tuple[int, int, int]
    heights: tuple[int, int, int]
    formats: dict[str, int]
    oddities: dict[str, tuple[str, ...]]
    left_out: dict[str, str]
    fingerprint: str


def check_folder(images: DecodedImages) -> FolderReport:
    """Name what is odd in a decoded folder; nothing is opened again."""
    folder = images.folder
    pairs = list(zip(folder.files, images.facts, strict=True))
    usable = [(file, fact) for file, fact in pairs if fact.error is None]
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for file, _ in usable:
        counts[file.split or "all"][file.class_name] += 1
    oddities: dict[str, tuple[str, ...]] = {
        kind: names for kind, names in (_by_file(pairs) | _by_class(folder.classes, counts)).items() if names
    }
    oddities |= {kind: names for kind, names in _identical(usable).items() if names}
    if folder.stray:
        oddities["outside the class folders"] = folder.stray
    return FolderReport(
        path=str(folder.path),
        classes=folder.classes,
        num_files=len(pairs),
        num_images=len(usable),
        counts={split: {name: counter[name] for name in folder.classes} for split, counter in counts.items()},
        widths=_three([fact.width for _, fact in usable]),
        heights=_three([fact.height for _, fact in usable]),
        formats=dict(Counter(fact.format for _, fact in usable).most_common()),
        oddities=oddities,
        left_out={file.entry.name: fact.error for file, fact in pairs if fact.error is not None},
        fingerprint=images.fingerprint,
    )


def check_images(path: Path | str, *, on_progress: Callable[[int, int], None] | None = None) -> FolderReport:
    """Open every file below `path` and report; the decoded images are kept for a training with preset `fast`.

    Raises:
        DataError: there is no folder or archive of at least two classes.
    """
    preprocessing = plain_preprocessing(PRESETS["fast"])
    return check_folder(decode_folder(scan_folder(path), preprocessing, on_progress=on_progress))


def _three(lengths: list[int]) -> tuple[int, int, int]:
    ordered = sorted(lengths) or [0]
    return ordered[0], ordered[len(ordered) // 2], ordered[-1]


def _by_file(pairs: list[tuple[ImageFile, ImageFacts]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = defaultdict(list)
    for file, fact in pairs:
        for kind in _kinds(file, fact):
            found[kind].append(file.entry.name)
    return {kind: tuple(found[kind]) for kind in sorted(found)}


def _kinds(file: ImageFile, fact: ImageFacts) -> list[str]:
    """The ways in which one file is odd."""
    ending = "." + file.entry.name.rpartition(".")[2].lower()
    if fact.error is not None:
        is_named_so = ending in ENDINGS and fact.error != "empty file"
        return ["unreadable" if is_named_so or fact.error != "no image" else "no image"]
    sides = (fact.width, fact.height)
    tests = {
        "one channel": fact.mode in ("L", "1", "LA") or fact.mode.startswith("I") or fact.mode == "F",
        "CMYK": fact.mode == "CMYK",
        "more than 8 bits": fact.mode.startswith("I") or fact.mode == "F",
        "transparent": fact.transparent,
        "EXIF orientation": fact.orientation != 1,
        "extreme shape": max(sides) > EXTREME_RATIO * min(sides) or min(sides) < SMALL or max(sides) > LARGE,
        "format differs from the name": fact.format in EXTENSIONS and ending not in EXTENSIONS[fact.format],
    }
    return [kind for kind, holds in tests.items() if holds]


def _by_class(classes: tuple[str, ...], counts: Mapping[str, Counter[str]]) -> dict[str, tuple[str, ...]]:
    sides = list(counts.values())
    total = sum(sides, Counter[str]())
    training = counts.get("train") or counts.get("all") or Counter()
    present = [name for name in classes if total[name]]
    held_out = [counter for split, counter in counts.items() if split in ("test", "validation")]
    one_sided = [n for n in present if held_out and (not training[n] or not any(c[n] for c in held_out))]
    filled = sorted((training[name], name) for name in present if training[name])
    unequal = filled and filled[-1][0] >= IMBALANCE * filled[0][0]
    return {
        "empty class": tuple(name for name in classes if not total[name]),
        "class on one side only": tuple(one_sided),
        "imbalance": (f"{filled[-1][1]} {filled[-1][0]} : {filled[0][1]} {filled[0][0]}",) if unequal else (),
    }


def _identical(usable: list[tuple[ImageFile, ImageFacts]]) -> dict[str, tuple[str, ...]]:
    """Groups of files with the same pixels, named by what they have in common; a group is `a = b = c`."""
    groups: dict[str, list[ImageFile]] = defaultdict(list)
    for file, fact in usable:
        groups[fact.digest].append(file)
    found: dict[str, list[str]] = defaultdict(list)
    for files in groups.values():
        if len(files) > 1:
            text = " = ".join(file.entry.name for file in files)
            if len({file.class_name for file in files}) > 1:
                found["identical across classes"].append(text)
            if len({file.split for file in files}) > 1:
                found["identical across the split"].append(text)
            if len({(file.class_name, file.split) for file in files}) < len(files):
                found["identical within a class"].append(text)
    return {kind: tuple(texts) for kind, texts in sorted(found.items())}
