"""Weight files of every kind: read as what they are, refused in one line, never executed, in bounded memory."""

import argparse
import datetime
import io
import pathlib
import random
import resource
import struct
import sys
import time
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from alexnet.errors import WeightsError
from alexnet.model.weight_files import read_weights

WEIGHTS = {
    "conv1.weight": torch.randn(4, 3, 5, 5),
    "conv1.bias": torch.zeros(4),
    "fc6.weight": torch.randn(6, 8),
}
ARRAYS = {name: value.numpy() for name, value in WEIGHTS.items()}


def assert_same(result: dict[str, torch.Tensor], *, tolerance: float = 0.0) -> None:
    assert set(result) == set(WEIGHTS)
    for name, value in WEIGHTS.items():
        assert result[name].dtype == torch.float32
        torch.testing.assert_close(result[name], value, rtol=tolerance, atol=tolerance)


WRITERS: dict[str, Callable[[Path], object]] = {
    "w.pth": lambda path: torch.save(WEIGHTS, path),
    "w.pt": lambda path: torch.save({"state_dict": WEIGHTS, "epoch": 3}, path),
    "model_best.pth.tar": lambda path: torch.save({"state_dict": WEIGHTS, "best_acc1": torch.tensor(56.5)}, path),
    "pytorch_model.bin": lambda path: torch.save(WEIGHTS, path),
    "lightning.ckpt": lambda path: torch.save({"state_dict": WEIGHTS, "callbacks": {}}, path),
    "legacy.pth": lambda path: torch.save(WEIGHTS, path, _use_new_zipfile_serialization=False),
    "w.safetensors": lambda path: safetensors.torch.save_file(WEIGHTS, path),
    "w.npz": lambda path: np.savez(path, **ARRAYS),
    "compressed.npz": lambda path: np.savez_compressed(path, **ARRAYS),
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("renamed", [False, True])
def test_every_kind_of_file_is_read_whatever_it_is_called(tmp_path: Path, name: str, renamed: bool) -> None:
    path = tmp_path / name
    WRITERS[name](path)
    assert_same(read_weights(path.rename(tmp_path / "weights") if renamed else path))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_numbers_of_any_precision_become_float32(tmp_path: Path, dtype: torch.dtype) -> None:
    torch.save({name: value.to(dtype) for name, value in WEIGHTS.items()}, tmp_path / "w.pth")
    assert_same(read_weights(tmp_path / "w.pth"), tolerance=0.02)


def test_sparse_and_column_major_numbers_are_read(tmp_path: Path) -> None:
    torch.save({k: v.to_sparse() if v.ndim == 2 else v for k, v in WEIGHTS.items()}, tmp_path / "w.pth")
    assert_same(read_weights(tmp_path / "w.pth"))
    np.savez(tmp_path / "w.npz", **{name: np.asfortranarray(value) for name, value in ARRAYS.items()})
    assert_same(read_weights(tmp_path / "w.npz"))


CHECKPOINTS = {
    "tutorial": {"epoch": 5, "model_state_dict": WEIGHTS, "optimizer_state_dict": {}, "loss": 0.4},
    "tensor loss": {"model_state_dict": WEIGHTS, "loss": torch.tensor(0.4)},
    "optimizer with tensors": {"model": WEIGHTS, "optimizer": {"state": {0: {"exp_avg": torch.ones(3, 3)}}}},
    "unusual name": {"classifier_v2": WEIGHTS, "optimizer": {"state": {0: {"exp_avg": torch.ones(3, 3)}}}},
    "nested": {"checkpoint": {"model": {"state_dict": WEIGHTS}}},
    "numpy score": {"state_dict": WEIGHTS, "best_acc": np.float64(91.2), "history": np.arange(3.0)},
    "options": {"net": WEIGHTS, "args": argparse.Namespace(lr=0.1, out=pathlib.PurePosixPath("runs"))},
    "time": {"state_dict": WEIGHTS, "saved": datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)},
}


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_state_dict_is_found_in_a_checkpoint(tmp_path: Path, name: str) -> None:
    torch.save(CHECKPOINTS[name], tmp_path / "w.pth")
    if name == "time":  # its time zone is one object more than is known
        with pytest.raises(WeightsError, match=r"holds more than tensors \(datetime\.timezone\)"):
            read_weights(tmp_path / "w.pth")
    else:
        assert_same(read_weights(tmp_path / "w.pth"))


