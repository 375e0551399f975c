"""A resumed run: where its images are now, and how long it took in all."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

from alexnet.run_folder import RunFolder
from alexnet.runs.own_images import decode_own_images
from alexnet.runs.run import open_run
from alexnet.training.events import ignore
from alexnet.training.resume import _text_checksum
from alexnet.training.train import resume
from tests.conftest import copy_images


def test_new_place_of_moved_images_is_kept(stopped: Path, few_images: Path, tmp_path: Path) -> None:
    moved = copy_images(few_images, tmp_path / "moved")
    resume(stopped, data=moved)
    run = open_run(stopped)
    assert run.about.data.path == str(moved.resolve())
    assert len(decode_own_images(run).files) == 33


def test_place_is_left_as_it_is_where_the_images_were_not_moved(stopped: Path, few_images: Path) -> None:
    before = (stopped / "run.json").read_text()
    assert open_run(resume(stopped, on_event=ignore).path).about.data == RunFolder(stopped).about.data
    assert json.loads(before)["data"]["path"] == str(few_images.resolve())


def test_what_a_run_is_resumed_on_is_recorded(stopped: Path) -> None:
    folder = RunFolder(stopped)
    about = folder.about
    assert about.machine["device"] == "cpu" and about.machine["precision"] in ("float32", "bfloat16")
    folder.write_about(replace(about, machine=about.machine | {"device": "cuda", "precision": "float16"}))
    assert resume(stopped).about.machine == about.machine


def test_seconds_of_a_resumed_run_are_those_of_all_its_sessions(stopped: Path, tmp_path: Path) -> None:
    first = resume(shutil.copytree(stopped, tmp_path / "first")).about
    newest = RunFolder(stopped).state_manifests()[0]
    values = json.loads(newest.read_text())
    values["state"]["seconds"] += 1000.0
    newest.write_text(json.dumps(values | {"blake2b_of_state": _text_checksum(values["state"])}))
    about = resume(stopped).about
    assert about.training_seconds is not None and about.seconds is not None and first.seconds is not None
    assert about.training_seconds > 1000.0
    assert about.training_seconds < about.seconds < 1000.0 + first.seconds + 30.0
