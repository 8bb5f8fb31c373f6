from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.core.errors import ConfigError, DataError
from stages.core.splits import Split
from stages.inference.outputs import probabilities
from stages.plots.style import figure_style
from stages.tasks.classification import plots
from stages.tasks.classification.captions import (
    CAPTIONS,
    summarize_confusion,
    summarize_history,
    summarize_operating_points,
)
from stages.tasks.classification.evaluate import choose_confusions, evaluate, name_values
from stages.tasks.classifier import check_evaluator, predict_features
from tests.unit.contexts import brightness_classifier, classifier_history, make_context, passing
from tests.unit.test_metrics import P3, SCORE, Y3, Y

RANDOM = np.random.default_rng(0)
COLUMNS = [{"name": "score"}]
BINARY: dict[str, Any] = {
    "classes": ["nay", "yea"], "positive_class": "yea",
    "input": {"type": "table", "columns": COLUMNS},
}  # fmt: skip
THREE: dict[str, Any] = {
    "classes": ["a", "b", "c"], "positive_class": None,
    "input": {"type": "table", "columns": [{"name": name} for name in "xyz"]},
}  # fmt: skip


def binary_splits() -> dict[str, Split]:
    """A passing model is perfect on training and validation examples, not on test examples."""
    perfect = np.array([0, 1, 1], np.uint8)
    return {
        "train": Split(perfect[:, None].astype(np.float32), perfect),
        "validation": Split(perfect[:2, None].astype(np.float32), perfect[:2]),
        "test": Split(SCORE[:, None].astype(np.float32), Y.astype(np.uint8)),
    }


def test_a_binary_classifier_is_evaluated_on_the_test_split() -> None:
    evaluation = evaluate(make_context(passing(1), binary_splits(), BINARY))
    test = evaluation.metrics["test"]
    assert test["accuracy"] == 5 / 8
    assert test["false_positive_rate"] == pytest.approx(2 / 5)
    assert test["false_negative_rate"] == pytest.approx(1 / 3)
    counts = evaluation.chart.set_index(["actual", "predicted"])["count"].to_dict()
    expected = {("nay", "nay"): 3, ("nay", "yea"): 2, ("yea", "nay"): 1, ("yea", "yea"): 2}
    assert counts == expected
    assert set(evaluation.figures) == {*CAPTIONS} - {"most_confident_errors", "misclassified"}
    assert evaluation.data["operating_points"]["source"] == "test set"
    assert evaluation.data["operating_points"]["positive_class"] == "yea"
    assert evaluation.data["operating_points"]["negative_class"] == "nay"
    assert evaluation.animations == {}


def test_the_most_confident_errors_have_their_values_and_raw_examples() -> None:
    raw = [{"path": f"{number}.txt"} for number in range(8)]
    context = make_context(passing(1), binary_splits(), BINARY, raw=raw)
    first, *_, last = evaluate(context).data["most_confident_errors"]
    assert first == {
        "example": 4, "actual": "nay", "predicted": "yea", "probability": pytest.approx(0.8),
        "values": {"score": pytest.approx(0.8)}, "path": "4.txt",
    }  # fmt: skip
    assert (last["example"], last["path"]) == (3, "3.txt")


def test_three_classes_are_evaluated() -> None:
    test = Split(P3.astype(np.float32), Y3.astype(np.uint8))
    splits = {"test": test}  # nothing else may be read
    evaluation = evaluate(make_context(passing(3), splits, THREE))
    assert evaluation.metrics["test"]["accuracy"] == pytest.approx(4 / 7)
    assert set(evaluation.metrics["test"]) == {"accuracy", "loss", "f1_macro"}
    assert "roc_precision_recall" not in evaluation.figures


def test_images_are_shown_with_their_errors() -> None:
    x = np.full((4, 5, 6), 10, np.uint8)
    x[1], x[2], x[3] = 120, 240, 130
    info = {"classes": ["dark", "gray", "light"], "input": {"type": "image", "shape": [5, 6]}}
    splits = {"test": Split(x, np.array([0, 1, 1, 2], np.uint8))}
    evaluation = evaluate(make_context(brightness_classifier(5, 6, (10, 120, 240)), splits, info))
    errors = evaluation.data["most_confident_errors"]
    assert [(e["example"], e["actual"], e["predicted"]) for e in errors] == [
        (2, "gray", "light"),
        (3, "light", "gray"),
    ]
    axes = evaluation.figures["most_confident_errors"].axes
    assert np.asarray(axes[0].images[0].get_array()).mean() == 240
    assert axes[0].get_title().startswith("true gray, predicted\nlight")
    (grid,) = evaluation.animations["misclassified"]
    assert (grid[:, :6] == 255 - 240).all()
    assert (grid[:, 7:13] == 255 - 130).all()
    shown = evaluation.data["misclassified"]
    assert (shown["columns"], shown["height"], shown["width"]) == (20, 5, 6)
    assert [(e["example"], e["actual"]) for e in shown["errors"]] == [(2, "gray"), (3, "light")]


