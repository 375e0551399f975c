"""The exported file under another engine (onnxruntime) against torch: numbers, structure, and what it refuses."""

import copy
import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from alexnet.errors import AlexNetError, ExportError, RunError
from alexnet.evaluation.evaluate import in_eval_mode, probabilities
from alexnet.export import export_onnx
from alexnet.layers.lrn import LocalResponseNorm
from alexnet.model.alexnet import AlexNet
from alexnet.model.checkpoint import Classifier
from alexnet.model.specs import Conv, Linear, NetworkSpec, Norm
from alexnet.model.variants import get_variant
from alexnet.records import Preprocessing
from alexnet.run_folder import RunFolder
from alexnet.runs.run import Run

SIZE = 67
CLASSES = ("ball", "post", "robot é")
PLAIN = Preprocessing(SIZE, "crop", True, "RGB", (120.0, 115.0, 100.0), (60.0, 58.0, 57.0))
BGR = replace(PLAIN, channels="BGR", mean=(104.0, 117.0, 123.0), std=(1.0, 1.0, 1.0), cut_from=76)


def narrow(spec: NetworkSpec) -> NetworkSpec:
    """The table with a quarter of the maps and few units, so that it is quick to write and to run."""
    features = tuple(
        replace(layer, out_channels=layer.out_channels // 4) if isinstance(layer, Conv) else layer
        for layer in spec.features
    )
    classifier = tuple(
        replace(layer, out_features=64) if isinstance(layer, Linear) and layer.out_features else layer
        for layer in spec.classifier
    )
    return replace(spec, features=features, classifier=classifier)


def make_trained(spec: NetworkSpec, preprocessing: Preprocessing = PLAIN, *, mean_image: bool = False) -> Classifier:
    """A network with random weights whose norms, mean image and classes all make a difference."""
    generator = torch.Generator().manual_seed(3)
    network = AlexNet(spec, size=SIZE, num_classes=len(CLASSES), mean_image=mean_image)
    with torch.no_grad():
        for parameter in network.parameters():
            wide = parameter[0].numel() if parameter.dim() > 1 else 1
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * (2 / wide) ** 0.5)
        if network.mean_image is not None:
            network.mean_image.copy_(torch.rand(3, SIZE, SIZE, generator=generator) * 2 - 1)
    return Classifier(network, CLASSES, preprocessing, views="mirror")


def strong_norms(spec: NetworkSpec, **changes: Any) -> NetworkSpec:
    """The table with norms that divide by far more than 1."""
    features = tuple(
        replace(layer, alpha=0.5, **changes) if isinstance(layer, Norm) else layer for layer in spec.features
    )
    return replace(spec, features=features)


def images(count: int) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, SIZE, SIZE, 3), dtype=np.uint8)


def run_file(path: Path, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logits and probabilities by onnxruntime."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    logits, probs = session.run(["logits", "probabilities"], {"pixels": pixels})
    return logits, probs


def by_hand(classifier: Classifier, pixels: np.ndarray) -> torch.Tensor:
    """Logits of torch from pixels normalized here anew, one channel after the other."""
    preprocessing = classifier.preprocessing
    order = [2, 1, 0] if preprocessing.channels == "BGR" else [0, 1, 2]
    planes = [
        (pixels[..., channel].astype(np.float64) - mean) / std
        for channel, mean, std in zip(order, preprocessing.mean, preprocessing.std, strict=True)
    ]
    x = torch.from_numpy(np.stack(planes, 1)).float()
    with in_eval_mode(classifier.network):
        return classifier.network(x)


def assert_equal(path: Path, classifier: Classifier, count: int) -> None:
    pixels = images(count)
    logits, probs = run_file(path, pixels)
    wanted = by_hand(classifier, pixels).numpy()
    assert logits.shape == probs.shape == (count, len(CLASSES))
    assert logits.dtype == probs.dtype == np.float32
    assert np.abs(logits - wanted).max() <= 1e-4 * np.abs(wanted).max()
    with in_eval_mode(classifier.network):
        wanted_probs = probabilities(classifier.network, torch.from_numpy(pixels), classifier.preprocessing).numpy()
    np.testing.assert_allclose(probs, wanted_probs, rtol=1e-3, atol=1e-5)


def assert_all_counts(classifier: Classifier) -> None:
    """A file without the mean image, the channel order or the norms would have been found out."""
    pixels, network = images(2), classifier.network
    wanted = by_hand(classifier, pixels)
    order = "RGB" if classifier.preprocessing.channels == "BGR" else "BGR"
    swapped = Classifier(network, CLASSES, replace(classifier.preprocessing, channels=order))
    others = [by_hand(swapped, pixels)]
    if network.mean_image is not None:
        mean_image, network.mean_image = network.mean_image, torch.zeros_like(network.mean_image)
        others.append(by_hand(classifier, pixels))
        network.mean_image = mean_image
    for norm in (module for module in network.modules() if isinstance(module, LocalResponseNorm)):
        alpha, norm.alpha = norm.alpha, 1.1 * norm.alpha
        others.append(by_hand(classifier, pixels))
        norm.alpha = alpha
    for other in others:
        assert (other - wanted).abs().max() > 1e-3 * wanted.abs().max()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "preprocessing"),
    [("paper", PLAIN), ("program", PLAIN), ("caffe", BGR), ("seminar", PLAIN), ("torchvision", PLAIN)],
)
def test_numbers_under_onnxruntime_equal_torchs(name: str, preprocessing: Preprocessing, tmp_path: Path) -> None:
    mean_image = name in ("paper", "program")
    classifier = make_trained(strong_norms(narrow(get_variant(name))), preprocessing, mean_image=mean_image)
    path = export_onnx(classifier, tmp_path / "net.onnx")
    for count in (1, 5):
        assert_equal(path, classifier, count)
    assert_all_counts(classifier)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.slow
