"""Train and validate the values of a trial. The test split is never here."""

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import optuna

from stages.config.sweeps import CROSS_VALIDATED, Folds, Sweep
from stages.core.cli import ENVIRONMENT
from stages.core.errors import ConfigError, DivergedError, UserError
from stages.core.splits import concatenate
from stages.search.jobs import Data, Job, Outcome
from stages.search.proposals import derive_seed

CONFIRMATION = 1_000_000  # distinguishes the seeds of confirming runs from those of steps
DIVERGED = "diverged"


class Reporter:
    """Receives the results of a trial while it runs, and ends it if it is to be pruned.

    Args:
        job: The job; if it confirms a trial, nothing is pruned.

    Attributes:
        steps: Results so far by step.
    """

    def __init__(self, job: Job) -> None:
        self.steps: dict[int, float] = {}
        self.trial: optuna.Trial | None = None
        if job.sweep.pruning is not None and job.runs is None:
            pruner = optuna.pruners.PercentilePruner(
                percentile=job.sweep.pruning.percentile,
                n_startup_trials=job.sweep.pruning.startup_trials,
                n_warmup_steps=job.sweep.pruning.warmup_steps,
            )
            study = optuna.create_study(pruner=pruner, direction=job.sweep.direction)
            study.add_trials(job.known)
            self.trial = study.ask()

    def __call__(self, value: float, step: int, *, last: bool) -> None:
        """Receive a result.

        Args:
            value: Result so far.
            step: Number of the step or epoch, from 0.
            last: Whether the trial is complete, so that pruning would save nothing.

        Raises:
            optuna.TrialPruned: If the trial is to be pruned.
        """
        if not math.isfinite(value):
            return
        self.steps[step] = value
        if self.trial is None:
            return
        self.trial.report(value, step)
        if not last and self.trial.should_prune():
            raise optuna.TrialPruned


def evaluate(job: Job, data: Data) -> Outcome:
    """Run a job.

    Args:
        job: The job.
        data: The dataset of the model.

    Returns:
        Its outcome. Errors of the user are outcomes, too, since Ray would wrap their messages.
    """
    for name, value in ENVIRONMENT.items():  # before TensorFlow is imported
        os.environ.setdefault(name, value)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    began, report = time.perf_counter(), Reporter(job)
    validated = job.sweep.metric.startswith(CROSS_VALIDATED)
    try:
        runs = cross_validate(job, data, report) if validated else train(job, data, report)
        outcome = Outcome("complete", float(np.mean(runs)), report.steps, runs)
        if not math.isfinite(float(np.mean(runs))):
            outcome = Outcome("pruned", reason=DIVERGED)
    except optuna.TrialPruned:
        outcome = Outcome("pruned", None, report.steps)
    except DivergedError:  # without steps, it is worse than all others for the sampler
        outcome = Outcome("pruned", reason=DIVERGED)
    except UserError as error:
        outcome = Outcome("invalid", reason=str(error))
    return outcome._replace(seconds=round(time.perf_counter() - began, 2))


def cross_validate(job: Job, data: Data, report: Callable[..., None]) -> list[float]:
    """Cross-validate a trial on the training and validation splits.

    Args:
        job: The job.
        data: The dataset.
        report: Called with the mean over repeats after each step.

    Returns:
        Result of each repeat: the mean over its folds.

    Raises:
        optuna.TrialPruned: See `Reporter`.
        DivergedError: If a loss or weight is not finite.
    """
    if job.runs is not None:
        seed = derive_seed(job.sweep.seed, CONFIRMATION)
        return validate_repeats(job, data, job.folds, len(job.runs), seed)
    folds = job.sweep.cross_validation or Folds(folds=2, repeats=1, steps=1)
    values: list[float] = []
    for step in range(folds.steps):
        seed = derive_seed(job.sweep.seed, step)
        values += validate_repeats(job, data, folds.folds, folds.repeats, seed)
        report(float(np.mean(values)), step, last=step == folds.steps - 1)
    return values


def validate_repeats(job: Job, data: Data, folds: int, repeats: int, seed: int) -> list[float]:
    """Return the result of each repeat of a cross-validation."""
    from stages.cross_validate import build_train_and_predict
    from stages.metrics.classification import classification_metrics
    from stages.tasks.classification.cross_validation import predict_out_of_fold

    name = job.sweep.metric.removeprefix(CROSS_VALIDATED)
    examples = concatenate([data.splits["train"], data.splits["validation"]])
    train_and_predict = build_train_and_predict(job.config, data.info)
    p, assigned = predict_out_of_fold(train_and_predict, examples, folds, repeats, seed)
    values = [
        [
            classification_metrics(examples.y[held_out], predicted[held_out])[name]
            for held_out in (fold == number for number in range(folds))
        ]
        for predicted, fold in zip(p, assigned, strict=True)
    ]
    return np.mean(values, axis=1).tolist()


def train(job: Job, data: Data, report: Callable[..., None]) -> list[float]:
    """Train a trial, or run it with another seed, and validate it on the validation split.

    Args:
        job: The job.
        data: The dataset.
        report: Called with the metric after each epoch.

    Returns:
        Result of each run: the metric for the weights that are kept.

    Raises:
        optuna.TrialPruned: See `Reporter`.
        DivergedError: If a loss or weight is not finite.
        ConfigError: If the history does not have the metric.
    """
    from stages.studies.training import train_one
    from stages.studies.variants import DATA_KEYS, override

    values = []
    for run in [None] if job.runs is None else job.runs:
        config = job.config
        if run is not None:
            seed = derive_seed(job.sweep.seed, CONFIRMATION, run)
            section = override(config.model_dump(), {"training.seed": seed})
            config = type(config).model_validate(section)
        with reported_epochs(job.sweep, report):
            history = train_one(
                config, data.info, dict(data.splits), dict.fromkeys(DATA_KEYS), None
            ).history
        if history["diverged"].all():
            raise DivergedError(DIVERGED, None)
        if job.sweep.metric not in history:
            columns = ", ".join(filter(lambda name: name.startswith("val_"), map(str, history)))
            raise ConfigError(
                f"sweeps.yaml: metric: the history has no {job.sweep.metric!r}, expected one of "
                f"{columns}"
            )
        values.append(float(history.loc[history["kept"], job.sweep.metric].iloc[-1]))
    return values


@contextmanager
def reported_epochs(sweep: Sweep, report: Callable[..., None]) -> Iterator[None]:
    """Report the metric after each epoch, instead of printing a line.

    All networks but raw_tensorflow are trained by stages.learning.fit, which prints such lines.
    They have no other way in, and a new one would change what all models depend on.

    Args:
        sweep: The sweep.
        report: See `train`.
    """
    from stages.learning import fit

    class ReportMetric(fit.ProgressLine):
        """Reports the metric."""

        def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
            """Report the metric."""
            if sweep.metric in (logs or {}):
                last = epoch + 1 == self.total
                report(float((logs or {})[sweep.metric]), epoch, last=last)

    original = fit.ProgressLine
    fit.ProgressLine = ReportMetric  # type: ignore[misc]
    try:
        yield
    finally:
        fit.ProgressLine = original  # type: ignore[misc]
