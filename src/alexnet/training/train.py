"""A folder of images in, a trained network and its run folder out."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from alexnet.data.cache import DecodedImages
from alexnet.data.check import FolderReport, check_decoded
from alexnet.data.corrections import write_corrections
from alexnet.data.folder import ImageFolder, scan_folder
from alexnet.data.split import Split
from alexnet.errors import DataError, RecipeError, RunError
from alexnet.evaluation.evaluate import evaluate_classifier
from alexnet.files import address_of, listed_names, shown_name
from alexnet.model.checkpoint import load_network
from alexnet.presets import as_recipe
from alexnet.recipe import Recipe
from alexnet.records import ImageSetInfo, RunInfo
from alexnet.run_folder import SCHEMA, RunFolder
from alexnet.runs.own_images import scan_own_images
from alexnet.runs.run import Run
from alexnet.safe_name import safe_name
from alexnet.training.events import Listener, Note, Warned, ignore
from alexnet.training.job import Job
from alexnet.training.latest import LATEST
from alexnet.training.launch import Launch, launched
from alexnet.training.loop import fit
from alexnet.training.machine import describe_machine, subnormals_flushed
from alexnet.training.memory_errors import memory_errors
from alexnet.training.preparation import prepare
from alexnet.training.processes import ProcessLostError
from alexnet.training.recipe_check import check_job
from alexnet.training.resume import TrainingState, discard_state
from alexnet.training.worker import follow, what_must_agree

__all__ = ["free_run_path", "resume", "train", "train_or_resume"]

FEW_IMAGES = 10
"""Training images of a class below which a warning is given."""


def train(
    folder: ImageFolder | Path | str,
    recipe: Recipe | str = "fast",
    *,
    out: Path | str | None = None,
    processes: int = 1,
    on_event: Listener = ignore,
) -> Run:
    """Train a network on a folder of images and test it; everything it leaves is in the run folder.

    Where torchrun started this process, it trains together with the others that torchrun started.

    Args:
        folder: a scanned folder, or the path of a folder, `.tar` or `.zip` of class folders; or a set of shards, by
            its folder or by the address of its `shards.json`.
        recipe: all settings, or the name of a preset.
        out: the run folder; by default a new one below runs/.
        processes: how many processes train together on this machine, each on its part of every batch.
        on_event: called with every step, epoch and message.

    Raises:
        DataError, RecipeError, WeightsError, RunError: one line that says what to correct.
        KeyboardInterrupt: interrupted; the state is saved, and `resume` continues from there.

    >>> recipe = alexnet.PRESETS["fast"].replace(epochs=1, size=67, start_size=None)
    >>> run = alexnet.train("images", recipe, out="runs/second")
    >>> run.evaluation.num_images
    21
    """
    with launched(processes) as launch:
        if launch and launch.number > 0:
            return Run(follow(launch))
        if launch and launch.is_restarted and out is not None:
            with suppress(RunError):
                return _resume(RunFolder.open(out), None, launch, on_event)
        folder = folder if isinstance(folder, ImageFolder) else scan_folder(folder)
        recipe = as_recipe(recipe)
        run = RunFolder(free_run_path(folder.path, recipe) if out is None else Path(out).expanduser())
        run.require_free()
        return _train(folder, recipe, run, is_resumed=False, launch=launch, emit=on_event)


def resume(
    run: Path | str | Run,
    *,
    data: Path | str | None = None,
    processes: int = 1,
    on_event: Listener = ignore,
) -> Run:
    """Continue an unfinished run; `alexnet.resume` does, and compares one that trains another again. See there.

    Raises:
        RunError, DataError, KeyboardInterrupt: as there.
    """
    folder = RunFolder.open(run.path if isinstance(run, Run) else Path(run).expanduser())
    with launched(processes) as launch:
        return Run(follow(launch)) if launch and launch.number > 0 else _resume(folder, data, launch, on_event)


def _resume(folder: RunFolder, data: Path | str | None, launch: Launch | None, emit: Listener) -> Run:
    if folder.about.is_finished:
        emit(Note(f"{folder.path}: is finished; nothing to resume"))
        if launch:
            launch.tell("start", {"finished": str(folder.path.resolve())})
        discard_state(folder)  # where the training was killed after its last record
        return Run(folder)
    place = data or folder.about.data.path
    if address_of(place) is None and not os.path.lexists(place):
        raise DataError(f"{shown_name(place)}: no such file or folder; put the images back, or give --data")
    images = scan_own_images(folder, data)
    return _train(images, folder.recipe, folder, is_resumed=True, launch=launch, emit=emit)


def train_or_resume(folder: ImageFolder, recipe: Recipe, out: Path, *, on_event: Listener = ignore) -> Run:
    """The finished run of a recipe at `out`: as it lies there, resumed, or trained; for jobs of several trainings.

    Args:
        folder: the images as they are split for this training, which no path alone says.

    Raises:
        DataError, RecipeError, WeightsError, RunError: as in `train`.
        KeyboardInterrupt: interrupted; the same call continues.
    """
    try:
        run = RunFolder.open(out)
    except RunError:
        run = RunFolder(out)
        run.require_free()
        return _train(folder, recipe, run, is_resumed=False, emit=on_event)
    if run.about.is_finished:
        discard_state(run)
        return Run(run)
    return _train(folder, run.recipe, run, is_resumed=True, emit=on_event)


def _train(
    folder: ImageFolder,
    recipe: Recipe,
    run: RunFolder,
    *,
    is_resumed: bool,
    launch: Launch | None = None,
    emit: Listener,
) -> Run:
    started = time.perf_counter()
    with subnormals_flushed():
        gpu = launch.local_number if launch else 0
        with memory_errors(recipe):
            job, images = prepare(folder, recipe, emit, resumed=run if is_resumed else None, gpu=gpu)
        if launch and job.batch_size < launch.count:
            raise RecipeError(f"batch_size = {job.batch_size}: too few for {launch.count} processes; use fewer")
        with run.locked(), memory_errors(job.recipe, batch_size=job.batch_size):
            report = check_decoded(images)
            if is_resumed:
                _require_same_images(run, images)
                _write_place(run, job, images)
            else:
                _write_start(RunFolder.create(run.path), job, images, report, launch.count if launch else 1)
            if launch:
                launch.tell("start", {"run": str(run.path.resolve()), "data": images.folder.location})
            with _way_on_told(run, launch, emit):
                _describe(job, images, report, emit)
                if not run.holds_state:
                    _warn_if_it_will_not_train(job, emit)
                fit_started = time.perf_counter()
                state = _fit(job, images, run, launch, emit)
                earlier = max(0.0, state.seconds - (time.perf_counter() - fit_started))  # before it was interrupted
                _finish(run, job, images, state.seconds, earlier + time.perf_counter() - started)
        if launch:
            launch.tell("finished", {})
    return Run(run)


def _fit(job: Job, images: DecodedImages, run: RunFolder, launch: Launch | None, emit: Listener) -> TrainingState:
    """Train alone, or with the other processes once all are ready."""
    if launch is None:
        return fit(job, run, emit)
    launch.gather(what_must_agree(job, images))
    with launch.joined(job.machine.device) as processes:
        emit(Note(f"{launch.count} processes, each on its part of every batch"))
        return fit(replace(job, processes=processes), run, emit)


@contextmanager
def _way_on_told(run: RunFolder, launch: Launch | None, emit: Listener) -> Iterator[None]:
    """Say of an interrupted run where it goes on from."""

    def way_on() -> str:
        saved = [path.stem.removeprefix("step-").lstrip("0") for path in run.state_manifests()]
        command = f"`alexnet resume {run.path}`"
        return f"saved at step {saved[0]}; {command} continues" if saved else f"{command} trains from the start"

    try:
        yield
    except KeyboardInterrupt:
        emit(Note(way_on()))
        raise
    except ProcessLostError as error:
        ended = launch.describe_ended(seconds=2.0) if launch else ""  # its connection ends before it does
        raise RunError(f"{ended or error}; {way_on()}") from error


def free_run_path(data: Path, recipe: Recipe) -> Path:
    """A run folder that does not exist yet, below runs/, named after images, recipe and seed."""
    base = Path("runs") / safe_name(f"{data.resolve().stem}-{recipe.name}-seed{recipe.seed}")
    number, path = 1, base
    while os.path.lexists(path):
        number, path = number + 1, base.with_name(f"{base.name}-{number + 1}")
    return path


def _require_same_images(run: RunFolder, images: DecodedImages) -> None:
    if run.about.data.fingerprint != images.fingerprint:
        raise RunError(
            f"{run.path}: the images in {shown_name(images.folder.path)} have changed since the run was started; "
            "put them back as they were, or train again with another --out"
        )


def _write_place(run: RunFolder, job: Job, images: DecodedImages) -> None:
    """Write down where the images of a resumed run are now, and what it is trained on, if they are others."""
    about, place = run.about, images.folder.location
    here = replace(about, data=replace(about.data, path=place), machine=about.machine | job.machine.to_dict())
    if here != about:
        run.write_about(here)


def _finish(run: RunFolder, job: Job, images: DecodedImages, training_seconds: float, seconds: float) -> None:
    """Test the kept checkpoint, write down the result, and remove the saved states."""
    classifier = load_network(run)
    classifier.network.to(job.machine.device)
    evaluation, predictions = evaluate_classifier(classifier, images.pixels, job.split.test, images.names)
    run.write_evaluation(evaluation)
    run.write_predictions(predictions)
    seconds += evaluation.seconds
    run.write_about(replace(run.about, status="finished", training_seconds=training_seconds, seconds=seconds))
    discard_state(run)
    run.discard(LATEST)


def _write_start(run: RunFolder, job: Job, images: DecodedImages, report: FolderReport, num_processes: int) -> None:
    """Write down everything that is known before the first step; run.json last."""
    recipe, split = job.recipe, job.split
    run.write_recipe(recipe)
    if images.folder.corrections:
        write_corrections(run.corrections_path, images.folder.corrections)
    run.write_table("left_out.csv", ["file", "reason"], report.left_out.items())
    counts = {name: len(getattr(split, name)) for name in ("train", "validation", "test")}
    data = ImageSetInfo(
        path=images.folder.location,
        fingerprint=images.fingerprint,
        images=counts,
        left_out=len(report.left_out),
        oddities={kind: len(names) for kind, names in report.oddities.items()},
    )
    about = RunInfo(
        schema=SCHEMA,
        status="running",
        classes=split.classes,
        data=data,
        preprocessing=job.preprocessing,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        program={"version": _version(), "commit": _commit()},
        machine=describe_machine() | job.machine.to_dict() | {"processes": num_processes},
        seed=recipe.seed,
    )
    run.write_about(about)


def _describe(job: Job, images: DecodedImages, report: FolderReport, emit: Listener) -> None:
    """Tell once what the training works on and with."""
    split = job.split
    counts = f"{len(split.train)} training, {len(split.validation)} validation and {len(split.test)} test images"
    emit(Note(f"{shown_name(images.folder.path)}: {len(split.classes)} classes, {counts}"))
    for note in split.notes:
        emit(Note(f"{note} (see left_out.csv)" if "left out: not an image" in note else note))
    _warn_of_images(report, split, emit)
    emit(Note(f"{job.recipe.name}: {job.recipe.variant} at {job.recipe.size} px on {job.machine}"))
    if job.start_note:
        emit(Note(job.start_note))


def _warn_of_images(report: FolderReport, split: Split, emit: Listener) -> None:
    leaks = report.oddities.get("identical across the split", ())
    if leaks:
        emit(
            Warned(
                f"{len(leaks)} held-out images are training images too and flatter the score; remove them from one"
            )
        )
    if report.oddities.get("EXIF orientation"):
        count = len(report.oddities["EXIF orientation"])
        carry = "image carries" if count == 1 else "images carry"
        emit(Note(f"{count} {carry} an EXIF orientation; the setting apply_exif says whether it is applied"))
    counts = np.bincount(split.train.labels, minlength=len(split.classes))
    few = [f"{name} ({count})" for name, count in zip(split.classes, counts, strict=True) if count < FEW_IMAGES]
    if few:
        emit(Warned(f"few training images: {listed_names(few)}; these classes will be recognized poorly"))


def _warn_if_it_will_not_train(job: Job, emit: Listener) -> None:
    """Report what the trainability check finds; nothing where it finds nothing."""
    result = check_job(job)
    if result.verdict != "trains":
        emit(Warned(str(result)))


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
        ask("ls-files", "--error-unmatch", __file__)  # otherwise the checkout is the user's, not the program's
        return ask("rev-parse", "--short=12", "HEAD")
    except (OSError, subprocess.SubprocessError):
        return ""
