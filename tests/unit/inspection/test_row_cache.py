"""Rows that are kept for the images of a folder: what makes other rows of them, and how often a file is read."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from alexnet.data import cache
from alexnet.data.cache import DecodedImages
from alexnet.inspection import row_cache
from alexnet.inspection.features import features_of
from alexnet.inspection.pass_size import images_at_once
from alexnet.inspection.row_cache import cached_rows
from alexnet.model.wrap_network import wrap_network
from alexnet.runs.run import Run
from alexnet.runs.train_images import training_images


@pytest.fixture
def images(narrow_run: Run) -> DecodedImages:
    return training_images(narrow_run)[0]


def module_with(forward_line: str, scale: float = 1.0) -> nn.Module:
    """A module of one class name and one table, and with the same weights, but of another code."""
    spaces: dict[str, object] = {"nn": nn, "torch": torch}
    text = f"class Own(nn.Module):\n def inner(self, x):\n  {forward_line}\n"
    text += " def forward(self, x):\n  return self.inner(x)\n"
    exec(text, spaces)
    own = spaces["Own"]()  # type: ignore[operator]
    own.scale = scale
    torch.manual_seed(0)
    own.last = nn.Linear(3, 2)
    return own  # type: ignore[no-any-return]


def computes(network: nn.Module, images: DecodedImages) -> bool:
    """Whether the rows of a network are computed, not read."""
    calls = []

    def compute() -> Iterator[np.ndarray]:
        calls.append(1)
        yield np.ones((len(images.files), 2), np.float32)

    cached_rows("trial", wrap_network(network, ("a", "b")), images, compute)
    return bool(calls)


def test_other_code_and_other_settings_are_other_rows(images: DecodedImages) -> None:
    assert computes(module_with("return self.last(x)"), images)
    assert not computes(module_with("return self.last(x)"), images)
    assert computes(module_with("return self.last(x).relu()"), images)
    assert computes(module_with("return self.last(x)", scale=2.0), images)
    assert not computes(module_with("return self.last(x)").train(), images)
    replaced = module_with("return self.last(x)")
    replaced.forward = lambda x: x * 3.0  # type: ignore[method-assign]
    assert computes(replaced, images)


def test_another_version_of_this_program_computes_again(
    images: DecodedImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = module_with("return self.last(x * 5)")
    assert computes(network, images)
    monkeypatch.setattr(row_cache, "VERSION", row_cache.VERSION + 1)
    assert computes(network, images)


def test_a_large_file_is_read_once_until_it_is_written(
    images: DecodedImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boot, read = tmp_path / "boot_id", []
    boot.write_text("first\n", encoding="utf-8")
    monkeypatch.setattr(cache, "BOOT_ID", boot)
    monkeypatch.setattr(row_cache, "ALWAYS_VERIFIED", 0)
    monkeypatch.setattr(
        row_cache, "_checksum", lambda path, original=row_cache._checksum: read.append(path) or original(path)
    )
    network = module_with("return self.last(x * 7)")
    computes(network, images)
    path = read.pop()
    assert not computes(network, images) and not read, "it was verified when it was written"
    boot.write_text("second\n", encoding="utf-8")
    assert not computes(network, images) and read == [path], "power may have been lost since"
    assert not computes(network, images) and read == [path]
    os.utime(path)
    assert not computes(network, images) and read == [path, path]
    damaged = bytearray(path.read_bytes())
    damaged[5] ^= 1
    path.write_bytes(bytes(damaged))
    assert computes(network, images)


def test_a_small_file_is_always_read(images: DecodedImages, monkeypatch: pytest.MonkeyPatch) -> None:
    network, read = module_with("return self.last(x * 9)"), []
    computes(network, images)
    monkeypatch.setattr(
        row_cache, "_checksum", lambda path, original=row_cache._checksum: read.append(path) or original(path)
    )
    assert not computes(network, images) and not computes(network, images)
    assert len(read) == 2


def test_large_images_pass_through_the_network_a_few_at_a_time() -> None:
    """A batch of them holds no more pixels than 256 images of 96 px."""
    counts: list[int] = []

    class Counts(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            counts.append(len(x))
            return x.mean((2, 3))

    size = 512
    pixels = np.zeros((20, size, size, 3), np.uint8)
    classifier = wrap_network(Counts(), ["a", "b", "c"], size=size)
    assert features_of(classifier, pixels, "").shape == (20, 3)
    assert max(counts) * size**2 <= 256 * 96**2
    assert sum(counts) == 20
    assert [images_at_once(side) for side in (32, 96, 224, 4096)] == [256, 256, 47, 1]
