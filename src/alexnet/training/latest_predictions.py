"""What was predicted for each test image after an epoch, from the probabilities that its error is measured by."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from alexnet.batch_part import BatchPart
from alexnet.run_folder import RunFolder
from alexnet.training.job import Job
from alexnet.training.latest import LATEST, MOST_CELLS, MOST_MISTAKES, LatestMistake, LatestTest

__all__ = ["LatestPredictions", "write_latest"]


class LatestPredictions:
    """The predicted class of every image of a test and its probability, taken batch after batch.

    Args:
        count: images of the whole test.
        part: those of this process; None for all.
    """

    def __init__(self, count: int, part: BatchPart | None, device: torch.device) -> None:
        self.values = torch.zeros(2, count, dtype=torch.float64, device=device)  # stays 0 where others test
        self._place = 0 if part is None else part.start

    def take(self, probs: Float[Tensor, "B K"], _labels: Int64[Tensor, " B"]) -> None:
        """Take the next batch; the device is not waited for."""
        highest, predicted = probs.max(1)
        places = slice(self._place, self._place + len(probs))
        self.values[:, places] = torch.stack((predicted.double(), highest.double()))
        self._place += len(probs)


def write_latest(run: RunFolder, job: Job, tested: LatestPredictions, *, epoch: int) -> None:
    """Write the test of the test images after an epoch; nothing where the probabilities are no numbers.

    Raises:
        RunError: the disk is full, or the folder cannot be written.
    """
    test, classes = job.split.test, job.split.classes
    numbers, probs = tested.values.cpu()
    if not job.files or not len(test) or not bool(probs.isfinite().all()):
        return
    true, predicted = torch.from_numpy(test.labels), numbers.long()
    wrong = torch.nonzero(true != predicted)[:, 0]
    shown = wrong[probs[wrong].argsort(descending=True, stable=True)][:MOST_MISTAKES].tolist()
    mistakes = [
        LatestMistake(
            job.files[test.indices[row]].entry.name, classes[true[row]], classes[predicted[row]], float(probs[row])
        )
        for row in shown
    ]
    latest = LatestTest(epoch, len(test), len(wrong), classes, _confusion(true, predicted), tuple(mistakes))
    run.write_json(LATEST, latest.to_dict())


def _confusion(true: Int64[Tensor, " N"], predicted: Int64[Tensor, " N"]) -> tuple[tuple[int, int, int], ...]:
    """(true, predicted, images) of each pair that there is; where they are too many, the most confused ones."""
    pairs, counts = torch.unique(torch.stack((true, predicted), 1), dim=0, return_counts=True)
    cells = torch.cat((pairs, counts[:, None]), 1)
    if len(cells) > MOST_CELLS:
        rank = counts * (pairs[:, 0] != pairs[:, 1])
        cells = cells[rank.argsort(descending=True, stable=True)[:MOST_CELLS]]
    return tuple((a, b, count) for a, b, count in cells.tolist())
