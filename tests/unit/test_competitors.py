"""The page's comparison of classical methods with networks, with made-up results of both kinds."""

import json
from pathlib import Path
from typing import Any

import pytest
import vl_convert

from stages import report
from stages.core.files import write_json
from stages.page import competitors as co
from stages.page import results
from stages.page.intervals import difference_of_accuracies
from stages.page.render import DatasetPage, render
from stages.page.vega import accuracy_by_method
from tests.unit.test_report import check, model

KNN = {"name": "nearest_neighbors", "pca_components": 40, "neighbors": 3}
LINEAR = {"name": "logistic_regression", "C": 1.0, "max_iter": 100}


def images(knn: float, linear: float = 0.5) -> co.Competition:
    metrics = {"knn": {"test_accuracy": knn}, "linear": {"test_accuracy": linear}}
    return co.Competition(
        "mnist", metrics, {"module": "images", "methods": {"knn": KNN, "linear": LINEAR}}
    )


def network(accuracy: float, name: str = "net") -> co.Network:
    return co.Network(name, "A network", {"test.accuracy": accuracy})


def span(mean: float, margin: float) -> dict[str, float]:
    return {"mean": mean, "low": mean - margin, "high": mean + margin}


def table(
    difference: float = 0.0,
    margin: float = 0.02,
    *,
    doctors: float = 0.0,
    doctors_auc: float = 0.0,
    kept: float = 0.0,
) -> co.Competition:
    """Return results whose differences are method minus network."""
    names = {"linear": None, "alone": "alone", "added": "added"}
    methods = {
        name: {
            "name": "logistic_regression",
            "C": [1.0],
            "interactions": False,
            "splines": False,
            "bi_rads": bi_rads,
            "differences": {
                "accuracy": span(doctors if bi_rads else difference, margin),
                "roc_auc": span(doctors_auc if bi_rads else difference, margin),
            },
        }
        for name, bi_rads in names.items()
    }
    metrics = {
        name: {
            "cv_accuracy": 0.8 + (doctors if bi_rads else difference),
            "cv_accuracy_std": 0.04,
            "cv_roc_auc": 0.87 + (doctors_auc if bi_rads else difference),
        }
        for name, bi_rads in names.items()
    }
    metrics |= {
        "missing_dropped": {"complete_rows_accuracy": 0.8},
        "missing_kept": {"complete_rows_accuracy": 0.8 + kept, "cv_accuracy": 0.79},
        "missing_imputed": {"complete_rows_accuracy": 0.81, "cv_accuracy": 0.785},
    }
    details = {
        "module": "tables",
        "model": "net",
        "methods": methods,
        "missing_values": {
            "rows": 961,
            "complete_rows": 830,
            "differences": {"kept": span(kept, margin), "imputed": span(0, margin)},
        },
        "age_groups": [group(None, 45, 0.6, 0.2), group(45, 65, 0.2, 0.05), group(65, None, 0.1)],
    }
    return co.Competition("mammographic_masses", metrics, details)


def group(lower: int | None, upper: int | None, rate: float, margin: float = 0.05) -> Any:
    errors = {"rate": rate, "low": rate - margin, "high": rate + margin, "rows": 40}
    return {"from": lower, "below": upper, "false_negative": errors, "false_positive": None}


NET = co.Network(
    "net",
    "A network",
    {"test.accuracy": 0.81, "cv.accuracy": 0.8, "cv.accuracy_std": 0.04, "cv.roc_auc": 0.87},
)


def test_the_difference_of_accuracies_is_that_of_newcombe() -> None:
    # 9/10 - 3/10 and 6/7 - 2/7: Newcombe 1998, table II, method 10
    interval = difference_of_accuracies(0.9, 0.3, 10)
    assert (interval.low, interval.high) == pytest.approx((0.1705, 0.8090), abs=6e-5)
    small = difference_of_accuracies(6 / 7, 2 / 7, 7)
    assert (small.low, small.high) == pytest.approx((0.0582, 0.8062), abs=6e-5)
    opposite = difference_of_accuracies(0.3, 0.9, 10)
    assert (-opposite.high, -opposite.low) == pytest.approx((interval.low, interval.high))
    assert difference_of_accuracies(1.0, 1.0, 50).low < 0


