"""What is sent to a process that trains, and what it sends back."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from optuna.trial import FrozenTrial

from stages.config.sweeps import Sweep
from stages.core.splits import Split


class Data(NamedTuple):
    """The training and validation splits of a dataset, and its info.json."""

    info: dict[str, Any]
    splits: Mapping[str, Split]


class Job(NamedTuple):
    """A trial, or runs that confirm one.

    Attributes:
        config: The model's section of params.yaml, with the values of the trial.
        sweep: The sweep.
        known: Finished trials to compare with, for pruning.
        runs: Numbers of the runs that confirm a trial; None for the trial itself.
        folds: Number of folds of a cross-validation that confirms.
    """

    config: Any
    sweep: Sweep
    known: Sequence[FrozenTrial] = ()
    runs: Sequence[int] | None = None
    folds: int = 0


class Outcome(NamedTuple):
    """Result of a job.

    Attributes:
        state: complete; pruned (too bad to go on, or diverged); failed (its process died again and
            again); or invalid (the user must correct something).
        value: Result of a complete trial, the mean of its runs.
        steps: Result so far by step of a cross-validation, or by epoch.
        runs: Result of each repeat of a cross-validation, or of each training run.
        reason: Why it is not complete; empty if it was worse than others.
        seconds: Duration.
        node: Id of the Ray node.
    """

    state: Literal["complete", "pruned", "failed", "invalid"]
    value: float | None = None
    steps: Mapping[int, float] = {}
    runs: Sequence[float] = ()
    reason: str = ""
    seconds: float = 0.0
    node: str = ""
