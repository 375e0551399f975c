"""Pictures/s of a training step from files to updated weights: ours and the notebook's loop in turn.

python -m benchmarks.training_step FOLDER    (a folder with train/, or `make bench` on the drawn pictures)
"""

import argparse
import itertools
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader

from alexnet.data.augment import Augmentation, augment
from alexnet.data.batches import epoch_order, gather
from alexnet.data.cache import decode_folder
from alexnet.data.decode import plain_preprocessing
from alexnet.data.folder import scan_folder
from alexnet.data.split import split_pictures
from alexnet.model.alexnet import AlexNet
from alexnet.model.initialization import initialize
from alexnet.model.variants import VARIANTS
from alexnet.presets import PRESETS
from alexnet.recipe import Recipe
from alexnet.training.optimizer import Optimizers
from alexnet.training.processes import choose_machine, keep_freed_memory
from alexnet.training.schedule import Rates
from benchmarks.alternate import alternate, print_table
from benchmarks.notebook_loop import Pictures, build_network, train_epoch

STEPS = 4
"""Steps in one timed repeat."""


def notebook(folder: Path) -> Callable[[], None]:
    """The notebook's loop; its workers go on from repeat to repeat."""
    pictures = Pictures(folder / "train", flip=True)
    loader = DataLoader(pictures, batch_size=128, shuffle=True, num_workers=2, drop_last=True)
    network = build_network(pictures.num_classes)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)
    endless = itertools.chain.from_iterable(train_epoch(network, optimizer, loader) for _ in itertools.count())

    def run() -> None:
        for _ in range(STEPS):
            next(endless)

    return run


def ours(folder: Path, recipe: Recipe, size: int) -> Callable[[], None]:
    """Our step with a recipe, from the cache to updated weights, at one picture size."""
    pictures = decode_folder(scan_folder(folder), plain_preprocessing(recipe))
    split = split_pictures(pictures, test_fraction=0.2, validation_fraction=0.0, seed=0)
    machine = choose_machine(recipe)
    network = AlexNet(VARIANTS[recipe.variant], size=recipe.size, num_classes=len(split.classes))
    initialize(network, recipe.initialization, seed=0)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizers, preprocessing = Optimizers(network, recipe), pictures.preprocessing
    preprocessing = type(preprocessing)(**{**preprocessing.to_dict(), "mean": (128.0,) * 3, "deviation": (60.0,) * 3})
    generator, place = torch.Generator().manual_seed(0), itertools.count()

    def run() -> None:
        for _ in range(STEPS):
            start = 128 * next(place) % (len(split.train) - 128)
            places = epoch_order(len(split.train), seed=0, epoch=0)[start : start + 128]
            pixels, labels = gather(pictures.pixels, split.train, places, machine.device)
            x = augment(pixels, Augmentation.of(recipe), preprocessing, size=size, generator=generator)
            with torch.autocast("cpu", machine.dtype, enabled=machine.dtype != torch.float32):
                logits = network(x)
            F.cross_entropy(logits.float(), labels).backward()  # type: ignore[no-untyped-call]
            optimizers.step(Rates(1.0, 1.0))

    return run


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("practice"))
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    torch.manual_seed(0)
    before = alternate(
        {"notebook's loop": notebook(options.folder), "seminar recipe": ours(options.folder, PRESETS["seminar"], 96)},
        repeats=options.repeats,
    )
    print_table("memory given back", before, peer="notebook's loop", work=128 * STEPS, unit="pictures/s")
    keep_freed_memory()
    candidates = {
        "notebook's loop, memory kept": notebook(options.folder),
        "seminar recipe": ours(options.folder, PRESETS["seminar"], 96),
        "fast recipe at 96 px": ours(options.folder, PRESETS["fast"], 96),
        "fast recipe at 72 px": ours(options.folder, PRESETS["fast"], 72),
    }
    kept = alternate(candidates, repeats=options.repeats)
    print_table("memory kept", kept, peer="notebook's loop, memory kept", work=128 * STEPS, unit="pictures/s")


if __name__ == "__main__":
    main()
