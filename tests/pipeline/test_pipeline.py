"""The reduced pipeline on the real data, through DVC itself."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stages.config.load import load_params, read_yaml
from stages.core.files import flatten, read_json
from tests import reduced
from tests.conftest import Project
from tests.pipeline.test_contracts import evaluated_by, models_with, trained_by

PARAMS = load_params(reduced.ROOT / "params.yaml")
MODELS = PARAMS.models
RUN_TRAIN = "runpy.run_module('stages.train', run_name='__main__', alter_sys=True)"
TWICE = (
    "train@mnist_mlp", "train@votes_mlp", "train@imdb_gru", "train@fashion_gan",
    "train@alice_charrnn", "evaluate@fashion_vae", "evaluate@fashion_cnn", "evaluate@toy_xor",
)  # fmt: skip
RESTORED = (
    "evaluate@mnist_mlp", "evaluate@imdb_gru", "evaluate@fashion_gan", "evaluate@alice_charrnn",
    "evaluate@toy_xor", "cross_validate@votes_mlp",
)  # fmt: skip
READERS_OF_ALL = {"report", "model_cards"}
Change = Callable[[str, Any], None]


@pytest.fixture
def restored(project: Path) -> Iterator[None]:
    """Restore the outputs after a test that runs stages."""
    yield
    reduced.output(project, "git", "checkout", "--quiet", ".")
    reduced.output(project, "dvc", "checkout", "--quiet")


@pytest.fixture
def change(project: Path) -> Iterator[Change]:
    """Set parameters for one test."""

    def set_value(key: str, value: Any) -> None:
        reduced.change_param(project, key, value)

    yield set_value
    reduced.output(project, "git", "checkout", "--quiet", "params.yaml")


def run(folder: Path, *stages: str) -> str:
    """Bring stages up to date, and return their output."""
    return reduced.run_pipeline(folder, *stages, stdout=subprocess.PIPE)


def stale(folder: Path) -> set[str]:
    """Return the stages that `dvc status` shows."""
    return set(json.loads(reduced.output(folder, "dvc", "status", "--json")))


def test_every_stage_ran_and_none_runs_again(project: Path) -> None:
    for model in MODELS:
        for name in ("metrics.json", "details.json", "chart.csv", "plots"):
            assert (project / "reports" / model / name).exists()
    assert stale(project) == set()
    assert "Running" not in reduced.output(project, sys.executable, "-m", "dvc", "repro")
    assert "up to date" in run(project)


@pytest.mark.parametrize(
    ("metric", "lowest"),
    [
        ("reports/mnist_mlp/metrics.json:test.accuracy", 0.5),
        ("reports/mnist_mlp2/metrics.json:test.accuracy", 0.5),
        ("reports/votes_mlp/metrics.json:test.accuracy", 0.75),
        ("reports/votes_mlp/cross_validation/metrics.json:cv.accuracy", 0.75),
        ("reports/masses_mlp/cross_validation/metrics.json:cv.roc_auc", 0.6),
        ("reports/toy_circle/metrics.json:test.accuracy", 0.6),
        ("reports/baselines/mnist/metrics.json:kernel_svm.test_accuracy", 0.6),
        ("reports/baselines/congressional_votes/metrics.json:kernel_svm.cv_accuracy", 0.9),
    ],
)
def test_even_reduced_models_learn_something(project: Path, metric: str, lowest: float) -> None:
    name, key = metric.split(":")
    assert flatten(read_json(project / name))[key] > lowest


@pytest.mark.usefixtures("restored")
def test_overlays_make_no_stage_stale(project: Path) -> None:
    path = project / "dvc.yaml"
    stages, _, overlays = path.read_text().partition("\nplots:\n")
    assert "mnist_error" in overlays
    path.write_text(f"{stages}\n")
    assert stale(project) == set()


def test_a_comment_in_the_parameters_makes_nothing_stale(project: Path, change: Change) -> None:
    del change  # which restores the file
    path = project / "params.yaml"
    path.write_text("# a comment\n" + path.read_text())
    assert stale(project) == set()


@pytest.mark.usefixtures("restored")
def test_a_changed_network_makes_only_its_models_stale(project: Path) -> None:
    with (project / "stages/networks/toy_mlp/train.py").open("a") as file:
        file.write("\n# changed\n")
    models = models_with(network="toy_mlp")
    assert stale(project) - READERS_OF_ALL == trained_by(*models) | evaluated_by(*models)


@pytest.mark.usefixtures("restored")
def test_a_text_of_your_own_is_one_parameter(project: Path, change: Change) -> None:
    text = "Die Katze saß auf dem Dach und sang.\n" * 60
    (project / "data/own/mine.txt").write_text(text)
    change("datasets.alice.source", "data/own/mine.txt")
    change("datasets.alice.expected", {})
    run(project, "evaluate@alice_charrnn")
    spec = read_json(project / "models/alice_charrnn/spec.json")
    assert set(spec["input"]["vocabulary"]) == set(text)
    (project / "data/own/mine.txt").unlink()


@pytest.mark.usefixtures("restored")
def test_a_changed_evaluator_makes_the_models_that_it_evaluates_stale(
    project: Path, change: Change
) -> None:
    change("models.fashion_evaluator.training.epochs", 2)
    assert stale(project) - READERS_OF_ALL == trained_by("fashion_evaluator")
    reduced.output(project, "dvc", "repro", "--single-item", "train@fashion_evaluator")
    names = ("fashion_evaluator", "fashion_cvae", "fashion_gan", "fashion_vae")
    scored = {f"evaluate@{name}" for name in names} | {"calibrate@fashion_evaluator"}
    assert stale(project) - READERS_OF_ALL == scored


def test_one_model_needs_only_its_own_data(tmp_path: Path) -> None:
    reduced.copy_project(tmp_path)
    run(tmp_path, "evaluate@votes_mlp")
    downloaded = {path.name for path in (tmp_path / "data/raw").iterdir()}
    assert downloaded == {"congressional_votes"}
    assert (tmp_path / "reports/votes_mlp/metrics.json").is_file()


@pytest.fixture
def one_core() -> Iterator[None]:
    """Use one core for processes of the test, if the system supports it."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    yield
    os.sched_setaffinity(0, cores)


