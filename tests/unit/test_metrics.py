import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import linalg, stats

from stages.metrics import classification as cl
from stages.metrics import distances, generation, images, likelihood

# 5 negatives and 3 positives; 1 false negative, 2 false positives, and one score of exactly 0.5.
Y = np.array([0, 0, 0, 0, 0, 1, 1, 1])
SCORE = np.array([0.1, 0.3, 0.5, 0.6, 0.8, 0.2, 0.7, 0.95])
P = np.stack([1 - SCORE, SCORE], axis=1)
# Classes of 4, 2 and 1 examples; 0 is once predicted as 1, 1 never as 0, 2 as 1.
Y3 = np.array([0, 0, 0, 0, 1, 1, 2])
P3 = np.array(
    [[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.9, 0.1, 0.0],
     [0.1, 0.8, 0.1], [0.2, 0.2, 0.6], [0.0, 0.9, 0.1]]
)  # fmt: skip
RANDOM = np.random.default_rng(0)


def test_metrics_of_two_classes() -> None:
    pairs = [(n, p) for n in SCORE[Y == 0] for p in SCORE[Y == 1]]
    precision, recall = 2 / 4, 2 / 3
    positive_f1 = 2 * precision * recall / (precision + recall)
    negative_f1 = 2 * (3 / 4) * (3 / 5) / (3 / 4 + 3 / 5)
    assert cl.classification_metrics(Y, P) == pytest.approx(
        {
            "accuracy": 5 / 8,
            "loss": -np.mean(np.log(np.where(Y == 1, SCORE, 1 - SCORE))),
            "f1_macro": (positive_f1 + negative_f1) / 2,
            "roc_auc": np.mean([n < p for n, p in pairs]),
            "false_positive_rate": 2 / 5,
            "false_negative_rate": 1 / 3,
        }
    )


def test_metrics_of_three_classes_count_classes_that_do_not_occur() -> None:
    metrics = cl.classification_metrics(Y3[:4], P3[:4])
    assert set(metrics) == {"accuracy", "loss", "f1_macro"}
    assert metrics["accuracy"] == 3 / 4
    assert metrics["loss"] == pytest.approx(-np.log([0.7, 0.6, 0.2, 0.9]).mean())
    assert metrics["f1_macro"] == pytest.approx((2 * 1 * 0.75 / 1.75) / 3)


def test_a_probability_of_exactly_half_is_predicted_negative() -> None:
    assert cl.predicted_classes(np.array([[0.5, 0.5]])).tolist() == [0]
    metrics = cl.cross_validation_metrics(
        np.array([0, 1]), np.array([[[0.5, 0.5], [0.4, 0.6]]]), np.array([[0, 0]])
    )
    assert metrics["accuracy"] == 1


def test_the_confusion_matrix_is_not_transposed() -> None:
    records = cl.confusion_records(Y3, P3, ["a", "b", "c"])
    counts = {(r["actual"], r["predicted"]): r["count"] for r in records if r["count"]}
    assert counts == {("a", "a"): 3, ("a", "b"): 1, ("b", "b"): 1, ("b", "c"): 1, ("c", "b"): 1}
    assert len(records) == 9


def test_calibration_by_hand() -> None:
    found = cl.calibration(Y, P, num_bins=5)
    confidence, correct = P.max(axis=1), P.argmax(axis=1) == Y
    edges = [0.0, 0.6, 0.7, 0.8, 0.9, 1.0]
    expected = [
        np.flatnonzero((confidence > low + 1e-9) & (confidence <= high + 1e-9))
        for low, high in pairwise(edges)
    ]
    assert sum(map(len, expected)) == 8
    filled = [rows for rows in expected if len(rows)]
    assert [b["examples"] for b in found["bins"]] == [len(rows) for rows in filled]
    for shown, rows in zip(found["bins"], filled, strict=True):
        assert shown["confidence"] == pytest.approx(confidence[rows].mean())
        assert shown["accuracy"] == pytest.approx(correct[rows].mean())
        assert shown["low"] <= shown["accuracy"] <= shown["high"]
    error = sum(
        len(rows) / 8 * abs(confidence[rows].mean() - correct[rows].mean()) for rows in filled
    )
    assert found["expected_calibration_error"] == pytest.approx(error)
    unweighted = np.mean([abs(confidence[r].mean() - correct[r].mean()) for r in filled])
    assert abs(error - unweighted) > 0.01


