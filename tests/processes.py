"""Processes for tests of trainings on several of them: they know the variant `narrow`."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

WORKER = """
import sys
from tests.narrow import narrow_variants
from alexnet.training.worker import main
with narrow_variants():
    main(*sys.argv[1:])
"""

COMMAND = """
import sys
from tests.narrow import narrow_variants
from alexnet.cli.main import run
with narrow_variants():
    run(sys.argv[1:])
"""

KILLED_ONCE = """
import os, signal, sys
from tests.narrow import narrow_variants
from alexnet.cli.main import run
from alexnet.training.job import Job
seed = Job.seed_dropout

def die_in_a_step(job, step):
    if step == 5 and os.environ["RANK"] == "1" and os.environ["TORCHELASTIC_RESTART_COUNT"] == "0":
        os.kill(os.getpid(), signal.SIGKILL)
    seed(job, step)

Job.seed_dropout = die_in_a_step
with narrow_variants():
    run(sys.argv[1:])
"""


def worker_command() -> list[str]:
    """As `alexnet.training.launch.worker_command`."""
    return [sys.executable, "-c", WORKER]


def environment(cache: Path) -> dict[str, str]:
    """Of a process that imports the tests, too, and has one thread."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "src")])
    return os.environ | {"PYTHONPATH": path, "ALEXNET_CACHE": str(cache), "OMP_NUM_THREADS": "1"}


def command(*words: str, env: dict[str, str]) -> "subprocess.Popen[str]":
    """The command `alexnet` with some words, started."""
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, *words],
        env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def machine(number: int, count: int, port: int, script: Path, *words: str, env: dict[str, str]) -> (
    "subprocess.Popen[str]"
):  # fmt: skip
    """torchrun with one process, as on machine `number` of `count`, each with a loopback address of its own."""
    torchrun = [
        sys.executable, "-m", "torch.distributed.run", "--nnodes", str(count), "--node-rank", str(number),
        "--nproc-per-node", "1", "--master-addr", "127.0.0.1", "--master-port", str(port),
        "--local-addr", f"127.0.0.{number + 1}",
    ]  # fmt: skip
    return subprocess.Popen(
        [*torchrun, str(script), *words], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def restarting(count: int, port: int, script: Path, *words: str, env: dict[str, str]) -> "subprocess.Popen[str]":
    """torchrun with some processes on one machine, which are all started once more when one dies."""
    torchrun = [
        sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(count), "--max-restarts", "1",
        "--master-addr", "127.0.0.1", "--master-port", str(port),
    ]  # fmt: skip
    return subprocess.Popen(
        [*torchrun, str(script), *words], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
