"""Test finished runs again: on their own images or on others, in other views, several together."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from alexnet.data.cache import DecodedImages, decode_folder
from alexnet.data.folder import ImageFolder, scan_folder
from alexnet.data.split import Subset, split_images
from alexnet.errors import DataError, RunError
from alexnet.evaluation.ensemble import EnsembleMember, EnsembleScore, evaluate_ensemble
from alexnet.evaluation.paired import PairedDifference, paired_difference
from alexnet.evaluation.views import VIEWS, decoding_for, require_views
from alexnet.records import Evaluation, Prediction, Record, wilson_interval
from alexnet.runs.run import Run

__all__ = ["Retest", "TogetherTest", "ViewsTest", "retest", "retest_together", "retest_views"]


@dataclass(frozen=True)
class Retest:
    """What a new test gave. num_left_out: files of classes that the network does not know, or unusable.

    notes: what is worth knowing of how it was tested, one line each.
    """

    data: Path
    evaluation: Evaluation
    predictions: tuple[Prediction, ...]
    num_left_out: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ViewsTest(Record):
    """A test of one run, or of several together, in every way to look at an image.

    evaluations: by the names in `VIEWS`. differences: from `centre` to each other way, on the same images.
    num_left_out, notes: as in `Retest`.
    """

    runs: tuple[str, ...]
    data: str
    evaluations: dict[str, Evaluation]
    differences: tuple[PairedDifference, ...]
    num_left_out: int
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """With all that evaluations and differences say of themselves."""
        return super().to_dict() | {
            "evaluations": {views: evaluation.to_dict() for views, evaluation in self.evaluations.items()},
            "differences": [difference.to_dict() for difference in self.differences],
        }


@dataclass(frozen=True)
class TogetherTest(Record):
    """A test of several runs, and of the mean of their probabilities.

    members: each run alone, on the same images. mean_top1_error, mean_top5_error: of the members.
    evaluation, predictions: of the mean of the probabilities. top5_interval: 95 % Wilson interval.
    What is of top-5 is None below 6 classes. num_left_out, notes: as in `Retest`.
    """

    runs: tuple[str, ...]
    data: str
    members: tuple[Evaluation, ...]
    mean_top1_error: float
    mean_top5_error: float | None
    evaluation: Evaluation
    top5_interval: tuple[float, float] | None
    predictions: tuple[Prediction, ...]
    num_left_out: int
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Each member with its run; without the predictions."""
        values = super().to_dict() | {"evaluation": self.evaluation.to_dict()}
        values["members"] = [{"run": run} | m.to_dict() for run, m in zip(self.runs, self.members, strict=True)]
        del values["predictions"]
        return values


def retest(run: Run, data: Path | None = None, *, views: str | None = None) -> Retest:
    """Test a run's network again.

    On its own images, named or not, the test set is the one of the training, and the run's evaluation and
    predictions are written anew. On other ones it is their test set where they have one, else all of them, and
    nothing is written; nor is it where `views` are named.

    Args:
        views: of an image, to be averaged, see `VIEWS`; the run's own if not given.

    Raises:
        DataError: the images are gone, changed, or of other classes.
        RunError: the run is not finished.
        RecipeError: there are no such views.
    """
    candidates = _candidates([run], data, views)
    candidate = candidates[0]
    tested = _evaluate(candidates, candidate.subset, views)
    if candidate.is_own and views is None:
        run.folder.write_predictions(tested.predictions)
        run.folder.write_evaluation(tested.evaluation)
    notes = _notes(candidates, candidate.subset, views)
    left_out, path = candidate.num_left_out, candidate.images.folder.path
    return Retest(path, tested.evaluation, tested.predictions, left_out, notes)


def retest_views(runs: Sequence[Run], data: Path | None = None) -> ViewsTest:
    """Test a run, or several together, in every way to look at an image; nothing is written.

    Raises:
        As `retest_together`.
    """
    candidates = _candidates(runs, data)
    subset = _common(candidates)
    tests = {views: _evaluate(candidates, subset, views) for views in VIEWS}
    centre = tests["centre"].predictions
    return ViewsTest(
        runs=tuple(str(run.path) for run in runs),
        data=str(candidates[0].images.folder.path),
        evaluations={views: test.evaluation for views, test in tests.items()},
        differences=tuple(
            paired_difference(("centre", centre), (views, test.predictions))
            for views, test in tests.items()
            if views != "centre"
        ),
        num_left_out=max(candidate.num_left_out for candidate in candidates),
        notes=_notes(candidates, subset, "ten_crop"),
    )


