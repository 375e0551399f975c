"""What the studio answers about a finished run: the numbers are those of the library, bad requests are one line."""

import csv
import io
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image

import alexnet
from alexnet.audit.retrained import Retrained, RetrainedImage, keep_retrained
from alexnet.csv_files import parse_predictions
from alexnet.evaluation.paired import compare_predictions
from alexnet.evaluation.reviewed import review
from alexnet.run_folder import RunFolder
from alexnet.runs.run import Run
from alexnet.studio.jobs import Job
from alexnet.studio.run_files import as_file
from alexnet.studio.run_tables import TABLES
from alexnet.studio.shell_path import shell_path
from tests.conftest import copy_linked, draw_stripes, encode
from tests.studio_server import Studio, served


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, narrow_run: Run, image_folder: Path) -> Iterator[Studio]:
    """Two runs and an unfinished one, with images of their own, whose corrections may be written."""
    root = tmp_path_factory.mktemp("looking")
    images = Path(shutil.copytree(image_folder, root / "images"))
    for name in ("first", "second", "open"):
        run = RunFolder(copy_linked(narrow_run.path, root / "runs" / name))
        status = "running" if name == "open" else "finished"
        run.write_about(replace(run.about, status=status, data=replace(run.about.data, path=str(images))))
    with served([root]) as running:
        yield running


@pytest.fixture(scope="module")
def run(studio: Studio) -> Run:
    return alexnet.open_run(studio.workspace.run("first").path)


def test_scores_and_layers(studio: Studio, run: Run) -> None:
    values = studio.ask("/api/runs/first").values
    assert values["evaluation"]["top1_interval"] == list(run.evaluation.top1_interval)
    assert values["layers"]["conv1"] == 24 and values["layers"]["fc7"] == 128
    assert "is not finished" in studio.ask("/api/runs/open").error
    assert studio.ask("/api/runs/none").status == 404


def test_mistakes_with_details_and_decisions(studio: Studio, run: Run) -> None:
    values = studio.ask("/api/runs/first/mistakes").values
    mistakes = run.mistakes()
    assert [item["file"] for item in values["items"]] == [p.file for p in mistakes]
    number = values["items"][0]["number"]
    (expected,) = alexnet.explain_mistakes(run, [mistakes[0].file]).details
    detail = studio.ask(f"/api/runs/first/mistakes/{number}").values
    assert detail["probabilities"] == pytest.approx(expected.probabilities, abs=1e-4)
    near = studio.ask(f"/api/runs/first/mistakes/{number}?near=1").values
    assert near["heat"]["verdict"] == str(expected.test)
    assert [one["file"] for one in near["neighbors"]] == [one.file for one in expected.neighbours]
    image = studio.ask(f"/api/runs/first/mistakes/{number}/image")
    assert image.body.startswith(b"\xff\xd8") and image.headers["cache-control"] == "private, no-cache"
    known = {"If-None-Match": image.headers["etag"]}
    assert studio.ask(f"/api/runs/first/mistakes/{number}/image", headers=known).status == 304
    assert studio.ask(f"/api/runs/first/mistakes/{number - 1}/image", headers=known).status == 200
    assert studio.ask("/api/runs/first/mistakes/9999").error == "there is no such test image"
    decision = {"file": mistakes[0].file, "action": "relabel", "to": "rings"}
    assert studio.post("/api/runs/first/corrections", decision).values["corrections"] == {
        mistakes[0].file: {"action": "relabel", "to": "rings"}
    }
    path = alexnet.corrections_path(run.about.data.path)
    assert alexnet.read_corrections(path)[0].decision == ("relabel", "rings")
    undone = studio.post("/api/runs/first/corrections", {"file": mistakes[0].file, "action": "undo"})
    assert undone.values["corrections"] == {}
    for bad in ({"file": "../../run.json", "action": "exclude"}, {"file": mistakes[0].file, "action": "nonsense"}):
        assert studio.post("/api/runs/first/corrections", bad).status == 400
    path.unlink()


