"""The page: the widgets, and what they call."""

from collections.abc import Callable, Sequence
from functools import partial, wraps
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from stages.core.errors import UserError
from stages.demo import digits, images, language, reviews, rows, show
from stages.demo.models import Models
from stages.inference.images import MAX_BYTES

TITLE = "Trained models"
BLANK = "Draw a digit."
FACTOR = 8  # by which a generated image is enlarged
PROMPT = "Alice was "
REVIEW = "I went in expecting very little and came out delighted. A few scenes in the middle drag."
# One event at a time uses the models; of strokes that wait, only the last one is read.
EVENT: dict[str, Any] = {
    "concurrency_id": "models",
    "concurrency_limit": 1,
    "show_progress": "hidden",
    "api_visibility": "private",
}
LIVE = EVENT | {"trigger_mode": "always_last"}
SLOW = EVENT | {"show_progress": "minimal"}
THEME = gr.themes.Base(  # only fonts of the system: others would be fetched
    font=("system-ui", "sans-serif"), font_mono=("ui-monospace", "monospace")
).set(  # enough contrast to white text
    button_primary_background_fill="*primary_700",
    button_primary_background_fill_hover="*primary_800",
    button_primary_background_fill_dark="*primary_700",
    button_primary_background_fill_hover_dark="*primary_800",
)
MOVE_MARKER = """(first, second) => {
  const marker = document.querySelector(".plane .marker");
  if (marker) [marker.style.left, marker.style.top] =
    [`${50 + 50 * first / REACH}%`, `${50 - 50 * second / REACH}%`];
}""".replace("REACH", str(images.REACH))


def build(models: Models) -> gr.Blocks:
    """Build the page; no model is loaded yet."""
    with gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True) as page:
        gr.Markdown(f"# {TITLE}")
        with gr.Tabs():
            with gr.Tab("Draw a digit"):
                build_digits(page, models)
            with gr.Tab("Write a review"):
                build_reviews(models)
            with gr.Tab("Votes"):
                build_votes(models)
            with gr.Tab("Masses"):
                build_masses(models)
            with gr.Tab("Latent plane") as tab:
                build_plane(tab, models)
            with gr.Tab("Garments") as tab:
                build_samples(tab, models)
            with gr.Tab("Text"):
                build_text(models)
    return page


def launch(page: gr.Blocks, host: str, port: int) -> str:
    """Serve the page in the background.

    Args:
        page: The page.
        host: Address to listen on.
        port: Port; it must be free.

    Returns:
        URL of the page.

    Raises:
        OSError: If the port is in use.
    """
    return page.launch(
        server_name=host,
        server_port=port,
        share=False,
        inbrowser=False,
        quiet=True,
        prevent_thread_lock=True,
        ssr_mode=False,
        mcp_server=False,
        enable_monitoring=False,
        run_history=False,
        max_file_size=MAX_BYTES,
        footer_links=[],
        theme=THEME,
        css_paths=show.TEMPLATES / "demo.css",
    )[1]


def answered(function: Callable[..., str]) -> Callable[..., str]:
    """Return a function that returns an error of the user as a message instead of raising it."""

    @wraps(function)
    def answer(*values: Any) -> str:
        try:
            return function(*values)
        except UserError as error:
            return show.message(str(error).removeprefix("input: "))

    return answer


def output(text: str = "") -> gr.HTML:
    """Return the place of an answer, which screen readers announce."""
    template = '<div role="status" aria-live="polite">${value}</div>'
    return gr.HTML(show.message(text) if text else "", html_template=template, js_on_load=None)


def read_part(name: str) -> str:
    """Read a file of the folder of templates."""
    return (show.TEMPLATES / name).read_text(encoding="utf-8")


