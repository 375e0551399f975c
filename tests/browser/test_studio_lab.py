"""The convolution view in a real browser: on images of the folders, on files, and live on the camera."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alexnet.convolution.fast import convolve2d
from alexnet.runs.inspect_run import kernels
from tests.accessibility import violations
from tests.studio_server import Studio

pytestmark = pytest.mark.browser

LAB = "document.querySelector('convolution-lab')"
READY = f"() => {LAB}?.shadowRoot && !{LAB}.hidden"
SHOWN = "document.querySelector('convolution-lab').shadowRoot.querySelector('.image').selectedOptions[0].text"
RATE = "Number(/^(\\d+) images a second$/.exec(document.querySelector('.rate')?.innerText ?? '')?.[1] ?? 0)"
TRACKS = """const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wanted) => {
    const stream = await ask(wanted);
    window.tracks = stream.getTracks();
    return stream;
};"""


def test_what_is_set_in_the_lab_is_in_its_address(tab: Any, studio: Studio) -> None:
    tab.goto(f"{studio.address}#/lab?image=edge&stride=none&border=nowhere&kernel-values=1,x")
    lab = "document.querySelector('convolution-lab')"
    tab.wait_for_function(f"() => {lab}?.shadowRoot && !{lab}.hidden")
    tab.locator("convolution-lab select.size").select_option("same")
    tab.locator("convolution-lab select.border").select_option("reflect")
    tab.get_by_label("kernel 0, 0", exact=True).fill("-2.5")
    tab.get_by_label("kernel 0, 0", exact=True).press("Enter")
    tab.wait_for_function("() => location.hash.includes('kernel-values=-2.5')")
    state = tab.evaluate(f"{lab}.state")
    assert (state["size"], state["border"], state["stride"], len(state["image"])) == ("same", "reflect", 1, 8)
    tab.reload()
    tab.wait_for_function(f"() => {lab}?.shadowRoot && !{lab}.hidden")
    assert tab.evaluate(f"{lab}.state") == state


def test_an_image_of_a_folder_is_chosen_and_its_address_keeps_it(tab: Any, studio: Studio) -> None:
    tab.goto(f"{studio.address}#/lab/first?kernel=conv1/3")
    tab.wait_for_function(READY)
    tab.get_by_label("an image of the folder").select_option("images")
    tab.get_by_label("class", exact=True).select_option("rings")
    tab.get_by_text("31 images").wait_for()
    tab.locator(".thumbnails .image-grid").focus()
    tab.keyboard.press("End")
    tab.wait_for_function("() => location.hash.includes('file=train')")
    tab.keyboard.press("ArrowLeft")
    tab.wait_for_function(f"() => {SHOWN} === 'rings_022.png' && location.hash.includes('rings_022')")
    state, colors, output = (tab.evaluate(f"{LAB}.{each}") for each in ("state", "colors", "output"))
    weights = kernels(studio.workspace.run("first").path).weights[3].astype(float)
    expected = sum(convolve2d(np.array(colors[c], float), weights[c], size="valid") for c in range(3))
    np.testing.assert_allclose(output, expected, atol=0.05)
    assert violations(tab) == []
    tab.reload()
    tab.wait_for_function(f"() => {LAB}?.shadowRoot && {SHOWN} === 'rings_022.png'")
    assert tab.evaluate(f"{LAB}.state") == state
    assert tab.get_by_label("class", exact=True).input_value() == "rings"
    tab.get_by_role("button", name="A random one").click()
    tab.wait_for_function(f"() => {SHOWN} !== 'rings_022.png' && /file=[^&]*rings_/.test(location.hash)")
    tab.locator("convolution-lab select.image").select_option("edge")
    tab.wait_for_function("() => location.hash.includes('image=edge') && !location.hash.includes('folder')")
    assert tab.locator(".thumbnails [aria-selected=true]").count() == 0


def test_an_image_that_is_gone_is_said(tab: Any, studio: Studio) -> None:
    tab.goto(f"{studio.address}#/lab?folder=images&file=test/rings/none.png")
    tab.get_by_text("test/rings/none.png is not in images any more; choose another image.").wait_for()
    tab.goto(f"{studio.address}#/lab?folder=nowhere&file=a.png")
    tab.get_by_text("There is no folder nowhere here; choose another.").wait_for()
    tab.wait_for_function(READY)


def test_the_camera_is_convolved_live_as_the_library_does_it(tab: Any, studio: Studio) -> None:
    tab.add_init_script(TRACKS)
    tab.goto(f"{studio.address}#/lab?kernel=sobel-x")
    tab.wait_for_function(READY)
    tab.get_by_role("button", name="Use the camera").click()
    tab.wait_for_function(f"() => {RATE} > 0")
    before = tab.evaluate(f"{LAB}.output")
    tab.wait_for_function(f"(before) => JSON.stringify({LAB}.output) !== JSON.stringify(before)", arg=before)
    tab.get_by_label("Kernels:").select_option("first")
    tab.get_by_role("button", name="conv1/3", exact=True).click()
    tab.wait_for_function(f"() => {RATE} > 0 && location.hash.includes('kernel=conv1%2F3')")
    assert tab.locator(".swatches [aria-pressed=true]").evaluate("each => each.title") == "conv1/3"
    assert violations(tab) == []
    tab.get_by_role("button", name="Stop at this image").click()
    assert tab.evaluate("window.tracks.map((each) => each.readyState)") == ["ended"]
    colors, output = (tab.evaluate(f"{LAB}.{each}") for each in ("colors", "output"))
    weights = kernels(studio.workspace.run("first").path).weights[3].astype(float)
    expected = sum(convolve2d(np.array(colors[c], float), weights[c], size="valid") for c in range(3))
    np.testing.assert_allclose(output, expected, atol=0.05)
    tab.get_by_role("button", name="Use the camera").click()
    tab.wait_for_function(f"() => {RATE} > 0")
    tab.evaluate("location.hash = '#/home'")
    tab.locator(".cards").first.wait_for()
    assert tab.evaluate("window.tracks.map((each) => each.readyState)") == ["ended"]


def test_a_refused_camera_is_said_and_a_file_is_taken(tab: Any, studio: Studio, tmp_path: Path) -> None:
    tab.add_init_script(
        "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError'))"
    )
    tab.goto(f"{studio.address}#/lab")
    tab.wait_for_function(READY)
    tab.get_by_role("button", name="Use the camera").click()
    words = "The camera cannot be used. It was refused: allow it for this page in the browser, or choose an image."
    tab.get_by_text(words).wait_for()
    assert violations(tab) == []
    assert tab.get_by_role("button", name="Use the camera").is_enabled()
    file = studio.workspace.folder_path("images") / "test" / "rings" / "rings_1000.png"
    tab.locator("convolution-lab input[type=file]").set_input_files(file)
    tab.wait_for_function(f"() => {SHOWN} === 'rings_1000.png'")
    (tmp_path / "no.png").write_text("no image")
    tab.locator("convolution-lab input[type=file]").set_input_files(tmp_path / "no.png")
    tab.get_by_text("no.png: this browser cannot read it; choose a JPEG or PNG.").wait_for()
