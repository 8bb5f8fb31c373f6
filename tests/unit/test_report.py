import base64
import gzip
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import BaseModel, TypeAdapter

from stages import report
from stages.config.load import load_params
from stages.config.schema import AnyModel
from stages.core.files import write_json
from stages.page import captions, render, results
from stages.page.captions import Caption
from stages.page.recipes import Recipe
from stages.page.results import read_details
from stages.plots.style import save_animation

ROOT = Path(__file__).parents[2]
ANY_MODEL: TypeAdapter[Any] = TypeAdapter(AnyModel)
ROW = {
    "title": "A model",
    "metric": "test.accuracy",
    "unit": "%",
    "direction": "maximize",
    "course": 0.9,
    "course_source": "a notebook",
    "target": 0.94,
}
BASELINE: dict[str, Any] = {
    "recorded": "2026-11-21",
    "machine": {
        "processor": "Some CPU",
        "instructions": ["AVX2", "AMX BF16"],
        "cores": 2,
        "system": "Linux x86_64",
    },
    "versions": {"python": "3.11.7", "tensorflow": "2.21.0"},
    "models": {
        "a_model": {
            "train_seconds": 75.2,
            "examples_per_second": 12345.6,
            "epochs": 3,
            "precision": "float32",
            "processor": "x86_64 amx_bf16",
            "metrics": {"test.accuracy": 0.95, "test.loss": 0.25},
        }
    },
}
POINT = {
    "max_false_negative_rate": None,
    "threshold": 0.5,
    "false_negatives": 1,
    "positives": 4,
    "false_negative_rate": 0.25,
    "false_positives": 2,
    "negatives": 20,
    "false_positive_rate": 0.1,
}
ERROR = {
    "example": 7,
    "actual": "no",
    "predicted": "yes",
    "probability": 0.9,
    "text": "<script>alert()</script>",
    "path": "test/neg/1_1.txt",
}


@pytest.fixture(autouse=True)
def _images_are_kept_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "ENCODED", tmp_path / "encoded")


def language(text: str) -> dict[str, Any]:
    return {
        "samples": {"epochs": [0, 1, 2], "texts": {"0.7": ["xq"] * 3}},
        "final_samples": {"texts": {"0.7": text}, "in_vocabulary_fraction": {"0.7": 0.97}},
    }


RECIPE = Recipe(
    network={"name": "mlp", "hidden_units": [8], "activation": "relu", "dropout": 0.0},
    training={
        "input_pipeline": "images",
        "epochs": 3,
        "batch_size": 32,
        "optimizer": {"name": "adam", "learning_rate": 0.01, "schedule": "constant"},
    },
    preprocess={},
    num_params=7850,
)


def figure(url: str, **changes: Any) -> render.Figure:
    return render.Figure(f"data:image/png;base64,{url}", 8, 6, "Title", "Text.")._replace(**changes)


def model(**changes: Any) -> render.ModelPage:
    return render.ModelPage(
        id="a_model",
        dataset="mnist",
        row=ROW,
        details={"num_params": 7850, "epochs": 3, "steps": None},
        metrics={"test.accuracy": 0.95, "test.loss": 0.25},
        figures={"history": figure("AAAA")},
        seed_results=[0.948, 0.951],
        cv_details={},
        cv_figures={},
        benchmark={},
        recipe=RECIPE,
        course_recipe={},
    )._replace(**changes)


DATASET = render.DatasetPage(
    "mammographic_masses",
    {
        "counts": {"rows": {"found": 1961, "expected": None}},
        "splits": {"test": {"y": {"shape": [5]}}, "train": {"y": {"shape": [60_000]}}},
        "missing": {"any feature": {"no": 0.5, "yes": 0.1}},
        "bi_rads_out_of_range": {"6": 10},
    },
    {},
)


