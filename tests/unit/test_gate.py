import io
import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages import gate
from stages.config.load import load_params
from stages.core.cli import exit_on_error
from stages.core.errors import ConfigError, DataError
from stages.core.files import flatten, read_json
from stages.gate import (
    BETTER,
    CHANGED,
    MISSING,
    NEW,
    NOT_FINITE,
    REGRESSIONS,
    SAME,
    TOLERATED,
    WORSE,
    Row,
    Rule,
)

ROOT = Path(__file__).parents[2]
RULES = gate.read_rules(ROOT / gate.TOLERANCES)
KINDS = {"full", "reduced", "reduced_other_processor"}
METRICS = sorted((ROOT / "reports").glob("**/metrics.json"))
UP = Rule(metrics=["*accuracy"], direction="maximize", tolerance={"full": 0.02})
DOWN = Rule(metrics=["*loss"], direction="minimize", tolerance={"full": "10 %"})
NEITHER = Rule(metrics=["*_train"], direction="none")
FINITE = st.floats(-1e6, 1e6)


@pytest.mark.parametrize(
    ("rule", "before", "after", "verdict"),
    [
        (UP, 0.9, 0.91, BETTER),
        (UP, 0.9, 0.9, SAME),
        (UP, 0.95, 0.93, TOLERATED),  # at the edge, although the floats differ by more than 0.02
        (UP, 0.95, 0.9299, WORSE),
        (UP, 1, 0, WORSE),
        (DOWN, 2.0, 1.0, BETTER),
        (DOWN, 2.0, 2.2, TOLERATED),
        (DOWN, 2.0, 2.201, WORSE),
        (DOWN, -2.0, -1.9, TOLERATED),  # percent of the absolute value
        (DOWN, -2.0, -1.7, WORSE),
        (DOWN, 0.0, 1e-9, WORSE),  # ten percent of nothing
        (NEITHER, 0.5, 0.1, CHANGED),
        (NEITHER, 0.5, 0.9, CHANGED),
    ],
)
def test_a_change_gets_its_verdict(rule: Rule, before: float, after: float, verdict: str) -> None:
    assert gate.decide(before, after, rule, "full") == verdict


@pytest.mark.parametrize("rule", [UP, DOWN, NEITHER])
@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        (0.5, None, MISSING),
        (math.nan, None, MISSING),
        (0.5, math.nan, NOT_FINITE),
        (math.nan, math.nan, NOT_FINITE),
        (None, math.nan, NOT_FINITE),
        (0.5, math.inf, NOT_FINITE),
        (0.5, "0.6", NOT_FINITE),
        (None, 0.5, NEW),
        (math.nan, 0.5, NEW),
        ("none", 0.5, NEW),
    ],
)
def test_missing_and_not_finite_values_get_their_verdict_in_any_direction(
    rule: Rule, before: Any, after: Any, verdict: str
) -> None:
    assert gate.decide(before, after, rule, "full") == verdict


@given(FINITE, FINITE)
def test_better_in_one_direction_is_worse_in_the_other(a: float, b: float) -> None:
    strict: dict[str, float | str] = {"full": 0.0}
    up = Rule(metrics=["*"], direction="maximize", tolerance=strict)
    down = Rule(metrics=["*"], direction="minimize", tolerance=strict)
    assert gate.decide(a, b, up, "full") == gate.decide(b, a, down, "full")
    assert gate.decide(a, b, up, "full") == (SAME if a == b else BETTER if b > a else WORSE)


@given(FINITE, st.floats(1e-3, 1e3), st.floats(0, 3))
def test_a_tolerance_is_the_largest_worsening(
    before: float, allowed: float, fraction: float
) -> None:
    rule = Rule(metrics=["*"], direction="minimize", tolerance={"full": allowed})
    verdict = gate.decide(before, before + allowed * fraction, rule, "full")
    if fraction > 1.001:
        assert verdict == WORSE
    if fraction < 0.999:
        assert verdict in {TOLERATED, SAME}


