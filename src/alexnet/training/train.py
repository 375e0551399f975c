"""A folder of images in, a trained network and its run folder out: gathers the parts."""

import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from alexnet.data.cache import DecodedImages
from alexnet.data.check import FolderReport, check_folder
from alexnet.data.folder import ImageFolder, scan_folder
from alexnet.data.split import Split
from alexnet.errors import RunError
from alexnet.evaluation.evaluate import evaluate
from alexnet.model.checkpoint import load_network
from alexnet.model.variants import SWITCHES
from alexnet.presets import PRESETS
from alexnet.recipe import Recipe, recipe_differences
from alexnet.run_folder import SCHEMA, RunFolder
from alexnet.runs.run import Run
from alexnet.training.events import Listener, Note, Warned, ignore
from alexnet.training.job import Job
from alexnet.training.loop import fit
from alexnet.training.machine import (
    describe_machine,
    keep_freed_memory,
    subnormals_flushed,
)
from alexnet.training.preparation import prepare
from alexnet.training.recipe_check import check_job
from alexnet.training.resume import discard_state

__all__ = ["free_run_path", "train"]

FEW_IMAGES = 10
"""Training images of a class below which a warning is given."""


def train(
    folder: ImageFolder | Path | str,
    recipe: Recipe | None = None,
    *,
    out: Path | str | None = None,
    resume: bool = False,
    on_event: Listener = ignore,
) -> Run:
    """Train a network on a folder of images and test it; all that it leaves lies in the run folder.

    Args:
        folder: a scanned folder, or the path of a folder, `.tar` or `.zip` of class folders.
        recipe: all settings; `PRESETS["fast"]` if not given. On resuming, the run's own.
        out: the run folder; a new one below runs/ if not given.
        resume: go on with the unfinished run in `out`; a finished one is given back as it is.
        on_event: hears of every step, epoch, and whatever is worth knowing.

    Raises:
        DataError, RecipeError, WeightsError, RunError: one line that says what to mend.
        KeyboardInterrupt: interrupted; `resume` goes on from there.
    """
    started = time.perf_counter()
    folder = folder if isinstance(folder, ImageFolder) else scan_folder(folder)
    if resume:
        run = RunFolder.open(_named(out))
        recipe = _recipe_to_resume(run, recipe)
        if run.about["status"] == "finished":
            on_event(Note(f"{run.path}: is finished; nothing to resume"))
            return Run(run)
    else:
        recipe = recipe or PRESETS["fast"]
        run = RunFolder(free_run_path(folder.path, recipe) if out is None else Path(out))
        run.require_free()
    with subnormals_flushed():
        job, images = prepare(folder, recipe, on_event, begun=run if resume else None)
        with run.locked():
            report = check_folder(images)
            if not resume:
                _write_start(RunFolder.create(run.path), job, images, report)
            elif run.about["data"]["fingerprint"] != images.fingerprint:
                raise RunError(f"{run.path}: was trained on other images than {folder.path} holds now; train anew")
            _tell(job, images, report, on_event)
            if job.machine.device.type == "cpu":
                keep_freed_memory()
            if not run.holds_state:
                _warn_if_it_will_not_train(job, on_event)
            position = fit(job, run, on_event)
            _finish(run, job, images, position.seconds, time.perf_counter() - started)
    return Run(run)


def _named(out: Path | str | None) -> Path:
    if out is None:
        raise RunError("resume: name the run folder")
    return Path(out)


def free_run_path(data: Path, recipe: Recipe) -> Path:
    """A run folder that does not exist yet, below runs/, named after images, recipe and seed."""
    base = Path("runs") / f"{data.resolve().stem}-{recipe.name}-seed{recipe.seed}"
    number, path = 1, base
    while path.exists():
        number, path = number + 1, base.with_name(f"{base.name}-{number + 1}")
    return path


def _finish(run: RunFolder, job: Job, images: DecodedImages, training_seconds: float, seconds: float) -> None:
    """Test the chosen checkpoint and write down what came out; the state is no longer needed."""
    classifier = load_network(run)
    classifier.network.to(job.machine.device)
    names = [file.entry.name for file in images.folder.files]
    evaluation, predictions = evaluate(classifier, images.pixels, job.split.test, names)
    run.write_predictions(predictions)
    run.write_evaluation(evaluation)
    spent = {"training_seconds": training_seconds, "seconds": seconds + evaluation.seconds}
    run.write_json("run.json", run.about | {"status": "finished", **spent})
    discard_state(run)


