"""Neurons, walks of gradient descent and activation functions, and what is concluded from them."""

import importlib
import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.analyses import activations, gradient_descent, perceptron
from stages.analyses.descent import (
    DIVERGED,
    LOCAL_MINIMUM,
    MINIMUM,
    ON_THE_WAY,
    Walk,
    descend,
    make_curve,
    make_valley,
    walk,
)
from stages.analyses.neurons import (
    ACTIVE_INPUTS,
    CONNECTIONS,
    GATES,
    INPUTS,
    NEURON,
    RULE,
    Run,
    Runs,
    add_bias,
    backward,
    fires,
    fires_for_xor,
    forward,
    is_separable,
    perceptron_rule,
)
from stages.analyses.neurons import gradient_descent as train_network
from stages.analyses.output import write_analysis
from stages.analyses.slopes import measure_gradients, measure_slope
from stages.config.load import parse_params, read_yaml
from stages.core.errors import ConfigError
from stages.core.splits import Split, save_split
from stages.plots.activations import plot_activations, plot_gradients, plot_neurons
from stages.plots.descent import plot_walks
from stages.plots.perceptron import plot_gates, plot_learning
from stages.studies.findings import Summary

ROOT = Path(__file__).parents[2]
SEEDS = st.integers(0, 2**32 - 1)

# Neurons


@pytest.mark.parametrize(
    ("gate", "expected"), [("AND", [0, 0, 0, 1]), ("OR", [0, 1, 1, 1]), ("NOT A", [1, 1, 0, 0])]
)
def test_fixed_connections_compute_a_gate(gate: str, expected: list[int]) -> None:
    assert fires(CONNECTIONS[gate], INPUTS, ACTIVE_INPUTS).tolist() == expected


def test_three_fixed_units_compute_xor() -> None:
    assert fires_for_xor(INPUTS, ACTIVE_INPUTS).tolist() == [0, 1, 1, 0]


@given(
    st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=2, max_size=30, unique=True),
    st.floats(0, 6.28),
    st.floats(-0.5, 0.5),
    SEEDS,
)
@settings(max_examples=50, deadline=None)
def test_the_perceptron_rule_converges_on_separable_classes(
    points: list[tuple[float, float]], angle: float, offset: float, seed: int
) -> None:
    line = np.array([offset, np.cos(angle), np.sin(angle)])
    x = np.array(points)
    x = x[np.abs(add_bias(x) @ line) > 0.1]
    y = (add_bias(x) @ line > 0).astype(np.uint8)
    if not len(x):
        return
    run = perceptron_rule(x, y, seed, 10_000)
    assert run.errors[-1] == 0
    assert (fires(run.weights[0][:, 0], x, 0) == y).all()
    assert is_separable(x, y)
    # The number of errors has a bound (Novikoff 1962), here with initial weights other than 0.
    margin = np.abs(add_bias(x) @ line).min() / np.linalg.norm(line)
    radius = np.linalg.norm(add_bias(x), axis=1).max()
    initial = float(np.linalg.norm(np.random.default_rng(seed).normal(size=3)))
    count = int(run.errors.sum())
    assert count * margin - initial <= np.sqrt(initial**2 + count * radius**2) + 1e-9


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_the_perceptron_rule_never_learns_xor(seed: int) -> None:
    run = perceptron_rule(INPUTS, GATES["XOR"], seed, 30)
    assert len(run.errors) == 30
    assert run.errors.min() > 0


@given(st.lists(st.booleans(), min_size=4, max_size=4))
def test_of_all_gates_with_two_inputs_only_xor_and_its_negation_are_not_separable(
    outputs: list[bool],
) -> None:
    xor = GATES["XOR"].astype(bool).tolist()
    not_xor = [not output for output in xor]
    assert is_separable(INPUTS, np.array(outputs)) == (outputs not in (xor, not_xor))


