"""Continue a run; one that trains another again on corrected labels is compared with it in the end."""

from pathlib import Path

from alexnet.audit.retrain import compare_retrained
from alexnet.audit.retraining import retrained_run
from alexnet.errors import AlexNetError
from alexnet.run_folder import RunFolder
from alexnet.runs.run import Run
from alexnet.training import train as training
from alexnet.training.events import Listener, Note, Progress, Warned, ignore
from alexnet.training.launch import is_first_process

__all__ = ["resume"]


def resume(
    run: Path | str | Run,
    *,
    data: Path | str | None = None,
    processes: int = 1,
    on_event: Listener = ignore,
) -> Run:
    """Continue an unfinished run, on the images that it was started with; a finished run is returned as it is.

    One that `retrain` began, to train a whole network on corrected labels, is compared with the run before; see
    `retrained.json` in its folder.

    Args:
        run: the run folder.
        data: where the images are now, if they were moved.
        processes: how many processes train together, see `train`; it may be another number than before.
        on_event: called with every step, epoch and message.

    Raises:
        RunError: there is no such run, its images have changed, or its saved states are damaged.
        DataError: its images are not there.
        KeyboardInterrupt: interrupted again; the state is saved.

    >>> run = alexnet.resume("runs/first")
    """
    finished = training.resume(run, data=data, processes=processes, on_event=on_event)
    if not is_first_process():
        return finished
    try:
        begun = retrained_run(finished.folder)
        if begun is not None:
            before, moved_to = begun
            first = Run(RunFolder.open(before), data=data or moved_to or None)
            compare_retrained(
                first, finished, on_progress=lambda done, total: on_event(Progress("looking", done, total))
            )
            on_event(Note(f"{finished.path}: compared with {before}; see retrained.json"))
    except AlexNetError as error:
        on_event(Warned(f"{finished.path}: not compared with the run that it trains again ({error})"))
    return finished
