"""Sweeps with a fake objective: schema, proposals, resumption, results, patch."""

import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

pytest.importorskip("optuna", reason="make .venv/sweep installs it")

import optuna
from optuna.trial import FrozenTrial, TrialState

from stages import sweep as command
from stages.cluster import check_address
from stages.config.load import load_params
from stages.config.schema import Params
from stages.config.sweeps import SWEEPS, Sweep, get_default, load_sweep, load_sweeps, make_variant
from stages.core.errors import ConfigError, DivergedError, UserError
from stages.core.paths import PARAMS
from stages.core.splits import Split
from stages.search import objective, plots
from stages.search.driver import Search
from stages.search.jobs import Data, Job, Outcome
from stages.search.patch import Change, Patch, apply_patch, read_patch, write_patch
from stages.search.results import choose_finalists, compare, find_changes, tabulate
from stages.search.storage import FILE, Storage, exclusive
from stages.studies.findings import Summary
from tests.factories import INFOS, make_table

ROOT = Path(__file__).parents[2]
MODEL = "votes_mlp"
FOLDS = {"folds": 2, "repeats": 1, "steps": 2}
SPACE: dict[str, Any] = {
    "network.dropout": {"low": 0.0, "high": 0.5},
    "network.hidden_units": {"choices": [[32, 16], [8]]},
    "network.l2": {"low": 0.001, "high": 0.1, "log": True},
    "training.epochs": {"low": 20, "high": 80, "step": 10},
}
VALUES: dict[str, Any] = {
    "metric": "cv.accuracy",
    "direction": "maximize",
    "trials": 16,
    "parallel": 3,
    "startup_trials": 4,
    "seed": 7,
    "cross_validation": FOLDS,
    "pruning": {"percentile": 50.0, "startup_trials": 2, "warmup_steps": 0},
    "confirmation": {"finalists": 2, "runs": 3},
    "space": SPACE,
}


class Killed(BaseException):
    """The process ends."""


class FakeExecutor:
    """Evaluates a formula; jobs end in any order, and the process is killed after some of them."""

    def __init__(self, seed: int = 0, kill_after: int = 1000) -> None:
        self.jobs: dict[int, Job] = {}
        self.random, self.left = np.random.default_rng(seed), kill_after
        self.submitted = 0

    def submit(self, job: Job) -> int:
        self.submitted += 1
        self.jobs[self.submitted] = job
        return self.submitted

    def wait(self, handles: Collection[int]) -> tuple[int, Outcome]:
        self.left -= 1
        if self.left < 0:
            raise Killed
        handle = int(self.random.choice(sorted(handles)))
        return handle, evaluate(self.jobs.pop(handle))


def evaluate(job: Job) -> Outcome:
    network = job.config.network
    if job.runs is not None:
        return Outcome("complete", runs=[1 - network.dropout + run / 100 for run in job.runs])
    report = objective.Reporter(job)
    value = 1 - (network.dropout - 0.3) ** 2 - network.l2 + 0.1 * (len(network.hidden_units) == 1)
    try:
        for step in range(2):
            report(value, step, last=step == 1)
    except optuna.TrialPruned:
        return Outcome("pruned", None, report.steps)
    return Outcome("complete", value, report.steps, [value - 0.01, value + 0.01])


@pytest.fixture(scope="module")
def params() -> Params:
    return load_params(ROOT / PARAMS)


@pytest.fixture
def sweep() -> Sweep:
    return Sweep.model_validate(VALUES)


def defaults_of(params: Params, sweep: Sweep) -> dict[str, Any]:
    return {key: get_default(params, MODEL, key) for key in sweep.space}


def search(
    params: Params, sweep: Sweep, path: Path, executor: Any, total: int = 16
) -> list[FrozenTrial]:
    """Run a sweep, stored at `path`."""
    storage = Storage(path, sweep.direction)
    driver = Search(params, MODEL, sweep, storage, executor)
    driver.run(total, defaults_of(params, sweep), lambda _: None)
    return storage.trials()


def summary(trials: list[FrozenTrial]) -> list[Any]:
    """Return what must not depend on the order of execution."""
    return [(t.number, t.state, t.params, t.values, t.intermediate_values) for t in trials]


# Schema


