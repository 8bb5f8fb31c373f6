"""Render the template of the report page. Pure functions: stages/report.py reads the files."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from stages.page import captions, cards, competitors, networks, recipes
from stages.page.environment import make_environment
from stages.page.explanations import COURSES
from stages.page.exports import ExportPage
from stages.page.inside import DrawnDigits, Inside
from stages.page.intervals import Interval, choose_intervals, find_intervals
from stages.page.media import compress
from stages.page.recipes import Recipe, plural
from stages.page.vega import Spec

TEMPLATE = "report.html.jinja"
HIDDEN_FIGURES = {"misclassified", "decoded_grid", "token_nll"}  # the page has them interactively
MIN_SEEDS = 3  # a target is met if it is reached with this many seeds
CONTROL_PICTURES = 0x2400  # the Unicode block with a symbol for each control character
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


class Animation(NamedTuple):
    """All frames of an animation.

    Attributes:
        url: Grid of the frames, row by row, as a data: URL.
        frames: Number of frames.
        columns: Frames per row.
    """

    url: str
    frames: int
    columns: int


class Figure(NamedTuple):
    """A figure of the page.

    Attributes:
        url: Image as a data: URL; of an animation, the last frame.
        width: Width in pixels.
        height: Height in pixels.
        title: Title of the caption.
        description: Description of the figure.
        animation: Frames, or None.
        chart: Specification of an interactive chart, or None.
    """

    url: str
    width: int
    height: int
    title: str
    description: str
    animation: Animation | None = None
    chart: Spec | None = None


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
        recipe: How the model is trained.
        course_recipe: Entry of benchmarks/recipes.yaml; empty if there is none.
        exploration_figures: Figures of the exploration of its noise space.
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
    recipe: Recipe
    course_recipe: Mapping[str, Any]
    exploration_figures: Mapping[str, Figure] = {}

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


class StudyPage(NamedTuple):
    """A study and what it found.

    Attributes:
        id: Id of the study.
        report: Content of details.json: question, finding, models, metric and results.
        figures: Its figures.
    """

    id: str
    report: Mapping[str, Any]
    figures: Sequence[Figure]

    @property
    def rows(self) -> list[dict[str, str]]:
        """The results by variant, as texts: variant, mean, range, and what diverged."""
        unit, rows = choose_unit(self.report["metric"], ""), []
        for result in self.report["results"]:
            values, diverged = result["values"], result["diverged"]
            mean = sum(values) / len(values) if values else None
            decimals = choose_decimals(mean or 0, unit)
            limits = [with_unit(f(values), unit, decimals) for f in (min, max) if values]
            rows.append(
                {
                    "variant": result["variant"],
                    "mean": "" if mean is None else with_unit(mean, unit, decimals),
                    "range": " to ".join(limits),
                    "note": f"{plural(diverged, 'run')} diverged" if diverged else "",
                }
            )
        return rows


class Charts(NamedTuple):
    """What draws, besides the figures of models.

    Attributes:
        by_time: Charts of error against training time, by dataset.
        library: JavaScript of Vega-Lite, compressed; see media.compress.
    """

    by_time: Mapping[str, Figure] = {}
    library: str = ""


NO_CHARTS = Charts()


def render(
    models: Sequence[ModelPage],
    datasets: Sequence[DatasetPage],
    baseline: Mapping[str, Any],
    charts: Charts = NO_CHARTS,
    studies: Sequence[StudyPage] = (),
    *,
    competitions: Sequence[Mapping[str, Any]] = (),
    exported: ExportPage | None = None,
    drawn_digits: DrawnDigits | None = None,
    inside: Inside | None = None,
) -> str:
    """Render the page as HTML, without control characters.

    Args:
        models: Models; within a dataset, in the order of the results table.
        datasets: Datasets, in the order of their data cards.
        baseline: Content of reports/baseline.json, or an empty dictionary.
        charts: Charts of error against training time, and what draws all charts.
        studies: Studies, in the order of the page.
        competitions: Classical methods by dataset; see competitors.present, with their `figure`.
        exported: Exported models, None if there are none.
        drawn_digits: Answers for drawn digits.
        inside: Explanations of answers.
    """
    environment = make_environment()
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "sort_keys": True}
    environment.filters |= {
        "compressed_json": lambda value: compress(
            json.dumps(value, separators=(",", ":"), sort_keys=True)
        ),
        "percent": percent,
        "duration": duration,
        "dataset_title": lambda dataset: captions.describe_dataset(dataset).title,
        "dataset_credit": lambda dataset: captions.describe_dataset(dataset).credit,
        "count_title": captions.describe_count,
        "split_title": lambda split: cards.SPLITS.get(split, split),
        "metric_title": captions.describe_metric,
        "difference": difference,
        "points": competitors.points,
        "age_group": competitors.name_group,
        "surprisal": lambda data: zip(data["text"], data["nats"], strict=True),
    }
    records = baseline.get("models", {})
    sizes = {dataset.id: count_test_examples(dataset.report) for dataset in datasets}
    results = {
        model.id: describe_result(model, records.get(model.id, {}), sizes.get(model.dataset))
        for model in models
    }
    page = environment.get_template(TEMPLATE).render(
        models=models,
        datasets=datasets,
        results=results,
        about={
            model.id: describe_model(model.id, model.recipe, model.course_recipe)
            for model in models
        },
        groups=group_by_dataset(models),
        hidden_figures=HIDDEN_FIGURES,
        min_seeds=MIN_SEEDS,
        overview=summarize(list(results.values())),
        baseline=baseline,
        time_charts=charts.by_time,
        vega=charts.library,
        studies=studies,
        competitions=competitions,
        exported=exported,
        drawn_digits=drawn_digits,
        inside=inside,
        records=records,
        precisions=count_values(records, "precision"),
        processors=count_values(records, "processor"),
    )
    return show_control_characters(page)


def count_test_examples(report: Mapping[str, Any]) -> int | None:
    """Return the number of test examples in a data report, None if it has no test split."""
    test = report.get("splits", {}).get("test")
    return test["y"]["shape"][0] if test else None


def describe_model(model: str, recipe: Recipe, course_recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a model is, and its recipe next to that of the course.

    Args:
        model: Id of the model.
        recipe: How the model is trained.
        course_recipe: Entry of benchmarks/recipes.yaml; empty if there is none.

    Returns:
        sentence, settings (rows of the recipe table), course_note, references, code (address of
        the network's code, relative to the page) and course_code (likewise, of the network of the
        course; empty if params.yaml can describe it).
    """
    course, settings = None, recipes.list_settings(recipe)
    if course_recipe:
        course = COURSES.get(model)
        settings = recipes.compare_settings(model, recipe, course_recipe)
    return {
        "sentence": networks.describe_network(recipe.network),
        "settings": settings,
        "course_note": course.note if course else "",
        "references": networks.find_references(recipe.network),
        "code": f"../stages/networks/{recipe.network['name']}/train.py",
        "course_code": f"../benchmarks/as_taught/{model}.py" if course and course.layers else "",
    }


