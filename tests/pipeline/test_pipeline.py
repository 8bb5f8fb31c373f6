"""The reduced pipeline on the real data, through DVC itself."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from dvc.repo import Repo

from stages.config.load import load_params, read_yaml
from stages.core.files import flatten, read_json
from tests import reduced
from tests.pipeline.conftest import Project
from tests.pipeline.test_contracts import OVERLAYS, evaluated_by, models_with, trained_by

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
ANSWER = '''
import builtins, io, json, sys
import numpy as np
from PIL import Image

BLOCKED = tuple(
    f"stages.{name}" for name in ("learning", "pipelines", "datasets", "config", "tasks")
)
original = builtins.__import__
def guarded(name, *arguments, **options):
    if name.startswith(BLOCKED) or name.startswith("stages.networks") and name.endswith(".train"):
        raise AssertionError(f"{name} is training code")
    return original(name, *arguments, **options)
builtins.__import__ = guarded

from pathlib import Path
from stages.core.splits import load_raw, load_split
from stages.inference.bundle import load_bundle
from stages.inference.predict import predict

def raw_example(bundle, split):
    """Return a raw example of the test split and its encoded array."""
    encoding, x = bundle.spec["input"], split.x[3]
    match encoding["type"]:
        case "image":
            file = io.BytesIO()
            Image.fromarray(x).save(file, "PNG")
            return file.getvalue(), x
        case "text":
            return load_raw(bundle.spec["dataset"], "test", [3])[0]["text"], x
        case "table":
            row = {}
            for column, value in zip(encoding["columns"], x, strict=True):
                codes = {number: text for text, number in column.get("codes", {}).items()}
                number = None if np.isnan(value) else float(value)
                row[column["name"]] = codes.get(number, number)
            return row, x
        case "points":
            return x.tolist(), x
        case "pixel_coordinates":
            return {"row": int(x[0]), "column": int(x[1])}, x

def answer(name):
    bundle = load_bundle(Path("models") / name)
    task = bundle.spec["task"]
    if task in {"image_generation", "toy_generation"}:
        return len(next(iter(predict(bundle, {"seed": 1, "count": 3}).values()))) == 3
    if task == "language_modeling":
        raw = {"prompt": "Alice ", "length": 20, "temperature": 0.5, "seed": 1}
        return len(predict(bundle, raw)["text"]) == 20
    if task == "word_vectors":  # for a word, not for a text
        outputs = bundle.model.predict(np.arange(3), verbose=0)
        return all(np.isfinite(vectors).all() and len(vectors) == 3 for vectors in outputs.values())
    raw, x = raw_example(bundle, load_split(bundle.spec["dataset"], "test"))
    answered, outputs = predict(bundle, raw), bundle.model.predict(x[None], verbose=0)
    if task == "autoencoding":
        return np.abs(np.array(answered["latent"]) - outputs["mean"][0]).max() < 1e-5
    if task == "image_fitting":
        return np.abs(np.array(answered["color"]) - 255 * outputs[0]).max() <= 0.5 + 1e-3
    p = np.array(list(answered["probabilities"].values()))
    expected = outputs[0] if len(outputs[0]) > 1 else np.array([1 - outputs[0, 0], outputs[0, 0]])
    best = list(answered["probabilities"])[int(expected.argmax())]
    return answered["class"] == best and np.abs(p - expected / expected.sum()).max() < 1e-5

print(json.dumps({name: bool(answer(name)) for name in sys.argv[1:]}))
'''
Change = Callable[[str, Any], None]


@pytest.fixture
def restored(project: Path) -> Iterator[None]:
    """Restore the outputs after a test that runs stages."""
    yield
    output(project, "git", "checkout", "--quiet", ".")
    output(project, "dvc", "checkout", "--quiet")


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
    output(project, "git", "checkout", "--quiet", "params.yaml")


def output(folder: Path, *command: str) -> str:
    return subprocess.run(
        command, cwd=folder, env=reduced.environment(), capture_output=True, text=True, check=True
    ).stdout


def run(folder: Path, *stages: str) -> str:
    """Bring stages up to date, and return their output."""
    return reduced.run_pipeline(folder, *stages, stdout=subprocess.PIPE)


def stale(folder: Path) -> set[str]:
    """Return the stages that `dvc status` shows."""
    with Repo(str(folder)) as repo:
        # Names include the path from here.
        return {name.rpartition(":")[2] for name in repo.status()}


def test_every_stage_ran_and_none_runs_again(project: Path) -> None:
    for model in MODELS:
        for name in ("metrics.json", "details.json", "chart.csv", "plots"):
            assert (project / "reports" / model / name).exists()
    assert stale(project) == set()
    assert "Running" not in output(project, "dvc", "repro")
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


def test_the_page_shows_every_model_without_a_network(project: Path) -> None:
    page = (project / "reports/index.html").read_text()
    for model in MODELS:
        assert f'id="{model}"' in page
    benchmarks = read_json(project / "benchmarks/results.json")
    assert page.count("The course recipe, rerun:") == len(benchmarks.keys() & MODELS)
    assert 'src="http' not in page
    assert 'src="data:image/webp;base64,' in page


def test_the_page_reads_keys_that_stages_write(project: Path) -> None:
    templates = sorted((reduced.ROOT / "stages/page/templates").glob("*.jinja"))
    template = "".join(path.read_text() for path in templates)
    written = set[str]()
    for path in (project / "reports").glob("*/**/details.json"):
        content = read_json(path)  # that of a dataset is in a list
        details = content[0] if isinstance(content, list) else content
        written |= {*details, *details.get("data", {})}
    read = set(re.findall(r"(?:\.data|dataset\.report|\.details)\.(\w+)", template))
    assert {"final_samples", "operating_points", "num_params"} <= read
    assert read <= written


@pytest.fixture(scope="module")
def shown(project: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the views of each chart and image of `dvc plots show`."""
    printed = json.loads(output(project, "dvc", "plots", "show", "--json"))
    assert not printed.get("errors")
    views: dict[str, list[dict[str, Any]]] = printed["data"]
    return views