def test_images_without_errors_have_no_grid_of_them() -> None:
    info = {"classes": ["dark", "light"], "input": {"type": "image", "shape": [5, 6]}}
    x = np.stack([np.full((5, 6), level, np.uint8) for level in (10, 240)])
    splits = {"test": Split(x, np.array([0, 1], np.uint8))}
    evaluation = evaluate(make_context(brightness_classifier(5, 6, (10, 240)), splits, info))
    assert "misclassified" not in evaluation.data | evaluation.animations


def test_each_cell_has_its_most_confident_errors_in_order() -> None:
    y = np.array([1, 0, 1, 0, 1, 0, 0, 1, 0])
    first = np.array([0.6, 0.9, 0.7, 0.4, 0.8, 0.1, 0.2, 0.9, 0.3])  # of class 0
    examples = choose_confusions(y, np.stack([first, 1 - first], axis=1))
    assert examples.tolist() == [5, 6, 8, 7, 4, 2]  # 3 and 0 are less confident


def test_a_positive_class_that_is_not_the_second_is_an_error() -> None:
    info = BINARY | {"positive_class": "nay"}
    with pytest.raises(DataError, match="positive_class: found 'nay', expected the second"):
        evaluate(make_context(passing(1), binary_splits(), info))


def test_probabilities_of_one_unit_are_those_of_class_1_and_rows_sum_to_1() -> None:
    p = probabilities(passing(1), np.array([[0.25]], np.float32), "table")
    assert p.tolist() == [[0.75, 0.25]]
    p = probabilities(passing(2), np.array([[1, 3]], np.float32), "table")
    assert p.tolist() == [[0.25, 0.75]]
    assert p.dtype == np.float64


