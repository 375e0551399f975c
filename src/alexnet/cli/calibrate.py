"""`alexnet calibrate`: how well the probabilities match the accuracy."""

import alexnet
from alexnet.cli.options import Json, Out, RunPath
from alexnet.cli.screen import screen

__all__ = ["calibrate"]


def calibrate(run: RunPath, out: Out = None, as_json: Json = False) -> None:
    """Measure how well the probabilities match the accuracy."""
    report = alexnet.calibrate(run)
    measurements = [("as trained", report.before)] + (
        [("with the temperature", report.after)] if report.after else []
    )
    for name, measured in measurements:
        low, high = measured.interval
        screen.print(
            f"{name}: expected calibration error {100 * measured.expected_error:.1f} percentage points "
            f"(95 % interval {100 * low:.1f} to {100 * high:.1f}), "
            f"confidence {100 * measured.mean_confidence:.1f} %, accuracy {100 * measured.accuracy:.1f} %"
        )
    if report.temperature is None:
        screen.note("no validation images to fit a temperature on: train with --set validation_fraction=0.1")
    else:
        screen.print(f"temperature: {report.temperature:.3f}, fitted on {report.num_validation} validation images")
    path = alexnet.save_figure(report.draw(), out or alexnet.open_run(run).folder.figure_path("calibration.png"))
    screen.print_figure(path, {"run": str(run)} | report.to_dict())
