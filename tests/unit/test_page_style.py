"""The colors of style.css, and script.js."""

import re
from pathlib import Path

import pytest

TEMPLATES = Path(__file__).parents[2] / "stages/page/templates"


def colors(scheme: str) -> dict[str, str]:
    """Return the colors of style.css in the light or dark scheme."""
    blocks = re.findall(r":root \{(.*?)\}", (TEMPLATES / "style.css").read_text(), re.DOTALL)
    light, dark = (dict(re.findall(r"--(\w+): (#\w{6});", block)) for block in blocks)
    return light if scheme == "light" else light | dark


def luminance(color: str) -> float:
    channels = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(c * weight for c, weight in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("text", ["ink", "muted", "link", "good", "bad"])
@pytest.mark.parametrize("background", ["page", "soft"])
def test_text_has_the_contrast_of_wcag_aa(scheme: str, text: str, background: str) -> None:
    values = colors(scheme)
    lights = sorted(luminance(values[name]) for name in (text, background))
    assert (lights[1] + 0.05) / (lights[0] + 0.05) >= 4.5


def test_the_dark_scheme_is_dark_and_replaces_every_color() -> None:
    light, dark = colors("light"), colors("dark")
    assert luminance(dark["page"]) < 0.05
    assert luminance(light["page"]) > 0.9
    assert all(dark[name] != light[name] for name in light)


def test_colors_are_variables() -> None:
    style = (TEMPLATES / "style.css").read_text()
    outside = re.sub(r":root \{.*?\}", "", style, flags=re.DOTALL)
    assert set(re.findall(r"#[0-9a-f]{6}\b", outside)) == {"#ffffff"}  # the cards of figures


def test_the_script_needs_no_network() -> None:
    script = (TEMPLATES / "script.js").read_text()
    assert not re.search(r"https?:|fetch|import|XMLHttp|innerHTML", script)
    assert "</" not in script  # would end the script element
