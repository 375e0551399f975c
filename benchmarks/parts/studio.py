"""The studio: how long a page takes from a click to its answer, in a browser, on a run that was just trained."""

import contextlib
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import alexnet
from benchmarks.compare import MissingPeerError, Setting
from benchmarks.measured import Candidate, Comparison

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
RECIPE = {"epochs": 2}
"""What differs from the recipe `fast`: how good the network is does not matter here."""

REPEATS = 10
CAMERA_SECONDS = 4
SCROLL_SECONDS, SCROLL_SPEED = 4, 2000
"""How long thumbnails scroll, and px a second."""

STARTS = 5
"""Starts of the studio, after one that does not count."""

PAINTED = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
"""Of the page, in ms from its navigation on."""

UNTIL = """
const until = (isThere) => new Promise((done) => {
  const look = () => (isThere() ? done(performance.now()) : setTimeout(look, 0)); // every 4 ms
  look();
});
const one = (selector) => document.querySelector(selector);
const tiles = () => [...(one("mistakes-browser")?.shadowRoot.querySelectorAll(".tile") ?? [])];
const detail = () => one("mistakes-browser").shadowRoot.querySelector("mistake-detail").shadowRoot;
"""
"""Functions that the tasks call in the page."""

TASKS = {
    "the run page, from the first page": (
        100,
        "location.hash = '#/home'; await until(() => one('.cards'));"
        "await new Promise((done) => setTimeout(done, 1500));",  # what the page before asked for is answered by then
        "location.hash = '#/run/NAME'; return until(() => one('.figures b') && tiles().length > 1);",
    ),
    "another mistake: its probabilities": (
        100,
        "if (!tiles().length) location.hash = '#/run/NAME'; await until(() => tiles().length > 1);"
        "window.place = (window.place ?? 0) + 2;",  # not the next one, which is asked for beforehand
        "const tile = tiles()[window.place % tiles().length]; tile.click();"
        "const words = () => detail().textContent;"
        "return until(() => words().includes(tile.dataset.file) && /Probabilities/.test(words()));",
    ),
    "a unit with its images, not for the first time": (
        300,
        "location.hash = '#/run/NAME/unit/conv2/3'; await until(() => one('.patches img'));"
        "location.hash = '#/home'; await until(() => one('.cards'));",
        "location.hash = '#/run/NAME/unit/conv2/3';"
        "const images = () => [...document.querySelectorAll('.patches img')];"
        "return until(() => images().length > 0 && images().every((each) => each.complete));",
    ),
    "the cell beside it: its numbers, asked for beforehand": (
        17,
        "if (!one('.equation')) location.hash = '#/inside/NAME?layer=conv2&map=5&row=0&column=0';"
        "await until(() => one('.output-cell .readers'));"
        "window.key = window.key === 'ArrowRight' ? 'ArrowLeft' : 'ArrowRight';",
        "const words = () => one('.numbers b').textContent, before = words();"
        "one('canvas.large').dispatchEvent(new KeyboardEvent('keydown', { key: window.key }));"
        "return until(() => words() !== before);",
    ),
    "a cell under the mouse, of a map at rest: its numbers": (
        17,
        "if (!one('.equation')) location.hash = '#/inside/NAME?layer=conv2&map=5&row=0&column=0';"
        "await until(() => one('.output-cell .readers'));"
        "if (!window.isAtRest) { await new Promise((done) => setTimeout(done, 4000)); window.isAtRest = true; }"
        "window.place = ((window.place ?? 0) + 0.37) % 1;",
        "const words = () => one('.numbers b').textContent, before = words(), map = one('canvas.large');"
        "const box = map.getBoundingClientRect();"
        "map.dispatchEvent(new MouseEvent('mousemove', { clientX: box.left + window.place * box.width, "
        "clientY: box.top + ((window.place * 3) % 1) * box.height }));"
        "return until(() => words() !== before);",
    ),
    "a turned image: its probabilities": (
        100,
        "if (!one('#change-turn')) { location.hash = '#/inside/NAME'; await until(() => one('.bars .n')); }"
        "await new Promise((done) => setTimeout(done, 600)); window.angle = ((window.angle ?? 0) + 7) % 90;",
        "const bars = () => [...document.querySelectorAll('.bars i')];"
        "const words = () => bars().map((each) => each.style.width).join();"
        "const before = words();"
        "one('#change-turn').value = window.angle; one('#change-turn').dispatchEvent(new Event('input'));"
        "return until(() => words() !== before);",
    ),
}
"""What is asked for → its goal in ms, what comes before, and what follows the click and gives the answer's time."""


def measure(setting: Setting) -> list[Comparison]:
    """From the click to what it asks for, in the page; and the camera's images in a second."""
    browser_path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser_path is None:
        raise MissingPeerError("Chromium is not installed")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise MissingPeerError(f"{error.name} is not installed") from error
    recipe = alexnet.PRESETS["fast"].replace(**RECIPE)
    run = alexnet.train(setting.folder, recipe, out=setting.scratch / "studio")
    with _served([setting.folder, setting.whole, run.path]) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
        page.set_default_timeout(60_000)
        page.goto(address)
        measured = [_answer(page, task, run.path.name) for task in TASKS]
        measured += [*_camera(page, run.path.name), _scrolling(page, setting.whole.name)]
        page.close()
        measured += _first_paint(browser, setting.folder)
        browser.close()
    return measured


