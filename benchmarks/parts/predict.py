"""Predicting many files: ours beside a plain ONNX Runtime loop on the same files and the same network."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

import alexnet
from benchmarks.compare import MissingPeerError, Setting, Way, compare
from benchmarks.measured import Comparison

RECIPE = alexnet.PRESETS["fast"].replace(epochs=1, test_views="centre")
"""How good the network is does not matter here; the exported network sees each image once, so ours does, too."""

MOST = 2_000
"""Files to predict, at most."""

BATCH = 64

AGREEING = 0.9
"""Fraction of the files that both must classify alike: the network is hardly trained, and we decode JPEG smaller."""


def measure(setting: Setting) -> list[Comparison]:
    """A batch at a time by all; the loop also one file at a time, as most examples have it."""
    try:
        import onnx
        import onnxruntime
        import onnxscript
    except ImportError as error:
        raise MissingPeerError(f"{error.name} is not installed") from error
    del onnx, onnxscript
    run = alexnet.train(setting.folder, RECIPE, out=setting.scratch / "predict")
    session = onnxruntime.InferenceSession(alexnet.export_onnx(run, setting.scratch / "network.onnx"))
    files = sorted(path for path in (setting.whole / "train").rglob("*") if path.is_file())[:MOST]
    out = setting.scratch / "predictions.csv"

    def ours() -> list[str]:
        out.unlink(missing_ok=True)
        alexnet.predict_many(run, files, out=out)
        with out.open(newline="") as table:
            return [row["predicted"] for row in csv.DictReader(table)]

    def theirs(batch: int) -> list[str]:
        return _plain_loop(session, run.model, files, batch, out)

    agreeing = np.mean([a == b for a, b in zip(ours(), theirs(BATCH), strict=True)])
    if agreeing < AGREEING:
        raise AssertionError(f"only {100 * agreeing:.1f} % of the predictions are the same")
    ways = {
        "ours": Way(ours, len(files)),
        f"ONNX Runtime, batches of {BATCH}": Way(lambda: theirs(BATCH), len(files)),
        "ONNX Runtime, one by one": Way(lambda: theirs(1), len(files)),
    }
    title = f"predictions of {len(files):,} files, written as CSV"
    return [compare(title, ways, repeats=setting.repeats, unit="images/s", charted=False)]


def _plain_loop(session: Any, classifier: Any, files: list[Path], batch: int, out: Path) -> list[str]:
    """Open, resize, crop, run, write: what a user would write around an exported network."""
    name, classes = session.get_inputs()[0].name, classifier.classes
    predicted = []
    with out.open("w", newline="") as table:
        rows = csv.writer(table)
        for start in range(0, len(files), batch):
            part = files[start : start + batch]
            pixels = np.stack([_read(path, classifier.preprocessing) for path in part])
            _, probabilities = session.run(None, {name: pixels})
            for path, row in zip(part, probabilities, strict=True):
                predicted.append(classes[int(row.argmax())])
                rows.writerow([path, predicted[-1], row.max()])
    return predicted


def _read(path: Path, preprocessing: Any) -> np.ndarray:
    side, size = preprocessing.decoded_size, preprocessing.size
    with Image.open(path) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
    if preprocessing.resize == "squash":
        square = upright.resize((side, side), Image.Resampling.BILINEAR)
    else:
        square = ImageOps.fit(upright, (side, side), Image.Resampling.BILINEAR)
    edge = (side - size) // 2
    return np.asarray(square)[edge : edge + size, edge : edge + size]
