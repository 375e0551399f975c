"""Evaluate finished runs: on their own images or on others, in other views, one or several averaged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from alexnet.data.cache import decode_folder
from alexnet.data.corrections import apply_corrections
from alexnet.data.split import Subset
from alexnet.errors import DataError, RunError, WeightsError
from alexnet.evaluation.ensemble import EnsembleMember, evaluate_members
from alexnet.evaluation.paired import PairedComparison, compare_predictions
from alexnet.evaluation.reviewed import ReviewedScore, review
from alexnet.evaluation.views import VIEWS, check_views, decoding_for
from alexnet.files import shown_name
from alexnet.records import Evaluation, Prediction, Record
from alexnet.run_folder import RunFolder
from alexnet.runs.held_out import HeldOutImages, choose_images, common_subset
from alexnet.runs.run import Run, RunLike, as_run

__all__ = ["EvaluationResult", "ViewsComparison", "compare_views", "evaluate", "evaluate_ensemble"]


@dataclass(frozen=True)
class EvaluationResult(Record):
    """The evaluation of a run, or of the mean probabilities of several.

    data: where the images are. evaluation, predictions: of the run, or of the mean. members: each run alone, on the
    same images. num_left_out: images that cannot be used, or are of a class that the network does not know. notes:
    what is worth knowing about how it was done, one line each. reviewed: the test error as labeled and with reviewed
    labels, where there are corrections.
    """

    runs: tuple[str, ...]
    data: str
    evaluation: Evaluation
    predictions: tuple[Prediction, ...]
    members: tuple[Evaluation, ...]
    num_left_out: int
    notes: tuple[str, ...]
    reviewed: ReviewedScore | None = None

    @property
    def mean_top1_error(self) -> float:
        """Mean of the top-1 errors of the members."""
        return fmean(member.top1_error for member in self.members)

    @property
    def mean_top5_error(self) -> float | None:
        """Mean of the top-5 errors of the members; None below 6 classes."""
        errors = [member.top5_error for member in self.members if member.top5_error is not None]
        return fmean(errors) if errors else None

    def to_dict(self) -> dict[str, Any]:
        """As plain data: each member with its run, and the means; without the predictions."""
        values = super().to_dict()
        del values["predictions"]
        members = [{"run": run} | member for run, member in zip(self.runs, values["members"], strict=True)]
        means = {"mean_top1_error": self.mean_top1_error, "mean_top5_error": self.mean_top5_error}
        return values | {"members": members} | means


@dataclass(frozen=True)
class ViewsComparison(Record):
    """The evaluation of a run, or of several averaged, in each of the views: center, mirror image, ten crops.

    results: by view, `centre`, `mirror` and `ten_crop`. differences: from `centre` to each of the others, on the same
    images.
    """

    results: Mapping[str, EvaluationResult]
    differences: tuple[PairedComparison, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """What is worth knowing about how it was done, one line each."""
        return tuple(dict.fromkeys(note for result in self.results.values() for note in result.notes))

    @property
    def num_left_out(self) -> int:
        """Images that cannot be used, or whose class the network does not know."""
        return self.results["centre"].num_left_out

    def to_dict(self) -> dict[str, Any]:
        """As plain data: the evaluations by view, and their differences."""
        center = self.results["centre"]
        return {
            "runs": list(center.runs),
            "data": center.data,
            "evaluations": {views: result.evaluation.to_dict() for views, result in self.results.items()},
            "differences": [difference.to_dict() for difference in self.differences],
            "num_left_out": self.num_left_out,
            "notes": list(self.notes),
        }


def evaluate(
    run: RunLike,
    data: Path | str | None = None,
    *,
    views: str | None = None,
    corrections: Path | str | None = None,
) -> EvaluationResult:
    """Test a finished run again, on its own test images or on others.

    On its own images, the test set is that of the training, and the run's stored evaluation and predictions are
    written again, unless `views` are given; a note says where the folder cannot be written. On other images, it is
    their test set if they have one, otherwise all of them, and nothing is written.

    Args:
        run: an opened run, or the path of its folder.
        data: a folder or archive of class folders; the images of the training by default.
        views: which crops of an image are averaged: `centre`, `mirror` (the center and its mirror image) or
            `ten_crop`; those of the run by default.
        corrections: a file of corrections: the test error is then also stated with the reviewed labels. By default
            the corrections that the run was trained with, on its own images.

    Raises:
        DataError: the images are missing, have changed, or are of other classes.
        RunError: the run is not finished or its folder is damaged.
        RecipeError: there are no such views.
        WeightsError: the network's outputs are not numbers.

    >>> alexnet.evaluate("runs/first").evaluation.split
    'test'
    """
    held_out = _choose([as_run(run)], data, views)
    result = _evaluate(held_out, held_out[0].subset, views)
    if held_out[0].is_own and views is None:
        result = _kept(held_out[0].run.folder, result)
    return _with_review(held_out[0], result, corrections)


def _kept(folder: RunFolder, result: EvaluationResult) -> EvaluationResult:
    """The result, written to the run folder; with a note where that cannot be written, for the result is there."""
    try:
        folder.write_evaluation(result.evaluation)
        folder.write_predictions(result.predictions)
    except RunError as error:
        return replace(result, notes=(*result.notes, f"the test is not kept with the run: {error}"))
    return result


def _with_review(
    held_out: HeldOutImages, result: EvaluationResult, corrections: Path | str | None
) -> EvaluationResult:
    """The result with its second statement of the test error, where there are corrections."""
    folder = held_out.images.folder
    if corrections is not None:
        folder = apply_corrections(folder, corrections)
    if not folder.corrections:
        return result
    labels = {file.entry.name: file.folder_class for file in held_out.images.folder.files}
    return replace(result, reviewed=review(result.predictions, folder.corrections, labels))


def evaluate_ensemble(
    runs: Sequence[RunLike], data: Path | str | None = None, *, views: str | None = None
) -> EvaluationResult:
    """Evaluate runs of the same classes on the same images, and the mean of their probabilities; nothing is written.

    Each network gets the images by its own preprocessing. Where their folder has no test set, only images in the test
    set of every run are used.

    Args:
        runs: opened runs, or the paths of their folders.
        data: a folder or archive of class folders; the images of the first run's training by default.
        views: which crops of an image are averaged, as in `evaluate`; those of each run by default.

    Raises:
        DataError: the images are missing or of other classes, or none is in the test set of every run.
        RunError: a run is not finished, is given twice, knows other classes, or was trained on other images.
        RecipeError: there are no such views.
        WeightsError: a network's outputs are not numbers.

    Source: Krizhevsky et al. 2012, §6.1.

    >>> result = alexnet.evaluate_ensemble(["runs/first"])
    >>> result.mean_top1_error == result.evaluation.top1_error  # of one run
    True
    """
    held_out = _choose([as_run(run) for run in runs], data, views)
    return _evaluate(held_out, common_subset(held_out), views)


def compare_views(runs: RunLike | Sequence[RunLike], data: Path | str | None = None) -> ViewsComparison:
    """Evaluate a run, or the mean of several, by center crop, mirror image and ten crops; nothing is written.

    Args:
        runs: one or several, opened, or as paths of their folders.
        data: a folder or archive of class folders; the images of the first run's training by default.

    Raises:
        DataError, RunError, WeightsError: as in `evaluate_ensemble`.

    >>> [difference.after for difference in alexnet.compare_views("runs/first").differences]
    ['mirror', 'ten_crop']
    """
    several = [runs] if isinstance(runs, Run | Path | str) else runs
    held_out = _choose([as_run(run) for run in several], data, None)
    subset = common_subset(held_out)
    results = {views: _evaluate(held_out, subset, views) for views in VIEWS}
    center = results["centre"].predictions
    differences = tuple(
        compare_predictions(center, result.predictions, names=("centre", views))
        for views, result in results.items()
        if views != "centre"
    )
    return ViewsComparison(results, differences)


def _choose(runs: Sequence[Run], data: Path | str | None, views: str | None) -> tuple[HeldOutImages, ...]:
    if views is not None:
        check_views(views)
    return choose_images(runs, data)


def _evaluate(held_out: Sequence[HeldOutImages], subset: Subset, views: str | None) -> EvaluationResult:
    members = [_member(each, subset, each.views(views)) for each in held_out]
    files = held_out[0].images.files
    paths = tuple(str(each.run.path) for each in held_out)
    try:
        scores, evaluation, predictions = evaluate_members(members, [files[row].entry.name for row in subset.indices])
    except WeightsError as error:
        raise WeightsError(f"{', '.join(paths)}: {error}") from error
    return EvaluationResult(
        runs=paths,
        data=str(held_out[0].images.folder.path),
        evaluation=evaluation,
        predictions=predictions,
        members=scores,
        num_left_out=max(each.num_left_out for each in held_out),
        notes=_notes(held_out, subset, views),
    )


def _member(held_out: HeldOutImages, subset: Subset, views: str) -> EnsembleMember:
    """A run's network and images; for views that need a larger square, only the tested files are decoded again."""
    classifier, images = held_out.run.model, held_out.images
    decoding = decoding_for(classifier.preprocessing, views)
    if decoding == classifier.preprocessing:
        return EnsembleMember(classifier, images.pixels, subset, views)
    tested = replace(images.folder, files=tuple(images.files[row] for row in subset.indices))
    decoded = decode_folder(tested, decoding)
    for name, reason in decoded.left_out.items():
        raise DataError(f"{shown_name(tested.path)}: {name}: {reason}; restore it, or evaluate again")
    return EnsembleMember(classifier, decoded.pixels, Subset(np.arange(len(subset)), subset.labels), views)


def _notes(held_out: Sequence[HeldOutImages], subset: Subset, views: str | None) -> tuple[str, ...]:
    notes = []
    for each in held_out:
        own = each.run.model.preprocessing
        larger = decoding_for(own, each.views(views))
        if larger != own:
            notes.append(
                f"{each.run.path}: was trained on whole squares of {own.size} px; its ten crops are cut from "
                f"squares of {larger.decoded_size} px, by the paper's ratio of 224 to 256"
            )
    sizes = [len(each.subset) for each in held_out]
    if max(sizes) > len(subset):
        notes.append(
            f"evaluated on the {len(subset)} images that are in the test set of every run; "
            f"their own test sets have {', '.join(map(str, sizes))}"
        )
    return tuple(notes)
