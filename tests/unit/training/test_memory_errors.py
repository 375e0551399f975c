"""What is said where a step needs more memory than there is."""

from pathlib import Path

import pytest

from alexnet.errors import RecipeError
from alexnet.presets import PRESETS
from alexnet.training.memory_errors import memory_errors
from alexnet.training.train import train
from tests.conftest import small_recipe
from tests.disturbances import before


@pytest.mark.parametrize(
    ("batch_size", "settled", "words"),
    [
        ("auto", None, "batch_size = auto at size = 96: .*; set batch_size=16 or a smaller size, and choose"),
        ("auto", 128, "batch_size = 128 at size = 96: .*; set batch_size=64 or a smaller size, and choose"),
        (32, None, "batch_size = 32 at size = 96: .*; set batch_size=16 or a smaller size, and choose"),
        (128, 20, "batch_size = 20 at size = 96: .*; set batch_size=10 or a smaller size, and choose"),
        (1, 1, "batch_size = 1 at size = 96: .*; set a smaller size, and choose"),
    ],
)
def test_batch_size_to_try_is_named(batch_size: object, settled: int | None, words: str) -> None:
    with (
        pytest.raises(RecipeError, match=f"^{words} another --out$"),
        memory_errors(PRESETS["fast"].replace(batch_size=batch_size), batch_size=settled),
    ):
        raise MemoryError


def test_other_errors_pass() -> None:
    with pytest.raises(RuntimeError, match="shapes"), memory_errors(PRESETS["fast"]):
        raise RuntimeError("shapes do not fit")


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("alexnet.training.loop:replayed_on_gpu", "batch_size = 16 .* set batch_size=8 or"),
        ("alexnet.training.preparation:channel_statistics", "batch_size = auto .* set batch_size=16 or"),
    ],
)
def test_batch_size_auto_is_settled_in_the_message(
    place: str, words: str, few_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise MemoryError

    before(monkeypatch, place, fail)
    with pytest.raises(RecipeError, match=words):
        train(few_images, small_recipe(batch_size="auto"), out=tmp_path / "run")
