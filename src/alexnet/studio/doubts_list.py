"""The list of doubtful labels of a folder, where `alexnet doubts --csv` or the studio has left one."""

from pathlib import Path
from typing import Any

from alexnet.csv_files import parse_rows
from alexnet.errors import DataError
from alexnet.files import shown_name

__all__ = ["doubts_path", "estimate_of", "read_doubts"]

ESTIMATE = ("num_images", "estimated_wrong", "interval", "agreement")


def doubts_path(data: Path) -> Path:
    """Where the list of a folder is looked for: in it; of an archive: beside it.

    >>> doubts_path(Path("images.tar")).name
    'images.tar.doubts.csv'
    """
    return data / "doubts.csv" if data.is_dir() else data.with_name(f"{data.name}.doubts.csv")


def read_doubts(path: Path) -> list[dict[str, Any]] | None:
    """File, suggested class, doubt, and nearest images with their labels; None where there is no list.

    The most doubtful come first.

    Raises:
        DataError: it is damaged.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = [row for _, row in parse_rows(text, ("file", "label", "suggested", "doubt"))]
        return [
            {"file": row["file"], "suggested": row["suggested"], "doubt": float(row["doubt"] or "nan"),
             "nearest": [[row[name], row[f"nearest_label_{name[8:]}"]] for name in _nearest(row)]}
            for row in sorted(rows, key=lambda row: -float(row["doubt"] or "nan"))
        ]  # fmt: skip
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise DataError(f"{shown_name(path)}: cannot be read ({error}); delete it and make it again") from error


def estimate_of(doubts: list[dict[str, Any]], result: dict[str, Any] | None) -> dict[str, Any] | None:
    """How many labels are wrong, as `alexnet doubts --json` has printed it; None where that is of another list."""
    if result is None or not {*ESTIMATE, "doubts"} <= result.keys():
        return None
    is_same = {each["file"] for each in doubts} == {each["file"] for each in result["doubts"]}
    return {name: result[name] for name in ESTIMATE} | {"expected": result.get("expected", [])} if is_same else None


def _nearest(row: dict[str, str | None]) -> list[str]:
    """The columns of a line that name a near image: `nearest_1` ..., with `nearest_label_1` ... beside them."""
    return [name for name in row if name[:8] == "nearest_" and row[name] and row.get(f"nearest_label_{name[8:]}")]