def test_calibration_of_known_models() -> None:
    p = np.tile([0.75, 0.25], (400, 1))
    y = (np.arange(400) % 4 == 0).astype(int)
    assert cl.calibration(y, p)["expected_calibration_error"] == pytest.approx(0)
    assert cl.calibration(1 - y, p)["expected_calibration_error"] == pytest.approx(0.5)
    (only,) = cl.calibration(y, p)["bins"]
    assert only["low"] == pytest.approx(0.7053, abs=1e-4)  # Wilson, 300 of 400
    assert only["high"] == pytest.approx(0.7899, abs=1e-4)


def test_operating_points_are_exact() -> None:
    points = {p["max_false_negative_rate"]: p for p in cl.operating_points(Y, SCORE, (0.4, 0.0))}
    assert (points[None]["threshold"], points[0.4]["threshold"]) == (0.5, 0.7)
    assert points[0.0]["threshold"] == 0.2
    assert [points[k]["false_negatives"] for k in (None, 0.4, 0.0)] == [1, 1, 0]
    assert [points[k]["false_positives"] for k in (None, 0.4, 0.0)] == [2, 1, 4]
    assert {(p["positives"], p["negatives"]) for p in points.values()} == {(3, 5)}
    assert points[0.4]["false_negative_rate"] == pytest.approx(1 / 3)
    assert points[0.4]["false_positive_rate"] == pytest.approx(1 / 5)
    thresholds = [p["threshold"] for p in cl.operating_points(Y, SCORE, (0.4, 0.0))]
    assert thresholds == sorted(thresholds, reverse=True)