def test_unit_page_has_the_patches_of_the_library(studio: Studio, run: Run) -> None:
    values = studio.ask("/api/runs/first/units/conv2/5").values
    view = alexnet.unit(run, "conv2/5")
    assert [p["file"] for p in values["strips"][0]["patches"]] == [p.file for p in view.strips[0].patches]
    assert values["maximum"] == view.maximum
    assert "has units 0 to 47" in studio.ask("/api/runs/first/units/conv2/48").error
    assert len(studio.ask("/api/runs/first/kernels").values["kernels"]) == 24


def test_inside_shows_the_numbers_of_the_network(studio: Studio, run: Run) -> None:
    file = run.predictions[0].file
    path = Path(run.about.data.path) / file
    values = studio.ask(f"/api/runs/first/inside?image={quote(file)}").values
    view = alexnet.inside(run, path)
    assert values["probabilities"] == pytest.approx(list(view.path.probabilities), abs=1e-6)
    assert values["layers"][0]["maps"][0]["number"] == view.path.stages[0].maps[0].address.number
    maximum = view.path.stages[0].maps[0].maximum
    assert values["layers"][0]["maps"][0]["maximum"] == pytest.approx(maximum, abs=1e-5)
    cell = studio.ask(f"/api/runs/first/inside/conv1/cell?image={quote(file)}&map=3&row=4&column=5").values
    step = alexnet.trace_layer(run, path, "conv1", map=3, row=4, column=5)
    assert cell["step"]["value"] == pytest.approx(step.value)
    np.testing.assert_allclose(cell["step"]["products"], step.products)
    relu, *others = cell["after"]
    assert relu["value"] == pytest.approx(max(0.0, step.layer_value), abs=1e-6)
    for each in others:
        row, column = each["place"]
        assert each["value"] == pytest.approx(
            alexnet.trace_layer(run, path, each["layer"], map=3, row=row, column=column).layer_value
        )
    pooled = others[-1]
    assert pooled["kind"] == "max pooling"
    window = alexnet.trace_layer(run, path, pooled["layer"], map=3, row=pooled["place"][0], column=pooled["place"][1])
    assert 0 <= 4 - window.corner[0] < window.patch.shape[1] and 0 <= 5 - window.corner[1] < window.patch.shape[2]
    one = studio.ask(f"/api/runs/first/inside?image={quote(file)}&units=conv3/7,conv3/2").values["layers"]
    (kept,) = (each["maps"] for each in one if each["layer"] == "conv3")
    after = alexnet.feature_maps(run, path, "conv3").after
    assert [each["number"] for each in kept] == [7, 2]
    assert [each["maximum"] for each in kept] == pytest.approx([after[7].max(), after[2].max()], abs=1e-5)
    assert "has units 0 to" in studio.ask(f"/api/runs/first/inside?image={quote(file)}&units=conv3/999").error


def test_covering_everything_is_the_mean_color_and_nothing_the_image(studio: Studio, run: Run) -> None:
    file, other = (quote(run.predictions[place].file) for place in (0, 20))
    values = studio.ask(f"/api/runs/first/inside?image={file}").values
    nothing = studio.ask(f"/api/runs/first/inside?image={file}&cells=").values
    assert nothing == values
    every = ",".join(map(str, range(576)))
    whole = [studio.ask(f"/api/runs/first/inside?image={name}&cells={every}").values for name in (file, other)]
    assert whole[0]["probabilities"] == pytest.approx(whole[1]["probabilities"], abs=1e-6)
    assert whole[0]["probabilities"] != pytest.approx(values["probabilities"], abs=1e-6)
    assert whole[0]["layers"] == whole[1]["layers"], "the maps are those of the covered image"
    for bad in ("576", "a", "1,,2", "-1", "1.5", "99999"):
        assert "cells: numbers from 0 to 575" in studio.ask(f"/api/runs/first/inside?image={file}&cells={bad}").error


