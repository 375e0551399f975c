"""Why the paper's settings fail on small sets: one setting changed at a time, several seeds, short trainings.

    python -m benchmarks.small_sets DATA --per-class 320 --epochs 6 --seeds 0 1 2 --out small-sets.jsonl

Each row of the output is one training: its setting, seed, loss of every epoch and test error of the last. Rows that
exist are not computed again, so an interrupted series continues; without DATA only the table is printed.
"""

import argparse
import json
import math
import statistics
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from alexnet.data.folder import scan_folder
from alexnet.errors import AlexNetError
from alexnet.presets import PRESETS
from alexnet.recipe import Recipe
from alexnet.training.train import train

SMALL: dict[str, Any] = {"size": 96, "test_views": "mirror", "name": "trial"}

BOTH: dict[str, Any] = {"kernel_std": 0.03, "hidden_bias": 0.1}

SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {
    # from the paper's own settings, one change
    "paper": ("paper", {}),
    "rate 0.001": ("paper", {"learning_rate": 0.001}),
    "hidden biases 0.1": ("paper", {"hidden_bias": 0.1}),
    "conv3-5 at 0.03": ("paper", {"kernel_std": 0.03}),
    # both
    "paper-small: conv3-5 at 0.03, hidden biases 0.5": ("paper-small", {}),
    # with conv3-5 at 0.03 and hidden biases of 0.1 ("both"), one setting at a time
    "both": ("paper", BOTH),
    "both, hidden biases 0 instead": ("paper", BOTH | {"hidden_bias": 0.0}),
    "both, input of unit std": ("paper", BOTH | {"normalization": "dataset"}),
    "both, last layer at 0.001": ("paper", BOTH | {"head_std": 0.001}),
    "both, inverted dropout": ("paper", BOTH | {"dropout_form": "inverted"}),
    "both, warm-up of a tenth": ("paper", BOTH | {"warmup": 0.1}),
    "both, rate 0.03": ("paper", BOTH | {"learning_rate": 0.03}),
    "both, rate 0.003": ("paper", BOTH | {"learning_rate": 0.003}),
    "both, batch 64": ("paper", BOTH | {"batch_size": 64}),
}
"""Name → preset and its changes. All at 96 px, unless changed by --set."""


def small_folder(data: Path, per_class: int, into: Path) -> Path:
    """The first `per_class` training images of each class, by name, and all test images, as links."""
    for side in ("train", "test"):
        for folder in sorted((data / side).iterdir()):
            (into / side / folder.name).mkdir(parents=True, exist_ok=True)
            files = sorted(folder.iterdir())
            for file in files[:per_class] if side == "train" else files:
                (into / side / folder.name / file.name).symlink_to(file.resolve())
    return into


def run_one(data: Path, recipe: Recipe, out: Path) -> dict[str, Any]:
    """Train once; losses by epoch, and the test error of the last epoch (1 if the loss was not finite)."""
    try:
        run = train(data, recipe, out=out)
    except AlexNetError as error:
        return {"losses": [], "validation": [], "test_error": 1.0, "fault": str(error)}
    epochs = run.folder.epochs
    return {
        "losses": [round(epoch.train_loss, 4) for epoch in epochs],
        "validation": [epoch.validation_top1_error for epoch in epochs],
        "test_error": epochs[-1].test_top1_error,
        "test_error_views": run.evaluation.top1_error,
        "classes": len(run.evaluation.classes),
    }


def print_table(rows: Iterable[dict[str, Any]]) -> None:
    """Print mean and range over the seeds of each setting, data set by data set."""
    rows = list(rows)
    for data in sorted({row["data"] for row in rows}):
        print(
            f"\n{data}\n\n| setting | seeds | loss, first epoch | loss, last epoch | test accuracy, % |\n"
            "|---|---|---|---|---|"
        )
        names = dict.fromkeys(row["setting"] for row in rows if row["data"] == data)
        for name in names:
            trained = [row for row in rows if row["data"] == data and row["setting"] == name and row["losses"]]
            if not trained:
                print(f"| {name} | | not finite | | |")
                continue
            first = statistics.mean(row["losses"][0] for row in trained)
            last = [row["losses"][-1] for row in trained]
            accuracy = [100 * (1 - row["test_error"]) for row in trained]
            chance = math.log(trained[0]["classes"])
            remark = " (at chance)" if min(last) > 0.98 * chance else ""
            losses = f"{statistics.mean(last):.3f} ({min(last):.2f} to {max(last):.2f}){remark}"
            accuracies = f"{statistics.mean(accuracy):.1f} ({min(accuracy):.1f} to {max(accuracy):.1f})"
            print(f"| {name} | {len(trained)} | {first:.3f} | {losses} | {accuracies} |")


def main(settings: Mapping[str, tuple[str, dict[str, Any]]] = SETTINGS, about: str | None = __doc__) -> None:
    """Train what is missing of the settings, then print the table."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--per-class", type=int, default=320)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", nargs="*", default=list(settings))
    parser.add_argument("--set", nargs="*", default=[], help="changes to every setting, as JSON: field=value")
    parser.add_argument("--out", type=Path, default=Path("small-sets.jsonl"))
    options = parser.parse_args()
    rows = [json.loads(line) for line in options.out.read_text().splitlines()] if options.out.exists() else []
    if options.data is not None:
        extra = {field: json.loads(value) for field, _, value in (text.partition("=") for text in options.set)}
        with tempfile.TemporaryDirectory() as scratch:
            data = small_folder(options.data, options.per_class, Path(scratch) / options.data.name)
            scan_folder(data)
            for seed in options.seeds:
                for name in options.only:
                    size = (SMALL | settings[name][1] | extra)["size"]
                    series = f"{options.data.name}, {options.per_class} a class, {size} px, {options.epochs} epochs"
                    key = {"data": series, "setting": name, "seed": seed}
                    if any(key.items() <= row.items() for row in rows):
                        continue
                    preset, changes = settings[name]
                    recipe = PRESETS[preset].replace(**SMALL | changes | extra, epochs=options.epochs, seed=seed)
                    rows.append(key | run_one(data, recipe, Path(scratch) / f"{len(rows)}"))
                    with options.out.open("a") as file:
                        file.write(json.dumps(rows[-1]) + "\n")
                    print(json.dumps(rows[-1]), flush=True)
    print_table(rows)


if __name__ == "__main__":
    main()
