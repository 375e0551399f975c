"""Evaluating finished runs: on which images, alone, averaged or in other views, and what is refused."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from alexnet.data.cache import DecodedImages, decode_folder
from alexnet.data.corrections import apply_corrections, correct
from alexnet.data.decode import decode_image, normalize, plain_preprocessing
from alexnet.data.folder import scan_folder
from alexnet.data.split import Split, split_images
from alexnet.errors import AlexNetError, DataError, RecipeError, RunError, WeightsError
from alexnet.model.alexnet import AlexNet
from alexnet.model.checkpoint import Classifier, load_network, save_network
from alexnet.model.initialization import initialize
from alexnet.model.variants import VARIANTS
from alexnet.records import ImageSetInfo, Preprocessing, RunInfo, wilson_interval
from alexnet.run_folder import SCHEMA, RunFolder
from alexnet.runs.evaluate_runs import compare_views, evaluate, evaluate_ensemble
from alexnet.runs.run import Run
from alexnet.training.train import train
from tests.conftest import CLASSES, draw_stripes, small_recipe, write_images


def decode(run: Run) -> DecodedImages:
    folder = scan_folder(run.about.data.path)
    return decode_folder(folder, plain_preprocessing(run.recipe))


def split(run: Run, *, seed: int | None = None) -> Split:
    recipe = run.recipe
    return split_images(
        decode(run),
        test_fraction=recipe.test_fraction,
        validation_fraction=recipe.validation_fraction,
        seed=recipe.seed if seed is None else seed,
    )


def make_run(path: Path, data: Path, **settings: object) -> Run:
    """A finished run of a network that learned nothing: weights as initialized by its seed."""
    recipe = small_recipe(
        **{"start_size": None, "crop_scale": 1.0, "crop_ratio": 1.0, "validation_fraction": 0.1, **settings}
    )
    folder = RunFolder.create(path)
    folder.write_recipe(recipe)
    images = decode_folder(scan_folder(data), plain_preprocessing(recipe))
    classes = tuple(scan_folder(data).classes)
    network = AlexNet(VARIANTS["narrow"], size=recipe.size, num_classes=len(classes))
    initialize(network, "fan_in", seed=recipe.seed, head_std=0.1)
    plain = plain_preprocessing(recipe).to_dict() | {"mean": (128.0,) * 3, "std": (60.0,) * 3}
    classifier = Classifier(network, classes, Preprocessing.from_dict(plain), views=recipe.test_views)
    save_network(folder, classifier, epoch=1)
    info = ImageSetInfo(path=str(data.resolve()), fingerprint=images.fingerprint)
    folder.write_about(
        RunInfo(SCHEMA, "finished", classes=classes, data=info, preprocessing=classifier.preprocessing)
    )
    return Run(folder)


def change_about(run: Run, **changes: object) -> None:
    run.folder.write_about(replace(run.about, **changes))


def contents(run: Run) -> dict[str, tuple[int, bytes]]:
    files = (path for path in run.path.rglob("*") if path.is_file())
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in files if "model" not in path.name}


@pytest.fixture(scope="module")
def no_split(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten images of each of three classes, without a test set."""
    return write_images(tmp_path_factory.mktemp("no-split"), 10)


