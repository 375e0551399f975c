"""AlexNet as a workbench: train it on a folder of images, and see what it learned and what it gets wrong.

folder = alexnet.scan_folder("images")
run = alexnet.train(folder, alexnet.PRESETS["fast"], out="runs/first")
run.evaluation, run.mistakes().draw()
alexnet.kernels(run.model, "conv1")
alexnet.feature_maps(run.model, "image.jpg", "conv2")
alexnet.write_report(run)
alexnet.convolve2d(image, alexnet.named_kernel("sobel-y").weights)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alexnet.convolution.apply import apply_kernel
    from alexnet.convolution.fast import convolve2d
    from alexnet.convolution.gallery import named_kernel
    from alexnet.convolution.trace import trace_convolution
    from alexnet.data.folder import scan_folder
    from alexnet.errors import AlexNetError
    from alexnet.export import export_onnx
    from alexnet.model.differences import diff_variants
    from alexnet.model.summary import summarize
    from alexnet.presets import PRESETS
    from alexnet.recipe import Recipe
    from alexnet.report.page import write_comparison, write_report
    from alexnet.runs.compare import compare_runs, draw_comparison
    from alexnet.runs.evaluate_runs import compare_views, evaluate, evaluate_ensemble
    from alexnet.runs.run import Run, open_run, predict
    from alexnet.runs.run import kernels_of as kernels
    from alexnet.runs.run import maps_of as feature_maps
    from alexnet.training.plan import plan_training
    from alexnet.training.recipe_check import check_recipe
    from alexnet.training.train import train

HOMES = {
    "AlexNetError": ("errors", "AlexNetError"),
    "PRESETS": ("presets", "PRESETS"),
    "Recipe": ("recipe", "Recipe"),
    "Run": ("runs.run", "Run"),
    "apply_kernel": ("convolution.apply", "apply_kernel"),
    "compare_runs": ("runs.compare", "compare_runs"),
    "compare_views": ("runs.evaluate_runs", "compare_views"),
    "check_recipe": ("training.recipe_check", "check_recipe"),
    "convolve2d": ("convolution.fast", "convolve2d"),
    "diff_variants": ("model.differences", "diff_variants"),
    "draw_comparison": ("runs.compare", "draw_comparison"),
    "evaluate": ("runs.evaluate_runs", "evaluate"),
    "evaluate_ensemble": ("runs.evaluate_runs", "evaluate_ensemble"),
    "export_onnx": ("export", "export_onnx"),
    "feature_maps": ("runs.run", "maps_of"),
    "kernels": ("runs.run", "kernels_of"),
    "named_kernel": ("convolution.gallery", "named_kernel"),
    "open_run": ("runs.run", "open_run"),
    "plan_training": ("training.plan", "plan_training"),
    "predict": ("runs.run", "predict"),
    "scan_folder": ("data.folder", "scan_folder"),
    "summarize": ("model.summary", "summarize"),
    "trace_convolution": ("convolution.trace", "trace_convolution"),
    "train": ("training.train", "train"),
    "write_comparison": ("report.page", "write_comparison"),
    "write_report": ("report.page", "write_report"),
}
"""Public name → where it lives; loaded when it is first asked for, so that `import alexnet` costs nothing."""

__all__ = [
    "PRESETS",
    "AlexNetError",
    "Recipe",
    "Run",
    "apply_kernel",
    "check_recipe",
    "compare_runs",
    "compare_views",
    "convolve2d",
    "diff_variants",
    "draw_comparison",
    "evaluate",
    "evaluate_ensemble",
    "export_onnx",
    "feature_maps",
    "kernels",
    "named_kernel",
    "open_run",
    "plan_training",
    "predict",
    "scan_folder",
    "summarize",
    "trace_convolution",
    "train",
    "write_comparison",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module 'alexnet' has no attribute {name!r}")
    module, attribute = HOMES[name]
    value = getattr(import_module(f"alexnet.{module}"), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
