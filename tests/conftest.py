"""What many tests need: images drawn by code, a cache of their own, one small trained run."""

import io
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from filelock import FileLock
from jaxtyping import install_import_hook
from PIL import Image

if TYPE_CHECKING:
    from alexnet.runs.run import Run

os.environ.setdefault("MPLBACKEND", "agg")
install_import_hook("alexnet.model", "beartype.beartype")
install_import_hook("alexnet.layers", "beartype.beartype")
install_import_hook("alexnet.inspection", "beartype.beartype")
install_import_hook("alexnet.evaluation", "beartype.beartype")
install_import_hook("alexnet.data.augment", "beartype.beartype")
install_import_hook("alexnet.data.decode", "beartype.beartype")

from alexnet.presets import PRESETS  # noqa: E402
from alexnet.recipe import Recipe  # noqa: E402
from alexnet.run_folder import RunFolder  # noqa: E402
from tests.narrow import narrow_variants  # noqa: E402

IS_WORKER = "PYTEST_XDIST_WORKER" in os.environ
"""Whether other processes run other tests at the same time (`pytest -n 2`)."""

if IS_WORKER:
    torch.set_num_threads(1)

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
    """An image of class `kind`: stripes across, stripes down, or rings, in random colors."""
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


def made_once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """The folder `name`, which the first process that needs it makes and the others find."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if IS_WORKER else base) / name
    with FileLock(f"{folder}.lock"):
        if not folder.is_dir():
            making = folder.with_name(f"{name}-unfinished")
            shutil.rmtree(making, ignore_errors=True)
            make(making)
            making.rename(folder)
    return folder


def copy_linked(source: Path, target: Path) -> Path:
    """A copy by hard links: what is written anew in the copy leaves the original as it is."""
    return Path(shutil.copytree(source, target, copy_function=os.link))


def copy_run_and_images(run: "Run", images: Path, root: Path) -> Path:
    """Copies below `root`: the images, and the run, `runs/first`, which then finds them there. Returns `root`."""
    copied = copy_images(images, root / "images")
    folder = RunFolder(copy_linked(run.path, root / "runs" / "first"))
    folder.write_about(replace(folder.about, data=replace(folder.about.data, path=str(copied))))
    return root


def copy_images(source: Path, target: Path) -> Path:
    """A copy without links: a link changes the time stamp of a file, and with it the name of its cache.

    The tests of another process may be reading `source` just then.
    """
    return Path(shutil.copytree(source, target))


@pytest.fixture(scope="session")
def image_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """train/ with 24 and test/ with 7 images of each of three classes."""

    def make(folder: Path) -> None:
        write_images(folder / "train", 24)
        write_images(folder / "test", 7, first=1000)

    return made_once(tmp_path_factory, "images", make)


@pytest.fixture(scope="session", autouse=True)
def narrow_variant() -> Iterator[None]:
    """`narrow_variants` as long as the tests run."""
    with narrow_variants():
        yield


@pytest.fixture(scope="session", autouse=True)
def fewer_patches() -> Iterator[None]:
    """Kernels are chosen from a tenth of the patches, in a tenth of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("alexnet.training.patch_start.NUM_PATCHES", 4000)
        yield


def small_recipe(**changes: object) -> Recipe:
    """A recipe that trains a narrow network in a second."""
    small = {
        "variant": "narrow",
        "initialization": "fan_in",
        "smooth_conv1": False,
        "crop_until": 1.0,
        "size": 67,
        "start_size": None,
        "batch_size": 16,
        "epochs": 2,
        "validation_fraction": 0.05,
        "learning_rate": 1e-4,
    }
    return PRESETS["fast"].replace(**{**small, "muon_learning_rate": 0.01, "name": "small", **changes})


def trained_once(tmp_path_factory: pytest.TempPathFactory, name: str, images: Path, recipe: Recipe) -> "Run":
    """This process's copy of the run that a recipe leaves; the training is made once for all processes."""
    from alexnet.runs.run import open_run
    from alexnet.training.train import train

    def make(folder: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ALEXNET_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
            train(images, recipe, out=folder)

    made = made_once(tmp_path_factory, name, make)
    return open_run(copy_linked(made, tmp_path_factory.mktemp("own") / name))


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory: pytest.TempPathFactory, image_folder: Path) -> "Run":
    """A finished run of the seminar's network, two epochs, without its report; not to be changed."""
    recipe = small_recipe(variant="seminar", validation_fraction=0.2)
    return trained_once(tmp_path_factory, "trained-run", image_folder, recipe)


@pytest.fixture(scope="session")
def narrow_run(tmp_path_factory: pytest.TempPathFactory, image_folder: Path) -> "Run":
    """The same of the narrow network: a run to train on from, or to compare another training with."""
    return trained_once(tmp_path_factory, "narrow-run", image_folder, small_recipe(validation_fraction=0.2))


@pytest.fixture(scope="session")
def reported_run(tmp_path_factory: pytest.TempPathFactory, trained_run: "Run") -> "Run":
    """`trained_run` with its report, in a folder of its own; not to be changed."""
    from alexnet.report.page import write_report
    from alexnet.runs.run import open_run

    def make(folder: Path) -> None:
        write_report(open_run(copy_linked(trained_run.path, folder)))

    made = made_once(tmp_path_factory, "reported-run", make)
    return open_run(copy_linked(made, tmp_path_factory.mktemp("own") / "reported-run"))


@pytest.fixture(scope="session")
def complete_report(tmp_path_factory: pytest.TempPathFactory, narrow_run: "Run") -> Path:
    """The page of `narrow_run` with everything, in a folder whose name a shell would split; not to be changed."""
    from alexnet.report.page import write_report

    def make(folder: Path) -> None:
        write_report(copy_linked(narrow_run.path, folder / "my run"), everything=True)

    return made_once(tmp_path_factory, "complete-report", make) / "my run" / "report.html"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, image_folder: Path, trained_run: "Run") -> Path:
    """The current folder as examples expect it: `images/`, `photo.jpg` and a finished run `runs/first`.

    The default recipe trains a narrow network.
    """
    monkeypatch.setitem(PRESETS, "fast", PRESETS["fast"].replace(variant="narrow"))
    for source, name in ((image_folder, "images"), (trained_run.path, "runs/first")):
        copy_linked(source, tmp_path / name)
    draw_stripes(0, 5, size=120).save(tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple]:
    """Run the command line in this process: (exit code, standard output, standard error)."""
    from alexnet.cli.main import run

    monkeypatch.setenv("COLUMNS", "200")

    def call(*words: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            run([str(word) for word in words])
        captured = capsys.readouterr()
        return int(stop.value.code or 0), captured.out, captured.err

    return call


@pytest.fixture(autouse=True)
def restored_random_state() -> Iterator[None]:
    """No test changes torch's random state for another."""
    state = torch.get_rng_state()
    yield
    torch.set_rng_state(state)