DIFF: gate.Diff = {
    "reports/b/metrics.json": {
        "test.accuracy": {"old": 0.9, "new": 0.5, "diff": -0.4},
        "test.loss": {"old": 1.0, "new": 1.05, "diff": 0.05},
    },
    "reports/a/metrics.json": {"test.accuracy": {"old": 0.9, "new": 0.95, "diff": 0.05}},
    "reports/a/cross_validation/metrics.json": {"cv.accuracy": {"old": 0.9, "new": None}},
    "reports/c/metrics.json": {"test.loss": {"old": None, "new": 0.1}},
}


def test_further_evaluations_belong_to_their_model() -> None:
    for part in ("", "cross_validation/", "anomaly_detection/"):
        assert gate.name_model(f"reports/a_b/{part}metrics.json") == "a_b"


def test_rows_begin_with_regressions() -> None:
    rows = gate.compare(DIFF, [UP, DOWN], "full")
    assert rows == [
        Row("b", "test.accuracy", 0.9, 0.5, WORSE),
        Row("a", "cv.accuracy", 0.9, None, MISSING),
        Row("b", "test.loss", 1.0, 1.05, TOLERATED),
        Row("c", "test.loss", None, 0.1, NEW),
        Row("a", "test.accuracy", 0.9, 0.95, BETTER),
    ]


@pytest.mark.parametrize("part", ["", "cross_validation/", "exploration/"])
def test_all_parts_of_a_report_belong_to_the_model(part: str) -> None:
    assert gate.name_model(f"reports/mnist_gan/{part}metrics.json") == "mnist_gan"


@pytest.mark.parametrize("verdict", gate.ORDER)
def test_one_regression_fails_the_check(verdict: str) -> None:
    rows = [Row("a", "x", 1.0, 2.0, BETTER), Row("a", "y", 1.0, 2.0, verdict)]
    assert gate.has_regressions(rows) == (verdict in {"worse", "missing", "not finite"})
    assert gate.summarize(rows).startswith("**Failed**" if verdict in REGRESSIONS else "**Passed**")


def test_the_table_shows_every_row() -> None:
    rows = gate.compare(DIFF, [UP, DOWN], "full")
    lines = gate.render(rows).splitlines()
    assert lines[0] == "**Failed**: 1 worse, 1 missing, 1 within tolerance, 1 new, 1 better."
    assert lines[4:] == [
        "| b | test.accuracy | 0.9 | 0.5 | -0.4 | **worse** |",
        "| a | cv.accuracy | 0.9 |  |  | **missing** |",
        "| b | test.loss | 1 | 1.05 | +0.05 | within tolerance |",
        "| c | test.loss |  | 0.1 |  | new |",
        "| a | test.accuracy | 0.9 | 0.95 | +0.05 | better |",
    ]
    assert {line.count("|") for line in lines[2:]} == {7}
    assert gate.render([]) == "**Passed**: no metric changed."
    assert "| nan |  | **not finite** |" in gate.render([Row("a", "x", 1.0, math.nan, NOT_FINITE)])


def test_the_first_rule_that_matches_applies() -> None:
    one = Rule(metrics=["a:test.*"], direction="minimize")
    rules = [one, UP]
    assert gate.find_rule("a:test.accuracy", rules) is one
    assert gate.find_rule("b:test.accuracy", rules) is UP
    with pytest.raises(
        ConfigError, match=r"tolerances\.yaml: no rule matches b:test\.loss; add one"
    ):
        gate.find_rule("b:test.loss", rules)


def test_a_kind_of_comparison_without_a_tolerance_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"no tolerance 'strict', expected one of full"):
        gate.decide(0.9, 0.8, UP, "strict")


