"""Captions, and the templates of `dvc plots`."""

import importlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.config.load import read_yaml
from stages.tasks.autoencoding.evaluate import chart_points
from stages.tasks.captioning.evaluate import accuracy_by_length
from stages.tasks.conditional_generation import evaluate as conditional_generation
from stages.tasks.drawing.evaluate import Losses
from stages.tasks.drawing.evaluate import tabulate as tabulate_losses
from stages.tasks.forecasting.evaluate import error_by_horizon
from stages.tasks.image_fitting.evaluate import psnr_by_step
from stages.tasks.image_generation.evaluate import tabulate
from stages.tasks.interface import Caption, Evaluation
from stages.tasks.language_modeling.text import nll_by_position
from stages.tasks.reconstruction import evaluate as reconstruction
from stages.tasks.saving import describe_figures
from stages.tasks.toy_classification.evaluate import surface_table
from stages.tasks.toy_classification.plots import Surfaces
from stages.tasks.toy_generation.evaluate import point_table

TEMPLATES = Path("stages/page/charts")
POINTS, ONE = np.zeros((1, 2)), np.array([1.0])
CHARTS: dict[str, Any] = {
    "classification": ["actual", "predicted", "count"],
    "autoencoding": chart_points(POINTS, np.array([0]), ["a"]),
    "conditional_generation": conditional_generation.tabulate(["a"], ONE, ONE),
    "reconstruction": reconstruction.tabulate({"pixels": {"cluster_accuracy": 0.5}}),
    "restoration": ["method", "psnr"],
    "drawing": tabulate_losses(Losses(np.ones((1, 2)), np.ones((1, 2)))),
    "image_generation": tabulate(["a"], ONE, ONE),
    "language_modeling": nll_by_position("a", ONE),
    "image_fitting": psnr_by_step(np.zeros((0, 1, 1, 3)), np.array([]), {}).reindex(
        columns=["training_step", "psnr", "split"]
    ),
    "translation": ["format", "accuracy", "examples", "wrong"],
    "captioning": accuracy_by_length(np.array([1]), np.array([True])),
    "forecasting": error_by_horizon({"naive": POINTS}, POINTS),
    "word_vectors": ["category", "questions", "accuracy", "accuracy_top_5"],
    "toy_classification": surface_table(Surfaces(POINTS, np.zeros((1, 1)), ONE)),
    "toy_generation": point_table(POINTS, POINTS),
}
HISTORY = [
    "loss", "accuracy", "reconstruction_loss", "kl_loss", "class_loss", "generator_loss",
    "discriminator_loss", "discriminator_accuracy",
]  # fmt: skip
PRIVATE = r"\b(judge|picture|taken for|called|promised|colour|mistakes?|surprise[ds]?|share)\b"


WITHOUT_CHART = ["exploration"]


def captions(task: str) -> dict[str, Caption]:
    return importlib.import_module(f"stages.tasks.{task}.captions").CAPTIONS


@pytest.mark.parametrize("task", [*CHARTS, *WITHOUT_CHART])
def test_captions_are_a_title_and_one_sentence(task: str) -> None:
    for name, caption in captions(task).items():
        assert caption.title[0].isupper(), name
        assert not caption.title.endswith("."), name
        assert caption.description[0].isupper(), name
        assert caption.description.endswith("."), name
        assert caption.description.count(". ") == 0, name
        assert not re.search(PRIVATE, " ".join(caption)), name


def test_captions_of_different_tasks_may_differ_under_one_name() -> None:
    titles = {captions(task)["learning_curves"].title for task in CHARTS}
    assert len(titles) >= 5
    assert "accuracy" not in captions("autoencoding")["learning_curves"].title


def test_figures_are_described_with_their_summaries_in_the_order_of_captions() -> None:
    known = {name: Caption(name.upper(), "Look.") for name in "abc"}
    evaluation = Evaluation({}, point_table(POINTS, POINTS), {}, summaries={"c": "So."})
    evaluation.figures, evaluation.animations = {"c": None}, {"a": []}  # type: ignore[dict-item]
    assert describe_figures(evaluation, known) == {
        "a": {"title": "A", "description": "Look.", "summary": ""},
        "c": {"title": "C", "description": "Look.", "summary": "So."},
    }
    assert list(describe_figures(evaluation, known)) == ["a", "c"]


def test_every_task_has_a_template_and_every_template_a_task() -> None:
    tasks = {path.parent.name for path in Path("stages/tasks").glob("*/evaluate.py")}
    assert tasks == set(CHARTS)
    charts = read_yaml(Path("dvc.yaml"))["plots"]
    overlays = {Path(chart["template"]).stem for item in charts for chart in item.values()}
    others = {"history", "study"}
    assert {path.stem for path in TEMPLATES.glob("*.json")} == tasks | overlays | others


@pytest.mark.parametrize("name", [*CHARTS, "history"])
def test_a_template_has_the_anchors_of_dvc(name: str) -> None:
    template = json.loads((TEMPLATES / f"{name}.json").read_text(encoding="utf-8"))
    assert template["data"] == {"values": "<DVC_METRIC_DATA>"}
    assert template["title"]["text"] == "<DVC_METRIC_TITLE>"
    assert "vega-lite" in template["$schema"]


@pytest.mark.parametrize("name", CHARTS)
def test_the_fields_of_a_template_are_columns_of_the_chart(name: str) -> None:
    columns = set(CHARTS[name])
    assert "step" not in columns  # DVC overwrites it
    used = fields(json.loads((TEMPLATES / f"{name}.json").read_text(encoding="utf-8")))
    assert columns <= used["read"]
    assert used["read"] <= columns | used["computed"] | {"rev"}


def test_the_history_template_shows_all_learning_curves() -> None:
    template = json.loads((TEMPLATES / "history.json").read_text(encoding="utf-8"))
    folded = template["transform"][0]["fold"]
    assert {name.removeprefix("val_") for name in folded} == set(HISTORY)
    assert {name for name in folded if name.startswith("val_")} == {
        f"val_{name}"
        for name in ("loss", "accuracy", "reconstruction_loss", "kl_loss", "class_loss")
    }
    used = fields(template)
    assert used["read"] <= used["computed"] | {"rev", "epoch", "training_step"}
    assert template["facet"]["row"]["field"] == "revision"


def fields(node: Any) -> dict[str, set[str]]:
    """The fields that a template reads, and those that its transforms compute."""
    found: dict[str, set[str]] = {"read": set(), "computed": set()}
    if isinstance(node, list):
        parts = [fields(item) for item in node]
    elif isinstance(node, dict):
        parts = [fields(value) for value in node.values()]
        names = node.get("as", [])
        found["computed"] |= {names} if isinstance(names, str) else set(names)
        found["read"] |= {node["field"]} if isinstance(node.get("field"), str) else set()
        found["read"] |= set(node.get("groupby", []))
        for text in (node.get("calculate"), node.get("filter"), node.get("test")):
            found["read"] |= set(re.findall(r"datum\.(\w+)", text or ""))
    else:
        parts = []
    for part in parts:
        for key, names in part.items():
            found[key] |= names
    return found
