"""Classical methods for tables, cross-validated on the folds of the network.

All preprocessing and the choice among candidates happen inside each fold, on its training rows.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.base import BaseEstimator, clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    OneHotEncoder,
    PolynomialFeatures,
    SplineTransformer,
    StandardScaler,
)
from sklearn.svm import SVC

from stages.baselines import comparison
from stages.baselines.common import Dataset, Predictions, Results, score, score_test_split
from stages.core.splits import SPLITS, Split, concatenate
from stages.encoding.table import MISSING
from stages.metrics.classification import cross_validation_metrics

INNER_FOLDS = 3
NO_CODE = 0  # codes of one-hot columns begin at 1
BI_RADS = {"name": "bi_rads", "encoding": "one_hot", "num_codes": 5}
Column = Mapping[str, Any]


def evaluate(config: Any, dataset: Dataset) -> Results:
    """Cross-validate each method, test it, and compare it with the network fold by fold.

    Args:
        config: Section of the dataset in `baselines`.
        dataset: Rows, float32 [n, columns]; with the predictions of the network.

    Returns:
        Of each method cv_accuracy, cv_accuracy_std, cv_roc_auc, test_accuracy and test_roc_auc; of
        each treatment of missing values its accuracies; of each age group the error rates of the
        network. The details have the comparisons.
    """
    network = dataset.network
    assert network is not None  # as checked by stages.config
    examples = concatenate([dataset.splits[name] for name in SPLITS])
    columns = dataset.info["input"]["columns"]
    metrics, methods = {}, {}
    for name, method in config.methods.items():
        x, used = choose_columns(examples.x, columns, dataset.bi_rads, method.bi_rads)
        x, estimator = blank_missing(x, used), build(method, used, config.seed)
        p = predict_out_of_fold(estimator, Split(x, examples.y), network.folds)
        metrics[name] = prefix("cv", cross_validation_metrics(examples.y, p, network.folds))
        metrics[name] |= fit_and_test(estimator, Split(x, examples.y), dataset.splits)
        methods[name] = method.model_dump() | {
            "differences": comparison.compare(examples.y, Predictions(p, network.folds), network)
        }
    details = {"module": "tables", "model": config.model, "methods": methods}
    table = Split(blank_missing(examples.x, columns), examples.y)
    treatments = compare_treatments(config, table, columns, network.folds)
    metrics |= {f"missing_{name}": values for name, values in treatments["metrics"].items()}
    details["missing_values"] = treatments["details"]
    if config.age_limits:
        ages = examples.x[:, [column["name"] for column in columns].index("age")]
        groups = comparison.errors_by_age(examples.y, network.p[:, :, 1], ages, config.age_limits)
        metrics |= {f"network_{key}": rates for key, rates in comparison.rates(groups).items()}
        details["age_groups"] = groups
    return Results(metrics, details)


def choose_columns(
    x: np.ndarray, columns: Sequence[Column], bi_rads: np.ndarray | None, use: str | None
) -> tuple[np.ndarray, list[Column]]:
    """Return the inputs and columns of a method.

    Args:
        x: Rows [n, columns].
        columns: Descriptions of the columns.
        bi_rads: BI-RADS [n], or None.
        use: "alone", "added" or None.
    """
    if use is None or bi_rads is None:
        return x, list(columns)
    if use == "alone":
        return bi_rads[:, None], [BI_RADS]
    others = [index for index, column in enumerate(columns) if column["name"] != "bi_rads"]
    return np.column_stack([x[:, others], bi_rads]), [*(columns[i] for i in others), BI_RADS]


def blank_missing(x: np.ndarray, columns: Sequence[Column]) -> np.ndarray:
    """Return rows [n, columns] as float64, NaN also in place of the code for missing values."""
    x = x.astype(np.float64)
    for index, column in enumerate(columns):
        code = column.get("codes", {}).get(MISSING)
        if code is not None:
            x[x[:, index] == code, index] = np.nan
    return x


def build(method: Any, columns: Sequence[Column], seed: int) -> BaseEstimator:
    """Build a classifier of rows with NaN, which chooses among its candidates when it is fitted.

    Args:
        method: Entry of `methods`.
        columns: Descriptions of the columns.
        seed: Seed of the inner folds.
    """
    if method.name == "gradient_boosting":
        codes = [column["encoding"] == "one_hot" for column in columns]
        classifier: BaseEstimator = HistGradientBoostingClassifier(
            learning_rate=method.learning_rate,
            max_iter=method.max_iter,
            categorical_features=codes if any(codes) else None,
            early_stopping=False,
            random_state=seed,
        )
        steps, grid = [classifier], {"max_leaf_nodes": method.max_leaf_nodes}
    elif method.name == "kernel_svm":
        classifier = SVC()
        steps = [encode(columns), classifier]
        grid = {"C": method.C, "gamma": method.gamma}
    else:
        classifier = LogisticRegression(max_iter=1000)
        # Of a number, +1 and -1 have their own inputs, so that products are pairs of answers.
        as_codes = method.interactions
        pairs = [PolynomialFeatures(interaction_only=True, include_bias=False)]
        encoder = encode(columns, as_codes=as_codes, splines=method.splines)
        steps = [encoder, *(pairs if method.interactions else []), classifier]
        grid = {"C": method.C}
    pipeline = make_pipeline(*steps)
    last = pipeline.steps[-1][0]
    candidates = {f"{last}__{key}": values for key, values in grid.items()}
    inner = StratifiedKFold(INNER_FOLDS, shuffle=True, random_state=seed)
    return GridSearchCV(pipeline, candidates, cv=inner, error_score="raise")


def encode(
    columns: Sequence[Column], impute: bool = False, as_codes: bool = False, splines: bool = False
) -> ColumnTransformer:
    """Build the encoding of rows with NaN.

    Args:
        columns: Descriptions of the columns.
        impute: Replace a missing code by the most frequent one; by default it is a code of its own,
            as in the network. Missing numbers become the mean in both.
        as_codes: Encode the columns that the network reads as they are one-hot, too.
        splines: Replace numbers by cubic splines.
    """
    groups: dict[tuple[str, int], list[int]] = {}  # one encoder per kind of column is faster
    for index, column in enumerate(columns):
        own = column.get("codes", {}).get(MISSING, NO_CODE)
        groups.setdefault((column["encoding"], own), []).append(index)
    steps = []
    for (encoding, own), indices in groups.items():
        if encoding == "standardize":
            parts: list[BaseEstimator] = [SimpleImputer(strategy="mean"), StandardScaler()]
            parts += [SplineTransformer(n_knots=4)] if splines else []
        else:
            parts = [
                SimpleImputer(strategy="most_frequent")
                if impute
                else SimpleImputer(strategy="constant", fill_value=own)
            ]
            if encoding == "one_hot" or as_codes:
                parts.append(OneHotEncoder(handle_unknown="ignore", sparse_output=False))
        steps.append((f"{encoding} {own}", make_pipeline(*parts), indices))
    return ColumnTransformer(steps)


def predict_out_of_fold(
    estimator: BaseEstimator, examples: Split, folds: np.ndarray, complete: np.ndarray | None = None
) -> np.ndarray:
    """Predict each row with a classifier that was fitted on the other folds.

    Args:
        estimator: Unfitted classifier of two classes.
        examples: Rows, float64 [n, columns], and classes [n].
        folds: Fold of each row [repeats, n].
        complete: Rows to fit on, bool [n]; None for all.

    Returns:
        Probabilities [repeats, n, 2]; for a support vector machine, the logistic function of its
        decision function.
    """
    fit_on = np.ones(len(examples.y), bool) if complete is None else complete
    p = np.empty((*folds.shape, 2))
    for repeat, assigned in enumerate(folds):
        for fold in np.unique(assigned):
            held_out = assigned == fold
            train = examples.take(np.flatnonzero(~held_out & fit_on))
            fitted = clone(estimator).fit(train.x, train.y)
            p[repeat, held_out, 1] = expit(score(fitted, examples.x[held_out]))
    p[..., 0] = 1 - p[..., 1]
    return p


def fit_and_test(
    estimator: BaseEstimator, examples: Split, splits: Mapping[str, Split]
) -> dict[str, float]:
    """Fit a classifier on the training split and test it.

    Args:
        estimator: Unfitted classifier.
        examples: Rows of all splits, in the order of SPLITS.
        splits: Splits by name, for their sizes.
    """
    num_train, num_test = len(splits["train"].y), len(splits["test"].y)
    fitted = clone(estimator).fit(examples.x[:num_train], examples.y[:num_train])
    return score_test_split(fitted, examples.x[-num_test:], examples.y[-num_test:])


def prefix(name: str, metrics: Mapping[str, float]) -> dict[str, float]:
    """Return metrics with a prefix."""
    return {f"{name}_{key}": value for key, value in metrics.items()}


def compare_treatments(
    config: Any, table: Split, columns: Sequence[Column], folds: np.ndarray
) -> dict[str, Any]:
    """Cross-validate a logistic regression with each treatment of missing values.

    Rows with missing values can only be predicted by a classifier that treats them, so the
    treatments are compared on the complete rows of each fold.

    Args:
        config: Section of the dataset in `baselines`.
        table: Rows with NaN, and classes.
        columns: Descriptions of the columns.
        folds: Fold of each row [repeats, n].

    Returns:
        metrics: complete_rows_accuracy of each treatment and, unless rows are dropped, cv_accuracy
        of all rows; details: numbers of rows, and the differences from dropping.
    """
    complete = ~np.isnan(table.x).any(axis=1)
    classifier = LogisticRegression(C=config.missing_values.C, max_iter=1000)
    metrics: dict[str, dict[str, float]] = {}
    accuracies = {}
    for name, impute, fit_on in (
        ("dropped", True, complete),
        ("kept", False, None),
        ("imputed", True, None),
    ):
        estimator = make_pipeline(encode(columns, impute), classifier)
        p = predict_out_of_fold(estimator, table, folds, fit_on)
        predictions = Predictions(p, folds)
        accuracies[name] = comparison.fold_accuracies(table.y, predictions, complete)
        metrics[name] = {"complete_rows_accuracy": float(accuracies[name].mean())}
        if name != "dropped":
            everything = comparison.fold_accuracies(table.y, predictions)
            metrics[name]["cv_accuracy"] = float(everything.mean())
    num_folds = int(folds.max()) + 1
    differences = {
        name: comparison.interval_of_difference(accuracies[name] - accuracies["dropped"], num_folds)
        for name in ("kept", "imputed")
    }
    return {
        "metrics": metrics,
        "details": {
            "rows": len(table.y),
            "complete_rows": int(complete.sum()),
            "differences": differences,
        },
    }
