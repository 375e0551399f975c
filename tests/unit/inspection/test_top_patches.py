"""Peaks and patches against loops over the images, and a unit that is set by hand to see one color."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch

from alexnet.data.cache import DecodedImages, decode_folder
from alexnet.data.decode import normalize
from alexnet.data.folder import scan_folder
from alexnet.errors import GeometryError
from alexnet.inspection import row_cache
from alexnet.inspection.features import compute_features
from alexnet.inspection.peaks import Peaks, find_peaks, find_peaks_with_features
from alexnet.inspection.receptive_field import receptive_boxes
from alexnet.inspection.recording import recorded
from alexnet.inspection.synthesis import synthesize
from alexnet.inspection.top_patches import class_fractions, make_strips
from alexnet.inspection.unit_address import UnitAddress, parse_units
from alexnet.runs.run import Run


@pytest.fixture
def images(narrow_run: Run, image_folder) -> DecodedImages:
    """The run's images, decoded as its network gets them."""
    return decode_folder(scan_folder(image_folder), narrow_run.model.preprocessing)


@pytest.mark.parametrize("layer", ["conv1", "conv4", "pool5", "fc7"])
def test_peaks_are_the_largest_outputs_and_their_places(narrow_run: Run, images: DecodedImages, layer: str) -> None:
    classifier = narrow_run.model
    names = ["conv1", "conv4"] if layer.startswith("conv") else [layer]
    peaks = find_peaks(classifier, images, names)
    with recorded(classifier.network, [layer]) as outputs:
        classifier.network(normalize(torch.from_numpy(images.pixels[:].copy()), classifier.preprocessing))
    expected = outputs[layer].flatten(2) if outputs[layer].ndim > 2 else outputs[layer][..., None]
    for number in (0, 3, expected.shape[1] - 1):
        values, places = peaks.of_unit(layer, number)
        np.testing.assert_allclose(values, expected[:, number].amax(1).numpy(), rtol=1e-4, atol=1e-5)
        at_place = np.take_along_axis(expected[:, number].numpy(), places[:, None], 1)[:, 0]
        np.testing.assert_allclose(at_place, values, rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(peaks.of_layer(layer)[:, number], values)


def test_second_call_reads_and_a_damaged_file_is_computed_again_and_said_once(
    narrow_run: Run, images: DecodedImages
) -> None:
    first = find_peaks(narrow_run.model, images, ["conv2"])
    assert first.notes == ()
    kept = np.array(first.rows)
    calls: list[int] = []
    find_peaks(narrow_run.model, images, ["conv2"], on_progress=lambda done, _: calls.append(done))
    assert calls == []
    for path in images.pixels_path.parent.glob("peaks-*.f32"):
        path.write_bytes(path.read_bytes()[:-4])
    again = find_peaks(narrow_run.model, images, ["conv2"])
    assert again.notes == (row_cache.DAMAGED,)
    np.testing.assert_array_equal(again.rows, kept)
    assert find_peaks(narrow_run.model, images, ["conv2"]).notes == ()


def test_one_pass_keeps_what_two_would(
    narrow_run: Run, images: DecodedImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    peaks, features = find_peaks(narrow_run.model, images), compute_features(narrow_run.model, images, "fc7")
    monkeypatch.setattr(row_cache, "VERSION", row_cache.VERSION + 1)  # nothing is kept yet
    calls: list[int] = []
    for _ in range(2):
        find_peaks_with_features(narrow_run.model, images, "fc7", on_progress=lambda done, _: calls.append(done))
    assert calls == [len(images.files)], "the second call finds both"
    monkeypatch.setattr("alexnet.inspection.peaks.network_input", lambda *_: pytest.fail("computed again"))
    monkeypatch.setattr("alexnet.inspection.features.network_input", lambda *_: pytest.fail("computed again"))
    np.testing.assert_array_equal(find_peaks(narrow_run.model, images).rows, peaks.rows)
    np.testing.assert_array_equal(compute_features(narrow_run.model, images, "fc7").values, features.values)


def test_strips_hold_the_images_nearest_to_each_level_once(narrow_run: Run, images: DecodedImages) -> None:
    classifier, rows = narrow_run.model, np.arange(10, len(images.files))
    peaks = find_peaks(classifier, images, ["conv3"])
    boxes = receptive_boxes(classifier.network, "conv3", classifier.preprocessing.size)
    number = int(peaks.of_layer("conv3")[rows].max(0).argmax())
    strips = make_strips(UnitAddress("conv3", number), peaks, images, rows, boxes, most=4)
    values, places = peaks.of_unit("conv3", number)
    strongest = rows[np.argsort(-values[rows], kind="stable")[:4]]
    assert [patch.file for patch in strips[0].patches] == [images.files[row].entry.name for row in strongest]
    assert [strip.level for strip in strips] == [1.0, 0.9, 0.5, 0.1]
    files = [patch.file for strip in strips for patch in strip.patches]
    assert len(files) == len(set(files)) == 16
    first = strips[0].patches[0]
    assert (first.activation, (first.row, first.column)) == (
        values[strongest[0]], divmod(int(places[strongest[0]]), len(boxes.columns)),
    )  # fmt: skip
    image = images.pixels[strongest[0]]
    rows_in, columns_in = first.inside.any(1).nonzero()[0], first.inside.any(0).nonzero()[0]
    np.testing.assert_array_equal(
        first.pixels[first.inside],
        image[np.ix_(rows_in + first.top, columns_in + first.left)].reshape(-1, 3),
    )


def test_strongest_images_of_every_unit_are_those_of_a_sort_in_little_memory(tmp_path: Path) -> None:
    """The file of 20,000 images and 2 x 96 units holds 15 MB; neither it nor one layer of it comes into memory."""
    draw, num_images, counts = np.random.default_rng(0), 20_000, (32, 64)
    file = np.memmap(tmp_path / "rows.f32", np.float32, "w+", shape=(num_images, 2 * sum(counts)))
    for start in range(0, num_images, 1000):
        file[start : start + 1000] = draw.normal(size=(1000, 2 * sum(counts)))
    peaks, rows = Peaks(("conv1", "conv2"), counts, file), np.arange(1, num_images, 2)
    tracemalloc.start()
    places, largest = peaks.strongest("conv2", rows, 100)
    memory = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert memory < 4e6 and places.shape == (100, 64)
    chosen = np.array(file[:, 64:128])[rows]
    np.testing.assert_array_equal(np.sort(places, 0), np.sort(np.argsort(-chosen, 0)[:100], 0))
    np.testing.assert_array_equal(largest, chosen.max(0))
    assert peaks.strongest("conv1", rows[:3], 100)[0].shape == (3, 32)


def test_class_fractions_are_of_the_strongest_tenth() -> None:
    values = np.arange(40.0)
    labels = ["a"] * 30 + ["b"] * 10
    first, second = class_fractions(values, labels)
    assert (first.name, first.fraction, first.fraction_of_all) == ("b", 1.0, 0.25)
    assert (second.name, second.fraction) == ("a", 0.0)


def test_unit_set_by_hand_to_see_red_is_excited_by_red(narrow_run: Run, images: DecodedImages) -> None:
    """Red less green and blue: the strongest patch is the one with the largest such difference."""
    layer = narrow_run.model.network["conv1"]
    kept = layer.weight.detach().clone(), layer.bias.detach().clone()
    try:
        with torch.no_grad():
            layer.weight[5] = torch.tensor([1.0, -0.5, -0.5])[:, None, None] / layer.weight[5, 0].numel()
            layer.bias[5] = 0.0
        peaks = find_peaks(narrow_run.model, images, ["conv1"])
        boxes = receptive_boxes(narrow_run.model.network, "conv1", narrow_run.model.preprocessing.size)
        rows = np.arange(len(images.files))
        strip = make_strips(UnitAddress("conv1", 5), peaks, images, rows, boxes, most=1)[0]
        made = synthesize(narrow_run.model, "conv1/5", num_steps=40)
    finally:
        with torch.no_grad():
            layer.weight.copy_(kept[0])
            layer.bias.copy_(kept[1])
    mean, std = (
        np.array(v, np.float32) for v in (narrow_run.model.preprocessing.mean, narrow_run.model.preprocessing.std)
    )
    redness = ((images.pixels.astype(np.float32) - mean) / std) @ np.array([1.0, -0.5, -0.5], np.float32)
    best = max(
        redness[row, a:b, c:d].sum() / (boxes.size[0] * boxes.size[1])
        for row in rows
        for a, b in boxes.read_rows
        for c, d in boxes.read_columns
    )
    assert strip.patches[0].activation == pytest.approx(best, rel=1e-3)
    assert made.activation > max(made.start, strip.patches[0].activation)
    red, green, blue = made.image.reshape(-1, 3).mean(0)
    assert red > 200 > 60 > max(green, blue)


def test_addresses_are_parsed_in_one_way() -> None:
    assert UnitAddress.parse("conv3/217") == UnitAddress("conv3", 217)
    assert str(UnitAddress.parse(" layer1.0.conv2/3 ")) == "layer1.0.conv2/3"
    assert parse_units("conv1/5, conv1/9,conv1/5") == {"conv1": [5, 9]}
    for text in ("conv3", "conv3/", "/7", "conv3/-1", "conv3/1.5", "conv3/²", ""):
        with pytest.raises(GeometryError, match="LAYER/NUMBER"):
            UnitAddress.parse(text)