@st.composite
def labels_and_scores(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    count = draw(st.integers(4, 40))
    labels = hnp.arrays(int, count, elements=st.integers(0, 1))
    scores = hnp.arrays(float, count, elements=st.floats(0.001, 0.999))
    return draw(labels.filter(lambda y: 0 < y.sum() < len(y))), draw(scores)


@given(labels_and_scores(), st.floats(0, 0.99))
def test_no_threshold_within_the_limit_has_fewer_false_positives(
    examples: tuple[np.ndarray, np.ndarray], limit: float
) -> None:
    y, score = examples
    point = next(
        p
        for p in cl.operating_points(y, score, (limit,))
        if p["max_false_negative_rate"] is not None
    )
    assert point["false_negative_rate"] <= limit
    for threshold in score:
        other = cl.count_errors(y, score >= threshold)
        if other["false_negative_rate"] <= limit:
            assert other["false_positives"] >= point["false_positives"]


def test_curves_pass_through_the_points_of_a_known_model() -> None:
    curves = cl.binary_curves(Y, SCORE)
    roc = list(zip(*curves["roc"].values(), strict=True))
    assert list(curves["roc"]) == ["false_positive_rate", "true_positive_rate", "threshold"]
    assert (0.2, pytest.approx(2 / 3, abs=1e-6), 0.7) in roc  # 1 of 5, 2 of 3
    assert (roc[0], roc[-1]) == ((0, 0, 1), (1, 1, SCORE.min()))
    precision_recall = list(zip(*curves["precision_recall"].values(), strict=True))
    assert list(curves["precision_recall"]) == ["recall", "precision", "threshold"]
    assert (pytest.approx(1 / 3, abs=1e-6), 1, 0.95) in precision_recall
    assert precision_recall[-1] == (0, 1, 1)
    rates = curves["error_rates"]
    at = rates["threshold"].index(0.65)
    assert rates["false_positive_rate"][at] == 1 / 5
    assert rates["false_negative_rate"][at] == 1 / 3
    assert curves["prevalence"] == 3 / 8
    assert curves["roc_auc"] == cl.classification_metrics(Y, P)["roc_auc"]
    assert curves["average_precision"] == pytest.approx((1 + 2 / 3 + 3 / 7) / 3)


def test_a_score_at_the_threshold_is_negative_in_the_curves() -> None:
    rates = cl.binary_curves(np.array([0, 1]), np.array([0.5, 0.5]))["error_rates"]
    at, below = rates["threshold"].index(0.5), rates["threshold"].index(0.49)
    assert (rates["false_positive_rate"][at], rates["false_negative_rate"][at]) == (0, 1)
    assert (rates["false_positive_rate"][below], rates["false_negative_rate"][below]) == (1, 0)


@given(labels_and_scores())
def test_error_rates_are_monotonic(examples: tuple[np.ndarray, np.ndarray]) -> None:
    rates = cl.binary_curves(*examples)["error_rates"]
    assert (np.diff(rates["false_positive_rate"]) <= 0).all()
    assert (np.diff(rates["false_negative_rate"]) >= 0).all()


def test_a_thinned_curve_keeps_both_ends() -> None:
    thinned = cl.thin({"a": np.arange(1000.0), "b": -np.arange(1000.0)}, 10)
    assert (thinned["a"][0], thinned["a"][-1], thinned["b"][-1]) == (0, 999, -999)
    assert len(thinned["a"]) == 10
    assert cl.thin({"a": np.arange(3.0)}, 10)["a"] == [0, 1, 2]


def test_the_most_confident_errors_come_first() -> None:
    # Errors: 3 (0.6 for 1), 4 (0.8 for 1), 5 (0.8 for 0); equal ones in order.
    assert cl.most_confident_errors(Y, P, 5).tolist() == [4, 5, 3]
    assert cl.most_confident_errors(Y, P, 1).tolist() == [4]
    assert cl.most_confident_errors(Y3, P3, 9).tolist() == [6, 5, 2]


def test_cross_validation_is_the_mean_over_unequal_folds() -> None:
    # Folds 0, 1, 2 of 4, 2, 2 examples, with 1, 0 and 2 errors.
    y = np.array([0, 0, 1, 1, 0, 1, 0, 1])
    score = np.array([0.1, 0.6, 0.7, 0.8, 0.2, 0.9, 0.7, 0.4])
    p = np.stack([1 - score, score], axis=1)[None]
    fold = np.array([[0, 0, 0, 0, 1, 1, 2, 2]])
    accuracies = [0.75, 1, 0]
    assert cl.cross_validation_metrics(y, p, fold) == pytest.approx(
        {
            "accuracy": np.mean(accuracies),
            "accuracy_std": np.std(accuracies),
            "roc_auc": np.mean([1, 1, 0]),
        }
    )
    again = cl.cross_validation_metrics(y, np.concatenate([p, p]), np.concatenate([fold, fold]))
    assert again["accuracy"] == pytest.approx(np.mean(accuracies))


def test_cross_validation_of_three_classes_has_no_auc() -> None:
    metrics = cl.cross_validation_metrics(Y3, P3[None], np.zeros((1, 7), int))
    assert metrics == {"accuracy": 4 / 7, "accuracy_std": 0}


# Distances


def test_the_frechet_distance_of_known_distributions() -> None:
    # Diagonal covariances: |difference|^2 + sum (s - t)^2.
    base = np.array([[1.0, 1], [1, -1], [-1, 1], [-1, -1]]) * np.sqrt(3 / 4)  # covariance 1
    a, b = base * [1, 2], base * [3, 5] + [10, 20]
    expected = 100 + 400 + (1 - 3) ** 2 + (2 - 5) ** 2
    assert distances.frechet_distance(a, b) == pytest.approx(expected)
    assert distances.frechet_distance(b, a) == pytest.approx(expected)
    assert distances.frechet_distance(a, a) == pytest.approx(0, abs=1e-9)


def test_the_frechet_distance_agrees_with_the_matrix_square_root() -> None:
    a, b = RANDOM.normal(size=(50, 4)) @ RANDOM.normal(size=(4, 4)), RANDOM.normal(size=(30, 4)) + 1
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = linalg.sqrtm(cov_a @ cov_b).real
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(cov_a + cov_b - 2 * root)
    assert distances.frechet_distance(a, b) == pytest.approx(expected)
    assert distances.frechet_distance(a.astype(np.float32), b) == pytest.approx(expected, rel=1e-5)


def test_the_sliced_wasserstein_distance_is_the_mean_over_directions() -> None:
    a, b = RANDOM.normal(size=(300, 3)), RANDOM.normal(size=(500, 3)) * 2 + 1
    directions = distances.random_directions(3, 20, np.random.default_rng(1))
    expected = np.mean([stats.wasserstein_distance(a @ d, b @ d) for d in directions.T])
    found = distances.sliced_wasserstein(a, b, directions)
    assert found == pytest.approx(expected, rel=0.01)
    assert found == pytest.approx(distances.sliced_wasserstein(b, a, directions))


@given(st.floats(-2, 2), st.floats(-2, 2))
def test_the_distance_of_a_shifted_sample_is_known(right: float, up: float) -> None:
    sample = np.random.default_rng(2).normal(size=(100, 2))
    shifted = sample + np.array([right, up])
    distance = distances.sliced_wasserstein(sample, shifted, distances.plane_directions())
    assert distance == pytest.approx(2 / np.pi * np.hypot(right, up), rel=0.01, abs=1e-6)


def test_directions_have_length_one_and_follow_the_generator() -> None:
    first = distances.random_directions(30, 7, np.random.default_rng(3))
    assert first.shape == (30, 7)
    assert np.linalg.norm(first, axis=0) == pytest.approx(np.ones(7), rel=1e-5)
    assert (first == distances.random_directions(30, 7, np.random.default_rng(3))).all()
    plane = distances.plane_directions(4)
    assert plane == pytest.approx(
        np.array([[1, 0.5**0.5, 0, -(0.5**0.5)], [0, 0.5**0.5, 1, 0.5**0.5]])
    )


def test_the_distance_of_images_is_in_gray_levels() -> None:
    dark = np.zeros((6, 2, 2), np.uint8)
    light = np.full((9, 2, 2), 200, np.uint8)
    one_pixel = np.eye(4)[:, :1]
    assert distances.sliced_wasserstein(dark, light, one_pixel) == pytest.approx(200)


# Generation


def test_class_metrics() -> None:
    fractions = generation.class_fractions(np.array([0, 0, 0, 2]), 4)
    assert fractions.tolist() == [0.75, 0, 0.25, 0]
    expected = 0.75 * math.log(0.75 * 4) + 0.25 * math.log(0.25 * 4)
    assert generation.class_kl(fractions) == pytest.approx(expected)
    assert generation.class_kl(np.full(10, 0.1)) == pytest.approx(0)
    assert generation.classes_covered(np.array([0.96, 0.02, 0.0199, 0.0001])) == 2


def test_coverage_is_the_fraction_of_real_points_near_generated_ones() -> None:
    real = np.concatenate([np.arange(6.0), np.arange(100.0, 104.0)])[:, None]  # radius 1 to 96
    assert generation.coverage(np.array([[0.0]]), real, num_neighbors=1) == 0.2  # 0 and 1
    assert generation.coverage(np.array([[0.0]]), real, num_neighbors=3) == 0.3  # and 2
    assert generation.coverage(real, real) == 1
    assert generation.coverage(real + 1000, real) == 0


# Likelihood


@given(
    hnp.arrays(np.uint8, (3, 4, 2)),
    hnp.arrays(np.float32, (3, 4, 2), elements=st.floats(-10, 10, width=32)),
)
def test_reconstruction_is_the_summed_cross_entropy(x: np.ndarray, logits: np.ndarray) -> None:
    targets, p = x / 255, 1 / (1 + np.exp(-logits.astype(float)))
    expected = -(targets * np.log(p) + (1 - targets) * np.log(1 - p)).sum(axis=(1, 2))
    assert likelihood.reconstruction_loss(x, logits) == pytest.approx(expected)


def test_reconstruction_of_large_logits_is_finite() -> None:
    white = np.full((1, 4, 4), 255, np.uint8)
    assert likelihood.reconstruction_loss(white, np.full((1, 4, 4), 1000.0)).tolist() == [0]
    assert likelihood.reconstruction_loss(white, np.full((1, 4, 4), -1000.0)).tolist() == [16_000]


@given(
    hnp.arrays(np.float32, (2, 3), elements=st.floats(-3, 3, width=32)),
    hnp.arrays(np.float32, (2, 3), elements=st.floats(-4, 2, width=32)),
)
def test_kl_is_the_integral_that_it_stands_for(mean: np.ndarray, log_variance: np.ndarray) -> None:
    z = np.linspace(-20, 20, 4001)
    sigma = np.exp(log_variance.astype(float) / 2)[..., None]
    log_q = stats.norm.logpdf(z, mean[..., None], sigma)
    expected = (np.exp(log_q) * (log_q - stats.norm.logpdf(z))).sum(axis=-1) * (z[1] - z[0])
    found = likelihood.kl_divergence(mean, log_variance)
    assert found == pytest.approx(expected.sum(axis=1), abs=1e-3)


def test_vae_metrics_weight_the_kl_in_the_loss_but_not_in_the_elbo() -> None:
    metrics = likelihood.vae_metrics(np.array([10.0, 30.0]), np.array([1.0, 3.0]), 3.0)
    assert metrics == {
        "total_loss": 26, "reconstruction_loss": 20, "kl_loss": 2, "elbo": -22,
    }  # fmt: skip


def test_bits_per_character() -> None:
    assert likelihood.bits_per_character(math.log(8)) == pytest.approx(3)


# Images


def test_psnr_of_a_known_error() -> None:
    target = np.full((10, 3), 51, np.uint8) / 255
    assert images.psnr(np.full((10, 3), 0.3), target) == pytest.approx(20)
    assert images.psnr(np.full((10, 3), 0.21), target) == pytest.approx(40)
    assert images.psnr(target, target) == 100