def _answer(page: Any, task: str, name: str) -> Comparison:
    """Repeat a task; the first time, which loads modules and the network, does not count."""
    goal, before, act = TASKS[task]
    timed = f"const start = performance.now(), end = await (async () => {{ {act} }})(); return end - start;"
    script = f"async () => {{ {UNTIL} {before} {timed} }}".replace("NAME", name)
    values = [float(page.evaluate(script)) / 1000 for _ in range(REPEATS + 1)][1:]
    return Comparison(task, (Candidate("ours", tuple(values)),), notes=(f"Goal: {goal} ms.",), charted=False)


def _camera(page: Any, name: str) -> list[Comparison]:
    """Seconds from one of the camera's images to the next, each with its probabilities and maps; and from an image to
    them.
    """
    page.evaluate(f"location.hash = '#/inside/{name}'")
    page.locator(".bars .n").first.wait_for()
    page.get_by_role("button", name="Use the camera").click()
    page.locator(".rate").filter(has_text="second").wait_for()
    script = """async (seconds) => {
        const times = [], waits = [], bars = document.querySelector('.bars');
        const pen = CanvasRenderingContext2D.prototype, draw = pen.drawImage;
        let read = null; // when an image of the camera was read last
        pen.drawImage = function (source, ...rest) {
            if (source instanceof HTMLVideoElement) read = performance.now();
            return draw.call(this, source, ...rest);
        };
        const seen = new MutationObserver(() => {
            const since = read; // by the next frame another image may have been read
            read = null;
            requestAnimationFrame(() => {
                times.push(performance.now());
                if (since !== null) waits.push(performance.now() - since);
            });
        });
        seen.observe(bars, { childList: true });
        await new Promise((done) => setTimeout(done, 1000 * seconds));
        seen.disconnect();
        pen.drawImage = draw;
        return [times, waits];
    }"""
    times, waits = ([float(time) / 1000 for time in each] for each in page.evaluate(script, CAMERA_SECONDS))
    apart = tuple(later - earlier for earlier, later in pairwise(times))
    rate = Candidate("ours", apart)
    wait = Candidate("ours", tuple(waits))
    goals = ("Goal: 15 images/s.",), ("Goal: 150 ms.",)
    return [
        Comparison("the camera's images", (rate,), unit="images/s", notes=goals[0], charted=False),
        Comparison("from the camera's image to its probabilities", (wait,), notes=goals[1], charted=False),
    ]


def _first_paint(browser: Any, folder: Path) -> list[Comparison]:
    """From `alexnet studio` to the server's answer, and from there to the first paint in an open browser; warm."""
    answered, painted = [], []
    for _ in range(STARTS + 1):
        begin = time.perf_counter()
        with _served([folder]) as address:
            answered.append(time.perf_counter() - begin)
            page = browser.new_page()
            page.goto(address)
            page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length")
            painted.append(float(page.evaluate(PAINTED)) / 1000)
            page.close()
    goals = ("Goal: 3 s to the first paint.",), ("Goal: 1 s.",)
    return [
        Comparison(
            "alexnet studio: its address", (Candidate("ours", tuple(answered[1:])),), notes=goals[0], charted=False
        ),
        Comparison(
            "the first paint, from then on", (Candidate("ours", tuple(painted[1:])),), notes=goals[1], charted=False
        ),
    ]


def _scrolling(page: Any, folder: str) -> Comparison:
    """Seconds from one frame to the next while the thumbnails of a whole folder scroll past."""
    page.evaluate(f"location.hash = '#/data/{folder}'")
    page.locator(".image-grid [role=option]").first.wait_for()
    count = page.evaluate("document.querySelectorAll('.image-grid [role=option]')[0].getAttribute('aria-setsize')")
    script = """([seconds, speed]) => new Promise((done) => {
        const grid = document.querySelector('.image-grid'), times = [], end = performance.now() + 1000 * seconds;
        const step = (now) => {
            grid.scrollTop += (speed * (now - (times.at(-1) ?? now))) / 1000;
            times.push(now);
            if (now < end) requestAnimationFrame(step); else done(times);
        };
        requestAnimationFrame(step);
    })"""
    times = [float(time) / 1000 for time in page.evaluate(script, [SCROLL_SECONDS, SCROLL_SPEED])]
    values = tuple(later - earlier for earlier, later in pairwise(times))
    heap = float(page.evaluate("performance.memory.usedJSHeapSize")) / 1e6
    return Comparison(
        f"{int(count):,} thumbnails scrolled by {SCROLL_SPEED:,} px/s",
        (Candidate("ours", values),),
        unit="frames/s",
        notes=("Goal: 60 frames/s.", f"JavaScript's memory of the tab: {heap:.0f} MB."),
        charted=False,
    )


@contextlib.contextmanager
def _served(paths: list[Path]) -> Iterator[str]:
    """The address of a studio on paths, in a process of its own, until the block ends."""
    command = [sys.executable, "-m", "alexnet", "studio", *map(str, paths), "--no-open"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            address = re.search(r"http://\S+", process.stdout.readline())
            assert address is not None
            yield address[0]
        finally:
            process.terminate()