def test_the_rows_are_the_methods_by_accuracy_and_the_network() -> None:
    linear, knn, net = co.list_rows(images(0.9), network(0.95), 1000)
    assert [row.accuracy for row in (linear, knn, net)] == [0.5, 0.9, 0.95]
    assert (knn.name, knn.note) == ("3 nearest neighbors", "40 principal components")
    assert (linear.name, linear.note) == ("Logistic regression", "pixels")
    assert knn.advantage
    assert knn.advantage[0] == pytest.approx(0.05)
    assert knn.advantage[1] == difference_of_accuracies(0.95, 0.9, 1000)
    assert net.is_network
    assert net.advantage is None


def test_the_rows_of_a_table_have_the_comparison_by_folds() -> None:
    *methods, net = co.list_rows(table(0.02, doctors=-0.05), NET, 193)
    assert [row.assessed for row in methods] == [True, True, False]
    assert methods[-1].advantage
    mean, interval = methods[-1].advantage
    assert mean == -0.02
    assert (interval.low, interval.high) == pytest.approx((-0.04, 0))
    assert "t-test" in interval.kind
    deviation = methods[-1].interval
    assert (deviation.low, deviation.high) == pytest.approx((0.82 - 0.04, 0.82 + 0.04))
    assert deviation.kind == "mean ± standard deviation over folds"
    assert net.accuracy == 0.8


@pytest.mark.parametrize(
    ("plain", "deep", "expected"),
    [
        (0.9, 0.95, "MNIST: deep learning pays. It makes 50% fewer errors: 95.0% against 90.0%"),
        (
            0.95,
            0.9,
            "MNIST: deep learning does not pay. A classical method makes fewer errors: 90.0%",
        ),
        (0.9, 0.905, "MNIST: deep learning does not pay. The data cannot tell the network from"),
    ],
)
def test_where_deep_learning_pays_depends_on_the_interval(
    plain: float, deep: float, expected: str
) -> None:
    rows = co.list_rows(images(plain), network(deep), 1000)
    sentence = co.summarize(rows, "MNIST")
    assert sentence.startswith(expected)
    assert "of 3 nearest neighbors (40 principal components)" in sentence  # the best one


@pytest.mark.parametrize(
    ("difference", "expected"),
    [
        (-0.05, "deep learning pays. It makes 20% fewer errors"),
        (0.05, "deep learning does not pay. A classical method makes fewer errors"),
        (0.01, "deep learning does not pay. The data cannot tell"),
    ],
)
def test_a_table_is_judged_by_its_folds_and_without_the_radiologists(
    difference: float, expected: str
) -> None:
    rows = co.list_rows(table(difference, doctors=0.2), NET, 193)
    sentence = co.summarize(rows, "Masses")
    assert sentence.startswith(f"Masses: {expected}")
    assert "Radiologists" not in sentence


@pytest.mark.parametrize(
    ("accuracy", "auc", "first", "second"),
    [
        (0.05, 0.05, "by accuracy, the radiologists are", "by ROC AUC, the radiologists are be"),
        (-0.05, -0.05, "by accuracy, the network is better", "by ROC AUC, the network is better"),
        (0.01, -0.05, "by accuracy, the folds do not tell", "by ROC AUC, the network is better"),
    ],
)
def test_the_radiologists_are_compared_by_both_measures(
    accuracy: float, auc: float, first: str, second: str
) -> None:
    text = co.summarize_radiologists(table(doctors=accuracy, doctors_auc=auc), NET)
    assert first in text
    assert second in text
    assert f"(80.0% against {80 + 100 * accuracy:.1f}%; {-accuracy - 0.02:+.3f} to" in text
    assert f"A logistic regression that sees both reaches {0.87 + auc:.3f}" in text
    assert co.summarize_radiologists(images(0.9), network(0.9)) == ""


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        (0.05, "the incomplete rows teach something about the complete ones"),
        (-0.05, "the incomplete rows mislead about the complete ones"),
        (0.01, "the incomplete ones make no difference that folds show"),
    ],
)
def test_what_missing_values_do_depends_on_the_interval(kept: float, expected: str) -> None:
    text = co.summarize_missing_values(table(kept=kept))
    assert expected in text
    assert f"on {80 + 100 * kept:.1f}% with missing values kept" in text
    assert "Fitted on the 830 complete rows alone" in text
    assert co.summarize_missing_values(images(0.9)) == ""


