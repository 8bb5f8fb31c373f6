"""Train the networks of all folds of a cross-validation at once.

TensorFlow takes hardly longer for a step of many small networks, as one batched network, than for
a step of one.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from stages.config.schema import TableClassifierTraining, TabularMlpModel
from stages.core.splits import Split
from stages.learning.fit import compile_model, fit, make_loss
from stages.learning.optimizers import make_optimizer
from stages.networks.tabular_mlp.train import build, check_classes
from stages.pipelines.common import read_ahead, taker

NO_ROW = -1


class FoldModel(NamedTuple):
    """A model, the rows that it is trained on, and its seed."""

    model: keras.Model
    train: Split
    seed: int


class FoldDropout(keras.layers.Layer):
    """Dropout with the noise that each fold's own layer would draw; for training alone.

    Args:
        layers: keras.layers.Dropout of each fold, all of one rate above 0.

    Input shape:
        [n, folds, units].

    Output shape:
        The same.
    """

    def __init__(self, layers: Sequence[keras.layers.Dropout]) -> None:
        super().__init__(dtype=layers[0].dtype_policy)
        self.rate = layers[0].rate
        states = [layer.seed_generator.state.numpy() for layer in layers]
        self.states = tf.Variable(np.stack(states), trainable=False)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Set units to 0, and scale the others up."""
        rows, _, units = tf.unstack(tf.shape(inputs))
        noise = tf.map_fn(
            lambda state: tf.random.stateless_uniform((rows, units), state, dtype=inputs.dtype),
            self.states,
            fn_output_signature=tf.TensorSpec((None, inputs.shape[-1]), inputs.dtype),
        )
        self.states.assign(tf.add(self.states, [0, 1]))  # as keras.random.SeedGenerator counts
        kept = tf.transpose(noise, (1, 0, 2)) >= self.rate
        return tf.where(kept, inputs / (1 - self.rate), tf.zeros_like(inputs))


def train_folds(
    config: TabularMlpModel, info: dict[str, Any], splits: Sequence[Split], seeds: Sequence[int]
) -> list[keras.Model]:
    """Train a model on each split, all at once.

    Each is that of `train` with its split and seed, but for rounding and another random order of
    rows: it has its own encoding, initial weights, batches, steps and dropout noise. So it depends
    neither on the other folds nor on their order.

    Args:
        config: section of the model.
        info: of the processed dataset: `classes`, and the `columns` of `input`.
        splits: rows float32 [n, columns], NaN where a value is missing; y [n], 0 or 1.
        seeds: of each.

    Raises:
        ConfigError: if there are not two classes.
        DivergedError: if one of them diverges, see `stages.learning.fit.fit`.
    """
    check_classes(info)
    folds = []
    for split, seed in zip(splits, seeds, strict=True):
        keras.utils.set_random_seed(seed)
        model = build(config.network, info["input"]["columns"], split.x)
        folds.append(FoldModel(model, split, seed))
    for group in group_folds(folds, config.training):
        train_group(group, config.training)
    return [fold.model for fold in folds]


def group_folds(
    folds: Sequence[FoldModel], training: TableClassifierTraining
) -> list[list[FoldModel]]:
    """The folds that can be trained as one network.

    They take the same number of steps, along the same schedule. With `global_clipnorm` each is
    trained alone, since the norm is that of all gradients of a network.
    """
    groups = defaultdict(list)
    for number, fold in enumerate(folds):
        alone = training.optimizer.global_clipnorm is not None
        groups[count_steps(fold, training), number if alone else None].append(fold)
    return list(groups.values())


def count_steps(fold: FoldModel, training: TableClassifierTraining) -> int:
    """The number of steps of the whole training of a fold."""
    return training.epochs * math.ceil(len(fold.train.y) / training.batch_size)


def train_group(folds: Sequence[FoldModel], training: TableClassifierTraining) -> None:
    """Train models of the same layers and number of steps, as one network.

    The loss is the sum of theirs, so that each weight has the gradient of its own fold's loss.
    """
    network = stack_models([fold.model for fold in folds])
    steps = count_steps(folds[0], training)
    compile_model(
        network,
        make_optimizer(training.optimizer, steps),
        loss=make_loss(1, training.label_smoothing),
        loss_weights=float(len(folds)),  # since Keras takes the mean over folds, too
    )
    fit(network, make_fold_batches(folds, training), steps=steps)
    weights = network.get_weights()
    for number, fold in enumerate(folds):
        fold.model.set_weights([values[number] for values in weights])


