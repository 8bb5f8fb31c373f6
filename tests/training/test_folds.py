"""Cross-validation of tiny networks, trained all at once and one after the other."""

import importlib
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from pydantic import TypeAdapter

from stages.config.schema import AnyOptimizer
from stages.core.errors import ConfigError, DivergedError
from stages.core.splits import Split
from stages.cross_validate import build_train_and_predict
from stages.inference.outputs import probabilities
from stages.learning.fit import MakeBatches
from stages.learning.runtime import session
from stages.networks.tabular_mlp.folds import draw_batches, train_folds
from stages.networks.tabular_mlp.train import train
from stages.pipelines.common import gather
from stages.tasks.classification import cross_validation as cv
from tests.factories import ADAM, INFOS, RMSPROP, SGD, make_config, make_images, make_table

pytestmark = pytest.mark.usefixtures("eagerly")

INFO = INFOS["table"]
TABLE = make_table(40, seed=1)
PLAIN = {"hidden_units": [5], "dropout": 0.0, "l2": 0.0}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    # network, training, optimizer
    "one batch": (PLAIN, {"batch_size": 100}, ADAM),
    "batches of which the last differ in size": ({"hidden_units": [5, 4]}, {"batch_size": 7}, ADAM),
    "more steps in some folds": ({}, {"batch_size": 13}, SGD),
    "no hidden layer": ({"hidden_units": []}, {}, RMSPROP),
    "every option": (
        {"dropout": 0.4, "l2": 0.03, "activation": "relu"},
        {"label_smoothing": 0.2},
        ADAM | {"schedule": "one_cycle", "weight_decay": 0.3, "ema_momentum": 0.5},
    ),
    "clipped gradients": ({}, {}, SGD | {"global_clipnorm": 0.05}),
    "gradients clipped by value": ({}, {}, SGD | {"clipvalue": 0.005}),
}


@pytest.fixture(autouse=True)
def _session() -> Iterator[None]:
    with session(1, "float32"):
        yield


def make_folds(examples: Split = TABLE, count: int = 3) -> list[cv.Fold]:
    assigned = cv.assign_folds(TABLE.y, count, 5)
    return [cv.Fold(examples, assigned == number, 10 + number) for number in range(count)]


def make_table_config(
    network: dict[str, Any], training: dict[str, Any], optimizer: dict[str, Any]
) -> Any:
    config = make_config("tabular_mlp", network=network, training=training)
    parsed = TypeAdapter(AnyOptimizer).validate_python(optimizer)
    changed = config.training.model_copy(update={"optimizer": parsed})
    return config.model_copy(update={"training": changed})


def train_all(config: Any, folds: Sequence[cv.Fold]) -> list[keras.Model]:
    return train_folds(config, INFO, [fold.train for fold in folds], [fold.seed for fold in folds])


def weights(models: Sequence[keras.Model]) -> list[np.ndarray]:
    return [np.concatenate([values.ravel() for values in model.get_weights()]) for model in models]