def test_windows_of_other_sizes_are_the_same(tmp_path: Path) -> None:
    spec = strong_norms(narrow(get_variant("caffe")))
    changes: dict[str, dict[str, Any]] = {"norm1": {"size": 4, "groups": 2}, "norm2": {"size": 3, "beta": 0.6}}
    features = tuple(replace(layer, **changes.get(layer.name, {})) for layer in spec.features)
    classifier = make_trained(replace(spec, features=features))
    path = export_onnx(classifier, tmp_path / "net.onnx")
    assert_equal(path, classifier, 2)


@pytest.mark.slow
def test_file_says_what_it_is_and_nothing_of_the_machine_that_wrote_it(tmp_path: Path) -> None:
    classifier = make_trained(narrow(get_variant("caffe", towers=False)), BGR)
    path = export_onnx(classifier, tmp_path / "net.onnx")
    for word in (str(Path(torch.__file__).parent), str(Path(__file__).parents[2]), "stack_trace"):
        assert os.fsencode(word) not in path.read_bytes()
    model = onnx.load(path)
    metadata = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    assert metadata["classes"] == list(CLASSES)
    assert Preprocessing.from_dict(metadata["preprocessing"]) == BGR
    assert metadata["variant"] == "caffe"
    assert metadata["switches"] == {"towers": False}
    assert metadata["test_views"] == "mirror"
    assert next(entry.version for entry in model.opset_import if not entry.domain) >= 17
    (network_input,) = model.graph.input
    shape = [dim.dim_param or dim.dim_value for dim in network_input.type.tensor_type.shape.dim]
    assert (network_input.name, shape) == ("pixels", ["N", SIZE, SIZE, 3])
    assert network_input.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    outputs = {
        out.name: [d.dim_param or d.dim_value for d in out.type.tensor_type.shape.dim] for out in model.graph.output
    }
    assert outputs == {"logits": ["N", 3], "probabilities": ["N", 3]}


@pytest.mark.slow
def test_network_is_left_as_found_and_nothing_is_printed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier = make_trained(narrow(get_variant("program")), mean_image=True)
    network = classifier.network.train()
    network["norm1"].eval()
    next(network.parameters()).requires_grad_(False)

    def state() -> tuple[object, ...]:
        modes = [module.training for module in network.modules()]
        hooks = [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in network.modules()]
        tensors = [
            (n, t.data_ptr(), t.requires_grad, t.grad)
            for n, t in [*network.named_parameters(), *network.named_buffers()]
        ]
        flags = torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.get_rng_state().sum().item()
        return modes, hooks, tensors, flags

    before, values = state(), {name: tensor.clone() for name, tensor in network.state_dict().items()}
    path = export_onnx(classifier, tmp_path / "net.onnx")
    assert state() == before
    monkeypatch.setattr(torch.onnx, "export", _crash)
    with pytest.raises(
        ExportError, match=r"other\.onnx: not written: the export failed \(RuntimeError: crash inside\)"
    ):
        export_onnx(classifier, tmp_path / "other.onnx")
    assert state() == before
    assert all(torch.equal(values[name], tensor) for name, tensor in network.state_dict().items())
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == [path]
    assert_equal(path, classifier, 1)


