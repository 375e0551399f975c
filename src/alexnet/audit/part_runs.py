"""Trainings on parts of a folder's training images, tested on the same images, and kept between two calls."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from alexnet.data.cache import DecodedImages, decode_folder
from alexnet.data.decode import plain_preprocessing
from alexnet.data.folder import ImageFolder, scan_folder
from alexnet.data.split import Split, split_images
from alexnet.errors import DataError
from alexnet.files import disk_errors, user_cache_dir, write_whole
from alexnet.recipe import Recipe
from alexnet.training.events import Listener, Note, Progress
from alexnet.training.train import train_or_resume

__all__ = ["PartRuns", "prepare_parts"]


def prepare_parts(folder: ImageFolder | Path | str, recipe: Recipe, on_event: Listener) -> "PartRuns":
    """Decode and split a folder; nothing is trained.

    Raises:
        DataError: it cannot be decoded or split.
    """
    scanned = folder if isinstance(folder, ImageFolder) else scan_folder(folder)
    images = decode_folder(
        scanned,
        plain_preprocessing(recipe),
        on_progress=lambda done, total: on_event(Progress("decoding", done, total)),
    )
    split = split_images(
        images,
        test_fraction=recipe.test_fraction,
        validation_fraction=0.0,
        seed=recipe.seed,
        group_near_duplicates=recipe.group_near_duplicates,
    )
    return PartRuns(scanned, images, split, recipe, on_event)


@dataclass(frozen=True, eq=False)
class PartRuns:
    """A split folder, and the trainings on parts of its training images, which are kept between two calls."""

    folder: ImageFolder
    images: DecodedImages
    split: Split
    recipe: Recipe
    on_event: Listener

    @cached_property
    def names(self) -> list[str]:
        """Of the training images."""
        return [self.images.files[row].entry.name for row in self.split.train.indices]

    @cached_property
    def tested(self) -> list[str]:
        """The test images."""
        return [self.images.files[row].entry.name for row in self.split.test.indices]

    def ranks(self, seed: int) -> Float[np.ndarray, " N"]:
        """The place of each training image within its class, 0 to below 1, in an order that seed and pixels give."""
        digests = [self.images.facts[row].digest for row in self.split.train.indices]
        labels = self.split.train.labels
        ranks = np.zeros(len(labels))
        for label in np.unique(labels):
            rows = np.flatnonzero(labels == label).tolist()
            rows.sort(key=lambda row: blake2b(f"{seed} {digests[row]}".encode(), digest_size=16).digest())
            ranks[rows] = np.arange(len(rows)) / len(rows)
        return ranks

    def mistakes(self, chosen: Bool[np.ndarray, " N"], seed: int, part: str) -> Bool[np.ndarray, " M"]:
        """Whether a network that is trained on the chosen images errs on each test image.

        A training is deleted when its mistakes are written down; where they are already, they are read.
        """
        names = {name for name, is_chosen in zip(self.names, chosen, strict=True) if is_chosen}
        self.on_event(Note(f"{len(names)} training images, seed {seed}"))
        digest = blake2b(f"{self.images.fingerprint} {self.recipe.to_toml()}".encode(), digest_size=12).hexdigest()
        path = user_cache_dir() / "enough" / digest / f"seed{seed}-{part}"
        kept = path.with_name(f"{path.name}.json")
        known = _read(kept, self.tested, self.on_event)
        if known is None:
            folder = _part(self.folder, names, set(self.tested))
            run = train_or_resume(folder, self.recipe.replace(seed=seed), path, on_event=self.on_event)
            known = {each.file: each.is_mistake for each in run.predictions}
            text = json.dumps({"mistakes": {name: int(is_wrong) for name, is_wrong in known.items()}})
            with disk_errors(kept, DataError, "free some space, or set ALEXNET_CACHE to another folder"):
                write_whole(kept, lambda beside: beside.write_text(text, encoding="utf-8"))
            shutil.rmtree(path, ignore_errors=True)
        return np.array([known[name] for name in self.tested], bool)


def _read(path: Path, tested: Sequence[str], on_event: Listener) -> dict[str, bool] | None:
    """Mistakes by test image of an earlier call; None where there are none, or only their number by class."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return {name: bool(values["mistakes"][name]) for name in tested}
    except (KeyError, TypeError):
        on_event(Note("an earlier version kept only the number of mistakes; this training is done again, once"))
    except (OSError, ValueError):
        pass
    return None


def _part(folder: ImageFolder, chosen: set[str], tested: set[str]) -> ImageFolder:
    files = tuple(
        replace(file, split="test" if file.entry.name in tested else "train")
        for file in folder.files
        if file.entry.name in tested or file.entry.name in chosen
    )
    return replace(folder, files=files)