@pytest.fixture
def pair(image_folder: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    """Two runs on a folder with a test set: of other sizes, of other views. Made once, given as copies."""
    base = tmp_path_factory.getbasetemp() / "pair"
    if not base.exists():
        make_run(base / "first", image_folder, seed=1)
        make_run(base / "second", image_folder, seed=2, size=71, test_views="centre")
    copies = (shutil.copytree(base / name, tmp_path / name, copy_function=os.link) for name in ("first", "second"))
    first, second = (Run(RunFolder(copy)) for copy in copies)
    return first, second


def saved(run: Run) -> dict[str, dict[str, float]]:
    """File → class → probability, as predictions.csv has them (all of three classes)."""
    return {prediction.file: dict(prediction.top) for prediction in run.predictions}


def test_ensemble_is_the_mean_of_the_saved_probabilities(pair: tuple[Run, Run]) -> None:
    for run in pair:
        evaluate(run)
    before = [contents(run) for run in pair]
    actual = evaluate_ensemble(pair)
    one, two = (saved(run) for run in pair)
    assert len(actual.predictions) == len(one) == len(two) == 21
    wrong = 0
    for prediction in actual.predictions:
        file = prediction.file
        mean = {name: (one[file][name] + two[file][name]) / 2 for name in CLASSES}
        assert dict(prediction.top) == pytest.approx(mean, abs=1e-6)
        wrong += max(mean, key=lambda name: mean[name]) != prediction.true
    assert actual.evaluation.top1_error == wrong / 21
    assert [member.top1_error for member in actual.members] == [run.evaluation.top1_error for run in pair]
    assert actual.mean_top1_error == pytest.approx(np.mean([run.evaluation.top1_error for run in pair]))
    assert (actual.evaluation.top5_error, actual.mean_top5_error, actual.evaluation.top5_interval) == (
        None,
        None,
        None,
    )
    assert (actual.notes, actual.num_left_out) == ((), 0)
    assert [contents(run) for run in pair] == before, "a test of several writes nothing"


def test_ensemble_as_plain_data_names_each_run(pair: tuple[Run, Run]) -> None:
    values = json.loads(json.dumps(evaluate_ensemble(pair).to_dict(), allow_nan=False))
    assert [member["run"] for member in values["members"]] == [str(run.path) for run in pair]
    assert values["evaluation"]["per_class"][0]["recall"] is not None
    assert "predictions" not in values


def test_top5_of_seven_classes_has_an_interval(tmp_path: Path) -> None:
    for place, name in enumerate("abcdefg"):
        for side, count in (("train", 2), ("test", 1)):
            folder = tmp_path / "seven" / side / name
            folder.mkdir(parents=True)
            for number in range(count):
                draw_stripes(place % 3, 10 * place + number + 100 * (side == "test")).save(folder / f"{number}.png")
    runs = [make_run(tmp_path / f"run{seed}", tmp_path / "seven", seed=seed) for seed in (1, 2)]
    actual = evaluate_ensemble(runs)
    errors = [member.top5_error for member in actual.members]
    assert actual.mean_top5_error == pytest.approx(np.mean(errors))
    missed = sum(p.true not in [name for name, _ in p.top] for p in actual.predictions)
    assert 0 < missed < 7
    assert actual.evaluation.top5_error == missed / 7
    assert actual.evaluation.top5_interval == wilson_interval(missed, 7)


def test_named_views_hold_for_every_run(pair: tuple[Run, Run]) -> None:
    actual = evaluate_ensemble(pair)
    assert [member.views for member in actual.members] == ["squashed image and its mirror image", "squashed image"]
    named = evaluate_ensemble(pair, views="centre")
    assert {member.views for member in named.members} == {named.evaluation.views} == {"squashed image"}


def test_no_image_that_a_run_was_trained_on_is_in_the_test_of_an_ensemble(no_split: Path, tmp_path: Path) -> None:
    settings = {"test_fraction": 0.5, "validation_fraction": 0.1}
    runs = [
        make_run(tmp_path / f"run{seed}", no_split, seed=seed, size=size, **settings)
        for seed, size in ((1, 67), (2, 67), (3, 71))
    ]
    actual = evaluate_ensemble(runs)
    names = [file.entry.name for file in decode(runs[0]).folder.files]
    tested = {prediction.file for prediction in actual.predictions}
    sides = [split(run) for run in runs]
    for side in sides:
        assert not tested & {names[row] for row in (*side.train.indices, *side.validation.indices)}
    assert tested == set.intersection(*({names[row] for row in side.test.indices} for side in sides))
    assert 0 < len(tested) < 15
    assert actual.notes == (
        f"evaluated on the {len(tested)} images that are in the test set of every run; "
        "their own test sets have 15, 15, 15",
    )
    for prediction in actual.predictions:
        assert prediction.file.startswith(str(prediction.true)), "class numbers went astray"


def test_runs_without_a_common_test_image_are_refused(no_split: Path, tmp_path: Path) -> None:
    first = make_run(tmp_path / "first", no_split, test_fraction=0.1)
    mine = split(first).test.indices
    other = next(seed for seed in range(1, 100) if not np.isin(split(first, seed=seed).test.indices, mine).any())
    second = make_run(tmp_path / "second", no_split, test_fraction=0.1, seed=other)
    with pytest.raises(DataError, match="no image is in the test set of every run.* as --data"):
        evaluate_ensemble([first, second])
    assert evaluate_ensemble([first, second], write_images(tmp_path / "p", 2, first=700)).evaluation.num_images == 6


def test_only_a_test_as_the_training_made_it_is_written(pair: tuple[Run, Run], tmp_path: Path) -> None:
    run = pair[0]
    assert not (run.path / "predictions.csv").exists()
    evaluate(run, views="mirror")
    evaluate(run, write_images(tmp_path / "p", 2, first=700))
    assert not (run.path / "predictions.csv").exists()
    assert evaluate(run).predictions == run.predictions
    assert evaluate(run, Path(run.about.data.path)).evaluation.confusion == run.evaluation.confusion


def test_a_run_that_cannot_be_written_is_tested(pair: tuple[Run, Run], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: RunFolder, _: object) -> None:
        raise RunError(f"{folder.path}: cannot be written")

    monkeypatch.setattr(RunFolder, "write_evaluation", refuse)
    result = evaluate(pair[0])
    assert result.evaluation.num_images == len(result.predictions) > 0
    assert result.notes[-1] == f"the test is not kept with the run: {pair[0].path}: cannot be written"


def test_ten_crops_of_whole_squares_are_cut_from_larger_ones(no_split: Path, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", no_split)
    actual = evaluate(run, views="ten_crop")
    assert actual.notes == (
        f"{run.path}: was trained on whole squares of 67 px; its ten crops are cut from squares of 77 px, "
        "by the paper's ratio of 224 to 256",
    )
    root = Path(run.about.data.path)
    larger = Preprocessing(77, "squash", True, "RGB", (128.0,) * 3, (60.0,) * 3)
    for prediction in actual.predictions:
        square = decode_image((root / prediction.file).read_bytes(), larger)
        crops = [square[y : y + 67, x : x + 67] for y, x in ((5, 5), (0, 0), (0, 10), (10, 0), (10, 10))]
        crops += [crop[:, ::-1] for crop in crops]
        with torch.no_grad():
            logits = run.model.network(normalize(torch.from_numpy(np.stack(crops)), larger)).double().numpy()
        powers = np.exp(logits)
        mean = (powers / powers.sum(1, keepdims=True)).mean(0)
        assert dict(prediction.top) == pytest.approx(dict(zip(run.model.classes, mean, strict=True)), abs=1e-5)


def test_every_view_and_its_difference_from_the_center(pair: tuple[Run, Run]) -> None:
    run = pair[1]
    before = contents(run)
    actual = compare_views([run])
    assert contents(run) == before, "a comparison of views writes nothing"
    tests = {views: evaluate(run, views=views) for views in ("centre", "mirror", "ten_crop")}
    assert list(actual.results) == list(tests)
    for views, test in tests.items():
        assert actual.results[views].evaluation.confusion == test.evaluation.confusion
        assert actual.results[views].evaluation.views == test.evaluation.views
    assert len({result.evaluation.loss for result in actual.results.values()}) == 3
    for difference, views in zip(actual.differences, ("mirror", "ten_crop"), strict=True):
        both = list(zip(tests["centre"].predictions, tests[views].predictions, strict=True))
        fixed = [a.file for a, b in both if a.is_mistake and not b.is_mistake]
        broken = [a.file for a, b in both if b.is_mistake and not a.is_mistake]
        assert (difference.before, difference.after) == ("centre", views)
        assert (list(difference.fixed), list(difference.broken)) == (fixed, broken)
        assert difference.difference == pytest.approx((len(broken) - len(fixed)) / 21)
    assert "77 px" not in actual.notes[0] and "81 px" in actual.notes[0]
    json.dumps(actual.to_dict(), allow_nan=False)


def test_ten_crops_of_a_run_that_cut_its_crops_need_no_note(image_folder: Path, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", image_folder, crop_from=1.2, test_views="ten_crop")
    actual = evaluate(run)
    assert actual.notes == ()
    assert actual.evaluation.views.startswith("ten crops")


def test_an_ensemble_in_every_view(pair: tuple[Run, Run]) -> None:
    actual = compare_views(pair)
    assert actual.results["mirror"].evaluation.loss == evaluate_ensemble(pair, views="mirror").evaluation.loss
    assert len(actual.notes) == 2


def test_other_images_than_those_of_the_training(pair: tuple[Run, Run], tmp_path: Path) -> None:
    other = write_images(tmp_path / "other", 2, first=700)
    (other / "rings" / "broken.png").write_text("x")
    actual = evaluate_ensemble(pair, other)
    assert (actual.evaluation.num_images, actual.num_left_out, actual.data) == (6, 1, str(other))


Refused = Callable[[tuple[Run, Run], Path], object]


def _unfinished(pair: tuple[Run, Run], path: Path) -> object:
    change_about(pair[1], status="running")
    return evaluate_ensemble(pair)


def _classes(pair: tuple[Run, Run], path: Path) -> object:
    change_about(pair[1], classes=("across", "down", "spots"))
    return evaluate_ensemble(pair)


def _images(pair: tuple[Run, Run], path: Path) -> object:
    return evaluate_ensemble([pair[0], make_run(path / "third", write_images(path / "p", 4))])


def _twice(pair: tuple[Run, Run], path: Path) -> object:
    return evaluate_ensemble([*pair, Run(RunFolder(path / "first" / ".." / "first"))])


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (_unfinished, RunError, "second: is not finished; continue it with `alexnet resume .*second`"),
        (
            _classes,
            RunError,
            "second: knows other classes than .*first .only one of them knows rings, spots.; give runs of the",
        ),
        (_images, RunError, "third: was trained on other images than .*first; give the images to test on as --data"),
        (_twice, RunError, "first: is given twice; give each run once"),
        (lambda pair, path: evaluate_ensemble([]), RunError, "give at least one run folder"),
        (
            lambda pair, path: evaluate(pair[0], views="left"),
            RecipeError,
            "views = left: no such views; choose one of centre",
        ),
        (
            lambda pair, path: evaluate_ensemble(pair, views="all"),
            RecipeError,
            "views = all: .*alexnet evaluate RUN --views all",
        ),
    ],
)
def test_what_cannot_be_evaluated_together_is_refused(
    pair: tuple[Run, Run], tmp_path: Path, call: Refused, kind: type[AlexNetError], message: str
) -> None:
    with pytest.raises(kind, match=message) as caught:
        call(pair, tmp_path)
    assert "\n" not in str(caught.value)


def test_changed_images_of_the_training_without_a_test_set_are_refused(tmp_path: Path) -> None:
    """Which of them the run was trained on, nobody can say."""
    data = write_images(tmp_path / "p", 4)
    run = make_run(tmp_path / "run", data)
    draw_stripes(0, 900).save(data / "across" / "new.png")
    with pytest.raises(DataError, match="p: the images have changed since the run was trained"):
        evaluate(run)
    with pytest.raises(DataError, match=r"p: has changed since .*run was trained on a part of it.*or give other"):
        evaluate(run, data)
    (data / "across" / "new.png").unlink()
    assert evaluate(run, data).evaluation.num_images == len(split(run).test)


def test_images_moved_elsewhere_are_still_the_runs_own(no_split: Path, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", no_split)
    moved = shutil.copytree(no_split, tmp_path / "moved")
    assert evaluate(run, moved).predictions == evaluate(run).predictions


def test_moved_images_are_the_runs_own_with_its_corrections(no_split: Path, tmp_path: Path) -> None:
    """Without them every image of the training would be tested."""
    data = shutil.copytree(no_split, tmp_path / "data")
    name = next(path.relative_to(data).as_posix() for path in sorted(data.glob("across/*.png")))
    correct(data, [name], "relabel", to="rings")
    folder = apply_corrections(data, data / "corrections.csv")
    run = train(folder, small_recipe(epochs=1), out=tmp_path / "run")
    tested = evaluate(run).predictions
    shutil.move(data, tmp_path / "elsewhere")
    assert evaluate(run, tmp_path / "elsewhere").predictions == tested


def test_the_folder_of_the_training_is_known_where_it_was_moved_and_changed(no_split: Path, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", no_split)
    evaluate(run)  # writes which images are tested
    moved = shutil.copytree(no_split, tmp_path / "moved")
    draw_stripes(0, 900).save(moved / "across" / "new.png")
    with pytest.raises(DataError, match=r"moved: looks like the folder that .* was trained on.*a folder `test`"):
        evaluate(run, moved)


def test_images_of_one_class_are_enough(pair: tuple[Run, Run], tmp_path: Path) -> None:
    (tmp_path / "one" / "rings").mkdir(parents=True)
    for seed in range(3):
        draw_stripes(2, 800 + seed).save(tmp_path / "one" / "rings" / f"{seed}.png")
    actual = evaluate(pair[0], tmp_path / "one")
    assert (actual.evaluation.num_images, actual.num_left_out) == (3, 0)
    assert [score.num_images for score in actual.evaluation.per_class] == [0, 0, 3]
    assert json.loads(json.dumps(actual.to_dict(), allow_nan=False))["evaluation"]["per_class"][0]["recall"] is None
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="none: has no images in class folders"):
        evaluate(pair[0], tmp_path / "none")
    shutil.copytree(tmp_path / "one" / "rings", tmp_path / "other" / "zebra")
    with pytest.raises(
        DataError, match=r"holds no test images of the network's classes \(across, down, rings\); give"
    ):
        evaluate(pair[0], tmp_path / "other")


def test_network_that_gives_no_numbers_is_named(pair: tuple[Run, Run], image_folder: Path, tmp_path: Path) -> None:
    run = make_run(tmp_path / "broken", image_folder)
    network = load_network(run.folder)
    with torch.no_grad():
        network.network.features[0].weight.fill_(float("nan"))
    save_network(run.folder, network, epoch=1)
    for call in (evaluate, compare_views):
        with pytest.raises(WeightsError, match=r"broken: the network's outputs are not numbers \(NaN\).*train again"):
            call(run.path)
    with pytest.raises(WeightsError, match="first, .*broken: the network's outputs"):
        evaluate_ensemble([pair[0], run.path])
    assert not (run.path / "predictions.csv").exists()


def test_runs_are_given_as_paths_too(pair: tuple[Run, Run]) -> None:
    first, second = (str(run.path) for run in pair)
    assert evaluate(first).predictions == Run(RunFolder(Path(first))).predictions
    assert evaluate_ensemble([first, Path(second)]).runs == (first, second)
    assert compare_views(first).results["centre"].runs == (first,)
