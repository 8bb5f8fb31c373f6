"""Which values a trial has: a function of its number and the results of earlier trials.

Trial n is proposed from the results of all trials but the `parallel` - 1 before it, whose values
are known, but not their results. So it depends neither on how many trials really run at a time, nor
on their order, nor on interruptions: one machine, several, and a resumed sweep have the same
trials.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from stages.config.sweeps import Sweep
from stages.search.space import encode, make_distributions, tidy


def derive_seed(*numbers: int) -> int:
    """Return a seed that depends on all `numbers` and their order."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def count_known(number: int, parallel: int) -> int:
    """Return how many trials must be finished before trial `number` is proposed."""
    return max(0, number - parallel + 1)


def can_propose(trials: Sequence[FrozenTrial], parallel: int) -> bool:
    """Return whether the results are there from which the next trial is proposed."""
    known = trials[: count_known(len(trials), parallel)]
    return all(trial.state.is_finished() for trial in known)


def propose(
    trials: Sequence[FrozenTrial], sweep: Sweep, defaults: Mapping[str, Any]
) -> dict[str, Any]:
    """Propose the next trial.

    Args:
        trials: All trials so far; see `can_propose`.
        sweep: The sweep.
        defaults: Values of params.yaml by dotted key, which the first trial has.

    Returns:
        Values by dotted key, as they are stored.

    Reference:
        Bergstra et al.: Algorithms for hyper-parameter optimization, NeurIPS 2011.
    """
    number = len(trials)
    if number == 0:
        return encode(sweep.space, defaults)
    known = count_known(number, sweep.parallel)
    # A sampler per trial: a single one would repeat its random numbers after an interruption.
    sampler = optuna.samplers.TPESampler(
        n_startup_trials=sweep.startup_trials,
        multivariate=True,
        constant_liar=True,  # proposes other values than those of trials without results
        seed=derive_seed(sweep.seed, number),
    )
    study = optuna.create_study(sampler=sampler, direction=sweep.direction)
    study.add_trials([*trials[:known], *map(without_result, trials[known:])])
    asked = study.ask(make_distributions(sweep.space))
    return {key: tidy(sweep.space[key], value) for key, value in asked.params.items()}


def without_result(trial: FrozenTrial) -> FrozenTrial:
    """Return a trial as it was before it finished."""
    return make_trial(trial.params, trial.distributions)


def make_trial(
    params: Mapping[str, Any], distributions: Mapping[str, BaseDistribution]
) -> FrozenTrial:
    """Return a trial that runs.

    Args:
        params: Stored values by dotted key.
        distributions: Distributions by dotted key.
    """
    return create_trial(
        state=TrialState.RUNNING, params=dict(params), distributions=dict(distributions)
    )
