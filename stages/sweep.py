"""Search for better hyperparameters of a model: sweeps/<model>/.

The space is in sweeps.yaml. Writes results.csv, plots/ and patch.yaml there, and keeps all trials
in trials.db, from which an interrupted sweep continues. The test split is not read.
"""

import argparse
import hashlib
import os
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.config.load import get_section, load_params
from stages.config.schema import Params
from stages.config.sweeps import Sweep, get_default, load_sweep
from stages.core.cli import exit_on_error
from stages.core.errors import ConfigError, UserError
from stages.core.files import atomic_output, remove
from stages.core.paths import PARAMS, PROCESSED
from stages.core.splits import load_info, load_split
from stages.search.patch import Change, Patch, apply_patch, read_patch, write_patch

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from stages.search.jobs import Data
    from stages.search.results import Finding
    from stages.search.storage import Storage

SWEEPS = Path("sweeps")
PACKAGES = ("optuna", "ray")  # of the extra `sweep`, not needed otherwise
SPLITS = ("train", "validation")
CODE = (  # that results and proposals depend on
    "networks", "learning", "pipelines", "tasks/classification", "studies",
    "search/objective.py", "search/proposals.py", "search/space.py",
)  # fmt: skip


def main() -> None:
    """Run the sweep on the command line, or apply what it proposed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", help="id of a model with an entry in sweeps.yaml")
    parser.add_argument(
        "--trials", type=int, help="number of trials, instead of that of sweeps.yaml"
    )
    parser.add_argument(
        "--address",
        default=os.environ.get("RAY_ADDRESS", "local"),
        help="address of a Ray cluster; by default, all cores of this machine",
    )
    parser.add_argument("--restart", action="store_true", help="forget the trials of earlier runs")
    parser.add_argument(
        "--apply", action="store_true", help="write the proposed values into params.yaml, and end"
    )
    arguments = parser.parse_args()
    params = load_params()
    sweep = load_sweep(params, arguments.model or "")
    folder = SWEEPS / arguments.model
    if arguments.apply:
        apply(folder)
        return
    if arguments.trials is not None and arguments.trials < 1:
        raise ConfigError(f"--trials: expected at least 1, found {arguments.trials}")
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        packages = " and ".join(missing)
        raise UserError(f"{packages} not installed: run `make .venv/sweep`")
    total = arguments.trials or sweep.trials
    run(params, arguments.model, sweep, total, arguments.address, restart=arguments.restart)


def apply(folder: Path) -> None:
    """Write the values of patch.yaml into params.yaml, and print them."""
    patch = read_patch(folder / "patch.yaml")
    changes = apply_patch(patch, PARAMS)
    print("\n".join(map(describe_change, changes)) or f"{PARAMS}: nothing to change")


def describe_change(change: Change) -> str:
    """Return a change as a line."""
    return f"{change.key}: {change.old} -> {change.new}"


def run(
    params: Params, model: str, sweep: Sweep, total: int, address: str, *, restart: bool = False
) -> None:
    """Run a sweep, continue it, or only write what it found.

    Args:
        params: Content of params.yaml.
        model: Id of the model.
        sweep: The sweep.
        total: Number of trials, counting those of earlier processes.
        address: Address of a Ray cluster, or "local".
        restart: Whether to forget the trials of earlier processes.
    """
    from stages.search.cluster import Cluster
    from stages.search.driver import Search
    from stages.search.results import choose_finalists, compare, describe_finalists, find_changes
    from stages.search.storage import FILE, Storage, exclusive

    began = time.perf_counter()
    folder = SWEEPS / model
    defaults = {key: get_default(params, model, key) for key in sweep.space}
    data = read_data(params, model, sweep)
    with exclusive(folder), Cluster(address, data) as cluster:
        if restart:
            remove(folder / FILE)
        storage = Storage(folder / FILE, sweep.direction)
        storage.check_settings(make_settings(params, model, sweep))
        finished = sum(trial.state.is_finished() for trial in storage.trials())
        if finished:
            print(f"{model}: {finished} trials are finished")
        search = Search(params, model, sweep, storage, cluster)
        search.run(total, defaults, lambda trial: show(trial, sweep))
        trials = storage.trials()
        write_table(trials, sweep, folder)
        finalists = choose_finalists(trials, sweep)
        summaries = search.confirm(finalists)
    finding = compare(summaries, sweep)
    write_plots(storage, sweep, finding, folder)
    counts = {
        name: sum(trial.state.name.lower() == name for trial in trials)
        for name in ("complete", "pruned", "fail")
    }
    described = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    print(f"{model}: {len(trials)} trials: {described}; {time.perf_counter() - began:.0f} s")
    print(f"{sweep.metric}, mean ± standard deviation of {sweep.confirmation.runs} new runs:")
    print("\n".join(f"  {line}" for line in describe_finalists(finalists, summaries, sweep)))
    changes = find_changes(model, sweep, defaults, trials[finding.best])
    propose(model, finding.text, [Change(**change) for change in changes], folder)


def read_data(params: Params, model: str, sweep: Sweep) -> "Data":
    """Read the training and validation splits of a model.

    Raises:
        ConfigError: If they are too small for the folds.
    """
    import numpy as np

    from stages.search.jobs import Data

    dataset = get_section(params.models, model, "model").dataset
    data = Data(load_info(dataset), {name: load_split(dataset, name) for name in SPLITS})
    if sweep.cross_validation is not None:
        y = np.concatenate([split.y for split in data.splits.values()])
        smallest = int(np.bincount(y).min())
        if smallest < sweep.cross_validation.folds:
            raise ConfigError(
                f"sweeps.yaml: {model}.cross_validation.folds: expected at most {smallest}, the "
                f"examples of the smallest class, found {sweep.cross_validation.folds}"
            )
    return data


def make_settings(params: Params, model: str, sweep: Sweep) -> dict[str, Any]:
    """Return all that the results of trials depend on."""
    config = params.models[model]
    validation = params.cross_validation.get(model)
    data = [PROCESSED / config.dataset / name for name in SPLITS]
    code = [Path(__file__).parent / name for name in CODE]
    return {
        "sweep": sweep.model_dump(exclude={"trials", "confirmation"}),
        model: config.model_dump(include={"dataset", "network", "training"}),
        "cross_validation": validation.model_dump() if validation else None,
        "data": hash_files(data, ".npy"),
        "code": hash_files(code, ".py"),
    }


def hash_files(paths: Sequence[Path], suffix: str) -> str:
    """Return a hash of the content of files, and of those with a suffix in folders."""
    files = [path for path in paths if path.is_file()]
    files += [file for path in paths for file in path.rglob(f"*{suffix}")]
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


def show(trial: "FrozenTrial", sweep: Sweep) -> None:
    """Print a line about a finished trial."""
    from stages.search.results import get_result
    from stages.search.space import decode
    from stages.search.storage import get_outcome

    result = get_result(trial)
    number = "" if result is None else f" {result:.4f}"
    reason = get_outcome(trial).get("reason")
    values = [
        f"{key.rpartition('.')[2]} {value}"
        for key, value in decode(sweep.space, trial.params).items()
    ]
    state = trial.state.name.lower() + (f" ({reason})" if reason else "")
    print(f"trial {trial.number}: {state}{number}: {', '.join(values)}", flush=True)


def write_table(trials: "Sequence[FrozenTrial]", sweep: Sweep, folder: Path) -> None:
    """Write results.csv, a row per trial."""
    from stages.search.results import tabulate

    with atomic_output(folder / "results.csv") as path:
        tabulate(trials, sweep).to_csv(path, index=False, lineterminator="\n")


def write_plots(storage: "Storage", sweep: Sweep, finding: "Finding", folder: Path) -> None:
    """Write the figures."""
    from stages.plots.style import figure_style, save_figure
    from stages.search import plots

    trials = storage.trials()
    with figure_style():
        history = plots.plot_history(trials, sweep, finding.best)
        save_figure(history, folder / "plots" / "history.png")
        slices = plots.plot_slices(trials, sweep, finding.best)
        save_figure(slices, folder / "plots" / "slices.png")
        if importance := plots.compute_importance(storage.study, sweep.seed):
            figure = plots.plot_importance(importance)
            save_figure(figure, folder / "plots" / "importance.png")


def propose(model: str, finding: str, changes: list[Change], folder: Path) -> None:
    """Write patch.yaml, and print what it would change and how to apply it."""
    command = f"python -m stages.sweep {model} --apply"
    path = folder / "patch.yaml"
    write_patch(path, Patch(finding=finding, changes=changes), f"Apply it: {command}")
    print(f"{model}: {finding}")
    if not changes:
        print(f"{path}: nothing to change")
        return
    print(f"{path} would change:")
    print("\n".join(f"  {describe_change(change)}" for change in changes))
    print(f"apply: {command}")


if __name__ == "__main__":
    exit_on_error(main)
