"""A whole training, its report and what is asked of it connect to nothing and write into the named folders only."""

import json
import subprocess
import sys
from pathlib import Path

from tests import processes
from tests.conftest import draw_stripes

PROGRAM = """
import json, os, sys

images, photo, out, *allowed = sys.argv[1:]
connections, written = [], set()
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def listen(event, arguments):
    if event.startswith("socket.") and event not in ("socket.__new__", "socket.gethostname"):
        connections.append([event, repr(arguments[1:])])
    elif event == "open" and isinstance(arguments[0], (str, bytes)) and (arguments[2] or 0) & WRITES:
        written.add(os.path.abspath(os.fsdecode(arguments[0])))
    elif event in ("os.mkdir", "os.rename", "os.link", "os.symlink"):
        written.add(os.path.abspath(os.fsdecode(arguments[0 if event == "os.mkdir" else 1])))


sys.addaudithook(listen)
import alexnet, alexnet.training.patch_start
from tests.narrow import narrow_variants

alexnet.training.patch_start.NUM_PATCHES = 4000
recipe = alexnet.PRESETS["fast"].replace(variant="narrow", size=67, start_size=None, epochs=1, batch_size=36)
with narrow_variants():
    run = alexnet.train(images, recipe, out=out)
    alexnet.write_report(run)
    alexnet.evaluate(run, views="mirror")
    run.predict([photo])
    alexnet.feature_maps(run, photo, "conv1", stride=1).draw()
outside = sorted(path for path in written if path != os.devnull and not any(path.startswith(a) for a in allowed))
print(json.dumps({"connections": connections, "outside": outside, "inside": len(written)}))
"""


def test_training_connects_to_nothing_and_writes_only_where_it_was_told(image_folder: Path, tmp_path: Path) -> None:
    folders = {name: tmp_path / name for name in ("cache", "matplotlib", "home", "temporary")}
    for folder in folders.values():
        folder.mkdir()
    draw_stripes(1, 9).save(tmp_path / "photo.png")
    environment = processes.environment(folders["cache"]) | {
        "MPLCONFIGDIR": str(folders["matplotlib"]),
        "HOME": str(folders["home"]),
        "TMPDIR": str(folders["temporary"]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    allowed = [tmp_path / "run", folders["cache"], folders["matplotlib"], folders["temporary"]]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, image_folder, tmp_path / "photo.png", tmp_path / "run", *allowed],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["connections"] == []
    assert seen["outside"] == []
    assert seen["inside"] > 20, "the hook hears of the files of the run"
    assert not any(folders["home"].iterdir())
