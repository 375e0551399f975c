"""The loss of guessing: against torch's own, with label smoothing, and when a training is warned that it is there."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from alexnet.data.folder import scan_folder
from alexnet.training.events import Event, Warned, ignore
from alexnet.training.guessing import guessing_loss, lowest_loss
from alexnet.training.job import Job
from alexnet.training.ledger import Ledger
from alexnet.training.preparation import prepare
from alexnet.training.resume import TrainingState
from tests.conftest import small_recipe, write_images

COUNTS = {"heavily unbalanced": (980, 20), "balanced": (5, 5, 5, 5), "three classes": (70, 20, 10)}


def torch_loss(probs: torch.Tensor, labels: torch.Tensor, smoothing: float) -> float:
    return float(F.cross_entropy(probs.log(), labels, label_smoothing=smoothing))


@pytest.mark.parametrize("smoothing", [0.0, 0.05, 0.3])
@pytest.mark.parametrize("counts", COUNTS.values(), ids=COUNTS)
def test_no_constant_guess_has_a_lower_loss_and_no_network_one_below_the_lowest(
    counts: tuple[int, ...], smoothing: float
) -> None:
    labels = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    fractions = torch.tensor(counts, dtype=torch.float64) / sum(counts)
    best = (1 - smoothing) * fractions + smoothing / len(counts)
    chance = guessing_loss(fractions.numpy(), smoothing)
    assert chance == pytest.approx(torch_loss(best.expand(len(labels), -1), labels, smoothing))
    for nudge in (-0.01, 0.01):
        other = best + nudge * torch.tensor([1.0, -1.0, *[0.0] * (len(counts) - 2)])
        assert torch_loss(other.expand(len(labels), -1), labels, smoothing) > chance
    targets = (1 - smoothing) * F.one_hot(labels, len(counts)).double() + smoothing / len(counts)
    assert lowest_loss(len(counts), smoothing) == pytest.approx(
        torch_loss(targets.clamp(min=1e-300), labels, smoothing), abs=1e-9
    )


def test_loss_of_classes_without_images_is_finite() -> None:
    assert guessing_loss(np.array([0.5, 0.5, 0.0]), 0.0) == pytest.approx(np.log(2))


@pytest.fixture
def unbalanced(tmp_path: Path) -> Job:
    """49 training images of one class to one of another."""
    write_images(tmp_path / "train", 49)
    write_images(tmp_path / "test", 3, first=900)
    for image in sorted((tmp_path / "train" / "down").iterdir())[1:]:
        image.unlink()
    for split in ("train", "test"):
        for image in (tmp_path / split / "rings").iterdir():
            image.unlink()
        (tmp_path / split / "rings").rmdir()
    return prepare(scan_folder(tmp_path), small_recipe(validation_fraction=0.0, label_smoothing=0.05), ignore)[0]


def warnings_at(job: Job, loss: float) -> list[str]:
    heard: list[Event] = []
    ledger = Ledger(job, None, TrainingState(step=job.num_steps, late_loss_sum=10 * loss, num_late=10), heard.append)
    ledger._warn_if_stalled()
    return [event.text for event in heard if isinstance(event, Warned)]


def test_only_a_loss_of_guessing_is_warned_of_with_unbalanced_classes_and_label_smoothing(unbalanced: Job) -> None:
    smoothed = torch.tensor([0.95 * 0.98 + 0.025, 0.95 * 0.02 + 0.025], dtype=torch.float64)
    chance = float(-(smoothed * smoothed.log()).sum())
    lowest = -(0.975 * np.log(0.975) + 0.025 * np.log(0.025))
    (warned,) = warnings_at(unbalanced, chance)
    assert warned.startswith(f"the loss ({chance:.3f}) is stuck at that of guessing, {chance:.3f} (ln 2 = 0.693 if")
    (warned,) = warnings_at(unbalanced, 2 * chance)
    assert "is above that of guessing" in warned
    assert warnings_at(unbalanced, lowest) == [], "no network can do better"
    assert warnings_at(unbalanced, lowest + 0.95 * (chance - lowest)) == []