@pytest.mark.parametrize("name", ["turn", "shift-x", "shift-y", "scale", "brightness", "saturation", "hue"])
def test_a_changed_image_has_the_probabilities_of_edit(studio: Studio, run: Run, name: str) -> None:
    file = run.predictions[0].file
    (curve,) = alexnet.edit(run, Path(run.about.data.path) / file, name).curves
    for place in (0, 3, len(curve.amounts) - 1):
        values = studio.ask(f"/api/runs/first/inside?image={quote(file)}&{name}={curve.amounts[place]}").values
        assert values["probabilities"] == pytest.approx(curve.probabilities[place], abs=1e-5)


def test_the_units_that_read_a_unit_are_those_of_the_library(studio: Studio, run: Run) -> None:
    from alexnet.evaluation.predict import read_image
    from alexnet.inspection.image_changes import change_image, mean_color
    from alexnet.inspection.next_units import next_units

    file = run.predictions[0].file
    fill = mean_color(run.model.preprocessing)
    pixels = change_image(read_image(Path(run.about.data.path) / file, run.model), "turn", 90.0, fill=fill)
    expected = next_units(run.model, "conv1/3", pixels)
    values = studio.ask(f"/api/runs/first/next/conv1/3?image={quote(file)}&turn=90").values
    assert values["layer"] == "conv2" and values["num_units"] == 48
    assert [each["number"] for each in values["by_weight"]] == [each.unit.number for each in expected.by_weight]
    for each, own in zip(values["by_contribution"], expected.by_contribution, strict=True):
        assert (each["number"], tuple(each["place"])) == (own.unit.number, own.place)
        assert each["contribution"] == pytest.approx(own.contribution, rel=1e-4)
    without = studio.ask("/api/runs/first/next/fc7/3").values
    assert without["by_contribution"] == [] and without["by_weight"][0]["class"] in run.about.classes
    assert studio.ask("/api/runs/first/next/fc8/0").values == {"layer": None}


def test_changes_are_offered_with_their_range_and_refused_outside_it(studio: Studio, run: Run) -> None:
    offered = {one["name"]: one for one in studio.ask("/api/image-changes").values["changes"]}
    assert {"cover", "crop"}.isdisjoint(offered)
    assert (offered["turn"]["least"], offered["turn"]["most"]) == (-180.0, 180.0)
    path = f"/api/runs/first/inside?image={quote(run.predictions[0].file)}"
    for bad, words in {
        "turn=a": "turn = a: write a number",
        "scale=9": "choose 0.2 to 3 times",
        "hue=nan": "choose",
    }.items():
        assert words in studio.ask(f"{path}&{bad}").error


def test_a_cell_is_that_of_the_changed_and_covered_image(studio: Studio, run: Run) -> None:
    from alexnet.evaluation.predict import read_image
    from alexnet.inspection.image_changes import apply_changes, mean_color

    file = run.predictions[0].file
    fill = mean_color(run.model.preprocessing)
    pixels = apply_changes(read_image(Path(run.about.data.path) / file, run.model), {"turn": 90.0}, fill=fill)
    pixels, cell = pixels.copy(), np.arange(len(pixels)) * 24 // len(pixels)
    pixels[np.ix_(cell == 0, cell == 2)] = fill
    expected = alexnet.trace_layer(run, pixels, "conv1", map=3, row=0, column=1)
    query = f"image={quote(file)}&turn=90&cells=2&map=3&row=0&column=1"
    step = studio.ask(f"/api/runs/first/inside/conv1/cell?{query}").values["step"]
    assert step["value"] == pytest.approx(expected.value)
    np.testing.assert_allclose(step["patch"], expected.patch)


