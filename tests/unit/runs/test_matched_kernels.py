"""Kernels of two runs, matched: as values, as words, on a page, and in the order of the other's sheet."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from alexnet.model.alexnet import AlexNet
from alexnet.model.checkpoint import Classifier
from alexnet.report.page import write_comparison
from alexnet.run_folder import RunFolder
from alexnet.runs.matched_kernels import match_first_layers
from alexnet.runs.run import Run, open_run
from alexnet.studio.compare_routes import _placed
from tests.conftest import copy_linked


def changed(run: Run, path: Path, change: Callable[[torch.Tensor], torch.Tensor]) -> Run:
    """A copy of a run with other kernels in its first layer."""
    folder, model = RunFolder(copy_linked(run.path, path)), open_run(run.path).model
    spec = model.network.spec
    first, *rest = spec.features
    weight = change(model.network["conv1"].weight.detach().clone())  # type: ignore[operator,union-attr]
    spec = replace(spec, features=(replace(first, kernel_size=weight.shape[-1], out_channels=len(weight)), *rest))
    network = AlexNet(spec, size=model.preprocessing.size, num_classes=len(model.classes))
    network["conv1"].weight.data = weight  # type: ignore[union-attr]
    opened = open_run(folder.path)
    opened.__dict__["model"] = Classifier(network, model.classes, model.preprocessing)
    return opened


def test_shuffled_kernels_are_found_again(narrow_run: Run, tmp_path: Path) -> None:
    order = torch.from_numpy(np.random.default_rng(0).permutation(24))
    shuffled = changed(narrow_run, tmp_path / "run", lambda weight: 2 * weight[order])
    matched = match_first_layers(narrow_run, shuffled)
    assert all(int(order[pair.second]) == pair.first for pair in matched.pairs)
    assert matched.median == pytest.approx(1.0, abs=1e-5)
    assert "24 pairs of kernels, median correlation 1.00" in str(matched)
    kernels = shuffled.model.network["conv1"].weight.detach().numpy()  # type: ignore[operator,union-attr]
    own = narrow_run.model.network["conv1"].weight.detach().numpy()  # type: ignore[operator,union-attr]
    np.testing.assert_allclose(_placed(kernels, matched.pairs, 24), 2 * own, rtol=1e-6)


def test_kernels_that_have_no_partner_come_last() -> None:
    from alexnet.inspection.kernel_pairs import KernelPair

    kernels = np.arange(1.0, 4.0).reshape(3, 1, 1, 1)
    pairs = [KernelPair(4, 2, 0.9), KernelPair(0, 1, 0.5)]
    assert _placed(kernels, pairs, 5).ravel().tolist() == [2, 0, 0, 0, 3, 1]
    assert _placed(kernels, [], 5) is kernels


def test_kernels_of_other_shapes_and_values_that_are_not_finite_are_noted(narrow_run: Run, tmp_path: Path) -> None:
    smaller = changed(narrow_run, tmp_path / "small", lambda weight: weight[..., :7, :7])
    matched = match_first_layers(narrow_run, smaller)
    assert (matched.median, matched.pairs) == (None, ())
    assert str(matched).endswith("kernels of 3 x 11 x 11 and of 3 x 7 x 7 cannot be compared")
    broken = changed(narrow_run, tmp_path / "broken", lambda weight: weight * torch.nan)
    assert "weights that are not finite cannot be compared" in match_first_layers(narrow_run, broken).note
    page = write_comparison([narrow_run, smaller], tmp_path / "c.html").read_text(encoding="utf-8")
    assert "kernels of 3 x 11 x 11 and of 3 x 7 x 7 cannot be compared." in page


def test_compare_prints_and_lists_the_pairs(
    run_command: Callable[..., tuple], narrow_run: Run, tmp_path: Path
) -> None:
    words = ("compare", narrow_run.path, narrow_run.path, narrow_run.path, "-o", tmp_path / "c.html", "--json")
    code, out, err = run_command(*words)
    assert code == 0, err
    both = json.loads(out)["kernel_pairs"]
    assert [each["runs"] for each in both] == [[str(narrow_run.path)] * 2] * 2
    assert both[0]["median"] == pytest.approx(1.0, abs=1e-5)
    assert set(both[0]["pairs"][0]) == {"first", "second", "correlation"}
    assert err.count("24 pairs of kernels, median correlation 1.00") == 2
    assert "24 pairs of kernels, median correlation 1.00." in (tmp_path / "c.html").read_text(encoding="utf-8")