@pytest.mark.parametrize("units", [0, 3])
def test_derivatives_agree_with_finite_differences(units: int) -> None:
    random = np.random.default_rng(1)
    sizes = [2, units, 1] if units else [2, 1]
    weights = [random.normal(size=(1 + a, b)) for a, b in pairwise(sizes)]
    targets = GATES["XOR"][:, None].astype(float)
    gradients = backward(weights, forward(weights, INPUTS), targets)
    for layer, gradient in zip(weights, gradients, strict=True):
        for position in np.ndindex(*layer.shape):
            losses = []
            for change in (1e-6, -1e-6):
                layer[position] += change
                losses.append(np.mean(np.square(forward(weights, INPUTS)[-1] - targets)))
                layer[position] -= change
            difference = (losses[0] - losses[1]) / 2e-6
            assert gradient[position] == pytest.approx(difference, abs=1e-8)


def train(gate: str, **changes: Any) -> Run:
    options = {"hidden_units": 0, "seed": 1, "passes": 400, "learning_rate": 4.0} | changes
    return train_network(INPUTS, GATES[gate], **options)


def test_gradient_descent_moves_a_neuron_towards_the_targets() -> None:
    run = train("AND")
    assert run.errors[-1] == 0
    assert (np.diff(run.losses) < 0).all()
    assert run.losses[-1] == pytest.approx(
        np.mean(np.square(forward(run.weights, INPUTS)[-1][:, 0] - GATES["AND"]))
    )


def test_xor_needs_a_hidden_layer() -> None:
    assert train("XOR").errors.min() > 0
    assert train("XOR", hidden_units=4).errors[-1] == 0
    assert [layer.shape for layer in train("XOR", hidden_units=4).weights] == [(3, 4), (5, 1)]


@pytest.mark.parametrize("change", [{"seed": 2}, {"learning_rate": 2.0}, {"hidden_units": 2}])
def test_settings_of_a_network_have_an_effect(change: dict[str, Any]) -> None:
    assert train("OR", **change).losses[-1] != train("OR").losses[-1]
    assert train("OR").losses[-1] == train("OR").losses[-1]


# The perceptron's report


def a_run(errors: int, passes: int = 3) -> Run:
    return Run([np.ones((3, 1))], np.array([2] * (passes - 1) + [errors]), np.array([]))


def test_what_the_rule_learns_and_never_learns_is_said_with_the_reason() -> None:
    runs = {
        ("AND", RULE): [a_run(0, 4), a_run(0, 7)],
        ("OR", RULE): [a_run(0), a_run(1, 9)],
        ("XOR", RULE): [a_run(1, 9), a_run(2, 9)],
        ("NAND", RULE): [a_run(1, 9), a_run(2, 9)],
    }
    separable = {"AND": True, "OR": True, "XOR": False, "NAND": True}
    assert perceptron.describe_rule(runs, separable) == (
        "The perceptron rule learns AND with all 2 seeds, within 7 passes. "
        "The perceptron rule learns OR with 1 of 2 seeds. "
        "In 9 passes, the rule never learns XOR: no line separates the classes. "
        "In 9 passes, the rule never learns NAND, although a line separates the classes."
    )


def test_if_the_rule_learns_everything_nothing_else_is_said() -> None:
    runs = {("XOR", RULE): [a_run(0)], ("AND", RULE): [a_run(0)]}
    assert perceptron.describe_rule(runs, {"XOR": True, "AND": True}) == (
        "The perceptron rule learns XOR and AND with all 1 seeds, within 3 passes."
    )


@pytest.mark.parametrize(
    ("neuron", "layer", "expected"),
    [
        (1, 0, "a sigmoid neuron AND with 2 and XOR with 0 of 2 seeds; with a hidden layer, it lea"
         "rns XOR with 2 of 2 seeds (2 hidden units)."),
        (0, 1, "a sigmoid neuron AND and XOR with 2 of 2 seeds; with a hidden layer, it learns XOR"
         " with 0 of 2 seeds (2 hidden units)."),
    ],
)  # fmt: skip
def test_what_gradient_descent_learns_is_counted(neuron: int, layer: int, expected: str) -> None:
    runs: Runs = {
        ("AND", RULE): [a_run(3)] * 2,
        ("AND", NEURON): [a_run(0)] * 2,
        ("XOR", NEURON): [a_run(neuron)] * 2,
        ("XOR", "2 hidden units"): [a_run(layer)] * 2,
    }
    assert perceptron.describe_descent(runs) == f"Gradient descent teaches {expected}"