def test_cells_of_one_image_are_traced_from_one_pass(
    studio: Studio, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alexnet.model.alexnet import AlexNet

    passes: list[int] = []
    forward = AlexNet.forward
    monkeypatch.setattr(AlexNet, "forward", lambda self, x: passes.append(len(x)) or forward(self, x))
    file, other = (quote(run.predictions[place].file) for place in (1, 2))
    for place in range(3):
        studio.ask(f"/api/runs/first/inside/conv2/cell?image={file}&map={place}&row=1&column={place}")
    assert len(passes) <= 2, "one for the image, one for the receptive fields of the layer"
    passes.clear()
    first = studio.ask(f"/api/runs/first/inside/conv2/cell?image={other}&map=0&row=1&column=0").values
    assert passes == [1], "another image is looked at anew"
    step = alexnet.trace_layer(
        run, Path(run.about.data.path) / run.predictions[2].file, "conv2", map=0, row=1, column=0
    )
    assert first["step"]["value"] == pytest.approx(step.value)


def test_a_frame_of_the_camera_is_the_image_of_the_same_bytes(studio: Studio, run: Run) -> None:
    own = {"Origin": f"http://{studio.host}", "Sec-Fetch-Site": "same-origin"}
    path, data = "/api/runs/first/inside/frame?turn=20", encode(draw_stripes(0, 1))
    frame = studio.ask(path, method="POST", body=data, headers=own).values
    sent = studio.ask("/api/images", method="POST", body=data, headers=own).values["image"]
    assert frame == studio.ask(f"/api/runs/first/inside?image={quote(sent)}&turn=20").values
    assert "the frame: cannot be used" in studio.ask(path, method="POST", body=b"no image", headers=own).error


def test_an_image_that_is_sent_is_looked_at_and_other_bytes_are_refused(studio: Studio) -> None:
    own = {"Origin": f"http://{studio.host}", "Sec-Fetch-Site": "same-origin"}
    sent = studio.ask("/api/images", method="POST", body=encode(draw_stripes(0, 1)), headers=own).values["image"]
    assert len(studio.ask(f"/api/runs/first/inside?image={quote(sent)}").values["layers"]) > 5
    bad = studio.ask("/api/images", method="POST", body=b"no image", headers=own).values["image"]
    assert "cannot be used" in studio.ask(f"/api/runs/first/inside?image={quote(bad)}").error
    assert studio.ask("/api/images", method="POST", body=b"x" * 20_000_001, headers=own).status == 413
    assert (
        studio.ask("/api/images", method="POST", body=b"x", headers=own | {"Origin": "http://evil.test"}).status
        == 403
    )
    for name in ("../runs/first/run.json", "/etc/passwd", "sent:0", ""):
        assert studio.ask(f"/api/runs/first/inside?image={quote(name)}").status == 404
    for query in ("map=a&row=0&column=0", "map=99&row=0&column=0", "row=0&column=0", "map=-1&row=0&column=0"):
        path = f"/api/runs/first/inside/conv1/cell?image={quote(sent)}&{query}"
        assert studio.ask(path).status == 400


def test_lab_and_comparison(studio: Studio, run: Run) -> None:
    values = studio.ask("/api/lab?run=first").values
    learned = [kernel for kernel in values["kernels"] if kernel["name"] == "conv1/3"]
    np.testing.assert_allclose(learned[0]["rows"], alexnet.kernels(run).weights[3].mean(0), atol=1e-4)
    compared = studio.ask("/api/compare?run=first&run=second").values
    assert compared["differences"][0]["num_fixed"] == 0
    assert compared["epochs"][0][-1]["epoch"] == 2
    assert json.dumps(compared).count("NaN") == 0
    (matched,) = compared["kernel_pairs"]
    assert matched["median"] == pytest.approx(1.0, abs=1e-5)
    assert len(matched["pairs"]) == len(alexnet.kernels(run).weights)
    assert "choose two or three" in studio.ask("/api/compare?run=first").error


def test_figures_and_map_are_drawn_on_request(studio: Studio, run: Run) -> None:
    for name in ("calibration", "confusion", "kernel-change", "map", "orientations"):
        assert studio.ask(f"/api/runs/first/figures/{name}").body.startswith(b"\x89PNG"), name
    light, dark = (studio.ask(f"/api/runs/first/figures/curves?theme={theme}").body for theme in ("", "dark"))
    means = [np.asarray(Image.open(io.BytesIO(each)).convert("L")).mean() for each in (light, dark)]
    assert means[0] > 200 and means[1] < 80
    assert studio.ask("/api/runs/first/figures/nothing").status == 404
    svg = studio.ask("/api/runs/first/figures/curves?format=svg&download=1")
    assert svg.body.startswith(b"<svg") and svg.headers["content-type"] == "image/svg+xml"
    assert svg.headers["content-disposition"].startswith('attachment; filename="first-curves.svg"')
    assert "content-disposition" not in studio.ask("/api/runs/first/figures/kernels").headers
    assert studio.ask("/api/runs/first/figures/curves?format=exe").status == 404
    values = studio.ask("/api/runs/first/map").values
    assert len(values["files"]) == len(values["views"][0]["points"]) == 93
    assert values["title"] == alexnet.map_images(run, method="pca").title


def test_tables_are_those_of_the_library(studio: Studio, run: Run) -> None:
    wrong = run.mistakes()
    decision = {"file": wrong[0].file, "action": "relabel", "to": "rings"}
    studio.post("/api/runs/first/corrections", decision)
    answers = {name: studio.ask(f"/api/runs/first/tables/{name}") for name in TABLES}
    alexnet.corrections_path(run.about.data.path).unlink()
    for name, answer in answers.items():
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert f'filename="first-{name}.csv"' in answer.headers["content-disposition"]
    rows = {name: list(csv.DictReader(io.StringIO(answer.body.decode()))) for name, answer in answers.items()}
    assert [row["file"] for row in rows["mistakes"]] == [each.file for each in wrong]
    assert [float(row["margin"]) for row in rows["mistakes"]] == [each.margin for each in wrong]
    assert [(row["decision"], row["to"]) for row in rows["mistakes"]][:2] == [("relabel", "rings"), ("", "")]
    assert parse_predictions(answers["predictions"].body.decode()) == run.predictions
    counts = [[int(row[f"predicted {name}"]) for name in run.about.classes] for row in rows["confusion"]]
    assert counts == [list(row) for row in run.evaluation.confusion]
    assert [float(row["recall"]) for row in rows["classes"]] == [each.recall for each in run.evaluation.per_class]
    assert [float(row["test_top1_error"] or "nan") for row in rows["epochs"]] == pytest.approx(
        [each.test_top1_error or float("nan") for each in run.folder.epochs], nan_ok=True
    )
    report = alexnet.calibrate(run)
    bins = [*report.before.bins, *(report.after.bins if report.after else ())]
    assert [float(row["accuracy"]) for row in rows["calibration"]] == [each.accuracy for each in bins]
    weights = alexnet.kernels(run).weights
    assert [float(row["weight"]) for row in rows["kernels"]] == weights.astype(float).ravel().tolist()
    structures = alexnet.kernel_history(run).structure()[-1]
    assert [float(row["structure"]) for row in rows["kernel-change"]] == structures.tolist()
    assert [row["kind"] for row in rows["kernel-fits"]] == [each.kind for each in alexnet.kernel_statistics(run).fits]
    assert "choose one of mistakes" in studio.ask("/api/runs/first/tables/none").error


def kept_comparison(before: Run, after: RunFolder) -> Retrained:
    """As a retraining keeps it in the new run: one image fixed by the corrections, one broken."""
    wrong, right = before.mistakes()[0], next(each for each in before.predictions if not each.is_mistake)
    other = str(wrong.true)
    images = (
        RetrainedImage(wrong.file, other, "", wrong.predicted, wrong.predicted, other),
        RetrainedImage(right.file, str(right.true), "", right.predicted, right.predicted, "another"),
        *(RetrainedImage(each.file, str(each.true), "", each.predicted, each.predicted, each.predicted)
          for each in before.predictions if each.file not in (wrong.file, right.file)),
    )  # fmt: skip
    difference = compare_predictions(before.predictions, before.predictions)
    score = review(before.predictions, [], {})
    paths = str(before.path), str(after.path)
    return Retrained(*paths, False, 3, 2, difference, difference, score, score, score, images, 4.0)


def test_what_corrections_changed_is_told_by_the_new_run_itself(
    studio: Studio, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In any tab and after the log of its process is gone; the run before knows the last one made of it."""
    after = studio.workspace.run("second")
    jobs, words = studio.workspace.jobs, ("retrain", str(run.path), "--corrections", "c.csv", "--out", "x", "--json")
    monkeypatch.setattr(jobs, "known", lambda: [Job(str(after.path), words, 0, "")])
    monkeypatch.setattr(jobs, "of", lambda path: None)
    assert "was not trained again" in studio.ask("/api/runs/second/retrained").error
    assert studio.ask("/api/runs/first/retraining").values["last"] is None, "it failed, or was deleted"
    assert studio.ask("/api/runs/second").values["is_retrained"] is False
    result = kept_comparison(run, after)
    keep_retrained(after, result)
    try:
        told = studio.ask("/api/runs/second/retrained").values
        assert studio.ask("/api/runs/second").values["is_retrained"] is True
        assert studio.ask("/api/runs/first/retraining").values["last"] == "second"
        cards = {run["name"]: run.get("is_retrained") for run in studio.ask("/api/here").values["runs"]}
        assert [name for name, is_retrained in cards.items() if is_retrained] == ["second"]
        assert studio.ask("/api/runs/second/retraining").values["last"] is None
        names = [each["name"] for each in studio.ask("/api/folders/images/retraining").values["runs"]]
        assert names == ["first", "second"], "what comes from a retraining is no first choice"
    finally:
        (after.path / "retrained.json").unlink()
    assert (told["job"]["is_alive"], told["before"], told["is_listed"], told["is_whole"]) == (
        False,
        "first",
        True,
        False,
    )
    assert told["result"]["fixed"] == list(result.fixed) and "images" not in told["result"]
    assert [image["change"] for image in told["images"]] == ["fixed", "broken"]
    for image in told["images"]:
        assert after.predictions[image["number"]].file == image["file"]


def test_how_long_a_retraining_takes_is_told_from_the_records_of_the_run(studio: Studio, run: Run) -> None:
    (told,) = studio.ask("/api/runs/first/retraining").values["runs"]
    images, speed = run.about.data.images, median(epoch.images_per_second for epoch in run.folder.epochs)
    assert told["whole_seconds"] == run.about.seconds
    assert told["seconds"] - (sum(images.values()) + 4 * images["test"]) / speed == pytest.approx(8)


def test_the_name_of_a_file_is_no_header_and_no_path() -> None:
    answer = as_file("", '../é"\r\nx-y: 1-curves.svg')
    name = answer.headers["content-disposition"]
    assert name == (
        "attachment; filename=\"____r_nx-y_ 1-curves.svg\"; filename*=UTF-8''_%C3%A9__r_nx-y_%201-curves.svg"
    )


def test_paths_of_commands_work_where_the_studio_was_started(
    studio: Studio, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    root = run.path.parent.parent
    expected = {root: "runs/first", run.path: ".", tmp_path: str(run.path)}
    for folder, words in expected.items():
        monkeypatch.chdir(folder)
        assert studio.ask("/api/runs/first").values["shell_path"] == words
    assert studio.ask("/api/runs/first/units/conv2/5").values["shell_path"] == str(run.path)
    monkeypatch.chdir(root)
    assert studio.ask("/api/runs/first").values["corrections"] == "images/corrections.csv"
    assert shell_path(root / "my run") == "'my run'"
    assert shell_path(root / "-x") == "./-x"