def build_digits(page: gr.Blocks, models: Models) -> None:
    """Build the tab of digits."""
    with gr.Row():
        with gr.Column(scale=1, min_width=330):
            pad = gr.HTML("", html_template=read_part("pad.html"), js_on_load=read_part("pad.js"))
            upload = gr.File(label="Or a photograph of a digit", type="filepath", height=150)
        with gr.Column(scale=3):
            shown = output("Loading the networks …")
    page.load(answered(partial(warm_up, models)), None, shown, **EVENT)
    pad.input(answered(partial(read_drawing, models)), pad, shown, **LIVE)
    upload.upload(answered(partial(read_upload, models)), upload, shown, **EVENT)


def warm_up(models: Models) -> str:
    """Load the networks of digits and let them answer once, since the first answer is slow."""
    bar = np.zeros((28, 28), np.uint8)
    bar[4:24, 13:15] = 255
    read = digits.read_digit(models, Image.fromarray(bar).convert("RGB"))
    problems = [row for row in read.rows if row.problem] if read else []
    return show.message(BLANK) + (show.answers(problems) if problems else "")


def read_drawing(models: Models, url: str) -> str:
    """Return what is read in a drawing."""
    read = digits.read_digit(models, digits.decode_drawing(url))
    return show.reading(read) if read else show.message(BLANK)


def read_upload(models: Models, path: str) -> str:
    """Return what is read in a file that was uploaded."""
    read = digits.read_digit(models, digits.open_upload(Path(path)))
    return show.reading(read) if read else show.message("no digit found: the image is plain")


def build_reviews(models: Models) -> None:
    """Build the tab of reviews."""
    names = reviews.list_models(models)
    text = gr.Textbox(REVIEW, label="Review, in English", lines=5, max_length=100_000)
    with gr.Row():
        answer = gr.Button("Answer", variant="primary")
        name = gr.Dropdown(names, value=reviews.SHOWN, label="Model whose words are explained")
        explain = gr.Button("Explain the words")
    shown, explained = output(), output()

    def answer_review(content: str) -> str:
        return show.answers(reviews.answer_review(models, content))

    def explain_review(chosen: str, content: str) -> str:
        return show.words(chosen, reviews.explain_review(models, chosen, content))

    gr.on([answer.click, text.submit], answered(answer_review), text, shown, **SLOW)
    explain.click(answered(explain_review), [name, text], explained, **SLOW)


def build_votes(models: Models) -> None:
    """Build the tab of votes."""
    columns = rows.list_votes()
    gr.Markdown("How a member of the US House of Representatives voted in 1984; which party?")
    shown = output("Choose votes.")
    inputs: list[gr.Radio] = []
    for start in range(0, len(columns), 4):
        with gr.Row():
            inputs += [build_choice(column) for column in columns[start : start + 4]]
    answer_changes(models, rows.VOTES, columns, inputs, shown)


def build_masses(models: Models) -> None:
    """Build the tab of masses."""
    gr.Markdown(f"**{rows.WARNING}**")
    columns = rows.list_values()
    age = gr.Slider(18, 96, value=rows.AGE_AT_START, step=1, label=columns[0].label)
    inputs = [age, *(build_choice(column) for column in columns[1:])]
    answer_changes(models, rows.MASSES, columns, inputs, output("Choose values."))


def build_choice(column: rows.Column) -> gr.Radio:
    """Return the choices of a column."""
    return gr.Radio(list(column.choices), value=column.start, label=column.label, min_width=240)


def answer_changes(
    models: Models,
    table: tuple[str, str],
    columns: Sequence[rows.Column],
    inputs: Sequence[Any],
    shown: gr.HTML,
) -> None:
    """Answer a row each time a value changes."""

    def answer(*values: Any) -> str:
        return show.answers([rows.answer_row(models, table, columns, values)])

    gr.on([each.input for each in inputs], answered(answer), inputs, shown, **LIVE)


