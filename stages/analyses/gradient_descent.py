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

Walks = Mapping[float, Sequence[Walk]]  # a walk per starting point, by learning rate


def main() -> None:
    """Run the analysis of params.yaml."""
    from stages.analyses.output import write_analysis
    from stages.plots.descent import plot_walks
    from stages.plots.style import figure_style

    config = load_params().analyses.gradient_descent
    surfaces = {
        "curve": (make_curve(), config.curve, [[start] for start in config.curve.starts]),
        "valley": (
            make_valley(config.valley.condition_number),
            config.valley,
            config.valley.starts,
        ),
    }
    walks = {
        (name, momentum): walk_all(surface, section.learning_rates, starts, momentum, config.steps)
        for name, (surface, section, starts) in surfaces.items()
        for momentum in (0.0, config.momentum)
    }
    valley = [walks["valley", momentum] for momentum in (0.0, config.momentum)]
    curve = [walks["curve", momentum] for momentum in (0.0, config.momentum)]
    description = {
        "question": config.question,
        "finding": f"{describe_valley(*valley, config.steps)} {describe_curve(*curve)}",
        "models": [],
        "metric": "steps_to_minimum",
    }
    with figure_style():
        figures = {
            name: plot_walks(
                surface, {key[1]: group for key, group in walks.items() if key[0] == name}
            )
            for name, (surface, _, _) in surfaces.items()
        }
        write_analysis(
            "gradient_descent", description, summarize(walks), make_table(walks), figures
        )


def walk_all(
    surface: Surface,
    learning_rates: Sequence[float],
    starts: Sequence[Sequence[float]],
    momentum: float,
    steps: int,
) -> Walks:
    """Walk with each learning rate from each starting point.

    Args:
        surface: Function to minimize.
        learning_rates: Learning rates.
        starts: Positions [dimensions].
        momentum: Momentum, 0 for none.
        steps: Number of steps.
    """
    return {
        rate: [walk(surface, start, rate, momentum, steps) for start in starts]
        for rate in sorted(learning_rates)
    }


def summarize(walks: Mapping[tuple[str, float], Walks]) -> list[Summary]:
    """Return the steps of each walk that does not diverge, by surface, momentum and rate.

    Args:
        walks: Walks by name of the surface and momentum.
    """
    return [
        Summary(
            name_variant(name, momentum, rate),
            [float(each.steps) for each in group if each.end != DIVERGED],
            sum(each.end == DIVERGED for each in group),
        )
        for (name, momentum), by_rate in walks.items()
        for rate, group in by_rate.items()
    ]


def name_variant(surface: str, momentum: float, rate: float) -> str:
    """Return the name of a variant."""
    text = f"{surface}, learning rate {rate:g}"
    return f"{text}, momentum {momentum:g}" if momentum else text


def make_table(walks: Mapping[tuple[str, float], Walks]) -> pd.DataFrame:
    """Return all positions, a row each: variant, start, training_step, x, y, loss."""
    tables = []
    for (name, momentum), by_rate in walks.items():
        for rate, group in by_rate.items():
            for number, each in enumerate(group):
                positions: dict[str, Any] = dict(zip("xy", each.path.T, strict=False))
                rows = pd.DataFrame({**positions, "loss": each.losses})
                rows.insert(0, "variant", name_variant(name, momentum, rate))
                rows.insert(1, "start", number + 1)
                rows.insert(2, "training_step", rows.index)
                tables.append(rows)
    table = pd.concat(tables, ignore_index=True)
    return table[["variant", "start", "training_step", "x", "y", "loss"]].round(6)


def describe_valley(without: Walks, momentum: Walks, steps: int) -> str:
    """Return sentences on the learning rates, and on what momentum saves.

    Args:
        without: Walks without momentum.
        momentum: Walks with momentum.
        steps: Number of steps of each walk.
    """
    sentences = [
        f"In the valley without momentum, {describe_rates(without, steps)}.",
        f"With momentum, {describe_rates(momentum, steps)}.",
    ]
    fastest, faster = (find_fastest(walks) for walks in (without, momentum))
    if fastest and faster:
        saved = mean_steps(without[fastest]) - mean_steps(momentum[faster])
        verb = "saves" if saved > 0 else "costs"
        sentences.append(
            f"Momentum {verb} {abs(saved):.0f} steps."
            if round(saved)
            else "Momentum saves no steps."
        )
    return " ".join(sentences)


def describe_rates(walks: Walks, steps: int) -> str:
    """Return clauses on how the walks with each learning rate end."""
    fastest = find_fastest(walks)
    clauses = ["no learning rate leads all starting points to the minimum"]
    if fastest:
        number = mean_steps(walks[fastest])
        clauses = [f"a learning rate of {fastest:g} arrives fastest, in {number:.0f} steps"]
    endings = {rate: Counter(each.end for each in group) for rate, group in walks.items()}
    late = [rate for rate, ends in endings.items() if ends[ON_THE_WAY] and not ends[DIVERGED]]
    lost = [rate for rate, ends in endings.items() if ends[DIVERGED]]
    if late:
        clauses.append(f"{name_rates(late)} not arrived after {steps}")
    if lost:
        clauses.append(f"{join([f'{rate:g}' for rate in lost])} diverge{'s' * (len(lost) == 1)}")
    return "; ".join(clauses)


def name_rates(rates: Sequence[float]) -> str:
    """Return learning rates, followed by `has` or `have`."""
    return f"{join([f'{rate:g}' for rate in rates])} {'has' if len(rates) == 1 else 'have'}"


def find_fastest(walks: Walks) -> float | None:
    """Return the rate that arrives in the fewest steps from all starting points, None if none."""
    arriving = [rate for rate, group in walks.items() if all(each.end == MINIMUM for each in group)]
    return min(arriving, key=lambda rate: mean_steps(walks[rate]), default=None)


def mean_steps(walks: Sequence[Walk]) -> float:
    """Return the mean number of steps until a walk has arrived."""
    return float(np.mean([each.steps for each in walks]))


def describe_curve(without: Walks, momentum: Walks) -> str:
    """Return a sentence on the two minima of the curve, at the rate with which most walks arrive.

    Args:
        without: Walks without momentum.
        momentum: Walks with momentum.
    """
    endings = {
        rate: [Counter(each.end for each in group[rate]) for group in (without, momentum)]
        for rate in without
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