def retest_together(runs: Sequence[Run], data: Path | None = None, *, views: str | None = None) -> TogetherTest:
    """Test runs of the same classes on the same images, and the mean of their probabilities; nothing is written.

    Each network gets the images by its own preprocessing. They are the first run's own if not named. Where their
    folder has no test set, only those are tested that are in the test set of every run.

    Args:
        views: of an image, to be averaged, for all runs; each run's own if not given.

    Raises:
        DataError: the images are gone or of other classes, or none is in the test set of every run.
        RunError: a run is not finished, is named twice, knows other classes, or was trained on other images.
        RecipeError: there are no such views.

    Source: Krizhevsky et al. 2012, §6.1.
    """
    candidates = _candidates(runs, data, views)
    subset = _common(candidates)
    tested = _evaluate(candidates, subset, views)
    top5 = [member.top5_error for member in tested.members if member.top5_error is not None]
    share, count = tested.evaluation.top5_error, len(subset)
    return TogetherTest(
        runs=tuple(str(run.path) for run in runs),
        data=str(candidates[0].images.folder.path),
        members=tested.members,
        mean_top1_error=fmean(member.top1_error for member in tested.members),
        mean_top5_error=fmean(top5) if top5 else None,
        evaluation=tested.evaluation,
        top5_interval=None if share is None else wilson_interval(round(share * count), count),
        predictions=tested.predictions,
        num_left_out=max(candidate.num_left_out for candidate in candidates),
        notes=_notes(candidates, subset, views),
    )


@dataclass(frozen=True)
class _Candidate:
    """A run before images, decoded as it gets them. is_own: it was trained on them. subset: its test set there."""

    run: Run
    images: DecodedImages
    is_own: bool
    subset: Subset

    @property
    def num_left_out(self) -> int:
        return 0 if self.is_own else _num_held_out(self.images) - len(self.subset)

    def ways(self, views: str | None) -> str:
        return views or self.run.model.views


def _candidates(runs: Sequence[Run], data: Path | None, views: str | None = None) -> tuple[_Candidate, ...]:
    if views is not None:
        require_views(views)
    _require_fit(runs)
    folder = scan_folder(data or Path(runs[0].folder.about["data"]["path"]))
    return tuple(_candidate(run, folder, runs[0], is_named=data is not None) for run in runs)


def _require_fit(runs: Sequence[Run]) -> None:
    """See that the runs are finished, different, and know the same classes."""
    if not runs:
        raise RunError("evaluate: give at least one run folder")
    first, seen = runs[0], set()
    for run in runs:
        about = run.folder.about
        if about["status"] != "finished":
            raise RunError(f"{run.path}: is not finished; go on with `alexnet resume {run.path}`")
        if run.path.resolve() in seen:
            raise RunError(f"{run.path}: is named twice; name each run once")
        seen.add(run.path.resolve())
        strangers = sorted(set(about["classes"]) ^ set(first.folder.about["classes"]))
        if strangers:
            few = ", ".join(strangers[:3]) + (" ..." if len(strangers) > 3 else "")
            raise RunError(
                f"{run.path}: knows other classes than {first.path} (one of them alone knows {few}); "
                "give runs of the same classes"
            )


def _candidate(run: Run, folder: ImageFolder, first: Run, *, is_named: bool) -> _Candidate:
    """A run before the images, which are its own if their fingerprint is, in its own decoding."""
    images = decode_folder(folder, run.model.preprocessing)
    is_own = images.fingerprint == run.folder.about["data"]["fingerprint"]
    if not is_named and not is_own and run is first:
        raise DataError(f"{folder.path}: holds other images than the run was trained with; name them with --data")
    if not is_named and not is_own:
        raise RunError(
            f"{run.path}: was trained on other images than {first.path}; name those to test on with --data"
        )
    return _Candidate(run, images, is_own, _own_test(run, images) if is_own else _foreign_test(run, images))