def test_without_hidden_layers_nothing_is_said_of_them() -> None:
    runs: Runs = {("XOR", NEURON): [a_run(1)]}
    assert perceptron.describe_descent(runs) == (
        "Gradient descent teaches a sigmoid neuron XOR with 0 of 1 seeds."
    )


def test_gates_of_other_connections_are_not_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "AND, OR, NOT A and (as three units) XOR." in perceptron.describe_fixed()
    monkeypatch.setitem(CONNECTIONS, "OR", (0, 1, 1))
    assert "can be AND and NOT A." in perceptron.describe_fixed()


def test_the_rows_are_those_of_all_runs() -> None:
    config = SimpleNamespace(seeds=[5, 6])
    long = Run([], np.arange(45)[::-1], np.arange(45) / 3)
    runs: Runs = {("AND", RULE): [a_run(0, 2), a_run(1, 3)], ("XOR", NEURON): [long, long]}
    table = perceptron.make_table(runs, config)
    assert table.columns.tolist() == ["variant", "seed", "pass", "errors", "loss"]
    rule = table[table["variant"] == "AND, perceptron rule"]
    assert rule[["seed", "pass", "errors"]].to_numpy().tolist() == [
        [5, 1, 2], [5, 2, 0], [6, 1, 2], [6, 2, 2], [6, 3, 1],
    ]  # fmt: skip
    neuron = table[(table["variant"] == "XOR, sigmoid neuron") & (table["seed"] == 6)]
    assert neuron["pass"].tolist() == [1, 21, 41, 45]
    assert neuron["errors"].tolist() == [44, 24, 4, 0]
    assert neuron["loss"].tolist() == [0, 6.666667, 13.333333, 14.666667]


def test_results_are_accuracies_after_the_last_pass() -> None:
    tasks = {"AND": Split(INPUTS, GATES["AND"])}
    runs: Runs = {("AND", RULE): [a_run(1), a_run(0)]}
    assert perceptron.summarize(tasks, runs) == [Summary("AND, perceptron rule", [0.75, 1.0], 0)]


def test_figures_of_perceptrons_have_a_panel_per_gate_and_network() -> None:
    tasks = {gate: Split(INPUTS, outputs) for gate, outputs in GATES.items()}
    points = np.random.default_rng(1).uniform(-1, 1, (20, 2))
    tasks["points"] = Split(points, np.arange(20) % 2)
    config = SimpleNamespace(
        seeds=[1, 2],
        perceptron_passes=5,
        gradient_descent_passes=5,
        hidden_units=[1],
        learning_rate=1.0,
    )
    runs = perceptron.learn_all(tasks, config)
    figure = plot_gates(tasks, runs)
    shown = [axes.get_title() for axes in figure.axes if axes.axison]
    assert shown == [
        "AND", "OR", "NOT A", "XOR, three units", "AND, learned", "OR, learned", "NAND, learned",
        "XOR, learned", "points", "XOR, 1 hidden unit",
    ]  # fmt: skip
    gates, group, networks = plot_learning(tasks, runs).axes
    assert [line.get_label() for line in gates.lines] == list(GATES)
    assert [line.get_label() for line in group.lines] == ["points"]
    assert [line.get_label() for line in networks.lines] == ["sigmoid neuron", "1 hidden unit"]
    ended = np.mean([np.pad(run.errors, (0, 5 - len(run.errors))) for run in runs["OR", RULE]], 0)
    assert np.asarray(gates.lines[1].get_ydata()) == pytest.approx(ended / 4)


# Walks of gradient descent