def build_plane(tab: gr.Tab, models: Models) -> None:
    """Build the tab of the latent plane."""
    gr.Markdown("Each point of the plane is an image of the VAE: move the pointer over it.")
    with gr.Row():
        with gr.Column():
            plane = gr.HTML("", html_template="", js_on_load=read_part("plane.js"))
            limits: dict[str, Any] = {
                "minimum": -images.REACH,
                "maximum": images.REACH,
                "step": 0.05,
            }
            first = gr.Slider(value=0, label="First latent variable", **limits)
            second = gr.Slider(value=0, label="Second latent variable", **limits)
        with gr.Column():
            shown = output()

    def decode(x: float, y: float) -> str:
        picture = Image.fromarray(images.decode_point(models, x, y))
        size = (FACTOR * picture.width, FACTOR * picture.height)
        enlarged = picture.resize(size, Image.Resampling.NEAREST)
        return show.image(enlarged, f"decoded from ({x:.2f}, {y:.2f})")

    def decode_below_pointer(event: gr.EventData) -> tuple[float, float, str]:
        x, y = (round(images.REACH * float(getattr(event, key)), 2) for key in ("first", "second"))
        return x, y, answered(decode)(x, y)

    def draw_plane() -> Any:
        try:
            url = show.to_url(images.draw_plane(models))
        except UserError as error:
            return gr.HTML(html_template=show.message(str(error)))
        return gr.HTML(url, html_template=read_part("plane.html"))

    point = [first, second]
    tab.select(draw_plane, None, plane, **EVENT).then(answered(decode), point, shown, **EVENT)
    plane.move(decode_below_pointer, None, [*point, shown], **LIVE)
    gr.on([first.input, second.input], answered(decode), point, shown, **LIVE)
    gr.on([first.change, second.change], None, point, None, js=MOVE_MARKER)


def build_samples(tab: gr.Tab, models: Models) -> None:
    """Build the tab of generated garments."""
    with gr.Row():
        with gr.Column():
            gr.Markdown(f"## GAN ({images.GAN})")
            count, seed = build_numbers()
            draw = gr.Button("Generate", variant="primary")
            shown = output()
        with gr.Column():
            gr.Markdown(f"## Conditional VAE ({images.CVAE})")
            wanted = gr.Dropdown([], label="Class")
            count_of_class, seed_of_class = build_numbers()
            draw_class = gr.Button("Generate the class", variant="primary")
            shown_class = output()

    def list_classes() -> gr.Dropdown:
        classes = images.list_classes(models)
        return gr.Dropdown(classes, value=classes[0] if classes else None)

    def sample(number: float, start: float) -> str:
        return describe(images.draw_samples(models, images.GAN, number, start, None), "", start)

    def sample_class(number: float, start: float, chosen: str | None) -> str:
        sheet = images.draw_samples(models, images.CVAE, number, start, chosen)
        return describe(sheet, f" {chosen}" if chosen else "", start)

    def describe(sheet: Image.Image, of_class: str, start: float) -> str:
        return show.image(sheet, f"generated{of_class}, seed {start:g}")

    tab.select(list_classes, None, wanted, **EVENT)
    draw.click(answered(sample), [count, seed], shown, **SLOW)
    chosen = [count_of_class, seed_of_class, wanted]
    draw_class.click(answered(sample_class), chosen, shown_class, **SLOW)


def build_numbers() -> tuple[gr.Slider, gr.Number]:
    """Return the number of images, and the seed."""
    count = gr.Slider(1, images.MAX_COUNT, value=20, step=1, label="Count")
    return count, gr.Number(1, label="Seed", precision=0, minimum=0)


def build_text(models: Models) -> None:
    """Build the tab of the language model."""
    prompt = gr.Textbox(PROMPT, label="Prompt", lines=2, max_length=10_000)
    with gr.Row():
        length = gr.Slider(1, language.MAX_LENGTH, value=300, step=1, label="Length, characters")
        temperature = gr.Slider(0.1, 2, value=0.5, step=0.1, label="Temperature")
        seed = gr.Number(1, label="Seed", precision=0, minimum=0)
    write = gr.Button("Continue", variant="primary")
    shown = output()

    def continue_prompt(*values: Any) -> str:
        return show.text(language.continue_prompt(models, *values))

    write.click(answered(continue_prompt), [prompt, length, temperature, seed], shown, **SLOW)
