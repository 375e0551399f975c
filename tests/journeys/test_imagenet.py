"""ImageNet in small: a thousand drawn classes, the plan, the paper's recipe, its figures beside ours."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from alexnet.runs.run import open_run

Command = Callable[..., tuple[int, str, str]]
PAPER = [
    "--preset", "paper", "--set", "size=64", "--set", "validation_fraction=0.3", "--set", "test_views=centre",
    "--epochs", "1",
]  # fmt: skip

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("imagenet")


def test_a_thousand_classes_are_drawn(run_command: Command, work: Path) -> None:
    code, out, err = run_command(
        "data", "thousand", work / "ILSVRC", "--train", "2", "--test", "1", "--size", "64", "--json"
    )
    assert code == 0, err
    values = json.loads(out)
    assert (values["train"], values["test"], len(values["classes"])) == (2000, 1000, 1000)
    assert values["classes"]["n00000001"] == "red disc, plain"


def test_plan_says_what_it_will_take(run_command: Command, work: Path) -> None:
    code, out, err = run_command("train", work / "ILSVRC", *PAPER, "--plan", "--json")
    assert code == 0, err
    plan = json.loads(out)
    assert plan["counts"] == {"files": 3000, "classes": 1000, "train": 1000, "validation": 1000, "test": 1000}
    assert (plan["batch_size"], plan["steps_per_epoch"], plan["num_steps"]) == (128, 7, 7)
    assert plan["cache_bytes"] == 3000 * 73 * 73 * 3
    assert plan["training_seconds"] > plan["epoch_seconds"] > 0
    assert [text.partition(" (")[0] for text in plan["warnings"]] == ["the training has only 7 steps"]


def test_paper_s_recipe_trains_and_its_page_shows_the_paper_s_figures(run_command: Command, work: Path) -> None:
    code, out, err = run_command("train", work / "ILSVRC", *PAPER, "--out", work / "run", "--json")
    assert code == 0, err
    values = json.loads(out)
    assert values["num_images"] == 1000
    assert values["top5_error"] <= values["top1_error"] <= 1
    run = open_run(work / "run")
    assert len(run.folder.steps) == 7
    assert run.folder.epochs[0].test_top5_error is not None
    page = (work / "run" / "report.html").read_text(encoding="utf-8")
    assert "Published results" in page
    assert "with other names than ILSVRC-2012" in page.replace("&#39;", "'")
    assert "<td>1000 images of ILSVRC</td><td>center crop</td>" in page
    assert "<td>ILSVRC-2010 test</td><td>ten crops</td>" in page
    assert '<td class="n">37.50</td><td class="n">17.00</td>' in page
    assert "lrn=off" in page


def test_testing_again_gives_the_same_top5_error(run_command: Command, work: Path) -> None:
    code, out, err = run_command("evaluate", work / "run", "--json")
    assert code == 0, err
    assert json.loads(out)["top5_error"] == open_run(work / "run").evaluation.top5_error


def test_runs_compared_stand_beside_the_paper_s_figures(run_command: Command, work: Path) -> None:
    words = ["compare", work / "run", work / "run", "--published", "--out", work / "comparison.html"]
    code, out, err = run_command(*words, "--json")
    assert code == 0, err
    published = json.loads(out)["published"]
    assert published["comparable"] == [None, None]
    assert published["ours"][0]["top5_error"] == open_run(work / "run").evaluation.top5_error
    assert {"ILSVRC-2012 validation", "ILSVRC-2010 test"} <= {row["test_set"] for row in published["results"]}
    assert "Published results" in (work / "comparison.html").read_text(encoding="utf-8")
    _, shown, _ = run_command(*words)
    assert "40.7 %" in shown
    assert "can be compared only if the images are ImageNet's" in shown


def test_run_of_three_classes_is_another_set(
    run_command: Command, reported_run: object, tmp_path: Path, work: Path
) -> None:
    path = reported_run.path  # type: ignore[attr-defined]
    page = tmp_path / "comparison.html"
    code, out, err = run_command("compare", path, path, "--published", "--out", page, "--json")
    assert code == 0, err
    assert json.loads(out)["published"]["comparable"] == [False, False]
    assert "this run has 3 other classes" in page.read_text(encoding="utf-8")
    assert "Published results" not in (path / "report.html").read_text(encoding="utf-8")
    _, out, _ = run_command("compare", path, path, "--out", page, "--json")
    assert json.loads(out)["published"] is None
    assert "Published results" not in page.read_text(encoding="utf-8")