@given(
    st.floats(1, 50), st.floats(-2, 2), st.floats(-2, 2), st.floats(1e-4, 0.05), st.integers(1, 40)
)
def test_a_walk_in_a_valley_agrees_with_the_closed_form(
    condition_number: float, x: float, y: float, rate: float, steps: int
) -> None:
    path = descend(make_valley(condition_number).gradient, [x, y], rate, 0.0, steps)
    numbers = np.arange(len(path))
    factors = [1 - rate, 1 - rate * condition_number]
    expected = np.stack([x * factors[0] ** numbers, y * factors[1] ** numbers], axis=1)
    np.testing.assert_allclose(path, expected, rtol=1e-9, atol=1e-12)


def test_momentum_walks_as_the_optimizer_of_keras_does() -> None:
    start, curvature = np.array([1.5, -1.0]), np.array([1.0, 20.0])
    variable = keras.Variable(start, dtype="float64")
    optimizer = keras.optimizers.SGD(0.02, momentum=0.8)
    for _ in range(12):
        gradient = keras.ops.convert_to_tensor(curvature * np.asarray(variable), dtype="float64")
        optimizer.apply_gradients([(gradient, variable)])
    path = descend(make_valley(20.0).gradient, start.tolist(), 0.02, 0.8, 12)
    np.testing.assert_allclose(path[-1], np.asarray(variable), rtol=1e-5)


@pytest.mark.parametrize("surface", [make_curve(), make_valley(7.0)])
def test_gradients_of_surfaces_agree_with_finite_differences(surface: Any) -> None:
    dimensions = surface.local_minima.shape[1]
    x = np.random.default_rng(1).uniform(-2, 2, (20, dimensions))
    for axis in range(dimensions):
        change = 1e-6 * np.eye(dimensions)[axis]
        difference = (surface.loss(x + change) - surface.loss(x - change)) / 2e-6
        np.testing.assert_allclose(surface.gradient(x)[:, axis], difference, atol=1e-6)


def test_the_curve_has_a_lower_and_a_higher_minimum() -> None:
    curve = make_curve()
    x = np.linspace(-2, 2, 4001)[:, None]
    assert curve.minimum == pytest.approx(curve.loss(x).min(), abs=1e-5)
    right = x[x[:, 0] > 0.5]
    np.testing.assert_allclose(curve.local_minima, right[[curve.loss(right).argmin()]], atol=1e-3)
    assert curve.loss(curve.local_minima)[0] > curve.minimum + 0.3


@pytest.mark.parametrize(
    ("start", "rate", "steps", "end", "taken"),
    [
        (-1.0, 0.05, 50, MINIMUM, 0),
        (-1.6, 0.05, 50, MINIMUM, 2),
        (1.0, 0.05, 50, LOCAL_MINIMUM, 50),
        (-1.6, 0.001, 50, ON_THE_WAY, 50),
        (0.5, 0.05, 2, ON_THE_WAY, 2),
        (1.8, 0.5, 50, DIVERGED, 50),
        (-1.6, 0.05, 2, MINIMUM, 2),
        (-1.6, 0.05, 1, ON_THE_WAY, 1),
    ],
)
def test_how_a_walk_ends(start: float, rate: float, steps: int, end: str, taken: int) -> None:
    found = walk(make_curve(), [start], rate, 0.0, steps)
    assert (found.end, found.steps) == (end, taken)
    if end != DIVERGED:
        assert len(found.path) == len(found.losses) == steps + 1
    else:
        assert np.abs(found.path[:-1]).max() <= 1000 < np.abs(found.path[-1])


def test_a_walk_that_leaves_the_minimum_again_has_not_arrived_before() -> None:
    found = walk(make_valley(1.0), [0.5, 0.0], 0.1, 0.9, 300)
    near = found.losses <= 0.01
    assert near[: found.steps].any()
    assert not near[found.steps - 1]
    assert near[found.steps :].all()


# Their report


def ended(*ends: str, steps: int = 10) -> list[Walk]:
    return [Walk(np.zeros((2, 1)), np.zeros(2), end, steps) for end in ends]


def arrived(steps: int) -> list[Walk]:
    return ended(MINIMUM, MINIMUM, steps=steps)


