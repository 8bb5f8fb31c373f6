"""The committed page in a real browser: Chromium, if it is installed."""

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from stages.config.load import load_params
from stages.core.files import read_json
from stages.page.render import choose_decimals, choose_unit, with_unit
from stages.page.results import read_metrics
from tests.browser.conftest import CHROMIUM

ROOT = Path(__file__).parents[2]
URL = (ROOT / "reports/index.html").as_uri()
PARAMS = load_params(ROOT / "params.yaml")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


@pytest.fixture(scope="module")
def page(browser: Browser) -> Page:
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    page.goto(URL)
    return page


def scroll_through(page: Page) -> None:
    """Scroll to the end, so that all charts and widgets start."""
    height = page.evaluate("document.documentElement.scrollHeight")
    for top in range(0, height, 900):
        page.evaluate(f"window.scrollTo(0, {top})")
        page.wait_for_timeout(30)
    page.wait_for_function(
        "document.querySelectorAll('figure.chart:not(.drawn)').length === 0", timeout=60_000
    )


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1440, "dark")])
def test_the_page_is_accessible_and_needs_no_network(
    browser: Browser, width: int, scheme: str
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "request",
        lambda request: (
            problems.append(request.url)
            if not request.url.startswith(("file:", "data:", "blob:"))
            else None
        ),
    )
    page.goto(URL)
    scroll_through(page)
    assert problems == []
    # Without the many elements that pass, it takes a third of the time.
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"][:200]) for each in found] == []
    overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert overflow <= 0
    page.close()


def test_each_link_of_the_contents_lands_where_it_says(page: Page) -> None:
    links = page.locator("nav a[href^='#']")
    assert links.count() > 5
    for link in links.all():
        name = link.get_attribute("href")
        if not link.is_visible():
            page.locator("nav summary").click()
        link.click()
        page.wait_for_timeout(200)
        top = page.locator(f"[id='{str(name)[1:]}']").bounding_box()
        assert top is not None
        at_end = page.evaluate(
            "window.innerHeight + window.scrollY >= document.documentElement.scrollHeight - 2"
        )
        assert -2 <= top["y"] < 200 or at_end, name


@pytest.mark.parametrize("model", PARAMS.models)
def test_the_table_shows_the_metrics(page: Page, model: str) -> None:
    row = PARAMS.models[model].report
    value = read_metrics(ROOT / "reports" / model)[row.metric]
    unit = choose_unit(row.metric, row.unit)
    shown = page.locator(f"#results ~ table tr:has(a[href='#{model}']) b").first
    expect(shown).to_have_text(with_unit(value, unit, choose_decimals(value, unit)))


def pixels(canvas: Locator) -> str:
    return str(canvas.evaluate("element => element.toDataURL()"))


def started(page: Page, selector: str, part: str = "input, select, button") -> Locator:
    """Return a widget after it has started, which it does when it is about to be seen."""
    widget = page.locator(selector).first
    widget.scroll_into_view_if_needed()
    expect(widget.locator(part).first).to_be_visible()
    return widget


def test_the_latent_space_follows_the_pointer_and_the_keyboard(page: Page) -> None:
    widget = started(page, ".latent-space")
    preview, plane = widget.locator("canvas.preview"), widget.locator("canvas.plane")
    before = pixels(preview)
    plane.hover(position={"x": 10, "y": 10})
    by_pointer = pixels(preview)
    assert by_pointer != before
    axis = read_json(ROOT / "reports/fashion_vae/details.json")[0]["data"]["manifold"]["axis"]
    expect(widget.locator("output").first).to_have_text(f"{axis[0]:.2f}")
    slider = widget.get_by_label("Second latent variable")
    slider.press("Home")
    expect(widget.locator("output").last).to_have_text(f"{axis[0]:.2f}")
    assert pixels(preview) != by_pointer


