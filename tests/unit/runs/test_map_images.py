"""The map of a run's images: places, predictions, neighbors."""

import csv
import shutil
from collections import Counter

import numpy as np
import pytest

from alexnet.errors import GeometryError, RecipeError
from alexnet.figures.canvas import save_figure
from alexnet.inspection.neighbours import nearest_rows
from alexnet.report.map_page import map_data
from alexnet.runs.map_images import map_images, nearest_of_all
from alexnet.runs.run import Run
from tests.conftest import copy_images


def test_predicted_classes_are_those_of_predict(narrow_run: Run, image_folder) -> None:
    from_features = map_images(narrow_run, layer="fc7", method="pca")
    from_logits = map_images(narrow_run, layer="conv5", method="pca")
    assert from_features.predicted == from_logits.predicted
    expected = narrow_run.predict([image_folder / name for name in from_features.files])
    views = narrow_run.model.views
    if views == "centre":
        assert from_features.predicted == tuple(each.predicted for each in expected)
    same = np.mean([a == b.predicted for a, b in zip(from_features.predicted, expected, strict=True)])
    assert same > 0.8
    values = from_features.to_dict()
    assert values["num_mistakes"] == sum(each["label"] != each["predicted"] for each in values["images"])


def test_table_has_the_set_and_place_of_every_image(narrow_run: Run, image_folder, tmp_path) -> None:
    result = map_images(narrow_run, method="pca")
    with result.save_csv(tmp_path / "map.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["file"], row["true"]) for row in rows] == list(zip(result.files, result.labels, strict=True))
    assert np.array([(row["x"], row["y"]) for row in rows], float) == pytest.approx(result.places)
    tested = {prediction.file for prediction in narrow_run.predictions}
    assert {row["file"] for row in rows if row["set"] == "test"} == tested
    counts = Counter(row["set"] for row in rows)
    assert counts == Counter({name: num for name, num in narrow_run.about.data.images.items() if num})
    copy_images(image_folder, tmp_path / "others")
    (tmp_path / "others" / narrow_run.predictions[0].file).unlink()
    assert set(map_images(narrow_run, method="pca", data=tmp_path / "others").sets) == {""}, "not the run's images"


def test_every_image_has_its_nearest_others() -> None:
    values = np.random.default_rng(0).normal(size=(1500, 6)).astype(np.float32)
    near = nearest_of_all(values, 4)
    for row in (0, 1023, 1024, 1499):
        expected = [other for other in nearest_rows(values, values[row : row + 1], 5)[0][0].tolist() if other != row]
        assert near[row].tolist() == expected[:4]


def test_method_left_open_is_pca_where_scikit_learn_is_missing(narrow_run: Run, monkeypatch) -> None:
    monkeypatch.setattr("alexnet.runs.map_images.find_spec", lambda name: None)
    result = map_images(narrow_run)
    assert result.method == "pca"
    assert "t-SNE" in result.notes[0] and "pip install" in result.notes[0]
    monkeypatch.undo()
    assert map_images(narrow_run).method == "tsne"


def test_map_is_drawn_and_what_is_unknown_refused(narrow_run: Run, tmp_path) -> None:
    result = map_images(narrow_run, method="tsne")
    assert result.explained is None
    assert save_figure(result.draw(), tmp_path / "map.svg").stat().st_size > 5000
    with pytest.raises(RecipeError, match="method umap: choose one of tsne, pca"):
        map_images(narrow_run, method="umap")
    with pytest.raises(GeometryError, match="choose one of conv1"):
        map_images(narrow_run, layer="fc9", method="pca")


def test_images_of_classes_that_the_network_does_not_know_are_no_mistakes(
    narrow_run: Run, image_folder, tmp_path
) -> None:
    for name in ("down", "rings"):
        shutil.copytree(image_folder / "test" / name, tmp_path / "some" / name)
    shutil.copytree(image_folder / "test" / "across", tmp_path / "some" / "waves")
    some = map_images(narrow_run, method="pca", data=tmp_path / "some")
    assert some.num_unknown == 7
    known = [pair for pair in zip(some.labels, some.predicted, strict=True) if pair[0] != "waves"]
    assert some.num_mistakes == sum(label != predicted for label, predicted in known)
    assert "of the 14 that are of a class that the network knows" in some.title
    data = map_data([some])
    assert [data["classes"][number] for number in data["unknown"]] == ["waves"]
    shutil.rmtree(tmp_path / "some" / "down")
    shutil.rmtree(tmp_path / "some" / "rings")
    none = map_images(narrow_run, method="pca", data=tmp_path / "some")
    assert (none.num_unknown, none.num_mistakes) == (7, 0)
    assert none.title.endswith("none is of a class that the network knows")
    labels = [text.get_text() for axes in none.draw().axes for text in axes.get_legend().get_texts()]
    assert "classified wrongly" not in labels
