"""From files to uint8 images of 96 px: our cache, filled from empty each time, and a DataLoader with two workers."""

import os
import shutil
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from alexnet.data.cache import decode_folder
from alexnet.data.decode import plain_preprocessing
from alexnet.data.folder import scan_folder
from alexnet.presets import PRESETS
from benchmarks.compare import Setting, Way, compare
from benchmarks.images import SIZE, draw_photographs, subset
from benchmarks.measured import Comparison

NUM_IMAGES = 2048

PHOTOGRAPHS = {(500, 375): 600, (1600, 1200): 128}
"""Width and height in px → number of images: a usual size in ImageNet, and that of a small camera."""

PEER = "DataLoader, two workers, Pillow"


class Bytes(Dataset[Tensor]):
    """Files as uint8 pixels, opened and resized with Pillow."""

    def __init__(self, files: list[Path]) -> None:
        self.files = files

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Tensor:
        with Image.open(self.files[index]) as image:
            small = image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR)
        return torch.from_numpy(np.array(small))


def measure(setting: Setting) -> list[Comparison]:
    """Whole passes over the same files: those of the folder, and drawn JPEG files of two sizes."""
    folder = subset(setting.whole, setting.scratch / "decode", num_train=NUM_IMAGES, num_test=8)
    comparisons = [_compare(folder, "files", setting)]
    for (width, height), count in PHOTOGRAPHS.items():
        drawn = draw_photographs(setting.scratch / f"photographs-{width}", count, width, height)
        comparisons.append(_compare(drawn, f"drawn JPEG of {width} x {height} px", setting))
    return comparisons


def _compare(folder: Path, kind: str, setting: Setting) -> Comparison:
    """Our program writes the cache to disk; the DataLoader keeps nothing."""
    scanned = scan_folder(folder)
    files = [folder / file.entry.name for file in scanned.files]
    loader = DataLoader(Bytes(files), batch_size=min(128, len(files) // 8), num_workers=2)
    cache = setting.scratch / "decode-cache"

    def ours() -> None:
        os.environ["ALEXNET_CACHE"] = str(cache)
        decode_folder(scanned, plain_preprocessing(PRESETS["seminar"]))
        shutil.rmtree(cache)

    def theirs() -> None:
        for _ in loader:
            pass

    count = float(len(files))
    ways = {PEER: Way(theirs, count), "ours, into the cache": Way(ours, count)}
    note = "ours also hashes every file and writes the pixels to disk; both read files that are in memory"
    title = f"decode {len(files)} {kind} to {SIZE} px"
    return compare(title, ways, repeats=setting.repeats, unit="images/s", peer=PEER, notes=(note,))
