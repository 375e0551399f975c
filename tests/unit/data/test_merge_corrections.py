"""The corrections of several users as one list: what they agree on, in order, and what they do not."""

from pathlib import Path

import pytest

from alexnet.data.corrections import Correction, write_corrections
from alexnet.data.merge_corrections import merge_corrections


def _line(file: str, to: str, who: str, when: str, digest: str = "00") -> Correction:
    return Correction(file, "relabel", "x", to, who, when, digest)


def test_merge_keeps_agreement_and_later_knowledge_and_names_conflicts(tmp_path: Path) -> None:
    shared, own = _line("1", "a", "Ada", "2026-01-01"), _line("2", "a", "Ada", "2026-01-02")
    newer = _line("1", "b", "Bob", "2026-01-03")  # Bob saw Ada's line and replaced it: no conflict
    other, changed = _line("2", "b", "Bob", "2026-01-04"), _line("3", "a", "Bob", "2026-01-05", "11")
    write_corrections(tmp_path / "ada.csv", [shared, own, _line("3", "a", "Ada", "2026-01-01")])
    write_corrections(tmp_path / "bob.csv", [shared, newer, other, changed])
    merged = merge_corrections([tmp_path / "ada.csv", tmp_path / "bob.csv"])
    assert merged.corrections == (shared, newer)
    assert [words.split(":")[0] for words in merged.conflicts] == ["2", "3"]
    assert "says relabel a (Ada, 2026-01-02)" in merged.conflicts[0]
    assert "are about different images of this name" in merged.conflicts[1]
    later = merge_corrections([tmp_path / "ada.csv", tmp_path / "bob.csv"], prefer="later")
    assert {line.file: line.to for line in later.corrections} == {"1": "b", "2": "b", "3": "a"}


def test_merge_keeps_the_order_of_each_file(tmp_path: Path) -> None:
    """Lines written by hand have no time, and a decision may come back."""
    early, late = _line("1", "a", "Ada", "2026-01-01T10:00:00+02:00"), Correction("1", "exclude")
    write_corrections(tmp_path / "ada.csv", [early, late])
    write_corrections(tmp_path / "bob.csv", [_line("2", "b", "Bob", "2026-01-01T09:00:00+00:00")])
    merged = merge_corrections([tmp_path / "ada.csv", tmp_path / "bob.csv"]).corrections
    assert [(line.file, line.action) for line in merged] == [("1", "relabel"), ("1", "exclude"), ("2", "relabel")]
    again = Correction("1", "fine")
    write_corrections(tmp_path / "ada.csv", [again, late, again])
    assert merge_corrections([tmp_path / "ada.csv", tmp_path / "bob.csv"]).corrections[2] == again


def test_merge_reads_each_line_a_few_times_however_many_there_are(tmp_path: Path) -> None:
    """Of 3,000 images: with a search through all lines for each, there were nine million comparisons."""
    num_seen = 0

    class Counted(str):
        """A name that counts how often it is compared."""

        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            nonlocal num_seen
            num_seen += 1
            return str.__eq__(self, other)

    lines = tuple(_line(Counted(number), "a", "Ada", "2026-01-01") for number in range(3000))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("alexnet.data.merge_corrections.read_existing", lambda _: lines)
        assert len(merge_corrections(["ada.csv", "bob.csv"]).corrections) == 3000
    assert num_seen < 20 * 3000
