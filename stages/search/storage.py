"""Trials in a SQLite file, which survives a kill at any moment."""

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import DatabaseError

from stages.core.errors import UserError
from stages.core.files import flatten
from stages.search.jobs import Outcome
from stages.search.proposals import make_trial

FILE, LOCK = "trials.db", ".lock"
SETTINGS, OUTCOME = "settings", "outcome"  # attributes of the study and of a trial
STATES = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}


class Storage:
    """The trials of a sweep.

    A trial is added with all its values in one transaction, as running, and finished by its last
    write. So after a kill, those that still run are exactly those to run again; they keep their
    numbers.

    Args:
        path: Path of the SQLite file, created if it does not exist.
        direction: Direction of the sweep.
    """

    def __init__(self, path: Path, direction: Literal["maximize", "minimize"]) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        try:
            self.storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
            self.study = optuna.create_study(
                storage=self.storage, study_name="sweep", direction=direction, load_if_exists=True
            )
        except (DatabaseError, optuna.exceptions.StorageInternalError):
            raise UserError(
                f"{path}: not a storage of trials; use --restart to replace it"
            ) from None
        self.id = self.storage.get_study_id_from_name("sweep")

    def trials(self) -> list[FrozenTrial]:
        """Return all trials, by number."""
        return self.study.get_trials(deepcopy=False)

    def add(self, params: Mapping[str, Any], distributions: Mapping[str, BaseDistribution]) -> None:
        """Add a trial that runs."""
        self.study.add_trial(make_trial(params, distributions))

    def finish(self, number: int, outcome: Outcome) -> None:
        """Store the outcome of a trial."""
        trial_id = self.storage.get_trial_id_from_study_id_trial_number(self.id, number)
        for step, result in outcome.steps.items():
            self.storage.set_trial_intermediate_value(trial_id, step, result)
        recorded = {name: getattr(outcome, name) for name in ("runs", "reason", "seconds", "node")}
        self.storage.set_trial_user_attr(trial_id, OUTCOME, recorded)
        value = outcome.value
        if outcome.state == "pruned" and outcome.steps:
            value = outcome.steps[max(outcome.steps)]
        values = None if value is None else [value]
        self.storage.set_trial_state_values(trial_id, STATES[outcome.state], values)

    def get(self, name: str) -> Any:
        """Return a stored value that is not part of a trial, or None."""
        return self.study.user_attrs.get(name)

    def set(self, name: str, value: Any) -> None:
        """Store a value that is not part of a trial."""
        self.study.set_user_attr(name, value)

    def check_settings(self, settings: Mapping[str, Any]) -> None:
        """Check that the stored trials are of the same sweep, model, data and code.

        Args:
            settings: All that results depend on, as nested dictionaries.

        Raises:
            UserError: If they are not; the message names what differs.
        """
        wanted = json.loads(json.dumps(settings))
        stored = self.get(SETTINGS)
        if stored is None:
            self.set(SETTINGS, wanted)
            return
        old, new = flatten(stored), flatten(wanted)
        missing = object()
        changed = [key for key in {**old, **new} if old.get(key, missing) != new.get(key, missing)]
        if changed:
            raise UserError(
                f"the sweep was started with other settings: {', '.join(changed[:3])}; undo the "
                "change to continue it, or use --restart to forget its trials"
            )


def get_outcome(trial: FrozenTrial) -> dict[str, Any]:
    """Return the recorded runs, reason, seconds and node of a trial; empty while it runs."""
    outcome: dict[str, Any] = trial.user_attrs.get(OUTCOME, {})
    return outcome


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Make sure that only one sweep uses a folder; a kill releases it.

    Raises:
        UserError: If another process uses it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"{folder}: another process runs this sweep") from None
        yield