def test_plots_show_charts_and_images_of_every_model_and_no_empty_ones(
    shown: dict[str, list[dict[str, Any]]],
) -> None:
    charts = {name for name, views in shown.items() if not views or views[0]["type"] == "vega"}
    expected = {f"models/{model}/history.csv" for model in MODELS}
    expected |= {f"reports/{model}/chart.csv" for model in MODELS}
    assert charts == expected | set(OVERLAYS)
    for name in charts:
        (view,) = shown[name]
        assert view["content"]["data"]["values"], name
        assert view["content"]["title"]["text"].strip(": "), name


@pytest.mark.parametrize("chart", OVERLAYS)
def test_an_overlay_has_the_learning_curves_of_its_models(
    shown: dict[str, list[dict[str, Any]]], project: Path, chart: str
) -> None:
    values = shown[chart][0]["content"]["data"]["values"]
    for path, column in OVERLAYS[chart]["y"].items():
        name = path.removeprefix("models/")  # DVC removes what they have in common
        drawn = [row for row in values if row["filename"] == name]
        history = pd.read_csv(project / path)
        unit = history.columns[0]
        assert unit in {"epoch", "training_step"}
        for key in (unit, column):
            assert [float(row[key]) for row in drawn] == history[key].tolist()


def test_a_missing_history_leaves_the_other_charts(project: Path) -> None:
    path = project / "models/mnist_cnn/history.csv"
    hidden = path.rename(path.with_suffix(".hidden"))
    try:
        printed = json.loads(output(project, "dvc", "plots", "show", "--json"))
    finally:
        hidden.rename(path)
    values = printed["data"]["mnist_error"][0]["content"]["data"]["values"]
    drawn = {row["filename"] for row in values}
    assert "mnist_cnn/history.csv" not in drawn
    assert len(drawn) == len(OVERLAYS["mnist_error"]["y"]) - 1


def test_overlays_compare_two_revisions(project: Path) -> None:
    command = ("dvc", "plots", "diff", "HEAD~1", "HEAD", "--json", "--targets", "imdb_error")
    reduced.commit(project, "the same results again")
    printed = json.loads(output(project, *command))
    output(project, "git", "reset", "--quiet", "--soft", "HEAD~1")
    assert not printed.get("errors")
    (view,) = printed["data"]["imdb_error"]
    assert view["revisions"] == ["HEAD~1", "HEAD"]
    rows = view["content"]["data"]["values"]
    assert {(row["rev"], row["filename"]) for row in rows} == {
        (revision, path.removeprefix("models/"))
        for revision in ("HEAD~1", "HEAD")
        for path in OVERLAYS["imdb_error"]["y"]
    }


