"""Classical methods beside the networks on the page: their results, and what the comparison shows.

Every sentence is computed: it depends on intervals, which may include no difference.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from stages.page.intervals import Interval, difference_of_accuracies, wilson

NGRAMS = {1: "words", 2: "words and pairs of words", 3: "sequences of up to three words"}


class Competition(NamedTuple):
    """The classical methods of a dataset.

    Attributes:
        dataset: Id of the dataset.
        metrics: Metrics by method.
        details: Content of details.json.
    """

    dataset: str
    metrics: Mapping[str, Mapping[str, float]]
    details: Mapping[str, Any]

    @property
    def cross_validated(self) -> bool:
        """Whether the methods were cross-validated."""
        return self.details["module"] == "tables"

    @property
    def model(self) -> str:
        """Id of the model whose folds were used, empty if there are none."""
        return str(self.details.get("model", ""))


class Network(NamedTuple):
    """The network that the methods of a dataset are compared with."""

    id: str
    title: str
    metrics: Mapping[str, float]


class Row(NamedTuple):
    """A method or the network in the table.

    Attributes:
        name: Name of the method, or title of the model.
        note: What it sees, or the id of the model.
        accuracy: Accuracy in cross-validation or on the test split.
        interval: Its interval.
        roc_auc: Area under the ROC curve, None for more than two classes.
        advantage: Network minus method and its interval; None for the network.
        is_network: Whether it is the network.
        assessed: Whether it sees the radiologists' assessment.
    """

    name: str
    note: str
    accuracy: float
    interval: Interval
    roc_auc: float | None
    advantage: tuple[float, Interval] | None
    is_network: bool = False
    assessed: bool = False


def choose_network(competition: Competition, models: Mapping[str, Network]) -> Network | None:
    """Return the cross-validated model, otherwise the one with the best test accuracy.

    Args:
        competition: Classical methods of a dataset.
        models: Classifiers of the dataset by id.
    """
    if competition.cross_validated:
        return models.get(competition.model)
    return max(models.values(), key=lambda model: model.metrics["test.accuracy"], default=None)


def list_rows(competition: Competition, network: Network, num_examples: int) -> list[Row]:
    """Return the methods from the least to the most accurate, and the network last.

    Args:
        competition: Classical methods of a dataset.
        network: Network to compare them with.
        num_examples: Number of test examples.
    """
    make = cross_validated_row if competition.cross_validated else tested_row
    rows = [
        make(name, competition, network, num_examples) for name in competition.details["methods"]
    ]
    part = "cv" if competition.cross_validated else "test"
    accuracy = network.metrics[f"{part}.accuracy"]
    last = Row(
        name=network.title,
        note=network.id,
        accuracy=accuracy,
        interval=around(accuracy, network.metrics["cv.accuracy_std"])
        if competition.cross_validated
        else wilson(accuracy, num_examples),
        roc_auc=network.metrics.get(f"{part}.roc_auc"),
        advantage=None,
        is_network=True,
    )
    return [*sorted(rows, key=lambda row: row.accuracy), last]


def tested_row(name: str, competition: Competition, network: Network, num_examples: int) -> Row:
    """Return the row of a method with a result on the test split."""
    metrics = competition.metrics[name]
    accuracy, best = metrics["test_accuracy"], network.metrics["test.accuracy"]
    return Row(
        *describe_method(competition.details["module"], competition.details["methods"][name]),
        accuracy=accuracy,
        interval=wilson(accuracy, num_examples),
        roc_auc=metrics.get("test_roc_auc"),
        advantage=(best - accuracy, difference_of_accuracies(best, accuracy, num_examples)),
    )


def cross_validated_row(
    name: str, competition: Competition, network: Network, num_examples: int
) -> Row:
    """Return the row of a method that was cross-validated on the folds of the network."""
    del network, num_examples
    metrics, method = competition.metrics[name], competition.details["methods"][name]
    difference = method["differences"]["accuracy"]
    return Row(
        *describe_method("tables", method),
        accuracy=metrics["cv_accuracy"],
        interval=around(metrics["cv_accuracy"], metrics["cv_accuracy_std"]),
        roc_auc=metrics["cv_roc_auc"],
        advantage=(-difference["mean"], reverse(difference)),
        assessed=method["bi_rads"] is not None,
    )


def around(mean: float, deviation: float) -> Interval:
    """Return the interval of one standard deviation on each side."""
    return Interval(mean - deviation, mean + deviation, "mean ± standard deviation over folds")


def reverse(difference: Mapping[str, float]) -> Interval:
    """Return the interval of network minus method, from that of method minus network."""
    kind = "95% interval, corrected resampled t-test over folds"
    return Interval(-difference["high"], -difference["low"], kind)


def describe_method(module: str, method: Mapping[str, Any]) -> tuple[str, str]:
    """Return the name of a method, and what it sees.

    Args:
        module: Module of stages/baselines.
        method: Settings of the method.
    """
    describe: Callable[[Mapping[str, Any]], tuple[str, str]] = {
        "images": describe_image_method,
        "texts": describe_text_method,
        "tables": describe_table_method,
    }[module]
    return describe(method)


def describe_image_method(method: Mapping[str, Any]) -> tuple[str, str]:
    """Return the name of a method for images, and what it sees."""
    name = {
        "logistic_regression": "Logistic regression",
        "nearest_neighbors": f"{method.get('neighbors')} nearest neighbors",
        "gradient_boosting": "Histogram gradient boosting",
        "kernel_svm": "SVM, RBF kernel",
    }[method["name"]]
    components = method.get("pca_components")
    return name, f"{components} principal components" if components else "pixels"


def describe_text_method(method: Mapping[str, Any]) -> tuple[str, str]:
    """Return the name of a method for texts, and what it sees."""
    name = {
        "naive_bayes": "Multinomial naive Bayes",
        "logistic_regression": "Logistic regression on tf-idf",
        "nb_logistic_regression": "NB-weighted logistic regression",
        "nb_svm": "NB-SVM",
    }[method["name"]]
    return name, NGRAMS[method["ngrams"]]


def describe_table_method(method: Mapping[str, Any]) -> tuple[str, str]:
    """Return the name of a method for tables, and what it sees."""
    name = {
        "logistic_regression": "Logistic regression",
        "gradient_boosting": "Histogram gradient boosting",
        "kernel_svm": "SVM, RBF kernel",
    }[method["name"]]
    if method["bi_rads"] == "alone":
        return "Radiologists", "BI-RADS, their assessment, alone"
    inputs = "all columns" if method["bi_rads"] is None else "all columns and BI-RADS"
    extra = [
        text
        for key, text in (("interactions", "their pairs"), ("splines", "splines of age"))
        if method.get(key)
    ]
    return name, ", ".join([inputs, *extra])


def summarize(rows: Sequence[Row], dataset: str) -> str:
    """Say whether deep learning pays on a dataset, by the interval of the difference.

    Methods that see the radiologists' assessment are left out: the network does not see it.

    Args:
        rows: Methods and network; see `list_rows`.
        dataset: Display name of the dataset.
    """
    (network,) = (row for row in rows if row.is_network)
    plain = [row for row in rows if row.advantage and not row.assessed]
    best = max(plain, key=lambda row: row.accuracy)
    assert best.advantage
    mean, interval = best.advantage
    method = f"{best.name} ({best.note})"
    scores = f"{percent(network.accuracy)} against {percent(best.accuracy)} of {method}"
    span = (
        f"difference {points(mean)} percentage points, 95% interval {points(interval.low)} to "
        f"{points(interval.high)}"
    )
    if interval.low > 0:
        fewer = 1 - (1 - network.accuracy) / (1 - best.accuracy)
        verdict = f"deep learning pays. It makes {fewer:.0%} fewer errors"
    elif interval.high < 0:
        verdict = "deep learning does not pay. A classical method makes fewer errors"
    else:
        verdict = (
            "deep learning does not pay. The data cannot tell the network from the best "
            "classical method"
        )
    return f"{dataset}: {verdict}: {scores} ({span})."


def summarize_radiologists(competition: Competition, network: Network) -> str:
    """Compare the network with the radiologists' assessment, by accuracy and ROC AUC.

    Returns:
        Sentences; empty if the dataset has no assessment.
    """
    methods = competition.details["methods"]
    alone = [name for name, method in methods.items() if method.get("bi_rads") == "alone"]
    if not alone:
        return ""
    name = alone[0]
    differences = {
        metric: reverse(difference) for metric, difference in methods[name]["differences"].items()
    }
    texts = []
    for metric, show in (("accuracy", percent), ("roc_auc", "{:.3f}".format)):
        interval = differences[metric]
        ours, doctors = network.metrics[f"cv.{metric}"], competition.metrics[name][f"cv_{metric}"]
        limits = f"{interval.low:+.3f} to {interval.high:+.3f}"
        if interval.high < 0:
            verdict = "the radiologists are better"
        elif interval.low > 0:
            verdict = "the network is better, though they made its data"
        else:
            verdict = "the folds do not tell them apart"
        title = {"accuracy": "accuracy", "roc_auc": "ROC AUC"}[metric]
        texts.append(f"by {title}, {verdict} ({show(ours)} against {show(doctors)}; {limits})")
    text = (
        "The network, which sees what the radiologists described, against BI-RADS, their own "
        f"assessment, alone: {'; '.join(texts)}. BI-RADS has few grades, so that many masses tie, "
        "which lowers its ROC AUC."
    )
    added = [name for name, method in methods.items() if method.get("bi_rads") == "added"]
    if added:
        both = competition.metrics[added[0]]["cv_roc_auc"]
        text += f" A logistic regression that sees both reaches {both:.3f}."
    return text


def summarize_missing_values(competition: Competition) -> str:
    """Say what dropping, keeping and imputing missing values does; empty without such a test."""
    details = competition.details.get("missing_values")
    if not details:
        return ""
    dropped, kept, imputed = (
        competition.metrics[f"missing_{name}"] for name in ("dropped", "kept", "imputed")
    )
    kept_difference = details["differences"]["kept"]
    low, high = kept_difference["low"], kept_difference["high"]
    if low > 0:
        verdict = "the incomplete rows teach something about the complete ones"
    elif high < 0:
        verdict = "the incomplete rows mislead about the complete ones"
    else:
        verdict = "for the complete rows, the incomplete ones make no difference that folds show"
    complete, rows = details["complete_rows"], details["rows"]
    return (
        f"Missing values: {verdict}. Fitted on the {complete:,} complete rows alone, logistic "
        f"regression is right on {percent(dropped['complete_rows_accuracy'])} of them; fitted on "
        f"all {rows:,}, on {percent(kept['complete_rows_accuracy'])} with missing values kept as "
        f"they are (difference {points(low)} to {points(high)} percentage points) and "
        f"{percent(imputed['complete_rows_accuracy'])} with imputed ones. On all rows, which "
        f"dropping cannot predict, it is right on {percent(kept['cv_accuracy'])} and "
        f"{percent(imputed['cv_accuracy'])}."
    )


def summarize_ages(groups: Sequence[Mapping[str, Any]]) -> str:
    """Say whether the false negative rate of the network differs between age groups.

    Args:
        groups: Age groups; see stages.baselines.comparison.errors_by_age.
    """
    known = [group for group in groups if group["false_negative"]]
    if len(known) < 2:
        return ""
    order = sorted(known, key=lambda group: group["false_negative"]["rate"])
    least, most = order[0], order[-1]
    numbers = " against ".join(
        f"{percent(group['false_negative']['rate'])} of {group['false_negative']['rows']}"
        for group in (most, least)
    )
    text = (
        f"With one threshold for all, the network misses more of the malignant masses in patients "
        f"{name_group(most)} than in those {name_group(least)}: {numbers}"
    )
    if most["false_negative"]["low"] > least["false_negative"]["high"]:
        return f"{text}. The average over all patients hides this."
    return f"{text}. But the intervals overlap: it may be chance."


def name_group(group: Mapping[str, Any]) -> str:
    """Return an age group in words."""
    lower, upper = group["from"], group["below"]
    if lower is None:
        return f"below {upper}"
    return f"of {lower} and older" if upper is None else f"of {lower} to {upper - 1}"


def present(
    competition: Competition, models: Mapping[str, Network], num_examples: int, title: str
) -> dict[str, Any] | None:
    """Return what the page shows of the classical methods of a dataset, except for the chart.

    Args:
        competition: Classical methods of a dataset.
        models: Classifiers of the dataset by id.
        num_examples: Number of test examples.
        title: Display name of the dataset.

    Returns:
        dataset, protocol, rows, sentence, notes and age_groups; None if there is no network.
    """
    network = choose_network(competition, models)
    if network is None:
        return None
    rows = list_rows(competition, network, num_examples)
    groups = competition.details.get("age_groups", [])
    notes = [
        summarize_missing_values(competition),
        summarize_radiologists(competition, network),
        summarize_ages(groups),
    ]
    return {
        "dataset": competition.dataset,
        "protocol": "cross-validated" if competition.cross_validated else "test split",
        "rows": rows,
        "sentence": summarize(rows, title),
        "notes": [note for note in notes if note],
        "age_groups": groups,
    }


def describe_chart(rows: Sequence[Row]) -> str:
    """Return the description of the chart."""
    kind = rows[-1].interval.kind
    return f"Accuracy of classical methods and, last, of the network; the bars are the {kind}."


def chart_records(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the records of the chart; see vega.accuracy_by_method."""
    return [
        {
            "method": f"{row.name} ({row.note})",
            "kind": "network" if row.is_network else "classical method",
            "accuracy": row.accuracy,
            "low": row.interval.low,
            "high": row.interval.high,
        }
        for row in rows
    ]


def percent(value: float) -> str:
    """Format an accuracy or a rate."""
    return f"{100 * value:.1f}%"


def points(value: float) -> str:
    """Format a difference in percentage points."""
    return f"{100 * value:+.1f}".replace("+0.0", "0.0").replace("-0.0", "0.0")
