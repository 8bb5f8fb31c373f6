"""Studies on the page."""

from typing import Any

from stages.page import render
from tests.unit.test_report import BASELINE, DATASET, check, figure, model

RESULTS = [
    {"variant": "<low>", "values": [0.5, 0.52], "diverged": 1},
    {"variant": "high", "values": [], "diverged": 3},
]


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
