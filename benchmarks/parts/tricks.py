"""What made the step faster: from the notebook's network to ours, one change after another, on one constant tensor.

All of them keep freed memory (the part `step` measures what that gains), and nothing is read from files.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

from alexnet.cli.process import keep_freed_memory
from alexnet.layers.cpu_features import has_slow_float32_matmul
from alexnet.layers.fast_path import allow_fast_paths
from alexnet.layers.lrn import LocalResponseNorm
from alexnet.model.alexnet import AlexNet
from alexnet.model.initialization import initialize
from alexnet.model.variants import get_variant
from benchmarks.compare import Setting, Way, bfloat16_is_fast, compare
from benchmarks.measured import Comparison
from benchmarks.ours import training_flop

BATCH, SIZE, CLASSES = 128, 96, 8

PEER = "the notebook's network: Adam, torch's LRN"

LADDER = (
    PEER,
    "+ Adam in one operation",
    "+ channels-last",
    "+ LRN in parts",
    "+ faster float32",
    "+ bfloat16 instead",
    "+ small maps and LRN as matmuls",
)
"""Each row includes the changes above it; the last two are measured if bfloat16 is fast.

Faster float32: convolution by tiles, or fully connected layers by oneDNN, depending on the CPU.
"""

NUM_FLOAT32 = LADDER.index("+ bfloat16 instead")
"""Number of rows in float32."""


def measure(setting: Setting) -> list[Comparison]:
    """The seminar's network at 96 px, batch 128."""
    keep_freed_memory()
    flop = sum(training_flop("seminar", size=SIZE, num_classes=CLASSES, num_images=BATCH).values())
    rows = LADDER if bfloat16_is_fast() else LADDER[:NUM_FLOAT32]
    ways = {
        name: Way(_steps(level), float(BATCH), flop, dtype="float32" if level < NUM_FLOAT32 else "bfloat16")
        for level, name in enumerate(rows)
    }
    title = "training step on one tensor, change after change"
    notes = (
        "faster float32: " + ("by oneDNN" if has_slow_float32_matmul() else "convolution by tiles"),
        "operations are those of the network's table; tiles need fewer, so more than 100 % of the limit is possible",
    )
    return [compare(title, ways, repeats=setting.repeats, unit="images/s", peer=PEER, notes=notes)]


def _steps(level: int) -> Callable[[], float]:
    """One training step with the first `level` changes."""

    def has(name: str) -> bool:
        return level >= LADDER.index(name)

    torch.manual_seed(0)
    network = AlexNet(get_variant("seminar"), size=SIZE, num_classes=CLASSES)
    initialize(network, "seminar", seed=0)
    if not has("+ LRN in parts"):
        for place, layer in enumerate(network.features):
            if isinstance(layer, LocalResponseNorm):
                network.features[place] = nn.LocalResponseNorm(layer.size, layer.alpha, layer.beta, layer.k)
    memory_format = torch.channels_last if has("+ channels-last") else torch.contiguous_format
    network.to(memory_format=memory_format)  # type: ignore[call-overload]
    in_bfloat16 = level >= NUM_FLOAT32
    allow_fast_paths(network, has("+ small maps and LRN as matmuls") or (has("+ faster float32") and not in_bfloat16))
    network.train()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-5, fused=has("+ Adam in one operation"))
    x = torch.randn(BATCH, 3, SIZE, SIZE).contiguous(memory_format=memory_format)
    labels = torch.randint(0, CLASSES, (BATCH,))

    def run() -> float:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=in_bfloat16):
            logits = network(x)
        loss = F.cross_entropy(logits.float(), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return loss.item()

    return run
