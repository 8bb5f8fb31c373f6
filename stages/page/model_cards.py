"""Model cards: model details, intended use, training and evaluation data, metrics, limitations.

Pure functions: stages/model_cards.py reads the files. The headings are those of the Hugging Face
Hub; the questions are those of Mitchell et al.: Model cards for model reporting, FAT* 2019.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from stages.page import captions, cards, networks, recipes, uses
from stages.page.environment import make_environment
from stages.page.intervals import find_intervals
from stages.page.render import (
    ModelPage,
    choose_decimals,
    choose_unit,
    count_test_examples,
    describe_interval,
    describe_result,
    percent,
    with_unit,
)

TEMPLATE = "model_card.md.jinja"
INPUTS = {  # by type in spec.json
    "characters": "Text, encoded as characters; vocabulary of {size:,}.",
    "character_sequence": "Text, encoded as characters; vocabulary of {size:,}.",
    "image": "An image, resized to {shape} pixels.",
    "text": "Text, encoded as at most {max_length:,} words; vocabulary of {size:,}.",
    "table": "A row of a table with the columns {columns}.",
    "points": "Two coordinates of a point.",
    "pixel_coordinates": "Row and column of a pixel.",
    "time_series": "{length:,} values in {unit}, {interval:g} {time_unit} apart.",
}


class Evidence(NamedTuple):
    """What is known about a model.

    Attributes:
        page: Results of the model, without figures.
        config: Section of the model in params.yaml.
        spec: Content of spec.json.
        calibration: Content of calibration.json; empty if it is not calibrated.
        folds: Section of its cross-validation in params.yaml; empty if there is none.
        report: Data report of the dataset; empty for a synthetic one.
        dataset: Section of the dataset in params.yaml.
        urls: Download URLs of the dataset.
    """

    page: ModelPage
    config: Mapping[str, Any]
    spec: Mapping[str, Any]
    calibration: Mapping[str, Any]
    folds: Mapping[str, Any]
    report: Mapping[str, Any]
    dataset: Mapping[str, Any]
    urls: Sequence[str]


def render(evidence: Evidence) -> str:
    """Render the card of a model as Markdown.

    Args:
        evidence: What is known about the model.
    """
    environment = make_environment(html=False)
    environment.filters |= {"cell": escape_cell, "json": json.dumps, "percent": percent}
    return environment.get_template(TEMPLATE).render(describe(evidence))


def escape_cell(text: str) -> str:
    """Escape a text for a cell of a Markdown table."""
    return text.replace("|", "\\|").replace("\n", " ")


def describe(evidence: Evidence) -> dict[str, Any]:
    """Return the content of the card of a model, by name in the template."""
    page, spec, config = evidence.page, evidence.spec, evidence.config
    task = uses.TASKS.get(config["task"], uses.UNKNOWN_TASK)
    use = uses.DATASETS.get(page.dataset, uses.UNKNOWN)
    value = page.metrics[page.row["metric"]]
    return {
        "model": page,
        "task": config["task"],
        "title": captions.describe_dataset(page.dataset).title,
        "data": cards.describe(page.dataset, evidence.report, evidence.dataset, evidence.urls),
        "sentence": networks.describe_network(page.recipe.network),
        "settings": recipes.list_settings(page.recipe),
        "references": networks.find_references(page.recipe.network),
        "input": describe_input(spec["input"]),
        "classes": list_classes(spec),
        "folds": evidence.folds,
        "precision": spec.get("precision", ""),
        "processor": spec.get("processor", ""),
        "value": value,
        "result": describe_result(page, {}, count_test_examples(evidence.report)),
        "metrics": describe_metrics(page, count_test_examples(evidence.report)),
        "spread": describe_spread(page),
        "findings": list_findings(page),
        "intended": task.intended,
        "out_of_scope": use.out_of_scope,
        "limits": [use.limits, task.limits],
        "costs": task.errors or use.errors,
        "measured": describe_errors(page, spec),
        "abstention": describe_abstention(evidence.calibration),
        "arguments": use.arguments if task.arguments is None else task.arguments,
    }


def describe_input(encoding: Mapping[str, Any]) -> str:
    """Describe the raw input of a model.

    Args:
        encoding: `input` of spec.json.
    """
    values = {
        **encoding,
        "size": len(encoding.get("vocabulary", [])),
        "shape": "x".join(map(str, encoding.get("shape", [])[:2])),
        "columns": ", ".join(column["name"] for column in encoding.get("columns", [])),
    }
    return INPUTS.get(encoding["type"], "An example of the dataset.").format_map(values)


def list_classes(spec: Mapping[str, Any]) -> list[str]:
    """Return the classes that a model answers with; empty if it does not classify."""
    classifies = spec["task"] in {"classification", "toy_classification"}
    return list(spec["classes"]) if classifies else []


def describe_metrics(page: ModelPage, num_examples: int | None) -> list[dict[str, str]]:
    """Return a row per metric: `name`, `value` and `spread`, the main metric first.

    Args:
        page: Results of the model.
        num_examples: Number of test examples, None if unknown.
    """
    main = page.row["metric"]
    rows = []
    for name in dict.fromkeys([main, *page.metrics]):
        value = page.metrics[name]
        unit = choose_unit(name, page.row["unit"] if name == main else "")
        decimals = choose_decimals(value, unit)
        others = page.seed_results if name == main else ()
        intervals = find_intervals(name, page.metrics, others, num_examples)
        shown = f"{value:,}" if isinstance(value, int) else with_unit(value, unit, decimals)
        rows.append(
            {
                "name": name,
                "value": shown if unit in {"", "%"} else f"{shown} {unit}",
                "spread": "; ".join(
                    f"{describe_interval(interval, unit, decimals)} ({interval.kind})"
                    for interval in intervals
                ),
            }
        )
    return rows


def describe_spread(page: ModelPage) -> str:
    """Say what is known about the variation of the main metric between training runs."""
    if page.seed_results:
        return f"It was trained with {recipes.plural(len(page.seed_results) + 1, 'seed')}."
    if f"{page.row['metric']}_std" in page.metrics:
        return "One model was trained per fold of the cross-validation."
    return "It was trained with one seed; the variance over seeds is unknown."


def list_findings(page: ModelPage) -> list[str]:
    """Return what the evaluation found, in the words of the report."""
    parts = {"": page.details, "Cross-validation: ": page.cv_details}
    return [
        f"{prefix}{text['summary']}"
        for prefix, details in parts.items()
        for text in details.get("captions", {}).values()
        if text["summary"]
    ]


def describe_errors(page: ModelPage, spec: Mapping[str, Any]) -> str:
    """Describe how often a classifier errs, on which side; empty for other models."""
    if not list_classes(spec):
        return ""
    counts = page.data.get("confusion_matrix", [])
    total = sum(record["count"] for record in counts)
    wrong = sum(record["count"] for record in counts if record["actual"] != record["predicted"])
    sentences = [f"{wrong:,} of {total:,} test examples are misclassified."] if total else []
    positive = spec.get("positive_class")
    if positive is not None and "test.false_negative_rate" in page.metrics:
        (negative,) = (name for name in spec["classes"] if name != positive)
        missed, alarms = (
            percent(page.metrics[f"test.false_{side}_rate"]) for side in ("negative", "positive")
        )
        sentences.append(
            f"At a threshold of 50%, {missed} of the test examples of class {positive} are"
            f" predicted as {negative} (false negatives), and {alarms} of those of class {negative}"
            f" as {positive} (false positives)."
        )
    return " ".join(sentences)


def describe_abstention(calibration: Mapping[str, Any]) -> str:
    """Describe when a calibrated classifier abstains; empty if it is not calibrated.

    Args:
        calibration: Content of calibration.json.
    """
    if not calibration:
        return ""
    measured = calibration["validation"]
    sentence = (
        "On the validation split, calibration with a temperature of"
        f" {calibration['temperature']:.3g} changes the expected calibration error from"
        f" {percent(measured['expected_calibration_error_before'], 2)} to"
        f" {percent(measured['expected_calibration_error'], 2)}."
    )
    unlike = calibration["unlike"]["type"] != "none"
    warning = " It also warns of out-of-distribution inputs." if unlike else ""
    return (
        f"{sentence} Below a confidence of {percent(calibration['threshold'])}, `stages.predict`"
        ' abstains ("I do not know"). On the validation split, coverage is'
        f" {percent(measured['answered'])} and the accuracy on covered examples"
        f" {percent(measured['accuracy_answered'], 2)}, compared with"
        f" {percent(measured['accuracy'], 2)} on all.{warning}"
    )
