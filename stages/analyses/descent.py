"""Loss curves and gradient descent on them. Pure NumPy."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

FAR = 1e3  # distance from the origin beyond which a walk has diverged
TOLERANCE = 0.01  # a walk has arrived while its loss is this close to the minimum
CLOSE = 0.05  # a walk has stopped in a local minimum if its last steps are this close to it
LAST_STEPS = 3
MINIMUM, LOCAL_MINIMUM = "minimum", "local minimum"  # how a walk ends
ON_THE_WAY, DIVERGED = "on the way", "diverged"
TILT = 0.3  # of the curve, which makes its right minimum the higher one


class Surface(NamedTuple):
    """A function to minimize.

    Attributes:
        loss: From positions [n, dimensions] to losses [n].
        gradient: From positions [n, dimensions] to derivatives [n, dimensions].
        minimum: The lowest loss.
        local_minima: Positions of the other minima, [m, dimensions].
    """

    loss: Callable[[np.ndarray], np.ndarray]
    gradient: Callable[[np.ndarray], np.ndarray]
    minimum: float
    local_minima: np.ndarray


def make_curve() -> Surface:
    """A curve with a global minimum on the left and a local one on the right."""

    def loss(x: np.ndarray) -> np.ndarray:
        return (x[:, 0] ** 2 - 1) ** 2 + TILT * x[:, 0]

    def gradient(x: np.ndarray) -> np.ndarray:
        return 4 * x * (x**2 - 1) + TILT

    left, _, right = np.sort(np.roots([4, 0, -4, TILT]).real)  # a maximum in the middle
    return Surface(loss, gradient, float(loss(np.array([[left]]))[0]), np.array([[right]]))


def make_valley(condition_number: float) -> Surface:
    """A quadratic bowl that is `condition_number` times as steep in y as in x; its minimum is 0."""
    curvature = np.array([1, condition_number])

    def loss(x: np.ndarray) -> np.ndarray:
        return (curvature * x**2).sum(axis=1) / 2

    return Surface(loss, lambda x: curvature * x, 0.0, np.empty((0, 2)))


def descend(
    gradient: Callable[[np.ndarray], np.ndarray],
    start: Sequence[float],
    learning_rate: float,
    momentum: float,
    steps: int,
) -> np.ndarray:
    """Walk downhill with gradient descent, as `keras.optimizers.SGD` does.

    Args:
        gradient: From positions [n, dimensions] to derivatives [n, dimensions].
        start: Position [dimensions].
        learning_rate: Learning rate.
        momentum: Fraction of the last step that is added to each step; 0 for none.
        steps: Number of steps.

    Returns:
        Positions [1 + steps, dimensions]; fewer if the walk diverges, with the first one that is
        farther than FAR from the origin at the end.

    Reference:
        Polyak: Some methods of speeding up the convergence of iteration methods, 1964.
    """
    path = [np.array(start, float)]
    velocity = np.zeros_like(path[0])
    while len(path) <= steps and np.linalg.norm(path[-1]) <= FAR:
        velocity = momentum * velocity - learning_rate * gradient(path[-1][None])[0]
        path.append(path[-1] + velocity)
    return np.array(path)


class Walk(NamedTuple):
    """A walk and how it ends.

    Attributes:
        path: Positions [1 + steps, dimensions].
        losses: Loss at each position, [1 + steps].
        end: MINIMUM, LOCAL_MINIMUM, ON_THE_WAY or DIVERGED.
        steps: Steps until it has arrived at the minimum for good; all steps if it has not.
    """

    path: np.ndarray
    losses: np.ndarray
    end: str
    steps: int


def walk(
    surface: Surface, start: Sequence[float], learning_rate: float, momentum: float, steps: int
) -> Walk:
    """Walk on a surface; see `descend`."""
    path = descend(surface.gradient, start, learning_rate, momentum, steps)
    losses = surface.loss(path)
    outside = np.flatnonzero(losses > surface.minimum + TOLERANCE)
    arrived = int(outside[-1]) + 1 if len(outside) else 0
    if np.linalg.norm(path[-1]) > FAR:
        end = DIVERGED
    elif arrived <= steps:
        return Walk(path, losses, MINIMUM, arrived)
    elif any(
        np.linalg.norm(path[-LAST_STEPS:] - position, axis=1).max() < CLOSE
        for position in surface.local_minima
    ):
        end = LOCAL_MINIMUM
    else:
        end = ON_THE_WAY
    return Walk(path, losses, end, steps)
