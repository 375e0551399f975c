"""The machine of a measurement: CPU, versions, commit, and its load."""

import os
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from alexnet.training.machine import describe_machine

__all__ = ["NOTABLE_FLAGS", "describe"]

NOTABLE_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
"""CPU flags that decide how fast it computes."""

PACKAGES = ("alexnet-workbench", "torch", "numpy", "pillow", "scipy", "keras")


def describe(seed: int) -> dict[str, Any]:
    """What a reader of the numbers needs to know about the machine and the program."""
    name, flags = cpu_facts()
    machine = describe_machine()
    return {key: value for key, value in machine.items() if key != "processor"} | {
        "cpu": name or str(machine["processor"]),
        "flags": {flag: flag in flags for flag in NOTABLE_FLAGS},
        "versions": {package: number for package in PACKAGES if (number := _version(package))},
        "commit": _commit(),
        "seed": seed,
        "load_at_start": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def cpu_facts(path: Path = Path("/proc/cpuinfo")) -> tuple[str, frozenset[str]]:
    """Model name and flags of the first CPU; empty if the system does not report them."""
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
    """The commit, followed by + if files differ from it; empty outside a checkout."""
    try:
        described = subprocess.run(
            ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--abbrev=12", "--dirty=+"],
            capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return described.stdout.strip()
