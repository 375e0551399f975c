"""What is odd about a folder of images, by name."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from alexnet.csv_files import write_csv
from alexnet.data.cache import DecodedImages, decode_folder
from alexnet.data.decode import ImageFacts, plain_preprocessing
from alexnet.data.folder import ImageFile, ImageFolder, scan_folder
from alexnet.data.near_duplicates import KINDS, NearDuplicate, find_near_duplicates
from alexnet.data.streamed import StreamedImages
from alexnet.errors import DataError
from alexnet.files import shown_name
from alexnet.presets import PRESETS
from alexnet.progress_callback import Progress
from alexnet.records import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FolderReport", "check_decoded", "check_folder", "names_differing_in_case"]

EXTREME_RATIO = 4.0
"""Width to height, or height to width, from which a shape is called extreme."""

SMALL, LARGE = 32, 4096
"""Sides in px below and above which an image is called extreme."""

IMBALANCE = 5.0
"""Images of the largest class over those of the smallest, in the training images, from which it is named."""

EXTENSIONS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"), "PNG": (".png", ".apng"), "GIF": (".gif",), "BMP": (".bmp", ".dib"),
    "TIFF": (".tif", ".tiff"), "WEBP": (".webp",), "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
}  # fmt: skip
IMAGE_ENDINGS = frozenset(ending for endings in EXTENSIONS.values() for ending in endings)


@dataclass(frozen=True)
class FolderReport(Record):
    """The result of a check.

    num_files: in the class folders. num_images: the usable ones of them; counts: the same by split and class.
    widths, heights: (smallest, median, largest), px.
    oddities: kind → names of the files it concerns, or for kinds about classes, the classes.
    left_out: files that cannot be used, name → reason. depths: images of more than 8 bits, name → how they became 8.
    notes: what was left aside or read in another way than its name says, a line each.
    fingerprint: changes when an image, its name, class or split does.
    near_duplicates: pairs of nearly identical images, the nearest first, where they were looked for.
    images: the decoded images, for `draw`, where near duplicates were looked for.
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
    depths: dict[str, str]
    notes: tuple[str, ...]
    fingerprint: str
    near_duplicates: tuple[NearDuplicate, ...] = ()
    images: DecodedImages | None = field(default=None, repr=False, compare=False)

    def draw(self, most: int = 8) -> "Figure":
        """The nearest pairs of nearly identical images of each kind, with class, distance and kind.

        Args:
            most: pairs of each kind, at most, >= 1.

        Raises:
            DataError: there is no such pair, or none was looked for.
        """
        from alexnet.figures.image_pairs import ImagePair, draw_pairs

        if self.images is None or not self.near_duplicates:
            raise DataError("data check: no images are nearly identical, so there is nothing to draw")
        rows = {name: row for row, name in enumerate(self.images.names)}
        pixels, files = self.images.pixels, self.images.files

        def drawn(pair: NearDuplicate) -> ImagePair:
            a, b = rows[pair.a], rows[pair.b]
            other = "" if files[a].class_name == files[b].class_name else f"{files[b].class_name}  "
            return ImagePair(
                pixels=(pixels[a], pixels[b]), files=(pair.a, pair.b), is_marked=pair.kind != KINDS[-1],
                titles=(f"{files[a].class_name}  {pair.distance:.3f}", f"{other}{pair.kind}"),
            )  # fmt: skip

        of_kind = ([pair for pair in self.near_duplicates if pair.kind == kind][:most] for kind in KINDS)
        return draw_pairs([drawn(pair) for pairs in of_kind for pair in pairs])

    def save_csv(self, path: Path | str) -> Path:
        """Write a CSV file with a line for each problem: its kind, the file or class, and the other file of a pair.

        Raises:
            DataError: it cannot be written.
        """
        details = self.left_out | self.depths
        rows: list[tuple[object, ...]] = [
            (kind, name, None, None, details.get(name)) for kind, names in self.oddities.items() for name in names
        ]
        rows += [
            (f"nearly identical {pair.kind}", pair.a, pair.b, pair.distance, None) for pair in self.near_duplicates
        ]
        return write_csv([("problem", "file", "other_file", "distance", "detail"), *rows], path)


def check_folder(
    folder: ImageFolder | Path | str,
    *,
    near_duplicates: bool = True,
    on_progress: Progress | None = None,
    on_comparing: Progress | None = None,
) -> FolderReport:
    """Open every image of a folder and report what is odd; the decoded images are cached for preset `fast`.

    Args:
        folder: a scanned folder, or the path of a folder, `.tar` or `.zip` of class folders.
        near_duplicates: look for nearly identical images, too; about 2 ms for each image.
        on_progress: called with (files done, files in all) while decoding.
        on_comparing: called with (images done, images in all) while near duplicates are looked for.

    Raises:
        DataError: there is no folder or archive of class folders. One class will do here; it is named as a problem.

    >>> report = check_folder("images")
    >>> report.num_images, report.oddities
    (93, {})
    """
    scanned = folder if isinstance(folder, ImageFolder) else scan_folder(folder, min_classes=1)
    images = decode_folder(scanned, plain_preprocessing(PRESETS["fast"]), on_progress=on_progress)
    report = check_decoded(images)
    if not near_duplicates:
        return report
    return replace(report, near_duplicates=find_near_duplicates(images, on_progress=on_comparing), images=images)


