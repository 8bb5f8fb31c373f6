import base64
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from stages import charts
from stages.core.errors import DataError

ROOT = Path(__file__).parents[2]
TEMPLATE = (ROOT / charts.TEMPLATE).read_text(encoding="utf-8")
ONLINE = '\n<script src="https://somewhere/vega@5"></script>\n'
FILES = {"static/a.png": b"first", "static/b.svg": b"second"}
VEGA = r'window.vegaEmbed = "\1 </script> <img src=\"x\">";'


def fill(divs: str) -> str:
    """Fill the template like DVC."""
    return TEMPLATE.replace("{scripts}", ONLINE).replace("{plot_divs}", divs)


def test_the_template_has_what_dvc_fills_in() -> None:
    for placeholder in ("{scripts}", "{plot_divs}"):
        assert TEMPLATE.count(placeholder) == 1
    assert f"html_template = {charts.TEMPLATE.name}" in (ROOT / ".dvc/config").read_text()


def test_the_page_has_its_images_and_vega_and_loads_nothing() -> None:
    html = fill('<img src="static/a.png"><p></p><img src="static/b.svg">')
    page = charts.inline(html, VEGA, FILES.__getitem__)
    before, script = page.split("<script>", 1)
    assert script.startswith(r'window.vegaEmbed = "\1 <\/script> <img src=\"x\">";</script>')
    assert "<script" not in before
    assert "somewhere" not in page
    assert re.findall(r'<(?:script|link)[^>]* (?:src|href)="', page) == []
    sources = re.findall(r'<img src="([^"]*)"', page.rpartition("<main>")[2])
    assert sources == [
        f"data:image/png;base64,{base64.b64encode(b'first').decode()}",
        f"data:image/svg+xml;base64,{base64.b64encode(b'second').decode()}",
    ]


def test_an_image_in_the_page_already_is_kept() -> None:
    html = fill('<img src="data:image;base64,QQ==">')
    assert '<img src="data:image;base64,QQ==">' in charts.inline(html, "", FILES.__getitem__)


def test_a_page_of_another_template_is_rejected() -> None:
    with pytest.raises(DataError, match=r"plots\.html: expected <script src="):
        charts.inline(f"<html>{ONLINE}</html>", "", FILES.__getitem__)


@pytest.mark.parametrize(
    ("revisions", "targets", "expected"),
    [
        ([], [], "show OUT"),
        ([], ["a", "b"], "show OUT a b"),
        (["main"], [], "diff main OUT"),
        (["main", "HEAD"], ["a", "b"], "diff main HEAD OUT --targets a b"),
    ],
)
def test_dvc_shows_or_compares(revisions: list[str], targets: list[str], expected: str) -> None:
    command = charts.make_command(revisions, targets, Path("x/y"))
    assert command[:4] == [sys.executable, "-m", "dvc", "plots"]
    output = "--out x/y --html-template .dvc/plots.html"
    assert " ".join(command[4:]) == expected.replace("OUT", output)


def test_the_targets_of_a_model_are_its_charts_and_images(tmp_path: Path) -> None:
    for name in ("a_model/plots", "a_model/cross_validation/plots", "a_model2/plots"):
        (tmp_path / "reports" / name).mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        assert charts.find_targets(Path("reports"), "a_model") == [
            "models/a_model/history.csv",
            "reports/a_model/chart.csv",
            "reports/a_model/cross_validation/plots",
            "reports/a_model/plots",
        ]
        with pytest.raises(DataError, match="'a_mode' a model"):
            charts.find_targets(Path("reports"), "a_mode")


def test_vega_is_stored_in_a_function_and_only_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundles = iter(["const n = 1;"])
    stub = SimpleNamespace(javascript_bundle=lambda: next(bundles))
    monkeypatch.setitem(sys.modules, "vl_convert", stub)
    path = tmp_path / "new" / "vega.js"
    text = charts.load_vega(path)
    assert text == "(function () {\nconst n = 1;\n})();\n"
    assert charts.load_vega(path) == text


def test_vega_can_embed_charts(tmp_path: Path) -> None:
    assert "window.vegaEmbed=" in charts.load_vega(tmp_path / "vega.js")


def test_a_failure_of_dvc_is_an_error() -> None:
    with pytest.raises(DataError, match="failed"):
        charts.run_dvc([sys.executable, "-c", "raise SystemExit(3)"])
    charts.run_dvc([sys.executable, "-c", ""])


def test_the_charts_of_a_model_are_written_to_one_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(charts, "VEGA", tmp_path / "vega.js")
    monkeypatch.setattr(charts, "PAGE", tmp_path / "page/charts.html")
    charts.VEGA.write_text(VEGA)
    monkeypatch.setattr("sys.argv", ["charts", "--model", "votes_mlp"])
    charts.main()
    page = charts.PAGE.read_text(encoding="utf-8")
    assert capsys.readouterr().out == f"{charts.PAGE}\n"
    assert page.count("vegaEmbed('#") == 2
    assert "models_votes_mlp_history_csv" in page
    assert "reports/votes_mlp/cross_validation/plots/confusion_matrix.png" in page
    assert "votes_mlp" in page
    assert "mnist" not in page
