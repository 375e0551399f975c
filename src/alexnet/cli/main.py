"""The command `alexnet`: its parts, and how every end of it looks."""

import os
import sys
import time
import traceback
from collections.abc import Callable
from typing import Annotated, Any

import typer

from alexnet.cli import images, look, models, training
from alexnet.cli.convolve import convolve
from alexnet.cli.exporting import export
from alexnet.cli.process import prepare_process
from alexnet.cli.show import screen
from alexnet.errors import AlexNetError

__all__ = ["app", "run"]

CommandLineError: Any = typer.BadParameter.__mro__[1]
"""What a wrong word on the command line raises, in click or in the copy of it that typer brings."""

app = typer.Typer(
    name="alexnet",
    help="Train AlexNet on a folder of images, and see what it learned and which images it gets wrong.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

COMMANDS: dict[str, Callable[..., None]] = {
    "train": training.train,
    "resume": training.resume,
    "evaluate": training.evaluate,
    "predict": training.predict,
    "mistakes": look.mistakes,
    "curves": look.curves,
    "confusion": look.confusion,
    "kernels": look.kernels,
    "maps": look.maps,
    "report": look.report,
    "compare": look.compare,
    "export": export,
    "recipe": models.recipe,
    "convolve": convolve,
}
for name, command in COMMANDS.items():
    app.command(name)(command)
app.add_typer(images.app, name="data", help="Check images, draw practice images, tidy the cache.")
app.add_typer(models.app, name="model")


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"alexnet {version('alexnet-workbench')}")
        raise typer.Exit


@app.callback()
def options(
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show nothing but errors.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True)] = False,
) -> None:
    """Read what holds for every command."""
    screen.quiet = screen.quiet or quiet


def run(arguments: list[str] | None = None) -> None:
    """Run the command line. Exit codes: 0 done, 2 the user's input, 130 interrupted, 1 a fault of ours."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal of few letters shows what it can
            stream.reconfigure(errors="backslashreplace")
    prepare_process()
    screen.quiet = screen.as_json = False
    # what Python took to start is CPU time already spent
    screen.started = time.perf_counter() - (time.process_time() if arguments is None else 0.0)
    for flag in ("--quiet", "-q"):  # may stand anywhere
        while flag in words:
            words.remove(flag)
            screen.quiet = True
    try:
        code = app(args=words, standalone_mode=False, prog_name="alexnet")
    except AlexNetError as error:
        screen.error(str(error))
        code = 2
    except CommandLineError as error:
        path = error.ctx.command_path if error.ctx else "alexnet"
        screen.error(f"{error.format_message().rstrip('.')}; see `{path} --help`")
        code = 2
    except (KeyboardInterrupt, typer.Abort):
        screen.error("interrupted")
        code = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        traceback.print_exc()
        screen.error(f"a fault of this program ({type(error).__name__}); please report it with the lines above")
        code = 1
    sys.exit(code if isinstance(code, int) else 0)
