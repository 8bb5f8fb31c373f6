"""The reduced pipeline on the real data, through DVC itself."""

import hashlib
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from stages import params
from tests import reduced

MODELS = params.load(reduced.ROOT / "params.yaml").models
RUN_TRAIN = "runpy.run_module('stages.train', run_name='__main__', alter_sys=True)"
TWICE = (
    "mnist_mlp", "votes_mlp", "imdb_gru", "fashion_vae", "fashion_gan", "alice_charrnn", "toy_xor",
)  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose reduced pipeline has run, and which is committed."""
    folder = tmp_path_factory.mktemp("project")
    reduced.copy_project(folder)
    reduced.dvc(folder, "repro")
    reduced.commit(folder, "results")
    return folder


@pytest.fixture
def changed(project: Path) -> Any:
    """Set a parameter for one test."""
    path = project / "params.yaml"

    def change(model: str, key: str, value: Any) -> None:
        values = params.read_yaml(path)
        values["models"][model][key] = value
        YAML().dump(values, path)

    yield change
    output(project, "git", "checkout", "--quiet", ".")
    output(project, "dvc", "checkout", "--quiet")


def output(folder: Path, *command: str) -> str:
    return subprocess.run(
        command, cwd=folder, env=reduced.environment(), capture_output=True, text=True, check=True
    ).stdout


def stale(folder: Path) -> set[str]:
    return set(json.loads(output(folder, "dvc", "status", "--json")))


def downstream(*models: str) -> set[str]:
    return {f"{stage}@{model}" for stage in ("train", "evaluate") for model in models}


def test_every_stage_ran_and_none_runs_again(project: Path) -> None:
    for model in MODELS:
        for name in ("metrics.json", "timing.json", "chart.csv", "plots/curves.png"):
            assert (project / "reports" / model / name).is_file()
    assert stale(project) == set()
    assert "Running" not in output(project, "dvc", "repro")


def test_the_page_shows_every_model_without_a_network(project: Path) -> None:
    page = (project / "reports/index.html").read_text()
    for model in MODELS:
        assert f'id="{model}"' in page
    assert "http://" not in page
    assert "https://" not in page
    assert 'src="data:image/png;base64,' in page


def test_plots_show_charts_and_pictures_of_every_model(project: Path) -> None:
    shown = json.loads(output(project, "dvc", "plots", "show", "--json"))
    assert not shown.get("errors")
    kinds = {name: views[0]["type"] for name, views in shown["data"].items() if views}
    for model in MODELS:
        assert kinds[f"models/{model}/history.csv"] == "vega"
        assert kinds[f"reports/{model}/chart.csv"] == "vega"
        assert kinds[f"reports/{model}/plots/curves.png"] == "image"
    charts = {Path(name).name for name, kind in kinds.items() if kind == "vega"}
    assert charts == {"history.csv", "chart.csv"}


@pytest.mark.parametrize(
    ("model", "key", "value"), [("mnist_cnn", "dropout", 0.25), ("fashion_vae", "kl_weight", 1.0)]
)
def test_a_changed_parameter_makes_its_model_stale_alone(
    project: Path, changed: Any, model: str, key: str, value: Any
) -> None:
    changed(model, key, value)
    assert stale(project) == downstream(model)


def test_a_text_of_ones_own_is_one_parameter(project: Path, changed: Any) -> None:
    del changed  # which puts everything back
    path = project / "params.yaml"
    values = params.read_yaml(path)
    (project / "data/own/mine.txt").write_text("Die Katze saß auf dem Dach und sang.\n" * 60)
    values["datasets"]["alice"] |= {"source": "data/own/mine.txt", "facts": {}}
    YAML().dump(values, path)
    output(project, "dvc", "repro", "evaluate@alice_charrnn")
    samples = json.loads((project / "reports/alice_charrnn/plots/samples.json").read_text())
    written = {letter for texts in samples["texts"].values() for letter in "".join(texts)}
    assert written <= set("Die Katze saß auf dem Dach und sang.\n")
    (project / "data/own/mine.txt").unlink()


def test_a_changed_classifier_makes_what_it_judges_stale(project: Path, changed: Any) -> None:
    changed("fashion_cnn", "epochs", 2)
    assert stale(project) == downstream("fashion_cnn")
    output(project, "dvc", "repro", "--single-item", "train@fashion_cnn")
    judged = {f"evaluate@{model}" for model in ("fashion_cnn", "fashion_gan", "fashion_vae")}
    assert stale(project) == judged | {"report"}  # which shows how long the training took


def test_a_changed_network_makes_its_models_stale_alone(project: Path) -> None:
    path = project / "stages/networks/recurrent.py"
    before = path.read_text()
    path.write_text(before + "\n# changed\n")
    assert stale(project) == downstream("imdb_lstm", "imdb_gru", "imdb_rnn")
    path.write_text(before)


def test_metrics_diff_shows_the_changed_model_alone(project: Path, changed: Any) -> None:
    changed("votes_mlp", "hidden_units", [4])
    output(project, "dvc", "repro")
    shown = json.loads(output(project, "dvc", "metrics", "diff", "--json"))
    assert set(shown) == {"reports/votes_mlp/metrics.json"}
    plots = json.loads(output(project, "dvc", "plots", "diff", "--json"))
    assert not plots.get("errors")


def test_one_model_needs_its_own_data_alone(tmp_path: Path) -> None:
    reduced.copy_project(tmp_path)
    output(tmp_path, "dvc", "repro", "train@votes_mlp", "evaluate@votes_mlp")
    downloaded = {path.name for path in (tmp_path / "data/raw").iterdir()}
    assert downloaded == {"congressional_votes"}
    assert (tmp_path / "reports/votes_mlp/metrics.json").is_file()


def test_the_same_twice_gives_the_same_bytes(project: Path) -> None:
    def results() -> dict[str, str]:
        names = [f"reports/{m}/metrics.json" for m in TWICE]
        names += [f"models/{m}/model.keras" for m in TWICE]
        return {name: hashlib.sha256((project / name).read_bytes()).hexdigest() for name in names}

    before = results()
    stages = sorted(downstream(*TWICE), reverse=True)
    output(project, "dvc", "repro", "--force", "--single-item", *stages)
    assert results() == before


def test_a_wrong_parameter_ends_the_pipeline_with_one_line(project: Path, changed: Any) -> None:
    changed("mnist_linear", "batch_size", "many")
    done = subprocess.run(
        ["dvc", "repro", "train@mnist_linear"],
        cwd=project, env=reduced.environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "error: params.yaml: models.mnist_linear.batch_size: " in done.stderr
    assert "Traceback" not in done.stderr


def test_an_interrupted_training_leaves_nothing_half_written(project: Path, changed: Any) -> None:
    changed("mnist_linear", "epochs", 10_000)
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
        if line.startswith("Epoch 3/"):
            break
    training.send_signal(signal.SIGINT)
    training.communicate(timeout=60)
    assert training.returncode == 130
    assert model.stat() == before
    assert not list(project.rglob(".partial-*"))
