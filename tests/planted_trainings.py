"""The trainings of `enough` without training: their mistakes are drawn, and kept by the library as if measured."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from alexnet.audit import part_runs
from alexnet.audit.enough import Enough, enough
from alexnet.data.folder import ImageFolder

__all__ = ["plant_trainings"]


def plant_trainings(folder: Path | ImageFolder, monkeypatch: pytest.MonkeyPatch) -> Enough:
    """Let the cache hold the trainings of `enough`, so that the command reads them; answers their result.

    A network errs on all test images where 9 images or fewer train it, on half of them with twice as many.
    """

    def train(part: ImageFolder, *_: object, **__: object) -> SimpleNamespace:
        tested = [file.entry.name for file in part.files if file.split == "test"]
        num_wrong = 9 * len(tested) // max(9, sum(file.split == "train" for file in part.files))
        predictions = [SimpleNamespace(file=name, is_mistake=n < num_wrong) for n, name in enumerate(tested)]
        return SimpleNamespace(predictions=predictions)

    with monkeypatch.context() as patched:
        patched.setattr(part_runs, "train_or_resume", train)
        return enough(folder)
