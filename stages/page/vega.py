"""Interactive charts of the page: Vega-Lite specifications, as dictionaries.

Those that `dvc plots` draws as well come from the same templates, in stages/page/charts.

Reference:
    Satyanarayan et al.: Vega-Lite: A grammar of interactive graphics, IEEE TVCG 2017.
"""

import copy
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from stages.plots.colors import REFERENCE, TRAINING, VALIDATION

Spec = dict[str, Any]

DATA = "<DVC_METRIC_DATA>"
REVISION = ("rev", "revision")  # fields
SIGNIFICANT = 5  # digits
COLUMNS = 2  # of charts side by side
SIZE = 260  # width and height of a square chart, in pixels
CHART_FIGURES = {  # figures that show chart.csv, and its template
    "latent_space": "autoencoding",
    "class_accuracy": "conditional_generation",
    "representations": "reconstruction",
    "psnr": "restoration",
    "glimpses": "drawing",
    "class_distribution": "image_generation",
    "pixel_value_distribution": "image_generation",
    "word_positions": "language_modeling",
    "accuracy_by_format": "translation",
    "error_by_horizon": "forecasting",
    "analogies": "word_vectors",
}


def javascript() -> str:
    """Return the JavaScript of Vega, Vega-Lite and Vega-Embed, which draw the charts."""
    import vl_convert

    # Its type stub requires `snippet`, which is optional.
    bundle = vl_convert.javascript_bundle()  # type: ignore[call-arg]
    # In a function, since the bundle would define one-letter global names.
    return f"(function () {{\n{bundle}\n}})();\n"


def draw(spec: Spec) -> tuple[str, int, int]:
    """Draw a chart as SVG, for print and for browsers without scripts.

    Returns:
        The SVG document, its width and its height in pixels.
    """
    import vl_convert

    svg = vl_convert.vegalite_to_svg(spec)
    width, height = re.findall(r'\b(?:width|height)="(\d+)"', svg)[:2]
    return svg, int(width), int(height)


def fill_template(template: Mapping[str, Any], records: Sequence[Mapping[str, Any]]) -> Spec:
    """Fill a template of `dvc plots` with the data of one run.

    Args:
        template: Content of a file in stages/page/charts. Its title and its facets by revision are
            removed: the page has one revision and captions.
        records: Rows of the file that the template draws.
    """
    spec = copy.deepcopy(dict(template))
    if spec["data"] != {"values": DATA}:
        raise ValueError(f"expected {DATA} as the data of a template, found {spec['data']}")
    spec["data"] = {"values": [{"rev": "", **shorten(record)} for record in records]}
    del spec["title"], spec["$schema"]  # of an earlier version, of which Vega-Lite would warn
    facets = spec.get("facet", {})
    others = {side: facet for side, facet in facets.items() if facet["field"] not in REVISION}
    if not others and facets:
        spec |= spec.pop("spec")
        del spec["facet"]
    elif others:
        (spec["facet"],) = others.values()
        spec["columns"] = COLUMNS
    return spec


def shorten(record: Mapping[str, Any]) -> dict[str, Any]:
    """Round the numbers of a row of a CSV file, which may be text, to SIGNIFICANT digits."""
    return {name: shorten_number(value) for name, value in record.items()}


def shorten_number(value: Any) -> Any:
    """Round a number, or text that is one; return other text unchanged."""
    try:
        number = float(f"{float(value):.{SIGNIFICANT}g}")
    except ValueError:
        return value
    return number if math.isfinite(number) else value


def learning_curves(template: Mapping[str, Any], history: Sequence[Mapping[str, Any]]) -> Spec:
    """Build a chart per metric of the history, with series that the legend shows and hides.

    Args:
        template: Content of stages/page/charts/history.json.
        history: Rows of history.csv.
    """
    spec = fill_template(template, history)
    spec["spec"] = with_toggle(spec["spec"], "split")
    return spec


def with_toggle(spec: Mapping[str, Any], field: str) -> Spec:
    """Let a click on the legend select one of the series of a chart."""
    encoding = {
        **spec["encoding"],
        "opacity": {"condition": {"param": "shown", "value": 1}, "value": 0.1},
    }
    select = {"type": "point", "fields": [field]}
    params = [{"name": "shown", "select": select, "bind": "legend"}]
    return {**spec, "encoding": encoding, "params": params}


