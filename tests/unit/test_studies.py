"""Variants of studies, and what is concluded from their results."""

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.config.load import parse_params, read_yaml
from stages.core.errors import ConfigError
from stages.studies import findings, output, results, variants
from stages.studies.findings import Summary
from tests import reduced

ROOT = Path(__file__).parents[2]

# Variants


def test_a_grid_has_every_combination_after_the_named_variants() -> None:
    expanded = variants.expand({"a.b": [1, 2.5], "c": [[4, 4], []]}, {"as it is": {}})
    assert expanded == {
        "as it is": {},
        "1, 4-4": {"a.b": 1, "c": [4, 4]},
        "1, none": {"a.b": 1, "c": []},
        "2.5, 4-4": {"a.b": 2.5, "c": [4, 4]},
        "2.5, none": {"a.b": 2.5, "c": []},
    }
    assert variants.expand({}, {"x": {"a": 1}}) == {"x": {"a": 1}}


def test_the_reduced_pipeline_compares_two_variants_for_each_chart() -> None:
    studies = reduced.reduced_params()["studies"].values()
    compared = {
        study["chart"]
        for study in studies
        if len(variants.expand(study["grid"], study["variants"])) > 1
    }
    assert compared == {study["chart"] for study in studies}


def test_only_the_named_values_are_replaced() -> None:
    section = {"network": {"layers": [{"filters": 1}, {"filters": 2}]}, "seed": 1}
    changed = variants.override(section, {"network.layers.1.filters": 9, "seed": 7})
    assert changed == {"network": {"layers": [{"filters": 1}, {"filters": 9}]}, "seed": 7}
    assert section == {"network": {"layers": [{"filters": 1}, {"filters": 2}]}, "seed": 1}


def test_a_replaced_section_is_not_shared_by_variants() -> None:
    settings = {"optimizer": {"name": "sgd"}}
    clipped = variants.override({}, {**settings, "optimizer.clipvalue": 1.0})
    assert clipped == {"optimizer": {"name": "sgd", "clipvalue": 1.0}}
    assert variants.override({}, settings) == {"optimizer": {"name": "sgd"}}


@pytest.mark.parametrize("key", ["no.seed", "network.layers.5.filters", "seed.x.y"])
def test_a_key_that_does_not_exist_is_named(key: str) -> None:
    section = {"network": {"layers": [{"filters": 1}]}, "seed": 1}
    with pytest.raises(KeyError, match=key):
        variants.override(section, {key: 1})


@pytest.mark.parametrize(
    ("study", "key", "value", "message"),
    [
        ("learning_rate", "model", "nope", "learning_rate.model: no model 'nope', expected one of"),
        ("learning_rate", "dataset", "nope", "learning_rate.dataset: no dataset 'nope', expected"),
        ("learning_rate", "dataset", "imdb", "raw_tensorflow cannot read 'imdb', expected one of"),
        ("learning_rate", "snapshot", "output", "snapshot: expected a name with chart: snapshots"),
        ("learning_rate", "chart", "snapshots", "snapshot: expected a name with chart: snapshots"),
        ("learning_rate", "network", "mlp", "expected that of models.mnist_lowlevel"),
        ("learning_rate", "reference", "x", "reference: expected one of 0.01, 0.1"),
        ("learning_rate", "seeds", [1], "seeds: list should have at least 3 items"),
        *(
            ("learning_rate", "grid", grid, message)
            for grid, message in [
                ({}, "expected at least one variant"),
                ({"training.rate": [1.0, 2.0]}, "variant '1': training.rate: extra inputs"),
                ({"trainin.rate": [1.0, 2.0]}, "no key trainin.rate in models.mnist_lowlevel"),
                ({"training.learning_rate": [1.0, -2.0]}, "variant '-2': training.learning_rate"),
                ({"training.seed": [5, 6]}, "training.seed is set by `seeds`"),
                ({"dataset": ["imdb", "alice"]}, "dataset cannot vary"),
                ({"max_examples": [0, 1]}, "max_examples: expected an integer of at least 1"),
            ]
        ),
    ],
)
def test_an_invalid_study_is_refused(study: str, key: str, value: Any, message: str) -> None:
    values = read_yaml(ROOT / "params.yaml")
    values["studies"][study][key] = value
    with pytest.raises(ConfigError) as error:
        parse_params(values, "params.yaml")
    assert message in str(error.value)


