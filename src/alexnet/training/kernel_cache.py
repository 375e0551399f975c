"""Kernels found in the patches of a decoded folder, kept beside its pixels."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from alexnet.errors import DataError
from alexnet.files import disk_errors, write_whole
from alexnet.model.patch_kernels import PatchKernels

__all__ = ["KernelCache"]

KernelsAndScale = tuple[PatchKernels, Tensor]
"""The kernels, and the root mean square of the patches, a number."""


NAMES = ("weights", "is_distinct", "root_mean_square")
"""What a file holds."""


@dataclass(frozen=True)
class KernelCache:
    """A file for each set of kernels.

    folder: where the decoded images are. fingerprint: of the images.
    """

    folder: Path
    fingerprint: str

    def kernels(self, depends_on: Sequence[object], compute: Callable[[], KernelsAndScale]) -> KernelsAndScale:
        """What `compute` gives, or what it gave before for the same images and `depends_on`.

        A file that is damaged is written again.

        Raises:
            DataError: the cache cannot be written.
        """
        key = blake2b(repr((self.fingerprint, *depends_on)).encode(), digest_size=12).hexdigest()
        path = self.folder / f"conv1-{key}.safetensors"
        chosen = _read(path)
        if chosen is None:
            chosen = compute()
            with disk_errors(path, DataError, "free some space, or set ALEXNET_CACHE to another folder"):
                write_whole(path, lambda beside: beside.write_bytes(_to_bytes(chosen)))
        return chosen


def _to_bytes(chosen: KernelsAndScale) -> bytes:
    tensors = dict(zip(NAMES, (chosen[0].weights, chosen[0].is_distinct, chosen[1]), strict=True))
    return safetensors.torch.save(tensors, {"blake2b": _checksum(tensors)})


def _read(path: Path) -> KernelsAndScale | None:
    """The file's contents where it is whole; else None."""
    with suppress(OSError, ValueError, KeyError, TypeError, safetensors.SafetensorError):
        with safetensors.safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in NAMES}
            checksum = file.metadata()["blake2b"]
        if _checksum(tensors) == checksum:
            weights, is_distinct, root_mean_square = tensors.values()
            return PatchKernels(weights, is_distinct), root_mean_square
    return None


def _checksum(tensors: dict[str, Tensor]) -> str:
    digest = blake2b(digest_size=16)
    for name in sorted(tensors):
        digest.update(tensors[name].contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