def reliability_diagram(bins: Sequence[Mapping[str, Any]]) -> Spec:
    """Build a reliability diagram, with confidence intervals and the examples per bin.

    Args:
        bins: Records of confidence, accuracy, low, high and examples.
    """
    unit = {"domain": [0, 1]}
    x = {
        "field": "confidence",
        "type": "quantitative",
        "scale": unit,
        "title": "confidence",
    }
    tooltip = [
        {"field": "confidence", "type": "quantitative", "format": ".3f"},
        {"field": "accuracy", "type": "quantitative", "format": ".3f"},
        {"field": "examples", "type": "quantitative", "format": ","},
    ]
    accuracy = {"field": "accuracy", "type": "quantitative", "scale": unit}
    diagonal = {
        "data": {"values": [{"confidence": 0, "accuracy": 0}, {"confidence": 1, "accuracy": 1}]},
        "mark": {"type": "line", "strokeDash": [4, 4], "color": REFERENCE},
        "encoding": {"x": x, "y": accuracy},
    }
    interval = {
        "mark": {"type": "rule", "color": TRAINING},
        "encoding": {
            "x": x,
            "y": {"field": "low", "type": "quantitative", "title": "accuracy"},
            "y2": {"field": "high"},
        },
    }
    curve = {
        "mark": {"type": "line", "color": TRAINING, "point": {"size": 40, "color": TRAINING}},
        "encoding": {"x": x, "y": accuracy, "tooltip": tooltip},
    }
    counts = {
        "width": SIZE,
        "height": SIZE // 4,
        "mark": {"type": "bar", "color": TRAINING, "width": 8},
        "encoding": {
            "x": x,
            "y": {
                "field": "examples",
                "type": "quantitative",
                "scale": {"type": "symlog"},
                "axis": {"tickCount": 3},
            },
            "tooltip": tooltip,
        },
    }
    return with_data(
        bins,
        vconcat=[{"width": SIZE, "height": SIZE, "layer": [diagonal, interval, curve]}, counts],
    )


def roc_precision_recall(curves: Mapping[str, Any]) -> Spec:
    """Build the ROC curve and the precision-recall curve, with thresholds as tooltips.

    Args:
        curves: Curves of a binary classifier; see `binary_curves`.
    """
    roc = line_chart(curves["roc"], "false_positive_rate", "true_positive_rate", [[0, 0], [1, 1]])
    prevalence = curves["prevalence"]
    precision_recall = line_chart(
        curves["precision_recall"], "recall", "precision", [[0, prevalence], [1, prevalence]]
    )
    return {"hconcat": [roc, precision_recall]}


def line_chart(
    columns: Mapping[str, Sequence[float]], x: str, y: str, chance: Sequence[Sequence[float]]
) -> Spec:
    """Build a curve in the unit square.

    Args:
        columns: Values by column; a column `threshold` is shown as a tooltip.
        x: Column of the x axis.
        y: Column of the y axis.
        chance: Two points of the dashed line at chance level.
    """
    records = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    encoding = {
        axis: {
            "field": field,
            "type": "quantitative",
            "scale": {"domain": [0, 1]},
            "title": field.replace("_", " "),
        }
        for axis, field in (("x", x), ("y", y))
    }
    tooltip = [
        {"field": field, "type": "quantitative", "format": ".3f", "title": field.replace("_", " ")}
        for field in columns
    ]
    dashed = {
        "data": {"values": [{x: first, y: second} for first, second in chance]},
        "mark": {"type": "line", "strokeDash": [4, 4], "color": REFERENCE},
        "encoding": encoding,
    }
    curve = {
        "mark": {"type": "line", "color": TRAINING, "point": {"size": 8, "color": TRAINING}},
        "encoding": {**encoding, "tooltip": tooltip},
    }
    return with_data(records, width=SIZE, height=SIZE, layer=[dashed, curve])


