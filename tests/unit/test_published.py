"""The published results: in range, consistent with each other, each with its source."""

from pathlib import Path

import pytest

from alexnet import published
from alexnet.model.variants import VARIANTS
from alexnet.presets import PRESETS
from alexnet.published import CLAIMS, PAPER_TRAINING, PUBLISHED, PUBLISHED_VARIANTS, judge_comparability
from alexnet.recipe import parse_settings


@pytest.mark.parametrize("result", PUBLISHED, ids=lambda result: f"{result.run}, {result.test_set}, {result.views}")
def test_errors_are_fractions_and_the_log_rounds_to_the_printed_ones(result: published.PublishedResult) -> None:
    printed = (result.top1_error, result.top5_error)
    assert all(error is None or 0.1 < error < 0.7 for error in printed)
    assert result.top1_error is None or (result.top5_error is not None and result.top5_error < result.top1_error)
    assert result.source
    if result.logged is not None:
        assert tuple(round(error, 3) for error in result.logged) == printed


def test_rows_are_the_paper_s() -> None:
    rows = {(r.run, r.test_set, r.views): (r.top1_error, r.top5_error) for r in PUBLISHED}
    assert rows["1 CNN", "ILSVRC-2010 test", "ten crops"] == (0.375, 0.170)
    assert rows["1 CNN", "ILSVRC-2010 test", "center"] == (0.390, 0.183)
    assert rows["1 CNN", "ILSVRC-2012 validation", "ten crops"] == (0.407, 0.182)
    assert rows["5 CNNs", "ILSVRC-2012 validation", "ten crops"] == (0.381, 0.164)
    assert len(rows) == len(PUBLISHED) == 14
    assert PAPER_TRAINING.days == (5.0, 6.0)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.sentence)
def test_claim_agrees_with_its_logs_to_the_printed_digit(claim: published.Claim) -> None:
    actual = claim.logged_difference
    if claim.difference is not None:
        assert actual is not None
        assert actual == pytest.approx(claim.difference, abs=6e-4)
    assert claim.source


@pytest.mark.parametrize("claim", [claim for claim in CLAIMS if claim.switch], ids=lambda claim: claim.switch)
def test_switch_of_a_claim_changes_the_program_s_recipe(claim: published.Claim) -> None:
    base = PRESETS["program"]
    assert parse_settings(base, (claim.switch or "").split()) != base


def test_three_kinds_of_classes_are_told_apart() -> None:
    assert judge_comparability(["ball", "foot"])[0] is False
    assert "this run has 2 other classes" in judge_comparability(["ball", "foot"])[1]
    middle = [f"n{number:08d}" for number in range(2_000_000, 2_000_998)]
    assert judge_comparability(["n15075141", *middle, "n01440764"])[0] is True
    drawn = [f"n{number:08d}" for number in range(1, 1001)]
    comparable, reason = judge_comparability(drawn)
    assert comparable is None
    assert "only if the images are ImageNet's" in reason


def test_published_variants_exist() -> None:
    assert set(PUBLISHED_VARIANTS) <= set(VARIANTS)
    assert "seminar" not in PUBLISHED_VARIANTS


@pytest.mark.parametrize("result", PUBLISHED, ids=lambda result: f"{result.run}, {result.test_set}, {result.views}")
def test_docs_have_every_number(result: published.PublishedResult) -> None:
    def shown(error: float | None) -> str:
        return "–" if error is None else f"{100 * error:.5g}"

    page = (Path(__file__).parents[2] / "docs" / "imagenet.md").read_text(encoding="utf-8")
    begins = f"| {result.run} | {result.test_set} | {result.views} | {result.num_networks} |"
    (row,) = [line for line in page.splitlines() if line.startswith(begins)]
    cells = [cell.strip().split(" (")[0] for cell in row.split("|")]
    assert [float(cell) if cell != "–" else cell for cell in cells[5:7]] == [
        float(shown(error)) if error is not None else "–" for error in (result.top1_error, result.top5_error)
    ]