class Tags(HTMLParser):
    """Checks that every element that is opened is closed in turn, and that ids are used once."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        given = dict(attrs)
        self.ids += [given["id"]] if "id" in given else []
        if tag == "a":
            self.links.append(given["href"])
        assert tag != "img" or {"alt", "width", "height"} <= set(given)
        if tag not in {"meta", "img", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def check(page: str) -> str:
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert len(tags.ids) == len(set(tags.ids))
    assert {link.removeprefix("#") for link in tags.links if link.startswith("#")} <= set(tags.ids)
    return page


def page_of(*models: render.ModelPage, baseline: Any = BASELINE) -> str:
    return check(render.render(models or [model()], [DATASET], baseline))


def test_the_page_has_an_overview_and_its_provenance() -> None:
    page = page_of()
    assert "<title>Classic deep-learning results, reproduced: 1 models</title>" in page
    assert "<dt>Targets reached</dt><dd>1 of 1</dd>" in page
    assert "1 of them with each of 3 seeds" in page
    assert "<dt>Course results exceeded</dt><dd>1 of 1</dd>" in page
    assert "on 2 CPU cores (Some CPU)" in page
    assert "Python 3.11.7, TensorFlow 2.21.0;" in page
    assert "the course and target values are constants" in page
    assert "Some CPU with AVX2, AMX BF16, 2 cores" in page
    assert "float32 (1 models)" in page
    assert "tensorflow 2.21.0" in page
    assert "1 min 15 s" in page
    assert "12,346" in page


def test_a_page_without_a_baseline_says_so() -> None:
    page = page_of(baseline={})
    assert "There is no baseline yet" in page
    assert "are not recorded" in page
    assert "CPU cores" not in page
    assert "Total training time" not in page


def test_models_are_grouped_by_dataset() -> None:
    page = page_of(model(), model(id="b", dataset="alice"), model(id="c", dataset="mnist"))
    table = page[page.index('<h2 id="results">') :]
    positions = [table.index(text) for text in ("#a_model", "#c", "#b")]
    assert positions == sorted(positions)
    assert table.count('class="group">MNIST<') == 1
    assert 'class="group">Alice in Wonderland<' in table


@pytest.mark.parametrize(
    ("value", "direction", "met", "better"),
    [
        (0.95, "maximize", True, True),
        (0.94, "maximize", True, True),
        (0.91, "maximize", False, True),
        (0.9, "maximize", False, False),
        (0.95, "minimize", False, False),
        (0.94, "minimize", True, False),
        (0.8, "minimize", True, True),
    ],
)
def test_targets_and_courses_depend_on_the_direction(
    value: float, direction: str, met: bool, better: bool
) -> None:
    row = ROW | {"direction": direction}
    page = model(metrics={"test.accuracy": value}, row=row, seed_results=[value] * 2)
    result = render.describe_result(page, {})
    assert (result["reached"], result["better"]) == (met, better)
    assert result["status"] == ("met" if met else "missed")


@pytest.mark.parametrize(
    ("others", "sign", "status", "spread"),
    [
        ([], "(✓)", "reached with 1 seed", []),
        ([0.949], "(✓)", "reached with 2 seeds", [("94.90% to 95.00%", "range of 2 seeds")]),
        ([0.949, 0.96], "✓", "met", [("94.90% to 96.00%", "range of 3 seeds")]),
        ([0.96, 0.939], "✗", "missed", [("93.90% to 96.00%", "range of 3 seeds")]),
        ([0.939], "✗", "missed", [("93.90% to 95.00%", "range of 2 seeds")]),
    ],
)
def test_a_target_is_met_if_each_of_three_seeds_reaches_it(
    others: list[float], sign: str, status: str, spread: list[tuple[str, str]]
) -> None:
    page = model(seed_results=others)
    result = render.describe_result(page, {})
    assert (result["sign"], result["status"], result["intervals"]) == (sign, status, spread)
    row = ROW | {"target": -0.94, "course": -0.9, "direction": "minimize"}
    page = model(metrics={"test.accuracy": -0.95}, row=row, seed_results=[-x for x in others])
    assert render.describe_result(page, {})["status"] == status


def test_the_range_over_seeds_and_the_targets_met_are_shown() -> None:
    page = page_of(model(), model(id="b", seed_results=[]))
    assert "94.80% to 95.10% (range of 3 seeds)" in page
    assert "<dd>2 of 2</dd>" in page
    assert "1 of them with each of 3 seeds" in page


def test_results_of_other_seeds_count_for_the_current_recipe_only() -> None:
    params = load_params()
    config: Any = params.models["mnist_mlp"]
    data: Any = params.datasets["mnist"]
    name = results.recipe_id(config, data)
    seed = config.training.seed
    assert results.other_results({seed: 0.1, seed + 1: 0.2}, config) == [0.2]
    again = config.model_copy(
        update={"training": config.training.model_copy(update={"seed": seed + 1})}
    )
    assert results.recipe_id(again, data) == name
    for part in ("training", "network"):
        section = getattr(config, part)
        key, value = ("epochs", 77) if part == "training" else ("dropout", 0.77)
        other = config.model_copy(update={part: section.model_copy(update={key: value})})
        assert results.recipe_id(other, data) != name
    smaller = data.model_copy(
        update={"preprocess": data.preprocess.model_copy(update={"max_examples": 5})}
    )
    assert results.recipe_id(config, smaller) != name
    assert results.recipe_id(config, None) != name


def test_an_option_that_is_off_is_no_part_of_a_recipe() -> None:
    class Section(BaseModel):
        seed: int = 1
        epochs: int = 2

    class WithOption(Section):
        clipvalue: float | None = None

    def identify(training: BaseModel) -> str:
        return results.recipe_id(SimpleNamespace(network=Section(), training=training), None)

    assert identify(WithOption()) == identify(Section())
    assert identify(WithOption(clipvalue=0.5)) != identify(Section())


def test_the_status_is_text() -> None:
    missed = model(id="b", metrics={"test.accuracy": 0.92})  # by this seed alone
    page = page_of(model(), missed)
    for text in ('met"><span aria-hidden="true">✓</span> met', ">✗</span> missed"):
        assert page.count(text) == 2  # table and section
    assert ">94%<br>" in page
    assert page.count(">✓ exceeded<") == 2
    assert ">✗ not exceeded<" in page_of(model(metrics={"test.accuracy": 0.9}))


BENCHMARK = {
    "metric": "test.accuracy",
    "as_taught_seconds": 130.0,
    "ours_seconds": 20.0,
    "ratio": 6.5,
    "extrapolated": False,
    "as_taught_quality": {"test.accuracy": 0.881},
    "ours_quality": {"test.accuracy": 0.95},
    "course_protocol": {
        "name": "80 words",
        "as_taught_quality": {"test.accuracy": 0.82},
        "ours_quality": {"test.accuracy": 0.86},
    },
}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "88.10% in 2 min 10 s; this recipe takes 20 s to reach it (6.5 times as fast)."),
        ({"extrapolated": True}, "in about 2 min 10 s; this recipe takes"),
        ({"ours_seconds": None, "ratio": None}, "in 2 min 10 s; this recipe does not reach it."),
    ],
)
def test_the_course_recipe_is_compared(changes: dict[str, Any], sentence: str) -> None:
    page = page_of(model(benchmark=BENCHMARK | changes), model(id="b"))
    assert page.count('data-value="0.881">88.10%</td>') == 1
    assert page.count('<th scope="col" class="number" data-by-metric>course recipe, rerun') == 1
    assert sentence in page
    assert "(a notebook). The course recipe, rerun: 88.10%" in page
    assert "With 80 words, as in the course: 82.00% with the course recipe, 86.00% with" in page
    assert page.count("rerun:") == 1


def test_a_rerun_stands_alone_without_a_value_of_the_course() -> None:
    entry = {name: value for name, value in BENCHMARK.items() if name != "course_protocol"}
    page = page_of(model(row=ROW | {"course": None}, benchmark=entry))
    assert ">88.10%</td>" in page
    assert 'data-label="course" data-value=""></td>' in page
    assert "as in the course" not in page


def test_a_model_without_course_and_target_has_empty_cells() -> None:
    free = model(row=ROW | {"course": None, "target": None})
    result = render.describe_result(free, {})
    assert (result["course"], result["target"], result["reached"], result["better"]) == (
        "",
        "",
        None,
        None,
    )
    page = page_of(free)
    assert 'class="met">met<' not in page
    assert "Targets reached" not in page
    assert "Course results exceeded" not in page
    assert "rerun" not in page[: page.index("<script>")]


@pytest.mark.parametrize(
    ("value", "committed", "unit", "shown"),
    [
        (0.95, 0.95, "%", ""),
        (0.9512, 0.95, "%", "+0.12 percentage points"),
        (0.94, 0.95, "%", "-1.00 percentage points"),
        (266.5, 265.25, "nats per image", "+1.2"),
        (1.45, 1.455, "", "-0.005"),
        (0.25 + 1e-7, 0.25, "", "+1e-07"),
        (0.0165, 0.0188, "", "-0.00230"),
    ],
)
def test_the_difference_from_the_baseline(
    value: float, committed: float, unit: str, shown: str
) -> None:
    assert render.difference(value, committed, unit) == shown


def test_the_difference_is_blank_where_the_baseline_is_equal_or_unknown() -> None:
    record = BASELINE["models"]["a_model"]
    assert render.describe_result(model(), record)["difference"] == ""
    changed = model(metrics={"test.accuracy": 0.96})
    assert render.describe_result(changed, record)["difference"] == "+1.00 percentage points"
    assert render.describe_result(changed, {})["difference"] == ""
    assert "(1 differ)" in page_of(changed)
    assert "All results are equal to those of the baseline" in page_of()
    assert 'colspan="7"' in page_of()  # the column is shown only if there is a difference
    assert 'colspan="8"' in page_of(changed)
    assert '"difference">+1.00 percentage points</td>' in page_of(changed)


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.9129, "%", "91.29%"),
        (0.93, "%", "93%"),
        (1.0, "%", "100%"),
        (266, "nats per image", "266"),
        (2.33, "", "2.33"),
        (0.0, "", "0"),
        (1200, "", "1,200"),
    ],
)
def test_a_constant_is_shown_as_printed(value: float, unit: str, shown: str) -> None:
    assert render.as_printed(value, unit) == shown


@pytest.mark.parametrize(
    ("report", "number"),
    [
        ({"splits": {"test": {"y": {"shape": [5]}}}}, 5),
        ({"splits": {"train": {"y": {"shape": [5]}}}}, None),
        ({}, None),
    ],
)
def test_the_number_of_test_examples(report: dict[str, Any], number: int | None) -> None:
    assert render.count_test_examples(report) == number


def test_an_accuracy_of_one_seed_has_a_wilson_interval_if_its_test_set_is_known() -> None:
    single = model(seed_results=[], dataset="mammographic_masses", metrics={"test.accuracy": 0.8})
    kind = "95% Wilson interval, 5 test examples"
    page = page_of(single)
    assert f'37.55% to 96.38%</span><br><span class="note kind">{kind}</span>' in page
    assert f"; 37.55% to 96.38% ({kind})" in page
    assert "Wilson interval," not in page_of(single._replace(dataset="alice"))


def test_both_seeds_and_folds_are_shown_and_the_wilson_interval_in_the_section_only() -> None:
    metrics = {"test.accuracy": 0.8, "test.accuracy_std": 0.05}
    folded = model(metrics=metrics, seed_results=[0.79], dataset="mammographic_masses")
    section, table = (
        [kind for _, kind in render.describe_result(folded, {}, 5)[key]]
        for key in ("intervals", "main_intervals")
    )
    assert table == ["range of 2 seeds", "mean ± standard deviation over folds"]
    assert section == [*table, "95% Wilson interval, 5 test examples"]


def test_cells_have_the_values_by_which_they_are_sorted() -> None:
    page = page_of(model(row=ROW | {"course": None}))
    row = page[page.index('<tr id="row-a_model" data-metric="test.accuracy">') :]
    row = row[: row.index("</tr>")]
    for label, value in (
        ("result", 0.95),
        ("course", ""),
        ("target", 0.94),
        ("training time", 75.2),
        ("parameters", 7850),
    ):
        assert f'data-label="{label}" data-value="{value}"' in row
    headers = page[page.index("<thead>") : page.index("</thead>")]
    assert headers.count("<th ") == row.count("<th ") + row.count("<td ")


def test_the_table_says_the_direction_without_a_sign() -> None:
    page = page_of(model(), model(id="b", row=ROW | {"direction": "minimize"}))
    assert '<span aria-hidden="true">↑</span> test accuracy, %' in page
    assert '<span aria-hidden="true">↓</span> test accuracy, %' in page
    assert '<span class="hidden">, lower is better</span>' in page


def test_every_part_of_the_page_is_linked_from_the_contents_and_back() -> None:
    page = page_of(model(), model(id="b", dataset="alice"))
    contents = page[page.index("<nav") : page.index("</nav>")]
    for target in ("top", "results", "gallery", "a_model", "b", "datasets", "provenance"):
        assert f'href="#{target}"' in contents
    assert page.count('<a href="#row-b">back to the results</a>') == 1


def test_the_recipe_is_compared_with_that_of_the_course() -> None:
    training = {**RECIPE.training, "epochs": 5}
    page = page_of(model(course_recipe={"training": training}), model(id="b"))
    first, second = page.split('<article id="b">')
    row = first[first.index('<th scope="row">Training length</th>') :]
    row = row[: row.index("</tr>")]
    assert '<b class="differs" aria-hidden="true">≠</b> <b>3 epochs</b>' in row
    assert '<span class="hidden"> (differs from the course)</span>' in row
    assert "<span>5 epochs</span>" in row
    assert "Fewer passes take less time" in row
    row = first[first.index('<th scope="row">Batch size</th>') :]
    assert "differs" not in row[: row.index("</tr>")]
    assert "there is none of the course to compare with" in second
    assert '<th scope="row">Training length</th>' in second
    assert "3 epochs" in second
    assert "≠" not in second[: second.index("<script>")]


def test_a_model_links_its_code_and_papers() -> None:
    network = {**RECIPE.network, "name": "cnn", "conv_layers": [], "dense_units": []}
    cnn = model(id="mnist_cnn", recipe=RECIPE._replace(network=network))
    page = page_of(cnn._replace(course_recipe={"training": RECIPE.training}))
    assert '<a href="../stages/networks/cnn/train.py">network</a>' in page
    assert '<a href="../benchmarks/as_taught/mnist_cnn.py">network of the course</a>' in page
    assert "https://doi.org/10.1109/5.726791" in page
    assert "as_taught" not in page_of(cnn)


@pytest.mark.parametrize(
    ("value", "unit", "decimals"),
    [
        (0.95, "%", 2),
        (266.54, "", 1),
        (1.454, "", 3),
        (0.0165, "", 5),
        (12345.6, "", 0),
        (0, "", 4),
    ],
)
def test_a_value_is_shown_with_four_digits(value: float, unit: str, decimals: int) -> None:
    assert render.choose_decimals(value, unit) == decimals


@pytest.mark.parametrize(
    ("details", "length"),
    [
        ({"epochs": 12, "steps": None}, "12 epochs"),
        ({"epochs": 1, "steps": None}, "1 epoch"),
        ({"epochs": None, "steps": 2000}, "2,000 steps"),
        ({}, ""),
    ],
)
def test_the_training_length_is_in_epochs_or_steps(details: dict[str, Any], length: str) -> None:
    assert render.training_length(details) == length


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(3.4, "3 s"), (59.6, "1 min 00 s"), (754, "12 min 34 s"), (3725, "1 h 02 min")],
)
def test_durations(seconds: float, shown: str) -> None:
    assert render.duration(seconds) == shown


def test_animations_and_generated_texts_are_in_the_gallery_once() -> None:
    figures = {
        "training": figure("BBBB", animation=render.Animation("data:,", 3, 2)),
        "history": figure("AAAA"),
    }
    page = page_of(
        model(figures=figures),
        model(id="b", dataset="alice", details={"data": language("Alice & <b>")}),
    )
    gallery, articles = page.split('<h2 id="models">')
    assert "BBBB" in gallery
    assert "BBBB" not in articles
    assert "AAAA" in articles
    assert "Alice &amp; &lt;b&gt;" in gallery
    assert all(
        text in articles for text in ("before training", "after 1 epoch<", "after 2 epochs<")
    )


def test_text_cannot_inject_markup() -> None:
    page = page_of(model(details={"data": {"most_confident_errors": [ERROR]}}))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    assert "True: no, predicted: yes (p = 0.900)" in page


def test_the_page_has_no_control_characters() -> None:
    text = "a\x00b\x1ac\x7fd\x85e\ud800f\uffffg\th\n"
    page = page_of(model(details={"data": language(text)}))
    assert "a␀b␚c␡d\ufffde\ufffdf\ufffdg\th\n" in page
    page.encode("utf-8")
    assert not [sign for sign in page if ord(sign) < 32 and sign not in "\t\n"]


def test_rows_of_a_table_are_shown_with_missing_values() -> None:
    table = {key: ERROR[key] for key in ("example", "actual", "predicted", "probability")}
    table["values"] = {"age": 67.0, "shape": None}
    page = page_of(model(details={"data": {"most_confident_errors": [table]}}))
    assert "age: 67.0, shape: missing" in page
    assert "test example 7" in page


def test_operating_points_of_test_and_of_cross_validation() -> None:
    found = {
        "source": "test set",
        "negative_class": "benign",
        "positive_class": "malignant",
        "points": [POINT],
    }
    limited = found | {"points": [POINT | {"max_false_negative_rate": 0.2}]}
    rates = {"threshold": [0.5], "false_positive_rate": [0.1], "false_negative_rate": [0.25]}
    details, folds = (
        {"data": {"operating_points": each, "curves": {"error_rates": rates}}}
        for each in (found, limited)
    )
    page = page_of(model(details=details, cv_details=folds))
    assert "threshold on P(malignant)" in page
    assert "1 of 4 (25.0%)" in page
    assert "<td>default</td>" in page
    assert "<td>20%</td>" in page[page.index("Cross-validation (out-of-fold") :]
    assert page.count('<div class="threshold">') == 2
    assert '"negative":"benign","negatives":20,"positive":"malignant","positives":4' in page


def test_a_dataset_has_its_data_report() -> None:
    page = page_of()
    assert "50.0% of the no rows and 10.0% of the yes rows" in page
    assert "6 (10 rows)" in page
    assert "1,961" in page
    assert page.index("60,000") < page.index(">test</th>")
    assert "UCI Machine Learning Repository (CC BY 4.0)" in page


def card_of(dataset: render.DatasetPage, *models: render.ModelPage) -> str:
    page = check(render.render(models or [model()], [dataset], BASELINE))
    return page[page.index(f'<article id="data-{dataset.id}">') : page.index("</main>")]


def test_a_card_is_shown_without_the_example_and_duplicates_of_newer_data_reports() -> None:
    card = card_of(DATASET)
    assert "Not counted in this data report." in card
    assert '<th scope="col">example' not in card
    assert "Not a diagnostic tool." in card


def test_a_card_has_the_example_and_the_duplicates_of_the_data_report() -> None:
    sizes = {"y": {"shape": [5]}, "examples_per_class": {"no": 2, "yes": 3}}
    details = {
        **DATASET.report,
        "splits": {"test": sizes, "train": {"y": {"shape": [3]}}},
        "missing": {"age": {"no": 0.125, "yes": 0.1}, **DATASET.report["missing"]},
        "example": {"split": "train", "class": "yes", "values": {"age": "67", "shape": "3"}},
        "duplicates": {"kind": "table", "examples": 5, "exact": 2, "other_class": 0},
    }
    figures = {"classes": figure("CCCC"), "age": figure("DDDD")}
    card = card_of(DATASET._replace(report=details, figures=figures))
    assert "Of the 5 test rows, 2 (40%) have the same feature values" in card
    assert '<th scope="col">example (yes)</th>' in card
    assert "<td>67 years</td>" in card
    assert "<td>3: lobular</td>" in card
    assert '<td class="number">12.5%</td>' in card
    assert '<th scope="row">test</th><td class="number">5</td><td class="number">62.5%</td>' in card
    assert "DDDD" in card
    assert "CCCC" not in card  # the table shows the same


def test_the_example_of_a_text_is_escaped_and_its_line_breaks_are_kept() -> None:
    example = {"split": "test", "class": "negative", "text": "Bad.<br /><b>Really & bad</b>"}
    card = card_of(render.DatasetPage("imdb", {"example": example}, {}))
    assert "<h4>Example (test split, negative)</h4>" in card
    assert "Bad.\n&lt;b&gt;Really &amp; bad&lt;/b&gt;" in card


def test_a_card_links_its_source_and_the_models_that_use_it() -> None:
    page = render.DatasetPage("mnist", {}, {}, urls=["https://a.example/", "https://b.example/"])
    card = card_of(page, model(), model(id="other", dataset="alice"))
    assert '<a href="https://a.example/">https://a.example/</a>, or <a href="https://b' in card
    assert '<dt>Models</dt><dd><a href="#a_model">A model</a></dd>' in card
    assert "#other" not in card


def test_every_dataset_of_the_parameters_is_on_the_page() -> None:
    params = load_params(ROOT / "params.yaml")
    pages = {page.id: page for page in report.read_datasets(params)}
    assert list(pages) == [*params.datasets, "dates", "digit_rows", *params.synthetic]
    assert pages["mnist"].urls == params.downloads["mnist"].urls
    assert pages["alice"].urls == params.downloads["alice"].urls
    assert pages["flower"].urls == []
    assert pages["flower"].config["module"] == "single_image"
    page = check(render.render([model()], list(pages.values()), BASELINE))
    articles = page.split('<article id="data-')[1:]
    assert [article.partition('"')[0] for article in articles] == list(pages)
    assert all("<dt>Split</dt>" in article for article in articles)


def test_the_flower_is_credited() -> None:
    readme = (ROOT / "data/own/README.md").read_text(encoding="utf-8")
    assert "CC BY 2.0" in readme
    credit = captions.describe_dataset("flower").credit
    assert "vultilion" in credit
    assert "CC BY 2.0" in credit


def test_the_default_display_name_is_the_id() -> None:
    assert captions.describe_dataset("my_data").title == "My data"
    assert captions.describe_figure("my_figure").title == "My figure"
    assert captions.describe_metric("test.my_metric") == "test my metric"
    assert captions.describe_count("my_count") == "my count"


def decode(url: str) -> np.ndarray:
    content = base64.b64decode(url.removeprefix("data:image/webp;base64,"))
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("L"))


def test_an_animation_has_its_frames_and_shows_the_last(tmp_path: Path) -> None:
    frames = [np.full((6, 8), level, np.uint8) for level in range(0, 200, 40)]
    save_animation(frames, tmp_path / "walk.png")
    save_animation(frames[:1], tmp_path / "a.png")
    read = report.read_figures(tmp_path, {"walk": Caption("Walk", "Look.")}, {})
    assert list(read) == ["walk", "a"]
    walk = read["walk"]
    assert (walk.width, walk.height, walk.title, walk.description) == (8, 6, "Walk", "Look.")
    assert decode(walk.url).mean() == pytest.approx(160, abs=4)
    assert walk.animation is not None
    assert (walk.animation.frames, walk.animation.columns) == (5, 2)
    first_column = decode(walk.animation.url)[[0, 6, 12], 0].astype(int)
    assert first_column == pytest.approx([0, 80, 160], abs=6)


def test_a_long_animation_is_thinned_out_to_its_last_frame(tmp_path: Path) -> None:
    frames = [np.full((6, 8), 4 * number, np.uint8) for number in range(31)]
    save_animation(frames, tmp_path / "walk.png")
    walk = report.read_figure(tmp_path / "walk.png", Caption("A", "B."), None)
    assert walk.animation is not None
    assert walk.animation.frames == 16
    grid = decode(walk.animation.url).astype(int)
    levels = grid[::6, ::8].ravel()[:16]
    np.testing.assert_allclose(levels, range(0, 121, 8), atol=6)


def test_a_single_frame_is_an_image_with_its_chart(tmp_path: Path) -> None:
    save_animation([np.full((6, 8), 7, np.uint8)], tmp_path / "a.png")
    chart = {"mark": "line"}
    read = report.read_figure(tmp_path / "a.png", Caption("A", "B."), chart)
    assert (decode(read.url) == 7).all()
    assert (read.animation, read.chart) == (None, chart)


def test_a_chart_replaces_its_image_and_cannot_inject_markup() -> None:
    spec = {"data": {"values": [{"text": "</script><b>"}]}}
    page = page_of(model(figures={"history": figure("AAAA", chart=spec)}))
    assert '<figure class="chart" data-name="history">' in page
    assert "</script><b>" not in page
    (packed,) = re.findall(r'<script type="application/gzip">([^<]+)</script>', page)
    assert json.loads(gzip.decompress(base64.b64decode(packed))) == spec


def test_the_error_is_shown_against_the_training_time() -> None:
    slow, fast = model(id="slow", metrics={"test.accuracy": 0.99}), model(id="fast")
    loss = model(id="loss", row=ROW | {"metric": "test.loss"})
    times = {"slow": 90.0, "fast": 4.5, "loss": 1.0, "other": 3.0}
    records = {name: {"train_seconds": seconds} for name, seconds in times.items()}
    found = render.error_records([slow, loss, fast, model(id="untimed")], records)
    assert [(each["model"], each["seconds"]) for each in found] == [("fast", 4.5), ("slow", 90)]
    assert [each["error"] for each in found] == pytest.approx([0.05, 0.01])
    text = "slow takes 20 times as long as fast and makes 20% of its errors."
    assert captions.describe_times(found) == text
    assert captions.describe_times(found[:1]) == "fast is both the fastest and the best."
    charts = report.make_time_charts([slow, fast, model(id="other", dataset="alice")], records)
    assert list(charts) == ["mnist"]  # one model is no comparison
    figure = charts["mnist"]
    assert (figure.title, figure.description) == ("MNIST", text)
    svg = base64.b64decode(figure.url.removeprefix("data:image/svg+xml;base64,")).decode()
    assert f'width="{figure.width}" height="{figure.height}"' in svg
    assert ">slow</text>" in svg
    page = render.render([slow], [], {}, render.Charts(charts))
    assert '<figure class="chart" data-name="time">' in page


def test_surprisal_is_shown_as_text() -> None:
    nll = {"text": "a<\n", "nats": [0.5, 12.0, 1.0]}
    figures = {"token_nll": figure("CCCC", title="Surprisal")}
    page = page_of(model(details={"data": {"token_nll": nll}}, figures=figures))
    assert '<span style="--n: 0.08" title="0.50 nats">a</span>' in page
    assert '<span style="--n: 1.00" title="12.00 nats">&lt;</span><br></p>' in page
    assert "CCCC" not in page


CONFIG = ANY_MODEL.validate_python(
    {
        "dataset": "mnist",
        "task": "classification",
        "network": {"name": "raw_tensorflow", "hidden_units": [8], "initial_gain": 1.0},
        "training": {
            "input_pipeline": "arrays",
            "seed": 1,
            "batch_size": 8,
            "steps": 800,
            "learning_rate": 0.1,
            "schedule": "constant",
        },
        "evaluation": {"evaluator": "none"},
        "report": ROW,
    }
)


def write_reports(folder: Path) -> None:
    described = {"title": "First", "description": "Look.", "summary": "It is 5."}
    summary = {"captions": {"zebra": described}, "epochs": None, "steps": 800}
    folds = {"captions": {"zebra": described | {"summary": ""}}}
    write_json(folder / "metrics.json", {"test": {"accuracy": 0.95}})
    write_json(folder / "cross_validation" / "metrics.json", {"cv": {"accuracy": 0.9}})
    write_json(folder / "details.json", [summary | {"data": {"a": 1}}])
    write_json(folder / "cross_validation" / "details.json", [folds | {"data": {"b": 2}}])
    for name in ("plots/apple", "plots/zebra", "cross_validation/plots/zebra"):
        (folder / name).parent.mkdir(exist_ok=True)
        Image.new("L", (8, 6)).save(folder / f"{name}.png")


def test_a_model_is_read_with_its_anomaly_detection(tmp_path: Path) -> None:
    write_reports(tmp_path)
    part = tmp_path / "anomaly_detection"
    described = {"title": "Curve", "description": "Look.", "summary": "AUC 0.9."}
    write_json(part / "metrics.json", {"anomalies": {"roc_auc": 0.9}})
    write_json(part / "details.json", [{"captions": {"roc_curve": described}, "data": {}}])
    (part / "plots").mkdir()
    Image.new("L", (8, 6)).save(part / "plots" / "roc_curve.png")
    read = report.read_model(tmp_path, "m", CONFIG, {})
    assert read.metrics["anomalies.roc_auc"] == 0.9
    assert list(read.figures) == ["zebra", "apple", "roc_curve"]
    assert read.figures["roc_curve"].description == "Look. AUC 0.9."


def test_a_model_is_read_with_its_cross_validation(tmp_path: Path) -> None:
    write_reports(tmp_path)
    read = report.read_model(tmp_path, "m", CONFIG, {})
    assert read.metrics == {"test.accuracy": 0.95, "cv.accuracy": 0.9}
    shown = [(name, figure.title, figure.description) for name, figure in read.figures.items()]
    assert shown == [("zebra", "First", "Look. It is 5."), ("apple", "Apple", "")]
    assert read.cv_figures["zebra"].description == "Look."
    assert (read.data, read.cv_data) == ({"a": 1}, {"b": 2})
    assert (read.dataset, read.row["title"], read.details["steps"]) == ("mnist", "A model", 800)
    assert (read.recipe.network["hidden_units"], read.recipe.num_params) == ([8], None)


def test_a_model_is_read_and_shown_with_its_exploration(tmp_path: Path) -> None:
    write_reports(tmp_path)
    described = {"title": "Moved", "description": "Look.", "summary": "7 of 9."}
    write_json(tmp_path / "exploration" / "metrics.json", {"inversion": {"psnr": 21.5}})
    write_json(tmp_path / "exploration" / "details.json", [{"captions": {"moved": described}}])
    (tmp_path / "exploration" / "plots").mkdir()
    Image.new("L", (8, 6)).save(tmp_path / "exploration" / "plots" / "moved.png")
    read = report.read_model(tmp_path, "m", CONFIG, {})
    assert read.metrics["inversion.psnr"] == 21.5
    assert read.exploration_figures["moved"].description == "Look. 7 of 9."
    page = render.render([read], [DATASET], BASELINE)
    assert "Exploring the noise space" in page
    assert "Look. 7 of 9." in page


def test_equal_reports_give_equal_pages(tmp_path: Path) -> None:
    write_reports(tmp_path)
    pages = [
        render.render([report.read_model(tmp_path, "m", CONFIG, {})], [DATASET], BASELINE)
        for _ in range(2)
    ]
    assert pages[0] == pages[1]
    assert "800 steps" in check(pages[0])


def test_every_committed_figure_has_a_caption() -> None:
    params = load_params(ROOT / "params.yaml")
    for name, dataset in params.datasets.items():
        figures = {path.stem for path in ROOT.glob(f"reports/data/{name}/plots/*.png")}
        assert figures <= set(captions.dataset_captions(dataset.module)), name
    for name in params.models:
        for part in ("", "cross_validation", "exploration"):
            folder = ROOT / "reports" / name / part
            if described := read_details(folder).get("captions"):
                figures = {path.stem for path in (folder / "plots").glob("*.png")}
                assert figures == set(described), folder


def test_a_dataset_is_read(tmp_path: Path) -> None:
    details: dict[str, Any] = {"counts": {}, "splits": {}}
    write_json(tmp_path / "details.json", [details])
    (tmp_path / "plots").mkdir()
    for name in ("sizes", "samples"):
        Image.new("L", (8, 6)).save(tmp_path / "plots" / f"{name}.png")
    read = report.read_dataset(tmp_path, "d", "image_folder")
    assert read.report == details
    assert [figure.title for figure in read.figures.values()] == [
        "Cropping and resizing",
        "Image sizes",
    ]


def test_image_folders_have_captions_of_their_own() -> None:
    assert captions.dataset_captions("idx_images")["samples"].title == "Examples per class"
    assert "crop box" in captions.dataset_captions("image_folder")["samples"].description
