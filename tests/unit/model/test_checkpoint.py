"""A network on disk: the same after loading, damage noticed, a crash at any moment survived."""

import json
import random
import struct
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from alexnet.errors import RunError
from alexnet.model import checkpoint
from alexnet.model.alexnet import AlexNet
from alexnet.model.checkpoint import Classifier, load_network, save_network
from alexnet.model.initialization import initialize
from alexnet.model.variants import VARIANTS
from alexnet.records import Preprocessing
from alexnet.run_folder import RunFolder

PLAIN = Preprocessing(67, "crop", True, "RGB", (120.0, 115.0, 100.0), (60.0, 58.0, 57.0))


def make_classifier(seed: int) -> Classifier:
    network = AlexNet.empty(VARIANTS["narrow"], size=67, num_classes=2)
    initialize(network, "fan_in", seed=seed)
    network.mean_image = torch.full((3, 67, 67), float(seed))
    return Classifier(network, ("ball", "post"), PLAIN, views="mirror")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """A run folder with the network of seed 1."""
    monkeypatch.setattr(RunFolder, "about", SimpleNamespace(is_finished=True))
    run = RunFolder(tmp_path)
    save_network(run, make_classifier(1), epoch=1)
    return run


def seed_of(run: RunFolder) -> float:
    """The seed of the network in a run folder, by its mean image."""
    mean_image = load_network(run).network.mean_image
    assert mean_image is not None
    return mean_image[0, 0, 0].item()


def test_network_is_the_same_after_loading(run: RunFolder) -> None:
    saved, loaded = make_classifier(1), load_network(run)
    assert (loaded.classes, loaded.preprocessing, loaded.views) == (saved.classes, saved.preprocessing, saved.views)
    assert not loaded.network.training
    state = loaded.network.state_dict()
    assert set(state) == set(saved.network.state_dict())
    assert all(torch.equal(state[name], value) for name, value in saved.network.state_dict().items())


@pytest.mark.parametrize("seed", range(20))
def test_a_flipped_bit_is_noticed(run: RunFolder, seed: int) -> None:
    rng = random.Random(seed)
    content = bytearray(run.model_path.read_bytes())
    header = struct.unpack("<Q", content[:8])[0]
    place = rng.randrange(8 + header if seed % 2 else len(content))
    content[place] ^= 1 << rng.randrange(8)
    run.model_path.write_bytes(content)
    with pytest.raises(RunError, match=r"model\.safetensors: is damaged \(its checksum is not that in model\.json\)"):
        load_network(run)


def test_another_runs_weights_are_noticed(run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = RunFolder(tmp_path_factory.mktemp("other"))
    save_network(other, make_classifier(2), epoch=1)
    other.model_path.replace(run.model_path)
    with pytest.raises(RunError, match="its checksum is not that"):
        load_network(run)


class _CrashError(BaseException):
    """The power goes."""


@pytest.mark.parametrize(("name", "kept"), [("model.json", 1), ("model.safetensors", 1), ("", 2)])
def test_a_crash_between_the_two_files_leaves_a_whole_network(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, name: str, kept: int
) -> None:
    replace = Path.replace

    def crash(path: Path, target: Path) -> Path:
        if Path(target).name == name:
            raise _CrashError
        return replace(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", crash)
        try:
            save_network(run, make_classifier(2), epoch=2)
        except _CrashError:
            assert name
    assert seed_of(run) == kept
    save_network(run, make_classifier(3), epoch=3)
    assert seed_of(run) == 3


@pytest.mark.parametrize(
    ("field", "value"),
    [("variant", "resnet"), ("switches", {"lrn": "sideways"}), ("switches", {"step": 1}), ("classes", ["ball"])],
)
def test_nonsense_in_model_json_is_one_line(run: RunFolder, field: str, value: object) -> None:
    values = json.loads((run.path / "model.json").read_text(encoding="utf-8"))
    (run.path / "model.json").write_text(json.dumps(values | {field: value}), encoding="utf-8")
    with pytest.raises(RunError) as caught:
        load_network(run)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


def test_missing_weights_are_named(run: RunFolder) -> None:
    run.model_path.unlink()
    with pytest.raises(RunError, match=r"model\.safetensors: is missing"):
        load_network(run)


def test_full_disk_leaves_the_network_before(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise checkpoint.SafetensorError("I/O error: No space left on device (os error 28)")

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint.safetensors.torch, "save_file", full)
        with pytest.raises(RunError, match="the disk is full"):
            save_network(run, make_classifier(2), epoch=2)
    assert seed_of(run) == 1