@pytest.mark.parametrize(
    "text",
    ["", "Metric  Old  New", "[]", "3", '{"a": 1}', '{"a": {"x": 1}}', '{"a": {"x": {"old": 1}}}'],
)
def test_anything_but_a_metrics_diff_is_an_error(text: str) -> None:
    with pytest.raises(DataError, match="here: expected the output of `dvc metrics diff --json`"):
        gate.parse_diff(text, "here")


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("metrics: [a], direction: up", "0.direction"),
        ("metrics: [a]", "0.direction"),
        ("metrics: [a], direction: none, tolerances: 1", "0.tolerances"),
        ("metrics: [a], direction: maximize, tolerance: {full: -1}", "0.tolerance.full"),
        ("metrics: [a], direction: maximize, tolerance: {full: 5%%}", "0.tolerance.full"),
    ],
)
def test_an_invalid_rule_is_named(tmp_path: Path, rule: str, problem: str) -> None:
    path = tmp_path / "tolerances.yaml"
    path.write_text(f"- {{{rule}}}\n")
    with pytest.raises(ConfigError, match=rf"tolerances\.yaml: {problem}") as caught:
        gate.read_rules(path)
    assert "\n" not in str(caught.value)


def test_the_committed_rules_match_every_metric() -> None:
    for path in METRICS:
        model = gate.name_model(path.relative_to(ROOT).as_posix())
        group, _, name = model.rpartition("/")
        assert group in {"", *gate.GROUPS}
        assert name
        for key in flatten(read_json(path)):
            rule = gate.find_rule(f"{model}:{key}", RULES)
            assert set(rule.tolerance) == (set() if rule.direction == "none" else KINDS)
    assert len(METRICS) > 20


def test_every_committed_rule_is_used() -> None:
    known = {
        f"{gate.name_model(path.relative_to(ROOT).as_posix())}:{key}"
        for path in METRICS
        for key in flatten(read_json(path))
    }
    used = {id(gate.find_rule(metric, RULES)) for metric in known}
    assert used == {id(rule) for rule in RULES}


def test_the_rules_and_the_parameters_agree_on_the_direction() -> None:
    for model, config in load_params(ROOT / "params.yaml").models.items():
        rule = gate.find_rule(f"{model}:{config.report.metric}", RULES)
        assert rule.direction == config.report.direction, model


@pytest.mark.parametrize(
    ("key", "direction"),
    [
        ("test.accuracy", "maximize"),
        ("test.f1_macro", "maximize"),
        ("cv.roc_auc", "maximize"),
        ("cv.accuracy_std", "minimize"),
        ("test.elbo", "maximize"),
        ("train.psnr", "maximize"),
        ("classes_covered", "maximize"),
        ("test.coverage", "maximize"),
        ("test.coverage_train", "none"),
        ("test.loss", "minimize"),
        ("test.total_loss", "minimize"),
        ("test.kl_loss", "none"),
        ("test.bits_per_char", "minimize"),
        ("test.false_positive_rate", "minimize"),
        ("test.false_negative_rate", "minimize"),
        ("class_kl", "minimize"),
        ("frechet_distance", "minimize"),
        ("frechet_distance_noise", "none"),
        ("sliced_wasserstein", "minimize"),
        ("sliced_wasserstein_train", "none"),
        ("discriminator.accuracy", "none"),
    ],
)
def test_each_metric_has_its_direction(key: str, direction: str) -> None:
    assert gate.find_rule(f"any_model:{key}", RULES).direction == direction


@pytest.mark.parametrize(
    ("after", "arguments", "status"),
    [
        (0.9, [], False),
        (0.1, [], True),
        (0.1, ["--tolerance", "nonsense"], "no tolerance 'nonsense'"),
        (None, ["--tolerance", "reduced"], True),
    ],
)
def test_the_exit_status_is_the_verdict(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    after: float | None,
    arguments: list[str],
    status: bool | str,
) -> None:
    diff = {"reports/a/metrics.json": {"test.accuracy": {"old": 0.8, "new": after}}}
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(diff)))
    monkeypatch.setattr(sys, "argv", ["gate", *arguments])
    with pytest.raises(SystemExit) as ended:
        exit_on_error(gate.main)
    if isinstance(status, str):
        assert status in str(ended.value.code)
    else:
        assert ended.value.code == status
        assert "| a | test.accuracy | 0.8 |" in capsys.readouterr().out
