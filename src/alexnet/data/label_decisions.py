"""What can be decided about the label of an image, and what a class may be called."""

import os
import unicodedata

from alexnet.data.folder_layout import is_hidden
from alexnet.files import shown_name, unescape_name

__all__ = ["ACTIONS", "composed_name", "decision_fault", "file_fault"]

ACTIONS = ("relabel", "both", "exclude", "fine")
"""What can be decided: the image belongs to class `to`; its label and `to` are both correct; it is of no use; its
label is correct after all."""


def composed_name(name: str) -> str:
    """A class as `scan_folder` names it: macOS types letters and their accents apart."""
    return unicodedata.normalize("NFC", name)


def decision_fault(action: str, to: str) -> str:
    """What is wrong with an action and its class; "" if nothing is."""
    if action not in ACTIONS:
        return f"action = {shown_name(action)}: choose one of {', '.join(ACTIONS)}"
    plain = unescape_name(to)
    if (action in ("relabel", "both")) != bool(plain.strip()):
        return f"action = {action} {'takes no class' if to.strip() else 'needs a class'} in `to`"
    if plain in (".", "..") or any(character in plain for character in ("/", os.sep, "\0")):
        return f"to = {shown_name(to)}: is not the name of a class, because it leads to another folder"
    if is_hidden(plain):
        return f"to = {shown_name(to)}: is not the name of a class, because a folder of this name is left aside"
    return ""


def file_fault(name: str) -> str:
    """Why no image can have this name, which a line written by hand may hold; "" if one can."""
    if not name:
        return "names no file"
    if name.startswith("/") or {".", ".."} & set(name.split("/")):
        return f"file = {shown_name(name)}: leads out of the folder; give the name as the commands print it"
    return ""
