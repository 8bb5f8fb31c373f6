"""What the results of the reduced pipeline show: page, charts, tables and predictions.

pytest collects this folder last: it needs the results that tests/pipeline makes.
"""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from stages.config.load import load_params
from stages.core.files import read_json
from tests import reduced
from tests.pipeline.test_contracts import OVERLAYS

PARAMS = load_params(reduced.ROOT / "params.yaml")
MODELS = PARAMS.models
STUDIES = {*PARAMS.studies, *dict(PARAMS.analyses), *PARAMS.transfer}
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
from stages.networks.seq2seq.decoding import decode_greedily
from stages.networks.seq2seq.tokens import decode_tokens

def raw_example(bundle, split):
    """Return a raw example of the test split and its encoded array."""
    encoding, x = bundle.spec["input"], split.x[3]
    match encoding["type"]:
        case "image":
            file = io.BytesIO()
            Image.fromarray(x).save(file, "PNG")
            return file.getvalue(), x
        case "text" | "character_sequence":
            return load_raw(bundle.spec["dataset"], "test", [3])[0]["text"], x
        case "table":
            row = {}
            for column, value in zip(encoding["columns"], x, strict=True):
                codes = {number: text for text, number in column.get("codes", {}).items()}
                number = None if np.isnan(value) else float(value)
                row[column["name"]] = codes.get(number, number)
            return row, x
        case "points" | "time_series":
            return x.tolist(), x
        case "pixel_coordinates":
            return {"row": int(x[0]), "column": int(x[1])}, x

def answer(name):
    bundle = load_bundle(Path("models") / name)
    task = bundle.spec["task"]
    if task in {"image_generation", "toy_generation", "drawing"}:
        return len(next(iter(predict(bundle, {"seed": 1, "count": 3}).values()))) == 3
    if task == "conditional_generation":
        raw = {"class": bundle.spec["classes"][-1], "seed": 1, "count": 3}
        return len(predict(bundle, raw)["images"]) == 3
    if task == "language_modeling":
        raw = {"prompt": "Alice ", "length": 20, "temperature": 0.5, "seed": 1}
        return len(predict(bundle, raw)["text"]) == 20
    if task == "word_vectors":
        raw = {"word": bundle.spec["input"]["vocabulary"][9], "count": 5}
        return len(predict(bundle, raw)["neighbors"]) == 5
    split = load_split(bundle.spec["dataset"], "test")
    raw, x = raw_example(bundle, split)
    answered = predict(bundle, raw)
    if task in {"translation", "captioning"}:
        ids, _ = decode_greedily(bundle.model, x[None], split.y.shape[1])
        tokens = decode_tokens(ids[0], bundle.spec["classes"])
        return answered["text"].startswith("".join(tokens[:1]))
    if task == "restoration":
        return np.shape(answered["restored"]) == x.shape
    outputs = bundle.model.predict(x[None], verbose=0)
    if task == "reconstruction":
        return np.abs(np.array(answered["reconstruction"]) - 255 * outputs[0]).max() <= 0.5 + 1e-2
    if task == "forecasting":
        return np.allclose(answered["forecast"], outputs[0], rtol=1e-5)
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
    printed = json.loads(reduced.output(project, "dvc", "plots", "show", "--json"))
    assert not printed.get("errors")
    views: dict[str, list[dict[str, Any]]] = printed["data"]
    return views


def test_plots_show_charts_and_images_of_every_model_and_no_empty_ones(
    shown: dict[str, list[dict[str, Any]]],
) -> None:
    charts = {name for name, views in shown.items() if not views or views[0]["type"] == "vega"}
    expected = {f"models/{model}/history.csv" for model in MODELS}
    expected |= {f"reports/{model}/chart.csv" for model in MODELS}
    expected |= {f"reports/studies/{study}/results.csv" for study in STUDIES}
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
        printed = json.loads(reduced.output(project, "dvc", "plots", "show", "--json"))
    finally:
        hidden.rename(path)
    values = printed["data"]["mnist_error"][0]["content"]["data"]["values"]
    drawn = {row["filename"] for row in values}
    assert "mnist_cnn/history.csv" not in drawn
    assert len(drawn) == len(OVERLAYS["mnist_error"]["y"]) - 1


