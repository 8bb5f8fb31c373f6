"""Render the template of the report page. Pure functions: stages/report.py reads the files."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from stages.page import captions, cards

TEMPLATE = "report.html.jinja"
MIN_SEEDS = 3  # a target is met if it is reached with this many seeds
CONTROL_PICTURES = 0x2400  # the Unicode block with a symbol for each control character
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


class Figure(NamedTuple):
    """A PNG file for the page.

    Attributes:
        url: Content as a data: URL.
        width: Width in pixels.
        height: Height in pixels.
        animated: True if the figure has more than one frame.
        title: Title of the caption.
        description: Description of the figure.
    """

    url: str
    width: int
    height: int
    animated: bool
    title: str
    description: str


class ModelPage(NamedTuple):
    """The results of a model.

    Attributes:
        id: Id in params.yaml.
        dataset: Id of its dataset.
        row: Section `report` of params.yaml: title, metric, unit, direction, course,
            course_source and target.
        details: Content of details.json: num_params, epochs or steps, and in `data` the values
            behind figures, by name.
        metrics: Flat metrics.
        figures: Figures by name, in display order.
        seed_results: Main metric of training runs with other seeds.
        cv_details: Content of details.json of its cross-validation; empty if there is none.
        cv_figures: Figures of its cross-validation.
        benchmark: Entry of benchmarks/results.json; empty if there is none.
    """

    id: str
    dataset: str
    row: Mapping[str, Any]
    details: Mapping[str, Any]
    metrics: Mapping[str, float]
    figures: Mapping[str, Figure]
    seed_results: Sequence[float]
    cv_details: Mapping[str, Any]
    cv_figures: Mapping[str, Figure]
    benchmark: Mapping[str, Any]

    @property
    def data(self) -> Mapping[str, Any]:
        """The values behind the figures."""
        return self.details.get("data", {})

    @property
    def cv_data(self) -> Mapping[str, Any]:
        """The values behind the figures of the cross-validation."""
        return self.cv_details.get("data", {})


class DatasetPage(NamedTuple):
    """A dataset and its data report.

    Attributes:
        id: Id in params.yaml.
        report: Content of details.json; empty for synthetic datasets.
        figures: Figures by name.
        config: Section of the dataset in params.yaml.
        urls: Download URLs of its source.
    """

    id: str
    report: Mapping[str, Any]
    figures: Mapping[str, Figure]
    config: Mapping[str, Any] = {}
    urls: Sequence[str] = ()

    @property
    def card(self) -> dict[str, Any]:
        """The content of its data card."""
        return cards.describe(self.id, self.report, self.config, self.urls)


def render(
    models: Sequence[ModelPage], datasets: Sequence[DatasetPage], baseline: Mapping[str, Any]
) -> str:
    """Render the page as HTML, without control characters.

    Args:
        models: Models; within a dataset, in the order of the results table.
        datasets: Datasets, in the order of their data cards.
        baseline: Content of reports/baseline.json, or an empty dictionary.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": percent,
        "duration": duration,
        "dataset_title": lambda dataset: captions.describe_dataset(dataset).title,
        "dataset_credit": lambda dataset: captions.describe_dataset(dataset).credit,
        "count_title": captions.describe_count,
        "split_title": lambda split: cards.SPLITS.get(split, split),
        "metric_title": captions.describe_metric,
        "difference": difference,
        "count_seeds": count_seeds,
    }
    records = baseline.get("models", {})
    results = {model.id: describe_result(model, records.get(model.id, {})) for model in models}
    page = environment.get_template(TEMPLATE).render(
        models=models,
        datasets=datasets,
        results=results,
        groups=group_by_dataset(models),
        min_seeds=MIN_SEEDS,
        overview=summarize(list(results.values())),
        baseline=baseline,
        records=records,
        precisions=count_values(records, "precision"),
        processors=count_values(records, "processor"),
    )
    return show_control_characters(page)


