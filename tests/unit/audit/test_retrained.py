"""The comparison of a retraining as a value: which images the corrections fix, and its CSV file."""

import csv
from pathlib import Path

import pytest

from alexnet.audit.retrained import Retrained, RetrainedImage, retrained_images
from alexnet.data.corrections import Correction
from alexnet.evaluation.paired import compare_predictions
from alexnet.evaluation.reviewed import review
from alexnet.records import Prediction


def predicted(file: str, true: str, name: str) -> Prediction:
    return Prediction(file, true, name, 0.9, 0.8, 0.1, ((name, 0.9),))


@pytest.mark.parametrize(
    ("before", "control", "after", "change"),
    [
        ("dog", "dog", "cat", "fixed"),
        ("cat", "dog", "cat", "fixed"),  # by the corrections, though the run was right
        ("dog", "cat", "cat", ""),  # the new kind of layer did it
        ("dog", "cat", "dog", "broken"),
        ("dog", "", "cat", "fixed"),  # the whole network: there is no control
        ("cat", "", "dog", "broken"),
        ("dog", "dog", "bird", ""),
        ("cat", "dog", "goat", "fixed"),  # the second of two correct labels
    ],
)
def test_an_image_is_fixed_or_broken_by_the_corrections_alone(
    before: str, control: str, after: str, change: str
) -> None:
    image = RetrainedImage("1.jpg", "cat", "goat", before, control, after)
    assert image.change == image.to_dict()["change"] == change


def test_the_true_class_is_that_of_the_corrections() -> None:
    names = ["1.jpg", "2.jpg", "3.jpg", "4.jpg"]
    before, control, after = ([predicted(file, "cat", name) for file in names] for name in ("dog", "cat", "bird"))
    lines = [Correction("2.jpg", "relabel", "cat", "dog"), Correction("3.jpg", "both", "cat", "bird"),
             Correction("4.jpg", "exclude", "cat")]  # fmt: skip
    images = retrained_images(before, control, after, lines)
    assert images == (
        RetrainedImage("1.jpg", "cat", "", "dog", "cat", "bird", "cat"),
        RetrainedImage("2.jpg", "dog", "", "dog", "cat", "bird", "cat"),
        RetrainedImage("3.jpg", "cat", "bird", "dog", "cat", "bird", "cat"),
    )
    assert {image.last_layer for image in retrained_images(before, [], after, lines, control)} == {"cat"}
    assert [image.control for image in retrained_images(before, [], after, lines)] == ["", "", ""]


def test_the_csv_file_lists_changes_first_and_holds_no_formula(tmp_path: Path) -> None:
    images = (
        RetrainedImage("1.jpg", "cat", "", "cat", "cat", "cat", "cat"),
        RetrainedImage("=HYPERLINK(0).jpg", "cat", "", "cat", "cat", "dog", "bird"),
        RetrainedImage("3,\n.jpg", "cat", "dog", "bird", "bird", "dog", "cat"),
    )
    both = [predicted(image.file, image.true, image.after) for image in images]
    same, score = compare_predictions(both, both), review(both, [], {})
    result = Retrained("a", "b", False, 1, 1, same, same, score, score, score, images, 1.0)
    assert (result.fixed, result.broken) == (("3,\n.jpg",), ("=HYPERLINK(0).jpg",))
    rows = list(csv.reader(result.save_csv(tmp_path / "images.csv").read_text(encoding="utf-8").splitlines()))
    assert rows[0] == [
        "row", "file", "label", "true", "also_true", "before", "control", "last_layer", "after", "change"
    ]  # fmt: skip
    assert [row for row in rows if row[0] == "image"] == [
        ["image", "3,\\n.jpg", "cat", "cat", "dog", "bird", "bird", "", "dog", "fixed"],
        ["image", "\\x3dHYPERLINK(0).jpg", "bird", "cat", "", "cat", "cat", "", "dog", "broken"],
        ["image", "1.jpg", "cat", "cat", "", "cat", "cat", "", "cat", ""],
    ]


def test_what_an_earlier_version_kept_still_opens() -> None:
    """Without what is compared as labeled, times, and the labels of the folder."""
    both = [predicted("1.jpg", "cat", "dog")]
    same, score = compare_predictions(both, both), review(both, [], {})
    image = RetrainedImage("1.jpg", "cat", "", "dog", "dog", "dog")
    kept = Retrained("a", "b", False, 1, 1, same, same, score, score, score, (image,), 1.0)
    new = ("labeled_", "last_layer", "layer_", "network_", "by_whole")
    values = {name: value for name, value in kept.to_dict().items() if not name.startswith(new)}
    values["images"] = [
        {k: v for k, v in each.items() if k not in ("label", "last_layer")} for each in values["images"]
    ]
    old = Retrained.from_dict(values)
    assert old == kept and set(old.times.values()) == {None}
    assert old.changes == {"from the run as it is": (None, same), "by the corrections alone": (None, same)}