def _crash(*args: object, **options: object) -> None:
    raise RuntimeError("crash inside")


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Classifier, Any]:
    """A network and what torch's exporter makes of it."""
    classifier = make_trained(narrow(get_variant("torchvision")))
    convert, programs = torch.onnx.export, []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.onnx, "export", lambda *args, **options: programs.append(convert(*args, **options)))
        with pytest.raises(ExportError):
            export_onnx(classifier, tmp_path_factory.mktemp("converted") / "net.onnx")
    return classifier, programs[0]


@pytest.fixture
def classifier(converted: tuple[Classifier, Any], monkeypatch: pytest.MonkeyPatch) -> Classifier:
    """A network that is converted in no time."""
    monkeypatch.setattr(torch.onnx, "export", lambda *args, **options: converted[1])
    return converted[0]


@pytest.mark.slow
def test_a_file_that_computes_something_else_is_not_written(classifier: Classifier, tmp_path: Path) -> None:
    classifier = copy.deepcopy(classifier)
    with torch.no_grad():
        classifier.network["fc8"].bias[1] += 1.0
    with pytest.raises(ExportError, match=r"net\.onnx: not written: onnxruntime's logits differ from torch's by"):
        export_onnx(classifier, tmp_path / "net.onnx")
    assert list(tmp_path.iterdir()) == []


def test_file_is_written_where_onnxruntime_is_missing(
    classifier: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    path = export_onnx(classifier, tmp_path / "net.onnx")
    monkeypatch.undo()
    assert_equal(path, classifier, 1)


@pytest.mark.parametrize("missing", ["onnx", "onnxscript"])
def test_missing_extra_is_named(missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ExportError) as caught:
        export_onnx(make_trained(narrow(get_variant("torchvision"))), tmp_path / "net.onnx")
    assert (
        str(caught.value) == f"{missing} is not installed; install the extra: pip install 'alexnet-workbench[onnx]'"
    )


@pytest.mark.slow
def test_run_and_its_path_are_exported_as_their_network(
    classifier: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(RunFolder(tmp_path / "run"))
    monkeypatch.setattr(Run, "model", classifier)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("{}", encoding="utf-8")
    for number, source in enumerate((run, run.path, str(run.path))):
        assert_equal(export_onnx(source, tmp_path / f"{number}.onnx"), classifier, 1)
    with pytest.raises(RunError, match="gone"):
        export_onnx(tmp_path / "gone", tmp_path / "gone.onnx")


@pytest.mark.parametrize("fault", [MemoryError(), ValueError("two\nlines"), AssertionError("x" * 999)])
def test_errors_of_other_programs_become_one_line(
    classifier: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    def fail(*args: object, **options: object) -> None:
        raise fault

    monkeypatch.setattr(onnx.checker, "check_model", fail)
    with pytest.raises(ExportError, match=f"not written: the export failed .{type(fault).__name__}") as caught:
        export_onnx(classifier, tmp_path / "net.onnx")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500
    assert list(tmp_path.iterdir()) == []


def _occupied(folder: Path) -> Path:
    (folder / "net.onnx").write_text("mine", encoding="utf-8")
    return folder / "net.onnx"


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _below_a_file(folder: Path) -> Path:
    return _occupied(folder) / "net.onnx"


@pytest.mark.parametrize(
    ("place", "message"),
    [
        (_occupied, r"net\.onnx: exists already; choose another path, or remove it$"),
        (lambda folder: _made(folder / "net.onnx"), r"exists already"),
        (lambda folder: folder / "net.pt", r"net\.pt: unknown ending; end the name in \.onnx$"),
        (_below_a_file, r"cannot be written \(.*\); check its permissions or choose another path$"),
    ],
)
def test_places_that_cannot_be_written_are_refused(
    place: Callable[[Path], Path], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.onnx, "export", _crash)  # they are refused before the work
    with pytest.raises(AlexNetError, match=message):
        export_onnx(make_trained(narrow(get_variant("torchvision"))), place(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] in ([], ["net.onnx"])


def test_full_disk_leaves_nothing(classifier: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(onnx.checker, "check_model", full)
    with pytest.raises(ExportError, match="the disk is full"):
        export_onnx(classifier, tmp_path / "net.onnx")
    assert list(tmp_path.iterdir()) == []