def stack_models(models: Sequence[keras.Model]) -> keras.Model:
    """From encoded rows [n, folds, features] to probabilities [n, folds, 1], for training alone.

    Args:
        models: of `build`, with equal layers; their present weights are those of the result.
    """
    inputs = keras.Input((len(models), hidden_layers(models[0])[0].input.shape[-1]))
    hidden = inputs
    for layers in zip(*map(hidden_layers, models), strict=True):
        match layers[0]:
            case keras.layers.Dense() as dense:
                hidden = keras.layers.EinsumDense(
                    "bfi,fio->bfo",
                    (len(models), dense.units),
                    bias_axes="fo",
                    activation=dense.activation,
                    kernel_regularizer=dense.kernel_regularizer,
                    dtype=dense.dtype_policy,
                )(hidden)
            case keras.layers.Dropout(rate=rate):
                hidden = FoldDropout(layers)(hidden) if rate else hidden
            case other:
                raise TypeError(f"no batched layer for {other}")
    network = keras.Model(inputs, hidden)
    weights = zip(*(model.get_weights() for model in models), strict=True)
    network.set_weights([np.stack(values) for values in weights])
    return network


def hidden_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """The layers of a model after its encoding: from the first Dense on."""
    kinds = [isinstance(layer, keras.layers.Dense) for layer in model.layers]
    return model.layers[kinds.index(True) :]


def encode_rows(fold: FoldModel) -> np.ndarray:
    """The training rows of a fold as its model encodes them, float32 [n, features]."""
    encoder = keras.Model(fold.model.input, hidden_layers(fold.model)[0].input)
    return keras.ops.convert_to_numpy(encoder(fold.train.x)).astype(np.float32)


def make_fold_batches(
    folds: Sequence[FoldModel], training: TableClassifierTraining
) -> tf.data.Dataset:
    """Batches of a whole training.

    Args:
        folds: with the same number of steps.
        training: config, for `batch_size` and `epochs`.

    Returns:
        Encoded rows float32 [m, folds, features], labels float32 [m, folds, 1], and the weights of
        their losses float32 [m, folds], see `draw_batches`.
    """
    take_x = taker(np.concatenate([encode_rows(fold) for fold in folds]))
    take_y = taker(np.concatenate([fold.train.y for fold in folds]).astype(np.float32)[:, None])
    drawn = tf.data.Dataset.from_generator(
        lambda: draw_batches(
            [len(fold.train.y) for fold in folds],
            [fold.seed for fold in folds],
            training.batch_size,
            training.epochs,
        ),
        output_signature=(
            tf.TensorSpec((None, len(folds)), tf.int64),
            tf.TensorSpec((None, len(folds)), tf.float32),
        ),
    )
    batches = drawn.map(lambda positions, weights: (take_x(positions), take_y(positions), weights))
    steps = count_steps(folds[0], training)
    return read_ahead(batches.apply(tf.data.experimental.assert_cardinality(steps)))


def draw_batches(
    counts: Sequence[int], seeds: Sequence[int], batch_size: int, epochs: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Draw the rows of each fold in a random order, a new one in each epoch.

    Args:
        counts: of each fold's rows.
        seeds: of each fold.
        batch_size: of each fold.
        epochs: how often to draw all.

    Yields:
        Positions int64 [m, folds] among the rows of all folds, one fold after the other, and
        weights float32 [m, folds], whose mean over the rows of each fold is 1; that of a fold
        that has no more rows is 0.
    """
    generators = [np.random.default_rng(seed) for seed in seeds]
    begins = np.cumsum([0, *counts[:-1]])
    for _ in range(epochs):
        order = np.full((max(counts), len(counts)), NO_ROW)
        for fold, generator in enumerate(generators):
            order[: counts[fold], fold] = begins[fold] + generator.permutation(counts[fold])
        for begin in range(0, len(order), batch_size):
            positions = order[begin : begin + batch_size]
            taken = positions != NO_ROW
            weights = len(taken) * taken / taken.sum(axis=0)
            yield np.maximum(positions, 0), weights.astype(np.float32)
