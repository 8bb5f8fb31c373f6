import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stages import metrics_table
from stages.core.errors import DataError
from stages.core.files import flatten, read_json
from stages.gate import name_model
from stages.metrics_table import Row

ROOT = Path(__file__).parents[2]
TASKS = {"digits": "classification", "clothes": "classification", "vae": "auto_encoding"}
SHOWN: dict[str, Any] = {
    "": {
        "data": {
            "reports/data/d/details.json": {"data": {}},
            "reports/digits/metrics.json": {"data": {"test": {"accuracy": 0.9876543, "loss": 12}}},
            "reports/gone/metrics.json": {"error": {"type": "FileNotFoundError", "msg": "No"}},
            "reports/digits/cross_validation/metrics.json": {"data": {"cv": {"accuracy": 0.5}}},
        }
    }
}
DIGITS = Row("digits", "", {"test.accuracy": 0.9876543, "test.loss": 12})
FOLDS = Row("digits", "", {"cv.accuracy": 0.5})
CLOTHES = Row("clothes", "", {"test.loss": 0.25, "test.accuracy": 1})
VAE = Row("vae", "", {"elbo": -254.4})


def test_files_with_metrics_are_rows() -> None:
    assert metrics_table.parse_metrics(json.dumps(SHOWN), "x") == [DIGITS, FOLDS]


def test_each_revision_has_rows() -> None:
    shown = {"workspace": SHOWN[""], "main": SHOWN[""], "broken": {"error": {"type": "E"}}}
    rows = metrics_table.parse_metrics(json.dumps(shown), "x")
    assert [row.revision for row in rows] == ["workspace", "workspace", "main", "main"]


@pytest.mark.parametrize("text", ["", "no json", "[]", '{"a": 1}', '{"": {"data": {"x": 1}}}'])
def test_other_input_is_rejected(text: str) -> None:
    with pytest.raises(DataError, match=r"^standard input: expected .*dvc metrics show --json"):
        metrics_table.parse_metrics(text, "standard input")


def test_models_of_a_task_share_a_table_if_their_metrics_are_the_same() -> None:
    unknown = Row("unknown", "", {"cv.accuracy": 1})
    groups = metrics_table.group([DIGITS, FOLDS, VAE, CLOTHES, unknown], TASKS)
    assert groups == {
        "classification": [[DIGITS, CLOTHES], [FOLDS]],
        "auto_encoding": [[VAE]],
        "other": [[unknown]],
    }


def test_a_table_is_aligned_and_has_each_value_below_its_metric() -> None:
    assert metrics_table.tabulate([DIGITS, CLOTHES]).splitlines() == [
        "| model   | test.accuracy | test.loss |",
        "| ------- | ------------: | --------: |",
        "| digits  |       0.98765 |        12 |",
        "| clothes |             1 |      0.25 |",
    ]


def test_revisions_have_a_column_if_there_are_several() -> None:
    rows = [FOLDS._replace(revision="HEAD"), FOLDS._replace(revision="1234567")]
    assert metrics_table.tabulate(rows).splitlines() == [
        "| model  | revision | cv.accuracy |",
        "| ------ | -------- | ----------: |",
        "| digits | HEAD     |         0.5 |",
        "| digits | 1234567  |         0.5 |",
    ]


def test_tasks_are_headings() -> None:
    text = metrics_table.render([DIGITS, VAE, FOLDS], TASKS)
    first, second = text.split("## Auto encoding\n\n")
    assert first.startswith("## Classification\n\n| model ")
    assert first.count("\n\n| model ") == 2
    assert second.startswith("| model")
    assert metrics_table.render([], TASKS) == "No metrics."


def test_the_tables_have_every_committed_metric_and_no_empty_cell(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [sys.executable, "-m", "dvc", "metrics", "show", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("sys.stdin", io.StringIO(done.stdout))
    metrics_table.main()
    printed = capsys.readouterr().out
    tables = [block.splitlines() for block in printed.split("\n\n") if block.startswith("|")]
    shown = {}
    for head, _, *lines in tables:
        _, *metrics = head.strip("| ").split("|")
        for line in lines:
            model, *cells = line.strip("| ").split("|")
            for metric, cell in zip(metrics, cells, strict=True):
                shown[model.strip(), metric.strip()] = float(cell)
    for path in (ROOT / "reports").rglob("metrics.json"):
        name = name_model(path.relative_to(ROOT).as_posix())
        for metric, value in flatten(read_json(path)).items():
            assert shown.pop((name, metric)) == pytest.approx(value, rel=1e-4)
    assert not shown
