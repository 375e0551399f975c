"""Sweeps of a run's units that are kept in its folder, one for each layer, and shown by its report."""

from dataclasses import replace

from alexnet.errors import RunError
from alexnet.evaluation.views import restate_views
from alexnet.runs.ablation_results import Ablation
from alexnet.runs.run import RunLike, as_run
from alexnet.safe_name import safe_name

__all__ = ["keep_ablation", "kept_ablations"]


def keep_ablation(run: RunLike, sweep: Ablation) -> None:
    """Keep a sweep on the run's own test images, as `ablate` gave it, for the report; an earlier one is replaced.

    Raises:
        RunError: the run's folder cannot be written.

    >>> alexnet.keep_ablation("runs/first", alexnet.ablate("runs/first", "conv5"))
    """
    folder = as_run(run).folder
    folder.write_json(_name(sweep.layer), sweep.to_dict())


def kept_ablations(run: RunLike) -> tuple[Ablation, ...]:
    """The sweeps that are kept, in the order of the network's layers; what cannot be read is left out."""
    run, kept = as_run(run), []
    for layer in run.model.network.layer_names:
        try:
            sweep = Ablation.from_dict(run.folder.read_json(_name(layer)))
            kept.append(replace(sweep, views=restate_views(sweep.views, run.about.preprocessing)))
        except (RunError, ValueError):  # none was made, or by another version
            continue
    return tuple(kept)


def _name(layer: str) -> str:
    return safe_name(f"ablation-{layer}.json")
