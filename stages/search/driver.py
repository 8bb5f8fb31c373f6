"""Propose trials, run them, and confirm the best."""

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from typing import Any, Protocol

from optuna.trial import FrozenTrial, TrialState

from stages.config.schema import Params
from stages.config.sweeps import CROSS_VALIDATED, Sweep, make_variant
from stages.core.errors import ConfigError, UserError
from stages.search.jobs import Job, Outcome
from stages.search.proposals import can_propose, count_known, propose
from stages.search.space import decode, make_distributions
from stages.search.storage import Storage
from stages.studies.findings import Summary

Show = Callable[[FrozenTrial], None]


class Executor(Protocol):
    """Runs jobs: stages.search.cluster.Cluster, or a fake one in tests."""

    def submit(self, job: Job) -> Hashable:
        """Start a job; returns its handle."""

    def wait(self, handles: Collection[Any]) -> tuple[Any, Outcome]:
        """Wait for any job; returns its handle and outcome."""


class Search:
    """Search for better values of a model.

    Args:
        params: Content of params.yaml.
        model: Id of the model.
        sweep: The sweep.
        storage: Where its trials are.
        executor: Runs jobs.
    """

    def __init__(
        self, params: Params, model: str, sweep: Sweep, storage: Storage, executor: Executor
    ) -> None:
        self.params, self.model, self.sweep = params, model, sweep
        self.storage, self.executor = storage, executor
        self.distributions = make_distributions(sweep.space)

    def run(self, total: int, defaults: Mapping[str, Any], show: Show) -> None:
        """Run trials until there are `total`, and those that an earlier process left unfinished.

        Args:
            total: Number of trials, counting those of earlier processes.
            defaults: Values of params.yaml by dotted key.
            show: Called with each finished trial.
        """
        running: dict[Any, int] = {}
        while True:
            trials = self.storage.trials()
            for trial in trials:
                if trial.state == TrialState.RUNNING and trial.number not in running.values():
                    self.start(trial, trials, running, show)
            trials = self.storage.trials()
            if len(trials) < total and can_propose(trials, self.sweep.parallel):
                self.storage.add(propose(trials, self.sweep, defaults), self.distributions)
            elif running:
                handle, outcome = self.executor.wait(running)
                self.finish(running.pop(handle), outcome, show)
            else:
                return

    def start(
        self,
        trial: FrozenTrial,
        trials: Sequence[FrozenTrial],
        running: dict[Any, int],
        show: Show,
    ) -> None:
        """Start a trial, unless params.yaml would be invalid with its combination of values."""
        try:
            config = self.configure(trial)
        except ConfigError as error:
            self.finish(trial.number, Outcome("pruned", reason=str(error)), show)
            return
        known = trials[: count_known(trial.number, self.sweep.parallel)]
        running[self.executor.submit(Job(config, self.sweep, known))] = trial.number

    def configure(self, trial: FrozenTrial) -> Any:
        """Return the model's section with the values of a trial."""
        return make_variant(self.params, self.model, decode(self.sweep.space, trial.params))

    def finish(self, number: int, outcome: Outcome, show: Show) -> None:
        """Store the outcome of a trial.

        Raises:
            UserError: If the user must correct something; the trial is not stored then.
        """
        if outcome.state == "invalid":
            raise UserError(outcome.reason)
        self.storage.finish(number, outcome)
        show(self.storage.trials()[number])

    def confirm(self, trials: Sequence[FrozenTrial]) -> list[Summary]:
        """Repeat trials with folds or seeds that the search did not see; finished runs are kept.

        Args:
            trials: The finalists, the defaults among them.

        Returns:
            Results of each trial, named by its number.
        """
        runs = range(self.sweep.confirmation.runs)
        at_once = self.sweep.metric.startswith(CROSS_VALIDATED)  # repeats share most of their time
        groups = [tuple(runs)] if at_once else [(run,) for run in runs]
        validation = self.params.cross_validation.get(self.model)
        running = {}
        for trial in trials:
            for group in groups:
                if self.storage.get(name_runs(trial, group)) is None:
                    job = Job(
                        self.configure(trial),
                        self.sweep,
                        runs=group,
                        folds=validation.folds if validation else 0,
                    )
                    running[self.executor.submit(job)] = name_runs(trial, group)
        while running:
            handle, outcome = self.executor.wait(running)
            if outcome.state == "invalid":
                raise UserError(outcome.reason)
            self.storage.set(running.pop(handle), list(outcome.runs))
        summaries = []
        for trial in trials:
            values = [x for group in groups for x in self.storage.get(name_runs(trial, group))]
            summaries.append(Summary(str(trial.number), values, len(runs) - len(values)))
        return summaries


def name_runs(trial: FrozenTrial, runs: Sequence[int]) -> str:
    """Return the name under which the results of confirming runs are stored."""
    return f"confirmation of {trial.number}: {'-'.join(map(str, runs))}"
