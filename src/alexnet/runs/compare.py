"""Several runs side by side: scores, settings that differ, mistakes fixed and broken, published results."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alexnet.data.corrections import Correction, effective, read_corrections
from alexnet.errors import RunError
from alexnet.evaluation.paired import PairedComparison, compare_predictions
from alexnet.evaluation.reviewed import reviewed_predictions
from alexnet.published import CLAIMS, PUBLISHED, Claim, PublishedResult, judge_comparability
from alexnet.recipe import recipe_differences
from alexnet.records import Record
from alexnet.runs.run import Run, RunLike, as_run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Comparison", "Published", "compare_runs", "draw_comparison", "published_beside"]


@dataclass(frozen=True)
class Published(Record):
    """Published results beside those of runs.

    ours: a row for each run. comparable: whether its errors may be compared with the published ones, None where only
    the reader can tell. reasons: why, a sentence for each run. Errors are fractions.
    """

    results: tuple[PublishedResult, ...]
    claims: tuple[Claim, ...]
    ours: tuple[PublishedResult, ...]
    comparable: tuple[bool | None, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Comparison(Record):
    """Several runs side by side.

    scores: one dict for each run, see `Run.summary`. settings: the fields that differ, each with its value in every
    run, and `corrections`, where the labels of the images were corrected differently. differences: from the first run
    to each other one that tested some of the same images. published: published results, None where they were not
    asked for.
    """

    runs: tuple[str, ...]
    scores: tuple[dict[str, Any], ...]
    settings: dict[str, tuple[Any, ...]]
    differences: tuple[PairedComparison, ...]
    published: Published | None = None


def compare_runs(runs: Sequence[RunLike], *, published: bool = False) -> Comparison:
    """Compare finished runs: scores, settings that differ, and images that one gets right and another wrong.

    Where the images of two runs differ, as after a correction of labels, those are compared that lie in the same
    folder under the same name and that both tested, with the labels of the later run for both. Where its corrections
    call two labels of an image correct, either counts, for both runs; in `scores` each run has only the first.

    Args:
        runs: at least two, opened, or as paths of their folders.
        published: add the published results of the paper, Caffe and torchvision.

    Raises:
        RunError: fewer than two runs, or one that is missing, not finished or damaged.

    >>> comparison = alexnet.compare_runs(["runs/first", "runs/first"])
    >>> comparison.settings, comparison.differences[0].p_value
    ({}, 1.0)
    """
    opened = _open_all(runs)
    first, *others = opened
    differences = [_difference(first, run) for run in others]
    return Comparison(
        runs=tuple(str(run.path) for run in opened),
        scores=tuple(run.summary() for run in opened),
        settings=recipe_differences([run.recipe for run in opened]) | _corrections(opened),
        differences=tuple(each for each in differences if each is not None),
        published=published_beside(opened) if published else None,
    )


def _difference(before: Run, after: Run) -> PairedComparison | None:
    """The difference on the images that both tested; None where they have none in common."""
    names = (str(before.path), str(after.path))
    data = before.about.data, after.about.data
    is_same = data[0].fingerprint == data[1].fingerprint
    if not is_same and data[0].path != data[1].path:  # equal names alone are not equal images
        return None
    later = max(after, before, key=lambda run: run.about.created)
    labels = {each.file: each.true for each in later.predictions}
    lines = _decided(later)
    tests = [
        reviewed_predictions(
            (replace(each, true=labels[each.file]) for each in run.predictions if each.file in labels), lines.values()
        )
        for run in (before, after)
    ]
    compared = compare_predictions(*tests, names=names)
    if not compared.num_images:
        return None
    tested = {each.file for each in tests[0]} & {each.file for each in tests[1]}
    has_same_labels = is_same and _second_labels(_decided(before)) == _second_labels(_decided(after))
    return replace(
        compared,
        labels="" if has_same_labels else str(later.path),
        num_two_labels=len(tested & _second_labels(lines).keys()),
    )


def _decided(run: Run) -> dict[str, Correction]:
    """The corrections that a run was trained with, by file."""
    return effective(read_corrections(run.folder.corrections_path))


def _second_labels(lines: Mapping[str, Correction]) -> dict[str, str]:
    """The second label of the images for which two are correct."""
    return {file: line.to for file, line in lines.items() if line.action == "both"}


def _corrections(runs: Sequence[Run]) -> dict[str, tuple[str, ...]]:
    """How labels were corrected, in words, where that differs between runs; else nothing."""
    decided = [_decided(run) for run in runs]
    decisions = [{file: line.decision for file, line in lines.items()} for lines in decided]
    if all(each == decisions[0] for each in decisions):
        return {}
    counts = [Counter(action for action, _ in each.values()) for each in decisions]
    words = (", ".join(f"{count} {action}" for action, count in sorted(each.items())) for each in counts)
    return {"corrections": tuple(each or "none" for each in words)}


def draw_comparison(runs: Sequence[RunLike]) -> "Figure":
    """Draw the accuracy (above) and loss (below) of runs, a column for each.

    Raises:
        RunError: fewer than two runs, or one that is missing or damaged.

    >>> figure = alexnet.draw_comparison(["runs/first", "runs/first"])
    """
    from alexnet.figures import curves

    opened = _open_all(runs)
    courses = [run.course for run in opened]
    if len({course.title for course in courses}) < len(courses):
        courses = [replace(c, title=f"{c.title}\n{run.name}") for c, run in zip(courses, opened, strict=True)]
    return curves.draw_comparison(courses)


def _open_all(runs: Sequence[RunLike]) -> list[Run]:
    if isinstance(runs, Run | Path | str) or len(runs) < 2:
        raise RunError("compare: give at least two run folders")
    return [as_run(run) for run in runs]


def published_beside(runs: Sequence[Run]) -> Published:
    """Published results, and those of runs in the same form.

    Raises:
        RunError: a run is not finished.
    """
    judged = [judge_comparability(run.evaluation.classes) for run in runs]
    return Published(
        results=PUBLISHED,
        claims=CLAIMS,
        ours=tuple(_our_row(run) for run in runs),
        comparable=tuple(comparable for comparable, _ in judged),
        reasons=tuple(reason for _, reason in judged),
    )


def _our_row(run: Run) -> PublishedResult:
    evaluation = run.evaluation
    return PublishedResult(
        run=run.name,
        test_set=f"{evaluation.num_images} images of {Path(run.about.data.path).name}",
        views=evaluation.views.partition(":")[0],
        num_networks=1,
        top1_error=evaluation.top1_error,
        top5_error=evaluation.top5_error,
        source=f"this program, {run.recipe.variant} network",
    )
