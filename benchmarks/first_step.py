"""In a fresh process: train until so many steps are done, say what memory it took, and stop there.

python -m benchmarks.first_step {ours,notebook} FOLDER STEPS
"""

import json
import os
import resource
import sys
import tempfile
from pathlib import Path

__all__ = ["peak_bytes"]


def peak_bytes() -> int:
    """Most memory that this process ever held (getrusage counts in kB, on macOS in bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def stop() -> None:
    """Print and end at once, without the cleaning up that is no part of what is measured."""
    print(json.dumps({"peak_bytes": peak_bytes()}), flush=True)
    os._exit(0)


def ours(folder: Path, steps: int) -> None:
    """`alexnet.train` with the seminar's recipe, checks beforehand and all."""
    import alexnet
    from alexnet.training.events import Event, Stepped

    def hear(event: Event) -> None:
        if isinstance(event, Stepped) and event.record.step == steps:
            stop()

    with tempfile.TemporaryDirectory() as scratch:
        recipe = alexnet.PRESETS["seminar"].replace(device="cpu")
        alexnet.train(folder, recipe, out=Path(scratch) / "run", on_event=hear)


def notebook(folder: Path, steps: int) -> None:
    """The notebook's loop."""
    from benchmarks.notebook_loop import NotebookTraining

    NotebookTraining(folder).steps(steps)()
    stop()


def main() -> None:
    """Do what the words say."""
    side, folder, steps = sys.argv[1:]
    {"ours": ours, "notebook": notebook}[side](Path(folder), int(steps))


if __name__ == "__main__":
    main()
