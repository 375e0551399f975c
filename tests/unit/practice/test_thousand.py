"""The drawn thousand classes: distinct, the same for the same seed, whole or not at all, in ILSVRC's layout."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alexnet.data.folder import scan_folder
from alexnet.errors import DataError
from alexnet.practice.thousand import (
    COLORS,
    SHAPES,
    TEXTURES,
    class_name,
    class_words,
    draw_class,
    draw_thousand_classes,
)


def _files(directory: Path) -> dict[str, bytes]:
    return {p.relative_to(directory).as_posix(): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("thousand") / "set"
    return draw_thousand_classes(root, num_classes=7, num_train=3, num_test=2, size=48, seed=3)


def test_a_thousand_classes_are_a_thousand_combinations() -> None:
    assert (len(SHAPES), len(TEXTURES), len(COLORS)) == (10, 10, 10)
    assert len({class_words(number) for number in range(1000)}) == 1000
    assert len({class_name(number) for number in range(1000)}) == 1000


def test_a_few_classes_differ_in_shape_texture_and_color() -> None:
    words = [re.fullmatch(r"(\w+) (.+), (.+)", class_words(number)).groups() for number in range(10)]  # type: ignore[union-attr]
    assert min(len(set(kind)) for kind in zip(*words, strict=True)) >= 8


@pytest.mark.parametrize("number", range(0, 1000, 37))
def test_class_draws_for_every_generator_and_never_a_blank_sheet(number: int) -> None:
    images = draw_class(number, [np.random.default_rng(seed) for seed in range(4)], size=40)
    assert images.shape == (4, 40, 40, 3)
    assert images.dtype == np.uint8
    assert (images.reshape(4, -1).std(1) > 5).all()
    assert len({image.tobytes() for image in images}) == 4


def test_image_does_not_depend_on_those_beside_it() -> None:
    together = draw_class(5, [np.random.default_rng(seed) for seed in (1, 2)], size=40)
    assert np.array_equal(draw_class(5, [np.random.default_rng(2)], size=40)[0], together[1])


def test_color_of_a_class_is_seen_in_its_middle() -> None:
    """A red disc is red where it lies, whatever the ground: of many images, on average."""
    red, blue = (
        next(n for n in range(1000) if class_words(n) == f"{color} disc, plain") for color in ("red", "blue")
    )
    for number, channel in ((red, 0), (blue, 2)):
        images = draw_class(number, [np.random.default_rng(seed) for seed in range(32)], size=48)
        middle = images[:, 20:28, 20:28].reshape(-1, 3).mean(0)
        assert middle.argmax() == channel
        assert middle[channel] > 100


@pytest.mark.parametrize("shape", SHAPES)
def test_shape_lies_within_its_frame_and_leaves_ground(shape: str) -> None:
    v, u = np.mgrid[-1.5:1.5:121j, -1.5:1.5:121j].astype(np.float32)
    inside = SHAPES[shape](u, v) < 1
    assert 0.05 < inside[20:101, 20:101].mean() < 0.75
    assert not inside[:16].any() and not inside[-16:].any() and not inside[:, :16].any() and not inside[:, -16:].any()


@pytest.mark.parametrize("texture", TEXTURES)
def test_texture_is_a_lightness_with_dark_and_light_parts(texture: str) -> None:
    v, u = np.mgrid[-9:9:101j, -9:9:101j].astype(np.float32)
    light = TEXTURES[texture](u, v)
    assert light.shape == u.shape
    assert light.min() >= 0 and light.max() <= 1
    assert texture == "plain" or (light.min() < 0.1 and light.max() > 0.9)


def test_layout_is_ilsvrc_s_and_scans_with_its_split(drawn: Path) -> None:
    assert sorted(path.name for path in drawn.iterdir()) == ["train", "val"]
    folder = scan_folder(drawn)
    assert folder.classes == tuple(class_name(number) for number in range(7))
    assert {split: set(counts.values()) for split, counts in folder.counts().items()} == {
        "train": {3},
        "validation": {2},
    }
    with Image.open(drawn / "train" / "n00000001" / "n00000001_1.JPEG") as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (48, 48))


def test_larger_set_contains_the_smaller_one_bit_for_bit(drawn: Path, tmp_path: Path) -> None:
    more = draw_thousand_classes(tmp_path / "more", num_classes=9, num_train=11, num_test=3, size=48, seed=3)
    assert _files(drawn).items() <= _files(more).items()


def test_another_seed_and_another_split_give_other_images(drawn: Path, tmp_path: Path) -> None:
    other = _files(draw_thousand_classes(tmp_path / "other", num_classes=7, num_train=3, num_test=2, size=48, seed=4))
    first = _files(drawn)
    assert not set(first.values()) & set(other.values())
    assert len(set(first.values())) == len(first) == 35


def test_progress_runs_to_the_end(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    draw_thousand_classes(
        tmp_path / "set", num_classes=3, num_train=9, num_test=1, size=32,
        on_progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    assert seen[-1] == (30, 30)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})


@pytest.mark.parametrize("failure", [KeyboardInterrupt, MemoryError])
def test_interrupted_drawing_leaves_nothing_and_can_be_asked_again(
    tmp_path: Path, failure: Callable[[], BaseException]
) -> None:
    def stop(done: int, total: int) -> None:
        raise failure()

    with pytest.raises((KeyboardInterrupt, MemoryError)):
        draw_thousand_classes(tmp_path / "set", num_classes=30, num_train=20, num_test=1, size=32, on_progress=stop)
    assert list(tmp_path.iterdir()) == []
    draw_thousand_classes(tmp_path / "set", num_classes=2, num_train=1, num_test=1, size=32)
    assert len(_files(tmp_path / "set")) == 4


def test_what_a_killed_call_left_is_not_taken_for_part_of_the_set(tmp_path: Path) -> None:
    left = tmp_path / ".set.drawing" / "train" / "n00000999"
    left.mkdir(parents=True)
    (left / "half.JPEG").write_bytes(b"half")
    draw_thousand_classes(tmp_path / "set", num_classes=2, num_train=1, num_test=1, size=32)
    assert [path.name for path in tmp_path.iterdir()] == ["set"]
    assert len(_files(tmp_path / "set")) == 4


def test_an_empty_folder_is_filled_and_a_full_one_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    draw_thousand_classes(tmp_path / "empty", num_classes=2, num_train=1, num_test=1, size=32)
    with pytest.raises(DataError, match=r"empty: exists and is not an empty folder; choose another folder"):
        draw_thousand_classes(tmp_path / "empty", num_classes=2, num_train=1, num_test=1, size=32)
    assert len(_files(tmp_path / "empty")) == 4


def test_a_path_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"cannot be written \(.*\); choose another folder$"):
        draw_thousand_classes(tmp_path / "file" / "set", num_classes=2)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"num_classes": 1}, "1 classes cannot be drawn; choose 2 to 1000"),
        ({"num_classes": 1001}, "1001 classes cannot be drawn; choose 2 to 1000"),
        ({"num_test": 0}, "20 training and 0 test images; ask for at least 1 of each"),
        ({"seed": -1}, "the seed -1 is negative; choose 0 or more"),
        ({"size": 16}, "size 16 px: cannot be drawn; choose a size from 32 to 512 px"),
    ],
)
def test_numbers_out_of_range_are_refused(tmp_path: Path, asked: dict[str, int], words: str) -> None:
    with pytest.raises(DataError, match=words):
        draw_thousand_classes(tmp_path / "set", **asked)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_unknown_class_is_refused() -> None:
    with pytest.raises(DataError, match="class 1000: there are 1000 classes; choose 0 to 999"):
        draw_class(1000, [np.random.default_rng(0)])


def test_drawing_loads_no_torch() -> None:
    program = "import sys, alexnet.practice.thousand; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
