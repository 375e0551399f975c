"""AlexNet as a workbench: train it on a folder of images, and see what it learned and which images it gets wrong.

run = alexnet.train("images", "fast", out="runs/first")
run.evaluation.top1_error
run.mistakes().draw()
alexnet.feature_maps(run, "image.jpg", "conv2").draw()
alexnet.write_report(run)
alexnet.apply_kernel("image.jpg", "sobel-y").draw()

`__init__.pyi` lists every public name; a name is loaded when it is first used, so that `import alexnet` is quick.
"""

import re
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any


@cache
def _modules() -> dict[str, str]:
    """Public name → the module it comes from, as `__init__.pyi` says."""
    stub = Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8")
    return {name: module for module, name in re.findall(r"^from (\S+) import (\w+)", stub, re.MULTILINE)}


def __getattr__(name: str) -> Any:
    if name == "__all__":
        return sorted(_modules())
    if name.startswith("__") or name not in _modules():
        raise AttributeError(f"module 'alexnet' has no attribute {name!r}")
    value = getattr(import_module(_modules()[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(_modules())
