"""Measure candidates, and the limits of the machine in the same rounds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch

from benchmarks.alternate import alternate
from benchmarks.measured import Candidate, Comparison, Limits

__all__ = ["MissingPeerError", "Setting", "Way", "bfloat16_is_fast", "compare", "copy_probe", "matmul_probe"]

MATMUL_SIDE = 2048
"""Rows and columns of the matrices whose matmul is the limit of arithmetic."""

COPY_BYTES = 256 << 20
"""Bytes of the block whose copy is the limit of memory; far larger than any CPU cache."""

SLOWEST_SECONDS = 20.0
"""A candidate whose warm-up takes longer is measured once."""


class MissingPeerError(Exception):
    """A part cannot run on this machine; the message names what is missing."""


@dataclass(frozen=True)
class Setting:
    """The arguments of a part.

    folder: class folders below train/ and test/; its decoded images are cached. scratch: a folder for files of the
    part, deleted afterwards. whole: the folder that the user named, with all its images. out: the folder of results.
    counts: numbers of images that `linear` draws. peers: what `accuracy` measures besides our program.
    """

    folder: Path
    scratch: Path
    whole: Path
    out: Path
    repeats: int = 5
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    counts: tuple[int, ...] = (1_000, 10_000, 50_000, 200_000)
    peers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Way:
    """A candidate to be measured; the numbers are explained at `Candidate`."""

    run: Callable[[], object]
    work: float = 1.0
    flop: float = 0.0
    moved: float = 0.0
    dtype: str = "float32"


def compare(
    title: str,
    ways: Mapping[str, Way],
    *,
    repeats: int,
    slowest: float = SLOWEST_SECONDS,
    **about: Any,
) -> Comparison:
    """Measure the candidates alternately, and in the same rounds the machine's limits if any candidate needs them.

    Args:
        about: further fields of the `Comparison`: unit, peer, notes, charted.
    """
    runs = {name: way.run for name, way in ways.items()}
    counted = {way.dtype for way in ways.values() if way.flop}
    probes = {dtype: matmul_probe(getattr(torch, dtype)) for dtype in sorted(counted)}
    limited = any(way.flop or way.moved for way in ways.values())
    if limited:
        runs |= {f"limit of {dtype}": probe.run for dtype, probe in probes.items()}
        probes["copy"] = copy_probe()
        runs["limit of copy"] = probes["copy"].run
    seconds = alternate(runs, repeats=repeats, slowest=slowest)
    candidates = tuple(
        Candidate(name, tuple(seconds[name]), way.work, way.flop, way.moved, way.dtype) for name, way in ways.items()
    )
    limits = None
    if limited:
        rates = {
            name: probe.work / min(seconds[f"limit of {name}"])  # the limit is the fastest run
            for name, probe in probes.items()
        }
        limits = Limits({dtype: rates[dtype] for dtype in counted}, rates["copy"])
    return Comparison(title, candidates, limits=limits, **about)


def matmul_probe(dtype: torch.dtype, side: int = MATMUL_SIDE) -> Way:
    """A matmul of two square matrices; its work is counted in float operations."""
    generator = torch.Generator().manual_seed(0)
    left, right = (torch.randn(side, side, generator=generator).to(dtype) for _ in range(2))
    out = torch.empty(side, side, dtype=dtype)
    return Way(lambda: torch.mm(left, right, out=out), work=2.0 * side**3)


def copy_probe(num_bytes: int = COPY_BYTES) -> Way:
    """A copy of one block; its work is the number of bytes read and written."""
    source = torch.ones(num_bytes, dtype=torch.uint8)
    target = torch.zeros(num_bytes, dtype=torch.uint8)
    return Way(lambda: target.copy_(source), work=2.0 * num_bytes)


@cache
def bfloat16_is_fast() -> bool:
    """Whether a matmul in bfloat16 is as fast as one in float32; an emulated one is a hundred times slower.

    Measured once, so that every caller in a process gets the same answer.
    """
    small = 512
    probes = {str(dtype): matmul_probe(dtype, small).run for dtype in (torch.float32, torch.bfloat16)}
    seconds = alternate(probes, repeats=5)
    return min(seconds["torch.bfloat16"]) <= min(seconds["torch.float32"])
