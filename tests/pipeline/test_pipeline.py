"""The reduced pipeline on the real data, through DVC itself."""

import hashlib
import json
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

PARAMS = load_params(reduced.ROOT / "params.yaml")
MODELS = PARAMS.models
RUN_TRAIN = "runpy.run_module('stages.train', run_name='__main__', alter_sys=True)"
TWICE = (
    "mnist_mlp", "votes_mlp", "imdb_gru", "fashion_vae", "fashion_gan", "alice_charrnn", "toy_xor",
)  # fmt: skip
Change = Callable[[str, Any], None]


@pytest.fixture
def change(project: Path) -> Iterator[Change]:
    """Set parameters for one test."""

    def set_value(key: str, value: Any) -> None:
        values = read_yaml(project / "params.yaml")
        *path, last = key.split(".")
        section = values
        for part in path:
            section = section[part]
        section[last] = value
        reduced.write_params(project, values)

    yield set_value
    output(project, "git", "checkout", "--quiet", ".")
    output(project, "dvc", "checkout", "--quiet")


def output(folder: Path, *command: str) -> str:
    return subprocess.run(
        command, cwd=folder, env=reduced.environment(), capture_output=True, text=True, check=True
    ).stdout


def stale(folder: Path) -> set[str]:
    return set(json.loads(output(folder, "dvc", "status", "--json")))


def downstream(*models: str) -> set[str]:
    """The stages that run again when the training of models may differ."""
    trained = {f"{stage}@{model}" for stage in ("train", "evaluate") for model in models}
    return trained | {
        f"cross_validate@{model}" for model in models if model in PARAMS.cross_validation
    }


def models_with(**wanted: str) -> list[str]:
    """The models of a network, pipeline or task."""
    found = []
    for name, model in MODELS.items():
        has = {
            "network": model.network.name,
            "pipeline": model.training.input_pipeline,
            "task": model.task,
        }
        if all(has[key] == value for key, value in wanted.items()):
            found.append(name)
    return found


def test_every_stage_ran_and_none_runs_again(project: Path) -> None:
    for model in MODELS:
        for name in ("metrics.json", "details.json", "chart.csv", "plots"):
            assert (project / "reports" / model / name).exists()
    assert stale(project) == set()
    assert "Running" not in output(project, "dvc", "repro")


@pytest.mark.parametrize(
    ("metric", "lowest"),
    [
        ("reports/mnist_mlp/metrics.json:test.accuracy", 0.5),
        ("reports/mnist_mlp2/metrics.json:test.accuracy", 0.5),
        ("reports/votes_mlp/metrics.json:test.accuracy", 0.75),
        ("reports/votes_mlp/cross_validation/metrics.json:cv.accuracy", 0.75),
        ("reports/masses_mlp/cross_validation/metrics.json:cv.roc_auc", 0.6),
        ("reports/toy_circle/metrics.json:test.accuracy", 0.6),
    ],
)
def test_even_reduced_models_learn_something(project: Path, metric: str, lowest: float) -> None:
    name, key = metric.split(":")
    assert flatten(read_json(project / name))[key] > lowest


def test_the_page_shows_every_model_without_a_network(project: Path) -> None:
    page = (project / "reports/index.html").read_text()
    for model in MODELS:
        assert f'id="{model}"' in page
    assert 'src="http' not in page
    assert 'src="data:image/png;base64,' in page


def test_plots_show_charts_and_images_of_every_model_and_no_empty_ones(project: Path) -> None:
    shown = json.loads(output(project, "dvc", "plots", "show", "--json"))
    assert not shown.get("errors")
    kinds = {name: views[0]["type"] for name, views in shown["data"].items() if views}
    for model in MODELS:
        assert kinds[f"models/{model}/history.csv"] == "vega"
        assert kinds[f"reports/{model}/chart.csv"] == "vega"
    charts = {Path(name).name for name, kind in kinds.items() if kind == "vega"}
    assert charts == {"history.csv", "chart.csv"}


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("models.mnist_cnn.network.dropout", 0.25, downstream("mnist_cnn")),
        ("models.fashion_vae.training.kl_weight", 1.0, downstream("fashion_vae")),
        ("models.fashion_vae.evaluation.seed", 2, {"evaluate@fashion_vae"}),
        ("models.fashion_gan.evaluation.evaluator", "fashion_cnn", {"evaluate@fashion_gan"}),
        ("models.mnist_cnn.report.title", "A network", {"report"}),
        ("cross_validation.votes_mlp.folds", 3, {"cross_validate@votes_mlp", "report"}),
    ],
)
def test_a_changed_parameter_makes_stale_what_reads_it_alone(
    project: Path, change: Change, key: str, value: Any, expected: set[str]
) -> None:
    change(key, value)
    assert stale(project) - {"report"} == expected - {"report"}


def test_a_comment_in_the_parameters_runs_nothing(project: Path, change: Change) -> None:
    del change  # which restores the file
    path = project / "params.yaml"
    path.write_text("# a comment\n" + path.read_text())
    assert stale(project) == set()


@pytest.mark.parametrize(
    ("module", "models"),
    [
        ("networks/toy_mlp/train.py", models_with(network="toy_mlp")),
        ("networks/text_rnn/train.py", models_with(network="text_rnn")),
        ("networks/char_rnn/train.py", models_with(network="char_rnn")),
        ("networks/cnn/train.py", models_with(network="cnn")),
        ("pipelines/images.py", models_with(pipeline="images")),
        ("pipelines/texts.py", models_with(pipeline="texts")),
        ("learning/optimizers.py", list(MODELS)),
    ],
)
def test_a_changed_module_makes_stale_the_models_that_use_it_alone(
    project: Path, module: str, models: list[str]
) -> None:
    path = project / "stages" / module
    before = path.read_text()
    path.write_text(before + "\n# changed\n")
    try:
        assert stale(project) - {"report"} == downstream(*models)
    finally:
        path.write_text(before)


