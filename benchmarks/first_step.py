"""In a fresh process: train for a number of steps, print the peak memory, and stop.

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
    """Peak memory of this process (getrusage counts in kB, on macOS in bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def stop() -> None:
    """Print and end at once, without the cleanup, which is not part of the measurement."""
    print(json.dumps({"peak_bytes": peak_bytes()}), flush=True)
    os._exit(0)


def ours(folder: Path, steps: int) -> None:
    """`alexnet.train` with the seminar's recipe, including its checks before the first step."""
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
    """Run the side that the arguments name."""
    side, folder, steps = sys.argv[1:]
    {"ours": ours, "notebook": notebook}[side](Path(folder), int(steps))


if __name__ == "__main__":
    main()
