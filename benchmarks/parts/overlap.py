"""What training could gain by starting before all images are decoded: both at once, and one after the other.

This is an upper bound: here decoding and steps are independent, while a real training would wait for its images.
"""

import os
import shutil
import threading

from alexnet.cli.process import keep_freed_memory
from alexnet.data.cache import decode_folder
from alexnet.data.decode import plain_preprocessing
from alexnet.data.folder import scan_folder
from alexnet.presets import PRESETS
from benchmarks.compare import Setting, Way, compare
from benchmarks.images import draw_photographs
from benchmarks.measured import Comparison
from benchmarks.ours import OurTraining

WIDTH, HEIGHT, NUM_IMAGES = 1600, 1200, 384

NUM_STEPS = 6
"""Steps of 128 images; they take longer than the decoding, so that all of it could overlap with them."""

PEER = "decoding, then steps"


def measure(setting: Setting) -> list[Comparison]:
    """Decode JPEG files on all cores, and run steps of `seminar` on images that are decoded."""
    keep_freed_memory()
    training = OurTraining(setting.folder, PRESETS["seminar"])
    scanned = scan_folder(draw_photographs(setting.scratch / "photographs", NUM_IMAGES, WIDTH, HEIGHT))
    cache = setting.scratch / "overlap-cache"
    os.environ["ALEXNET_CACHE"] = str(cache)
    steps = training.steps(NUM_STEPS)

    def decode() -> None:
        decode_folder(scanned, plain_preprocessing(training.job.recipe))
        shutil.rmtree(cache)

    def one_after_the_other() -> None:
        decode()
        steps()

    def at_once() -> None:
        thread = threading.Thread(target=decode)
        thread.start()
        steps()
        thread.join()

    ways = {
        "decoding alone": Way(decode),
        "steps alone": Way(steps),
        PEER: Way(one_after_the_other),
        "both at once": Way(at_once),
    }
    title = f"decode {NUM_IMAGES} JPEG of {WIDTH} x {HEIGHT} px and take {NUM_STEPS} steps of {training.batch_size}"
    note = "no comparison with a peer: not on the chart"
    return [compare(title, ways, repeats=setting.repeats, unit="s", peer=PEER, charted=False, notes=(note,))]
