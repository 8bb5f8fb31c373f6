import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stages.data import Part
from stages.errors import UserError
from stages.tasks.classification import metrics
from stages.tasks.classification.cross_validation import out_of_fold

Y = np.array([0, 0, 0, 1, 1])
SCORE = np.array([0.1, 0.4, 0.6, 0.3, 0.9])
P = np.stack([1 - SCORE, SCORE], axis=1)


def test_the_numbers_of_a_model_of_two_classes() -> None:
    scores = metrics.classification(Y, P)
    assert scores == pytest.approx(
        {
            "accuracy": 3 / 5,
            "loss": -np.log([0.9, 0.6, 0.4, 0.3, 0.9]).mean(),
            "f1_macro": (2 / 3 + 1 / 2) / 2,
            "roc_auc": 4 / 6,
            "false_positive_rate": 1 / 3,
            "false_negative_rate": 1 / 2,
        }
    )


def test_the_numbers_of_a_model_of_three_classes() -> None:
    p = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.6, 0.2, 0.2]])
    scores = metrics.classification(np.array([0, 1, 2]), p)
    expected = {"accuracy": 2 / 3, "loss": -np.log([0.8, 0.7, 0.2]).mean()}
    assert scores == pytest.approx(expected | {"f1_macro": (2 / 3 + 1 + 0) / 3})


def test_confusion_counts_every_pair() -> None:
    records = metrics.confusion(Y, P, ["no", "yes"])
    counts = {(r["actual"], r["predicted"]): r["count"] for r in records}
    assert counts == {("no", "no"): 2, ("no", "yes"): 1, ("yes", "no"): 1, ("yes", "yes"): 1}


def test_cross_validation_is_the_mean_over_folds() -> None:
    y = np.array([0, 1, 0, 1])
    score = np.array([[0.2, 0.8, 0.7, 0.6], [0.2, 0.8, 0.3, 0.6]])
    fold = np.array([[0, 0, 1, 1], [0, 0, 1, 1]])
    once = metrics.cross_validation(y, score[:1], fold[:1])
    assert once == {"accuracy": 0.75, "accuracy_std": 0.25, "roc_auc": 0.5}
    assert metrics.cross_validation(y, score, fold)["accuracy"] == 0.875


def test_a_lower_threshold_trades_misses_for_false_alarms() -> None:
    columns = metrics.trade_offs(Y, SCORE, (0.0,))
    assert columns["false_negatives"] == [1, 0]
    assert columns["false_positives"] == [1, 2]
    assert 0.29 < columns["threshold"][1] < 0.3


def test_a_model_that_is_as_sure_as_it_is_right_is_calibrated() -> None:
    p = np.tile([0.75, 0.25], (400, 1))
    y = (np.arange(400) % 4 == 0).astype(int)
    assert metrics.calibration(y, p)["expected_calibration_error"] == pytest.approx(0)
    assert metrics.calibration(1 - y, p)["expected_calibration_error"] == pytest.approx(0.5)


def test_the_worst_mistakes_come_first() -> None:
    assert metrics.worst_mistakes(Y, P, 5).tolist() == [3, 2]
    assert metrics.worst_mistakes(Y, P, 1).tolist() == [3]


labels_and_scores = st.integers(4, 40).flatmap(
    lambda n: st.tuples(
        hnp.arrays(int, n, elements=st.integers(0, 1)).filter(lambda y: 0 < y.sum() < len(y)),
        hnp.arrays(float, n, elements=st.floats(0.001, 0.999)),
    )
)


@given(labels_and_scores)
def test_error_rates_go_opposite_ways_with_the_threshold(
    given_rows: tuple[np.ndarray, np.ndarray],
) -> None:
    rates = metrics.error_rates(*given_rows, np.linspace(0, 1, 21))
    assert (np.diff(rates["false_positive_rate"]) <= 0).all()
    assert (np.diff(rates["false_negative_rate"]) >= 0).all()
    assert rates["false_positive_rate"][0] == rates["false_negative_rate"][-1] == 1


@given(labels_and_scores)
def test_curves_are_finite_and_between_0_and_1(given_rows: tuple[np.ndarray, np.ndarray]) -> None:
    curves = metrics.curves(*given_rows)
    for columns in curves.values():
        for values in columns.values():
            assert (np.isfinite(values) & (np.array(values) >= 0) & (np.array(values) <= 1)).all()
    y, score = given_rows
    gap = metrics.calibration(y, np.stack([1 - score, score], axis=1))
    assert 0 <= gap["expected_calibration_error"] <= 1


def test_each_row_is_scored_by_a_model_that_has_not_seen_it() -> None:
    part = Part(np.arange(20, dtype=float)[:, None], (np.arange(20) % 2).astype(np.uint8))
    seen: list[float] = []

    def fit_and_score(kept: Part, x: np.ndarray) -> np.ndarray:
        assert not set(kept.x.ravel()) & set(x.ravel())
        assert kept.y.mean() == 0.5
        seen.extend(x.ravel())
        return x.ravel()

    scores, folds = out_of_fold(fit_and_score, part, 5, 2, 1)
    assert sorted(seen) == sorted([*range(20)] * 2)
    assert scores.tolist() == [list(range(20))] * 2
    assert [np.bincount(fold).tolist() for fold in folds] == [[4] * 5] * 2
    assert (folds[0] != folds[1]).any()


def test_more_folds_than_rows_of_a_class_are_a_user_error() -> None:
    part = Part(np.zeros((5, 1)), np.array([0, 0, 0, 0, 1], np.uint8))
    with pytest.raises(UserError, match="2 folds need as many rows of each class, one has 1"):
        out_of_fold(lambda _, x: x[:, 0], part, 2, 1, 1)