@pytest.mark.parametrize(
    "module",
    ["encoding/image.py", "metrics/classification.py", "tasks/classification/evaluate.py",
     "plots/style.py", "page/render.py", "inference/predict.py", "datasets/common.py"],
)  # fmt: skip
def test_a_module_that_no_training_uses_retrains_nothing(project: Path, module: str) -> None:
    path = project / "stages" / module
    before = path.read_text()
    path.write_text(before + "\n# changed\n")
    try:
        changed = stale(project)
        assert changed
        assert not {name for name in changed if name.startswith("train@")}
    finally:
        path.write_text(before)


def test_a_text_of_your_own_is_one_parameter(project: Path, change: Change) -> None:
    text = "Die Katze saß auf dem Dach und sang.\n" * 60
    (project / "data/own/mine.txt").write_text(text)
    change("datasets.alice.source", "data/own/mine.txt")
    change("datasets.alice.expected", {})
    output(project, "dvc", "repro", "evaluate@alice_charrnn")
    spec = read_json(project / "models/alice_charrnn/spec.json")
    assert set(spec["input"]["vocabulary"]) == set(text)
    (project / "data/own/mine.txt").unlink()


def test_a_changed_evaluator_makes_stale_what_it_scores(project: Path, change: Change) -> None:
    change("models.fashion_evaluator.training.epochs", 2)
    assert stale(project) - {"report"} == downstream("fashion_evaluator")
    output(project, "dvc", "repro", "--single-item", "train@fashion_evaluator")
    scored = {f"evaluate@{name}" for name in ("fashion_evaluator", "fashion_gan", "fashion_vae")}
    assert stale(project) - {"report"} == scored


def test_metrics_diff_shows_the_changed_model_alone(project: Path, change: Change) -> None:
    change("models.votes_mlp.network.hidden_units", [4])
    output(project, "dvc", "repro")
    shown = json.loads(output(project, "dvc", "metrics", "diff", "--json"))
    folder = "reports/votes_mlp"
    assert set(shown) == {f"{folder}/metrics.json", f"{folder}/cross_validation/metrics.json"}
    plots = json.loads(output(project, "dvc", "plots", "diff", "--json"))
    assert not plots.get("errors")
    output(project, "git", "checkout", "params.yaml")
    restored = output(project, "dvc", "repro")
    assert "is cached - skipping run" in restored
    assert "Running stage 'train@" not in restored


def test_one_model_needs_its_own_data_alone(tmp_path: Path) -> None:
    reduced.copy_project(tmp_path)
    output(tmp_path, "dvc", "repro", "evaluate@votes_mlp")
    downloaded = {path.name for path in (tmp_path / "data/raw").iterdir()}
    assert downloaded == {"congressional_votes"}
    assert (tmp_path / "reports/votes_mlp/metrics.json").is_file()


def test_the_same_twice_gives_the_same_bytes(project: Path) -> None:
    names = [f"models/{model}/{name}" for model in TWICE for name in
             ("model.keras", "snapshots.npz", "spec.json", "history.csv")]  # fmt: skip
    names += [f"reports/{model}/metrics.json" for model in TWICE] + ["dvc.lock"]

    def hashes() -> dict[str, str]:
        return {name: hashlib.sha256((project / name).read_bytes()).hexdigest() for name in names}

    before = hashes()
    stages = sorted(f"{kind}@{model}" for kind in ("train", "evaluate") for model in TWICE)
    output(project, "dvc", "repro", "--force", "--single-item", *reversed(stages))
    assert hashes() == before
    assert not output(project, "git", "status", "--porcelain")


def test_a_clone_with_the_same_cache_trains_nothing(project: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    output(tmp_path, "git", "clone", "--quiet", str(project), str(clone))
    output(clone, "dvc", "cache", "dir", "--local", str(project / ".dvc/cache"))
    ran = output(clone, "dvc", "repro")
    assert "Running stage 'train@" not in ran
    assert "Running stage 'evaluate@" not in ran
    assert not output(clone, "git", "status", "--porcelain")


def test_a_wrong_parameter_ends_the_pipeline_with_one_line(project: Path, change: Change) -> None:
    change("models.mnist_linear.training.batch_size", "many")
    done = subprocess.run(
        ["dvc", "repro", "train@mnist_linear"],
        cwd=project, env=reduced.environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "error: params.yaml: models.mnist_linear.training.batch_size: " in done.stderr
    assert "Traceback" not in done.stderr


def test_status_beside_a_run_does_not_end_it(project: Path) -> None:
    command = ["dvc", "--wait-for-lock", "repro", "--force", "--single-item", "train@toy_circle"]
    with subprocess.Popen(command, cwd=project, env=reduced.environment()) as run:
        output(project, "dvc", "--wait-for-lock", "status", "train@toy_circle")
        assert run.wait(timeout=120) == 0


def test_an_interrupted_training_leaves_nothing_half_written(project: Path, change: Change) -> None:
    change("models.mnist_linear.training.epochs", 10_000)
    model = project / "models/mnist_linear/model.keras"
    before = model.stat()
    # A process started in the background ignores interruptions, and so would its child.
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