def describe_result(model: ModelPage, record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the cells of a model's row in the results table.

    Args:
        model: Results of the model.
        record: Record of the model in the baseline, or an empty dictionary.

    Returns:
        Texts by name, empty if not available. `reached` (the target, with every seed) and `better`
        (than the course) are booleans, or None without a value to compare with; `num_seeds` is an
        integer.
    """
    row = model.row
    value, maximize = model.metrics[row["metric"]], row["direction"] == "maximize"
    values = [value, *model.seed_results]
    committed = record.get("metrics", {}).get(row["metric"])
    unit = choose_unit(row["metric"], row["unit"])
    if row["target"] is None:
        reached = None
    else:
        reached = min(values) >= row["target"] if maximize else max(values) <= row["target"]
    if row["course"] is None:
        better = None
    else:
        better = value > row["course"] if maximize else value < row["course"]
    decimals = choose_decimals(value, unit)
    return {
        "metric": captions.describe_metric(row["metric"]),
        "unit": unit,
        "direction": "higher is better" if maximize else "lower is better",
        "result": with_unit(value, unit, decimals),
        "committed": "" if committed is None else with_unit(committed, unit, decimals),
        "difference": "" if committed is None else difference(value, committed, unit, decimals),
        "course": "" if row["course"] is None else with_unit(row["course"], unit, decimals),
        **describe_benchmark(model.benchmark, unit, decimals),
        "target": "" if row["target"] is None else with_unit(row["target"], unit, decimals),
        "reached": reached,
        "status": describe_status(reached, len(values)),
        "num_seeds": len(values),
        "spread": " to ".join(
            with_unit(limit, unit, decimals) for limit in (min(values), max(values))
        )
        if len(values) > 1
        else "",
        "better": better,
        "seconds": record.get("train_seconds"),
        "length": training_length(model.details),
    }


def describe_benchmark(entry: Mapping[str, Any], unit: str, decimals: int) -> dict[str, str]:
    """Describe the course recipe, rerun on our splits, and how it compares with ours.

    Args:
        entry: Entry of benchmarks/results.json, or an empty dictionary.
        unit: Unit of the main metric; "%" for fractions shown as percentages.
        decimals: Number of decimals.

    Returns:
        Texts by name, empty without an entry. `rerun` is the result of the course recipe,
        `benchmark` a sentence with times, and `course_protocol` one about the data of the course.
    """
    if not entry:
        return {"rerun": "", "benchmark": "", "course_protocol": ""}

    def result(container: Mapping[str, Any], side: str) -> str:
        return with_unit(container[f"{side}_quality"][entry["metric"]], unit, decimals)

    rerun, taught = result(entry, "as_taught"), duration(entry["as_taught_seconds"])
    about = "about " if entry["extrapolated"] else ""
    if entry["ours_seconds"] is None:
        comparison = "this recipe does not reach it"
    else:
        ours = duration(entry["ours_seconds"])
        comparison = f"this recipe takes {ours} to reach it ({entry['ratio']:.1f} times as fast)"
    protocol = entry.get("course_protocol")
    return {
        "rerun": rerun,
        "benchmark": f"The course recipe, rerun: {rerun} in {about}{taught}; {comparison}.",
        "course_protocol": ""
        if protocol is None
        else f"With {protocol['name']}, as in the course: {result(protocol, 'as_taught')} with the "
        f"course recipe, {result(protocol, 'ours')} with this one.",
    }


def describe_status(reached: bool | None, num_seeds: int) -> str:
    """Return the status of a target in words; it can be met with MIN_SEEDS or more seeds only."""
    if reached is None:
        return ""
    if not reached:
        return "missed"
    return "met" if num_seeds >= MIN_SEEDS else f"reached with {count_seeds(num_seeds)}"


def count_seeds(number: int) -> str:
    """Return a number of seeds in words."""
    return "1 seed" if number == 1 else f"{number} seeds"


def training_length(details: Mapping[str, Any]) -> str:
    """Return the training length in words: epochs, or steps in step-based training."""
    for unit in ("epochs", "steps"):
        if details.get(unit) is not None:
            return f"{details[unit]:,} {unit if details[unit] != 1 else unit[:-1]}"
    return ""


def choose_unit(metric: str, unit: str) -> str:
    """Return the unit of a metric: accuracies are shown as percentages."""
    return "%" if metric.endswith("accuracy") else unit


def choose_decimals(value: float, unit: str) -> int:
    """Return the number of decimals for four significant digits; two for a percentage."""
    if unit == "%":
        return 2
    whole = len(str(int(abs(value)))) if abs(value) >= 1 else 0
    leading_zeros = 0
    if 0 < abs(value) < 1:
        leading_zeros = -int(f"{value:e}".partition("e")[2]) - 1
    return max(4 - whole, 0) + leading_zeros


def with_unit(value: float, unit: str, decimals: int) -> str:
    """Format a value: a fraction as a percentage, others without their unit."""
    return f"{100 * value:.{decimals}f}%" if unit == "%" else f"{value:,.{decimals}f}"


def difference(value: float, committed: float, unit: str = "", decimals: int | None = None) -> str:
    """Format the difference between a value and the committed one; empty if they are equal.

    Args:
        value: Value of the current run.
        committed: Value of the baseline.
        unit: "%" for fractions shown as percentages; their difference is in percentage points.
        decimals: Number of decimals, unless they are all 0.
    """
    if value == committed:
        return ""
    distance = (value - committed) * (100 if unit == "%" else 1)
    text = f"{distance:+,.{choose_decimals(committed, unit) if decimals is None else decimals}f}"
    if not float(text.replace(",", "")):
        text = f"{distance:+.0e}"
    return text + (" percentage points" if unit == "%" else "")


def group_by_dataset(models: Sequence[ModelPage]) -> dict[str, list[ModelPage]]:
    """Group models by dataset, in the order in which the datasets first occur."""
    groups: dict[str, list[ModelPage]] = {}
    for model in models:
        groups.setdefault(model.dataset, []).append(model)
    return groups


def summarize(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Count the reached targets and exceeded course results, and sum up the training times."""
    targets = [result["status"] for result in results if result["status"]]
    courses = [result["better"] for result in results if result["better"] is not None]
    times = [result["seconds"] for result in results if result["seconds"] is not None]
    return {
        "models": len(results),
        "targets": len(targets),
        "reached": sum(status != "missed" for status in targets),
        "met": targets.count("met"),
        "courses": len(courses),
        "better": sum(courses),
        "seconds": sum(times),
        "changed": sum(bool(result["difference"]) for result in results),
    }


def count_values(records: Mapping[str, Any], key: str) -> dict[str, int]:
    """Count the models trained with each value of `key`, the most frequent first."""
    return dict(Counter(record[key] for record in records.values() if key in record).most_common())


def percent(fraction: float, decimals: int = 1) -> str:
    """Format a fraction as a percentage."""
    return f"{100 * fraction:.{decimals}f}%"


def duration(seconds: float) -> str:
    """Format seconds as hours, minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes_left = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes_left:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def show_control_characters(text: str) -> str:
    """Replace each character that HTML does not allow by a visible symbol.

    Generated text and file names may contain any character.
    """
    return CONTROL.sub(visible_symbol, text)


def visible_symbol(match: re.Match[str]) -> str:
    """Return the symbol for a control character, or the replacement character."""
    code = ord(match[0])
    if code == 0x7F:
        return "\N{SYMBOL FOR DELETE}"
    return chr(CONTROL_PICTURES + code) if code < 0x20 else "\N{REPLACEMENT CHARACTER}"
