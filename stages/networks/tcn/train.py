"""Train a temporal convolutional network that forecasts the next values of a time series.

Reference:
    van den Oord et al.: WaveNet: A generative model for raw audio, arXiv 1609.03499, 2016.
    Bai, Kolter, Koltun: An empirical evaluation of generic convolutional and recurrent networks for
    sequence modeling, arXiv 1803.01271, 2018.
"""

import math
from typing import Any

import keras

from stages.config.schema import Tcn, TcnModel
from stages.core.splits import Split
from stages.learning.fit import MakeBatches, Trained, compile_model, fit
from stages.learning.optimizers import make_optimizer


def train(
    config: TcnModel,
    info: dict[str, Any],
    train: Split,
    validation: Split | None,
    make_batches: MakeBatches,
) -> Trained:
    """Train on all windows of the training series with the mean absolute error.

    The weights of the epoch with the lowest validation loss are kept; without a validation split,
    those of the last epoch.

    Args:
        config: The model's section of params.yaml.
        info: The dataset's info.json, for `length`, `mean` and `std` of `input`.
        train: Windows: past values, float32 [n, length], and the next ones, float32 [n, horizon],
            in the unit of the series.
        validation: Validation split, or None.
        make_batches: Function of the input pipeline.

    Returns:
        The model, a history by epoch, with losses in the unit of the series, and no snapshots.

    Raises:
        DivergedError: If a loss or weight is not finite.
    """
    training = config.training
    model = build(config.network, info["input"], train.y.shape[1])
    total_steps = training.epochs * math.ceil(len(train.y) / training.batch_size)
    optimizer = make_optimizer(training.optimizer, total_steps)
    compile_model(model, optimizer, loss="mean_absolute_error")
    best = keras.callbacks.EarlyStopping(patience=training.epochs, restore_best_weights=True)
    history = fit(
        model,
        make_batches(train, training, shuffle=True),
        validation and make_batches(validation, training, shuffle=False),
        epochs=training.epochs,
        callbacks=[best] if validation else [],
    )
    return Trained(model, history, {}, len(history) * len(train.y))


def build(network: Tcn, series: dict[str, Any], horizon: int) -> keras.Model:
    """Build a model from past values, float32 [n, length], to the next ones, float32 [n, horizon].

    Each residual block doubles the dilation of its causal convolution, so that the features at the
    last position see kernel_size ** blocks values or more. They are standardized with the
    statistics of the training series, and the forecast is converted back.

    Args:
        network: The model's network config.
        series: `input` of info.json.
        horizon: Number of values to forecast.
    """
    mean, std = series["mean"], series["std"]
    past = keras.Input((series["length"],))
    x = keras.layers.Rescaling(1 / std, -mean / std)(past)
    x = keras.layers.Reshape((series["length"], 1))(x)
    x = keras.layers.Conv1D(network.filters, 1)(x)
    for block in range(network.blocks):
        convolved = keras.layers.Conv1D(
            network.filters,
            network.kernel_size,
            padding="causal",
            dilation_rate=2**block,
            activation="relu",
        )(x)
        convolved = keras.layers.SpatialDropout1D(network.dropout)(convolved)
        x = keras.layers.Add()([x, keras.layers.Conv1D(network.filters, 1)(convolved)])
    x = x[:, -1]
    for units in network.dense_units:
        x = keras.layers.Dense(units, activation="relu")(x)
    forecast = keras.layers.Dense(horizon, dtype="float32")(x)
    return keras.Model(past, keras.layers.Rescaling(std, mean, dtype="float32")(forecast))
