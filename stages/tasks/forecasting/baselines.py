"""Forecasts to compare with: naive, seasonal naive, and linear autoregression.

Reference:
    Hyndman, Athanasopoulos: Forecasting: principles and practice, 2021.
"""

import numpy as np
from sklearn.linear_model import Ridge

from stages.core.splits import Split

PENALTIES = tuple(10.0**power for power in range(-2, 7))  # of the linear autoregression


def mean_absolute_error(forecast: np.ndarray, actual: np.ndarray) -> float:
    """Return the mean of the absolute differences of two arrays of the same shape."""
    return float(np.abs(forecast - actual).mean(dtype=np.float64))


def naive(past: np.ndarray, horizon: int) -> np.ndarray:
    """Repeat the last value of each past [n, length]: forecasts [n, horizon]."""
    return past[:, -1:].repeat(horizon, axis=1)


def seasonal_naive(past: np.ndarray, horizon: int, period: int) -> np.ndarray:
    """Repeat the last `period` values of each past [n, length]: forecasts [n, horizon]."""
    last = past[:, past.shape[1] - period :]
    return np.tile(last, (1, -(-horizon // period)))[:, :horizon]


def find_period(train: Split) -> int:
    """Return the period, in steps, whose seasonal naive forecast of a split has the lowest error.

    A period of one step, the naive forecast, is not considered.

    Args:
        train: Past values [n, length] and next values [n, horizon].
    """
    horizon = train.y.shape[1]
    errors = {
        period: mean_absolute_error(seasonal_naive(train.x, horizon, period), train.y)
        for period in range(2, train.x.shape[1] + 1)
    }
    return min(errors, key=lambda period: errors[period])


def fit_linear(train: Split, validation: Split) -> Ridge:
    """Fit a linear autoregression, which predicts each next value from all past ones.

    Args:
        train: Past values [n, length] and next values [n, horizon].
        validation: Windows to choose the L2 penalty of the coefficients.
    """
    fitted = [Ridge(alpha=penalty).fit(train.x, train.y) for penalty in PENALTIES]
    return min(
        fitted, key=lambda model: mean_absolute_error(model.predict(validation.x), validation.y)
    )
