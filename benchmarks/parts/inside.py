"""Looking inside: features, top patches, heat maps with their test, units switched off, neighbors, and the map."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from alexnet.data.cache import DecodedImages, decode_folder
from alexnet.data.decode import center_crop, normalize, plain_preprocessing
from alexnet.data.folder import scan_folder
from alexnet.inspection.attribution import TOGETHER, attribute_all
from alexnet.inspection.faithfulness import check_maps
from alexnet.inspection.features import compute_features
from alexnet.inspection.neighbours import nearest_rows
from alexnet.inspection.network_layers import network_input
from alexnet.inspection.peaks import find_peaks
from alexnet.inspection.projection import principal_components, tsne
from alexnet.inspection.quick_passes import keeping_rounded_weights
from alexnet.inspection.recording import preserved, recorded
from alexnet.inspection.unit_removal import UnitRemoval
from alexnet.model.alexnet import AlexNet
from alexnet.model.checkpoint import Classifier
from alexnet.model.initialization import initialize
from alexnet.model.variants import VARIANTS
from alexnet.presets import PRESETS
from alexnet.records import Preprocessing
from alexnet.runs.ablate import SWEPT
from benchmarks.compare import MissingPeerError, Setting, Way, compare
from benchmarks.measured import Comparison

NUM_IMAGES = 7_000
"""Images whose features and peaks are computed, at most."""

NUM_MAPS = 100
"""Images that get a heat map."""

NUM_SWEPT, UNITS_SWEPT = 2_000, 96
"""Images and units of conv1 of the sweep."""

NUM_MAPPED = 10_000
"""Points of the map: the features, repeated with a little noise where there are fewer."""

BATCH = 256


def measure(setting: Setting) -> list[Comparison]:
    """Each task by ours, and by the plain way where there is one; both must agree within 1e-5."""
    try:
        import captum.attr
        import sklearn.decomposition
        import sklearn.neighbors
    except ImportError as error:
        raise MissingPeerError(f"{error.name} is not installed") from error
    classifier, images = _subject(setting)
    count = min(NUM_IMAGES, len(images.files))
    values = np.array(compute_features(classifier, images, "fc7").values)
    _require_equal("features", _plain_features(classifier, images, BATCH), values[:BATCH])

    def timed(title: str, ways: dict[str, Way], unit: str = "s") -> Comparison:
        return compare(title, ways, repeats=setting.repeats, slowest=5.0, unit=unit, charted=False)

    def fresh(task: Callable[[], object]) -> Callable[[], object]:
        def run() -> object:
            for path in images.pixels_path.parent.glob("*.f32"):
                path.unlink()
            return task()

        return run

    ours = {"ours, with the cache written": Way(fresh(lambda: compute_features(classifier, images, "fc7")), count)}
    plain = {"a plain loop": Way(lambda: _plain_features(classifier, images, count), count)}
    all_units = Way(fresh(lambda: find_peaks(classifier, images)), count)
    return [
        timed(f"fc7 features of {count:,} images", ours | plain, "images/s"),
        timed(
            f"peaks of all conv units of {count:,} images", {"ours, with the cache written": all_units}, "images/s"
        ),
        timed(f"Grad-CAM of {NUM_MAPS} images", _heat_maps(classifier, images, captum.attr)),
        timed(
            f"conv1 sweep, {UNITS_SWEPT} units, {min(NUM_SWEPT, count):,} images",
            {"ours": _sweep(classifier, images)},
        ),
        timed("five neighbors of 100 images", _neighbors(values, sklearn.neighbors)),
        timed("50 principal components", _components(values, sklearn.decomposition)),
        timed(f"t-SNE of {NUM_MAPPED:,} images", {"ours": Way(lambda: tsne(_many(values)))}),
    ]


def _subject(setting: Setting) -> tuple[Classifier, DecodedImages]:
    """The seminar's network with random weights, and the decoded images."""
    blank = plain_preprocessing(PRESETS["fast"])
    images = decode_folder(scan_folder(setting.whole), blank)
    network = AlexNet(VARIANTS["seminar"], size=blank.size, num_classes=len(images.folder.classes)).eval()
    initialize(network, "fan_in", seed=setting.seeds[0])
    preprocessing = Preprocessing(blank.size, blank.resize, blank.apply_exif, "RGB", (120.0,) * 3, (60.0,) * 3)
    return Classifier(network, images.folder.classes, preprocessing), images


