"""The gallery: each kernel does what its line says."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from alexnet.convolution.apply import apply_kernel
from alexnet.convolution.gallery import GALLERY, list_kernels, named_kernel, read_kernel
from alexnet.errors import DataError, GeometryError, RecipeError
from alexnet.report.convolution_page import write_teaching_page


@pytest.mark.parametrize("name", GALLERY)
def test_every_kernel_is_odd_said_and_sourced(name: str) -> None:
    kernel = named_kernel(name)
    assert all(side % 2 for side in kernel.weights.shape)
    assert kernel.shows
    assert kernel.source
    assert kernel.is_separable == (np.linalg.matrix_rank(kernel.weights.astype(float)) <= 1)
    assert "<table" in kernel._repr_html_()


@pytest.mark.parametrize("frequency", ["0", "1", "0.51", "-0.1"])
def test_gabor_of_no_or_too_fine_waves_is_refused(frequency: str) -> None:
    with pytest.raises(RecipeError, match=r"gabor:.*: frequency must be above 0 and at most 0.5 cycles per px"):
        named_kernel(f"gabor:0:{frequency}")
    assert np.isfinite(named_kernel("gabor:0:0.5").weights).all()


def test_kernel_file_without_a_suffix_is_read_unless_the_gallery_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("mine", "box"):
        Path(name).write_text("1 2 3\n4 5 6\n7 8 9\n", encoding="utf-8")
    assert read_kernel("mine").weights.tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert read_kernel("box").weights.tolist() == named_kernel("box").weights.tolist()
    assert read_kernel("./box").weights.max() == 9


def test_image_with_one_channel_on_an_axis_is_an_image_like_others(tmp_path: Path) -> None:
    image = np.arange(48, dtype=np.uint8).reshape(6, 8, 1)
    filtered = apply_kernel(image, "box")
    assert filtered.values.shape == (6, 8)
    filtered.write_raw(tmp_path / "a.tif")
    assert filtered.draw().axes
    assert write_teaching_page(tmp_path / "a.html", image).is_file()


def test_blurs_keep_brightness_and_edges_cancel() -> None:
    for name in ("identity", "box:7", "gauss:2.5", "binomial", "unsharp", "sharpen", "motion:9:30"):
        assert named_kernel(name).gain == pytest.approx(1.0)
    for name in ("sobel-x", "scharr-y", "prewitt-x", "laplace-4", "laplace-8", "log:2", "gabor:30:0.2"):
        assert named_kernel(name).gain == pytest.approx(0.0, abs=1e-12)


def test_gauss_and_sobel_equal_scipy() -> None:
    image = np.random.default_rng(0).normal(size=(40, 40))
    blurred = ndimage.gaussian_filter(image, 1.5, truncate=5 / 1.5, mode="mirror")
    np.testing.assert_allclose(apply_kernel(image, "gauss:1.5").values, blurred, atol=1e-12)
    result = apply_kernel(image, "sobel-y", operation="correlation").values
    np.testing.assert_allclose(result, ndimage.sobel(image, 0, mode="mirror"), atol=1e-12)
    np.testing.assert_allclose(apply_kernel(image, "sobel-y").values, -result, atol=1e-12)


def test_shift_moves_the_image_as_it_says() -> None:
    image = np.arange(20).reshape(4, 5)
    result = apply_kernel(image, "shift:1:2", border="zero").values
    assert (result[1:, 2:] == image[:-1, :-2]).all()


@pytest.mark.parametrize("operation", ["convolution", "correlation"])
def test_angle_points_to_the_brighter_side_and_magnitude_has_no_sign(operation: str) -> None:
    down = np.repeat(np.arange(9.0)[:, None], 9, axis=1)
    for image, degrees in ((down, 90.0), (down.T, 0.0), (-down, -90.0)):
        angle = apply_kernel(image, "sobel-angle", size="valid", operation=operation)  # type: ignore[arg-type]
        np.testing.assert_allclose(angle.values, degrees, atol=1e-9)
        np.testing.assert_allclose(apply_kernel(image, "sobel-magnitude", size="valid").values, 8.0)


def test_gabor_answers_to_stripes_of_its_own_direction() -> None:
    y, x = np.mgrid[:64, :64]
    for angle in (0, 45, 90):
        turn = np.radians(angle)
        stripes = np.cos(2 * np.pi * 0.15 * (x * np.cos(turn) - y * np.sin(turn)))
        answers = {a: np.abs(apply_kernel(stripes, f"gabor:{a}:0.15").values).mean() for a in (0, 45, 90)}
        assert max(answers, key=lambda a: answers[a]) == angle


def test_typed_and_written_kernels_are_read(tmp_path: Path) -> None:
    assert read_kernel("1 2 3; 4 5 6; 7 8 9").weights.tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert read_kernel("1/4 1/2, 1/4").weights.tolist() == [[0.25, 0.5, 0.25]]
    written = tmp_path / "mine.csv"
    written.write_text("# a comment\n-1,0,1\n-2,0,2\n-1,0,1\n", encoding="utf-8")
    assert (read_kernel(str(written)).weights == named_kernel("sobel-x").weights).all()
    assert read_kernel(str(written)).weights.dtype == np.int64


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("1 2; 3", DataError, "row 2 has 1"),
        ("sobel", RecipeError, "sobel-y"),
        ("gauss:0", RecipeError, "sigma"),
        ("gauss:wide", RecipeError, "wide is not a number; its settings are sigma=1"),
        ("box:3:4", RecipeError, "4 is not a setting"),
        ("box:2.5", RecipeError, "side must be a whole number"),
        ("k" * 300 + ".txt", DataError, "no such kernel file"),
        ("a\0b.csv", DataError, "no such kernel file"),
        ("mine.csv", DataError, "no such kernel file"),
    ],
)
def test_kernel_that_cannot_be_is_refused_in_one_line(text: str, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words) as caught:
        read_kernel(text)
    assert "\n" not in str(caught.value)


def test_even_kernel_is_refused_if_a_center_is_needed() -> None:
    with pytest.raises(GeometryError, match="odd number"):
        read_kernel("1 2; 3 4", odd=True)
    assert read_kernel("1 2; 3 4").weights.shape == (2, 2)


def test_kernel_that_would_take_minutes_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "wide.npy", np.zeros((3, 5000)))
    with pytest.raises(GeometryError, match=r"wide\.npy: a kernel of 3 x 5000"):
        read_kernel(str(tmp_path / "wide.npy"))


def test_gallery_is_listed_with_its_settings() -> None:
    kernels = {kernel.name: kernel for kernel in list_kernels()}
    assert list(kernels) == list(GALLERY)
    assert kernels["gabor"].settings == {"angle": 0, "frequency": 0.15, "sigma": 3.0}
    assert kernels["gabor"].to_dict()["settings"] == {"angle": 0, "frequency": 0.15, "sigma": 3.0}


def test_image_and_kernel_may_be_named(tmp_path: Path) -> None:
    pixels = np.arange(20, dtype=np.uint8).reshape(4, 5)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    filtered = apply_kernel(tmp_path / "photo.png", "box")
    assert (filtered.values == apply_kernel(pixels, named_kernel("box")).values).all()
    assert filtered.name == "photo"
    assert filtered.to_dict()["shape"] == [4, 5]
    assert "photo" in filtered.draw().get_suptitle()
    filtered.write_raw(tmp_path / "raw.npy")
    assert (np.load(tmp_path / "raw.npy") == filtered.values).all()


@pytest.mark.parametrize("kernel", ["sobel-magnitude", "sobel-angle", "laplace-4", "gauss:2", "box:9"])
@pytest.mark.parametrize("shape", [(9, 12), (9, 12, 3)])
def test_any_result_is_drawn(kernel: str, shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    figure = apply_kernel(image, kernel).draw()
    assert len(figure.axes) >= 3
    assert figure._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]


def test_scale_of_signed_results_is_symmetric_and_said() -> None:
    filtered = apply_kernel(np.eye(8, dtype=np.uint8) * 200, "laplace-4")
    low, high, message = filtered.scale
    assert low == -high
    assert "symmetric" in message
    assert "data:image/png" in filtered._repr_html_()
    assert (
        apply_kernel(np.eye(8, dtype=np.uint8) * 200, "sharpen").scale[2].count("clipped there, the values run from")
    )