def test_a_bias_by_age_needs_intervals_that_do_not_overlap() -> None:
    young, middle, old = group(None, 45, 0.6, 0.2), group(45, 65, 0.3), group(65, None, 0.1)
    text = co.summarize_ages([young, middle, old])
    assert "in patients below 45 than in those of 65 and older" in text
    assert ": 60.0% of 40 against 10.0% of 40." in text
    assert text.endswith("The average over all patients hides this.")
    opposite = co.summarize_ages([group(None, 45, 0.1), middle, group(65, None, 0.6, 0.2)])
    assert "in patients of 65 and older than in those below 45" in opposite
    chance = co.summarize_ages([young, group(45, 65, 0.5)])
    assert "in patients below 45 than in those of 45 to 64" in chance
    assert chance.endswith("it may be chance.")
    assert co.summarize_ages([young]) == ""
    assert co.summarize_ages([young, {**old, "false_negative": None}]) == ""


def test_the_network_is_the_best_or_the_one_with_these_folds() -> None:
    models = {name: network(value, name) for name, value in (("a", 0.5), ("b", 0.7), ("c", 0.6))}
    assert co.choose_network(images(0.9), models) == models["b"]
    assert co.choose_network(images(0.9), {}) is None
    assert co.choose_network(table(), models | {"net": NET}) == NET
    assert co.choose_network(table(), models) is None
    assert co.present(images(0.9), {}, 100, "MNIST") is None


@pytest.mark.parametrize(
    ("module", "method", "expected"),
    [
        ("images", {"name": "kernel_svm", "pca_components": 9}, ("SVM, RBF kernel", "9 principal")),
        ("texts", {"name": "nb_svm", "ngrams": 2}, ("NB-SVM", "words and pairs of words")),
        ("texts", {"name": "naive_bayes", "ngrams": 1}, ("Multinomial naive Bayes", "words")),
        (
            "tables",
            {"name": "logistic_regression", "interactions": True, "splines": True, "bi_rads": None},
            ("Logistic regression", "all columns, their pairs, splines of age"),
        ),
        (
            "tables",
            {"name": "kernel_svm", "bi_rads": "added"},
            ("SVM, RBF kernel", "all columns and BI-RADS"),
        ),
        (
            "tables",
            {"name": "logistic_regression", "bi_rads": "alone"},
            ("Radiologists", "BI-RADS, their assessment, alone"),
        ),
    ],
)
def test_methods_are_described(
    module: str, method: dict[str, Any], expected: tuple[str, str]
) -> None:
    name, note = co.describe_method(module, method)
    assert name == expected[0]
    assert note.startswith(expected[1])


def test_differences_have_a_sign_unless_they_are_zero() -> None:
    assert [co.points(value) for value in (0.0123, -0.0123, 0.0004, -0.0004, 0.1)] == [
        "+1.2", "-1.2", "0.0", "0.0", "+10.0",
    ]  # fmt: skip


def test_the_chart_has_a_point_and_an_interval_per_method() -> None:
    records = co.chart_records(co.list_rows(images(0.9), network(0.95), 1000))
    assert [record["kind"] for record in records] == [
        "classical method",
        "classical method",
        "network",
    ]
    assert records[1]["low"] < 0.9 < records[1]["high"]
    svg = vl_convert.vegalite_to_svg(accuracy_by_method(records, "accuracy, test split"))
    assert svg.count('aria-roledescription="point"') == 3
    assert ">3 nearest neighbors<" in svg
    assert ">(40 principal components)<" in svg


def test_the_page_has_the_competitors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "REPORTS", tmp_path)
    net = model(id="net", dataset="mammographic_masses", metrics=dict(NET.metrics))
    for competition in (images(0.9), table()):
        folder = tmp_path / "baselines" / competition.dataset
        write_json(folder / "metrics.json", competition.metrics)
        write_json(folder / "details.json", [competition.details])
    sizes = {"mnist": 10_000, "mammographic_masses": 193, "imdb": 5}
    datasets = [
        DatasetPage(name, {"splits": {"test": {"y": {"shape": [size]}}}}, {})
        for name, size in sizes.items()
    ]
    models = [model(), net]
    shown = report.make_competitions(models, datasets)
    assert [each["dataset"] for each in shown] == ["mnist", "mammographic_masses"]
    masses = DatasetPage("mammographic_masses", {}, {})
    row = {**net.row, "metric": "cv.accuracy"}
    page = check(render([models[0], net._replace(row=row)], [masses], {}, competitions=shown))
    assert page.count('<a href="#competitors">') == 1
    for each in shown:
        assert json.dumps(each["sentence"])[1:30] in page
    assert "MNIST: deep learning pays." in page
    assert "below 45</th>" in page
    assert "60.0% (40.0% to 80.0%)" in page
    assert "BI-RADS, their assessment, alone" in page
    assert "competitors" not in render(models, [masses], {})
