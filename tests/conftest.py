"""What many tests need: images drawn by code, a cache of their own, one small trained run."""

import io
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from jaxtyping import install_import_hook
from PIL import Image

os.environ.setdefault("MPLBACKEND", "agg")
install_import_hook("alexnet.model", "beartype.beartype")
install_import_hook("alexnet.layers", "beartype.beartype")
install_import_hook("alexnet.inspection", "beartype.beartype")
install_import_hook("alexnet.evaluation", "beartype.beartype")
install_import_hook("alexnet.data.augment", "beartype.beartype")
install_import_hook("alexnet.data.decode", "beartype.beartype")

from alexnet.presets import PRESETS  # noqa: E402
from alexnet.recipe import Recipe  # noqa: E402

SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real images; tests that need it say so where it is missing."""
    if not SHARED.is_dir():
        pytest.skip(f"real images are missing: {SHARED} is not there")
    return SHARED


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder that no other run of the tests sees."""
    folder = tmp_path_factory.getbasetemp() / "cache"
    monkeypatch.setenv("ALEXNET_CACHE", str(folder))
    return folder


def draw_stripes(kind: int, seed: int, size: int = 48) -> Image.Image:
    """An image of class `kind`: stripes across, stripes down, or rings, in random colours."""
    rng = np.random.default_rng([kind, seed])
    y, x = np.mgrid[0:size, 0:size] / size
    wave = [x, y, np.hypot(x - 0.5, y - 0.5)][kind] * rng.uniform(20, 50) + rng.uniform(0, 6)
    low, high = rng.integers(0, 100, 3), rng.integers(120, 256, 3)
    pixels = low + (high - low) * (0.5 + 0.5 * np.sin(wave))[..., None]
    noisy = pixels + rng.normal(0, 8, pixels.shape)
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """An image as a file's bytes."""
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **options)
    return buffer.getvalue()


CLASSES = ("across", "down", "rings")


def write_images(root: Path, count: int, *, first: int = 0) -> Path:
    """`count` images of each class in class folders below `root`."""
    for kind, name in enumerate(CLASSES):
        (root / name).mkdir(parents=True, exist_ok=True)
        for seed in range(first, first + count):
            draw_stripes(kind, seed).save(root / name / f"{name}_{seed:03d}.png")
    return root


@pytest.fixture(scope="session")
def image_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """train/ with 24 and test/ with 7 images of each of three classes."""
    root = tmp_path_factory.mktemp("images")
    write_images(root / "train", 24)
    write_images(root / "test", 7, first=1000)
    return root


def small_recipe(**changes: object) -> Recipe:
    """A recipe that trains in seconds."""
    small = {
        "initialization": "fan_in",
        "size": 67,
        "start_size": None,
        "batch_size": 16,
        "epochs": 2,
        "learning_rate": 1e-4,
    }
    return PRESETS["fast"].replace(**{**small, "muon_learning_rate": 0.01, "name": "small", **changes})


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory: pytest.TempPathFactory, image_folder: Path) -> Iterator["object"]:
    """A finished run of two epochs with its report; not to be changed."""
    base = tmp_path_factory.getbasetemp()
    previous = os.environ.get("ALEXNET_CACHE")
    os.environ["ALEXNET_CACHE"] = str(base / "cache")
    from alexnet.report.page import write_report
    from alexnet.training.train import train

    run = train(image_folder, small_recipe(validation_fraction=0.2), out=base / "trained-run")
    write_report(run)
    yield run
    if previous is None:
        os.environ.pop("ALEXNET_CACHE")


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, image_folder: Path, trained_run: Any) -> Path:
    """The current folder as examples expect it: `images/`, `photo.jpg` and a finished run `runs/first`."""
    for source, name in ((image_folder, "images"), (trained_run.path, "runs/first")):
        shutil.copytree(source, tmp_path / name, copy_function=os.link)  # what is written anew leaves the original
    draw_stripes(0, 5, size=120).save(tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple]:
    """Run the command line in this process: (exit code, standard output, standard error)."""
    from alexnet.cli.main import run

    def call(*words: object) -> tuple[int, str, str]:
        from rich.console import Console

        from alexnet.cli.show import screen

        monkeypatch.setattr(screen, "out", Console(highlight=False, soft_wrap=True, width=200))
        monkeypatch.setattr(screen, "err", Console(stderr=True, highlight=False, soft_wrap=True, width=200))
        with pytest.raises(SystemExit) as stop:
            run([str(word) for word in words])
        captured = capsys.readouterr()
        return int(stop.value.code or 0), captured.out, captured.err

    return call


@pytest.fixture(autouse=True)
def random_state_as_found() -> Iterator[None]:
    """No test changes torch's random state for another."""
    state = torch.get_rng_state()
    yield
    torch.set_rng_state(state)
