"""The temperature of a run, kept in its folder: what `calibrate` fits and calibrated predictions divide by."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from alexnet.errors import RunError
from alexnet.model.checkpoint import Classifier
from alexnet.model.weights_key import weights_key
from alexnet.records import LAZY, Record
from alexnet.run_folder import RunFolder
from alexnet.stored_values import Count

__all__ = ["StoredTemperature", "read_temperature", "write_temperature"]

FILE = "calibration.json"
"""In the run folder."""


@dataclass(frozen=True, config=LAZY)
class StoredTemperature(Record):
    """calibration.json: what the logits are divided by.

    num_validation: images that it was fitted on. weights: a key of the network that it was fitted to.
    """

    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    num_validation: Count
    weights: str


def write_temperature(run: RunFolder, classifier: Classifier, temperature: float, num_validation: int) -> None:
    """Keep a temperature with the run, whole or not at all.

    Raises:
        RunError: the disk is full, or the folder cannot be written.
    """
    stored = StoredTemperature(temperature, num_validation, weights_key(classifier))
    run.write_json(FILE, stored.to_dict())


def read_temperature(run: RunFolder, classifier: Classifier) -> float:
    """The temperature that was fitted to a run's network.

    Raises:
        RunError: there is none, it was fitted to other weights, or the file is damaged.
    """
    if not run.has(FILE):
        raise RunError(f"{run.path}: has no temperature; run `alexnet calibrate {run.path}` first")
    stored = run.read_record(FILE, StoredTemperature)
    if stored.weights != weights_key(classifier):
        raise RunError(
            f"{run.path}: its temperature was fitted to other weights; run `alexnet calibrate {run.path}` again"
        )
    return stored.temperature
