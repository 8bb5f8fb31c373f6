"""Captions of the figures of a forecast."""

from collections.abc import Mapping

from stages.tasks.interface import Caption

CAPTIONS = {
    "learning_curves": Caption(
        "Learning curves: mean absolute error",
        "The weights of the epoch with the lowest validation error are kept.",
    ),
    "forecasts": Caption(
        "Forecasts of the test series",
        "Each colored line begins where the values that a forecast is made from end, and the black "
        "line is what was measured then.",
    ),
    "error_by_horizon": Caption(
        "Mean absolute error by horizon",
        "A curve per forecast: the naive one repeats the last value, the seasonal naive one the "
        "last period, and the linear one is an autoregression, fitted on the training split.",
    ),
    "windows": Caption(
        "Best, median and worst forecasts",
        "The windows of the test split with the lowest, the median and the highest error of the "
        "network.",
    ),
}


def summarize_errors(errors: Mapping[str, float], unit: str, period: int) -> str:
    """Return the error of each forecast, the lowest first, and the period of the seasonal one."""
    ordered = sorted(errors, key=lambda name: errors[name])
    listed = ", ".join(f"{name} {errors[name]:.2f}" for name in ordered)
    return f"Over all horizons, in {unit}: {listed}; the period of the season is {period} steps."


def summarize_skill(skill: float, over_linear: float) -> str:
    """Return how much lower the error is than those of the naive and of the linear forecast."""
    return f"The error is {compare(skill, 'naive')}, and {compare(over_linear, 'linear')}."


def compare(skill: float, name: str) -> str:
    """Format a skill score, the relative reduction of the error of another forecast."""
    direction = "lower" if skill >= 0 else "higher"
    return f"{100 * abs(skill):.0f}% {direction} than that of the {name} forecast"
