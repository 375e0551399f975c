"""A training step on a CUDA device: ours and the usual loop; networks with LRN and one without; LRN alone.

python -m benchmarks.cuda [--batch 1024] [--size 224] [--repeats 7]

Our step starts from uint8 images on the device, different ones in every step, crops, mirrors and normalizes them, and
reads the loss of every step. The usual loop gets ready float images, the same ones in every step.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alexnet.data.batches import ResidentBatches, Shuffled
from alexnet.data.split import Split, Subset
from alexnet.evaluation.metrics import num_wrong
from alexnet.layers.lrn import LocalResponseNorm
from alexnet.model.alexnet import AlexNet
from alexnet.model.checkpoint import Classifier
from alexnet.model.initialization import initialize
from alexnet.model.variants import get_variant
from alexnet.presets import PRESETS
from alexnet.recipe import Recipe
from alexnet.records import Preprocessing
from alexnet.training.cuda_graphs import replayed_on_gpu
from alexnet.training.events import Event, Note
from alexnet.training.job import Job
from alexnet.training.machine import Machine
from alexnet.training.optimizer import Optimizers
from alexnet.training.schedule import Rates
from benchmarks.modern_loop import build_torchvision_network

GPU = torch.device("cuda")

CLASSES = 1000

STEPS = 20
"""Steps in one timed repeat."""

MAPS = ((96, 55), (256, 27))
"""Channels and side in px of the feature maps that enter the paper's two LRN layers."""

Runs = Mapping[str, Callable[[], object]]


def our_job(variant: str, *, batch: int, size: int, crops: bool = False) -> Job:
    """A job on four batches of random images; its network is channels-last, as in every training."""
    recipe: Recipe = PRESETS["seminar"].replace(
        variant=variant, size=size, start_size=None, batch_size=batch, precision="bfloat16", optimizer="sgd",
        learning_rate=0.01, epochs=10_000, flip=True, crop_from=8 / 7 if crops else 1.0,
    )  # fmt: skip
    network = AlexNet(get_variant(variant), size=size, num_classes=CLASSES)
    initialize(network, "fan_in", seed=0)
    network.to(device=GPU, memory_format=torch.channels_last)  # type: ignore[call-overload]
    rng = np.random.default_rng(0)
    side, cut_from = recipe.cut_from, recipe.cut_from if crops else None
    pixels = rng.integers(0, 256, (4 * batch, side, side, 3), dtype=np.uint8)
    train = Subset(np.arange(4 * batch), rng.integers(0, CLASSES, 4 * batch))
    empty = Subset(np.arange(0), np.arange(0))
    split = Split(tuple(f"{number:03d}" for number in range(CLASSES)), train, empty, empty, ())
    preprocessing = Preprocessing(size, "crop", True, "RGB", (124.0,) * 3, (58.0,) * 3, cut_from)
    classifier = Classifier(network.train(), split.classes, preprocessing)
    return Job(recipe, classifier, pixels, split, Machine(GPU, torch.bfloat16, "benchmark"))