def test_overlays_compare_two_revisions(project: Path) -> None:
    command = ("dvc", "plots", "diff", "HEAD~1", "HEAD", "--json", "--targets", "imdb_error")
    reduced.commit(project, "the same results again")
    printed = json.loads(reduced.output(project, *command))
    reduced.output(project, "git", "reset", "--quiet", "--soft", "HEAD~1")
    assert not printed.get("errors")
    (view,) = printed["data"]["imdb_error"]
    assert view["revisions"] == ["HEAD~1", "HEAD"]
    rows = view["content"]["data"]["values"]
    assert {(row["rev"], row["filename"]) for row in rows} == {
        (revision, path.removeprefix("models/"))
        for revision in ("HEAD~1", "HEAD")
        for path in OVERLAYS["imdb_error"]["y"]
    }


def test_the_page_of_all_charts_works_offline(project: Path) -> None:
    vega = project / ".venv/vega.js"  # stands for the real one
    vega.parent.mkdir()
    vega.write_text("window.vegaEmbed = () => {};")
    try:
        reduced.output(project, sys.executable, "-m", "stages.charts")
    finally:
        shutil.rmtree(vega.parent)
    page = (project / "dvc_plots/charts.html").read_text()
    assert page.count("vegaEmbed('#") == 2 * len(MODELS) + len(OVERLAYS) + len(STUDIES)
    assert "<script>window.vegaEmbed = () => {};</script>" in page
    assert not re.findall(r"<(?:script|link|img)[^>]* (?:src|href)=(?!\"data:)", page)
    images = page.count('<img src="data:image/png;base64,')
    assert images == len(list((project / "reports").glob("**/plots/*.png")))


def test_metrics_are_printed_in_tables_without_empty_cells(project: Path) -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "stages.metrics_table"], cwd=project,
        input=reduced.output(project, "dvc", "metrics", "show", "--json"),
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    rows = re.findall(r"^\| (\w+) +\|(.*)\|$", printed, re.MULTILINE)
    others = {"model", "drawn_digits"}  # a heading, and a stage about several models
    assert {name for name, _ in rows} - others == set(MODELS)
    assert all(cell.strip() for _, cells in rows for cell in cells.split("|"))


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


GUARD = "import builtins" + ANSWER.partition("import builtins")[2].partition("from pathlib")[0]
GUIDE = (reduced.ROOT / "docs/predict.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^python -m stages.predict (.+)$", GUIDE, re.MULTILINE)
COMMANDS = [command for command in COMMANDS if "PATH" not in command]


def predict(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m stages.predict` in an environment without training code."""
    code = f"{GUARD}\nimport runpy, sys\nsys.argv[:] = ['predict', *{shlex.split(command)!r}]\n"
    code += "runpy.run_module('stages.predict', run_name='__main__', alter_sys=False)"
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=reduced.environment(),
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_guide_answers(project: Path, command: str) -> None:
    done = predict(project, command)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip()
    for name in re.findall(r"--output (\S+)", command):
        assert (project / name).stat().st_size > 500
        (project / name).unlink()  # other tests expect a clean project


def test_a_copied_model_answers_without_the_project(project: Path, tmp_path: Path) -> None:
    shutil.copytree(project / "models/mnist_cnn", tmp_path / "copied")
    shutil.copytree(project / "stages", tmp_path / "stages")
    (tmp_path / "damaged.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    photograph = reduced.ROOT / "docs/examples/board.jpg"
    done = predict(tmp_path, f"copied --json {photograph} damaged.png")
    (line,) = done.stdout.splitlines()
    assert set(json.loads(line)["probabilities"]) == set("0123456789")
    assert done.stderr.splitlines()[-1].startswith("error: damaged.png: ")
    assert len(done.stderr.splitlines()) == 1
    assert done.returncode == 1


def test_every_classifier_but_those_trained_on_the_validation_split_is_calibrated(
    project: Path,
) -> None:
    classifiers = {name for name, model in MODELS.items() if model.task == "classification"}
    assert set(PARAMS.calibration) == {
        name for name in classifiers if MODELS[name].network.name != "ngrams"
    }
    for name in PARAMS.calibration:
        calibration = read_json(project / f"models/{name}/calibration.json")
        validation = calibration["validation"]
        assert validation["loss"] <= validation["loss_before"] + 1e-4
        assert 0 < calibration["threshold"] <= 1