@pytest.mark.usefixtures("restored")
def test_overlays_make_no_stage_stale(project: Path) -> None:
    path = project / "dvc.yaml"
    stages, _, overlays = path.read_text().partition("\nplots:\n")
    assert "mnist_error" in overlays
    path.write_text(f"{stages}\n")
    assert stale(project) == set()


def test_the_page_of_all_charts_works_offline(project: Path) -> None:
    vega = project / ".venv/vega.js"  # stands for the real one
    vega.parent.mkdir()
    vega.write_text("window.vegaEmbed = () => {};")
    try:
        output(project, sys.executable, "-m", "stages.charts")
    finally:
        shutil.rmtree(vega.parent)
    page = (project / "dvc_plots/charts.html").read_text()
    assert page.count("vegaEmbed('#") == 2 * len(MODELS) + len(OVERLAYS)
    assert "<script>window.vegaEmbed = () => {};</script>" in page
    assert not re.findall(r"<(?:script|link|img)[^>]* (?:src|href)=(?!\"data:)", page)
    images = page.count('<img src="data:image/png;base64,')
    assert images == len(list((project / "reports").glob("**/plots/*.png")))


def test_metrics_are_printed_in_tables_without_empty_cells(project: Path) -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "stages.metrics_table"], cwd=project,
        input=output(project, "dvc", "metrics", "show", "--json"),
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    rows = re.findall(r"^\| (\w+) +\|(.*)\|$", printed, re.MULTILINE)
    assert {name for name, _ in rows} - {"model"} == set(MODELS)
    assert all(cell.strip() for _, cells in rows for cell in cells.split("|"))


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
    assert stale(project) - {"report"} == trained_by(*models) | evaluated_by(*models)


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
    assert stale(project) - {"report"} == trained_by("fashion_evaluator")
    output(project, "dvc", "repro", "--single-item", "train@fashion_evaluator")
    scored = {f"evaluate@{name}" for name in ("fashion_evaluator", "fashion_gan", "fashion_vae")}
    assert stale(project) - {"report"} == scored


@pytest.mark.usefixtures("restored")
def test_metrics_diff_shows_only_the_changed_model(project: Path, change: Change) -> None:
    change("models.votes_mlp.network.hidden_units", [4])
    trained = run(project)
    assert "[train@votes_mlp] epoch 1/" in trained
    shown = json.loads(output(project, "dvc", "metrics", "diff", "--json"))
    folder = "reports/votes_mlp"
    assert set(shown) == {f"{folder}/metrics.json", f"{folder}/cross_validation/metrics.json"}
    plots = json.loads(output(project, "dvc", "plots", "diff", "--json"))
    assert not plots.get("errors")
    output(project, "git", "checkout", "params.yaml")
    assert "epoch" not in run(project)  # the run-cache has it
    assert not output(project, "git", "status", "--porcelain")


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
    output(tmp_path, "git", "clone", "--quiet", str(ran.folder), str(clone))
    output(clone, "dvc", "cache", "dir", "--local", str(ran.folder / ".dvc/cache"))
    printed = run(clone, *RESTORED)
    for trace in ("epoch 1/", "test.accuracy"):  # of training, and of evaluation
        assert trace in ran.printed
        assert trace not in printed
    assert not output(clone, "git", "status", "--porcelain")


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


@pytest.fixture(scope="module")
def answers(project: Path) -> dict[str, bool]:
    done = subprocess.run(
        [sys.executable, "-c", ANSWER, *MODELS], cwd=project, env=reduced.environment(),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    answered: dict[str, bool] = json.loads(done.stdout.splitlines()[-1])
    return answered


@pytest.mark.parametrize("model", MODELS)
def test_a_stored_model_predicts_without_training_code(
    answers: dict[str, bool], model: str
) -> None:
    assert answers[model]
