"""Learn logic gates and points with one neuron, and with a hidden layer.

Writes reports/studies/perceptron/.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from stages.analyses.neurons import (
    ACTIVE_INPUTS,
    CONNECTIONS,
    GATES,
    INPUTS,
    NEURON,
    RULE,
    Run,
    Runs,
    fires,
    fires_for_xor,
    gradient_descent,
    is_separable,
    perceptron_rule,
)
from stages.config.load import load_params
from stages.core.cli import exit_on_error
from stages.core.splits import Split, load_split
from stages.studies.findings import Summary, join

POINTS = ("circle", "xor")  # datasets, whose training split is learned
LOGGED_PASS = 20  # of gradient descent, each of these is a row of the table


def main() -> None:
    """Run the analysis of params.yaml."""
    from stages.analyses.output import write_analysis
    from stages.plots.perceptron import plot_gates, plot_learning
    from stages.plots.style import figure_style

    config = load_params().analyses.perceptron
    tasks = {gate: Split(INPUTS, outputs) for gate, outputs in GATES.items()}
    tasks |= {f"{name} points": load_split(name, "train") for name in POINTS}
    runs = learn_all(tasks, config)
    finding = " ".join(
        [
            describe_fixed(),
            describe_rule(runs, {name: is_separable(*task) for name, task in tasks.items()}),
            describe_descent(runs),
        ]
    )
    description = {
        "question": config.question,
        "finding": finding,
        "models": [],
        "metric": "training_accuracy",
    }
    with figure_style():
        figures = {"gates": plot_gates(tasks, runs), "learning": plot_learning(tasks, runs)}
        write_analysis(
            "perceptron", description, summarize(tasks, runs), make_table(runs, config), figures
        )


def learn_all(tasks: Mapping[str, Split], config: Any) -> Runs:
    """Learn each task by the perceptron rule, and the gates by gradient descent.

    Args:
        tasks: Inputs [n, 2] and classes [n], by name.
        config: Section of the analysis in params.yaml.
    """
    runs = {
        (name, RULE): [
            perceptron_rule(*task, seed, config.perceptron_passes) for seed in config.seeds
        ]
        for name, task in tasks.items()
    }
    networks = [(gate, NEURON, 0) for gate in GATES]
    networks += [("XOR", name_layer(units), units) for units in config.hidden_units]
    for gate, learner, units in networks:
        runs[gate, learner] = [
            gradient_descent(
                *tasks[gate],
                hidden_units=units,
                seed=seed,
                passes=config.gradient_descent_passes,
                learning_rate=config.learning_rate,
            )
            for seed in config.seeds
        ]
    return runs


def name_layer(units: int) -> str:
    """Return the name of a hidden layer."""
    return f"{units} hidden unit{'s' * (units != 1)}"


def summarize(tasks: Mapping[str, Split], runs: Runs) -> list[Summary]:
    """Return the accuracy after the last pass, by task and by what learned it."""
    return [
        Summary(
            f"{task}, {learner}",
            [float(1 - run.errors[-1] / len(tasks[task].y)) for run in group],
            0,
        )
        for (task, learner), group in runs.items()
    ]


def make_table(runs: Runs, config: Any) -> pd.DataFrame:
    """Return errors and loss by pass: every pass of the perceptron rule, some of the others."""
    tables = []
    for (task, learner), group in runs.items():
        for seed, run in zip(config.seeds, group, strict=True):
            rows = pd.DataFrame({"variant": f"{task}, {learner}", "seed": seed}, run_index(run))
            rows["pass"] = rows.index + 1
            rows["errors"] = run.errors[rows.index]
            if len(run.losses):
                rows["loss"] = run.losses[rows.index].round(6)
            tables.append(rows)
    return pd.concat(tables, ignore_index=True)


def run_index(run: Run) -> np.ndarray:
    """Return the positions of the passes that the table has."""
    if not len(run.losses):
        return np.arange(len(run.errors))
    return np.union1d(np.arange(0, len(run.errors), LOGGED_PASS), [len(run.errors) - 1])


def describe_fixed() -> str:
    """Return a sentence on the gates that threshold units with given connections are."""
    outputs = GATES | {"NOT A": 1 - INPUTS[:, 0].astype(int)}
    right = [
        name
        for name, connections in CONNECTIONS.items()
        if (fires(connections, INPUTS, ACTIVE_INPUTS) == outputs[name]).all()
    ]
    if (fires_for_xor(INPUTS, ACTIVE_INPUTS) == outputs["XOR"]).all():
        right.append("(as three units) XOR")
    return f"Neurons that fire with {ACTIVE_INPUTS} active inputs can be {join(right)}."


def describe_rule(runs: Runs, separable: Mapping[str, bool]) -> str:
    """Return sentences on what the perceptron rule learns.

    Args:
        runs: All runs.
        separable: Whether a line separates the classes, by task.
    """
    groups = {task: group for (task, learner), group in runs.items() if learner == RULE}
    num_seeds = len(next(iter(groups.values())))
    learned = {task: count_learned(group) for task, group in groups.items()}
    always = [task for task, count in learned.items() if count == num_seeds]
    sentences = []
    if always:
        passes = max(len(run.errors) for task in always for run in groups[task])
        sentences.append(
            f"The perceptron rule learns {join(always)} with all {num_seeds} seeds, within "
            f"{passes} passes."
        )
    if sometimes := [task for task, count in learned.items() if 0 < count < num_seeds]:
        counts = join([f"{task} with {learned[task]} of {num_seeds} seeds" for task in sometimes])
        sentences.append(f"The perceptron rule learns {counts}.")
    never = [task for task, count in learned.items() if not count]
    passes = max(len(run.errors) for group in groups.values() for run in group)
    for possible, reason in ((False, ": no line separates"), (True, ", although a line separates")):
        if tasks := [task for task in never if separable[task] == possible]:
            sentences.append(
                f"In {passes} passes, the rule never learns {join(tasks)}{reason} the classes."
            )
    return " ".join(sentences)


def describe_descent(runs: Runs) -> str:
    """Return sentences on what a sigmoid neuron learns, and a network with a hidden layer."""
    counts: dict[int, list[str]] = {}
    layers = []
    num_seeds = 0
    for (task, learner), group in runs.items():
        if learner == RULE:
            continue
        num_seeds, count = len(group), count_learned(group)
        if learner == NEURON:
            counts.setdefault(count, []).append(task)
        else:
            layers.append(f"{count} of {num_seeds} seeds ({learner})")
    neuron = join([f"{join(tasks)} with {count}" for count, tasks in counts.items()])
    text = f"Gradient descent teaches a sigmoid neuron {neuron} of {num_seeds} seeds"
    if not layers:
        return f"{text}."
    return f"{text}; with a hidden layer, it learns XOR with {join(layers)}."


def count_learned(runs: Sequence[Run]) -> int:
    """Return the number of runs whose last pass has no error."""
    return sum(run.errors[-1] == 0 for run in runs)


if __name__ == "__main__":
    exit_on_error(main)
