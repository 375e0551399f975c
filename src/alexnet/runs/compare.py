"""Runs beside each other: what differed, what came out, which mistakes were fixed and broken."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alexnet.errors import RunError
from alexnet.evaluation.mistakes import fixed_and_broken
from alexnet.published import CLAIMS, PUBLISHED, Claim, PublishedResult, judge_comparability
from alexnet.recipe import recipe_differences
from alexnet.records import Record
from alexnet.runs.run import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Change", "Comparison", "Published", "compare_runs", "draw_columns", "published_beside", "sign_test"]


@dataclass(frozen=True)
class Change(Record):
    """From one run to another on the test images of both.

    fixed, broken: files whose mistake went away, or is new. p_value: how often chance alone, were both equally
    good, would part fixed and broken as unequally (exact two-sided sign test).
    """

    before: str
    after: str
    num_common: int
    fixed: tuple[str, ...]
    broken: tuple[str, ...]
    p_value: float


@dataclass(frozen=True)
class Published(Record):
    """The published figures beside runs.

    ours: a row for each run. comparable: whether its errors may stand beside the published ones, None where only the
    reader knows; said: why, a sentence for each run. Errors are fractions.
    """

    results: tuple[PublishedResult, ...]
    claims: tuple[Claim, ...]
    ours: tuple[PublishedResult, ...]
    comparable: tuple[bool | None, ...]
    said: tuple[str, ...]


@dataclass(frozen=True)
class Comparison(Record):
    """scores: one dict for each run, see `Run.summary`. settings: the fields that differ → value in each run.

    published: the paper's figures and those of others, None where they were not asked for.
    """

    runs: tuple[str, ...]
    scores: tuple[dict[str, Any], ...]
    settings: dict[str, tuple[Any, ...]]
    changes: tuple[Change, ...]
    published: Published | None = None


def compare_runs(runs: Sequence[Run], *, published: bool = False) -> Comparison:
    """Compare finished runs; changes are from the first to each other one that was tested on
    the same images.

    Args:
        published: put the paper's figures beside them.

    Raises:
        RunError: fewer than two runs, or one that is not finished.
    """
    if len(runs) < 2:
        raise RunError("compare: give at least two run folders")
    predictions = [run.predictions for run in runs]
    prints = [run.folder.about["data"]["fingerprint"] for run in runs]
    changes = []
    for run, after, fingerprint in zip(runs[1:], predictions[1:], prints[1:], strict=True):
        if fingerprint != prints[0]:  # equal names would not mean equal images
            continue
        fixed, broken = fixed_and_broken(predictions[0], after)
        common = {p.file for p in predictions[0]} & {p.file for p in after}
        changes.append(
            Change(
                str(runs[0].path), str(run.path), len(common),
                tuple(p.file for p in fixed), tuple(p.file for p in broken), sign_test(len(fixed), len(broken)),
            )
        )  # fmt: skip
    return Comparison(
        runs=tuple(str(run.path) for run in runs),
        scores=tuple(run.summary() for run in runs),
        settings=recipe_differences([run.recipe for run in runs]),
        changes=tuple(changes),
        published=published_beside(runs) if published else None,
    )


def published_beside(runs: Sequence[Run]) -> Published:
    """The published figures, and those of runs in the same form.

    Raises:
        RunError: a run is not finished.
    """
    judged = [judge_comparability(run.evaluation.classes) for run in runs]
    return Published(
        results=PUBLISHED,
        claims=CLAIMS,
        ours=tuple(_our_row(run) for run in runs),
        comparable=tuple(comparable for comparable, _ in judged),
        said=tuple(said for _, said in judged),
    )


def _our_row(run: Run) -> PublishedResult:
    evaluation, data = run.evaluation, Path(run.folder.about["data"]["path"])
    return PublishedResult(
        run=run.path.name,
        test_set=f"{evaluation.num_images} images of {data.name}",
        views=evaluation.views.partition(":")[0],
        num_networks=1,
        top1_error=evaluation.top1_error,
        top5_error=evaluation.top5_error,
        source=f"this program, {run.recipe.variant} network",
    )


def sign_test(num_fixed: int, num_broken: int) -> float:
    """Two-sided exact probability of a split at least as unequal when both sides are equally likely.

    Source: McNemar 1947 in its exact form, doi:10.1007/BF02295996.

    >>> sign_test(9, 1)
    0.021484375
    """
    total, fewer = num_fixed + num_broken, min(num_fixed, num_broken)
    if total == 0:
        return 1.0
    return min(1.0, float(2 * sum(comb(total, k) for k in range(fewer + 1)) / 2**total))


def draw_columns(runs: Sequence[Run]) -> "Figure":
    """The talk's columns: accuracy above, loss below, a column for each run."""
    from dataclasses import replace

    from alexnet.figures.curves import draw_comparison

    courses = [run.course for run in runs]
    titles = [course.title for course in courses]
    if len(set(titles)) < len(titles):
        courses = [replace(c, title=f"{c.title}\n{r.path.name}") for c, r in zip(courses, runs, strict=True)]
    return draw_comparison(courses)
