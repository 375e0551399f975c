"""Score a list of suspects against the answer sheet of a spoiled folder."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alexnet.audit.spoil import Answers, read_answers
from alexnet.errors import DataError
from alexnet.files import shown_name
from alexnet.records import Record

__all__ = ["Grade", "grade"]


@dataclass(frozen=True)
class Grade(Record):
    """How much of what was planted a list names.

    labels: rows (fraction of the candidates that are looked at, number of images, wrong labels among them, recall,
    precision), empty where the list names no doubts. complete_after: images to look at until every wrong label is
    found, None if the list ends before. num_pairs, pair_recall, pair_precision: of
    planted near duplicates; a listed pair that was not planted counts against the precision unless it holds a copy
    of a planted image. change_recall: by kind of change. corner_named, dark_named: whether the list of shortcuts
    names the class; None where none was planted, or the list is of another kind.
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


def grade(spoiled: Path | str, list_path: Path | str) -> Grade:
    """Score a list of suspected faults against the answers of a spoiled folder.

    Args:
        spoiled: the folder that `spoil_folder` wrote, or its `answers.json`.
        list_path: what `doubts`, `data check` or `shortcuts` print with `--json`; or a CSV file with a column `file`,
            the most doubtful first; or a text file of names, a line each.

    Raises:
        DataError: there is no answer sheet, or the list cannot be read or names nothing.

    >>> wrong = alexnet.spoil_folder("images", "copy", swap=0.1).swapped
    >>> _ = Path("mine.txt").write_text(wrong[0].file)
    >>> share, num_looked_at, num_right, recall, precision = grade("copy", "mine.txt").labels[0]
    >>> num_looked_at, num_right
    (1, 1)
    """
    answers, path = read_answers(spoiled), Path(list_path)
    values = _read_list(path)
    doubts = [str(row["file"]) for row in _rows(values, "doubts")]
    pairs = [(str(row["a"]), str(row["b"])) for row in _rows(values, "near_duplicates")]
    named = {(str(row.get("probe")), str(row.get("class"))) for row in _rows(values, "alarms")}
    if not {"doubts", "near_duplicates", "alarms"} & values.keys():
        raise DataError(
            f"{shown_name(path)}: names no images; give what doubts, data check or shortcuts print (--json)"
        )
    recall, precision, by_change = _grade_pairs(answers, pairs) if "near_duplicates" in values else (None, None, {})
    labels, last = _grade_labels(answers, doubts) if doubts else ((), None)
    is_shortcuts = "alarms" in values
    return Grade(
        list=str(path), num_swapped=len(answers.swapped), labels=labels, complete_after=last,
        num_pairs=len(answers.near_duplicates), pair_recall=recall, pair_precision=precision,
        change_recall=by_change,
        corner_named=_is_named(answers.corner, named) if is_shortcuts else None,
        dark_named=_is_named(answers.dark, named) if is_shortcuts else None,
    )  # fmt: skip


def _is_named(class_name: str | None, named: set[tuple[str, str]]) -> bool | None:
    return None if class_name is None else any(name == class_name for _, name in named)


def _read_list(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise DataError(f"{shown_name(path)}: cannot be read ({reason}); check the path") from error
    if text.lstrip().startswith("{"):
        try:
            return dict(json.loads(text))
        except ValueError as error:
            raise DataError(f"{shown_name(path)}: is no JSON ({error}); write it again with --json") from error
    lines = list(csv.reader(io.StringIO(text)))
    head = lines[0] if lines else []
    if "a" in head and "b" in head:
        return {"near_duplicates": [dict(zip(head, row, strict=False)) for row in lines[1:]]}
    if "file" in head:
        place = head.index("file")
        return {"doubts": [{"file": row[place]} for row in lines[1:] if len(row) > place]}
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
    for share in (0.01, 0.02, 0.03, 0.06, 0.1, 0.2):
        count = max(1, round(share * answers.num_candidates))
        seen = num_hits[min(count, len(num_hits) - 1)]
        rows.append((share, count, seen, seen / total, seen / count))
    return tuple(rows), last


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
