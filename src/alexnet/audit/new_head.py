"""A run's network with a new last layer, and the run folder of it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import torch

from alexnet.audit.linear_head import LinearHead
from alexnet.data.cache import DecodedImages
from alexnet.data.check import check_decoded
from alexnet.data.corrections import effective, write_corrections
from alexnet.data.split import Subset
from alexnet.errors import RunError
from alexnet.evaluation.evaluate import evaluate_classifier
from alexnet.files import is_folder
from alexnet.model.checkpoint import Classifier, save_network
from alexnet.model.specs import Linear
from alexnet.practice.new_folder import new_folder
from alexnet.records import ImageSetInfo
from alexnet.run_folder import RunFolder
from alexnet.runs.run import Run

__all__ = ["feature_layer", "free_target", "has_feature_layer", "with_head", "written_run"]


def free_target(run: Run, out: Path | str | None, ending: str) -> RunFolder:
    """Where the new run is written: `out`, by default beside the old one under its name and an ending.

    Raises:
        RunError: it is occupied.
    """
    number, path = 2, run.path.with_name(f"{run.path.name}-{ending}") if out is None else Path(out).expanduser()
    while out is None and path.exists():
        path, number = run.path.with_name(f"{run.path.name}-{ending}-{number}"), number + 1
    target = RunFolder(path)
    target.require_free()
    return target


def feature_layer(classifier: Classifier) -> str:
    """The layer with weights in front of the last one, whose activation gives that one's inputs.

    Raises:
        RunError: there is none.
    """
    if not has_feature_layer(classifier):
        raise RunError(f"{classifier}: has no layer in front of its last one to take features from; train it anew")
    return _fully_connected(classifier)[-2]


def has_feature_layer(classifier: Classifier) -> bool:
    """Whether there is a layer that features for a new last one can be taken from."""
    return len(_fully_connected(classifier)) > 1


def _fully_connected(classifier: Classifier) -> list[str]:
    return [spec.name for spec in classifier.network.spec.layers if isinstance(spec, Linear)]


def with_head(classifier: Classifier, head: LinearHead) -> Classifier:
    """A copy of a network whose last layer is the head; the standardization becomes part of its weights."""
    network = deepcopy(classifier.network)
    last = [module for module in network.modules() if isinstance(module, torch.nn.Linear)][-1]
    weight = head.weight / head.std[:, None]
    with torch.no_grad():
        last.weight.copy_(torch.from_numpy(weight.T))
        last.bias.copy_(torch.from_numpy(head.bias - head.mean @ weight))
    return Classifier(network.eval(), classifier.classes, classifier.preprocessing, views=classifier.views)


@contextmanager
def written_run(
    run: Run,
    classifier: Classifier,
    images: DecodedImages,
    test: Subset,
    target: RunFolder,
    *,
    own: DecodedImages,
    num_train: int,
    started: float,
) -> Iterator[Run]:
    """A run folder of the new network, to be added to; it appears at `target` when the block ends, whole.

    Args:
        run: the old one, whose recipe it keeps.
        images: decoded, from where they are now.
        test: the images that it is tested on, rows of `images`.
        own: the same images with the corrections of the new run.
        num_train: images that the last layer was fitted on; none of them is a validation image any more.
        started: when the retraining began, by `time.perf_counter`.

    Raises:
        RunError, DataError: the folder cannot be written.
    """
    names = [file.entry.name for file in images.files]
    evaluation, predictions = evaluate_classifier(classifier, images.pixels, test, names)
    _clear(target)
    with new_folder(target.path) as beside:
        folder = RunFolder(beside)
        folder.write_recipe(run.recipe)
        folder.write_table("left_out.csv", ["file", "reason"], own.left_out.items())
        write_corrections(folder.corrections_path, effective(list(own.folder.corrections)).values())
        save_network(folder, classifier, epoch=run.folder.model_info.epoch)
        folder.write_evaluation(evaluation)
        folder.write_predictions(predictions)
        created = datetime.now(UTC).isoformat(timespec="seconds")
        data = ImageSetInfo(
            path=images.folder.location,
            fingerprint=own.fingerprint,
            images={"train": num_train, "validation": 0, "test": len(test)},
            left_out=len(own.left_out),
            oddities={kind: len(names) for kind, names in check_decoded(own).oddities.items()},
        )
        layers_of = run.about.layers_of or str(run.path)
        seconds = time.perf_counter() - started
        about = replace(run.about, data=data, created=created, layers_of=layers_of)
        folder.write_about(replace(about, training_seconds=seconds, seconds=seconds))
        yield Run(folder)


def _clear(target: RunFolder) -> None:
    """Remove what a training has left that was stopped as it began; all else in the folder is refused."""
    target.require_free()
    if is_folder(target.path):
        with target.locked():
            for path in target.path.iterdir():
                target.discard(path.name)
