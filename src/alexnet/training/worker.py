"""A process of a training that another one leads: it computes its part of every batch and writes nothing."""

import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from alexnet.data.cache import DecodedImages
from alexnet.errors import AlexNetError
from alexnet.run_folder import RunFolder
from alexnet.runs.own_images import scan_own_images
from alexnet.training.events import ignore
from alexnet.training.job import Job
from alexnet.training.launch import Launch
from alexnet.training.loop import fit
from alexnet.training.machine import subnormals_flushed
from alexnet.training.preparation import prepare
from alexnet.training.processes import ProcessLostError

__all__ = ["follow", "what_must_agree"]


def follow(launch: Launch) -> RunFolder:
    """Take part in the training that process 0 names; returns its run folder when it is finished.

    Raises:
        KeyboardInterrupt: the training was interrupted.
        ProcessLostError: process 0 has ended.
        AlexNetError: this process cannot take part.
    """
    start = launch.hear("start")
    if "finished" in start:
        return RunFolder.open(start["finished"])
    with subnormals_flushed():
        try:
            run = RunFolder.open(start["run"])
            images = scan_own_images(run, start["data"])
            job, decoded = prepare(images, run.recipe, ignore, resumed=run, gpu=launch.local_number)
        except AlexNetError as error:
            launch.tell(f"ready/{launch.number}", {"fault": str(error)})
            raise
        launch.tell(f"ready/{launch.number}", what_must_agree(job, decoded))
        with launch.joined(job.machine.device) as processes:
            fit(replace(job, processes=processes), run, ignore)
    if launch.parent is None:  # under torchrun, the end of one process ends the others
        launch.hear("finished")
    return run


def what_must_agree(job: Job, images: DecodedImages) -> dict[str, Any]:
    """What has to be the same in every process of a training."""
    return {"checksum of the images": images.fingerprint, "precision": str(job.machine.dtype)}


def main(folder: str, number: str, count: str, parent: str) -> None:
    """Follow the process that started this one, and leave it a message where that fails."""
    for name in ("SIGINT", "SIGHUP"):  # the first process hears them and tells when to stop
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    launch = Launch.from_parent(Path(folder), int(number), int(count), int(parent))
    try:
        follow(launch)
    except (ProcessLostError, KeyboardInterrupt):
        return  # the first process knows
    except AlexNetError as error:
        launch.tell(f"fault/{launch.number}", {"fault": str(error)})


if __name__ == "__main__":
    main(*sys.argv[1:])
