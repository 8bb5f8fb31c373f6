"""Train the networks of all folds of a cross-validation at once.

For such small networks, a step of one batched network of all folds takes TensorFlow hardly longer
than a step of a single fold.
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
from stages.pipelines.common import make_gather_fn, read_ahead

NO_EXAMPLE = -1


class FoldModel(NamedTuple):
    """A model, its training examples and its seed."""

    model: keras.Model
    train: Split
    seed: int


class FoldDropout(keras.layers.Layer):
    """Dropout with the noise that each fold's own layer would draw; only for training.

    Args:
        layers: keras.layers.Dropout of each fold, all with the same rate above 0.

    Input shape:
        [n, folds, units].

    Output shape:
        Same as the input shape.
    """

    def __init__(self, layers: Sequence[keras.layers.Dropout]) -> None:
        super().__init__(dtype=layers[0].dtype_policy)
        self.rate = layers[0].rate
        states = [layer.seed_generator.state.numpy() for layer in layers]
        self.states = tf.Variable(np.stack(states), trainable=False)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Drop units, and scale up the others."""
        count, _, units = tf.unstack(tf.shape(inputs))
        noise = tf.map_fn(
            lambda state: tf.random.stateless_uniform((count, units), state, dtype=inputs.dtype),
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

    Each model is equivalent to that of `train` with the same split and seed, up to rounding and
    the random order of examples: it has its own encoding, initial weights, batches, steps and
    dropout noise. So it depends neither on the other folds nor on their order.

    Args:
        config: The model's section of params.yaml.
        info: The dataset's info.json, for `classes` and the `columns` of `input`.
        splits: Training examples of each fold, float32 [n, columns], NaN for missing values;
            y [n], 0 or 1.
        seeds: Seed of each fold.

    Returns:
        The trained model of each fold.

    Raises:
        ConfigError: If the dataset does not have two classes.
        DivergedError: If a loss or weight of a fold is not finite.
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
    """Group folds that can be trained as one network.

    The folds of a group have the same number of steps and so the same schedule. With
    `global_clipnorm` each fold is trained alone, since the norm is that of all gradients of a
    network.
    """
    groups = defaultdict(list)
    for number, fold in enumerate(folds):
        alone = training.optimizer.global_clipnorm is not None
        groups[count_steps(fold, training), number if alone else None].append(fold)
    return list(groups.values())


def count_steps(fold: FoldModel, training: TableClassifierTraining) -> int:
    """Compute the number of training steps of a fold."""
    return training.epochs * math.ceil(len(fold.train.y) / training.batch_size)


def train_group(folds: Sequence[FoldModel], training: TableClassifierTraining) -> None:
    """Train models with the same layers and number of steps as one network.

    The loss is the sum over folds, so that each weight gets the gradient of its own fold's loss.
    """
    network = stack_models([fold.model for fold in folds])
    steps = count_steps(folds[0], training)
    compile_model(
        network,
        make_optimizer(training.optimizer, steps),
        loss=make_loss(1, training.label_smoothing),
        loss_weights=float(len(folds)),  # since Keras averages over folds, too
    )
    fit(network, make_fold_batches(folds, training), steps=steps)
    weights = network.get_weights()
    for number, fold in enumerate(folds):
        fold.model.set_weights([values[number] for values in weights])


def stack_models(models: Sequence[keras.Model]) -> keras.Model:
    """Build one network of all folds, only for training.

    Args:
        models: Models from `build` with equal layers; their current weights are copied.

    Returns:
        A model from encoded examples [n, folds, features] to probabilities [n, folds, 1].
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
    """Layers of a model after the encoding, from the first Dense layer on."""
    kinds = [isinstance(layer, keras.layers.Dense) for layer in model.layers]
    return model.layers[kinds.index(True) :]


def encode_examples(fold: FoldModel) -> np.ndarray:
    """Encode the training examples of a fold with its model, float32 [n, features]."""
    encoder = keras.Model(fold.model.input, hidden_layers(fold.model)[0].input)
    return keras.ops.convert_to_numpy(encoder(fold.train.x)).astype(np.float32)


def make_fold_batches(
    folds: Sequence[FoldModel], training: TableClassifierTraining
) -> tf.data.Dataset:
    """Build the batches of a whole training run.

    Args:
        folds: Folds with the same number of steps.
        training: The model's training config, for `batch_size` and `epochs`.

    Returns:
        Batches of encoded examples float32 [m, folds, features], labels float32 [m, folds, 1] and
        sample weights float32 [m, folds]; see `draw_batches`.
    """
    x = np.concatenate([encode_examples(fold) for fold in folds])
    y = np.concatenate([fold.train.y for fold in folds]).astype(np.float32)[:, None]
    gather_x, gather_y = make_gather_fn(x), make_gather_fn(y)
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
    batches = drawn.map(lambda indices, weights: (gather_x(indices), gather_y(indices), weights))
    steps = count_steps(folds[0], training)
    return read_ahead(batches.apply(tf.data.experimental.assert_cardinality(steps)))


def draw_batches(
    counts: Sequence[int], seeds: Sequence[int], batch_size: int, epochs: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Draw the examples of each fold in random order, reshuffled in each epoch.

    Args:
        counts: Number of examples of each fold.
        seeds: Seed of each fold.
        batch_size: Batch size of each fold.
        epochs: Number of epochs.

    Yields:
        Indices int64 [m, folds] into the concatenated examples of all folds, and sample weights
        float32 [m, folds], 0 for a fold without further examples; their mean over the batch is 1
        for each fold.
    """
    generators = [np.random.default_rng(seed) for seed in seeds]
    begins = np.cumsum([0, *counts[:-1]])
    for _ in range(epochs):
        order = np.full((max(counts), len(counts)), NO_EXAMPLE)
        for fold, generator in enumerate(generators):
            order[: counts[fold], fold] = begins[fold] + generator.permutation(counts[fold])
        for begin in range(0, len(order), batch_size):
            indices = order[begin : begin + batch_size]
            is_example = indices != NO_EXAMPLE
            weights = len(indices) * is_example / is_example.sum(axis=0)
            yield np.maximum(indices, 0), weights.astype(np.float32)