@pytest.mark.parametrize(
    ("without", "momentum", "expected"),
    [
        (
            {0.1: ended(ON_THE_WAY, MINIMUM), 0.2: arrived(8), 0.3: ended(DIVERGED, MINIMUM)},
            {0.1: arrived(3), 0.2: arrived(5), 0.3: ended(ON_THE_WAY, ON_THE_WAY)},
            "In the valley without momentum, a learning rate of 0.2 arrives fastest, in 8 steps; "
            "0.1 has not arrived after 10; 0.3 diverges. With momentum, a learning rate of 0.1 "
            "arrives fastest, in 3 steps; 0.3 has not arrived after 10. Momentum saves 5 steps.",
        ),
        (
            {0.1: arrived(1), 0.2: ended(DIVERGED, ON_THE_WAY), 0.3: ended(DIVERGED)},
            {0.1: arrived(2), 0.2: ended(ON_THE_WAY), 0.3: ended(ON_THE_WAY)},
            "In the valley without momentum, a learning rate of 0.1 arrives fastest, in 1 step; "
            "0.2 and 0.3 diverge. With momentum, a learning rate of 0.1 arrives fastest, in 2 "
            "steps; 0.2 and 0.3 have not arrived after 10. Momentum costs 1 step.",
        ),
        (
            {0.1: ended(ON_THE_WAY)},
            {0.1: arrived(2)},
            "In the valley without momentum, no learning rate leads all starting points to the "
            "minimum; 0.1 has not arrived after 10. With momentum, a learning rate of 0.1 arrives "
            "fastest, in 2 steps.",
        ),
    ],
)
def test_what_rates_and_momentum_do_is_said_from_the_walks(
    without: Any, momentum: Any, expected: str
) -> None:
    assert gradient_descent.describe_valley({0.0: without, 0.8: momentum}, 10) == expected


def test_no_difference_is_said_to_be_none() -> None:
    walks = {0.0: {0.1: arrived(4)}, 0.8: {0.1: arrived(4)}}
    assert gradient_descent.describe_valley(walks, 10).endswith("Momentum saves no steps.")


def test_the_curve_is_described_at_the_rate_with_which_most_walks_arrive() -> None:
    few, many = ended(MINIMUM, LOCAL_MINIMUM), ended(MINIMUM, MINIMUM, steps=9)
    walks = {0.0: {0.1: few, 0.2: few}, 0.8: {0.1: few, 0.2: many}}
    assert gradient_descent.describe_curve(walks) == (
        "On the curve, a learning rate of 0.2 leads 1 of 2 starting points to the lower minimum "
        "and 1 into the other one; with momentum, it is 2 and 0."
    )
    walks = {0.0: {0.1: many, 0.2: few}, 0.8: {0.1: few, 0.2: few}}
    assert gradient_descent.describe_curve(walks) == (
        "On the curve, a learning rate of 0.1 leads 2 of 2 starting points to the lower minimum "
        "and 0 into the other one; with momentum, it is 1 and 1."
    )


def make_walks() -> dict[str, gradient_descent.Walks]:
    curve = SimpleNamespace(learning_rates=[0.6, 0.05], starts=[-1.6, 1.0])
    valley = SimpleNamespace(learning_rates=[0.05], starts=[[1.0, -1.0]])
    return {
        "curve": gradient_descent.walk_all(make_curve(), curve, 0.8, 20),
        "valley": gradient_descent.walk_all(make_valley(5.0), valley, 0.8, 20),
    }


def test_results_are_steps_of_the_walks_that_do_not_diverge() -> None:
    walks = make_walks()
    summaries = gradient_descent.summarize(walks)
    assert [each.name for each in summaries] == [
        "curve, learning rate 0.05", "curve, learning rate 0.6",
        "curve, learning rate 0.05, momentum 0.8", "curve, learning rate 0.6, momentum 0.8",
        "valley, learning rate 0.05", "valley, learning rate 0.05, momentum 0.8",
    ]  # fmt: skip
    assert summaries[0] == Summary("curve, learning rate 0.05", [2.0, 20.0], 0)
    assert summaries[1] == Summary("curve, learning rate 0.6", [], 2)


