"""Weight files as people have them, read without running code in them and without more memory than they need."""

import math
import pickle
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from alexnet.errors import WeightsError
from alexnet.files import is_file, shown_name

__all__ = ["read_weights"]

KINDS = "PyTorch (.pth, .pt, .bin, .ckpt), .safetensors or .npz"

SMALL_BYTES = 256 << 20
LARGEST_GROWTH = 20
"""Tensors take at most `SMALL_BYTES`, or `LARGEST_GROWTH` times their file: neither zip bombs nor absurd shapes."""

NUM_HEAD = 512
"""Bytes from which the kind of a file is recognized."""

FOREIGN = (
    (b"\x89HDF", "is an HDF5 (Keras) file; save the weights as .safetensors or .npz there"),
    (b"version https://git-lfs", "is a Git LFS pointer, not the weights; run `git lfs pull` where it came from"),
    (b"\x1f\x8b", "is compressed (gzip); unpack it first"),
    (b"BZh", "is compressed (bzip2); unpack it first"),
    (b"\xfd7zXZ", "is compressed (xz); unpack it first"),
    (b"7z\xbc\xaf", "is compressed (7z); unpack it first"),
    (b"Rar!", "is compressed (rar); unpack it first"),
    (b"\x93NUMPY", "is one NumPy array, not named weights; save them as .npz"),
)
"""First bytes of files that hold no weights or other programs' weights, and what to do."""

STATE_DICT_KEYS = ("state_dict", "model_state_dict", "model", "net", "network", "module", "weights", "params")
"""Where checkpoints keep the state dict, most common first."""

DEEPEST = 4
"""Dictionaries inside each other that are searched for a state dict."""


class _Ignored:
    """Stands in for values beside the weights (scores, options, paths) that need not be understood."""

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, _: object) -> None:
        pass