def _recipe_to_resume(run: RunFolder, recipe: Recipe | None) -> Recipe:
    """The run's own recipe.

    Raises:
        RunError: another one was asked for.
    """
    own = run.recipe
    if recipe is None:
        return own
    changed = recipe_differences([own, recipe])
    settled = {"variant", "normalization", "weights"}  # `auto` and paths were settled at the start
    if recipe.variant == "auto":
        settled |= set(SWITCHES)
    faults = [f"{field} is {values[0]}, not {values[1]}" for field, values in changed.items() if field not in settled]
    if faults:
        raise RunError(
            f"{run.path}: was begun with other settings ({', '.join(faults)}); resume without changing them"
        )
    return own


def _write_start(run: RunFolder, job: Job, images: DecodedImages, report: FolderReport) -> None:
    """Everything that is known before the first step; run.json last."""
    recipe, split = job.recipe, job.split
    run.write_recipe(recipe)
    run.write_table("left_out.csv", ["file", "reason"], report.left_out.items())
    counts = {name: len(getattr(split, name)) for name in ("train", "validation", "test")}
    values: dict[str, Any] = {
        "schema": SCHEMA,
        "status": "running",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "program": {"version": _version(), "commit": _commit()},
        "machine": describe_machine(),
        "seed": recipe.seed,
        "preprocessing": job.classifier.preprocessing.to_dict(),
        "mean_image": job.classifier.network.mean_image is not None,
        "classes": list(split.classes),
        "data": {
            "path": str(images.folder.path.resolve()),
            "fingerprint": images.fingerprint,
            "images": counts,
            "left_out": len(report.left_out),
            "oddities": {kind: len(names) for kind, names in report.oddities.items()},
        },
    }
    run.write_json("run.json", values)


def _tell(job: Job, images: DecodedImages, report: FolderReport, emit: Listener) -> None:
    """Say once what the training works on and with."""
    split = job.split
    counts = f"{len(split.train)} training, {len(split.validation)} validation and {len(split.test)} test images"
    emit(Note(f"{images.folder.path}: {len(split.classes)} classes, {counts}"))
    for note in split.notes:
        emit(Note(f"{note} (see left_out.csv)" if "left out: no image" in note else note))
    _warn_of(report, split, emit)
    emit(Note(f"{job.recipe.name}: {job.recipe.variant} at {job.recipe.size} px on {job.machine}"))


def _warn_of(report: FolderReport, split: Split, emit: Listener) -> None:
    leaks = report.oddities.get("identical across the split", ())
    if leaks:
        emit(Warned(f"{len(leaks)} images are in the training and in the held-out folder: their test is no test"))
    if report.oddities.get("EXIF orientation"):
        count = len(report.oddities["EXIF orientation"])
        carry = "image carries" if count == 1 else "images carry"
        emit(Note(f"{count} {carry} an EXIF orientation; the setting apply_exif says whether they are turned"))
    counts = np.bincount(split.train.labels, minlength=len(split.classes))
    few = [f"{name} ({count})" for name, count in zip(split.classes, counts, strict=True) if count < FEW_IMAGES]
    if few:
        emit(Warned(f"few training images: {', '.join(few)}; expect little of these classes"))


def _warn_if_it_will_not_train(job: Job, emit: Listener) -> None:
    """Say beforehand what the trainability check finds; nothing where it finds nothing."""
    checked = check_job(job)
    if checked.verdict != "trains":
        emit(Warned(str(checked)))


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("alexnet-workbench")
    except PackageNotFoundError:
        return "unknown"


def _commit() -> str:
    """The program's own commit, where it runs from a checkout; empty otherwise."""

    def ask(*words: str) -> str:
        git = ["git", "-C", str(Path(__file__).parent), *words]
        return subprocess.run(git, capture_output=True, text=True, timeout=5, check=True).stdout.strip()

    try:
        ask("ls-files", "--error-unmatch", __file__)  # else the checkout around is the user's, not the program's
        return ask("rev-parse", "--short=12", "HEAD")
    except (OSError, subprocess.SubprocessError):
        return ""