def test_the_table_has_all_positions() -> None:
    walks = make_walks()
    table = gradient_descent.make_table(walks)
    assert table.columns.tolist() == ["variant", "start", "training_step", "x", "y", "loss"]
    rows = table[(table["variant"] == "valley, learning rate 0.05")]
    assert rows["training_step"].tolist() == list(range(21))
    np.testing.assert_allclose(rows["y"], -(0.75 ** np.arange(21)), atol=1e-4)
    on_curve = table[(table["variant"] == "curve, learning rate 0.05") & (table["start"] == 2)]
    assert on_curve["x"].iloc[0] == 1.0
    assert on_curve["y"].isna().all()
    assert on_curve["loss"].iloc[0] == pytest.approx(0.3)


def test_figures_of_walks_have_a_row_without_and_with_momentum() -> None:
    walks = make_walks()
    curve = plot_walks(make_curve(), walks["curve"])
    titles = [axes.get_title() for axes in curve.axes]
    assert titles[0] == "rate 0.05: 1 of 2 arrived"
    assert titles[1] == "rate 0.6: 0 arrived, 2 diverged"
    assert [curve.axes[row].get_ylabel() for row in (0, 2)] == ["no momentum", "momentum 0.8"]
    valley = plot_walks(make_valley(5.0), walks["valley"]).axes[0]
    path = walks["valley"][0.0][0.05][0].path
    assert any(np.array_equal(np.asarray(line.get_xydata()), path) for line in valley.lines)


# Activation functions


@pytest.mark.parametrize(
    "name", ["sigmoid", "tanh", "relu", "leaky_relu", "elu", "gelu", "silu", "selu", "linear"]
)
def test_slopes_agree_with_finite_differences(name: str) -> None:
    x = np.linspace(-4, 4, 81)[np.arange(81) != 40]  # without 0, where some have a kink
    _, slopes = measure_slope(name, x.astype(np.float64))
    above, below = (measure_slope(name, x + change)[0] for change in (1e-5, -1e-5))
    np.testing.assert_allclose(slopes, (above - below) / 2e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["sigmoid", "relu", "leaky_relu", "gelu"])
def test_outputs_are_those_of_a_layer_of_keras(name: str) -> None:
    x = np.linspace(-4, 4, 9).astype(np.float32)
    layer = keras.layers.Activation(name)
    np.testing.assert_array_equal(measure_slope(name, x)[0], np.asarray(layer(x)))


def test_a_step_has_no_slope() -> None:
    outputs, slopes = measure_slope("step", np.array([-1, -0.1, 0, 2], np.float32))
    assert outputs.tolist() == [0, 0, 1, 1]
    assert slopes.tolist() == [0, 0, 0, 0]


def test_gradients_of_a_linear_network_are_products_of_its_weights() -> None:
    from stages.analyses.slopes import CLASSES, EXAMPLES, make_layers

    measured = measure_gradients("linear", 2, 6, seed=3)
    layers = make_layers([6, 6, CLASSES], 3)
    random = np.random.default_rng(3)
    x = random.standard_normal((EXAMPLES, 6), np.float32)
    labels = random.integers(CLASSES, size=EXAMPLES)
    sums = x
    for layer in layers:
        sums = np.asarray(layer(sums))
    probabilities = np.exp(sums) / np.exp(sums).sum(axis=1, keepdims=True)
    gradient = probabilities - np.eye(CLASSES)[labels]
    expected = [np.linalg.norm(gradient, axis=1).mean()]
    for layer in reversed(layers[1:]):
        gradient = gradient @ np.asarray(layer.kernel).T
        expected.insert(0, np.linalg.norm(gradient, axis=1).mean())
    np.testing.assert_allclose(measured, expected, rtol=1e-5)


def test_gradients_depend_on_seed_and_activation_alone() -> None:
    first = measure_gradients("tanh", 3, 8, 1)
    assert first.shape == (4,)
    np.testing.assert_array_equal(first, measure_gradients("tanh", 3, 8, 1))
    assert (first != measure_gradients("tanh", 3, 8, 2)).any()
    vanishing = measure_gradients("sigmoid", 3, 8, 1)
    assert vanishing[0] < first[0]
    assert measure_gradients("step", 3, 8, 1)[:-1].tolist() == [0, 0, 0]


