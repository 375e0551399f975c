"""Odd images: planted ones come first, by appearance and by a network's features; distances are those of a loop."""

import csv
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from alexnet.audit.odd_images import _distances, odd_images
from alexnet.data.appearance import describe_appearance
from alexnet.errors import DataError
from alexnet.inspection.features import features_of
from alexnet.runs.run import Run
from alexnet.training.events import Progress
from tests.conftest import copy_images, draw_stripes

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def planted(image_folder: Path, tmp_path: Path) -> Path:
    """The drawn images, among them a page of text of class down and an image of class rings in across."""
    folder = copy_images(image_folder, tmp_path / "images")
    page = Image.new("RGB", (90, 120), "white")
    for line in range(10, 110, 9):
        ImageDraw.Draw(page).text((8, line), "alexnet studio", fill="black")
    page.save(folder / "train" / "down" / "page.png")
    draw_stripes(2, 77).save(folder / "train" / "across" / "stray.png")
    return folder


def test_planted_images_are_the_oddest_of_their_class(planted: Path, narrow_run: Run) -> None:
    plain = odd_images(planted)
    across = [each for each in plain.images if each.label == "across"]
    assert "train/across/stray.png" in [each.file for each in across[:3]]
    stray = next(each for each in across if each.file.endswith("stray.png"))
    assert (stray.nearest or "").split("/")[1] == "rings", "among all it lies with its like"
    assert (stray.nearest_in_class or "").split("/")[1] == "across"
    for result in (plain, odd_images(planted, model=narrow_run)):
        assert len(result.images) == 95
        page = result.images[0]
        assert (page.file, page.label) == ("train/down/page.png", "down"), result.by
        assert page.in_class is not None and page.in_class > 1.3 * result.usual_in_class
    assert result.by == "features of fc7"
    values = [each.in_class or 0.0 for each in result.images]
    assert values == sorted(values, reverse=True)
    far = [each.among_all or 0.0 for each in result.among_all()]
    assert far == sorted(far, reverse=True) and len(far) == 95


def test_features_of_a_short_layer_are_compared_as_they_are(planted: Path, narrow_run: Run) -> None:
    from alexnet.evaluation.predict import read_image

    result = odd_images(planted, model=narrow_run, layer="fc7")
    first = result.images[0]
    network = narrow_run.model
    files = [first.file, first.nearest_in_class or ""]
    pixels = np.stack([read_image(planted / file, network) for file in files])
    values = features_of(network, pixels, "fc7")
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    assert np.linalg.norm(values[0] - values[1]) <= (first.in_class or 0.0) + 1e-4, "the nearest is no farther"


def test_distances_are_those_of_a_loop() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(40, 7)).astype(np.float32)
    values[3] = values[4] = values[5]  # the same image three times: each is the nearest of another, never of itself
    groups = [np.arange(0, 30), np.arange(30, 33), np.array([33]), np.arange(34, 40)]
    counts: list[int] = []
    means, nearest = _distances(values, groups, counts.append)
    assert sum(counts) == 40
    for group in groups:
        for row in group:
            others = sorted(
                (float(np.linalg.norm(values[row] - values[other])), other) for other in group if other != row
            )
            if not others:
                assert np.isnan(means[row]) and nearest[row] == -1
                continue
            assert means[row] == pytest.approx(np.mean([distance for distance, _ in others[:5]]), abs=1e-5)
            assert nearest[row] == others[0][1]


def test_long_features_keep_their_distances_when_projected() -> None:
    from alexnet.audit.odd_images import _directions

    rng = np.random.default_rng(1)
    values = np.maximum(rng.normal(size=(60, 4096)), 0).astype(np.float32)
    short = _directions(values)
    unit = values / np.linalg.norm(values, axis=1, keepdims=True)
    assert short.shape == (60, 256)
    ratios = [np.linalg.norm(short[n] - short[n + 1]) / np.linalg.norm(unit[n] - unit[n + 1]) for n in range(59)]
    assert min(ratios) > 0.8 and max(ratios) < 1.2 and np.mean(ratios) == pytest.approx(1.0, abs=0.02)


