"""The library leaves the process as it was: in a fresh process, from its main thread and from another one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import draw_stripes

PROGRAM = '''
import gc, hashlib, json, locale, logging, os, random, signal, sys, threading, warnings
import filelock, jinja2, matplotlib.figure, numpy as np, PIL.Image, PIL.ImageFile, pydantic, safetensors, torch
import torch.nn.functional as F
import alexnet

images, photo, out, where = sys.argv[1:]


def digest(value):
    return hashlib.sha256(repr(value).encode()).hexdigest()[:12]


def loggers():
    names = sorted(logging.root.manager.loggerDict)
    every = {"root": logging.root} | {name: logging.getLogger(name) for name in names}
    return {name: [one.level, one.propagate, one.disabled, [str(h) for h in one.handlers]]
            for name, one in every.items()}


def keeps_freed_memory():
    """Whether a second array lies on pages that the first one left, as only the command asks of the allocator.

    The array is larger than what a training leaves free between the blocks of the heap.
    """
    import resource
    for _ in range(2):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        np.empty(384 << 20, np.uint8)[::4096] = 1
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before < 8


def subnormals_survive():
    """In the calling thread, and in torch's own: every thread multiplies a part of the values."""
    values = torch.full((1 << 18,), 1e-39) * 1.0
    return [float(np.float32(1e-39) * np.float32(1.0)) > 0, bool((values > 0).all())]


def process_state():
    random_states = [random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()]
    return {
        "random numbers": [digest(state) for state in random_states],
        "threads": [torch.get_num_threads(), torch.get_num_interop_threads(),
                    sorted(thread.name for thread in threading.enumerate() if not thread.name.startswith("user"))],
        "allocator": keeps_freed_memory(),
        "logging": logging.root.manager.disable,
        "loggers": loggers(),
        "signal handlers": {str(number): str(signal.getsignal(number)) for number in signal.valid_signals()},
        "float modes": [subnormals_survive(), np.geterr(), str(torch.get_default_dtype()),
                        torch.get_float32_matmul_precision(), torch.are_deterministic_algorithms_enabled(),
                        torch.is_autocast_enabled("cpu"), str(torch.get_autocast_dtype("cpu"))],
        "gradients": [torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.is_anomaly_enabled()],
        "backends": [torch.backends.mkldnn.enabled, torch.backends.cudnn.benchmark,
                     torch.backends.cudnn.deterministic, torch.backends.cuda.matmul.allow_tf32,
                     torch.backends.cudnn.allow_tf32],
        "warning filters": [str(entry) for entry in warnings.filters],
        "images": [PIL.Image.MAX_IMAGE_PIXELS, PIL.ImageFile.LOAD_TRUNCATED_IMAGES],
        "figures": [matplotlib.get_backend(auto_select=False) if "matplotlib.pyplot" in sys.modules else None,
                    digest(sorted(map(str, matplotlib.rcParams.items())))],
        "system": [os.getcwd(), dict(os.environ), locale.setlocale(locale.LC_ALL), gc.isenabled(), gc.get_threshold(),
                   sys.getswitchinterval(), sys.getrecursionlimit(), str(sys.excepthook), str(threading.excepthook),
                   sys.stdout is sys.__stdout__, sys.stderr is sys.__stderr__],
    }


def use():
    recipe = alexnet.PRESETS["seminar"].replace(size=67, epochs=1, batch_size=36, validation_fraction=0.0)
    run = alexnet.train(images, recipe, out=out)
    alexnet.evaluate(run, views="mirror")
    alexnet.convolve2d(np.eye(400), np.ones((3, 3)))
    alexnet.apply_kernel(photo, "gauss:2").draw()
    run.predict([photo])


random.seed(1), np.random.seed(2), torch.manual_seed(3), torch.set_num_threads(2)
F.conv2d(torch.ones(1, 1, 9, 9), torch.ones(1, 1, 3, 3))  # torch starts its threads
before = process_state()
if where == "another thread":
    failed = []
    threading.excepthook, hook = lambda args: failed.append(args.exc_value), threading.excepthook
    user = threading.Thread(target=use, name="user")
    user.start(), user.join()
    threading.excepthook = hook
    if failed:
        raise failed[0]
else:
    use()
after = process_state()
for logger in set(after["loggers"]) - set(before["loggers"]):
    assert after["loggers"].pop(logger)[3] == [], f"a handler of {logger}, a new logger"
for logger in [name for name, values in before["loggers"].items() if after["loggers"][name] == values]:
    del before["loggers"][logger], after["loggers"][logger]
print(json.dumps([before, after]))
'''


@pytest.mark.skipif(sys.platform == "win32", reason="page faults are not counted")
@pytest.mark.parametrize("where", ["main thread", "another thread"])
def test_training_testing_convolving_and_predicting_leave_the_process_as_it_was(
    image_folder: Path, tmp_path: Path, where: str
) -> None:
    draw_stripes(1, 9).save(tmp_path / "photo.png")
    command = [sys.executable, "-c", PROGRAM, image_folder, tmp_path / "photo.png", tmp_path / "run", where]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stderr == "", "the library is silent"
    before, after = json.loads(done.stdout)
    assert {name: (before[name], after[name]) for name in before if before[name] != after[name]} == {}
    assert before["allocator"] is False, "the test sees memory that is given back"
    assert before["float modes"][0] == [True, True]