def ours(job: Job, *, record: bool) -> Callable[[], None]:
    """Our step; the numbers of each step are read after the next one is launched."""

    def show(event: Event) -> None:
        if isinstance(event, Note):
            print(event.text, file=sys.stderr)

    def forward_backward(x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        with torch.autocast("cuda", torch.bfloat16):
            logits = job.network(x)
        loss = F.cross_entropy(logits.float(), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach(), num_wrong(logits.detach(), labels)

    passes = replayed_on_gpu(forward_backward, job, first_step=0, emit=show, record=record)
    optimizers, train = Optimizers(job.network, job.recipe), job.split.train
    batches = ResidentBatches(job.pixels, train, Shuffled(len(train), job.batch_size, 0), GPU)
    state = SimpleNamespace(step=0, pending=cast(tuple[Tensor, torch.cuda.Event] | None, None))

    def run() -> None:
        for _ in range(STEPS):
            images, labels = batches.get(state.step)
            x = job.augment(images, state.step)
            job.seed_dropout(state.step)
            loss, wrong = passes(x, labels)
            optimizers.step(Rates(1e-3, 1e-3))
            values = torch.empty(2, pin_memory=True)
            values.copy_(torch.stack((loss, wrong.to(loss.dtype))), non_blocking=True)
            done = torch.cuda.Event()  # type: ignore[no-untyped-call]
            done.record()
            if state.pending is not None:
                state.pending[1].synchronize()
                state.pending[0].tolist()
            state.step, state.pending = state.step + 1, (values, done)

    return run


def usual(*, batch: int, size: int, dtype: torch.dtype) -> Callable[[], None]:
    """What most loops do: channels-first, autocast (float16 with a scaler), torch's SGD, the loss read every step."""
    network = build_torchvision_network(CLASSES).to(GPU).train()
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-5, momentum=0.9, weight_decay=5e-4)
    scaler = torch.amp.GradScaler("cuda", enabled=dtype == torch.float16)
    generator = torch.Generator(GPU).manual_seed(0)
    x = torch.randn(batch, 3, size, size, device=GPU, generator=generator)
    labels = torch.randint(0, CLASSES, (batch,), device=GPU, generator=generator)

    def run() -> None:
        for _ in range(STEPS):
            optimizer.zero_grad()
            with torch.autocast("cuda", dtype):
                loss = F.cross_entropy(network(x), labels)
            scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            scaler.step(optimizer)
            scaler.update()
            loss.item()

    return run


def both_ways(layer: nn.Module, x: Tensor) -> Callable[[], None]:
    """A layer's forward and backward pass."""
    own = x.detach().clone(memory_format=torch.preserve_format).requires_grad_()
    gradient = torch.ones_like(own)

    def run() -> None:
        for _ in range(STEPS):
            own.grad = None
            layer(own).backward(gradient)

    return run


def measure(runs: Runs, repeats: int) -> dict[str, list[float]]:
    """Milliseconds of one step of each run; runs alternate, and the device is synchronized before each."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for name in runs:  # libraries choose algorithms, kernels are compiled, CUDA graphs are recorded
        runs[name]()
        runs[name]()
    for _ in range(repeats):
        for name, run in runs.items():
            torch.cuda.synchronize()
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
            begin.record()
            run()
            end.record()
            end.synchronize()
            seconds[name].append(begin.elapsed_time(end) / STEPS)
    return seconds


def report(title: str, milliseconds: dict[str, list[float]], *, batch: int) -> None:
    """Print one line of JSON for each run: median and quartiles of a step in ms, and images/s."""
    for name, values in milliseconds.items():
        low, middle, high = statistics.quantiles(values, n=4)
        row: dict[str, Any] = {
            "what": title, "run": name, "gpu": torch.cuda.get_device_name(GPU), "torch": torch.__version__,
            "batch": batch, "repeats": len(values), "steps": STEPS, "median_ms": round(middle, 4),
            "quartiles_ms": [round(low, 4), round(high, 4)], "images_per_second": round(1000 * batch / middle, 1),
        }  # fmt: skip
        print(json.dumps(row), flush=True)


def compare_loops(batch: int, size: int, repeats: int) -> None:
    """Our step, with and without a CUDA graph, and the usual loop in both 16-bit formats."""
    runs = {
        "usual loop, bfloat16": usual(batch=batch, size=size, dtype=torch.bfloat16),
        "usual loop, float16 with scaler": usual(batch=batch, size=size, dtype=torch.float16),
        "ours, crops and mirrors": ours(our_job("torchvision", batch=batch, size=size, crops=True), record=True),
        "ours, mirrors": ours(our_job("torchvision", batch=batch, size=size), record=True),
        "ours, mirrors, without CUDA graph": ours(our_job("torchvision", batch=batch, size=size), record=False),
    }
    report("torchvision variant, one step", measure(runs, repeats), batch=batch)


def compare_variants(batch: int, size: int, repeats: int) -> None:
    """Our step with each network."""
    runs = {
        name: ours(our_job(name, batch=batch, size=size), record=True) for name in ("torchvision", "caffe", "paper")
    }
    report("variants, one step", measure(runs, repeats), batch=batch)


def compare_lrn(batch: int, repeats: int) -> None:
    """Our LRN and torch's, forward and backward."""
    for channels, side in MAPS:
        plain = torch.randn(batch, channels, side, side, device=GPU, dtype=torch.bfloat16)
        last = plain.contiguous(memory_format=torch.channels_last)
        theirs, mine = nn.LocalResponseNorm(5, 1e-4, 0.75, 2.0), LocalResponseNorm(5, 1e-4, 0.75, 2.0)
        runs = {
            "nn.LocalResponseNorm, channels-first": both_ways(theirs, plain),
            "nn.LocalResponseNorm, channels-last": both_ways(theirs, last),
            "ours, channels-last": both_ways(mine, last),
        }
        report(
            f"LRN forward and backward, bfloat16, {channels} maps of {side} px", measure(runs, repeats), batch=batch
        )


def main() -> None:
    """Measure and print; the exit code is 2 without a CUDA device."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    if options.repeats < 5:
        parser.error("--repeats: at least 5")
    if not torch.cuda.is_available():
        print("no CUDA device: nothing to measure", file=sys.stderr)
        sys.exit(2)
    torch.manual_seed(0)
    torch.backends.cudnn.benchmark = True  # for the usual loop; ours sets it while recording
    compare_loops(options.batch, options.size, options.repeats)
    compare_variants(options.batch, options.size, options.repeats)
    compare_lrn(min(options.batch, 256), options.repeats)


if __name__ == "__main__":
    main()