def test_the_threshold_changes_both_errors(page: Page) -> None:
    widget = started(page, "#masses_mlp .threshold")
    result, slider = widget.locator("p"), widget.locator("input")
    details = read_json(ROOT / "reports/masses_mlp/details.json")[0]["data"]
    point = details["operating_points"]["points"][0]
    slider.press("Home")
    expect(result).to_contain_text(f"0 of {point['positives']} malignant")
    slider.press("End")
    expect(result).to_contain_text(f"{point['positives']} of {point['positives']} malignant")
    expect(result).to_contain_text(f"0 of {point['negatives']} benign")
    box = slider.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    rates = details["curves"]["error_rates"]
    number = int(slider.input_value())
    assert 40 <= number <= 60
    missed = round(rates["false_negative_rate"][number] * point["positives"])
    expect(result).to_contain_text(f"{missed} of {point['positives']} malignant")


def test_frames_are_played_and_stepped(page: Page) -> None:
    player = started(page, "figure.player")
    canvas, slider = player.locator("canvas"), player.locator("input")
    last = pixels(canvas)
    slider.press("Home")
    first = pixels(canvas)
    assert first != last
    slider.press("ArrowRight")
    assert pixels(canvas) != first
    button = player.get_by_role("button")
    button.click()
    expect(button).to_have_text("Pause")
    page.wait_for_timeout(700)
    button.press("Enter")
    expect(button).to_have_text("Play")
    assert int(slider.input_value()) >= 1
    stopped = slider.input_value()
    page.wait_for_timeout(600)
    assert slider.input_value() == stopped


def test_frames_have_their_own_size_however_small_they_are_shown(browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 300, "height": 900})
    page.goto(URL)
    for player in page.locator("figure.player").all():
        player.scroll_into_view_if_needed()
        still, canvas = player.locator("img"), player.locator("canvas")
        for side in ("width", "height"):
            expect(canvas).to_have_attribute(side, str(still.get_attribute(side)))
    page.close()


def test_texts_are_chosen_by_epoch_and_temperature(page: Page) -> None:
    widget = started(page, ".samples")
    data = read_json(ROOT / "reports/alice_charrnn/details.json")[0]["data"]["samples"]
    text, slider = widget.locator("blockquote"), widget.locator("input")
    first, *_, last = data["texts"]
    expect(text).to_have_text(data["texts"][first][-1])
    slider.press("Home")
    expect(text).to_have_text(data["texts"][first][0])
    widget.locator("select").select_option(last)
    expect(text).to_have_text(data["texts"][last][0])


def name_cell(error: dict[str, Any]) -> str:
    return f"actual {error['actual']}, predicted {error['predicted']}"


def test_a_cell_of_the_confusion_matrix_shows_its_images(page: Page) -> None:
    widget = started(page, "#mnist_linear .confusions")
    details = read_json(ROOT / "reports/mnist_linear/details.json")[0]
    errors = details["data"]["misclassified"]["errors"]
    widget.locator("select").select_option(name_cell(errors[-1]))
    same = [error for error in errors if name_cell(error) == name_cell(errors[-1])]
    expect(widget.locator("canvas")).to_have_count(len(same))
    matrix = started(page, "#mnist_linear figure[data-name='confusion_matrix']", "svg")
    cell = f"predicted: {errors[0]['predicted']}; actual: {errors[0]['actual']};"
    matrix.locator(f"text[aria-label*='{cell}']").click()  # the count, above the cell
    expect(widget.locator("select")).to_have_value(name_cell(errors[0]))


def test_the_scale_of_learning_curves_can_be_logarithmic(page: Page) -> None:
    figure = started(page, "#mnist_cnn figure[data-name='learning_curves']")
    axis = figure.locator("svg")
    expect(axis).to_be_visible()
    before = axis.inner_html()
    figure.get_by_label("logarithmic scale").check()
    page.wait_for_timeout(1000)
    assert axis.inner_html() != before


def test_without_scripts_the_images_are_shown(browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(URL)
    for name in ("figure.chart", "figure.player", ".latent-space"):
        expect(page.locator(f"{name} img").first).to_be_visible()
    context.close()


def test_a_printed_page_has_images_instead_of_charts(page: Page) -> None:
    scroll_through(page)
    page.emulate_media(media="print")
    figure = page.locator("#mnist_cnn figure.chart").first
    expect(figure.locator("img")).to_be_visible()
    expect(figure.locator(".plot")).to_be_hidden()
    page.emulate_media(media="screen")