def _common(candidates: Sequence[_Candidate]) -> Subset:
    """The images that are in the test set of every run."""
    rows = reduce(np.intersect1d, (candidate.subset.indices for candidate in candidates))
    first = candidates[0].subset
    kept = np.isin(first.indices, rows)
    if not kept.any():
        raise DataError(
            f"{candidates[0].images.folder.path}: no image is in the test set of every run, each was trained on "
            "what another is tested on; name a folder with a test set with --data"
        )
    return Subset(first.indices[kept], first.labels[kept])


def _evaluate(candidates: Sequence[_Candidate], subset: Subset, views: str | None) -> EnsembleScore:
    members = [_exam(candidate, subset, candidate.ways(views)) for candidate in candidates]
    files = candidates[0].images.files
    return evaluate_ensemble(members, [files[row].entry.name for row in subset.indices])


def _exam(candidate: _Candidate, subset: Subset, views: str) -> EnsembleMember:
    """Views that need a larger square have the tested files decoded anew, and only them."""
    classifier, images = candidate.run.model, candidate.images
    decoding = decoding_for(classifier.preprocessing, views)
    if decoding == classifier.preprocessing:
        return EnsembleMember(classifier, images.pixels, subset, views)
    tested = replace(images.folder, files=tuple(images.files[row] for row in subset.indices))
    decoded = decode_folder(tested, decoding)
    for name, reason in decoded.left_out.items():
        raise DataError(f"{tested.path}: {name}: {reason}; put it back or test again")
    pixels = decoded.pixels
    return EnsembleMember(classifier, pixels, Subset(np.arange(len(subset)), subset.labels), views)


def _notes(candidates: Sequence[_Candidate], subset: Subset, views: str | None) -> tuple[str, ...]:
    notes = []
    for candidate in candidates:
        own = candidate.run.model.preprocessing
        larger = decoding_for(own, candidate.ways(views))
        if larger != own:
            notes.append(
                f"{candidate.run.path}: was trained on whole squares of {own.size} px; its ten crops are cut from "
                f"squares of {larger.decoded_size} px, in the paper's proportion of 224 to 256"
            )
    sizes = [len(candidate.subset) for candidate in candidates]
    if max(sizes) > len(subset):
        notes.append(
            f"tested on the {len(subset)} images that are in the test set of every run; "
            f"alone they have {', '.join(map(str, sizes))}"
        )
    return tuple(notes)


def _own_test(run: Run, images: DecodedImages) -> Subset:
    recipe = run.recipe
    return split_images(
        images,
        test_fraction=recipe.test_fraction,
        validation_fraction=recipe.validation_fraction,
        seed=recipe.seed,
    ).test


def _held_out_split(images: DecodedImages) -> set[str | None]:
    if not images.folder.has_split:
        return {"train", None}
    return {"test"} if any(file.split == "test" for file in images.folder.files) else {"validation"}


def _num_held_out(images: DecodedImages) -> int:
    wanted = _held_out_split(images)
    return sum(file.split in wanted for file in images.folder.files)


def _foreign_test(run: Run, images: DecodedImages) -> Subset:
    """The images' own test set, or all of them; only classes that the network knows."""
    files, wanted = images.files, _held_out_split(images)
    _require_untrained(run, images)
    number = {name: place for place, name in enumerate(run.model.classes)}
    rows = [row for row, file in enumerate(files) if file.split in wanted and file.class_name in number]
    if not rows:
        known = ", ".join(run.model.classes)
        raise DataError(f"{images.folder.path}: holds no test images of the run's classes ({known})")
    labels = [number[files[row].class_name] for row in rows]
    return Subset(np.array(rows, np.int64), np.array(labels, np.int64))


def _require_untrained(run: Run, images: DecodedImages) -> None:
    """See that images without a test set are not those of the training, with some changed since."""
    path = images.folder.path
    if not images.folder.has_split and path.resolve() == Path(run.folder.about["data"]["path"]):
        raise DataError(
            f"{path}: has changed since {run.path} was trained on a part of it, and has no test set; "
            "put it back as it was, or name other images"
        )
