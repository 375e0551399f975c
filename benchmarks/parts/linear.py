"""Time per image and memory, from a thousand images to two hundred thousand."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.compare import Setting
from benchmarks.first_step import peak_bytes
from benchmarks.images import draw_small
from benchmarks.measured import Candidate, Comparison

STAGES = ("scan", "decode", "open", "split", "epoch")
"""List the files; decode them into the cache; open the filled cache; split; read and augment every batch once."""

FIRST_RUN = ("scan", "decode", "split", "epoch")

ALL_STAGES = "scan, decode, split and epoch together"

SIZE = 64

MANY = 10_000
"""Number of images above which a stage is measured only once."""

Rows = dict[tuple[str, int], list[dict[str, float]]]
"""Stage and number of images → the values of each repeat."""


def measure(setting: Setting) -> list[Comparison]:
    """Every stage of every size in its own process; the first size is what the others are compared with."""
    rows: Rows = {}
    for count in setting.counts:
        folder = draw_small(setting.scratch / f"drawn-{count}", count, size=SIZE)
        for repeat in range(setting.repeats if count <= MANY else 1):
            cache = setting.scratch / f"drawn-cache-{count}-{repeat}"
            for stage in STAGES:
                rows.setdefault((stage, count), []).append(run_stage(stage, folder, cache))
            shutil.rmtree(cache)
        print(f"    {count} images: done", file=sys.stderr, flush=True)
        shutil.rmtree(folder)
    names = {count: f"ours, {count:,} images" for count in setting.counts}
    for count in names:
        kept = [rows[stage, count] for stage in FIRST_RUN]
        rows[ALL_STAGES, count] = [
            {"seconds": sum(row["seconds"] for row in repeat)} for repeat in zip(*kept, strict=True)
        ]
    times = [_times(stage, names, rows) for stage in (*STAGES, ALL_STAGES)]
    return times + [_memory(stage, names, rows) for stage in STAGES]


def _times(stage: str, names: dict[int, str], rows: Rows) -> Comparison:
    candidates = tuple(
        Candidate(name, tuple(row["seconds"] for row in rows[stage, count]), work=float(count))
        for count, name in names.items()
    )
    title = f"{stage}: time per image"
    return Comparison(title, candidates, "µs/image", candidates[0].name, charted=False)


def _memory(stage: str, names: dict[int, str], rows: Rows) -> Comparison:
    candidates = tuple(
        Candidate(name, tuple(row["peak_bytes"] for row in rows[stage, count])) for count, name in names.items()
    )
    note = "the whole process, with imports and the mapped pages of the cache"
    return Comparison(f"{stage}: peak memory", candidates, "MB", charted=False, notes=(note,))


def run_stage(stage: str, folder: Path, cache: Path) -> dict[str, float]:
    """Seconds and peak memory of a stage in a fresh process."""
    words = [sys.executable, "-m", "benchmarks.parts.linear", stage, str(folder)]
    environment = os.environ | {"ALEXNET_CACHE": str(cache)}
    output = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout
    row: dict[str, float] = json.loads(output.splitlines()[-1])
    return row


def do_stage(stage: str, path: Path) -> float:
    """Seconds of one stage, without the stages before it."""
    from alexnet.data.cache import decode_folder
    from alexnet.data.decode import plain_preprocessing
    from alexnet.data.folder import scan_folder
    from alexnet.data.split import split_images
    from alexnet.presets import PRESETS

    recipe = PRESETS["seminar"].replace(size=SIZE)
    seconds, folder = _timed(lambda: scan_folder(path))
    if stage == "scan":
        return seconds
    seconds, images = _timed(lambda: decode_folder(folder, plain_preprocessing(recipe)))
    if stage in ("decode", "open"):
        return seconds
    seconds, split = _timed(
        lambda: split_images(images, test_fraction=0.2, validation_fraction=0.1, seed=0)
    )  # fmt: skip
    if stage == "split":
        return seconds
    return _timed(lambda: _read_epoch(images, split))[0]


def _timed(run: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = run()
    return time.perf_counter() - started, result


def _read_epoch(images: Any, split: Any) -> None:
    """Read every batch of 128 once, in the order of an epoch, augmented as by the seminar's recipe."""
    import torch

    from alexnet.data.augment import Augmentation, augment
    from alexnet.data.batches import Shuffled, gather
    from alexnet.presets import PRESETS

    order = Shuffled(len(split.train), 128, seed=0)
    generator, device = torch.Generator().manual_seed(0), torch.device("cpu")
    augmentation = Augmentation.of(PRESETS["seminar"])
    for step in range(len(split.train) // 128):
        pixels, _ = gather(images.pixels, split.train, order(step), device)
        augment(pixels, augmentation, images.preprocessing, size=SIZE, generator=generator)


if __name__ == "__main__":
    elapsed = do_stage(sys.argv[1], Path(sys.argv[2]))
    print(json.dumps({"seconds": elapsed, "peak_bytes": peak_bytes()}))
