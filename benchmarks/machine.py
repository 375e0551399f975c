"""On what was measured: CPU, versions, commit, and what else the machine had to do."""

import os
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from alexnet.training.machine import describe_machine

__all__ = ["NOTABLE_FLAGS", "describe"]

NOTABLE_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
"""What decides how fast the CPU computes."""

PACKAGES = ("alexnet-workbench", "torch", "numpy", "pillow", "scipy", "keras")


def describe(seed: int) -> dict[str, Any]:
    """Everything about the machine and the program that a reader of the numbers wants to know."""
    CPU, flags = processor_facts()
    return describe_machine() | {
        "processor": CPU or str(describe_machine()["processor"]),
        "flags": {name: name in flags for name in NOTABLE_FLAGS},
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
        "commit": _commit(),
        "seed": seed,
        "load_at_start": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def processor_facts(path: Path = Path("/proc/cpuinfo")) -> tuple[str, frozenset[str]]:
    """Model name and flags of the first CPU; empty where the system does not say."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return "", frozenset()
    facts: dict[str, str] = {}
    for line in lines:
        key, _, value = line.partition(":")
        facts.setdefault(key.strip(), value.strip())
    return facts.get("model name", ""), frozenset(facts.get("flags", "").split())


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _commit() -> str:
    """The commit, with a + where files differ from it; empty outside of a checkout."""
    try:
        said = subprocess.run(
            ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--abbrev=12", "--dirty=+"],
            capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return said.stdout.strip()
