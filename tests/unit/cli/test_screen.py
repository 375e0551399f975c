"""Results on standard output, everything else on standard error, and nothing that a name can do to a terminal."""

import io
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from alexnet.cli.screen import Screen, number_of, percent

EVIL = "ball\x1b[31m\x9b2J\u202egpj.exe\r\udce9\u2028"
SHOWN = r"ball\x1b[31m\u009b2J\u202egpj.exe\r\xe9\u2028"

Shown = Callable[[], tuple[str, str]]


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shown:
    monkeypatch.setenv("COLUMNS", "200")
    return lambda: tuple(capsys.readouterr())  # type: ignore[return-value]


def test_results_and_notes_take_their_own_streams(shown: Shown) -> None:
    screen = Screen()
    screen.print("result")
    screen.note("note")
    screen.error("went\nwrong")
    assert shown() == ("result\n", "note\nalexnet: went wrong\n")
    screen.as_json = True
    screen.print("result")
    screen.table(["a"], [["b"]])
    screen.print_json({"a": 1})
    assert shown() == ('{"a": 1}\n', "result\n")


def test_quiet_shows_errors_only(shown: Shown) -> None:
    screen = Screen(quiet=True)
    screen.print("result")
    screen.note("note")
    screen.table(["a"], [["b"]])
    screen.print_json({"a": 1})
    screen.error("wrong")
    assert shown() == ("", "alexnet: wrong\n")


def test_names_are_escaped_wherever_they_are_shown(shown: Shown) -> None:
    screen = Screen()
    screen.print(EVIL)
    screen.note(EVIL)
    screen.table([EVIL], [[EVIL], [Path(EVIL)]])
    screen.error(f"{EVIL}: wrong")
    out, err = shown()
    assert out.split() == [SHOWN] * 4
    one_line = SHOWN.replace(r"\r", " ").replace(r"\u2028", " ")
    assert err == f"{SHOWN}\nalexnet: {one_line}: wrong\n"


def test_json_is_valid_and_has_no_characters_that_a_terminal_obeys(shown: Shown) -> None:
    screen = Screen(as_json=True)
    screen.print_json({"name": EVIL, "path": Path("a"), "class": "Bälle"})
    out, _ = shown()
    assert json.loads(out) == {"name": EVIL, "path": "a", "class": "Bälle"}
    assert "Bälle" in out
    assert all(character.isprintable() for character in out.rstrip("\n"))


def test_json_is_valid_also_where_standard_output_has_few_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, "ascii", errors="backslashreplace"))
    Screen(as_json=True).print_json({"name": "Bälle"})
    assert json.loads(raw.getvalue()) == {"name": "Bälle"}


def test_what_is_not_a_number_is_null(shown: Shown) -> None:
    Screen(as_json=True).print_json({"loss": math.nan, "rows": [(math.inf, 1.5), {"x": -math.inf}]})
    assert json.loads(shown()[0]) == {"loss": None, "rows": [[None, 1.5], {"x": None}]}


def test_numbers_in_words() -> None:
    assert (percent(0.0369), percent(None)) == ("3.7 %", "–")
    assert (number_of(1, "image"), number_of(2000, "image")) == ("1 image", "2,000 images")
