"""`alexnet shortcuts`: can the classes be recognized without the object?"""

from typing import Annotated

import typer

import alexnet
from alexnet.cli.options import Corrections, Csv, Data, Json, Out, corrected, count_corrections, write_results
from alexnet.cli.progress import ProgressDisplay
from alexnet.cli.scores import interval_text
from alexnet.cli.screen import percent, screen

__all__ = ["shortcuts"]


def shortcuts(
    data: Data,
    corrections: Corrections = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the split, where the folder has none.")] = 0,
    csv: Csv = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Test whether classes are recognized without the object.

    Small classifiers see only the border, the colors, the brightness, the width and height, or the size or format of
    the file. An alarm says which of these recognizes a class, also on the test images: a network may learn that
    instead of the object.
    """
    folder = corrected(data, corrections)
    with ProgressDisplay() as display:
        result = alexnet.shortcuts(
            folder, seed=seed, on_progress=display.count("decoding"),
            on_comparing=display.count("comparing"),
        )  # fmt: skip
    rows = [(s.probe, s.sees, percent(s.accuracy), interval_text(s.interval), percent(s.chance),
             percent(s.test_accuracy)) for s in result.probes]  # fmt: skip
    header = ["probe", "sees", "accuracy", "95 % interval", "chance", "test images"]
    screen.table(header, rows, right=(2, 3, 4, 5))
    for alarm in result.alarms:
        screen.print(f"alarm: {alarm.sentence}")
    if not result.alarms:
        screen.print("no alarm")
    write_results(result, csv, out)
    screen.print_json(result.to_dict() | count_corrections(folder))