# Their report


def slopes(**steepest: float) -> Mapping[str, tuple[np.ndarray, np.ndarray]]:
    return {name: (np.zeros(2), np.array([-3, slope])) for name, slope in steepest.items()}


@pytest.mark.parametrize(
    ("steepest", "expected"),
    [
        ({"step": 0, "a": 1, "b": 0.25, "c": 1}, "Step has no slope to learn from. The slope of the"
         " others is at most 0.25 (b) and 1.00 (a and c)."),
        ({"step": 0.5, "a": 0.2}, "The slope is at most 0.20 (a) and 0.50 (step)."),
        ({"a": 0, "b": 0}, "A and b have no slope to learn from."),
    ],
)  # fmt: skip
def test_the_steepest_slopes_are_said(steepest: dict[str, float], expected: str) -> None:
    assert activations.describe_slopes(slopes(**steepest)) == expected


def fractions(*values: float) -> list[Summary]:
    return [Summary(name, [value, value], 0) for name, value in zip("abc", values, strict=False)]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 0.371, 6.72e-7], "b passes on 37% of the gradient, c 1 part in 1,500,000."),
        ([1.6, 0.2], "a passes on 160% of the gradient, b 20%."),
        ([0, 0.2], "b passes on 20% of the gradient."),
    ],
)
def test_the_least_and_the_most_gradient_are_said(values: Sequence[float], expected: str) -> None:
    text = activations.describe_gradients(fractions(*values), hidden_layers=10)
    assert text == f"Through 10 layers of a random network, {expected}"


def test_if_no_gradient_is_passed_on_it_is_said() -> None:
    assert activations.describe_gradients(fractions(0, 0), hidden_layers=3) == (
        "Through 3 layers of a random network, no gradient is passed on."
    )


NORMS = {"a": np.array([[1.0, 2, 4], [3.0, 2, 4]]), "step": np.array([[0.0, 0, 4], [0.0, 0, 8]])}


def test_results_are_fractions_of_the_gradient_of_the_output() -> None:
    assert activations.summarize(NORMS) == [
        Summary("a", [0.25, 0.75], 0), Summary("step", [0.0, 0.0], 0),
    ]  # fmt: skip
    table = activations.make_table(NORMS, [7, 8])
    assert len(table) == 12
    row = table.iloc[3].to_dict()
    assert row == {"variant": "a", "seed": 8, "layer": 1, "gradient_norm": 3.0}


def test_figures_of_activations_show_outputs_slopes_and_gradients() -> None:
    x = np.linspace(-1, 1, 5).astype(np.float32)
    figure = plot_activations(x, {name: measure_slope(name, x) for name in ("relu", "tanh")})
    assert [axes.get_title() for axes in figure.axes if axes.axison] == [
        "relu: slope up to 1.00", "tanh: slope up to 1.00",
    ]  # fmt: skip
    assert np.asarray(figure.axes[0].lines[1].get_ydata()).tolist() == [0, 0, 0, 1, 1]
    (axes,) = plot_gradients(NORMS).axes
    lines = {line.get_label(): np.asarray(line.get_ydata()) for line in axes.lines}
    assert lines["a"].tolist() == [0.5, 0.5, 1.0]
    np.testing.assert_array_equal(lines["step (0 in hidden layers)"], [np.nan, np.nan, 1])
    switch, shift = plot_neurons(x, lambda x: x).axes
    assert np.asarray(switch.lines[1].get_ydata()).tolist() == (3 * x).tolist()
    assert np.asarray(shift.lines[2].get_ydata()).tolist() == (x - 2).tolist()


# Files and parameters


