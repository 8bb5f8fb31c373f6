"""Single neurons and small networks, from a threshold to gradient descent. Pure NumPy.

The first weight of a neuron is that of an input which is always 1: its bias.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.optimize import linprog

INPUTS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float)  # of a gate, A and B
GATES = {  # output for each of INPUTS
    "AND": np.array([0, 0, 0, 1]),
    "OR": np.array([0, 1, 1, 1]),
    "NAND": np.array([1, 1, 1, 0]),
    "XOR": np.array([0, 1, 1, 0]),
}
ACTIVE_INPUTS = 2  # that make a neuron of McCulloch and Pitts fire
# Connections from an input that is always active, from A and from B; -1 inhibits.
CONNECTIONS = {"AND": (0, 1, 1), "OR": (0, 2, 2), "NOT A": (2, -1, 0)}
ONLY_A, ONLY_B = (0, 2, -1), (0, -1, 2)  # A AND NOT B, B AND NOT A: the hidden layer of XOR
RULE, NEURON = "perceptron rule", "sigmoid neuron"  # what learns, besides hidden layers


class Run(NamedTuple):
    """Training of a neuron or network, from one seed.

    Attributes:
        weights: Weights of each layer, [1 + inputs, units].
        errors: Wrong answers in each pass over the examples, int [passes].
        losses: Mean squared error in each pass, [passes]; empty for the perceptron rule.
    """

    weights: Sequence[np.ndarray]
    errors: np.ndarray
    losses: np.ndarray


Runs = Mapping[tuple[str, str], Sequence[Run]]  # runs by task and by what learns it


def add_bias(x: np.ndarray) -> np.ndarray:
    """Put a column of ones before inputs [n, inputs]."""
    return np.column_stack([np.ones(len(x)), x])


def fires(weights: Sequence[float] | np.ndarray, x: np.ndarray, threshold: float) -> np.ndarray:
    """Return whether a threshold unit fires.

    Args:
        weights: Weights [1 + inputs].
        x: Inputs [n, inputs].
        threshold: Smallest weighted sum with which the unit fires.

    Returns:
        Whether it fires, bool [n].

    Reference:
        McCulloch, Pitts: A logical calculus of the ideas immanent in nervous activity, 1943.
    """
    return add_bias(x) @ np.asarray(weights) >= threshold


def fires_for_xor(x: np.ndarray, threshold: float) -> np.ndarray:
    """Return whether the last of three threshold units fires: (A and not B) or (B and not A).

    Args:
        x: Inputs [n, 2].
        threshold: Of all three units.

    Returns:
        Whether it fires, bool [n].
    """
    hidden = [fires(weights, x, threshold) for weights in (ONLY_A, ONLY_B)]
    return fires(CONNECTIONS["OR"], np.column_stack(hidden), threshold)


def perceptron_rule(x: np.ndarray, y: np.ndarray, seed: int, max_passes: int) -> Run:
    """Learn a threshold unit: after each error, the weights move by the input.

    Ends after a pass without errors. On classes that a line separates, it always does.

    Args:
        x: Inputs [n, inputs].
        y: Classes 0 and 1, [n].
        seed: Seed of the initial weights and of the order of the examples.
        max_passes: Maximum number of passes over the examples.

    Reference:
        Rosenblatt: The perceptron: a probabilistic model for information storage and organization
        in the brain, Psychological Review 1958.
    """
    random = np.random.default_rng(seed)
    inputs, targets = add_bias(x), y.astype(int)
    weights = random.normal(size=(inputs.shape[1],))
    errors: list[int] = []
    while len(errors) < max_passes and (not errors or errors[-1]):
        mistakes = 0
        for example in random.permutation(len(targets)):
            error = targets[example] - int(inputs[example] @ weights >= 0)
            if error:
                weights += error * inputs[example]
                mistakes += 1
        errors.append(mistakes)
    return Run([weights[:, None]], np.array(errors), np.array([]))


def is_separable(x: np.ndarray, y: np.ndarray) -> bool:
    """Return whether a line, or a plane, separates two classes.

    It is found by linear programming: weights with which each weighted sum is at least 1 for
    class 1 and at most -1 for class 0.

    Args:
        x: Inputs [n, inputs].
        y: Classes 0 and 1, [n].
    """
    signed = add_bias(x) * (2 * y.astype(int) - 1)[:, None]
    costs, limits = np.zeros(signed.shape[1]), -np.ones(len(y))
    found = linprog(costs, A_ub=-signed, b_ub=limits, bounds=(None, None))
    return bool(found.status == 0)


def sigmoid(z: np.ndarray) -> np.ndarray:
    """The logistic function: a threshold with a slope."""
    return 1 / (1 + np.exp(-z))


def forward(weights: Sequence[np.ndarray], x: np.ndarray) -> list[np.ndarray]:
    """Return the inputs and the outputs of each layer of sigmoid neurons.

    Args:
        weights: Weights of each layer, [1 + inputs, units].
        x: Inputs [n, inputs].
    """
    outputs = [x]
    for layer in weights:
        outputs.append(sigmoid(add_bias(outputs[-1]) @ layer))
    return outputs


def backward(
    weights: Sequence[np.ndarray], outputs: Sequence[np.ndarray], targets: np.ndarray
) -> list[np.ndarray]:
    """Return the derivative of the mean squared error by the weights of each layer.

    Args:
        weights: Weights of each layer, [1 + inputs, units].
        outputs: Inputs and outputs of each layer, from `forward`.
        targets: Targets [n, 1].
    """
    gradients = []
    slope = 2 * (outputs[-1] - targets) / len(targets)  # by the output of the last layer
    for layer, inputs, output in zip(
        reversed(weights), reversed(outputs[:-1]), reversed(outputs[1:]), strict=True
    ):
        slope = slope * output * (1 - output)  # by the weighted sum
        gradients.append(add_bias(inputs).T @ slope)
        slope = slope @ layer[1:].T  # by the output of the layer before
    return gradients[::-1]


def gradient_descent(
    x: np.ndarray, y: np.ndarray, *, hidden_units: int, seed: int, passes: int, learning_rate: float
) -> Run:
    """Train a sigmoid neuron, or a network with a hidden layer of them, on all examples at once.

    Args:
        x: Inputs [n, inputs].
        y: Classes 0 and 1, [n].
        hidden_units: Number of hidden units; 0 for a single neuron.
        seed: Seed of the initial weights.
        passes: Number of steps; each uses all examples.
        learning_rate: Learning rate.
    """
    random = np.random.default_rng(seed)
    sizes = [x.shape[1], *([hidden_units] if hidden_units else []), 1]
    weights = [random.normal(size=(1 + a, b)) for a, b in pairwise(sizes)]
    targets = y.astype(float)[:, None]
    errors, losses = np.zeros(passes, int), np.zeros(passes)
    outputs = forward(weights, x)
    for number in range(passes):
        gradients = backward(weights, outputs, targets)
        weights = [
            layer - learning_rate * gradient
            for layer, gradient in zip(weights, gradients, strict=True)
        ]
        outputs = forward(weights, x)
        errors[number] = np.sum((outputs[-1] >= 0.5) != targets)
        losses[number] = np.mean(np.square(outputs[-1] - targets))
    return Run(weights, errors, losses)
