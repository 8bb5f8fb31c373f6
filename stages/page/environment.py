"""Jinja environments of the page, the model cards, explanations and the demo."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).parent / "templates"


def make_environment(*folders: Path, html: bool = True) -> Environment:
    """Return an environment that fails for undefined names.

    Args:
        folders: Folders of templates, searched before that of the page.
        html: Whether values are escaped; Markdown is not, and keeps the newline at its end.
    """
    return Environment(
        loader=FileSystemLoader([*folders, TEMPLATES]),
        autoescape=html,
        keep_trailing_newline=not html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