def test_several_networks_in_one_file_are_named(tmp_path: Path) -> None:
    torch.save({"generator": WEIGHTS, "critic": WEIGHTS}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"holds several networks \(generator, critic\); save the state_dict\(\)"):
        read_weights(tmp_path / "w.pth")


class Malicious:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("is_zip", [True, False])
@pytest.mark.parametrize("key", ["x", "state_dict", "args"])
def test_code_in_a_file_is_not_run(tmp_path: Path, is_zip: bool, key: str) -> None:
    path, trace = tmp_path / "w.pth", tmp_path / "trace"
    torch.save(WEIGHTS | {key: Malicious(trace)}, path, _use_new_zipfile_serialization=is_zip)
    with pytest.raises(
        WeightsError, match=r"holds more than tensors \(.*\), which could run code, and is not loaded"
    ):
        read_weights(path)
    assert not trace.exists()


def test_objects_beside_the_weights_are_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save({"state_dict": WEIGHTS, "args": argparse.Namespace(lr=0.1)}, tmp_path / "w.pth")
    monkeypatch.setattr(argparse.Namespace, "__init__", lambda *_, **__: pytest.fail("made"))
    monkeypatch.setattr(argparse.Namespace, "__setattr__", lambda *_: pytest.fail("set"))
    assert_same(read_weights(tmp_path / "w.pth"))


def _save(value: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def _script() -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(nn.Linear(2, 2)), buffer)
    return buffer.getvalue()


def _quantized() -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _save({"conv1.weight": torch.quantize_per_tensor(WEIGHTS["conv1.weight"], 0.01, 0, torch.qint8)})


def _npy() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.ones(3))
    return buffer.getvalue()


def _zip(**entries: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _zipped_again() -> bytes:
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(_save(WEIGHTS))) as old,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(name, old.read(name))
    return buffer.getvalue()


def _sparse_beyond() -> bytes:
    tensor = torch.sparse_coo_tensor(torch.tensor([[2**40], [0]]), torch.ones(1), (2, 2), check_invariants=False)
    return _save({"fc6.weight": tensor})


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "is empty; download or copy it again"),
    "Git LFS": (lambda: b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
    "web page": (lambda: b"\n<!DOCTYPE html><html>", "is a web page, not weights"),
    "Keras": (lambda: b"\x89HDF\r\n\x1a\n", "is an HDF5 (Keras) file"),
    "gzip": (lambda: b"\x1f\x8b\x08", "is compressed (gzip); unpack it first"),
    "tar": (lambda: bytes(257) + b"ustar" + bytes(250), "is a tar archive; unpack it"),
    "one array": (_npy, "is one NumPy array, not named weights"),
    "nonsense": (
        lambda: b"nonsense",
        "is of no known kind; give a PyTorch (.pth, .pt, .bin, .ckpt), .safetensors or",
    ),
    "cut zip": (lambda: b"PK\x03\x04 cut", "is damaged (BadZipFile: File is not a zip file); download or copy it"),
    "other zip": (lambda: _zip(a=b""), "is a zip archive without weights"),
    "zipped again": (_zipped_again, "was compressed by another program"),
    "TorchScript": (_script, "is a TorchScript program; save the state_dict() of the network instead"),
    "list": (lambda: _save([1, 2]), "holds no state dict; save the network's state_dict()"),
    "no tensors": (lambda: _save({"state_dict": {}}), "holds no tensors; save the network's state_dict()"),
    "quantized": (_quantized, "holds quantized numbers in conv1.weight; dequantize them before saving"),
    "complex": (lambda: _save({"a.weight": torch.ones(2, 2) * 1j}), "holds complex numbers in a.weight"),
    "meta": (
        lambda: _save({"a.weight": torch.ones(2, 2, device="meta")}),
        "holds no numbers for a.weight, only its sh",
    ),
    "sparse rows": (
        lambda: _save({"a.weight": torch.eye(2).to_sparse_csr()}),
        "holds torch.sparse_csr numbers in a.we",
    ),
    "sparse beyond": (_sparse_beyond, "is damaged (RuntimeError: "),
    "whole model": (lambda: _save(nn.Linear(2, 2)), "holds more than tensors (torch.nn.modules.linear.Linear)"),
}


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support")
@pytest.mark.parametrize("name", REFUSED)
def test_other_files_are_refused_in_one_line(tmp_path: Path, name: str) -> None:
    content, message = REFUSED[name]
    path = tmp_path / "w.pth"
    path.write_bytes(content())
    with pytest.raises(WeightsError) as caught:
        read_weights(path)
    assert str(caught.value).startswith(f"{path}: {message}")
    assert "\n" not in str(caught.value)


