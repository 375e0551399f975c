"""Wrong settings, as pydantic reports them, in one line of our own words."""

import difflib
import reprlib
from collections.abc import Collection, Mapping
from typing import Any

from pydantic import ValidationError

from alexnet.files import shown_name

__all__ = ["explain_faults"]

MOST_FAULTS = 10
"""Wrong settings that one message lists."""

LONGEST_NAME = 60
"""Characters of an unknown setting's name that a message shows."""

LONGEST_INTEGER = 200
"""Bits of an integer that a message shows; Python refuses to print much longer ones."""

SHORT = reprlib.Repr()
SHORT.maxlevel, SHORT.maxstring, SHORT.maxother = 2, 60, 60


def explain_faults(error: ValidationError, *, known: Collection[str]) -> str:
    """Every wrong setting with its value and what it may be.

    Args:
        known: names of all settings, from which a misspelled one is guessed.
    """
    faults = error.errors(include_url=False, include_context=False)
    lines = [_explain(fault, known) for fault in faults[:MOST_FAULTS]]
    if len(faults) > MOST_FAULTS:
        lines.append(f"and {len(faults) - MOST_FAULTS} more")
    return "; ".join(lines)


def _explain(fault: Mapping[str, Any], known: Collection[str]) -> str:
    field = shown_name(".".join(str(part) for part in fault["loc"])[:LONGEST_NAME])
    if fault["type"] == "extra_forbidden":
        near = difflib.get_close_matches(field, known, n=1)
        hint = f"did you mean {near[0]}?" if near else "`alexnet recipe` lists all settings"
        return f"{field}: no such setting, {hint}"
    message = str(fault["msg"]).removeprefix("Value error, ")
    if fault["type"] == "value_error" and not field:
        return message
    message = message[0].lower() + message[1:]
    if fault["type"] == "tuple_type":
        message = "give a list, for instance [0.5, 0.75]"
    return f"{field} = {_shorten(fault['input'])}: {message}"


def _shorten(value: Any) -> str:
    """A value in a few characters, however long or deeply nested it is."""
    if isinstance(value, int) and value.bit_length() > LONGEST_INTEGER:
        return "a huge number"
    try:
        return shown_name(SHORT.repr(value))
    except ValueError:  # a huge number inside
        return f"a {type(value).__name__} with a huge number"