def _require_equal(what: str, ours: np.ndarray, theirs: np.ndarray) -> None:
    apart = float(np.abs(ours - theirs).max()) / max(float(np.abs(theirs).max()), 1e-30)
    if apart > 1e-5:
        raise RuntimeError(f"{what}: ours and theirs differ by {apart:.2g} of the largest value")


def _plain_features(classifier: Classifier, images: DecodedImages, count: int) -> np.ndarray:
    """What one writes without this program: a loop with a hook."""
    network, parts = classifier.network, []
    kept: list[torch.Tensor] = []
    handle = network["relu7"].register_forward_hook(lambda _module, _inputs, output: kept.append(output.clone()))
    with torch.inference_mode():
        for start in range(0, count, BATCH):
            kept.clear()
            pixels = np.array(images.pixels[start : min(start + BATCH, count)])
            network(normalize(torch.from_numpy(pixels), classifier.preprocessing))
            parts.append(kept[0].numpy())
    handle.remove()
    return np.concatenate(parts)


def _heat_maps(classifier: Classifier, images: DecodedImages, attr: Any) -> dict[str, Way]:
    chosen = [center_crop(image, classifier.preprocessing) for image in images.pixels[:NUM_MAPS]]
    targets = [classifier.classes[0]] * len(chosen)
    network = classifier.network
    activations = [module for module in network.modules() if isinstance(module, nn.ReLU)]

    def theirs(together: int) -> list[np.ndarray]:
        for module in activations:
            module.inplace = False
        cam = attr.LayerGradCam(network, network["conv5"])
        size = classifier.preprocessing.size
        maps: list[np.ndarray] = []
        for start in range(0, len(chosen), together):
            x = network_input(classifier, chosen[start : start + together])
            heat = cam.attribute(x, target=0, relu_attributions=True)
            maps.extend(attr.LayerAttribution.interpolate(heat, (size, size), "bilinear").detach().numpy()[:, 0])
        for module in activations:
            module.inplace = True
        return maps

    def ours() -> list[np.ndarray]:
        return [heat.values for heat in attribute_all(classifier, chosen, targets)]

    def tested() -> object:
        return check_maps(classifier, attribute_all(classifier, chosen, targets))

    _require_equal("Grad-CAM", np.stack(ours()), np.stack(theirs(1)))
    return {
        "ours": Way(ours),
        f"captum, {TOGETHER} images at once": Way(lambda: theirs(TOGETHER)),
        "captum, one image at a time": Way(lambda: theirs(1)),
        "ours, each map with its test": Way(tested),
    }


def _sweep(classifier: Classifier, images: DecodedImages) -> Way:
    """Every unit of conv1 switched off in turn, as `ablate` does it."""
    network = classifier.network

    def run() -> None:
        for start in range(0, min(NUM_SWEPT, len(images.files)), SWEPT):
            with recorded(network, ["conv1"]) as kept:
                network(network_input(classifier, images.pixels[start : start + SWEPT]))
            with preserved(network), keeping_rounded_weights():
                network.eval()
                removal = UnitRemoval(network, "conv1", kept["conv1"])
                for unit in range(UNITS_SWEPT):
                    removal.classes_without(unit)

    return Way(run)


def _neighbors(values: np.ndarray, neighbors: Any) -> dict[str, Way]:
    queries = values[:100]

    def theirs() -> Any:
        return neighbors.NearestNeighbors(n_neighbors=5, algorithm="brute").fit(values).kneighbors(queries)

    ours, expected = nearest_rows(values, queries, 5), theirs()
    _require_equal("distances", ours[1][:, 1:], expected[0][:, 1:])
    return {"ours": Way(lambda: nearest_rows(values, queries, 5)), "scikit-learn": Way(theirs)}


def _components(values: np.ndarray, decomposition: Any) -> dict[str, Way]:
    return {
        "ours": Way(lambda: principal_components(values, 50)),
        "scikit-learn": Way(lambda: decomposition.PCA(50, random_state=0).fit_transform(values)),
    }


def _many(values: np.ndarray) -> np.ndarray:
    """`NUM_MAPPED` rows."""
    rows = np.resize(np.arange(len(values)), NUM_MAPPED)
    noise = np.random.default_rng(0).normal(0.0, 0.01 * float(values.std()), (NUM_MAPPED, values.shape[1]))
    return np.asarray(values[rows] + noise, np.float32)
