"""What a person has decided about a spoiled folder, against its answers."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from alexnet.audit.answer_sheet import Answers
from alexnet.data.corrections import Correction
from alexnet.records import Record

__all__ = ["CorrectionsScore", "score_corrections"]


@dataclass(frozen=True)
class CorrectionsScore(Record):
    """How much of what was planted the corrections of a folder put right.

    num_swapped: wrong labels that were planted. num_corrected: of these, how many are relabeled with the true class.
    num_excluded: how many are excluded. num_other_class: how many are relabeled with a class that is not the true
    one, or have the wrong label and another. num_missed: how many are left as they are.
    num_changed: correct labels that are changed, or to which another is added. num_left_out: images excluded that are
    neither mislabeled nor one of a planted pair. num_pairs: near duplicates that were planted. num_pairs_parted: of
    these, how many have one of the two images excluded.
    """

    num_swapped: int
    num_corrected: int
    num_excluded: int
    num_other_class: int
    num_missed: int
    num_changed: int
    num_left_out: int
    num_pairs: int
    num_pairs_parted: int


def score_corrections(answers: Answers, decided: Mapping[str, Correction]) -> CorrectionsScore:
    """Count decisions by what they do to what was planted.

    Args:
        decided: the last decision about each file.
    """
    true = {each.file: each.true for each in answers.swapped}
    pairs = [{each.original, each.copy} for each in answers.near_duplicates]
    excluded = {file for file, line in decided.items() if line.action == "exclude"}
    ends = Counter(_end(decided.get(file), name) for file, name in true.items())
    known = answers.files.keys() | set().union(*pairs)
    others = {file: line.action for file, line in decided.items() if file in known and file not in true}
    return CorrectionsScore(
        num_swapped=len(true),
        num_corrected=ends["corrected"],
        num_excluded=ends["excluded"],
        num_other_class=ends["other class"],
        num_missed=ends["missed"],
        num_changed=sum(action in ("relabel", "both") for action in others.values()),
        num_left_out=len((excluded & others.keys()).difference(*pairs)),
        num_pairs=len(pairs),
        num_pairs_parted=sum(bool(pair & excluded) for pair in pairs),
    )


def _end(line: Correction | None, true: str) -> str:
    """What a decision does to a wrong label."""
    if line is None or line.action == "fine":
        return "missed"
    if line.action == "exclude":
        return "excluded"
    return "corrected" if line.decision == ("relabel", true) else "other class"