# Findings


CLEAR = [Summary("low", [0.5, 0.51, 0.49], 0), Summary("high", [0.9, 0.91, 0.89], 0)]
NOISY = [Summary("low", [0.5, 0.9, 0.1], 0), Summary("high", [0.55, 0.95, 0.15], 0)]


def of(summaries: list[Summary], **options: Any) -> str:
    return findings.conclude(
        summaries, **{"maximize": True, "percent": False, "reference": None} | options
    )


def test_the_best_variant_depends_on_the_direction() -> None:
    assert of(CLEAR).startswith("high is best: 0.9000 ± 0.0100, against 0.5000 ± 0.0100 of low")
    assert of(CLEAR, maximize=False).startswith("low is best: 0.5000")
    assert of(CLEAR, percent=True).startswith("high is best: 90.00% ± 1.00, against 50.00% ± 1.00")


def test_a_difference_is_compared_with_the_variation_over_seeds() -> None:
    assert of(CLEAR).endswith(": more than the variation over seeds.")
    assert of(NOISY).endswith(": not more than the variation over seeds.")


def test_the_best_is_compared_with_the_reference() -> None:
    middle = Summary("middle", [0.7, 0.71, 0.69], 0)
    assert " of middle:" in of([*CLEAR, middle])
    assert " of low:" in of([*CLEAR, middle], reference="low")
    assert " of the next, middle:" in of([*CLEAR, middle], reference="high")


def test_a_variant_that_depends_on_the_seed_is_named() -> None:
    unstable = Summary("unstable", [0.1, 0.5, 0.88], 0)
    assert of([*CLEAR, unstable]).endswith(
        " The seed decides most with unstable: from 0.1000 to 0.8800."
    )
    assert "seed decides" not in of(NOISY)
    assert "seed decides" not in of(CLEAR)


def test_diverged_variants_are_named() -> None:
    broken = Summary("broken", [], 3)
    partly = Summary("partly", [0.1, 0.1], 1)
    assert of([broken]) == "Training diverged with every variant."
    assert of([*CLEAR, broken]).endswith(" Training diverged with broken.")
    assert of([*CLEAR, broken, partly]).endswith(" Training diverged with broken and partly.")
    assert "diverged" not in of(CLEAR)
    assert math.isnan(broken.mean)


def test_a_single_variant_shows_how_much_the_seed_decides() -> None:
    spread = of([Summary("same", [0.5, 0.6, 0.7], 0)], percent=True)
    assert spread.startswith("With 3 seeds: 60.00% ± 10.00, from 50.00% to 70.00%.")
    assert "diverged" not in spread
    assert of([Summary("same", [0.5], 2)]).endswith("Training diverged 2 times.")


def test_equal_results_do_not_differ_and_others_without_variation_do() -> None:
    assert findings.p_value([1.0, 1.0], [1.0, 1.0]) == 1
    assert findings.p_value([1.0, 1.0], [2.0, 2.0]) == 0
    assert not findings.is_significant(Summary("a", [1.0], 0), Summary("b", [2.0], 0))


@given(st.lists(st.floats(0, 1), min_size=2, max_size=5), st.floats(-1, 1))
def test_a_p_value_is_symmetric(values: list[float], shift: float) -> None:
    other = [value + shift for value in values]
    p = findings.p_value(values, other)
    assert 0 <= p <= 1
    assert p == pytest.approx(findings.p_value(other, values))


