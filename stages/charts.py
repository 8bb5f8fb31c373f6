"""Write the charts of `dvc plots` to one HTML file that works offline: dvc_plots/charts.html.

    python -m stages.charts                       # the current results
    python -m stages.charts HEAD~1                # compared with another revision
    python -m stages.charts --model votes_mlp     # the charts of one model

The page of `dvc plots` itself reads images and Vega, which draws the charts, from other files. Vega
is stored in .venv the first time; from then on, the page of `dvc plots` works offline too.
"""

import argparse
import mimetypes
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from stages.core.cli import exit_on_error
from stages.core.errors import DataError
from stages.core.files import atomic_output
from stages.core.paths import MODELS, REPORTS
from stages.page.media import data_url
from stages.page.vega import javascript

PAGE = Path("dvc_plots/charts.html")
TEMPLATE = Path(".dvc/plots.html")
VEGA = Path(".venv/vega.js")

# Parts of the template.
LOCAL_SCRIPT = f'<script src="../{VEGA.as_posix()}"></script>'
ONLINE_SCRIPTS = re.compile(r'<template id="vega-online">.*?</template>', re.DOTALL)
IMAGE = re.compile(r'<img src="([^":]+)"')  # without a scheme such as data:


def main() -> None:
    """Write the page, for the arguments on the command line."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("revisions", nargs="*", help="compare these, or one with the current files")
    parser.add_argument("--model", help="id of the only model to show")
    arguments = parser.parse_args()
    vega = load_vega(VEGA)
    targets = find_targets(REPORTS, arguments.model) if arguments.model else []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run_dvc(make_command(arguments.revisions, targets, folder))
        html = (folder / "index.html").read_text(encoding="utf-8")
        page = inline(html, vega, lambda path: (folder / path).read_bytes())
    with atomic_output(PAGE) as partial:
        partial.write_text(page, encoding="utf-8")
    print(PAGE)


def load_vega(path: Path) -> str:
    """Return the JavaScript of Vega, Vega-Lite and Vega-Embed, and store it if it is not yet.

    Args:
        path: File to store it in.
    """
    if not path.exists():
        with atomic_output(path) as partial:
            partial.write_text(javascript(), encoding="utf-8")
    return path.read_text(encoding="utf-8")


def find_targets(reports: Path, model: str) -> list[str]:
    """Return the files and folders with the charts of a model, as targets of `dvc plots`.

    Args:
        reports: Folder of all reports.
        model: Id of the model.

    Raises:
        DataError: If the model has no charts.
    """
    folders = sorted(reports.glob(f"{model}/**/plots"))
    if not folders:
        raise DataError(f"{reports / model}: no charts; is {model!r} a model that was evaluated?")
    files = (MODELS / model / "history.csv", REPORTS / model / "chart.csv")
    return [path.as_posix() for path in (*files, *folders)]


def make_command(revisions: Sequence[str], targets: Sequence[str], folder: Path) -> list[str]:
    """Return the DVC command that writes index.html and images.

    Args:
        revisions: Revisions to compare; none to show the current results.
        targets: Charts to show; all by default.
        folder: Folder to write to.
    """
    option = ["--targets", *targets] if targets and revisions else targets
    action = ["diff", *revisions] if revisions else ["show"]
    output = ["--out", str(folder), "--html-template", str(TEMPLATE)]
    return [sys.executable, "-m", "dvc", "plots", *action, *output, *option]


def run_dvc(command: Sequence[str]) -> None:
    """Run a DVC command without its output; it prints its own errors.

    Raises:
        DataError: If it fails.
    """
    if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode:
        raise DataError("`dvc plots` failed, see above")


def inline(html: str, vega: str, read: Callable[[str], bytes]) -> str:
    """Return a page of `dvc plots` that needs no other file and no network.

    Args:
        html: Page from the template.
        vega: JavaScript that the template loads.
        read: Reads an image of the page.

    Raises:
        DataError: If the page does not load Vega like the template.
    """
    if LOCAL_SCRIPT not in html:
        raise DataError(f"{TEMPLATE}: expected {LOCAL_SCRIPT}")
    html = ONLINE_SCRIPTS.sub("", html)
    html = IMAGE.sub(lambda found: f'<img src="{encode(found[1], read(found[1]))}"', html)
    script = vega.replace("</script", r"<\/script")  # would end the element
    return html.replace(LOCAL_SCRIPT, f"<script>{script}</script>", 1)


def encode(name: str, content: bytes) -> str:
    """Return a file as a data: URL."""
    kind, _ = mimetypes.guess_type(name)
    return data_url(str(kind), content)


if __name__ == "__main__":
    exit_on_error(main)
