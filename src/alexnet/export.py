"""A trained network as one ONNX file for other programs: pixels in, logits and probabilities out."""

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from alexnet.data.decode import normalize
from alexnet.errors import ExportError
from alexnet.evaluation.evaluate import in_eval_mode
from alexnet.files import disk_errors, write_whole
from alexnet.model.checkpoint import Classifier
from alexnet.runs.run import Model, as_classifier

__all__ = ["OPSET", "export_onnx"]

OPSET = 18
"""Version of ONNX's operators in the file."""

TOLERANCE = 1e-3
"""Largest difference between onnxruntime's outputs and torch's, as a fraction of the largest output."""

INPUT, OUTPUTS = "pixels", ("logits", "probabilities")


def export_onnx(model: Model, path: Path | str) -> Path:
    """Write a network with its preprocessing as one ONNX file, checked and tested.

    Input: `pixels`, uint8 [N, size, size, 3] RGB, decoded images, cut to their center. Outputs: `logits` and
    `probabilities`, float32 [N, K], of that one view. Channel order, normalization and mean image are part of the
    graph; the metadata has `classes`, `preprocessing`, `variant`, `switches` and `test_views`, each as JSON.

    If onnxruntime is installed, it must compute from two random images what torch computes. The network is left as
    it was.

    Args:
        model: a network, a run, or the path of a run's folder.
        path: the file to write, ending in .onnx.

    Returns:
        The file's path.

    Raises:
        ExportError: onnx or onnxscript is not installed; the path has another ending, exists, or cannot be written;
            torch cannot export the network; onnxruntime computes something else. No file is left.
        RunError: there is no such run, or it has no model yet.

    Source: the operators: https://onnx.ai/onnx/operators/.

    >>> alexnet.export_onnx("runs/first", "first.onnx").name
    'first.onnx'
    """
    path = Path(path)
    for package in ("onnx", "onnxscript"):
        _require(package)
    if path.suffix.lower() != ".onnx":
        raise ExportError(f"{path}: unknown ending; end the name in .onnx")
    step = "check its permissions or choose another path"
    with disk_errors(path, ExportError, step):
        if path.exists():
            raise ExportError(f"{path}: exists already; choose another path, or remove it")
    classifier = as_classifier(model)

    def write(beside: Path) -> None:
        beside.touch()  # fails before the work, if at all
        with _errors_named(path):
            _convert(classifier).save(beside, external_data=False)
            import_module("onnx").checker.check_model(str(beside), full_check=True)
            _compare_with_onnxruntime(beside, classifier, path)

    with disk_errors(path, ExportError, step):
        write_whole(path, write)
    return path


@contextlib.contextmanager
def _errors_named(path: Path) -> Iterator[None]:
    """Turn whatever torch's exporter or onnx raises, except errors of the disk, into one line."""
    try:
        yield
    except (ExportError, OSError):
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise ExportError(
            f"{path}: not written: the export failed ({type(error).__name__}: {reason}); "
            "try other versions of torch, onnx and onnxscript"
        ) from error


def _require(package: str) -> None:
    try:
        import_module(package)
    except ImportError as error:
        install = "install the extra: pip install 'alexnet-workbench[onnx]'"
        raise ExportError(f"{package} is not installed; {install}") from error


class _FromPixels(nn.Module):
    """A network together with its preprocessing."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.network, self.preprocessing = classifier.network, classifier.preprocessing

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and probabilities [N, K] of uint8 images [N, size, size, 3]."""
        logits = self.network(normalize(pixels, self.preprocessing)).float()
        return logits, logits.softmax(1)


def _images(classifier: Classifier) -> Tensor:
    """Two fixed random images on the network's device."""
    size = classifier.preprocessing.size
    pixels = np.random.default_rng(0).integers(0, 256, (2, size, size, 3), dtype=np.uint8)
    return torch.from_numpy(pixels).to(next(classifier.network.parameters()).device)


def _convert(classifier: Classifier) -> torch.onnx.ONNXProgram:
    """The network as a graph, without the paths of source files on this machine."""
    with in_eval_mode(classifier.network), torch.inference_mode(False), torch.no_grad(), _quiet():
        program = torch.onnx.export(
            _FromPixels(classifier),
            (_images(classifier),),
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            dynamic_shapes=({0: torch.export.Dim("N")},),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    assert program is not None
    for node in program.model.graph.all_nodes():
        node.metadata_props.clear()
    program.model.metadata_props.update(_metadata(classifier))
    return program


def _metadata(classifier: Classifier) -> dict[str, str]:
    spec = classifier.network.spec
    values = {
        "classes": classifier.classes,
        "preprocessing": classifier.preprocessing.to_dict(),
        "variant": spec.name,
        "switches": dict(spec.switches),
        "test_views": classifier.views,
    }
    return {key: json.dumps(value, ensure_ascii=False) for key, value in values.items()}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the warnings, log messages and prints of torch's exporter; exceptions pass."""
    disabled = logging.root.manager.disable
    sink = io.StringIO()
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def _compare_with_onnxruntime(file: Path, classifier: Classifier, path: Path) -> None:
    """Check that onnxruntime, if it is installed, computes what torch does; `path` is the file's later name."""
    try:
        runtime = import_module("onnxruntime")
    except ImportError:
        return
    options = runtime.SessionOptions()
    options.log_severity_level = 3  # errors
    session = runtime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    pixels = _images(classifier)
    with in_eval_mode(classifier.network):
        expected = [output.cpu().numpy() for output in _FromPixels(classifier)(pixels)]
    outputs = session.run(list(OUTPUTS), {INPUT: pixels.cpu().numpy()})
    for name, ours, theirs in zip(OUTPUTS, expected, outputs, strict=True):
        difference, largest = float(np.abs(ours - theirs).max()), float(np.abs(ours).max())
        if not difference <= TOLERANCE * largest:  # NaN fails too
            raise ExportError(
                f"{path}: not written: onnxruntime's {name} differ from torch's by {difference:.2g} "
                f"(the largest is {largest:.2g}); try another version of onnxruntime"
            )
