from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from pydantic import TypeAdapter
from scipy.stats import ttest_rel
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
from threadpoolctl import threadpool_limits

from stages import baseline
from stages.baselines import comparison, images, tables, texts
from stages.baselines.common import Dataset, Predictions, score
from stages.config.load import load_params, parse_params
from stages.config.schema import AnyBaselines
from stages.core.errors import ConfigError, DataError
from stages.core.files import flatten, read_json
from stages.core.splits import SPLITS, Split, concatenate, save_split
from tests.factories import COLUMNS, INFOS, make_images, make_table, make_texts
from tests.unit.test_config import changed

ADAPTER: TypeAdapter[Any] = TypeAdapter(AnyBaselines)
IMAGES = ADAPTER.validate_python(
    {
        "module": "images",
        "model": "none",
        "seed": 1,
        "methods": {
            "linear": {"name": "logistic_regression", "C": 1.0, "max_iter": 50},
            "knn": {"name": "nearest_neighbors", "pca_components": 4, "neighbors": 3},
            "boosting": {
                "name": "gradient_boosting",
                "pca_components": 4,
                "learning_rate": 0.3,
                "max_iter": 5,
                "max_leaf_nodes": 4,
            },
            "svm": {"name": "kernel_svm", "pca_components": 4, "C": 10.0, "gamma": 0.1},
        },
    }
)
TEXTS = ADAPTER.validate_python(
    {
        "module": "texts",
        "model": "none",
        "seed": 1,
        "methods": {
            "naive_bayes": {"name": "naive_bayes", "ngrams": 1, "alpha": 1.0},
            "linear": {"name": "logistic_regression", "ngrams": 2, "C": 10.0},
            "weighted": {"name": "nb_logistic_regression", "ngrams": 2, "C": 1.0},
            "svm": {"name": "nb_svm", "ngrams": 1, "C": 1.0},
        },
    }
)
METHODS: dict[str, dict[str, Any]] = {
    "linear": {"name": "logistic_regression", "C": [0.1, 1.0]},
    "pairs": {
        "name": "logistic_regression", "C": [0.1], "interactions": True, "splines": True,
    },
    "boosting": {
        "name": "gradient_boosting", "learning_rate": 0.3, "max_iter": 5, "max_leaf_nodes": [3],
    },
    "svm": {"name": "kernel_svm", "C": [1.0], "gamma": [0.1]},
    "radiologist": {"name": "logistic_regression", "C": [1.0], "bi_rads": "alone"},
    "both": {"name": "logistic_regression", "C": [1.0], "bi_rads": "added"},
}  # fmt: skip
TABLES = ADAPTER.validate_python(
    {
        "module": "tables",
        "model": "a_model",
        "seed": 1,
        "methods": METHODS,
        "missing_values": {"C": 1.0},
        "age_limits": [45],
    }
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As in the stage; several threads that wait for each other slow down such small problems."""
    with threadpool_limits(1):
        yield


def splits_of(examples: Split) -> dict[str, Split]:
    parts = np.split(np.arange(len(examples.y)), [len(examples.y) // 2, 2 * len(examples.y) // 3])
    return {name: examples.take(part) for name, part in zip(SPLITS, parts, strict=True)}


def folds_of(y: np.ndarray, folds: int = 3, repeats: int = 2) -> np.ndarray:
    """Return stratified folds: the members of each class in turn."""
    turn = np.empty(len(y), int)
    for label in np.unique(y):
        turn[y == label] = np.arange((y == label).sum())
    return np.stack([(turn + repeat * (turn // folds)) % folds for repeat in range(repeats)])


@pytest.fixture
def table() -> Dataset:
    examples = make_table(120)
    random = np.random.default_rng(5)
    p = np.clip(random.normal(0.3 + 0.4 * examples.y, 0.2, (2, 120)), 0, 1)
    bi_rads = np.where(random.random(120) < 0.1, np.nan, 2.0 + 3 * examples.y)
    network = Predictions(np.stack([1 - p, p], axis=-1), folds_of(examples.y))
    return Dataset(splits_of(examples), INFOS["table"], network, bi_rads)


def test_every_method_for_images_learns() -> None:
    results = images.evaluate(
        IMAGES, Dataset(splits_of(make_images((60, 60, 60))), INFOS["images"])
    )
    assert results.metrics.keys() == IMAGES.methods.keys()
    for metrics in results.metrics.values():
        assert metrics.keys() == {"test_accuracy"}
        assert metrics["test_accuracy"] > 0.8
    assert results.details["methods"]["knn"]["neighbors"] == 3


def test_images_become_vectors_of_brightness() -> None:
    vectors = images.as_vectors(np.array([[[0, 51], [255, 102]]], np.uint8))
    assert vectors.tolist() == [pytest.approx([0, 0.2, 1, 0.4])]


def test_every_method_for_texts_learns() -> None:
    dataset = Dataset(splits_of(make_texts(300)), INFOS["texts"])
    results = texts.evaluate(TEXTS, dataset)
    assert results.metrics.keys() == TEXTS.methods.keys()
    for metrics in results.metrics.values():
        assert metrics.keys() == {"test_accuracy", "test_roc_auc"}
        assert metrics["test_roc_auc"] > 0.9


def test_the_ngrams_of_a_text_do_not_have_its_padding() -> None:
    ids = np.array([5, 7, 5, 0, 0], np.uint16)
    base = texts.BASE
    pairs = [5 * base + 7, 7 * base + 5]
    assert texts.Ngrams(1)(ids) == [5, 7, 5]
    assert texts.Ngrams(3)(ids) == [5, 7, 5, *pairs, (5 * base + 7) * base + 5]
    largest = np.full(3, base - 1, np.uint16)
    assert texts.Ngrams(3)(largest)[-1] == base**3 - 1  # does not overflow
    assert texts.Ngrams(2)(ids[:1]) == [5]
    assert texts.Ngrams(2)(np.zeros(4, np.uint16)) == []


def test_naive_bayes_weights_are_log_count_ratios() -> None:
    x, y = sp.csr_matrix([[1, 0], [1, 1], [0, 1]]), np.array([1, 1, 0])
    weights = texts.NaiveBayesWeights().fit(x, y)
    expected = np.log([(3 / 5) / (1 / 3), (2 / 5) / (2 / 3)])  # smoothed by 1
    assert weights.ratio_ == pytest.approx(expected)
    assert weights.transform(x).toarray() == pytest.approx(x.toarray() * expected)


def test_every_method_for_tables_is_cross_validated_tested_and_compared(table: Dataset) -> None:
    results = tables.evaluate(TABLES, table)
    keys = {"cv_accuracy", "cv_accuracy_std", "cv_roc_auc", "test_accuracy", "test_roc_auc"}
    for name, method in METHODS.items():
        assert results.metrics[name].keys() == keys
        assert results.metrics[name]["cv_roc_auc"] > 0.8, name
        stored = results.details["methods"][name]
        assert stored.items() >= method.items()
        accuracy = stored["differences"]["accuracy"]
        assert accuracy["low"] < accuracy["mean"] < accuracy["high"]
    others = results.metrics.keys() - METHODS.keys()
    assert others == {
        "missing_dropped", "missing_kept", "missing_imputed",
        "network_age_below_45", "network_age_from_45",
    }  # fmt: skip
    # The label decides BI-RADS here, except where it is missing.
    assert results.metrics["radiologist"]["cv_roc_auc"] > 0.9
    assert results.metrics["both"]["cv_roc_auc"] >= results.metrics["linear"]["cv_roc_auc"]


def test_rows_are_predicted_by_classifiers_that_have_not_seen_them(table: Dataset) -> None:
    examples = concatenate([table.splits[name] for name in SPLITS])
    seen: list[np.ndarray] = []

    class Remembering(LogisticRegression):
        def fit(self, x: np.ndarray, y: np.ndarray) -> Any:  # type: ignore[override]
            seen.append(x[:, 0].astype(int))
            return super().fit(x, y)

    rows = Split(np.arange(120.0)[:, None], examples.y)
    folds = folds_of(examples.y)
    complete = np.arange(120) % 4 > 0
    p = tables.predict_out_of_fold(Remembering(), rows, folds, complete)
    assert p.shape == (2, 120, 2)
    assert p.sum(axis=2) == pytest.approx(np.ones((2, 120)))
    assert len(seen) == 6
    for number, trained in enumerate(seen):
        held_out = folds[number // 3] == number % 3
        assert set(trained) == set(np.flatnonzero(~held_out & complete))


def test_probabilities_are_those_of_the_classifier(table: Dataset) -> None:
    examples = concatenate([table.splits[name] for name in SPLITS])
    rows = Split(np.nan_to_num(examples.x), examples.y)
    folds = folds_of(examples.y)
    p = tables.predict_out_of_fold(LogisticRegression(max_iter=500), rows, folds)
    held_out = folds[1] == 2
    fitted = LogisticRegression(max_iter=500).fit(rows.x[~held_out], rows.y[~held_out])
    assert p[1, held_out] == pytest.approx(fitted.predict_proba(rows.x[held_out]))


def test_the_encoding_knows_missing_values() -> None:
    x = np.array([[40, 2, 1], [60, 2, 1], [np.nan, 3, -1], [50, np.nan, 0]], np.float32)
    blank = tables.blank_missing(x, COLUMNS)
    assert np.isnan(blank).sum(axis=0).tolist() == [1, 1, 1]
    assert np.isnan(x).sum() == 2  # unchanged
    kept = tables.encode(COLUMNS).fit_transform(blank)
    ages = np.array([-1, 1, 0, 0]) * np.sqrt(2)
    assert kept[:, 0] == pytest.approx(ages)
    assert kept[:, 1:4].tolist() == [[0, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]]
    assert kept[:, 4].tolist() == [1, 1, -1, 0]
    imputed = tables.encode(COLUMNS, impute=True).fit_transform(blank)
    assert imputed[:, 1:].tolist() == [[1, 0, 1], [1, 0, 1], [0, 1, -1], [1, 0, 1]]
    coded = tables.encode(COLUMNS, as_codes=True, splines=True).fit_transform(blank)
    assert coded.shape == (4, 6 + 3 + 3)


def test_bi_rads_is_added_or_alone() -> None:
    x, bi_rads = make_table(5).x, np.array([4, 5, np.nan, 2, 3])
    alone, columns = tables.choose_columns(x, COLUMNS, bi_rads, "alone")
    assert np.array_equal(alone[:, 0], bi_rads, equal_nan=True)
    assert [column["name"] for column in columns] == ["bi_rads"]
    added, columns = tables.choose_columns(x, COLUMNS, bi_rads, "added")
    assert np.array_equal(added[:, :3], x, equal_nan=True)
    again, names = tables.choose_columns(
        added, columns, bi_rads, "added"
    )  # it is never there twice
    assert again.shape == added.shape
    assert [column["name"] for column in names] == ["age", "shape", "vote", "bi_rads"]
    assert tables.choose_columns(x, COLUMNS, bi_rads, None)[0] is x


def test_treatments_are_compared_on_complete_rows(table: Dataset) -> None:
    examples = concatenate([table.splits[name] for name in SPLITS])
    rows = Split(tables.blank_missing(examples.x, COLUMNS), examples.y)
    folds = folds_of(examples.y)
    results = tables.compare_treatments(TABLES, rows, COLUMNS, folds)
    complete = ~np.isnan(rows.x).any(axis=1)
    assert results["details"]["complete_rows"] == complete.sum() < 120
    # Among complete rows, all treatments are the same.
    only = Split(rows.x[complete], rows.y[complete])
    same = tables.compare_treatments(TABLES, only, COLUMNS, folds_of(only.y))["metrics"]
    assert len({values["complete_rows_accuracy"] for values in same.values()}) == 1
    assert same["kept"]["cv_accuracy"] == same["dropped"]["complete_rows_accuracy"]
    assert "cv_accuracy" not in same["dropped"]


def test_scores_are_above_zero_for_class_1() -> None:
    x, y = sp.csr_matrix([[3, 0], [0, 2], [2, 1], [1, 3]]), np.array([1, 0, 1, 0])
    for method in TEXTS.methods.values():
        fitted = texts.build(method, 1).fit(x, y)
        assert ((score(fitted, x) > 0) == (fitted.predict(x) == 1)).all()


def test_metrics_of_folds_agree_with_scikit_learn(table: Dataset) -> None:
    assert table.network
    y = concatenate([table.splits[name] for name in SPLITS]).y
    p, folds = table.network
    accuracies = comparison.fold_accuracies(y, table.network)
    aucs = comparison.fold_aucs(y, table.network)
    held_out = folds[1] == 0
    assert accuracies[3] == accuracy_score(y[held_out], p[1, held_out, 1] > 0.5)
    assert aucs[3] == roc_auc_score(y[held_out], p[1, held_out, 1])
    among = np.arange(len(y)) < 60
    counted = comparison.fold_accuracies(y, table.network, among)
    assert counted[3] == accuracy_score(y[held_out & among], p[1, held_out & among, 1] > 0.5)


def test_the_interval_is_that_of_a_paired_t_test_with_a_larger_variance() -> None:
    first, second = np.random.default_rng(0).normal(0.8, 0.05, (2, 20))
    plain = ttest_rel(first, second).confidence_interval(0.95)
    found = comparison.interval_of_difference(first - second, num_folds=10)
    assert found["mean"] == pytest.approx((plain.low + plain.high) / 2)
    wider = np.sqrt((1 / 20 + 1 / 9) / (1 / 20))
    assert found["high"] - found["low"] == pytest.approx(wider * (plain.high - plain.low))
    same = comparison.interval_of_difference(np.zeros(20), num_folds=10)
    assert same == {"mean": 0, "low": 0, "high": 0}


def test_errors_are_counted_by_age() -> None:
    y = np.array([1, 1, 1, 0, 0, 1])
    ages = np.array([30, 44, 45, 46, 80, np.nan])
    score_ = np.array([[0.1, 0.9, 0.8, 0.7, 0.2, 0.0], [0.2, 0.6, 0.7, 0.9, 0.6, 0.0]])
    young, old, oldest = comparison.errors_by_age(y, score_, ages, [45, 90])
    assert (young["from"], young["below"], old["from"], old["below"]) == (None, 45, 45, 90)
    assert young["false_negative"]["rate"] == 0.5
    assert young["false_negative"]["rows"] == 2
    assert young["false_positive"] is None
    assert old["false_negative"]["rate"] == 0
    assert old["false_positive"]["rate"] == 0.75
    assert old["false_positive"]["low"] < 0.75 < old["false_positive"]["high"]
    assert oldest["false_negative"] is None
    assert comparison.rates([young, old, oldest]) == {
        "age_below_45": {"false_negative_rate": 0.5},
        "age_from_45": {"false_negative_rate": 0.0, "false_positive_rate": 0.75},
    }


def write_predictions(path: Path, y: np.ndarray, folds: np.ndarray) -> None:
    path.parent.mkdir(parents=True)
    repeats = len(folds)
    pd.DataFrame(
        {
            "example": np.tile(np.arange(len(y)), repeats),
            "repeat": np.repeat(np.arange(repeats), len(y)),
            "fold": folds.ravel(),
            "label": np.tile(y, repeats),
            "probability": np.tile(0.3 + 0.4 * y, repeats),
        }
    ).to_csv(path, index=False)


def test_predictions_of_other_examples_are_refused(tmp_path: Path) -> None:
    path, y = tmp_path / "m/cv_predictions.csv", make_table().y
    write_predictions(path, y, folds_of(y))
    read = baseline.read_predictions(path, y)
    assert (read.folds == folds_of(y)).all()
    assert read.p[1, :, 1] == pytest.approx(0.3 + 0.4 * y)
    for other in (1 - y, y[:-1]):
        with pytest.raises(DataError, match=r"cv_predictions.csv: expected predictions of the \d+"):
            baseline.read_predictions(path, other)
    with pytest.raises(DataError, match="cannot be read"):
        baseline.read_predictions(tmp_path / "no.csv", y)


def test_the_stage_writes_the_same_bytes_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    examples = make_table(90)
    for name, split in splits_of(examples).items():
        save_split(tmp_path / "data/processed/congressional_votes" / name, split)
    write_predictions(
        tmp_path / "models/votes_mlp/cv_predictions.csv", examples.y, folds_of(examples.y)
    )
    params = load_params(Path(__file__).parents[2] / "params.yaml")
    methods = {name: TABLES.methods[name] for name in ("linear", "svm")}
    config = TABLES.model_copy(update={"model": "votes_mlp", "methods": methods})
    changed_params = params.model_copy(update={"baselines": {"congressional_votes": config}})
    monkeypatch.setattr(baseline, "load_params", lambda: changed_params)
    monkeypatch.setattr(baseline, "load_info", lambda _: INFOS["table"])
    folder = tmp_path / "reports/baselines/congressional_votes"
    written = []
    for _ in range(2):
        baseline.main("congressional_votes")
        written.append([path.read_bytes() for path in sorted(folder.iterdir())])
    assert written[0] == written[1]
    metrics = flatten(read_json(folder / "metrics.json"))
    assert {"linear.cv_accuracy", "svm.test_roc_auc", "missing_kept.cv_accuracy"} <= metrics.keys()
    (details,) = read_json(folder / "details.json")
    assert details["model"] == "votes_mlp"


def test_bi_rads_belongs_to_the_rows(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    lines = [
        f"{4 + label},{30 + number},{random.integers(1, 5)},3,?,{label}"
        for number in range(60)
        for label in (number % 2,)
    ]
    (tmp_path / "mammographic_masses.data").write_text("\n".join(lines))
    params = load_params(Path(__file__).parents[2] / "params.yaml")
    config: Any = params.datasets["mammographic_masses"]
    config = config.model_copy(update={"source": str(tmp_path), "expected": {}})
    from stages.datasets import mammographic_masses as masses

    prepared = masses.prepare(tmp_path, config)
    rows = concatenate([prepared.splits[name] for name in SPLITS])
    assert rows.x.shape == (60, 4)
    assert (baseline.read_bi_rads(config, prepared.info, rows) == 4 + rows.y).all()
    with pytest.raises(DataError, match="other rows than in data/processed"):
        baseline.read_bi_rads(config, prepared.info, Split(rows.x[::-1], rows.y))


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("mnist.methods.kernel_svm.name", "kernal_svm", "name: expected one of 'logistic_regr"),
        ("mnist.methods.kernel_svm.name", "nb_svm", "name: expected one of 'logistic_regression'"),
        ("mnist.methods.kernel_svm.gamme", 1.0, "gamme: extra inputs are not permitted, found"),
        ("mnist.methods.kernel_svm.gamma", -1.0, "gamma: input should be greater than 0, found"),
        ("mnist.methods", {}, "methods: dictionary should have at least 1 item"),
        ("mnist.model", "mnist_cnn", "model: input should be 'none', found 'mnist_cnn'"),
        ("mnist.module", "sounds", "module: expected one of 'images', 'texts', 'tables', found"),
        ("imdb.methods.nb_svm.ngrams", 4, "ngrams: input should be less than or equal to 3"),
        ("congressional_votes.methods.kernel_svm.C", [], "C: list should have at least 1 item"),
        ("congressional_votes.methods.kernel_svm.C", 1.0, "C: input should be a valid list"),
        ("congressional_votes.model", "none", "model: expected a cross-validated model of congr"),
        ("congressional_votes.model", "masses_mlp", "expected a cross-validated model of congre"),
        ("congressional_votes.age_limits", [45], "age_limits: no column of ages; remove it"),
        ("congressional_votes.methods.kernel_svm.bi_rads", "alone", "bi_rads: no column of BI-R"),
        ("mammographic_masses.age_limits", [55, 45], "age_limits: expected ascending ages"),
        ("mammographic_masses.methods.kernel_svm.bi_rads", "only", "bi_rads: input should be 'al"),
        ("alice", "imdb", "baselines.alice: texts cannot be read from it, expected imdb"),
    ],
)
def test_wrong_parameters_are_refused_in_one_line(key: str, value: Any, expected: str) -> None:
    if value == "imdb":
        value = changed("seed", 1)["baselines"]["imdb"]
    with pytest.raises(ConfigError) as error:
        parse_params(changed(f"baselines.{key}", value), "params.yaml")
    message = str(error.value)
    assert message.startswith("params.yaml: baselines.")
    assert expected in message
    assert "\n" not in message


def test_bi_rads_needs_the_source_that_the_stage_depends_on() -> None:
    values = changed("datasets.mammographic_masses.source", "data/own/masses")
    with pytest.raises(ConfigError, match="bi_rads is read from data/raw/mammographic_masses"):
        parse_params(values, "params.yaml")