def test_progress_is_told_and_an_empty_folder_refused(planted: Path, tmp_path: Path) -> None:
    told: list[Progress] = []
    odd_images(planted, on_event=told.append)  # type: ignore[arg-type]
    comparing = [event for event in told if event.what == "comparing"]
    assert (comparing[-1].done, comparing[-1].total) == (95, 95)
    (tmp_path / "none" / "a").mkdir(parents=True)
    (tmp_path / "none" / "a" / "b.png").write_bytes(b"no image")
    with pytest.raises(DataError, match="holds no usable image"):
        odd_images(tmp_path / "none")


def test_command_lists_the_oddest_and_writes_them_all(planted: Path, run_command: Command, tmp_path: Path) -> None:
    code, out, _ = run_command("data", "odd", planted, "--csv", tmp_path / "odd.csv", "--most", "3")
    assert code == 0 and out.splitlines()[1].startswith("train/down/page.png")
    assert len([line for line in out.splitlines() if "train/" in line or "test/" in line]) >= 3
    with (tmp_path / "odd.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert (len(rows), rows[0]["file"]) == (95, "train/down/page.png")
    code, out, _ = run_command("data", "odd", planted, "--all", "--json")
    values = json.loads(out)
    assert (code, values["by"], values["run"], len(values["images"])) == (0, "colors and edges", None, 95)


def test_one_image_of_a_class_has_no_distance_in_it(image_folder: Path, tmp_path: Path) -> None:
    for name, count in (("a", 1), ("b", 3)):
        (tmp_path / name).mkdir()
        for seed in range(count):
            draw_stripes(0, seed).save(tmp_path / name / f"{seed}.png")
    result = odd_images(tmp_path)
    assert [each.label for each in result.images] == ["b", "b", "b", "a"]
    alone = result.images[-1]
    assert (alone.in_class, alone.nearest_in_class) == (None, None) and alone.among_all is not None


def test_appearance_is_described_in_bounded_memory() -> None:
    """All images at once, made smaller, took 41 kB each: 200 MB here."""
    pixels = np.broadcast_to(np.arange(96, dtype=np.uint8)[None, :, None, None], (4000, 96, 96, 3))
    tracemalloc.start()
    try:
        values = describe_appearance(pixels)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert values.shape == (4000, 192)
    assert peak < 120e6


def test_appearance_does_not_depend_on_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.stack([np.asarray(draw_stripes(seed % 3, seed, size=96)) for seed in range(11)])
    whole = describe_appearance(pixels)
    monkeypatch.setattr("alexnet.data.appearance.CHUNK", 4)
    np.testing.assert_array_equal(describe_appearance(pixels), whole)


def test_figure_shows_the_oddest_images_beside_the_nearest(
    planted: Path, tmp_path: Path, run_command: Command
) -> None:
    code, out, _ = run_command("data", "odd", planted, "--most", 4, "--out", tmp_path / "odd.png")
    assert code == 0 and f"written: {tmp_path / 'odd.png'}" in out and (tmp_path / "odd.png").stat().st_size > 1000
    result = odd_images(planted)
    for every, images in ((False, result.images), (True, result.among_all())):
        drawn = [axes for axes in result.draw(4, every=every).axes if axes.images]
        assert len(drawn) == 8
        first = images[0]
        distance, nearest = (first.among_all, first.nearest) if every else (first.in_class, first.nearest_in_class)
        assert drawn[0].get_title() == f"{first.label}  {distance:.3f}"
        assert drawn[0].get_xlabel().replace("\n", "/") == first.file
        assert drawn[1].get_xlabel().replace("\n", "/") == nearest
    assert "decoded" not in result.to_dict()


def test_image_alone_in_its_class_is_drawn_alone(tmp_path: Path) -> None:
    for kind, name in enumerate(("a", "b")):
        (tmp_path / name).mkdir()
        draw_stripes(kind, 1).save(tmp_path / name / "1.png")
    drawn = [axes for axes in odd_images(tmp_path).draw().axes if axes.images]
    assert [axes.get_title() for axes in drawn] == ["a  –", "b  –"]
