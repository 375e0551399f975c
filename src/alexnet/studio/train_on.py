"""Training on from a network of a run: the run's own recipe, from its weights, with a lower learning rate."""

from pathlib import Path
from typing import Any

from alexnet.presets import PRESETS
from alexnet.run_folder import RunFolder
from alexnet.studio.recipe_form import changed_settings
from alexnet.studio.workspace import Workspace

__all__ = ["train_on"]

LEARNING_RATES = ("learning_rate", "muon_learning_rate")

FACTOR = 0.1
"""On the learning rates of the run, so that the network is refined and not thrown far from where it is."""


def train_on(workspace: Workspace, name: str, run: RunFolder) -> dict[str, Any]:
    """The form that trains on from a run, as the page's address carries it.

    It starts from the weights of the network that was kept with a new optimizer; it does not resume. Its seed and
    fractions stay, so that no training image becomes a test image.

    Returns:
        data: name of the folder of images, None where it is not listed. preset, settings, corrected: of the form.
        epoch: after which the network was kept. epochs: whose networks are kept as well, see `keep_networks`.

    Raises:
        RunError: the run has kept no network yet.
    """
    recipe = run.recipe
    preset = recipe.name if recipe.name in PRESETS else next(iter(PRESETS))
    rates = {field: float(f"{FACTOR * getattr(recipe, field):.3g}") for field in LEARNING_RATES}
    return {
        "data": workspace.folder_name(Path(run.about.data.path)),
        "preset": preset,
        "settings": changed_settings(recipe.replace(**rates), preset) | {"weights": name},
        "corrected": run.corrections_path.is_file(),
        "epoch": run.model_info.epoch,
        "epochs": [epoch for epoch, _ in run.network_snapshots()],
    }