def error_rates(
    rates: Mapping[str, Sequence[float]], points: Sequence[Mapping[str, Any]], positive: str
) -> Spec:
    """Build both error rates by threshold, with the operating points.

    Args:
        rates: Columns threshold, false_positive_rate and false_negative_rate.
        points: Operating points; see `operating_points`.
        positive: Name of the positive class.
    """
    names = {"false_positive_rate": "false positives", "false_negative_rate": "false negatives"}

    def records(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        return [
            {"threshold": row["threshold"], "rate": row[name], "error": text}
            for row in rows
            for name, text in names.items()
        ]

    grid = [dict(zip(rates, row, strict=True)) for row in zip(*rates.values(), strict=True)]
    encoding: Spec = {
        "x": {
            "field": "threshold",
            "type": "quantitative",
            "title": f"decision threshold on P({positive})",
        },
        "y": {"field": "rate", "type": "quantitative", "title": "error rate"},
        "color": {
            "field": "error",
            "type": "nominal",
            "scale": {"domain": list(names.values()), "range": [TRAINING, VALIDATION]},
            "title": None,
        },
        "tooltip": [
            {"field": "error", "type": "nominal"},
            {"field": "threshold", "type": "quantitative", "format": ".3f"},
            {"field": "rate", "type": "quantitative", "format": ".3f"},
        ],
    }
    marked = {
        "data": {"values": records(points)},
        "mark": {"type": "point", "filled": True, "size": 50},
        "encoding": encoding,
    }
    return with_data(
        records(grid),
        width=360,
        height=SIZE,
        layer=[{"mark": "line", "encoding": encoding}, marked],
    )


def error_by_time(records: Sequence[Mapping[str, Any]], metric: str) -> Spec:
    """Build a scatter plot of the error of each model against its training time.

    Args:
        records: Records of model, seconds and error.
        metric: Name of the error, for the y axis.
    """
    encoding = {
        "x": {
            "field": "seconds",
            "type": "quantitative",
            "scale": {"type": "log", "nice": False, "padding": 20},
            "title": "training time in seconds",
        },
        "y": {
            "field": "error",
            "type": "quantitative",
            "scale": {"type": "log", "nice": False, "padding": 20},
            "title": metric,
        },
        "tooltip": [
            {"field": "model", "type": "nominal"},
            {"field": "seconds", "type": "quantitative", "format": ",.0f"},
            {"field": "error", "type": "quantitative", "format": ".4g", "title": metric},
        ],
    }
    points = {"mark": {"type": "point", "filled": True, "size": 70, "color": TRAINING}}
    labels = {
        "mark": {"type": "text", "align": "left", "dx": 8},
        "encoding": {"text": {"field": "model"}},
    }
    return with_data(records, width=420, height=SIZE, encoding=encoding, layer=[points, labels])


def accuracy_by_method(records: Sequence[Mapping[str, Any]], metric: str) -> Spec:
    """Build a dot plot of the accuracy of each method, with its interval.

    Args:
        records: Records of method, kind ("classical method" or "network"), accuracy, low and high.
        metric: Name of the accuracy, for the x axis.
    """
    x = {
        "type": "quantitative",
        "scale": {"zero": False, "padding": 10},
        "axis": {"format": ".1~%", "tickCount": 6},
        "title": metric,
    }
    color = {
        "field": "kind",
        "type": "nominal",
        "scale": {"domain": ["classical method", "network"], "range": [TRAINING, VALIDATION]},
        "legend": {"orient": "bottom"},
        "title": None,
    }
    tooltip = [
        {"field": "method", "type": "nominal"},
        *(
            {"field": field, "type": "quantitative", "format": ".2%"}
            for field in ("accuracy", "low", "high")
        ),
    ]
    axis = {"labelExpr": "split(replace(datum.label, ' (', '|('), '|')"}  # two lines
    y = {"field": "method", "type": "nominal", "sort": None, "title": None, "axis": axis}
    interval = {
        "mark": {"type": "rule", "strokeWidth": 2},
        "encoding": {"x": {"field": "low", **x}, "x2": {"field": "high"}},
    }
    point = {
        "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1},
        "encoding": {"x": {"field": "accuracy", **x}},
    }
    return with_data(
        records,
        width=SIZE,
        height={"step": 34},
        encoding={"y": y, "color": color, "tooltip": tooltip},
        layer=[interval, point],
    )


def with_data(records: Sequence[Mapping[str, Any]], **spec: Any) -> Spec:
    """Return a specification with inline data."""
    return {"data": {"values": list(records)}, **spec}


def evaluation_charts(
    details: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
    chart: Sequence[Mapping[str, Any]],
    templates: Mapping[str, Mapping[str, Any]],
) -> dict[str, Spec]:
    """Build the interactive charts of an evaluation.

    Args:
        details: Content of details.json.
        history: Rows of history.csv; empty for a cross-validation.
        chart: Rows of chart.csv, which `dvc plots` draws with the template of the task.
        templates: Templates of `dvc plots` by name.

    Returns:
        Specifications by the name of the figure that shows the same.
    """
    charts, data = {}, details.get("data", {})
    if history:
        charts["learning_curves"] = learning_curves(templates["history"], history)
    if "confusion_matrix" in data:
        charts["confusion_matrix"] = fill_template(
            templates["classification"], data["confusion_matrix"]
        )
    elif figure := CHART_FIGURES.keys() & details.get("captions", {}).keys():
        (name,) = figure
        charts[name] = fill_template(templates[CHART_FIGURES[name]], chart)
    if "reliability_diagram" in data:
        charts["reliability_diagram"] = reliability_diagram(data["reliability_diagram"]["bins"])
    if "curves" in data:
        points = data["operating_points"]
        charts["roc_precision_recall"] = roc_precision_recall(data["curves"])
        charts["error_rates"] = error_rates(
            data["curves"]["error_rates"], points["points"], points["positive_class"]
        )
    return charts
