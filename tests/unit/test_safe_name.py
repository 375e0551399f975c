"""Names of files made from any text."""

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexnet.run_folder import RunFolder
from alexnet.safe_name import safe_name


@pytest.mark.parametrize("length", [100, 222, 223, 226, 227, 228, 251, 255])
def test_long_names_are_cut_and_stay_different(length: int, tmp_path: Path) -> None:
    names = [f"{letter * (length - 4)}.jpg" for letter in "ab"] + ["a" * (length - 5) + "b.jpg"]
    safe = [safe_name(f"0001-98-percent-{name}") for name in names]
    assert len(set(safe)) == 3
    for name in safe:
        assert name.endswith(".jpg")
        (tmp_path / name).write_bytes(b"x")


@pytest.mark.slow
@given(st.text(max_size=300))
def test_any_text_becomes_a_name_that_stays_in_its_folder(text: str) -> None:
    name = safe_name(text)
    assert 0 < len(name.encode("utf-8")) <= 180
    assert name == os.path.basename(name) == safe_name(text)  # noqa: PTH119
    assert name not in (".", "..")
    assert all(unicodedata.category(character) not in ("Cc", "Cs") for character in name)


@given(st.text(max_size=60), st.text(max_size=60))
def test_different_texts_become_different_names(one: str, other: str) -> None:
    assert (safe_name(one) == safe_name(other)) == (one == other)


def test_figure_of_an_image_with_any_name_stays_in_the_folder_of_figures(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert run.figure_path("maps-conv1-photo.png") == tmp_path / "figures" / "maps-conv1-photo.png"
    long = [run.figure_path(f"maps-conv1-{'日本' * 60}{number}.png") for number in range(2)]
    assert len({path.name for path in long}) == 2
    for path in (*long, run.figure_path("../../x.png")):
        assert path.parent == tmp_path / "figures"
        assert len(os.fsencode(path.name)) < 200