def check_decoded(images: DecodedImages) -> FolderReport:
    """Report what is odd in a decoded folder; no file is opened again. Of shards, only what their lists say."""
    if isinstance(images, StreamedImages):
        return _check_shards(images)
    folder, usable = images.folder, list(zip(images.files, images.facts, strict=True))
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for file, _ in usable:
        counts[file.split or "all"][file.class_name] += 1
    oddities = (
        _file_oddities(usable, images.left_out)
        | _class_oddities(folder.classes, counts)
        | _identical_images(usable)
        | {"outside the class folders": folder.stray}
    )
    return FolderReport(
        path=shown_name(folder.path),
        classes=folder.classes,
        num_files=len(folder.files),
        num_images=len(usable),
        counts={split: {name: counter[name] for name in folder.classes} for split, counter in counts.items()},
        widths=_spread([fact.width for _, fact in usable]),
        heights=_spread([fact.height for _, fact in usable]),
        formats=dict(Counter(fact.format for _, fact in usable).most_common()),
        oddities={kind: names for kind, names in oddities.items() if names},
        left_out=images.left_out,
        depths={file.entry.name: fact.depth for file, fact in usable if fact.depth},
        notes=folder.notes + images.notes,
        fingerprint=images.fingerprint,
    )


def _check_shards(images: StreamedImages) -> FolderReport:
    source, folder = images.source, images.folder
    counts: dict[str, Counter[str]] = {}
    for split in ("train", "validation", "test"):
        rows = source.rows_of(split)
        numbers = np.bincount(source.labels[rows], minlength=len(source.classes)).tolist()
        if len(rows):
            counts[split] = Counter(dict(zip(source.classes, numbers, strict=True)))
    oddities = _class_oddities(source.classes, counts)
    return FolderReport(
        path=shown_name(folder.path),
        classes=source.classes,
        num_files=len(source),
        num_images=len(source),
        counts={split: dict(counter) for split, counter in counts.items()},
        widths=(0, 0, 0),
        heights=(0, 0, 0),
        formats={},
        oddities={kind: names for kind, names in oddities.items() if names},
        left_out={},
        depths={},
        notes=folder.notes,
        fingerprint=images.fingerprint,
    )


def names_differing_in_case(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Groups of names that are the same in lower case.

    >>> names_differing_in_case(["Ball", "ball", "post"])
    [('Ball', 'ball')]
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for name in sorted(names):
        groups[name.casefold()].append(name)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def _spread(lengths: list[int]) -> tuple[int, int, int]:
    """Smallest, median and largest; zeros where there is none."""
    ordered = sorted(lengths) or [0]
    return ordered[0], ordered[len(ordered) // 2], ordered[-1]


def _file_oddities(
    usable: list[tuple[ImageFile, ImageFacts]], left_out: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    names: dict[str, list[str]] = defaultdict(list)
    for name, reason in left_out.items():
        is_image = reason == "empty file" or not reason.startswith("no image")
        names["unreadable" if is_image or _ending(name) in IMAGE_ENDINGS else "no image"].append(name)
    for file, fact in usable:
        for kind in _image_oddities(fact, _ending(file.entry.name)):
            names[kind].append(file.entry.name)
    return {kind: tuple(names[kind]) for kind in sorted(names)}


def _ending(name: str) -> str:
    return "." + name.rpartition(".")[2].lower()


def _image_oddities(fact: ImageFacts, ending: str) -> list[str]:
    """The ways in which one image is odd."""
    sides = (fact.width, fact.height)
    is_deep_gray = fact.mode.startswith("I") or fact.mode == "F"
    tests = {
        "one channel": fact.mode in ("L", "1", "LA") or is_deep_gray,
        "CMYK": fact.mode == "CMYK",
        "more than 8 bits": bool(fact.depth),
        "transparent": fact.transparent,
        "EXIF orientation": fact.orientation != 1,
        "extreme shape": max(sides) > EXTREME_RATIO * min(sides) or min(sides) < SMALL or max(sides) > LARGE,
        "format differs from the name": fact.format in EXTENSIONS and ending not in EXTENSIONS[fact.format],
    }
    return [kind for kind, holds in tests.items() if holds]


def _class_oddities(classes: tuple[str, ...], counts: Mapping[str, Counter[str]]) -> dict[str, tuple[str, ...]]:
    total = sum(counts.values(), Counter[str]())
    training = counts.get("train") or counts.get("all") or Counter()
    held_out = [counter for split, counter in counts.items() if split in ("test", "validation")]
    present = [name for name in classes if total[name]]
    one_sided = [n for n in present if held_out and (not training[n] or not any(c[n] for c in held_out))]
    filled = sorted((training[name], name) for name in present if training[name])
    is_unequal = filled and filled[-1][0] >= IMBALANCE * filled[0][0]
    return {
        "only one class, and a classifier needs two": classes if len(classes) == 1 else (),
        "empty class": tuple(name for name in classes if not total[name]),
        "class on one side only": tuple(one_sided),
        "classes whose names differ only in case": tuple(map(" = ".join, names_differing_in_case(classes))),
        "imbalance": (f"{filled[-1][1]} {filled[-1][0]} : {filled[0][1]} {filled[0][0]}",) if is_unequal else (),
    }


def _identical_images(usable: list[tuple[ImageFile, ImageFacts]]) -> dict[str, tuple[str, ...]]:
    """Groups of files with the same pixels, named by what they have in common; a group is `a = b = c`."""
    groups: dict[str, list[ImageFile]] = defaultdict(list)
    for file, fact in usable:
        groups[fact.digest].append(file)
    kinds: dict[str, list[str]] = defaultdict(list)
    for files in groups.values():
        if len(files) > 1:
            text = " = ".join(file.entry.name for file in files)
            if len({file.class_name for file in files}) > 1:
                kinds["identical across classes"].append(text)
            if len({file.split for file in files}) > 1:
                kinds["identical across the split"].append(text)
            if len({(file.class_name, file.split) for file in files}) < len(files):
                kinds["identical within a class"].append(text)
    return {kind: tuple(texts) for kind, texts in sorted(kinds.items())}
