"""Decoding prints nothing and leaves the settings of the process as they were."""

import logging
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from PIL import Image

from alexnet.data.quiet import quiet_pillow
from tests.conftest import draw_stripes, encode


def settings() -> tuple[object, ...]:
    logger = logging.getLogger("PIL")
    return list(warnings.filters), Image.MAX_IMAGE_PIXELS, logger.propagate, list(logger.handlers)


def test_settings_of_the_process_are_as_before_whoever_leaves_last() -> None:
    before = settings()
    first, second = quiet_pillow(), quiet_pillow()
    first.__enter__()
    second.__enter__()
    assert settings() != before
    first.__exit__(None, None, None)
    assert Image.MAX_IMAGE_PIXELS is None
    second.__exit__(None, None, None)
    assert settings() == before


def damaged_tiff() -> bytes:
    data = bytearray(encode(draw_stripes(0, 0, 200), "TIFF", compression="tiff_lzw"))
    data[300:340] = bytes(range(40))
    return bytes(data)


@pytest.mark.slow
def test_libtiff_prints_nothing(tmp_path: Path) -> None:
    (tmp_path / "x.tif").write_bytes(damaged_tiff())
    program = (
        "import sys; from pathlib import Path; from alexnet.data.decode import inspect_image\n"
        "from alexnet.records import Preprocessing\n"
        "zero = (0.0, 0.0, 0.0)\n"
        "settings = Preprocessing(32, 'squash', True, 'RGB', zero, zero)\n"
        "facts = inspect_image(Path(sys.argv[1]).read_bytes(), settings)[1]\n"
        "sys.exit(facts.error != 'damaged image data (decoder error -2)')"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "x.tif")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
