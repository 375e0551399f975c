"""`alexnet report`: the report of a run."""

import alexnet
from alexnet.cli.options import Json, RunPath
from alexnet.cli.screen import screen

__all__ = ["report"]


def report(run: RunPath, as_json: Json = False) -> None:
    """Write the report and the figures of a finished run again."""
    page = alexnet.write_report(run)
    screen.print(f"report: {page}")
    screen.print_json(alexnet.open_run(run).summary() | {"report": str(page)})