def test_missing_file_and_folder_are_named(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.pth", tmp_path):
        with pytest.raises(WeightsError, match="no such weight file; check the path"):
            read_weights(path)


def test_text_arrays_are_left_out(tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", words=np.array(["x"]), objects=np.array([None]), **ARRAYS)
    assert_same(read_weights(tmp_path / "w.npz"))


def npz_declaring(shape: str, *, num_bytes: int = 0) -> bytes:
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return _zip(**{"a.npy": b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(num_bytes)})


def safetensors_declaring(shape: list[int], num_bytes: int) -> bytes:
    header = f'{{"a":{{"dtype":"F32","shape":{shape},"data_offsets":[0,{num_bytes}]}}}}'.encode()
    return struct.pack("<Q", len(header)) + header


ABSURD = {
    "npz, terabytes": npz_declaring("(1000000000000,)"),
    "npz, more than integers hold": npz_declaring("(10000000000, 10000000000, 10000000000)"),
    "npz, negative": npz_declaring("(-4,)", num_bytes=16),
    "safetensors, terabytes": safetensors_declaring([2**40], 2**42),
    "stride 0": _save({"a.weight": torch.ones(1).expand(2**40, 2)}),
    "sparse": b"",
    "bomb": b"",
}


def _bomb() -> bytes:
    """A compressed npz of 1 MB with 1 GB of zeros."""
    buffer = io.BytesIO()
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (268435456,), }"
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.npy", "w") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
        for _ in range(64):
            file.write(bytes(2**24))
    return buffer.getvalue()


def _sparse_terabytes() -> bytes:
    one = torch.sparse_coo_tensor(
        torch.zeros(2, 1, dtype=torch.long), torch.ones(1), (2**40, 9), check_invariants=True
    )
    return _save({"a.weight": one})


def _peak_memory() -> int:
    """Largest memory of this process so far, bytes."""
    factor = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * factor


@pytest.mark.slow
@pytest.mark.parametrize("name", ABSURD)
def test_declared_sizes_are_checked_before_memory_is_taken(tmp_path: Path, name: str) -> None:
    path, before = tmp_path / "w", _peak_memory()
    made = {"bomb": _bomb, "sparse": _sparse_terabytes}
    path.write_bytes(made[name]() if name in made else ABSURD[name])
    with pytest.raises(WeightsError, match=r"declares|is damaged"):
        read_weights(path)
    assert _peak_memory() - before < 2**28


def _mutated(content: bytes, rng: random.Random) -> bytes:
    """The file with some bytes changed, cut off, doubled or left out."""
    place, kind = rng.randrange(len(content)), rng.randrange(6)
    if kind == 0:
        return content[:place]
    if kind == 1:
        return content[:place] + rng.randbytes(rng.randrange(1, 40)) + content[place:]
    if kind == 2:
        return content[:place] + content[place + rng.randrange(1, 40) :]
    changed = bytearray(content)
    for _ in range(rng.choice([1, 2, 8, 64])):
        changed[rng.randrange(len(changed))] = rng.choice([0, 255, 0x7F, 0x80, rng.randrange(256)])
    return bytes(changed)


@pytest.mark.parametrize("seed", range(200))
def test_damaged_files_are_read_or_refused(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    name = rng.choice(list(WRITERS))
    path = tmp_path / name
    WRITERS[name](path)
    content = path.read_bytes()
    if name == "w.pth" and rng.random() < 0.5:  # the pickle inside, with a valid archive around it
        buffer = io.BytesIO()
        with zipfile.ZipFile(path) as old, zipfile.ZipFile(buffer, "w") as new:
            for entry in old.namelist():
                part = old.read(entry)
                new.writestr(entry, _mutated(part, rng) if entry.endswith("data.pkl") else part)
        content = buffer.getvalue()
    else:
        content = _mutated(content, rng)
    path.write_bytes(content)
    started = time.process_time()
    try:
        result = read_weights(path)
    except WeightsError as error:
        message = str(error)
    else:
        message = ""
        assert all(value.dtype == torch.float32 for value in result.values())
    assert "\n" not in message and len(message) < 500
    assert time.process_time() - started < 10.0


def test_reading_leaves_torch_as_it_was(tmp_path: Path) -> None:
    WRITERS["w.pth"](tmp_path / "w.pth")
    before = set(torch.serialization.get_safe_globals())
    read_weights(tmp_path / "w.pth")
    assert set(torch.serialization.get_safe_globals()) == before
