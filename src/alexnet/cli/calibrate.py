"""`alexnet calibrate`: how well the probabilities match the accuracy."""

import alexnet
from alexnet.cli.options import Json, MovedTo, Out, RunPath
from alexnet.cli.progress import ProgressDisplay
from alexnet.cli.screen import screen

__all__ = ["calibrate"]


def calibrate(run: RunPath, data: MovedTo = None, out: Out = None, as_json: Json = False) -> None:
    """Measure how well the probabilities match the accuracy.

    A temperature is fitted on the validation images and kept with the run: `alexnet predict RUN IMAGE --calibrated`
    divides the logits by it, so that the probabilities match the accuracy better.
    """
    with ProgressDisplay() as progress:
        report = alexnet.calibrate(run, data=data, on_progress=progress.count("looking"))
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
    if report.temperature is None and not report.notes:
        screen.note("no validation images to fit a temperature on: train with --set validation_fraction=0.1")
    elif report.temperature is not None:
        screen.print(f"temperature: {report.temperature:.3f}, fitted on {report.num_validation} validation images")
    for note in report.notes:
        screen.note(note)
    path = alexnet.save_figure(report.draw(), out or alexnet.open_run(run).folder.figure_path("calibration.png"))
    screen.print_figure(path, {"run": str(run)} | report.to_dict())
