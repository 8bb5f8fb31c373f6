"""What a sweep found: a table of all trials, the finalists, and the values to change."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from optuna.trial import FrozenTrial, TrialState

from stages.config.sweeps import Sweep
from stages.search.space import decode
from stages.search.storage import get_outcome
from stages.studies.findings import Summary, describe, is_significant, rank

DEFAULTS = 0  # number of the trial with the values of params.yaml


class Finding(NamedTuple):
    """Result of a sweep.

    Attributes:
        best: Number of the best trial in the confirming runs.
        text: One sentence.
    """

    best: int
    text: str


def tabulate(trials: Sequence[FrozenTrial], sweep: Sweep) -> pd.DataFrame:
    """Return a row per trial: its state, result and values.

    Args:
        trials: All trials.
        sweep: The sweep.

    Returns:
        Columns trial, state, result (of a pruned trial, that of its last step), std (over repeats),
        steps, reason, seconds, node, and a column per dotted key.
    """
    rows = []
    for trial in trials:
        outcome = get_outcome(trial)
        runs = outcome.get("runs", [])
        row = {
            "trial": trial.number,
            "state": trial.state.name.lower(),
            "result": get_result(trial),
            "std": float(np.std(runs, ddof=1)) if len(runs) > 1 else None,
            "steps": len(trial.intermediate_values),
            **{name: outcome.get(name) for name in ("reason", "seconds", "node")},
        }
        rows.append(row | decode(sweep.space, trial.params))
    return pd.DataFrame(rows)


def get_result(trial: FrozenTrial) -> float | None:
    """Return the result of a trial; if it was pruned, that of its last step."""
    if trial.values:
        return trial.values[0]
    steps = trial.intermediate_values
    return steps[max(steps)] if steps else None


def choose_finalists(trials: Sequence[FrozenTrial], sweep: Sweep) -> list[FrozenTrial]:
    """Return the trial with the values of params.yaml, and the best others with different values.

    Args:
        trials: All trials, finished.
        sweep: The sweep.
    """
    sign = -1 if sweep.direction == "maximize" else 1
    complete = [trial for trial in trials[1:] if trial.state == TrialState.COMPLETE]
    chosen = list(trials[:1])
    for trial in sorted(complete, key=lambda trial: sign * (get_result(trial) or 0)):
        if len(chosen) <= sweep.confirmation.finalists and all(
            trial.params != other.params for other in chosen
        ):
            chosen.append(trial)
    return chosen


def compare(summaries: Sequence[Summary], sweep: Sweep) -> Finding:
    """Choose the best of the confirmed trials; if equal, the defaults.

    Args:
        summaries: Results by trial; the first is that with the values of params.yaml.
        sweep: The sweep.
    """
    defaults = summaries[0]
    stable = [each for each in summaries if not each.diverged]
    ranked = rank(stable, sweep.direction == "maximize")
    best = ranked[0] if ranked else defaults
    if best is defaults:
        return Finding(DEFAULTS, "no trial is better than params.yaml in new runs")
    verdict = "" if is_significant(best, defaults) else "not "
    percent = is_percentage(sweep)
    unit = " percentage points" if percent else ""
    gain = abs(best.mean - defaults.mean) * (100 if percent else 1)
    text = (
        f"trial {best.name} is better than params.yaml by {gain:.2g}{unit} in new runs, "
        f"{verdict}more than the variation over runs"
    )
    return Finding(int(best.name), text)


def is_percentage(sweep: Sweep) -> bool:
    """Return whether the metric is a fraction, shown as a percentage."""
    return sweep.metric.endswith("accuracy")


def describe_finalists(
    trials: Sequence[FrozenTrial], summaries: Sequence[Summary], sweep: Sweep
) -> list[str]:
    """Return a line per finalist: its result in the search, and in the confirming runs."""
    lines = []
    percent = is_percentage(sweep)
    for trial, summary in zip(trials, summaries, strict=True):
        name = "params.yaml" if trial.number == DEFAULTS else f"trial {trial.number}"
        searched = Summary(name, get_outcome(trial).get("runs", []), 0)
        diverged = f", {summary.diverged} runs failed" if summary.diverged else ""
        lines.append(
            f"{name:12} {describe(summary, percent)}{diverged} "
            f"(in the search {describe(searched, percent)})"
        )
    return lines


def find_changes(
    model: str, sweep: Sweep, defaults: Mapping[str, Any], best: FrozenTrial
) -> list[dict[str, Any]]:
    """Return what to change in params.yaml: dotted `key`, `old` and `new` value.

    Args:
        model: Id of the model.
        sweep: The sweep.
        defaults: Values of params.yaml by dotted key of the model's section.
        best: The trial whose values are better.
    """
    values = decode(sweep.space, best.params)
    return [
        {"key": f"models.{model}.{key}", "old": defaults[key], "new": value}
        for key, value in values.items()
        if value != defaults[key]
    ]
