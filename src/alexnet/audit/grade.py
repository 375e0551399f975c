"""Score a list of suspects against the answer sheet of a spoiled folder."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alexnet.audit.answer_sheet import Answers, read_answers
from alexnet.audit.graded_corrections import CorrectionsScore, score_corrections
from alexnet.csv_files import parse_rows, write_csv
from alexnet.data.corrections import Correction, effective, read_corrections
from alexnet.errors import DataError
from alexnet.files import shown_name
from alexnet.records import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Grade", "grade"]

CORNER_PROBES = ("border", "color")
DARK_PROBES = ("brightness", "color")
"""Probes of `shortcuts` that see a colored corner, or that a class is dark; others name it for another reason."""


@dataclass(frozen=True)
class Grade(Record):
    """How much of what was planted a list names.

    labels: rows (fraction of the candidates that are looked at, number of images, wrong labels among them, recall,
    precision), empty where the list names no doubts. complete_after: images to look at until every wrong label is
    found, None if the list ends before. num_pairs, pair_recall, pair_precision: of
    planted near duplicates; a listed pair that was not planted counts against the precision unless it holds a copy
    of a planted image. change_recall: by kind of change. corner_named, dark_named: whether the list of shortcuts
    names the class by a probe that sees what was planted (the corner: border or color; the dark class: brightness or
    color); None where none was planted, or the list is of another kind.
    """

    list: str
    num_swapped: int
    labels: tuple[tuple[float, int, int, float, float], ...]
    complete_after: int | None
    num_pairs: int
    pair_recall: float | None
    pair_precision: float | None
    change_recall: dict[str, float]
    corner_named: bool | None
    dark_named: bool | None
    corrections: CorrectionsScore | None = None

    @property
    def marks(self) -> dict[str, bool]:
        """Whether a list of shortcuts names what marks a whole class; without what was not planted."""
        marks = {"colored corner": self.corner_named, "dark class": self.dark_named}
        return {what: is_named for what, is_named in marks.items() if is_named is not None}

    def save_csv(self, path: Path | str) -> Path:
        """Write a CSV file with a line for each number of images looked at, kind of near duplicate and marked class.

        Raises:
            DataError: it cannot be written.
        """
        rows: list[Sequence[object]] = [("planted", "fraction", "images", "named", "recall", "precision")]
        rows += [("wrong label", *row) for row in self.labels]
        if self.pair_recall is not None:
            rows.append(("near duplicate", None, self.num_pairs, None, self.pair_recall, self.pair_precision))
        rows += [
            (f"near duplicate: {name}", None, None, None, value, None) for name, value in self.change_recall.items()
        ]
        if self.corrections is not None:
            values = self.corrections.to_dict()
            rows += [(name.removeprefix("num_"), None, value, None, None, None) for name, value in values.items()]
        rows += [(what, None, None, int(is_named), None, None) for what, is_named in self.marks.items()]
        return write_csv(rows, path)

    def draw(self) -> "Figure":
        """Recall and precision of wrong labels by the images looked at, and the near duplicates by kind of change."""
        from alexnet.figures.graded_list import GradePoint, draw_grade

        points = [GradePoint(fraction, recall, precision) for fraction, _, _, recall, precision in self.labels]
        title = f"{self.num_swapped:,} wrong labels and {self.num_pairs:,} near duplicates were planted"
        if self.pair_precision is not None:
            title += f"; of the pairs named, {100 * self.pair_precision:.0f} % are planted ones"
        if (score := self.corrections) is not None:
            title += f"; {score.num_corrected} of the labels are corrected, {score.num_changed} correct ones changed"
        lines = [title, *(f"{what}: {'named' if named else 'not named'}" for what, named in self.marks.items())]
        return draw_grade(points, self.change_recall, title="\n".join(lines))


def grade(spoiled: Path | str, list_path: Path | str) -> Grade:
    """Score a list of suspected faults against the answers of a spoiled folder.

    Args:
        spoiled: the folder that `spoil_folder` wrote, or its `answers.json`.
        list_path: what `doubts`, `data check` or `shortcuts` print with `--json`; or a CSV file with a column `file`,
            the most doubtful first, or the one of `data check`; or a text file of names, a line each; or a file of
            corrections, whose decisions are counted instead of ranked.

    Raises:
        DataError: there is no answer sheet, or the list cannot be read, or names no image of the folder.

    >>> wrong = alexnet.spoil_folder("images", "copy", swap=0.1).swapped
    >>> _ = Path("mine.txt").write_text(wrong[0].file)
    >>> fraction, num_looked_at, num_right, recall, precision = grade("copy", "mine.txt").labels[0]
    >>> num_looked_at, num_right
    (1, 1)
    """
    answers, path = read_answers(spoiled), Path(list_path)
    values, decided = _read_list(path)
    doubts = [str(row.get("file")) for row in _rows(values, "doubts")]
    pairs = [(str(row.get("a")), str(row.get("b"))) for row in _rows(values, "near_duplicates")]
    named = {(str(row.get("probe")), str(row.get("class"))) for row in _rows(values, "alarms")}
    if decided is None and not {"doubts", "near_duplicates", "alarms"} & values.keys():
        raise DataError(
            f"{shown_name(path)}: names no images; give what doubts, data check or shortcuts print (--json)"
        )
    copied = answers.files.keys() | {each.copy for each in answers.near_duplicates}
    named_files = doubts or list(decided or ())
    if named_files and copied and copied.isdisjoint(named_files):
        raise DataError(
            f"{shown_name(path)}: names no image of {shown_name(spoiled)}, but for example "
            f"{shown_name(named_files[0])[:80]}; give names after the folder, as `doubts` prints them"
        )
    recall, precision, by_change = _grade_pairs(answers, pairs) if "near_duplicates" in values else (None, None, {})
    if decided is not None:
        recall, by_change = _grade_exclusions(answers, decided)
    labels, last = _grade_labels(answers, doubts) if doubts else ((), None)
    is_shortcuts = "alarms" in values
    return Grade(
        list=str(path), num_swapped=len(answers.swapped), labels=labels, complete_after=last,
        num_pairs=len(answers.near_duplicates), pair_recall=recall, pair_precision=precision,
        change_recall=by_change,
        corner_named=_is_named(answers.corner, named, CORNER_PROBES) if is_shortcuts else None,
        dark_named=_is_named(answers.dark, named, DARK_PROBES) if is_shortcuts else None,
        corrections=None if decided is None else score_corrections(answers, decided),
    )  # fmt: skip


def _is_named(class_name: str | None, named: set[tuple[str, str]], probes: Sequence[str]) -> bool | None:
    return None if class_name is None else any((probe, class_name) in named for probe in probes)


def _read_list(path: Path) -> tuple[dict[str, Any], dict[str, Correction] | None]:
    """What a list names, by kind; of a file of corrections, the last decision about each file."""
    text = _read_text(path)
    head = text.partition("\n")[0].strip().split(",")
    if {"file", "action"} <= set(head):
        return {}, effective(read_corrections(path))
    return _parse_list(path, text), None


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise DataError(f"{shown_name(path)}: cannot be read ({reason}); check the path") from error


def _parse_list(path: Path, text: str) -> dict[str, Any]:
    if text.lstrip().startswith("{"):
        try:
            return dict(json.loads(text))
        except ValueError as error:
            raise DataError(f"{shown_name(path)}: is not valid JSON ({error}); write it again with --json") from error
    try:
        head = next(csv.reader(io.StringIO(text)), [])
        if "other_file" in head:  # of `data check`, whose other problems are no pairs
            pairs = [row for _, row in parse_rows(text, ("file", "other_file")) if row["other_file"]]
            return {"near_duplicates": [{"a": row["file"], "b": row["other_file"]} for row in pairs]}
        if "a" in head and "b" in head:
            return {"near_duplicates": [row for _, row in parse_rows(text, ("a", "b"))]}
        if "file" in head:
            return {"doubts": [{"file": row["file"]} for _, row in parse_rows(text, ("file",))]}
    except (ValueError, csv.Error) as error:
        raise DataError(f"{shown_name(path)}: {error}; write the list again") from error
    return {"doubts": [{"file": line} for line in text.splitlines() if line.strip()]}


def _rows(values: Mapping[str, Any], key: str) -> Sequence[Mapping[str, Any]]:
    rows = values.get(key, [])
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def _grade_labels(
    answers: Answers, doubts: Sequence[str]
) -> tuple[tuple[tuple[float, int, int, float, float], ...], int | None]:
    wrong = {each.file for each in answers.swapped}
    hits, total, last = 0, max(1, len(wrong)), None
    num_hits = [0]
    for place, file in enumerate(dict.fromkeys(doubts), start=1):
        hits += file in wrong
        num_hits.append(hits)
        if hits == len(wrong) and last is None and wrong:
            last = place
    rows = []
    for fraction in (0.01, 0.02, 0.03, 0.06, 0.1, 0.2):
        count = max(1, round(fraction * answers.num_candidates))
        seen = num_hits[min(count, len(num_hits) - 1)]
        rows.append((fraction, count, seen, seen / total, seen / count))
    return tuple(rows), last


def _grade_exclusions(answers: Answers, decided: Mapping[str, Correction]) -> tuple[float | None, dict[str, float]]:
    """Recall of planted near duplicates, where an excluded image names its pair; of all, and by kind of change."""
    excluded = {file for file, line in decided.items() if line.action == "exclude"}
    planted = [(each.original, each.copy) for each in answers.near_duplicates]
    recall, _, by_change = _grade_pairs(answers, [pair for pair in planted if excluded.intersection(pair)])
    return recall, by_change


def _grade_pairs(
    answers: Answers, pairs: Sequence[tuple[str, str]]
) -> tuple[float | None, float | None, dict[str, float]]:
    listed = {frozenset(pair) for pair in pairs}
    planted = {frozenset((each.original, each.copy)): each.change for each in answers.near_duplicates}
    touched = {name for pair in planted for name in pair}
    hits = listed & planted.keys()
    good = sum(bool(pair & touched) for pair in listed)
    by_change = {
        change: sum(planted[pair] == change for pair in hits) / list(planted.values()).count(change)
        for change in dict.fromkeys(planted.values())
    }
    recall = len(hits) / len(planted) if planted else None
    return recall, good / len(listed) if listed else None, by_change
