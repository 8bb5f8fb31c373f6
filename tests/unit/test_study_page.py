"""Studies on the page."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from stages import report
from stages.page import render
from tests.unit.test_report import BASELINE, DATASET, check, figure, model

RESULTS = [
    {"variant": "<low>", "values": [0.5, 0.52], "diverged": 1},
    {"variant": "high", "values": [], "diverged": 3},
]


@pytest.fixture(autouse=True)
def _images_are_kept_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "ENCODED", tmp_path / "encoded")


def study(**changes: Any) -> render.StudyPage:
    report = {
        "question": "How high?",
        "finding": "Not too high.",
        "models": ["a_model"],
        "metric": "val_accuracy",
        "results": RESULTS,
    }
    return render.StudyPage("rate", report | changes, [figure("AAAA"), figure("BBBB")])


def test_a_study_shows_its_question_finding_and_variants() -> None:
    page = check(render.render([model()], [DATASET], BASELINE, studies=[study()]))
    assert "<h3>How high?</h3>" in page
    assert "Not too high." in page
    assert "&lt;low&gt;" in page
    assert "51.00%" in page
    assert "50.00% to 52.00%" in page
    assert "1 run diverged" in page
    assert "3 runs diverged" in page
    assert 'href="#studies"' in page
    assert 'href="#a_model"' in page
    assert "validation accuracy" in page
    assert "AAAA" in page
    assert "BBBB" in page


def test_figures_of_an_analysis_have_captions() -> None:
    assert "figcaption" not in section(study())
    shown = section(study(captions={"a": {}}, models=[]))
    assert shown.count("<figcaption><b>") == 2
    assert "with <a" not in shown


def section(page: render.StudyPage) -> str:
    rendered = check(render.render([model()], [DATASET], BASELINE, studies=[page]))
    return rendered.partition('<article id="study-rate">')[2].partition("</article>")[0]


def write_report(folder: Path, details: dict[str, Any], *figures: str) -> None:
    (folder / "plots").mkdir(parents=True)
    (folder / "details.json").write_text(json.dumps([details]))
    for name in figures:
        Image.new("L", (4, 3)).save(folder / "plots" / f"{name}.png")


def test_the_report_of_an_analysis_is_read_with_its_captions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "REPORTS", tmp_path)
    texts = {"question": "Why?", "finding": "So."}
    caption = {"title": "Second", "description": "See", "summary": "this."}
    captions = {"b": caption, "a": caption | {"title": "First", "summary": ""}}
    write_report(tmp_path / "studies" / "analysis", texts | {"captions": captions}, "a", "b")
    write_report(tmp_path / "studies" / "study", texts, "curves")
    analysis, plain = report.read_study("analysis"), report.read_study("study")
    assert [(each.title, each.description) for each in analysis.figures] == [
        ("Second", "See this."), ("First", "See"),
    ]  # fmt: skip
    assert [(each.title, each.description) for each in plain.figures] == [("Why?", "So.")]


def test_without_studies_there_is_no_section() -> None:
    assert "studies" not in check(render.render([model()], [DATASET], BASELINE))


def test_other_results_have_four_digits() -> None:
    results = [{"variant": "a", "values": [0.01234, 0.01236], "diverged": 0}]
    page = study(metric="val_loss", results=results)
    assert page.rows == [
        {"variant": "a", "mean": "0.01235", "range": "0.01234 to 0.01236", "note": ""}
    ]


def test_an_analysis_of_no_model_names_none() -> None:
    page = check(render.render([model()], [DATASET], BASELINE, studies=[study(models=[])]))
    assert "<code>rate</code> in <code>params.yaml</code></p>" in page
    assert "<code>rate</code> in <code>params.yaml</code>, with" not in page
