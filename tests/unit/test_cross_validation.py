from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from stages import cross_validate
from stages.core import splits as core_splits
from stages.core.errors import DataError
from stages.core.files import read_json, write_json
from stages.core.splits import SPLITS, Split
from stages.tasks.classification import cross_validation as cv

# 20 examples of class 0 and 10 of class 1; the input is the position, so each shows who it is.
EXAMPLES = Split(np.arange(30.0)[:, None], (np.arange(30) % 3 == 2).astype(np.uint8))


def remember(calls: list[cv.Fold]) -> cv.TrainAndPredict:
    def train_and_predict(folds: Sequence[cv.Fold]) -> Iterator[np.ndarray]:
        for fold in folds:
            calls.append(fold)
            score = fold.x[:, 0] / 100
            yield np.stack([1 - score, score], axis=1)

    return train_and_predict


def test_each_example_is_predicted_by_a_model_that_has_not_seen_it() -> None:
    calls: list[cv.Fold] = []
    p, folds = cv.predict_out_of_fold(remember(calls), EXAMPLES, 5, 2, 1)
    assert p.shape == (2, 30, 2)
    assert p[:, :, 1] == pytest.approx(np.tile(np.arange(30) / 100, (2, 1)))
    assert [np.bincount(fold).tolist() for fold in folds] == [[6] * 5] * 2
    assert (folds[0] != folds[1]).any()
    assert len(calls) == 10
    for fold in calls:
        x, y = fold.train
        assert sorted([*x[:, 0], *fold.x[:, 0]]) == list(range(30))
        assert (y == (x[:, 0] % 3 == 2)).all()  # labels stay with their examples
        assert y.sum() == 8  # stratified


def test_seeds_depend_on_seed_repeat_and_fold_and_on_nothing_else() -> None:
    first: list[cv.Fold] = []
    cv.predict_out_of_fold(remember(first), EXAMPLES, 5, 2, 1)
    seeds = [fold.seed for fold in first]
    assert len(set(seeds)) == 10
    more: list[cv.Fold] = []
    cv.predict_out_of_fold(remember(more), EXAMPLES, 5, 3, 1)
    assert [fold.seed for fold in more[:10]] == seeds
    assert all((a.held_out == b.held_out).all() for a, b in zip(first, more, strict=False))
    other: list[cv.Fold] = []
    cv.predict_out_of_fold(remember(other), EXAMPLES, 5, 2, 2)
    assert not set(seeds) & {fold.seed for fold in other}
    assert any((a.held_out != b.held_out).any() for a, b in zip(first, other, strict=True))
    assert cv.derive_seed(1, 2, 3) != cv.derive_seed(1, 3, 2)


def test_more_folds_than_examples_of_a_class_are_an_error() -> None:
    y = np.array([0, 0, 0, 1, 1], np.uint8)
    cv.check_folds(y, 2, "m")
    message = "cross_validation.m.folds: found 3, expected at most 2, the number .* of class 1"
    with pytest.raises(DataError, match=message):
        cv.check_folds(y, 3, "m")


def test_predictions_are_a_table_of_examples_and_repeats() -> None:
    p = np.array([[[0.9, 0.1], [0.2, 0.8]], [[0.7, 0.3], [0.4, 0.6]]])
    table = cv.tabulate_predictions(np.array([0, 1]), p, np.array([[0, 1], [1, 0]]), ["n", "y"])
    assert table.to_dict("list") == {
        "example": [0, 1, 0, 1],
        "repeat": [0, 0, 1, 1],
        "fold": [0, 1, 1, 0],
        "label": [0, 1, 0, 1],
        "probability": [0.1, 0.8, 0.3, 0.6],
    }
    three = np.array([[[0.5, 0.3, 0.2]]])
    table = cv.tabulate_predictions(np.array([2]), three, np.array([[0]]), ["a", "b", "c"])
    assert table["probability_c"].tolist() == [0.2]


def test_nothing_is_printed_by_a_silenced_training(capsys: pytest.CaptureFixture[str]) -> None:
    with cv.silence():
        print("epoch 1")
    print("after")
    assert capsys.readouterr().out == "after\n"


def test_the_stage_writes_metrics_predictions_and_captions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = core_splits.PROCESSED / "d"
    info = {"classes": ["no", "yes"], "positive_class": "yes", "input": {"type": "table"}}
    for name, chosen in zip(SPLITS, np.split(np.arange(30), [18, 24]), strict=True):
        core_splits.save_split(folder / name, EXAMPLES.take(chosen))
    write_json(folder / "info.json", info)
    section = SimpleNamespace(dataset="d", folds=3, repeats=2, seed=4)
    params = SimpleNamespace(cross_validation={"m": section}, models={"m": None})
    monkeypatch.setattr(cross_validate, "load_params", lambda: params)
    monkeypatch.setattr(cross_validate, "build_train_and_predict", lambda *_: remember([]))
    cross_validate.main("m")
    report = Path("reports/m/cross_validation")
    metrics = read_json(report / "metrics.json")
    assert set(metrics["cv"]) == {"accuracy", "accuracy_std", "roc_auc"}
    assert metrics["cv"]["accuracy"] == pytest.approx(2 / 3)  # all scores are below 0.5
    predictions = pd.read_csv(Path("models/m/cv_predictions.csv"))
    assert list(predictions) == ["example", "repeat", "fold", "label", "probability"]
    assert len(predictions) == 60
    assert (predictions["label"] == (predictions["example"] % 3 == 2)).all()
    details = read_json(report / "details.json")[0]
    captions = details["captions"]
    assert {path.stem for path in (report / "plots").glob("*.png")} == set(captions)
    assert details["data"]["operating_points"]["source"] == "out-of-fold predictions"
    assert capsys.readouterr().out.startswith("m: cv.accuracy 0.6667, cv.accuracy_std")
