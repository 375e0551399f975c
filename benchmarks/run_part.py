"""Run one part in its own process, so that no part inherits threads, memory or settings of another.

python -m benchmarks.run_part NAME SETTING.json RESULT.json
"""

import json
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from benchmarks.compare import MissingPeerError, Setting
from benchmarks.measured import PartResult

__all__ = ["read_setting", "run_part", "setting_values"]


def setting_values(setting: Setting) -> dict[str, Any]:
    """The setting as plain values for JSON."""
    return {name: str(value) if isinstance(value, Path) else value for name, value in vars(setting).items()}


def read_setting(values: dict[str, Any]) -> Setting:
    """The inverse of `setting_values`."""
    paths = {name: Path(values[name]) for name in ("folder", "scratch", "whole", "out")}
    series = {name: tuple(values[name]) for name in ("seeds", "counts", "peers")}
    return Setting(**{**values, **paths, **series})


def run_part(name: str, setting: Setting) -> PartResult:
    """Measure a part; if something that it needs is missing, the result names it."""
    torch.manual_seed(setting.seeds[0])
    started = time.perf_counter()
    try:
        result = PartResult(name, import_module(f"benchmarks.parts.{name}").measure(setting))
    except MissingPeerError as error:
        result = PartResult(name, missing=str(error))
    result.seconds = time.perf_counter() - started
    return result


def main() -> None:
    """Read the setting, measure, write the result."""
    name, setting, result_path = sys.argv[1:]
    result = run_part(name, read_setting(json.loads(Path(setting).read_text(encoding="utf-8"))))
    Path(result_path).write_text(json.dumps(result.to_dict()), encoding="utf-8")


if __name__ == "__main__":
    main()