@pytest.mark.parametrize("analysis", ["perceptron", "gradient_descent", "activations"])
def test_an_analysis_writes_the_report_of_a_study(
    analysis: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = read_yaml(ROOT / "params.yaml")
    section = values["analyses"][analysis]
    if "seeds" in section:
        section["seeds"] = [1, 2, 3]
    section |= {
        key: 3
        for key in ("perceptron_passes", "gradient_descent_passes", "units")
        if key in section
    }
    module = importlib.import_module(f"stages.analyses.{analysis}")
    monkeypatch.setattr(module, "load_params", lambda: parse_params(values, ""))
    monkeypatch.chdir(tmp_path)
    points = Split(np.linspace(-1, 1, 24).reshape(12, 2), np.arange(12) % 2)
    for name in perceptron.POINTS:
        save_split(Path(f"data/processed/{name}/train"), points)
    module.main()
    folder = tmp_path / "reports/studies" / analysis
    (details,) = json.loads((folder / "details.json").read_text())
    metrics = json.loads((folder / "metrics.json").read_text())
    assert details["question"] == section["question"]
    assert details.keys() == {"question", "finding", "models", "metric", "results", "table"}
    with_values = [each for each in details["results"] if each["values"]]
    assert metrics.keys() == {each["variant"] for each in with_values}
    for each in with_values:
        assert metrics[each["variant"]]["mean"] == pytest.approx(np.mean(each["values"]))
    table = pd.read_csv(folder / "results.csv")
    assert list(table) == ["variant", "run", "result"]
    assert set(table["variant"]) == metrics.keys()
    assert list((folder / "plots").glob("*.png"))


def test_equal_results_are_equal_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    description = {"question": "?", "finding": "!", "models": [], "metric": "m"}
    summaries = [Summary("a", [0.1, 0.3], 1), Summary("b", [], 2)]
    contents = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        write_analysis("x", description, summaries, pd.DataFrame({"a": [0.1]}), {})
        files = sorted(Path("reports/studies/x").iterdir())
        contents.append({file.name: file.read_bytes() for file in files})
    assert contents[0] == contents[1]
    assert json.loads(contents[0]["metrics.json"]).keys() == {"a"}
    assert json.loads(contents[0]["details.json"])[0]["results"][1] == {
        "variant": "b", "values": [], "diverged": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("analysis", "key", "value", "message"),
    [
        ("perceptron", "seeds", [1, 2], "perceptron.seeds: list should have at least 3 items"),
        ("perceptron", "seed", 1, "perceptron.seed: extra inputs are not permitted"),
        ("perceptron", "hidden_units", [0], "hidden_units.0: input should be greater than or"),
        ("perceptron", "hidden_units", [1, 2, 3], "hidden_units: list should have at most 2 items"),
        ("perceptron", "perceptron_passes", 0, "perceptron_passes: input should be greater than"),
        ("perceptron", "learning_rate", 0.0, "learning_rate: input should be greater than 0"),
        ("gradient_descent", "momentum", 1.0, "momentum: input should be less than 1"),
        ("gradient_descent", "steps", 0, "steps: input should be greater than or equal to 1"),
        ("gradient_descent", "curve.starts", [3.0], "curve.starts.0: input should be less than"),
        ("gradient_descent", "curve.learning_rates", [0.1], "curve.learning_rates: list should"),
        ("gradient_descent", "valley.starts", [[1.0]], "valley.starts.0: list should have at"),
        ("gradient_descent", "valley.condition_number", 0.5, "condition_number: input should be"),
        ("activations", "activations", ["step", "swoosh"], "activations.1: input should be 'step'"),
        ("activations", "hidden_layers", 1, "hidden_layers: input should be greater than or equal"),
    ],
)  # fmt: skip
def test_invalid_settings_are_refused(analysis: str, key: str, value: Any, message: str) -> None:
    values = deepcopy(read_yaml(ROOT / "params.yaml"))
    section = values["analyses"][analysis]
    *path, last = key.split(".")
    for part in path:
        section = section[part]
    section[last] = value
    with pytest.raises(ConfigError) as error:
        parse_params(values, "params.yaml")
    assert message in str(error.value)


def test_an_analysis_and_a_study_cannot_have_the_same_id() -> None:
    values = read_yaml(ROOT / "params.yaml")
    values["studies"]["perceptron"] = values["studies"]["learning_rate"]
    with pytest.raises(ConfigError, match=r"studies\.perceptron: duplicate id, also in analyses"):
        parse_params(values, "params.yaml")