@given(st.integers(1, 1300), st.integers(1, 9))
def test_texts_are_predicted_in_their_order_whatever_their_length(count: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    x = np.zeros((count, 6), np.int32)
    for row, length in enumerate(random.integers(0, 7, count)):
        x[row, :length] = random.integers(1, 9, length)

    class Sums:
        @staticmethod
        def predict_on_batch(batch: np.ndarray) -> np.ndarray:
            totals = batch.sum(axis=1, dtype=float) + 1
            return np.stack([totals, 1000 - totals], axis=1)

    p = probabilities(Sums, x, "text")  # type: ignore[arg-type]
    assert p[:, 0] == pytest.approx((x.sum(axis=1) + 1) / 1000)


def test_features_are_the_last_hidden_layer() -> None:
    classifier = brightness_classifier(5, 6, (10, 120, 240))
    images = RANDOM.integers(0, 256, (7, 5, 6), np.uint8)
    features, labels = predict_features(classifier, images)
    assert features.dtype == np.float64
    expected = np.stack([images.mean(axis=(1, 2)), images[:, 0, 0]], axis=1) / 255
    assert features == pytest.approx(expected, abs=1e-6)
    distances = np.abs(images.mean(axis=(1, 2))[:, None] - [10, 120, 240])
    assert labels.tolist() == distances.argmin(axis=1).tolist()


def test_an_evaluator_of_other_classes_is_an_error() -> None:
    message = r"evaluation.evaluator: 'm' has output shape \(None, 3\), expected probabilities of 2"
    with pytest.raises(ConfigError, match=message):
        check_evaluator(brightness_classifier(5, 6, (10, 120, 240)), "m", ["a", "b"])


def test_values_are_shown_as_in_the_raw_file() -> None:
    columns: list[dict[str, Any]] = [
        {"name": "vote", "encoding": "identity", "codes": {"n": -1, "y": 1, "?": 0}},
        {"name": "age", "encoding": "standardize"},
        {"name": "shape", "encoding": "one_hot", "codes": {"round": 0, "oval": 1}},
    ]
    values = name_values(columns, np.array([-1, 43, np.nan], np.float32))
    assert values == {"vote": "n", "age": 43, "shape": None}
    assert name_values(columns[::2], np.array([0, 1], np.float32)) == {"vote": "?", "shape": "oval"}


# Figures


@pytest.fixture
def figures() -> Any:
    with figure_style():
        return evaluate(make_context(passing(1), binary_splits(), BINARY)).figures


def test_learning_curves_are_those_of_the_history(figures: Any) -> None:
    loss, accuracy = figures["learning_curves"].axes
    history = classifier_history()
    for axes, column in ((loss, "loss"), (accuracy, "accuracy")):
        training, validation = axes.lines
        assert (training.get_label(), validation.get_label()) == ("training", "validation")
        assert training.get_ydata().tolist() == history[column].tolist()
        assert validation.get_ydata().tolist() == history[f"val_{column}"].tolist()
        assert training.get_xdata().tolist() == [1, 2, 3]
        assert training.get_color() != validation.get_color()


def test_roc_and_precision_recall_are_not_transposed(figures: Any) -> None:
    roc, precision_recall = figures["roc_precision_recall"].axes
    curve, chance = roc.lines
    assert (roc.get_xlabel(), roc.get_ylabel()) == ("false positive rate", "true positive rate")
    assert (0.2, pytest.approx(2 / 3, abs=1e-6)) in list(zip(*curve.get_data(), strict=True))
    assert list(chance.get_xdata()) == list(chance.get_ydata()) == [0, 1]
    curve, prevalence = precision_recall.lines
    assert (pytest.approx(1 / 3, abs=1e-6), 1) in list(zip(*curve.get_data(), strict=True))
    assert set(prevalence.get_ydata()) == {3 / 8}
    assert "AUC 0.667" in roc.get_title()


def test_error_rates_are_drawn_by_their_name(figures: Any) -> None:
    (axes,) = figures["error_rates"].axes
    lines = {line.get_label(): line for line in axes.lines}
    for name, at_065 in (("false positive rate", 1 / 5), ("false negative rate", 1 / 3)):
        x, y = lines[name].get_data()
        assert y[list(x).index(0.65)] == pytest.approx(at_065)
    assert axes.get_xlabel() == "decision threshold on P(yea)"


def test_the_reliability_diagram_shows_accuracy_over_confidence() -> None:
    shown = {"confidence": 0.9, "accuracy": 0.6, "low": 0.5, "high": 0.8, "examples": 5}
    with figure_style():
        data = {"expected_calibration_error": 0.3, "bins": [shown]}
        axes, counts = plots.reliability_diagram(data).axes
    points = next(line for line in axes.lines if np.array(line.get_xdata()).tolist() == [0.9])
    assert np.array(points.get_ydata()).tolist() == [0.6]
    assert (
        counts.patches[0].get_path().get_extents(counts.patches[0].get_patch_transform()).height
        == 5
    )
    assert "0.3000" in axes.get_title()


def test_the_confusion_matrix_has_actual_classes_in_its_rows(figures: Any) -> None:
    axes = figures["confusion_matrix"].axes[0]
    errors = np.asarray(axes.images[0].get_array().filled(np.nan))
    assert errors[0, 1] == pytest.approx(2 / 5)
    assert errors[1, 0] == pytest.approx(1 / 3)
    assert np.isnan(errors.diagonal()).all()
    assert [label.get_text() for label in axes.get_yticklabels()] == ["nay", "yea"]
    assert axes.get_ylabel() == "actual"
    written = {tuple(map(int, text.get_position())): text.get_text() for text in axes.texts}
    assert written == {(0, 0): "3", (1, 0): "2", (0, 1): "1", (1, 1): "2"}
    recall = axes.child_axes[0]
    assert [label.get_text() for label in recall.get_yticklabels()] == ["60.0%", "66.7%"]


# Summaries


def test_summaries_have_the_numbers_of_the_model() -> None:
    counts = np.array([[3, 1, 0], [0, 1, 4], [1, 0, 9]])
    assert summarize_confusion(counts, ["a", "b", "c"]) == (
        "b is the hardest class: 4 of 5 are misclassified, most often as c (4)."
    )
    assert summarize_confusion(np.eye(2, dtype=int), ["a", "b"]) == "No example is misclassified."
    assert summarize_history(classifier_history()) == (
        "The validation loss is lowest after epoch 2: 0.4 nats; at the end it is 0.6."
    )
    assert summarize_history(classifier_history().drop(columns="val_loss")) == ""
    summaries = evaluate(make_context(passing(1), binary_splits(), BINARY)).summaries
    assert "from 1 to 0 of 3" in summaries["error_rates"]
    assert "37.5% of the examples are yea" in summaries["roc_precision_recall"]
    assert "accuracy 62.5%" in summaries["reliability_diagram"]


def test_the_summary_of_thresholds_uses_the_lowest_false_negative_rate() -> None:
    point = {"positives": 10, "negatives": 20}
    points = [
        point
        | {"max_false_negative_rate": m, "threshold": t}
        | {"false_negatives": n, "false_positives": p}
        for m, t, n, p in ((0.2, 0.6, 2, 3), (None, 0.5, 1, 5), (0.05, 0.1, 0, 9))
    ]  # fmt: skip
    assert summarize_operating_points(points, "ill") == (
        "Moving the threshold from 0.50 to 0.10 changes the false negatives (ill) from 1 to 0 of "
        "10, and the false positives from 5 to 9 of 20."
    )