def in_the_order_of_a_fold(config: Any, fold: cv.Fold) -> MakeBatches:
    """Make batches of the examples that `draw_batches` draws in each epoch."""
    count, training = len(fold.train.y), config.training
    steps = -(-count // training.batch_size)
    drawn = draw_batches([count], [fold.seed], training.batch_size, training.epochs)

    def make_batches(split: Split, training: Any, *, shuffle: bool) -> tf.data.Dataset:
        del training, shuffle
        signature = tf.TensorSpec((None,), tf.int64)

        def one_epoch() -> Iterator[np.ndarray]:
            return (indices[:, 0] for indices, _ in islice(drawn, steps))

        indices = tf.data.Dataset.from_generator(one_epoch, output_signature=signature)
        return gather(split, indices.apply(tf.data.experimental.assert_cardinality(steps)))

    return make_batches


@pytest.mark.parametrize("case", CASES)
def test_folds_trained_at_once_are_those_trained_one_by_one(case: str) -> None:
    config = make_table_config(*CASES[case])
    folds = make_folds()
    assert {len(fold.train.y) for fold in folds} == {26, 27}
    models = train_all(config, folds)
    assert len(models) == len(folds)
    for model, fold in zip(models, folds, strict=True):
        with session(fold.seed, "float32"):
            alone = train(config, INFO, fold.train, None, in_the_order_of_a_fold(config, fold))
            expected = probabilities(alone.model, TABLE.x, "table")
            assert probabilities(model, TABLE.x, "table") == pytest.approx(expected, abs=1e-4)
            assert weights([model])[0] == pytest.approx(weights([alone.model])[0], abs=1e-4)


def test_a_fold_depends_neither_on_the_other_folds_nor_on_their_order() -> None:
    config = make_config("tabular_mlp", network={"dropout": 0.4})
    folds = make_folds()
    first, second, third = weights(train_all(config, folds))
    other_order = weights(train_all(config, [folds[2], folds[0], folds[1]]))
    for found, expected in zip(other_order, (third, first, second), strict=True):
        assert found == pytest.approx(expected, abs=1e-5)
    assert weights(train_all(config, folds[1:2]))[0] == pytest.approx(second, abs=1e-5)
    assert first != pytest.approx(second, abs=1e-2)


def test_a_held_out_example_has_no_influence_on_the_model_of_its_fold() -> None:
    config = make_config("tabular_mlp")
    folds = make_folds()
    changed = Split(TABLE.x.copy(), TABLE.y.copy())
    index = np.flatnonzero(folds[1].held_out)[0]
    changed.x[index], changed.y[index] = [900, 4, 1], 1 - TABLE.y[index]
    before = weights(train_all(config, folds))
    after = weights(train_all(config, make_folds(changed)))
    same = [np.array_equal(a, b) for a, b in zip(before, after, strict=True)]
    assert same == [False, True, False]


@pytest.mark.parametrize(
    "changed",
    [
        {"network": {"dropout": 0.5}},
        {"network": {"l2": 0.5}},
        {"network": {"activation": "relu"}},
        {"training": {"label_smoothing": 0.3}},
        {"training": {"batch_size": 9}},
        {"training": {"optimizer": {"learning_rate": 0.02}}},
    ],
)
def test_a_changed_hyperparameter_changes_every_fold(changed: dict[str, Any]) -> None:
    before = weights(train_all(make_config("tabular_mlp"), make_folds()))
    after = weights(train_all(make_config("tabular_mlp", **changed), make_folds()))
    assert all((a != b).any() for a, b in zip(before, after, strict=True))


def test_a_column_may_be_missing_in_all_training_examples_of_a_fold() -> None:
    folds = make_folds()
    sparse = Split(TABLE.x.copy(), TABLE.y)
    sparse.x[~folds[0].held_out, 0] = np.nan
    models = train_all(make_config("tabular_mlp"), make_folds(sparse))
    for model, values in zip(models, weights(models), strict=True):
        assert np.isfinite(values).all()
        assert np.isfinite(probabilities(model, TABLE.x, "table")).all()


def test_folds_that_diverge_are_an_error() -> None:
    optimizer = SGD | {"learning_rate": 1e6, "schedule": "constant", "weight_decay": 10.0}
    config = make_table_config({}, {"epochs": 20}, optimizer)
    with pytest.raises(DivergedError, match="training diverged"):
        train_all(config, make_folds())


def test_folds_of_more_than_two_classes_are_an_error() -> None:
    with pytest.raises(ConfigError, match="expected a dataset of 2 classes, found 3"):
        train_folds(make_config("tabular_mlp"), INFO | {"classes": ["a", "b", "c"]}, [], [])


def test_each_example_of_a_fold_is_drawn_once_in_each_epoch() -> None:
    counts, seeds = [10, 9, 11], [3, 4, 5]
    drawn = list(draw_batches(counts, seeds, 4, 2))
    assert [len(indices) for indices, _ in drawn] == [4, 4, 3] * 2
    epochs = [drawn[:3], drawn[3:]]
    orders = []
    for epoch in epochs:
        indices, weights = (np.concatenate(arrays) for arrays in zip(*epoch, strict=True))
        for fold, first in enumerate([0, 10, 19]):
            order = indices[weights[:, fold] > 0, fold]
            assert sorted(order) == list(range(first, first + counts[fold]))
            orders.append((order - first).tolist())
    assert all(orders[fold] != orders[fold + 3] for fold in range(3))
    for indices, weights in drawn:
        assert weights.mean(axis=0) == pytest.approx(1)
        assert all(len(set(column[column > 0])) == 1 for column in weights.T)
        assert indices.max() < sum(counts)
    (alone, _), *_ = draw_batches([9], [4], 4, 1)
    assert (alone[:, 0] + 10 == drawn[0][0][:, 1]).all()


def test_the_folds_of_a_table_are_trained_at_once() -> None:
    config, folds = make_config("tabular_mlp"), make_folds()
    found = list(build_train_and_predict(config, INFO)(folds))
    for p, model, fold in zip(found, train_all(config, folds), folds, strict=True):
        expected = probabilities(model, TABLE.x[fold.held_out], "table")
        assert p == pytest.approx(expected, abs=1e-6)
        assert p.sum(axis=1) == pytest.approx(1)


def test_the_folds_of_images_are_trained_one_by_one() -> None:
    config, images = make_config("mlp"), make_images(seed=1)
    assigned = cv.assign_folds(images.y, 2, 5)
    folds = [cv.Fold(images, assigned == number, 10 + number) for number in range(2)]
    found = list(build_train_and_predict(config, INFOS["images"])(folds))
    module = importlib.import_module("stages.networks.mlp.train")
    pipeline = importlib.import_module("stages.pipelines.images")
    for p, fold in zip(found, folds, strict=True):
        with session(fold.seed, "float32"):
            split = images.take(np.flatnonzero(~fold.held_out))
            trained = module.train(config, INFOS["images"], split, None, pipeline.make_batches)
            expected = probabilities(trained.model, images.x[fold.held_out], "image")
        assert np.array_equal(p, expected)
