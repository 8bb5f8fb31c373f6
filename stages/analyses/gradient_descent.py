"""Walk down loss curves with several learning rates, with and without momentum.

Writes reports/studies/gradient_descent/.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from stages.analyses.descent import (
    DIVERGED,
    LOCAL_MINIMUM,
    MINIMUM,
    ON_THE_WAY,
    Surface,
    Walk,
    make_curve,
    make_valley,
    walk,
)
from stages.config.load import load_params
from stages.core.cli import exit_on_error
from stages.studies.findings import Summary, join

DECIMALS = 4  # of positions and losses in the table
ByRate = Mapping[float, Sequence[Walk]]  # a walk per starting point, by learning rate
Walks = Mapping[float, ByRate]  # by momentum, first without


def main() -> None:
    """Run the analysis of params.yaml."""
    from stages.analyses.output import write_analysis
    from stages.plots.descent import plot_walks
    from stages.plots.style import figure_style

    config = load_params().analyses.gradient_descent
    curve, valley = make_curve(), make_valley(config.valley.condition_number)
    on_curve = walk_all(curve, config.curve, config.momentum, config.steps)
    in_valley = walk_all(valley, config.valley, config.momentum, config.steps)
    finding = f"{describe_valley(in_valley, config.steps)} {describe_curve(on_curve)}"
    description = {
        "question": config.question,
        "finding": finding,
        "models": [],
        "metric": "steps_to_minimum",
    }
    walks = {"curve": on_curve, "valley": in_valley}
    with figure_style():
        figures = {
            "curve": plot_walks(curve, on_curve),
            "valley": plot_walks(valley, in_valley),
        }
        write_analysis(
            "gradient_descent", description, summarize(walks), make_table(walks), figures
        )


def walk_all(surface: Surface, section: Any, momentum: float, steps: int) -> Walks:
    """Walk without and with momentum, with each learning rate from each starting point.

    Args:
        surface: Function to minimize.
        section: Section `curve` or `valley` of the analysis: learning_rates and starts.
        momentum: Momentum of the second walks.
        steps: Number of steps.
    """
    starts = np.reshape(section.starts, (len(section.starts), -1))
    return {
        each: {
            rate: [walk(surface, start, rate, each, steps) for start in starts]
            for rate in sorted(section.learning_rates)
        }
        for each in (0.0, momentum)
    }


def summarize(walks: Mapping[str, Walks]) -> list[Summary]:
    """Return the steps of each walk that does not diverge, by surface, momentum and rate."""
    return [
        Summary(
            name_variant(name, momentum, rate),
            [float(each.steps) for each in group if each.end != DIVERGED],
            sum(each.end == DIVERGED for each in group),
        )
        for name, by_momentum in walks.items()
        for momentum, by_rate in by_momentum.items()
        for rate, group in by_rate.items()
    ]


def name_variant(surface: str, momentum: float, rate: float) -> str:
    """Return the name of a variant."""
    text = f"{surface}, learning rate {rate:g}"
    return f"{text}, momentum {momentum:g}" if momentum else text


def make_table(walks: Mapping[str, Walks]) -> pd.DataFrame:
    """Return all positions, a row each: variant, start, training_step, x, y, loss."""
    tables = []
    for name, by_momentum in walks.items():
        for momentum, by_rate in by_momentum.items():
            for rate, group in by_rate.items():
                variant = name_variant(name, momentum, rate)
                tables += [tabulate(variant, number + 1, each) for number, each in enumerate(group)]
    return pd.concat(tables, ignore_index=True)


def tabulate(variant: str, start: int, each: Walk) -> pd.DataFrame:
    """Return the positions of a walk; y is missing on a curve."""
    positions = np.full((len(each.path), 2), np.nan)
    positions[:, : each.path.shape[1]] = each.path
    return pd.DataFrame(
        {
            "variant": variant,
            "start": start,
            "training_step": range(len(each.path)),
            "x": positions[:, 0].round(DECIMALS),
            "y": positions[:, 1].round(DECIMALS),
            "loss": each.losses.round(DECIMALS),
        }
    )


def describe_valley(walks: Walks, steps: int) -> str:
    """Return sentences on the learning rates, and on what momentum saves.

    Args:
        walks: All walks in the valley.
        steps: Number of steps of each walk.
    """
    without, with_momentum = walks.values()
    sentences = [
        f"In the valley without momentum, {describe_rates(without, steps)}.",
        f"With momentum, {describe_rates(with_momentum, steps)}.",
    ]
    fastest, faster = find_fastest(without), find_fastest(with_momentum)
    if fastest is not None and faster is not None:
        saved = round(mean_steps(without[fastest]) - mean_steps(with_momentum[faster]))
        verb = "saves" if saved >= 0 else "costs"
        sentences.append(f"Momentum {verb} {plural(abs(saved))}.")
    return " ".join(sentences)


def plural(steps: int) -> str:
    """Return a number of steps in words."""
    return f"{steps or 'no'} step{'s' * (steps != 1)}"


def describe_rates(walks: ByRate, steps: int) -> str:
    """Return clauses on how the walks with each learning rate end."""
    fastest = find_fastest(walks)
    clauses = ["no learning rate leads all starting points to the minimum"]
    if fastest is not None:
        number = plural(round(mean_steps(walks[fastest])))
        clauses = [f"a learning rate of {fastest:g} arrives fastest, in {number}"]
    endings = {rate: {each.end for each in group} for rate, group in walks.items()}
    diverged = [f"{rate:g}" for rate, ends in endings.items() if DIVERGED in ends]
    late = [
        f"{rate:g}" for rate, ends in endings.items() if ON_THE_WAY in ends and DIVERGED not in ends
    ]
    if late:
        have = "has" if len(late) == 1 else "have"
        clauses.append(f"{join(late)} {have} not arrived after {steps}")
    if diverged:
        clauses.append(f"{join(diverged)} diverge{'s' * (len(diverged) == 1)}")
    return "; ".join(clauses)


def find_fastest(walks: ByRate) -> float | None:
    """Return the rate that arrives in the fewest steps from all starting points, None if none."""
    arriving = [rate for rate, group in walks.items() if all(each.end == MINIMUM for each in group)]
    return min(arriving, key=lambda rate: mean_steps(walks[rate]), default=None)


def mean_steps(walks: Sequence[Walk]) -> float:
    """Return the mean number of steps until a walk has arrived."""
    return float(np.mean([each.steps for each in walks]))


def describe_curve(walks: Walks) -> str:
    """Return a sentence on the two minima of the curve, at the rate with which most walks arrive.

    Args:
        walks: All walks on the curve.
    """
    rates = next(iter(walks.values()))
    endings = {
        rate: [Counter(each.end for each in by_rate[rate]) for by_rate in walks.values()]
        for rate in rates
    }
    rate = max(endings, key=lambda rate: sum(ends[MINIMUM] for ends in endings[rate]))
    first, second = endings[rate]
    return (
        f"On the curve, a learning rate of {rate:g} leads {first[MINIMUM]} of {first.total()} "
        f"starting points to the lower minimum and {first[LOCAL_MINIMUM]} into the other one; with "
        f"momentum, it is {second[MINIMUM]} and {second[LOCAL_MINIMUM]}."
    )


if __name__ == "__main__":
    exit_on_error(main)