def trend(*means: float) -> str:
    summaries = [
        Summary(str(number), [mean - 0.001, mean, mean + 0.001], 0)
        for number, mean in enumerate(means)
    ]
    return findings.describe_trend(summaries, maximize=True)


@pytest.mark.parametrize(
    ("means", "expected"),
    [
        ((0.1, 0.9, 0.2), "Both smaller and larger values than 1 are worse."),
        ((0.9, 0.5, 0.1), "Larger values are worse."),
        ((0.1, 0.5, 0.9), "Smaller values are worse."),
        ((0.5, 0.5, 0.5), "Over the whole range, it changes by no more than the variation"),
        ((0.1, 0.9, 0.9), "Smaller values are worse; larger ones do not differ significantly."),
        ((0.9, 0.9001, 0.1), "Larger values are worse; smaller ones do not differ significantly."),
    ],
)
def test_a_trend_is_described(means: tuple[float, ...], expected: str) -> None:
    assert trend(*means).startswith(expected)


def test_values_far_beyond_the_best_may_be_too_unstable_to_tell_anything() -> None:
    summaries = [
        Summary("3", [0.20, 0.20, 0.19], 0), Summary("10", [0.23, 0.24, 0.26], 0),
        Summary("100", [507.0, 580.0, 116.0], 0),
    ]  # fmt: skip
    assert not findings.is_significant(summaries[0], summaries[2])
    assert findings.describe_trend(summaries, maximize=False) == "Larger values are worse."


def test_a_trend_needs_two_values() -> None:
    assert trend(0.5) == ""


# Results


def table_of(*rows: tuple[str, int, int, float, bool, bool]) -> pd.DataFrame:
    columns = ["variant", "seed", "epoch", "val_loss", "diverged", "kept"]
    return pd.DataFrame(rows, columns=columns)


def test_the_result_is_that_of_the_kept_weights_with_each_seed() -> None:
    table = table_of(
        ("b", 1, 1, 5.0, False, False),
        ("b", 1, 2, 4.0, False, True),
        ("b", 2, 1, 3.0, False, True),
        ("b", 2, 2, 6.0, False, False),
        ("a", 1, 1, math.nan, True, True),
        ("a", 2, 1, 2.0, False, True),
    )
    assert results.summarize(table, "val_loss") == [
        Summary("b", [4.0, 3.0], 0),
        Summary("a", [2.0], 1),
    ]


@pytest.mark.parametrize(
    ("grid", "expected"),
    [
        ({"x": [3, 1.5, 2]}, [1.5, 2, 3]),
        ({"x": [1, 2]}, None),
        ({"x": ["relu", "elu", "tanh"]}, None),
        ({"x": [1, 2, 3], "y": [1]}, None),
        ({}, None),
    ],
)
def test_values_of_a_grid_over_a_number_are_ordered(grid: Any, expected: Any) -> None:
    assert results.ordered_values(grid) == expected


def test_the_description_has_the_finding_and_the_trend() -> None:
    study = SimpleNamespace(
        question="Which?", model="a_model", direction="maximize", metric="val_accuracy",
        reference=None, grid={"x": [1, 2, 3]},
    )  # fmt: skip
    summaries = [
        Summary("1", [0.1, 0.11], 0), Summary("2", [0.9, 0.91], 0), Summary("3", [0.2, 0.21], 0),
    ]  # fmt: skip
    described = results.describe_study(study, summaries)
    assert described["question"] == "Which?"
    assert (described["models"], described["metric"]) == (["a_model"], "val_accuracy")
    assert described["finding"].startswith("2 is best: 90.50%")
    assert described["finding"].endswith("Both smaller and larger values than 2 are worse.")


def test_the_table_of_results_has_a_row_per_run() -> None:
    summaries = [Summary("a", [0.5, 0.25], 1), Summary("b", [], 3)]
    table = output.tabulate(summaries)
    assert table.to_dict("list") == {
        "variant": ["a", "a"], "run": [1, 2], "result": [0.5, 0.25],
    }  # fmt: skip
