"""What is wrong with a spoiled folder, as its answer sheet says it."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from alexnet.errors import DataError
from alexnet.files import is_folder, shown_name
from alexnet.records import Record

__all__ = ["ANSWERS", "Answers", "PlantedDuplicate", "SwappedLabel", "read_answers"]

ANSWERS = "answers.json"
"""The answer sheet, at the top of the copy."""


@dataclass(frozen=True)
class SwappedLabel(Record):
    """An image in the folder of a wrong class. file: in the copy. label: that folder. true: where it belongs."""

    file: str
    label: str
    true: str


@dataclass(frozen=True)
class PlantedDuplicate(Record):
    """A changed copy of an image.

    original, copy: names in the spoiled folder. change: `crop` (strength: fraction of the area that is kept), `flip`,
    `jpeg` (strength: the quality), `brightness` (strength: the factor) or `frame` (strength: degrees turned).
    """

    original: str
    copy: str
    change: str
    strength: float


@dataclass(frozen=True)
class Answers(Record):
    """What is wrong with a spoiled folder.

    source: the folder that was copied. num_images: in the copy. num_candidates: images whose labels might have been
    swapped. corner, dark: the class with the colored corner and the dark one, None without.
    files: name in the copy → name in the source; altered copies are missing there.
    """

    source: str
    seed: int
    num_images: int
    num_candidates: int
    swapped: tuple[SwappedLabel, ...]
    near_duplicates: tuple[PlantedDuplicate, ...]
    corner: str | None
    dark: str | None
    files: dict[str, str] = field(default_factory=dict, repr=False)


def read_answers(spoiled: Path | str) -> Answers:
    """The answer sheet of a spoiled folder.

    Raises:
        DataError: there is none, or it is damaged.
    """
    path = Path(spoiled) / ANSWERS if is_folder(spoiled) else Path(spoiled)
    try:
        return Answers.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        step = "give the folder that `alexnet data spoil` wrote"
        raise DataError(f"{shown_name(path)}: there is no answer sheet; {step}") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{shown_name(path)}: is not an answer sheet ({error}); spoil the folder again") from error
