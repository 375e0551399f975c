"""The drawn soccer images: the same for the same seed, whole or not at all, and unlike each other."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alexnet.errors import DataError
from alexnet.practice import soccer
from alexnet.practice.soccer import SOCCER_CLASSES, draw_soccer_image, draw_soccer_images
from alexnet.practice.soccer_scene import aim_camera
from alexnet.practice.soccer_shapes import Canvas


def _files(directory: Path) -> dict[str, bytes]:
    return {p.relative_to(directory).as_posix(): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_soccer_images(tmp_path_factory.mktemp("soccer") / "set", num_train=19, num_test=8, seed=3)


def test_classes_are_the_seminars_eight_in_lexicographic_order() -> None:
    assert list(SOCCER_CLASSES) == sorted(SOCCER_CLASSES)
    assert len(SOCCER_CLASSES) == 8


@pytest.mark.parametrize("class_name", SOCCER_CLASSES)
def test_image_is_rgb_of_the_asked_size_and_follows_from_the_generator(class_name: str) -> None:
    first, again = (draw_soccer_image(class_name, np.random.default_rng(7), size=64) for _ in range(2))
    other = draw_soccer_image(class_name, np.random.default_rng(8), size=64)
    assert (first.mode, first.size) == ("RGB", (64, 64))
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


@pytest.mark.parametrize("class_name", SOCCER_CLASSES)
def test_every_class_draws_for_many_seeds(class_name: str) -> None:
    for seed in range(12):
        pixels = np.asarray(draw_soccer_image(class_name, np.random.default_rng(seed)))
        assert pixels.shape == (96, 96, 3)
        assert pixels.std() > 2  # never a blank sheet


def test_classes_draw_different_things_from_the_same_generator() -> None:
    images = {name: draw_soccer_image(name, np.random.default_rng(1)).tobytes() for name in SOCCER_CLASSES}
    assert len(set(images.values())) == 8


def test_middle_of_a_ball_image_is_no_plain_turf() -> None:
    def spread(name: str) -> float:
        cuts = [np.asarray(draw_soccer_image(name, np.random.default_rng(s)))[38:58, 38:58] for s in range(16)]
        return float(np.mean([cut.std() for cut in cuts]))

    assert spread("ball") > 20


def test_a_bar_behind_the_camera_is_not_seen() -> None:
    camera = aim_camera(np.random.default_rng(0), 96, coverage=0.5)
    image = Image.new("RGB", (camera.size, camera.size))
    start, end = camera.place - 0.5 * camera.axes[2], camera.place - camera.axes[2]
    Canvas(image, camera, np.array([0.0, 0.0, 1.0])).limb(start, end, (0.05, 0.05), (255, 255, 255))
    assert image.getbbox() is None


def test_unknown_class_and_tiny_image_are_refused_by_words() -> None:
    with pytest.raises(DataError, match="goat: is not a soccer class; choose one of ball, foot"):
        draw_soccer_image("goat", np.random.default_rng(0))
    with pytest.raises(DataError, match="choose at least 16 px"):
        draw_soccer_image("ball", np.random.default_rng(0), size=8)


def test_folders_are_the_classes_and_the_rest_goes_to_the_first(drawn: Path) -> None:
    counts = {
        split: {folder.name: len(list(folder.iterdir())) for folder in sorted((drawn / split).iterdir())}
        for split in ("train", "test")
    }
    assert counts["train"] == dict(zip(SOCCER_CLASSES, (3, 3, 3, 2, 2, 2, 2, 2), strict=True))
    assert counts["test"] == dict.fromkeys(SOCCER_CLASSES, 1)
    assert sorted(p.name for p in (drawn / "train" / "ball").iterdir()) == [f"ball_000{i}.jpg" for i in (1, 2, 3)]


def test_files_are_jpeg_images_of_96_px(drawn: Path) -> None:
    for path in drawn.rglob("*.jpg"):
        with Image.open(path) as image:
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (96, 96))


def test_larger_set_contains_the_smaller_one_bit_for_bit(drawn: Path, tmp_path: Path) -> None:
    more = _files(draw_soccer_images(tmp_path / "more", num_train=32, num_test=16, seed=3))
    assert _files(drawn).items() <= more.items()


def test_another_seed_and_another_split_give_other_images(drawn: Path, tmp_path: Path) -> None:
    first = _files(drawn)
    other = _files(draw_soccer_images(tmp_path / "other", num_train=8, num_test=8, seed=4))
    assert not set(first.values()) & set(other.values())
    assert len(set(first.values())) == len(first)


@pytest.mark.slow
def test_many_processes_draw_what_one_process_draws(
    drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soccer, "BATCH_SIZE", 1)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert _files(draw_soccer_images(tmp_path / "pool", num_train=19, num_test=8, seed=3)) == _files(drawn)


def test_progress_runs_to_the_end(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    draw_soccer_images(
        tmp_path / "set", num_train=8, num_test=8, on_progress=lambda done, total: seen.append((done, total))
    )
    assert seen[-1] == (16, 16)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})


def test_an_empty_folder_is_filled_and_a_full_one_refused(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(DataError, match=r"not an empty folder; choose another folder or delete it$") as caught:
        draw_soccer_images(tmp_path, num_train=8, num_test=8)
    assert str(tmp_path) in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["note.txt"]
    (tmp_path / "empty").mkdir()
    assert len(_files(draw_soccer_images(tmp_path / "empty", num_train=8, num_test=8))) == 16


def test_a_path_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"cannot be written \(.*\); choose another folder$"):
        draw_soccer_images(tmp_path / "file" / "set", num_train=8, num_test=8)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"num_train": 7}, "7 train images are too few for 8 classes; ask for at least 8"),
        ({"num_test": 0}, "0 test images are too few for 8 classes; ask for at least 8"),
        ({"seed": -1}, "the seed -1 is negative; choose 0 or more"),
    ],
)
def test_numbers_out_of_range_are_refused(tmp_path: Path, asked: dict[str, int], words: str) -> None:
    with pytest.raises(DataError, match=words):
        draw_soccer_images(tmp_path / "set", **asked)  # type: ignore[arg-type]
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize("failure", [KeyboardInterrupt, MemoryError])
def test_interrupted_drawing_leaves_no_image_behind(tmp_path: Path, failure: Callable[[], BaseException]) -> None:
    def stop(done: int, total: int) -> None:
        if done >= 4:
            raise failure()

    with pytest.raises((KeyboardInterrupt, MemoryError)):
        draw_soccer_images(tmp_path / "set", num_train=16, num_test=8, on_progress=stop)
    assert _files(tmp_path) == {}
    assert len(_files(draw_soccer_images(tmp_path / "set", num_train=8, num_test=8))) == 16  # can be asked again


def test_an_image_that_cannot_be_saved_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Image.Image, path: Path, *args: object, **kwargs: object) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", fail)
    monkeypatch.setattr(soccer, "draw_soccer_image", lambda name, rng: Image.new("RGB", (96, 96)))
    with pytest.raises(
        DataError, match=r"cannot be written \(No space left on device\); the disk is full: free some space"
    ):
        draw_soccer_images(tmp_path / "set", num_train=8, num_test=8)
    assert _files(tmp_path) == {}


def test_drawing_loads_no_torch() -> None:
    program = "import sys, alexnet.practice.soccer; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
