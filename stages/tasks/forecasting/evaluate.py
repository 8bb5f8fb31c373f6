"""Evaluation of a forecast on the test windows, compared with naive and linear forecasts."""

import numpy as np
import pandas as pd

from stages.core.splits import SPLITS, Split
from stages.inference.outputs import predict_arrays
from stages.tasks.forecasting import captions, plots
from stages.tasks.forecasting.baselines import (
    find_period,
    fit_linear,
    mean_absolute_error,
    naive,
    seasonal_naive,
)
from stages.tasks.interface import Evaluation, EvaluationContext


def evaluate(context: EvaluationContext) -> Evaluation:
    """Forecast each test window, and compute the mean absolute error by horizon."""
    train, validation, test = (context.load_split(name) for name in SPLITS)
    horizon, period = test.y.shape[1], find_period(train)
    predicted = {
        plots.NETWORK: predict_arrays(context.bundle.model, test.x),
        "linear": fit_linear(train, validation).predict(test.x),
        "seasonal naive": seasonal_naive(test.x, horizon, period),
        "naive": naive(test.x, horizon),
    }
    errors = {name: mean_absolute_error(values, test.y) for name, values in predicted.items()}
    error = errors[plots.NETWORK]
    skill, over_linear = (skill_score(error, errors[name]) for name in ("naive", "linear"))
    chart = error_by_horizon(predicted, test.y)
    ranked = np.argsort(np.abs(predicted[plots.NETWORK] - test.y).mean(axis=1), kind="stable")
    shown = {"best": ranked[0], "median": ranked[len(ranked) // 2], "worst": ranked[-1]}
    series = context.info["input"]
    return Evaluation(
        metrics={
            "test": {
                "mae": error,
                "mae_naive": errors["naive"],
                "mae_seasonal_naive": errors["seasonal naive"],
                "mae_linear": errors["linear"],
                "skill_score": skill,
                "skill_score_linear": over_linear,
            }
        },
        chart=chart,
        figures={
            "learning_curves": plots.learning_curves(context.history, error, series["unit"]),
            "forecasts": plots.forecasts(test, predicted, join_windows(test), series),
            "error_by_horizon": plots.error_by_horizon(chart, series["unit"]),
            "windows": plots.windows(test, predicted, shown, series["unit"]),
        },
        data={"error_by_horizon": chart.to_dict("records"), "period": period},
        summaries={
            "forecasts": captions.summarize_skill(skill, over_linear),
            "error_by_horizon": captions.summarize_errors(errors, series["unit"], period),
        },
    )


def skill_score(error: float, reference: float) -> float:
    """Return the relative reduction of the error of a reference: 1 is perfect, 0 no better."""
    return 1 - error / reference if reference else 0.0


def error_by_horizon(predicted: dict[str, np.ndarray], actual: np.ndarray) -> pd.DataFrame:
    """Return the columns horizon, from 1; error, the mean absolute one; and forecast."""
    return pd.DataFrame(
        [
            {"horizon": step + 1, "error": round(float(value), 5), "forecast": name}
            for name, values in predicted.items()
            for step, value in enumerate(np.abs(values - actual).mean(axis=0))
        ]
    )


def join_windows(windows: Split) -> np.ndarray:
    """Return the series [n + horizon - 1] that consecutive windows have to forecast."""
    return np.concatenate([windows.y[:, 0], windows.y[-1, 1:]])