IGNORED = (
    "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar", "numpy.core.multiarray._reconstruct",
    "numpy._core.multiarray._reconstruct", "numpy.ndarray", "numpy.dtype", "argparse.Namespace",
    "pathlib.Path", "pathlib.PosixPath", "pathlib.WindowsPath", "pathlib.PurePosixPath", "pathlib.PureWindowsPath",
    "pathlib._local.PosixPath", "pathlib._local.WindowsPath", "datetime.datetime", "datetime.timedelta",
)  # fmt: skip
"""Python objects that training scripts save beside the weights. None is made: `_Ignored` stands for each."""


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a weight file by name, as float32 on the CPU.

    The kind is recognized by the content, whatever the file is called: a PyTorch checkpoint, safetensors, or NumPy's
    npz. Nothing in the file is executed.

    Raises:
        WeightsError: the file is missing, damaged, of another kind, declares more than it can hold, or holds more
            than tensors.
    """
    shown = shown_name(path)
    if not is_file(path):
        raise WeightsError(f"{shown}: no such weight file; check the path")
    try:
        with path.open("rb") as file:
            head = file.read(NUM_HEAD)
        content = _read(path, head)
        weights = dict(_named_tensors(content, _largest_size(path)))
    except _RefusedError as error:
        raise WeightsError(f"{shown}: {error}") from error
    except pickle.UnpicklingError as error:
        raise WeightsError(f"{shown}: {_explain_refusal(error)}") from error
    except OSError as error:
        raise WeightsError(f"{shown}: cannot be read ({error.strerror or _short(error)}); check the file") from error
    except Exception as error:  # whatever three foreign readers raise for damaged bytes
        raise WeightsError(f"{shown}: is damaged ({_short(error)}); download or copy it again") from error
    if not weights:
        raise WeightsError(f"{shown}: holds no tensors; save the network's state_dict()")
    return weights


class _RefusedError(Exception):
    """A file that is not read; the message says why and what to do."""


def _short(error: BaseException) -> str:
    message = " ".join(shown_name(str(error)).split())
    return f"{type(error).__name__}: {message[:120]}" if message else type(error).__name__


def _largest_size(path: Path) -> int:
    """Bytes that the tensors of a file may take in memory."""
    return max(SMALL_BYTES, LARGEST_GROWTH * path.stat().st_size)


def _read(path: Path, head: bytes) -> Mapping[Any, Any]:
    """The tensors of a file by name, among other things; the reader is chosen by the first bytes."""
    if not head:
        raise _RefusedError("is empty; download or copy it again")
    for start, advice in FOREIGN:
        if head.startswith(start):
            raise _RefusedError(advice)
    if head[257:262] == b"ustar":
        raise _RefusedError("is a tar archive; unpack it and give the weight file inside")
    if head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise _RefusedError("is a web page, not weights; download the file itself")
    if head.startswith(b"PK"):
        return _read_zip(path)
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < path.stat().st_size:
        return safetensors.torch.load_file(path)
    if head.startswith(b"\x80"):  # a pickle
        return _state_dict(_load_pickle(path, is_zip=False))
    raise _RefusedError(f"is of no known kind; give a {KINDS} file, or a run folder")


def _read_zip(path: Path) -> Mapping[Any, Any]:
    """A PyTorch checkpoint or NumPy arrays: both are zip archives."""
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        names = [entry.filename for entry in entries]
        if any(name.endswith(".npy") for name in names):
            return dict(_read_arrays(archive, _largest_size(path)))
        if not any(name.endswith("data.pkl") for name in names):
            raise _RefusedError(f"is a zip archive without weights; give a {KINDS} file")
        if any("/code/" in name or name.endswith("constants.pkl") for name in names):
            raise _RefusedError("is a TorchScript program; save the state_dict() of the network instead")
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise _RefusedError("was compressed by another program; give the file that torch.save wrote")
    return _state_dict(_load_pickle(path, is_zip=True))


def _load_pickle(path: Path, *, is_zip: bool) -> object:
    """A checkpoint of torch.save by torch's reader for tensors, which runs no code.

    A zip is mapped into memory: tensors that are not used cost nothing, and none reaches beyond the file.
    """
    allowed: list[Any] = [(_Ignored, name) for name in IGNORED]
    with warnings.catch_warnings(), torch.serialization.safe_globals(allowed):
        warnings.simplefilter("ignore")
        if is_zip:
            return torch.load(str(path), map_location="cpu", weights_only=True, mmap=True)
        return torch.load(path, map_location="cpu", weights_only=True)


def _explain_refusal(error: pickle.UnpicklingError) -> str:
    match = re.search(r"GLOBAL ([\w.]+)", str(error))
    if match is None:
        return "is damaged or no PyTorch file; download or copy it again"
    return f"holds more than tensors ({match[1]}), which could run code, and is not loaded; save its state_dict()"


def _state_dict(content: object, depth: int = 0) -> Mapping[Any, Any]:
    """The state dict of a checkpoint, at its top or in one of its entries.

    Raises:
        _RefusedError: there is none, or more than one.
    """
    if not isinstance(content, dict):
        raise _RefusedError("holds no state dict; save the network's state_dict()")
    if any(isinstance(value, Tensor) and value.ndim >= 2 for value in content.values()) or depth == DEEPEST:
        return content
    inner = {
        key: value
        for key, value in content.items()
        if isinstance(key, str) and isinstance(value, dict) and _holds_weights(value, set())
    }
    for key in STATE_DICT_KEYS:
        if key in inner:
            return _state_dict(inner[key], depth + 1)
    inner = {key: value for key, value in inner.items() if "optim" not in key}
    if len(inner) > 1:
        names = ", ".join(shown_name(key)[:40] for key in list(inner)[:6])
        raise _RefusedError(f"holds several networks ({names}); save the state_dict() of one")
    return _state_dict(next(iter(inner.values())), depth + 1) if inner else content


def _holds_weights(values: Mapping[Any, Any], seen: set[int]) -> bool:
    """Whether a dictionary, or one inside it, has a tensor shaped like weights; those in `seen` are not searched."""
    seen.add(id(values))
    if any(isinstance(value, Tensor) and value.ndim >= 2 for value in values.values()):
        return True
    inner = (value for value in values.values() if isinstance(value, dict) and id(value) not in seen)
    return any(_holds_weights(value, seen) for value in inner)


def _read_arrays(archive: zipfile.ZipFile, largest: int) -> Iterator[tuple[str, Tensor]]:
    """The numeric arrays of an npz file; sizes are checked before any memory is taken."""
    total = 0
    for entry in archive.infolist():
        name = entry.filename.removesuffix(".npy")
        if name == entry.filename:
            continue
        with archive.open(entry) as file:
            shape, is_fortran, dtype = _array_header(file)
            if dtype.kind not in "fiub":  # text and pickled objects
                continue
            num_bytes = math.prod(shape) * dtype.itemsize
            total += math.prod(shape) * max(4, dtype.itemsize)
            if num_bytes != entry.file_size - file.tell():
                raise _RefusedError(
                    f"is damaged: {shown_name(name)[:80]} declares {_bytes(num_bytes)} and has "
                    f"{_bytes(entry.file_size - file.tell())}; download or copy it again"
                )
            if total > largest:
                raise _RefusedError(_too_large(name, total, largest))
            values = np.frombuffer(file.read(num_bytes), dtype)
        array = values.reshape(shape[::-1]).T if is_fortran else values.reshape(shape)
        with np.errstate(over="ignore"):
            yield name, torch.from_numpy(array.astype(np.float32))


def _array_header(file: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether columns come first, and dtype of a .npy file; `file` then stands at its numbers."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read(file)


def _bytes(number: int) -> str:
    return f"{number:,} bytes" if number < 10**15 else f"{number:.0e} bytes" if number < 10**300 else "more bytes"


def _too_large(name: str, num_bytes: int, largest: int) -> str:
    return (
        f"declares {_bytes(num_bytes)} up to {shown_name(name)[:80]}, more than the {_bytes(largest)} that a file of "
        "its size may hold; download or copy it again"
    )


def _named_tensors(content: Mapping[Any, Any], largest: int) -> Iterator[tuple[str, Tensor]]:
    """The tensors among the values, as float32 in ordinary memory order."""
    total = 0
    for name, tensor in content.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            continue
        total += 4 * tensor.numel()
        if total > largest:
            raise _RefusedError(_too_large(name, total, largest))
        yield name, _as_float32(name, tensor.detach())


def _as_float32(name: str, tensor: Tensor) -> Tensor:
    if tensor.is_meta:
        raise _RefusedError(
            f"holds no numbers for {shown_name(name)[:80]}, only its shape; save it from a real device"
        )
    if tensor.is_complex():
        raise _RefusedError(f"holds complex numbers in {shown_name(name)[:80]}; give real weights")
    if tensor.is_quantized:
        raise _RefusedError(f"holds quantized numbers in {shown_name(name)[:80]}; dequantize them before saving")
    if tensor.layout not in (torch.strided, torch.sparse_coo):
        raise _RefusedError(f"holds {tensor.layout} numbers in {shown_name(name)[:80]}; save them with to_dense()")
    if tensor.is_sparse:  # torch would follow indices beyond the tensor
        indices, values = tensor._indices(), tensor._values()
        tensor = torch.sparse_coo_tensor(indices, values, tensor.shape, check_invariants=True).to_dense()
    return tensor.to("cpu", torch.float32).contiguous()
