"""Fill the template of the report page. Pure functions: stages/report.py reads the files."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from stages.page import captions

TEMPLATE = "report.html.jinja"
MIN_SEEDS = 3  # a target is met if as many reach it
MARKS_OF_CONTROL = 0x2400  # the Unicode block that has a visible sign for each control character
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


class Figure(NamedTuple):
    """A PNG file for the page.

    Attributes:
        url: the content as a data: URL.
        width: in pixels.
        height: in pixels.
        animated: whether it has more than one frame.
        title: first words of the caption, the name of the figure.
        reading: how to read it.
    """

    url: str
    width: int
    height: int
    animated: bool
    title: str
    reading: str


class ModelPage(NamedTuple):
    """What was read of a model.

    Attributes:
        id: as in params.yaml.
        dataset: its id.
        row: title, metric, unit, direction, course, course_source and target.
        details: what its evaluation reported: num_weights, epochs or steps, and in `data` the
            values behind figures, by name.
        metrics: flat metrics.
        figures: by name, in the order in which they are shown.
        seed_results: the main metric of trainings with other seeds.
        cv_details: what its cross-validation reported; empty if there is none.
        cv_figures: those of the cross-validation.
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

    @property
    def data(self) -> Mapping[str, Any]:
        """The values behind the figures."""
        return self.details.get("data", {})

    @property
    def cv_data(self) -> Mapping[str, Any]:
        """The values behind the figures of the cross-validation."""
        return self.cv_details.get("data", {})


class DatasetPage(NamedTuple):
    """What was read of a dataset: its details and its figures by name."""

    id: str
    report: Mapping[str, Any]
    figures: Mapping[str, Figure]


def render(
    models: Sequence[ModelPage], datasets: Sequence[DatasetPage], baseline: Mapping[str, Any]
) -> str:
    """The page as HTML, without control characters.

    Args:
        models: in the order of the results table, within their dataset.
        datasets: those that have a report.
        baseline: reports/baseline.json, or an empty dictionary.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
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
    """The cells of a model's row in the results table.

    Args:
        model: what was read of it.
        record: its part of the baseline, or an empty dictionary.

    Returns:
        Texts, empty where there is nothing to say; `reached` (the target, with every seed) and
        `better` (than the course) are booleans, or None where there is nothing to compare with;
        `num_seeds` is a number.
    """
    row = model.row
    value, maximize = model.metrics[row["metric"]], row["direction"] == "maximize"
    values = [value, *model.seed_results]
    committed = record.get("metrics", {}).get(row["metric"])
    unit = "%" if row["metric"].endswith("accuracy") else row["unit"]
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


def describe_status(reached: bool | None, num_seeds: int) -> str:
    """Whether a target is met, in words; fewer than MIN_SEEDS seeds do not show it."""
    if reached is None:
        return ""
    if not reached:
        return "missed"
    return "met" if num_seeds >= MIN_SEEDS else f"reached with {count_seeds(num_seeds)}"


def count_seeds(number: int) -> str:
    """How many seeds, in words."""
    return "1 seed" if number == 1 else f"{number} seeds"


def training_length(details: Mapping[str, Any]) -> str:
    """How long a model was trained: its epochs or, if it is trained by steps, its steps."""
    for unit in ("epochs", "steps"):
        if details.get(unit) is not None:
            return f"{details[unit]:,} {unit if details[unit] != 1 else unit[:-1]}"
    return ""


def choose_decimals(value: float, unit: str) -> int:
    """Decimals that show a value with four digits; two for a percentage."""
    if unit == "%":
        return 2
    whole = len(str(int(abs(value)))) if abs(value) >= 1 else 0
    leading_zeros = 0
    if 0 < abs(value) < 1:
        leading_zeros = -int(f"{value:e}".partition("e")[2]) - 1
    return max(4 - whole, 0) + leading_zeros


def with_unit(value: float, unit: str, decimals: int) -> str:
    """A value as text; a percentage is stored as a fraction, other units stand in the header."""
    return f"{100 * value:.{decimals}f}%" if unit == "%" else f"{value:,.{decimals}f}"


def difference(value: float, committed: float, unit: str = "", decimals: int | None = None) -> str:
    """How far a value is from the committed one; empty if they are equal.

    Args:
        value: of the run at hand.
        committed: of the baseline.
        unit: "%" for fractions shown as percentages, whose difference is in percentage points.
        decimals: how many are shown, if they suffice to tell the difference from 0.
    """
    if value == committed:
        return ""
    distance = (value - committed) * (100 if unit == "%" else 1)
    text = f"{distance:+,.{choose_decimals(committed, unit) if decimals is None else decimals}f}"
    if not float(text.replace(",", "")):
        text = f"{distance:+.0e}"
    return text + (" points" if unit == "%" else "")


def group_by_dataset(models: Sequence[ModelPage]) -> dict[str, list[ModelPage]]:
    """The models of each dataset; datasets in the order in which the models name them."""
    groups: dict[str, list[ModelPage]] = {}
    for model in models:
        groups.setdefault(model.dataset, []).append(model)
    return groups


def summarize(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """How many targets are reached and course results exceeded, and the time of all trainings."""
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
    """How many models were trained with each value of `key`, the most frequent first."""
    return dict(Counter(record[key] for record in records.values() if key in record).most_common())


def percent(fraction: float, decimals: int = 1) -> str:
    """A fraction as a percentage."""
    return f"{100 * fraction:.{decimals}f}%"


def duration(seconds: float) -> str:
    """Seconds in hours, minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes_left = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes_left:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def show_control_characters(text: str) -> str:
    """Text with a visible sign for each character that HTML does not allow.

    Text that a model wrote, or a file's name, may contain any character.
    """
    return CONTROL.sub(visible_sign, text)


def visible_sign(match: re.Match[str]) -> str:
    """The sign for a control character, or the replacement character."""
    code = ord(match[0])
    if code == 0x7F:
        return "\N{SYMBOL FOR DELETE}"
    return chr(MARKS_OF_CONTROL + code) if code < 0x20 else "\N{REPLACEMENT CHARACTER}"
