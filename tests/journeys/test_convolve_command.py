"""`alexnet convolve` as a user types it."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import signal

from alexnet.cli.main import run
from alexnet.convolution.read_image import read_image
from alexnet.model.alexnet import AlexNet
from alexnet.model.checkpoint import Classifier, save_network
from alexnet.model.variants import get_variant
from alexnet.records import ImageSetInfo, Preprocessing, RunInfo
from alexnet.run_folder import SCHEMA, RunFolder

SOBEL_Y = np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]])

Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Typed:
    monkeypatch.chdir(tmp_path)

    def run_typed(*words: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            run(["convolve", *map(str, words)])
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out, told.err

    return run_typed


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    y, x = np.mgrid[:48, :64]
    pixels = (127 + 80 * np.sin(x / 5) * np.cos(y / 7)).astype(np.uint8)
    Image.fromarray(np.stack([pixels, pixels[::-1], 255 - pixels], -1)).save(tmp_path / "photo.png")
    Image.fromarray(pixels).save(tmp_path / "gray.png")
    return tmp_path / "photo.png"


@pytest.fixture
def network(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    folder = tmp_path / "runs" / "first"
    folder.mkdir(parents=True)
    preprocessing = Preprocessing(96, "crop", True, "RGB", (124.0, 116.0, 104.0), (58.0, 57.0, 57.0))
    data = ImageSetInfo(path="images", fingerprint="")
    RunFolder(folder).write_about(RunInfo(SCHEMA, "finished", ("a", "b", "c"), data, preprocessing))
    built = AlexNet(get_variant("seminar"), size=96, num_classes=3)
    save_network(RunFolder(folder), Classifier(built, ("a", "b", "c"), preprocessing), epoch=1)
    return folder


def test_image_kernel_and_result_lie_side_by_side(typed: Typed, photo: Path) -> None:
    code, out, _ = typed(photo, "--kernel", "sobel-y", "-o", "OUT.png")
    assert code == 0
    assert "convolution, size same, border reflect" in out
    with Image.open("OUT.png") as figure:
        assert figure.size[0] >= 1000


@pytest.mark.parametrize("size", ["valid", "same", "full"])
@pytest.mark.parametrize("flag", [[], ["--correlate"]])
def test_raw_numbers_equal_scipy(typed: Typed, photo: Path, size: str, flag: list[str]) -> None:
    gray = photo.with_name("gray.png")
    assert typed(gray, "--kernel", "sobel-y", "--size", size, "--border", "zero", "--raw", "out.npy", *flag)[0] == 0
    oracle = signal.correlate2d if flag else signal.convolve2d
    expected = oracle(read_image(gray).astype(int), SOBEL_Y, size)
    assert (np.load("out.npy") == expected).all()
    assert not Path("gray-sobel-y.png").exists()


@pytest.mark.parametrize("ending", [".png", ".tif", ".npy"])
def test_raw_endings_hold_the_same_numbers(typed: Typed, photo: Path, ending: str) -> None:
    assert typed(photo, "--grey", "--kernel", "1 2 1; 2 4 2; 1 2 1", "--raw", f"out{ending}")[0] == 0
    loaded = read_image(f"out{ending}")
    assert loaded.max() > 255
    if ending == ".png":
        assert loaded.dtype.itemsize >= 2


def test_arrays_and_text_grids_are_images_too(typed: Typed) -> None:
    Path("grid.txt").write_text("0 0 0\n0 1 0\n0 0 0\n", encoding="utf-8")
    for name in ("grid.txt", "grid.npy"):
        np.save("grid.npy", np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]]))
        assert typed(name, "--kernel", "1 2 3; 4 5 6; 7 8 9", "--border", "zero", "--raw", "out.npy")[0] == 0
        assert np.load("out.npy").tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]


def test_trace_of_the_demo_is_told_as_the_talk_does(typed: Typed) -> None:
    code, out, _ = typed("trace", "demo", "--step", "7")
    assert code == 0
    assert "step 7 of 25: O[2,2] = 9·0 + 8·0 + 7·0 + 6·0 + 5·0 + 4·0 + 3·0 + 2·0 + 1·1 = 1" in out
    assert " 0[0 0 1]0 0 0" in out
    code, out, _ = typed("trace", "--all")
    assert sum(line.startswith("O[") for line in out.splitlines()) == 25


@pytest.mark.parametrize("name", ["a.svg", "a.png", "a.pdf"])
def test_step_is_drawn(typed: Typed, name: str) -> None:
    assert typed("trace", "demo", "--step", "7", "-o", name)[0] == 0
    assert Path(name).stat().st_size > 2000


def test_all_steps_become_an_animation_a_page_and_slides(typed: Typed) -> None:
    Path("small.txt").write_text("1 2 3\n4 5 6\n7 8 9\n", encoding="utf-8")
    words = ("trace", "small.txt", "--kernel", "1 0; 0 -1", "--all")
    for name in ("a.gif", "a.apng", "a.html", "a.pdf"):
        code, out, _ = typed(*words, "-o", name, "--json")
        assert (code, json.loads(out)) == (0, {"steps": 4, "page" if name == "a.html" else "figure": name})
    with Image.open("a.gif") as gif, Image.open("a.apng") as animated:
        assert gif.n_frames == animated.n_frames == 4  # type: ignore[attr-defined]
    assert Path("a.pdf").read_bytes().count(b"/Type /Page ") == 4
    page = Path("a.html").read_text(encoding="utf-8")
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")


def test_teaching_page_is_one_file_without_addresses(typed: Typed, photo: Path) -> None:
    assert typed("teach", photo, "-o", "teach.html")[0] == 0
    page = Path("teach.html").read_text(encoding="utf-8")
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    assert typed("teach")[0] == 0
    assert "drawn by this program" in Path("convolution.html").read_text(encoding="utf-8")


def test_learned_kernel_is_applied_traced_and_matched(typed: Typed, photo: Path, network: Path) -> None:
    for unit in ("conv1:37", "conv1/37"):
        code, out, err = typed(photo, "--kernel", f"{network}:{unit}", "-o", "learned.png", "--json")
        assert code == 0, err
        assert json.loads(out)["difference_from_layer"] < 1e-3
        assert (json.loads(out)["layer"], json.loads(out)["kernel"]) == ("conv1", 37)
    for unit in ("conv1/x", "conv1:x"):
        code, _, err = typed(photo, "--kernel", f"{network}:{unit}")
        assert (code, "give a learned kernel as RUN:conv1/37" in err) == (2, True)
    assert typed("trace", photo, "--kernel", f"{network}:conv2:5", "--at", "3,4")[0] == 0
    code, out, err = typed("like", network, "--kernel", "sobel-y", "-o", "like.png", "--json")
    assert code == 0, err
    assert len(json.loads(out)["matches"]) == 8
    assert Path("like.png").exists()


def test_all_steps_are_in_the_json_object(typed: Typed, photo: Path) -> None:
    words = ("trace", photo, "--kernel", "box", "--stride", "6", "--json")
    counts = {}
    for flags in ([], ["--all"], ["--step", "9"]):
        code, out, err = typed(*words, *flags)
        assert code == 0, err
        counts[" ".join(flags)] = (json.loads(out)["steps"], len(json.loads(out)["shown"]))
    assert counts == {"": (88, 8), "--all": (88, 88), "--step 9": (88, 1)}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["photo.png", "--gray"], "leave out --gray"),
        (["photo.png", "--border", "zero", "--correlate"], "leave out --border and --correlate"),
        (["trace", "photo.png", "--stride", "2"], "leave out --stride"),
        (["trace", "photo.png", "--step", "3"], "--at ROW,COL"),
        (["trace", "photo.png", "--all"], "--at ROW,COL"),
        (["trace", "photo.png", "-o", "a.png"], "--at ROW,COL"),
    ],
)
def test_what_a_learned_kernel_ignores_is_refused(
    typed: Typed, photo: Path, network: Path, words: list[str], message: str
) -> None:
    code, _, err = typed(*words, "--kernel", f"{network}:conv1:3")
    assert code == 2
    assert message in err
    assert len(err.strip().splitlines()) == 1
    assert not Path("a.png").exists()


def test_pair_of_kernels_is_not_halved(typed: Typed, network: Path) -> None:
    for words in (["trace", "demo", "-k", "sobel-magnitude"], ["like", network, "-k", "scharr-angle"]):
        code, _, err = typed(*words)
        assert code == 2
        assert f"is a pair; choose {words[-1].partition('-')[0]}-x or " in err  # type: ignore[union-attr]


def test_gallery_is_listed(typed: Typed) -> None:
    code, out, _ = typed("kernels", "--json")
    assert code == 0
    assert {"sobel-y", "gabor", "log", "motion"} <= {kernel["name"] for kernel in json.loads(out)["kernels"]}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["gray.png"], "--kernel sobel-y"),
        (["nothing.png", "-k", "box"], "nothing.png: no such image"),
        (["bad.png", "-k", "box"], "bad.png: cannot be used (no image)"),
        (["rgba.png", "-k", "box"], "rgba.png: cannot be used (it has transparent pixels"),
        (["nan.npy", "-k", "box"], "nan.npy: has values that are not finite"),
        (["gray.png", "-k", "box:99", "--size", "valid"], "a kernel of 99 px"),
        (["gray.png", "-k", "1 2; 3"], "row 2 has 1 numbers"),
        (["gray.png", "-k", "soebel"], "sobel-y"),
        (["gray.png", "-k", "box", "--border", "mirror"], "zero, reflect"),
        (["gray.png", "-k", "sobel-y", "--raw", "a.png"], "which a PNG cannot hold"),
        (["gray.png", "-k", "box", "-o", "a.bmp"], "unknown suffix"),
        (["gray.png", "-k", "box", "--step", "3"], "No such option: --step"),
        (["trace", "demo", "--step", "26"], "the trace has 25 steps"),
        (["trace", "gray.png", "-o", "a.html"], "draw one step with --step into .png, .svg or .pdf"),
        (["trace", "gray.png", "--step", "2", "-o", "a.html"], "a page holds all steps; with --step, choose .png"),
        (["trace", "demo", "--step", "2", "-o", "a.html"], "a page holds all steps; with --step, choose .png"),
        (["trace", "demo", "--all", "-o", "a.svg"], "holds one step; with --all, choose .html"),
        (["trace", "--step", "2", "--all"], "--step and --all"),
        (["trace", "--at", "3,4"], "--at is for a learned kernel"),
        (["trace", "gone.png"], "gone.png: no such image"),
        (["teach", "deep.png"], "images of 8 bits"),
        (["teach", "-o", "a.png"], "a page ends in .html"),
        (["-k", "box"], "Missing argument 'IMAGE'"),
        (["gray.png", "-k", "runs:conv1:3"], "no such kernel"),
        (["like", "nowhere"], "nowhere: no such folder"),
    ],
)
def test_bad_input_is_one_line_and_code_2(typed: Typed, photo: Path, words: list[str], message: str) -> None:
    Path("bad.png").write_bytes(b"not an image")
    Image.new("RGBA", (4, 4)).save("rgba.png")
    np.save("nan.npy", np.full((3, 3), np.nan))
    Image.fromarray(np.full((4, 4), 999, np.uint16)).save("deep.png")
    code, out, err = typed(*words)
    assert code == 2
    assert message in err
    assert len(err.strip().splitlines()) == 1
    assert "Traceback" not in out + err