def describe_result(
    model: ModelPage, record: Mapping[str, Any], num_examples: int | None = None
) -> dict[str, Any]:
    """Return the cells of a model's row in the results table.

    Args:
        model: Results of the model.
        record: Record of the model in the baseline, or an empty dictionary.
        num_examples: Number of test examples, None if unknown.

    Returns:
        Texts by name, empty if not available. `reached` (the target, with every seed) and `better`
        (than the course) are booleans, or None without a value to compare with; `num_seeds` is an
        integer. `intervals` are pairs of an interval and its kind, `main_intervals` those for the
        table; `values` are the numbers behind the texts, for sorting.
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
    intervals = find_intervals(row["metric"], model.metrics, model.seed_results, num_examples)

    def texts(chosen: Sequence[Interval]) -> list[tuple[str, str]]:
        return [(describe_interval(interval, unit, decimals), interval.kind) for interval in chosen]

    return {
        "metric": captions.describe_metric(row["metric"]),
        "unit": unit,
        "direction": "higher is better" if maximize else "lower is better",
        "result": with_unit(value, unit, decimals),
        "committed": "" if committed is None else with_unit(committed, unit, decimals),
        "difference": "" if committed is None else difference(value, committed, unit, decimals),
        "course": "" if row["course"] is None else as_printed(row["course"], unit),
        **describe_benchmark(model.benchmark, unit, decimals),
        "target": "" if row["target"] is None else as_printed(row["target"], unit),
        "reached": reached,
        "status": describe_status(reached, len(values)),
        "sign": describe_sign(reached, len(values)),
        "num_seeds": len(values),
        "intervals": texts(intervals),
        "main_intervals": texts(choose_intervals(intervals)),
        "better": better,
        "num_params": model.details.get("num_params"),
        "values": {
            "result": value,
            "course": row["course"],
            "rerun": model.benchmark.get("as_taught_quality", {}).get(row["metric"]),
            "target": row["target"],
        },
        "seconds": record.get("train_seconds"),
        "length": training_length(model.details),
    }


def error_records(models: Sequence[ModelPage], records: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the error and the training time of classifiers, the fastest first.

    Args:
        models: Models of a dataset.
        records: `models` of the baseline, for the training times.

    Returns:
        Records of model, seconds and error, for models whose main metric is an accuracy and whose
        training time is known.
    """
    timed = [
        {
            "model": model.id,
            "seconds": records[model.id]["train_seconds"],
            "error": 1 - model.metrics[model.row["metric"]],
        }
        for model in models
        if model.row["metric"].endswith("accuracy") and "train_seconds" in records.get(model.id, {})
    ]
    return sorted(timed, key=lambda record: record["seconds"])


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
    return "met" if num_seeds >= MIN_SEEDS else f"reached with {plural(num_seeds, 'seed')}"


def describe_sign(reached: bool | None, num_seeds: int) -> str:
    """Return the sign next to a status: in brackets if too few seeds reached the target."""
    if not reached:
        return "" if reached is None else "✗"
    return "✓" if num_seeds >= MIN_SEEDS else "(✓)"


def describe_interval(interval: Interval, unit: str, decimals: int) -> str:
    """Format an interval in the unit and with the decimals of its result."""
    limits = (with_unit(limit, unit, decimals) for limit in (interval.low, interval.high))
    return " to ".join(limits)


def as_printed(value: float, unit: str) -> str:
    """Format a constant with the digits that it is given with."""
    if unit == "%":
        return f"{recipes.number(100 * value)}%"
    return recipes.number(value)


def training_length(details: Mapping[str, Any]) -> str:
    """Return the training length in words: epochs, or steps in step-based training."""
    for unit in ("epochs", "steps"):
        if details.get(unit) is not None:
            return plural(details[unit], unit.removesuffix("s"))
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
        "timed": len(times),
        "reruns": sum(bool(result["rerun"]) for result in results),
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
