"""Training speed from shards, whose images are decoded again in every step, against that from decoded images."""

import shutil
from pathlib import Path

from alexnet.data.write_shards import write_shards
from alexnet.presets import PRESETS
from alexnet.training.train import train
from benchmarks.compare import Setting
from benchmarks.images import draw_photographs, subset
from benchmarks.measured import Candidate, Comparison

NUM_IMAGES = 2048
"""Of one epoch, of the folder."""

PHOTOGRAPH = (500, 375)
"""Width and height in px of drawn JPEG files: a usual size in ImageNet."""

NUM_PHOTOGRAPHS = 600

SHARD_MB = 4.0

PEER = "decoded images"


def measure(setting: Setting) -> list[Comparison]:
    """The steps of an epoch of `fast` at its full size; start and tests are not counted."""
    folder = subset(setting.whole, setting.scratch / "images", num_train=NUM_IMAGES, num_test=16)
    drawn = draw_photographs(setting.scratch / "photographs", NUM_PHOTOGRAPHS, *PHOTOGRAPH)
    width, height = PHOTOGRAPH
    return [
        _compare("files of the folder", folder, setting),
        _compare(f"drawn JPEG of {width} x {height} px", drawn, setting),
    ]


def _compare(kind: str, folder: Path, setting: Setting) -> Comparison:
    shards = setting.scratch / f"{folder.name}-shards"
    write_shards(folder, shards, shard_mb=SHARD_MB)
    recipe = PRESETS["fast"].replace(epochs=1, validation_fraction=0.0, start_size=None, batch_size=64)
    sources = {PEER: folder, "shards": shards}
    times: dict[str, list[float]] = {name: [] for name in sources}
    for repeat in range(setting.repeats + 1):
        for name, path in sources.items():
            out = setting.scratch / "run"
            speed = train(path, recipe, out=out).folder.epochs[0].images_per_second
            shutil.rmtree(out)
            if repeat:  # the first round is the warm-up
                times[name].append(recipe.batch_size / speed)
    candidates = tuple(Candidate(name, tuple(each), float(recipe.batch_size)) for name, each in times.items())
    note = "an epoch in batches of 64; the steps alone"
    return Comparison(f"training from shards: {kind}", candidates, unit="images/s", peer=PEER, notes=(note,))
