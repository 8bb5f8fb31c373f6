"""The demo page in a real browser: Chromium, if it is installed."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import psutil
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Locator, Page, expect

from stages.inference.digits import find_digits
from tests.browser.conftest import CHROMIUM
from tests.reduced import ROOT
from tests.unit.test_demo import DIGITS, store
from tests.unit.test_tasks_autoencoding import make_vae

pytest.importorskip("gradio", reason="Gradio is not installed")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
TABS = ("Draw a digit", "Write a review", "Votes", "Masses", "Latent plane", "Garments", "Text")


def draw_template(label: int) -> np.ndarray:
    """Return a ring (0) or a bar (1) as the networks see it, uint8 [28, 28]."""
    image = Image.new("RGB", (240, 240), "white")
    draw = ImageDraw.Draw(image)
    if label == 0:
        draw.ellipse([60, 40, 180, 200], outline="black", width=14)
    else:
        draw.line([120, 40, 120, 200], "black", 14)
    return find_digits(image)[0].image


def build_classifier() -> keras.Model:
    """Tell rings from bars by how similar an image is to one of each; with a layer of one map."""
    convolve = keras.layers.Conv2D(1, 3, padding="same", name="copied")
    dense = keras.layers.Dense(10, activation="softmax")
    model = keras.Sequential(
        [
            keras.Input((28, 28), dtype="uint8"),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Reshape((28, 28, 1)),
            convolve,
            keras.layers.Flatten(),
            dense,
        ]
    )
    kernel = np.zeros((3, 3, 1, 1), np.float32)
    kernel[1, 1] = 1
    convolve.set_weights([kernel, np.zeros(1)])
    weights = np.zeros((784, 10), np.float32)
    for label in (0, 1):
        template = draw_template(label).reshape(-1) / 255
        weights[:, label] = 2 * template / np.linalg.norm(template)
    dense.set_weights([weights, np.zeros(10)])
    return model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of which two models are trained."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copy(ROOT / "params.yaml", folder)
    store(folder / "models", "mnist_cnn", build_classifier(), **DIGITS)
    store(folder / "models", "fashion_vae", make_vae(), input={"type": "image", "shape": [4, 6]})
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process of the command, and the URL that it prints."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "stages.demo", "--port", str(port)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line == f"http://127.0.0.1:{port}/ (Ctrl+C ends it)\n"
    yield process, line.split()[0]
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=10) == 0


@pytest.fixture(scope="module")
def problems() -> list[str]:
    """Errors of the page, and requests to other hosts."""
    return []


@pytest.fixture(scope="module")
def page(
    browser: Browser, server: tuple[subprocess.Popen[str], str], problems: list[str]
) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda each: problems.append(each.text) if each.type == "error" else None)
    page.on(
        "request",
        lambda request: (
            problems.append(request.url)
            if not request.url.startswith((server[1], "data:", "blob:"))
            else None
        ),
    )
    page.goto(server[1])
    expect(page.get_by_text("Draw a digit.")).to_be_visible(timeout=30_000)
    yield page
    page.close()


def answer(page: Page) -> Locator:
    return page.locator("tr[data-model=mnist_cnn] .answer")


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def status(page: Page) -> Locator:
    """Return the answers of the open tab."""
    return page.locator("[role=status]:not(.sr-only):visible")


def test_only_this_machine_is_served(page: Page, server: tuple[subprocess.Popen[str], str]) -> None:
    expect(page.locator("h1")).to_be_visible()
    connections = psutil.Process(server[0].pid).net_connections("inet")
    assert {each.laddr.ip for each in connections} == {"127.0.0.1"}
    assert {each.raddr.ip for each in connections if each.raddr} <= {"127.0.0.1"}
    assert "LISTEN" in {each.status for each in connections}


@pytest.mark.parametrize("paper", ["white", "black"])
def test_the_answer_follows_the_stroke(page: Page, paper: str) -> None:
    open_tab(page, "Draw a digit")
    page.get_by_label("Paper").select_option(paper)
    page.get_by_role("button", name="Erase").click()
    expect(answer(page)).to_have_count(0)
    canvas = page.locator("canvas")
    box = canvas.bounding_box()
    assert box is not None
    left, top = box["x"] + box["width"] / 2, box["y"] + box["height"] / 4
    page.mouse.move(left, top)
    page.mouse.down()
    page.mouse.move(left, top + 150, steps=4)
    expect(answer(page)).to_have_text("1")  # while the pointer is down
    page.mouse.move(left + 100, top + 150, steps=4)
    page.mouse.move(left + 100, top, steps=4)
    page.mouse.move(left, top, steps=4)
    expect(answer(page)).to_have_text("0")
    page.mouse.up()
    expect(page.get_by_alt_text("What the networks see, 28x28 pixels")).to_be_visible()
    expect(page.get_by_alt_text("Feature maps of the layer copied")).to_be_visible()
    expect(page.locator("tr[data-model=mnist_mlp]")).to_contain_text("dvc repro train@mnist_mlp")


def test_an_upload_that_is_no_image_gets_a_message(page: Page, tmp_path: Path) -> None:
    open_tab(page, "Draw a digit")
    files = page.locator("input[type=file]").first
    (tmp_path / "notes.png").write_text("no image")
    files.set_input_files(tmp_path / "notes.png")
    expect(status(page)).to_contain_text("notes.png: not in a supported format")
    expect(status(page)).not_to_contain_text("Traceback")
    page.get_by_role("button", name="Clear", exact=True).click()
    Image.fromarray(255 - draw_template(0)).resize((140, 140)).save(tmp_path / "ring.png")
    files.set_input_files(tmp_path / "ring.png")
    expect(answer(page)).to_have_text("0")


def test_the_latent_plane_follows_the_pointer_and_the_keyboard(page: Page) -> None:
    open_tab(page, "Latent plane")
    expect(status(page)).to_contain_text("decoded from (0.00, 0.00)")
    page.locator(".plane").hover(position={"x": 0, "y": 0})
    expect(status(page)).to_contain_text("decoded from (-3.00, 3.00)")
    page.get_by_role("slider", name="Second latent variable").press("Home")
    expect(status(page)).to_contain_text("decoded from (-3.00, -3.00)")
    expect(page.locator(".marker")).to_have_attribute("style", "left: 0%; top: 100%;")


def test_a_model_that_is_not_trained_leaves_a_message(page: Page) -> None:
    open_tab(page, "Masses")
    expect(page.get_by_text("Not a diagnostic tool")).to_be_visible()
    page.get_by_role("radio", name="irregular").check()
    expect(status(page)).to_contain_text("dvc repro train@masses_mlp")
    open_tab(page, "Text")
    page.get_by_role("button", name="Continue").click()
    expect(status(page)).to_contain_text("dvc repro train@alice_charrnn")
    open_tab(page, "Write a review")
    page.get_by_label("Review, in English").fill("")
    page.wait_for_timeout(500)  # until the page knows the new text
    page.get_by_role("button", name="Answer").click()
    expect(status(page).first).to_contain_text("review: empty")


def test_all_tabs_are_accessible_and_need_no_network(page: Page, problems: list[str]) -> None:
    for name in TABS:
        open_tab(page, name)
        found = Axe().run(page).response["violations"]
        assert [(each["id"], each["nodes"][0]["html"][:200]) for each in found] == [], name
    assert problems == []
