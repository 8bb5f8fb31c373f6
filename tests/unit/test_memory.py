"""The memory of recurrent networks, and what is concluded from it."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from stages.analyses import memory, recurrent
from stages.analyses import memory_findings as findings
from stages.config.load import parse_params, read_yaml
from stages.config.schema import MemoryTraining
from stages.core.errors import ConfigError
from stages.learning.runtime import session
from stages.plots.memory import SMALLEST, plot_gradients, plot_recall
from tests.factories import ADAM

ROOT = Path(__file__).parents[2]
SYMBOLS = 3

# The task


def test_a_sequence_is_a_symbol_and_random_ones_after_it() -> None:
    random = np.random.default_rng(1)
    ids, symbols = recurrent.make_sequences(random, 500, 4, SYMBOLS)
    assert (ids.shape, ids.dtype) == ((500, 5), np.int32)
    np.testing.assert_array_equal(ids[:, 0], symbols)
    for column in ids.T:
        assert set(column) == set(range(SYMBOLS))
    assert abs(np.corrcoef(ids[:, 0], ids[:, 1])[0, 1]) < 0.2
    assert recurrent.make_sequences(random, 2, 0, SYMBOLS)[0].shape == (2, 1)


def test_short_distances_are_more_frequent_and_all_occur() -> None:
    random = np.random.default_rng(1)
    drawn = [recurrent.draw_distance(random, 6) for _ in range(2000)]
    counts = np.bincount(drawn)
    assert len(counts) == 7
    assert (np.diff(counts) < 0).all()


@pytest.mark.parametrize("cell", recurrent.CELLS)
def test_the_gradient_is_that_of_finite_differences(cell: str) -> None:
    keras.utils.set_random_seed(1)
    model = recurrent.build(cell, 4, SYMBOLS)
    (measured,) = recurrent.measure_gradients(model, [2], 3, SYMBOLS, 1)
    random = np.random.default_rng([1, recurrent.GRADIENT_STREAM])
    ids, _ = recurrent.make_sequences(random, 3, 2, SYMBOLS)
    targets = random.integers(0, SYMBOLS, 3, np.int32)
    inputs = tf.one_hot(ids, SYMBOLS).numpy()

    def losses(x: np.ndarray) -> np.ndarray:
        logits = np.asarray(model(x), np.float64)
        true: np.ndarray = logits[np.arange(3), targets]
        return np.log(np.exp(logits).sum(axis=1)) - true

    step, slopes = 1e-2, []
    for number in range(SYMBOLS):
        moved = np.zeros_like(inputs)
        moved[:, 0, number] = step
        slopes.append((losses(inputs + moved) - losses(inputs - moved)) / (2 * step))
    expected = np.linalg.norm(slopes, axis=0).mean()
    assert measured == pytest.approx(expected, rel=1e-2)


@pytest.mark.parametrize("cell", recurrent.CELLS)
def test_at_random_initialization_the_gradient_is_largest_at_the_last_step(cell: str) -> None:
    keras.utils.set_random_seed(1)
    model = recurrent.build(cell, 16, SYMBOLS)
    near, *_, far = recurrent.measure_gradients(model, [0, 3, 60], 50, SYMBOLS, 1)
    assert 0 < far < 0.1 * near


def config(**changes: Any) -> MemoryTraining:
    optimizer = ADAM | {"learning_rate": 0.02}
    values = {"steps": 150, "batch_size": 32, "optimizer": optimizer}
    return MemoryTraining.model_validate(values | changes)


@pytest.mark.parametrize("cell", recurrent.CELLS)
def test_training_learns_to_recall(cell: str) -> None:
    with session(1, "float32"):
        model = recurrent.build(cell, 12, SYMBOLS)
        before = recurrent.measure_accuracy(model, [1], 200, SYMBOLS, 1)
        recurrent.train(model, config(), 1, SYMBOLS, 1)
        after = recurrent.measure_accuracy(model, [0, 1], 200, SYMBOLS, 1)
    assert before[0] < 0.7
    assert min(after) > 0.9


def test_equal_seeds_give_equal_results() -> None:
    settings = SimpleNamespace(
        cells=["gru", "simple_rnn"], units=4, num_symbols=SYMBOLS, distances=[0, 2], compared=2,
        num_sequences=20, seeds=[1, 2, 3], training=config(steps=4),
    )  # fmt: skip
    measured, again = memory.measure_all(settings), memory.measure_all(settings)
    for name in memory.MEASURES:
        assert list(measured[name]) == ["gru", "simple_rnn"]
        for cell, values in measured[name].items():
            assert values.shape == (3, 2)
            np.testing.assert_array_equal(values, again[name][cell])
    gradients = measured["initial_gradient"]["gru"]
    assert len(np.unique(gradients)) == gradients.size


# Findings

DISTANCES = [0, 10, 20]
ACCURACIES = {
    "simple_rnn": np.array([[1, 0.95, 0.2], [1, 0.91, 0.3], [1, 0.92, 0.1]]),
    "gru": np.array([[1, 1, 0.95], [1, 1, 0.94], [1, 1, 0.96]]),
    "lstm": np.array([[0.5, 0.5, 0.5], [0.4, 0.4, 0.4], [0.6, 0.6, 0.6]]),
}


@pytest.mark.parametrize(
    ("accuracies", "reach"),
    [
        ([[1.0, 0.9, 0.5], [1.0, 0.9, 1.0]], 10),
        ([[1.0, 0.8, 1.0], [1.0, 1.0, 1.0]], 0),
        ([[1.0, 1.0, 1.0], [1.0, 1.0, 0.9]], 20),
        ([[1.0, 1.0, 1.0], [0.5, 1.0, 1.0]], None),
    ],
)
def test_the_reach_is_the_distance_up_to_which_all_seeds_recall(
    accuracies: list[list[float]], reach: int | None
) -> None:
    assert findings.find_reach(np.array(accuracies), DISTANCES) == reach


def test_cells_are_compared_at_a_distance() -> None:
    text = findings.describe_recall(ACCURACIES, DISTANCES, 20)
    assert text.startswith(
        "After 20 steps, gru is best: 95.00% ± 1.00, against 20.00% ± 10.00 of simple_rnn: more"
    )
    assert text.endswith(
        "at least 90% of the symbols are recalled: simple_rnn over up to 10 steps, gru over up to "
        "20 steps and lstm over none (of 20 at most)."
    )
    swapped = {"simple_rnn": ACCURACIES["gru"], "gru": ACCURACIES["simple_rnn"]}
    text = findings.describe_recall(swapped, DISTANCES, 20)
    assert text.startswith("After 20 steps, simple_rnn is best: 95.00% ± 1.00, against 20.00%")
    same = {"simple_rnn": ACCURACIES["gru"], "gru": ACCURACIES["gru"] - 0.001}
    assert "not more than the variation" in findings.describe_recall(same, DISTANCES, 20)


VANISHING, STEADY = np.array([[2, 1, 1e-4]] * 3), np.array([[2, 2, 1.0]] * 3)


@pytest.mark.parametrize(
    ("norms", "verdict"),
    [
        ({"a": VANISHING, "b": VANISHING}, "5e-05 with a and 5e-05 with b (median over seeds): it "
                                           "vanishes with all of them."),
        ({"a": VANISHING, "b": STEADY}, "5e-05 with a and 0.5 with b (median over seeds): it "
                                        "vanishes with a."),
        ({"a": STEADY}, "0.5 with a (median over seeds): it vanishes with none of them."),
    ],
)  # fmt: skip
def test_vanishing_gradients_are_named(norms: dict[str, np.ndarray], verdict: str) -> None:
    text = findings.describe_gradients(norms, DISTANCES, "Before")
    assert text.startswith("Before, the gradient that reaches a symbol 20 steps back is")
    assert text.endswith(verdict)


SETTINGS = SimpleNamespace(
    question="How far?", cells=list(ACCURACIES), units=4, num_symbols=8, distances=DISTANCES,
    compared=20, seeds=[1, 2, 3],
)  # fmt: skip
MEASURED = {
    "accuracy": ACCURACIES,
    "initial_gradient": dict.fromkeys(ACCURACIES, VANISHING),
    "trained_gradient": dict.fromkeys(ACCURACIES, STEADY),
}


def test_the_report_has_all_measures() -> None:
    described = memory.describe(SETTINGS, MEASURED)
    assert "After 20 steps, gru is best" in described["finding"]
    assert "After training, the gradient" in described["finding"]
    assert "At random initialization" in described["captions"]["gradients"]["summary"]
    summaries = {each.name: each.values for each in memory.summarize(SETTINGS, MEASURED)}
    assert len(summaries) == 9
    assert summaries["simple_rnn, 20 steps"] == [0.2, 0.3, 0.1]
    table = memory.tabulate(SETTINGS, MEASURED)
    assert list(table) == ["cell", "seed", "distance", *memory.MEASURES]
    row = table[(table.cell == "lstm") & (table.seed == 2) & (table.distance == 10)]
    assert row.accuracy.item() == 0.4
    assert row.trained_gradient.item() == 2


def test_the_figures_have_a_line_for_each_cell() -> None:
    (axes,) = plot_recall(ACCURACIES, DISTANCES, 8).axes
    assert [line.get_label() for line in axes.get_lines()] == [*ACCURACIES, "guessing"]
    assert np.asarray(axes.get_lines()[0].get_ydata()).tolist() == [1, 0.92, 0.2]
    panels = {"before": {"a": VANISHING}, "after": {"a": 0 * STEADY}}
    before, after = plot_gradients(panels, DISTANCES).axes
    assert before.get_yscale() == "log"
    assert set(np.asarray(after.get_lines()[0].get_ydata())) == {SMALLEST}


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("distances", [1, 2], "analyses.memory.distances: expected ascending numbers from 0"),
        ("distances", [0, 40, 20], "analyses.memory.distances: expected ascending"),
        ("compared", 41, "analyses.memory.compared: expected one of `distances`, found 41"),
        ("cells", ["lstm"], "analyses.memory.cells: list should have at least 2 items"),
        ("cells", ["lstm", "rnn"], "analyses.memory.cells.1: input should be 'lstm', 'gru'"),
        ("seeds", [1, 2], "analyses.memory.seeds: list should have at least 3 items"),
        ("num_symbols", 1, "analyses.memory.num_symbols: input should be greater than"),
    ],
)
def test_an_invalid_section_is_refused(key: str, value: Any, message: str) -> None:
    values = read_yaml(ROOT / "params.yaml")
    values["analyses"]["memory"][key] = value
    with pytest.raises(ConfigError) as error:
        parse_params(values, "params.yaml")
    assert message in str(error.value)