def test_the_sweeps_of_the_project_are_valid(params: Params) -> None:
    sweeps = load_sweeps(params, ROOT / SWEEPS)
    assert {"votes_mlp", "masses_mlp", "mnist_mlp"} <= sweeps.keys()
    for model in sweeps:
        load_sweep(params, model, ROOT / SWEEPS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trials": 0}, f"{MODEL}.trials: input should be greater than or equal to 1, found 0"),
        ({"extra": 1}, f"{MODEL}.extra: extra inputs are not permitted"),
        ({"metric": "test.accuracy"}, f"{MODEL}.metric: "),
        ({"metric": "val_loss"}, f"{MODEL}.cross_validation: expected none with val_loss"),
        ({"cross_validation": None}, f"{MODEL}.cross_validation: expected folds, repeats and"),
        ({"space": {}}, f"{MODEL}.space: "),
        ({"space": {"network.dropout": {"low": 0.1}}}, "network.dropout.high: field required"),
        (
            {"space": {"network.dropout": {"low": 0.1, "high": 1.5}}},
            f"{MODEL}.space.network.dropout.high: network.dropout: input should be less than 1",
        ),
        (
            {"space": {"network.dropuot": {"low": 0.1, "high": 0.2}}},
            f"{MODEL}.space.network.dropuot.low: network.dropuot: extra inputs are not permitted",
        ),
        (
            {"space": {"network.convolution.filters": {"low": 1, "high": 2}}},
            f"no key network.convolution.filters in models.{MODEL}",
        ),
        (
            {"space": {"network.hidden_units": {"choices": [[8], [0]]}}},
            f"{MODEL}.space.network.hidden_units.choices.1: network.hidden_units.0: ",
        ),
        ({"space": {"training.seed": {"low": 1, "high": 2}}}, "space.training.seed: cannot vary"),
        ({"space": {"dataset": {"choices": ["a", "b"]}}}, "space.dataset: cannot vary"),
        ({"space": {"network.l2": {"low": 2, "high": 1}}}, "network.l2.high: expected more than"),
        (
            {"space": {"network.l2": {"low": 0, "high": 1, "log": True}}},
            "network.l2.low: expected more than 0 with log, found 0",
        ),
        (
            {"space": {"network.l2": {"low": 0.1, "high": 1, "log": True, "step": 0.1}}},
            "network.l2.step: expected none with log",
        ),
        (
            {"space": {"training.epochs": {"low": 20, "high": 80, "step": 7}}},
            "training.epochs.step: expected a divisor of 60, found 7",
        ),
        (
            {"space": {"training.epochs": {"low": 20, "high": 80, "step": 7.5}}},
            "training.epochs.step: expected an integer between integers, found 7.5",
        ),
    ],
)
def test_an_invalid_sweep_is_one_line_that_names_the_key(
    params: Params, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    path = tmp_path / SWEEPS
    path.write_text(yaml.safe_dump({MODEL: VALUES | changes}))
    with pytest.raises(ConfigError) as error:
        load_sweeps(params, path)
    assert message in str(error.value)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


def test_sweeps_of_unknown_models_are_refused(params: Params, tmp_path: Path) -> None:
    path = tmp_path / SWEEPS
    path.write_text(yaml.safe_dump({"votes": VALUES}))
    with pytest.raises(ConfigError, match=r"votes: no such model in params\.yaml"):
        load_sweeps(params, path)
    path.write_text(yaml.safe_dump({"mnist_mlp": VALUES}))
    with pytest.raises(ConfigError, match=r"mnist_mlp\.metric: cv\.accuracy needs an entry in"):
        load_sweeps(params, path)
    path.write_text(yaml.safe_dump({MODEL: VALUES}))
    with pytest.raises(ConfigError, match="no sweep 'mnist_mlp', expected one of votes_mlp"):
        load_sweep(params, "mnist_mlp", path)


def test_epochs_cannot_vary_if_pruning_compares_epochs(params: Params, tmp_path: Path) -> None:
    path = tmp_path / SWEEPS
    path.write_text(
        yaml.safe_dump({MODEL: VALUES | {"metric": "val_loss", "cross_validation": None}})
    )
    with pytest.raises(ConfigError, match=r"votes_mlp\.pruning: .*training\.epochs must not vary"):
        load_sweeps(params, path)


@pytest.mark.parametrize(
    "dimension",
    [{"low": 0.25, "high": 0.5}, {"low": 0.15, "high": 0.45, "step": 0.1}, {"choices": [0.1, 0.3]}],
)
def test_a_space_contains_the_defaults(
    params: Params, tmp_path: Path, dimension: dict[str, Any]
) -> None:
    path = tmp_path / SWEEPS
    path.write_text(yaml.safe_dump({MODEL: VALUES | {"space": {"network.dropout": dimension}}}))
    load_sweeps(params, path)  # another sweep, and `make repro`, are not stopped
    with pytest.raises(ConfigError, match=r"network\.dropout: expected a space that contains"):
        load_sweep(params, MODEL, path)


def test_a_variant_is_checked_like_params_yaml(params: Params) -> None:
    changed = make_variant(params, MODEL, {"network.dropout": 0.4})
    assert changed.network.dropout == 0.4  # type: ignore[union-attr]
    assert params.models[MODEL].network.dropout == 0.2  # type: ignore[union-attr]
    with pytest.raises(ConfigError, match=r"a layer of .* parameters"):
        make_variant(params, MODEL, {"network.hidden_units": [65536, 65536]})


# Proposals and resumption


def test_the_trials_depend_neither_on_order_nor_on_kills(
    params: Params, sweep: Sweep, tmp_path: Path
) -> None:
    expected = summary(search(params, sweep, tmp_path / "a.db", FakeExecutor()))
    assert [number for number, *_ in expected] == list(range(16))
    assert {state for _, state, *_ in expected} == {TrialState.COMPLETE, TrialState.PRUNED}
    other = summary(search(params, sweep, tmp_path / "b.db", FakeExecutor(seed=1)))
    assert other == expected
    finished: list[Any] = []
    evaluated = 0
    for _ in range(20):
        executor = FakeExecutor(seed=2, kill_after=3)
        try:
            trials = search(params, sweep, tmp_path / "c.db", executor)
        except Killed:
            trials = Storage(tmp_path / "c.db", "maximize").trials()
        now = [each for each in summary(trials) if each[1].is_finished()]
        assert all(each in now for each in finished)
        finished, evaluated = now, evaluated + 3 - max(0, executor.left)
        if len(finished) == 16:
            break
    assert finished == expected
    assert evaluated == 16  # none twice


def test_more_trials_continue_a_finished_sweep(
    params: Params, sweep: Sweep, tmp_path: Path
) -> None:
    expected = summary(search(params, sweep, tmp_path / "a.db", FakeExecutor()))
    search(params, sweep, tmp_path / "b.db", FakeExecutor(), total=5)
    executor = FakeExecutor()
    assert summary(search(params, sweep, tmp_path / "b.db", executor)) == expected
    assert executor.submitted == 11


def test_the_first_trial_has_the_defaults_and_others_are_short_numbers(
    params: Params, sweep: Sweep, tmp_path: Path
) -> None:
    trials = search(params, sweep, tmp_path / "a.db", FakeExecutor())
    table = tabulate(trials, sweep)
    assert table.loc[0, list(sweep.space)].to_dict() == defaults_of(params, sweep)
    assert all(len(str(value)) <= 7 for value in table["network.dropout"])
    assert table["training.epochs"].isin(range(20, 81, 10)).all()
    assert table["network.l2"].between(0.001, 0.1).all()
    assert table["network.hidden_units"].isin([[32, 16], [8]]).all()
    assert {"trial", "state", "result", "std", "seconds", "node", "reason"} <= set(table)
    best = table["result"].max()
    assert best > table["result"][0] + 0.1
    assert table["result"][8:].mean() > table["result"][:4].mean()  # it learns


def test_a_combination_that_params_yaml_would_refuse_is_not_trained(
    params: Params, sweep: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(params: Params, model: str, values: dict[str, Any]) -> Any:
        if len(values["network.hidden_units"]) == 1:
            raise ConfigError("too small")
        return make_variant(params, model, values)

    monkeypatch.setattr("stages.search.driver.make_variant", refuse)
    executor = FakeExecutor()
    table = tabulate(search(params, sweep, tmp_path / "a.db", executor), sweep)
    refused = table["network.hidden_units"].map(len) == 1
    assert 0 < refused.sum() == 16 - executor.submitted
    assert set(table["reason"][refused]) == {"too small"}
    assert set(table["state"][refused]) == {"pruned"}


def test_an_error_of_the_user_ends_the_sweep(
    params: Params, sweep: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeExecutor, "wait", lambda _, h: (min(h), Outcome("invalid", reason="x")))
    with pytest.raises(UserError, match="x"):
        search(params, sweep, tmp_path / "a.db", FakeExecutor())
    trials = Storage(tmp_path / "a.db", "maximize").trials()
    assert {trial.state for trial in trials} == {TrialState.RUNNING}  # to be run again


def test_a_sweep_with_other_settings_is_not_continued(tmp_path: Path) -> None:
    settings = {"sweep": {"seed": 1, "space": {"network.l2": {"low": 1}}}, "code": "a"}
    Storage(tmp_path / FILE, "maximize").check_settings(settings)
    storage = Storage(tmp_path / FILE, "maximize")
    storage.check_settings(settings)
    with pytest.raises(UserError, match=r"other settings: sweep\.seed, code; .*--restart"):
        storage.check_settings(settings | {"sweep": settings["sweep"] | {"seed": 2}, "code": "b"})  # type: ignore[operator]


def test_a_damaged_storage_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("not a database " * 100)
    with pytest.raises(UserError, match=r"trials\.db: not a storage of trials"):
        Storage(tmp_path / FILE, "maximize")


def test_only_one_process_uses_a_folder(tmp_path: Path) -> None:
    with (
        exclusive(tmp_path / "a"),
        pytest.raises(UserError, match="another process runs this sweep"),
        exclusive(tmp_path / "a"),
    ):
        pass
    with exclusive(tmp_path / "a"):
        pass


# Evaluation of a trial, with a fake cross-validation


@pytest.fixture
def fake_repeats(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    calls: list[Any] = []

    def validate(job: Job, data: Data, folds: int, repeats: int, seed: int) -> list[float]:
        del job, data
        calls.append((folds, repeats, seed))
        return [0.5 + len(calls) / 10] * repeats

    monkeypatch.setattr(objective, "validate_repeats", validate)
    return calls


DATA = Data({}, {name: Split(np.zeros(1), np.zeros(1)) for name in ("train", "validation")})


def test_each_step_has_other_folds_and_confirmation_again_others(
    params: Params, sweep: Sweep, fake_repeats: list[Any]
) -> None:
    config = params.models[MODEL]
    outcome = objective.evaluate(Job(config, sweep), DATA)
    assert outcome.state == "complete"
    assert outcome.value == pytest.approx(0.65)
    assert outcome.steps == pytest.approx({0: 0.6, 1: 0.65})
    assert outcome.runs == pytest.approx([0.6, 0.7])
    objective.evaluate(Job(config, sweep, runs=range(3), folds=10), DATA)
    assert [call[:2] for call in fake_repeats] == [(2, 1), (2, 1), (10, 3)]
    assert len({call[2] for call in fake_repeats}) == 3


def test_a_trial_below_the_median_is_pruned(
    params: Params, sweep: Sweep, fake_repeats: list[Any], tmp_path: Path
) -> None:
    known = search(params, sweep, tmp_path / "a.db", FakeExecutor(), total=6)  # all above 0.6
    outcome = objective.evaluate(Job(params.models[MODEL], sweep, known), DATA)
    assert (outcome.state, outcome.steps) == ("pruned", {0: 0.6})
    assert len(fake_repeats) == 1
    alone = sweep.model_copy(update={"pruning": None})
    assert objective.evaluate(Job(params.models[MODEL], alone, known), DATA).state == "complete"


@pytest.mark.parametrize(
    ("error", "state", "reason"),
    [
        (DivergedError("x", None), "pruned", "diverged"),
        (ConfigError("wrong key"), "invalid", "wrong key"),
    ],
)
def test_errors_of_training_are_outcomes(
    params: Params,
    sweep: Sweep,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    state: str,
    reason: str,
) -> None:
    def fail(*_: Any) -> list[float]:
        raise error

    monkeypatch.setattr(objective, "validate_repeats", fail)
    outcome = objective.evaluate(Job(params.models[MODEL], sweep), DATA)
    assert (outcome.state, outcome.reason, outcome.steps) == (state, reason, {})


def test_a_network_reports_each_epoch_and_can_be_pruned(params: Params, sweep: Sweep) -> None:
    data = Data(INFOS["table"], {"train": make_table(40, 1), "validation": make_table(20, 2)})
    validated = sweep.model_copy(update={"metric": "val_loss", "direction": "minimize"})
    config = make_variant(params, MODEL, {"training.epochs": 3, "network.hidden_units": [2]})
    outcome = objective.evaluate(Job(config, validated), data)
    assert outcome.state == "complete"
    assert list(outcome.steps) == [0, 1, 2]
    assert outcome.value == outcome.steps[2]
    again = objective.evaluate(Job(config, validated, runs=[0]), data)
    assert again.runs != outcome.runs  # another seed
    distributions: dict[str, Any] = {"a": optuna.distributions.FloatDistribution(0, 1)}
    better = [
        optuna.trial.create_trial(
            params={"a": 0.5}, distributions=distributions, value=0, intermediate_values={1: 0.0}
        )
    ] * 2
    pruned = objective.evaluate(Job(config, validated, better), data)
    assert (pruned.state, list(pruned.steps)) == ("pruned", [0, 1])
    unknown = validated.model_copy(update={"metric": "val_mae"})
    message = objective.evaluate(Job(config, unknown), data)
    assert message.state == "invalid"
    assert "no 'val_mae', expected one of val_loss, val_accuracy" in message.reason


# Results


def test_finalists_are_the_defaults_and_the_best_others(
    params: Params, sweep: Sweep, tmp_path: Path
) -> None:
    storage = Storage(tmp_path / FILE, sweep.direction)
    driver = Search(params, MODEL, sweep, storage, FakeExecutor())
    driver.run(16, defaults_of(params, sweep), lambda _: None)
    trials = storage.trials()
    finalists = choose_finalists(trials, sweep)
    values = [trial.values[0] for trial in finalists]
    assert finalists[0].number == 0
    assert len(finalists) == 3
    complete = [t.values[0] for t in trials if t.state == TrialState.COMPLETE]
    assert values[1:] == sorted(complete, reverse=True)[:2]
    first = driver.confirm(finalists)
    assert [each.name for each in first] == [str(trial.number) for trial in finalists]
    assert first[0].values == pytest.approx([0.8, 0.81, 0.82])
    driver.executor = FakeExecutor(kill_after=0)
    assert driver.confirm(finalists) == first  # stored


@pytest.mark.parametrize(
    ("others", "best", "text"),
    [
        ([Summary("3", [0.5, 0.6], 0)], 0, "no trial is better than params.yaml in new runs"),
        ([Summary("3", [0.7, 0.8], 0)], 0, "no trial is better"),
        ([Summary("3", [0.9, 0.9], 1)], 0, "no trial is better"),  # one run diverged
        (
            [Summary("3", [0.7, 0.91], 0), Summary("4", [0.95, 0.97], 0)],
            4,
            "trial 4 is better than params.yaml by 21 percentage points in new runs, not more",
        ),
        (
            [Summary("3", [0.95, 0.95, 0.951], 0)],
            3,
            "trial 3 is better than params.yaml by 20 percentage points in new runs, more than",
        ),
    ],
)
def test_the_defaults_are_kept_unless_a_trial_is_better_in_new_runs(
    sweep: Sweep, others: list[Summary], best: int, text: str
) -> None:
    defaults = Summary("0", [0.75, 0.75, 0.751] if "more than" in text[-9:] else [0.7, 0.8], 0)
    finding = compare([defaults, *others], sweep)
    assert finding.best == best
    assert finding.text.startswith(text)


def test_figures_of_a_sweep(params: Params, sweep: Sweep, tmp_path: Path) -> None:
    trials = search(params, sweep, tmp_path / FILE, FakeExecutor())
    (axes,) = plots.plot_history(trials, sweep, 5).axes
    assert axes.get_ylabel() == "cross-validated accuracy"
    labels = [text.get_text() for text in axes.get_legend().get_texts()]  # type: ignore[union-attr]
    assert labels == ["pruned", "complete", "best so far", "params.yaml", "proposed"]
    slices = plots.plot_slices(trials, sweep, 5).axes
    labels = ["dropout", "hidden units", "l2", "epochs"]
    assert [axes.get_xlabel() for axes in slices] == labels
    assert [axes.get_xscale() for axes in slices] == ["linear", "linear", "log", "linear"]
    importance = plots.compute_importance(Storage(tmp_path / FILE, "maximize").study, 1)
    assert set(importance) == set(sweep.space)
    assert sum(importance.values()) == pytest.approx(1)
    plots.plot_importance(importance)
    assert plots.compute_importance(Storage(tmp_path / "b.db", "maximize").study, 1) == {}


# Patch


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in (PARAMS, SWEEPS):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_a_patch_changes_its_values_only(project: Path, params: Params) -> None:
    before = PARAMS.read_text().splitlines()
    changes = [
        Change(key=f"models.{MODEL}.network.dropout", old=0.2, new=0.25),
        Change(key=f"models.{MODEL}.network.hidden_units", old=[32, 16], new=[8]),
        Change(key=f"models.{MODEL}.training.label_smoothing", old=0.0, new=0.02),
    ]
    write_patch(project / "patch.yaml", Patch(finding="better", changes=changes), "how to apply")
    patch = read_patch(project / "patch.yaml")
    assert patch.changes == changes
    assert apply_patch(patch, PARAMS) == changes
    after = PARAMS.read_text().splitlines()
    assert [line for line in before if line.strip().startswith("#")] == [
        line for line in after if line.strip().startswith("#")
    ]
    assert len(after) == len(before) - 1 + 1  # a unit less, a key more
    changed = load_params().models[MODEL]
    assert changed == make_variant(
        params,
        MODEL,
        {
            "network.dropout": 0.25,
            "network.hidden_units": [8],
            "training.label_smoothing": 0.02,
        },
    )
    assert apply_patch(patch, PARAMS) == []
    assert PARAMS.read_text().splitlines() == after


def test_the_comment_after_a_replaced_list_is_kept(tmp_path: Path) -> None:
    from dvc.utils.serialize import modify_yaml

    from stages.search.patch import set_value

    path = tmp_path / "a.yaml"
    path.write_text("a:\n  b:\n  - 1\n  - 2\n\n# About c.\nc: 3\n")
    with modify_yaml(str(path)) as values:
        set_value(values, "a.b", [4])
        set_value(values, "a.d", 5)
    assert path.read_text() == "a:\n  d: 5\n  b:\n  - 4\n\n# About c.\nc: 3\n"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (Change(key=f"models.{MODEL}.network.dropout", old=0.3, new=0.4), "expected 0.3, with"),
        (Change(key=f"models.{MODEL}.network.dropout", old=0.2, new=7.0), "less than 1"),
    ],
)
def test_a_patch_that_does_not_fit_changes_nothing(
    project: Path, change: Change, message: str
) -> None:
    del project
    before = PARAMS.read_text()
    with pytest.raises(ConfigError, match=message):
        apply_patch(Patch(finding="", changes=[change]), PARAMS)
    assert PARAMS.read_text() == before


def test_a_patch_that_is_missing_or_damaged_is_one_line(project: Path) -> None:
    with pytest.raises(UserError, match=r"patch\.yaml: no such file; a sweep that ends writes it"):
        read_patch(project / "patch.yaml")
    (project / "patch.yaml").write_text("finding: a\nchanges: [{key: a}]\n")
    with pytest.raises(ConfigError, match=r"changes\.0\.old: field required"):
        read_patch(project / "patch.yaml")


def test_only_changed_values_are_proposed(params: Params, sweep: Sweep, tmp_path: Path) -> None:
    trials = search(params, sweep, tmp_path / FILE, FakeExecutor(), total=4)
    defaults = defaults_of(params, sweep)
    assert find_changes(MODEL, sweep, defaults, trials[0]) == []
    changes = find_changes(MODEL, sweep, defaults, trials[2])
    assert {each["key"] for each in changes} <= {f"models.{MODEL}.{key}" for key in SPACE}
    assert all(each["old"] != each["new"] for each in changes)


# Command


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], r"sweeps\.yaml: no sweep 'nothing', expected one of votes_mlp"),
        ([], r"sweeps\.yaml: no sweep '', expected one of votes_mlp"),
        ([MODEL, "--trials", "0"], "--trials: expected at least 1, found 0"),
        ([MODEL, "--apply"], r"sweeps/votes_mlp/patch\.yaml: no such file"),
    ],
)
def test_errors_of_the_command_are_one_line(
    project: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    del project
    monkeypatch.setattr("sys.argv", ["sweep", *arguments])
    with pytest.raises(UserError, match=message):
        command.main()


def test_a_change_of_the_model_or_data_is_noticed(
    project: Path, params: Params, sweep: Sweep
) -> None:
    before = command.make_settings(params, MODEL, sweep)
    more = sweep.model_copy(update={"trials": 99})
    assert command.make_settings(params, MODEL, more) == before
    folder = project / "data/processed/congressional_votes/train"
    folder.mkdir(parents=True)
    (folder / "x.npy").write_bytes(b"x")
    assert command.make_settings(params, MODEL, sweep)["data"] != before["data"]
    models = {**params.models, MODEL: make_variant(params, MODEL, {"network.dropout": 0.3})}
    changed = params.model_copy(update={"models": models})
    assert command.make_settings(changed, MODEL, sweep)[MODEL] != before[MODEL]


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "127.0.0.1:99999"])
def test_an_address_without_a_cluster_is_one_line(address: str) -> None:
    with pytest.raises(UserError, match=f"no Ray cluster at {address}: "):
        check_address(address)
    check_address("auto")