@pytest.mark.usefixtures("one_core")
def test_a_rerun_is_byte_for_byte_identical_on_any_number_of_cores(project: Path) -> None:
    command = [sys.executable, "-m", "stages.verify", *TWICE]
    done = subprocess.run(
        command, cwd=project, env=reduced.environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:]
    for stage in TWICE:
        kind, _, model = stage.partition("@")
        path = f"models/{model}/model.keras" if kind == "train" else f"reports/{model}/metrics.json"
        assert f"same       {path}  ({stage})" in done.stdout


def test_a_clone_with_the_same_cache_trains_and_evaluates_nothing(
    ran: Project, tmp_path: Path
) -> None:
    clone = tmp_path / "clone"
    reduced.output(tmp_path, "git", "clone", "--quiet", str(ran.folder), str(clone))
    reduced.output(clone, "dvc", "cache", "dir", "--local", str(ran.folder / ".dvc/cache"))
    printed = run(clone, *RESTORED)
    for trace in ("epoch 1/", "test.accuracy"):  # of training, and of evaluation
        assert trace in ran.printed
        assert trace not in printed
    assert not reduced.output(clone, "git", "status", "--porcelain")


@pytest.mark.usefixtures("restored")
def test_an_invalid_parameter_ends_the_pipeline_with_one_line(
    project: Path, change: Change
) -> None:
    change("models.mnist_linear.training.batch_size", "many")
    done = subprocess.run(
        ["dvc", "repro", "train@mnist_linear"],
        cwd=project, env=reduced.environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "error: params.yaml: models.mnist_linear.training.batch_size: " in done.stderr
    assert "Traceback" not in done.stderr


def test_status_during_a_run_does_not_abort_it(project: Path) -> None:
    command = ["dvc", "--wait-for-lock", "repro", "--force", "--single-item", "train@toy_circle"]
    seen = 0
    with subprocess.Popen(command, cwd=project, env=reduced.environment()) as training:
        while training.poll() is None:
            subprocess.run(  # DVC may reject it, since the outputs are being written
                ["dvc", "--wait-for-lock", "status"],
                cwd=project, env=reduced.environment(), capture_output=True, check=False,
            )  # fmt: skip
            seen += 1
    assert training.returncode == 0
    assert seen > 1


def test_an_interrupted_training_run_leaves_no_partial_output(
    project: Path, change: Change
) -> None:
    change("models.mnist_linear.training.epochs", 10_000)
    model = project / "models/mnist_linear/model.keras"
    before = model.stat()
    # A background process ignores interrupts, and so would its child.
    listening = "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    training = subprocess.Popen(
        [sys.executable, "-uc", listening + RUN_TRAIN, "mnist_linear"],
        cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert training.stdout
    for line in training.stdout:
        if line.startswith("epoch 3/"):
            break
    training.send_signal(signal.SIGINT)
    training.communicate(timeout=60)
    assert training.returncode == 130
    assert model.stat() == before
    assert not list(project.rglob(".partial-*"))


def test_a_dataset_a_model_and_a_study_are_added_as_the_readme_says(
    project: Path, tmp_path: Path
) -> None:
    reduced.copy_project(tmp_path)
    values = read_yaml(tmp_path / "params.yaml")
    values["downloads"] |= {"my_data": values["downloads"]["congressional_votes"]}
    values["downloads"]["my_data"]["urls"] = [(tmp_path / "public").as_uri()]
    values["datasets"]["my_data"] = values["datasets"]["congressional_votes"] | {
        "source": "data/raw/my_data"
    }
    model = values["models"]["votes_mlp"]
    report = model["report"] | {"metric": "test.accuracy"}  # without a cross-validation
    values["models"]["my_model"] = model | {"dataset": "my_data", "report": report}
    values["studies"]["my_study"] = values["studies"]["masses_size"] | {
        "model": "my_model",
        "dataset": "my_data",
        "grid": {"network.hidden_units": [[], [4]]},
    }
    reduced.write_params(tmp_path, json.loads(json.dumps(values)))  # without YAML aliases
    shutil.copytree(project / "data/raw/congressional_votes", tmp_path / "public")
    run(tmp_path, "evaluate@my_model", "study@my_study")
    assert read_json(tmp_path / "reports/my_model/metrics.json")["test"]["accuracy"] > 0.6
    (study,) = read_json(tmp_path / "reports/studies/my_study/details.json")
    assert [result["variant"] for result in study["results"]] == ["none", "4"]
    assert " is best: " in study["finding"]
