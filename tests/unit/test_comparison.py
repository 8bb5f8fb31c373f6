"""Comparison of two revisions: statistics, files of a revision, verdicts."""

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages import compare
from stages.comparison import differences
from stages.comparison.differences import Difference
from stages.comparison.revisions import Revision
from stages.core.errors import ConfigError, ModelError
from stages.core.files import write_json

# Statistics


def right(*counts: int) -> tuple[np.ndarray, np.ndarray]:
    """Examples that both, only the first, only the second, and neither classifier gets right."""
    pairs = np.repeat([[True, True], [True, False], [False, True], [False, False]], counts, axis=0)
    return pairs[:, 0], pairs[:, 1]


def test_more_won_than_lost_examples_are_a_difference() -> None:
    difference = differences.compare_predictions(*right(900, 10, 40, 50))
    assert difference.value == pytest.approx(0.03)
    assert 0 < difference.low < 0.03 < difference.high < 0.05
    assert difference.is_significant
    assert difference.basis == "McNemar's test: 40 examples won, 10 lost, p = 2.4e-05"


def test_as_many_won_as_lost_examples_are_none() -> None:
    assert not differences.compare_predictions(*right(900, 30, 33, 37)).is_significant
    same = differences.compare_predictions(*right(90, 0, 0, 10))
    assert (same.value, same.is_significant) == (0, False)


@given(st.tuples(*[st.integers(0, 200)] * 4).filter(lambda counts: sum(counts) > 1))
def test_the_order_of_the_classifiers_changes_only_the_sign(counts: tuple[int, ...]) -> None:
    before, after = right(*counts)
    forward = differences.compare_predictions(before, after)
    backward = differences.compare_predictions(after, before)
    assert forward.value == -backward.value
    assert forward.low == pytest.approx(-backward.high)
    assert forward.low <= forward.high


def folds(seed: int, shift: float) -> pd.DataFrame:
    """Out-of-fold predictions of 60 examples in 2 repeats of 5 folds."""
    random = np.random.default_rng(seed)
    label = np.tile(np.arange(60) % 2, 2)
    table = pd.DataFrame(
        {"example": np.tile(np.arange(60), 2), "repeat": np.repeat([0, 1], 60), "label": label}
    )
    table["fold"] = table["example"] % 5
    noise = random.uniform(-0.5, 0.5, 120)
    table["probability"] = np.clip(0.5 + (label - 0.5) * shift + noise, 0, 1)
    return table


@pytest.mark.parametrize("metric", differences.SCORES)
def test_cross_validations_are_compared_fold_by_fold(metric: str) -> None:
    before, after = folds(1, 0.2), folds(2, 0.9)
    difference = differences.compare_folds(before, after, metric)
    scores = [differences.score_folds(table, metric) for table in (before, after)]
    assert difference.value == pytest.approx(scores[1].mean() - scores[0].mean())
    assert difference.is_significant
    assert difference.basis == "corrected resampled t-test over 10 folds"
    assert not differences.compare_folds(before, folds(3, 0.2), metric).is_significant


def test_other_folds_are_noticed() -> None:
    table = folds(1, 0.5)
    assert differences.have_same_folds(table, folds(2, 0.9).sample(frac=1, random_state=1))
    assert not differences.have_same_folds(table, table.assign(fold=(table["fold"] + 1) % 5))


def test_other_results_are_compared_with_the_variation_over_seeds() -> None:
    results = [0.90, 0.91, 0.92]
    assert differences.compare_with_seeds(0.9, 1.0, results).is_significant
    assert not differences.compare_with_seeds(0.9, 0.93, results).is_significant
    assert differences.compare_with_seeds(0.9, 0.93, results).value == pytest.approx(0.03)


# Revisions


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a committed file and another version of it in the workspace."""
    monkeypatch.chdir(tmp_path)
    for command in (["git", "init", "--quiet"], ["dvc", "init", "--quiet"]):
        subprocess.run(command, check=True)
    write_metrics(0.9)
    lock = "stages:\n  a:\n    outs:\n    - path: data/x\n      md5: abc\n  b: {}\n"
    Path("dvc.lock").write_text(lock)
    subprocess.run(["git", "add", "."], check=True)
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run(["git", *identity, "commit", "--quiet", "--message", "first"], check=True)
    write_metrics(0.8)
    return tmp_path


def write_metrics(accuracy: float) -> None:
    write_json(Path("reports/m/metrics.json"), {"test": {"accuracy": accuracy, "loss": 0.5}})


@pytest.mark.usefixtures("project")
def test_a_revision_has_its_own_files() -> None:
    assert compare.read_metrics("m", Revision("HEAD"))["test.accuracy"] == 0.9
    assert compare.read_metrics("m", Revision("workspace"))["test.accuracy"] == 0.8
    assert compare.read_metrics("other", Revision("HEAD")) == {}
    assert Revision("HEAD").read_lock() == {"data/x": "abc"}


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("name", ["HEAD", "workspace"])
def test_a_file_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(ModelError, match=f"models/m/model.keras of {name} is not in the cache"):
        Revision(name).read("models/m/model.keras")


@pytest.mark.usefixtures("project")
def test_an_unknown_revision_is_rejected() -> None:
    with pytest.raises(ConfigError, match="nope: expected a commit, branch or tag"):
        Revision("nope")


# Verdicts

MODEL = SimpleNamespace(report=SimpleNamespace(metric="test.loss"), dataset="x")


@pytest.mark.usefixtures("project")
def test_a_metric_that_cannot_be_tested_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "read_rules", lambda _: [])
    monkeypatch.setattr(compare, "find_rule", lambda *_: SimpleNamespace(direction="maximize"))
    rows = list(compare.compare_model("m", MODEL, Revision("HEAD"), Revision("workspace")))
    (row,) = rows  # the loss is the same
    assert (row.metric, row.before, row.after) == ("test.accuracy", 0.9, 0.8)
    assert row.verdict == compare.UNKNOWN
    text = compare.render(rows, "HEAD", "workspace")
    assert "models/m/model.keras of HEAD is not in the cache" in text
    assert "| m | test.accuracy | 0.9 | 0.8 | -0.1 |" in text


@pytest.mark.parametrize(
    ("low", "high", "direction", "verdict"),
    [
        (0.1, 0.3, "maximize", compare.BETTER),
        (0.1, 0.3, "minimize", compare.WORSE),
        (-0.3, -0.1, "maximize", compare.WORSE),
        (-0.3, -0.1, "minimize", compare.BETTER),
        (-0.3, -0.1, "none", compare.CHANGED),
        (-0.1, 0.3, "maximize", compare.CHANCE),
    ],
)
def test_the_verdict_is_by_interval_and_direction(
    low: float, high: float, direction: Any, verdict: str
) -> None:
    difference = Difference((low + high) / 2, low, high, "")
    assert compare.decide_verdict(difference, direction) == verdict
    row = compare.Row("m", "a", 1.0, 2.0, difference, verdict)
    assert f"| {low:+.4g} to {high:+.4g} | {verdict} |" in compare.render([row], "one", "other")


def test_no_difference_is_said_in_words() -> None:
    assert compare.render([], "a", "b") == "No compared metric differs between a and b."
