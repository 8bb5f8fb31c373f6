"""Training of a small fully connected network whose every unit is shown while it learns.

Reference:
    Smilkov et al.: Direct-manipulation visualization of deep networks. arXiv 1708.03788, 2017.
"""

from typing import Any

import keras
import numpy as np

from stages.config.schema import ToyMlp, ToyMlpModel
from stages.core.splits import Split
from stages.learning.callbacks import Snapshots
from stages.learning.fit import (
    MakeBatches,
    Trained,
    compile_model,
    encode_labels,
    fit,
    moments,
)
from stages.learning.optimizers import make_optimizer
from stages.networks.toy_mlp.grid import AXIS, GRID


def train(
    config: ToyMlpModel,
    info: dict[str, Any],
    train: Split,
    validation: Split | None,
    make_batches: MakeBatches,
) -> Trained:
    """Train on points of two classes by binary cross-entropy.

    Args:
        config: the model's section of params.yaml.
        info: the dataset's info.json; not used.
        train: points [n, 2] float32 and their classes [n].
        validation: likewise, to compute `val_loss` and `val_accuracy` of, if any.
        make_batches: of the input pipeline.

    Returns:
        The model, a history by moment, and snapshots: `training_step` [snapshots]; see
        `to_surfaces` for the others; `grid_axis`, float32, the x of the columns of a surface and,
        reversed, the y of its rows.

    Raises:
        DivergedError: if a loss or a weight is not finite.
    """
    del info
    training = config.training
    model = build(config.network)
    compile_model(
        model,
        make_optimizer(training.optimizer, training.steps),
        loss="binary_crossentropy",
        metrics=["accuracy"],
    )
    snapshots = Snapshots({0, *moments(training.steps)}, lambda: {"units": unit_outputs(model)})

    def batches(split: Split, *, shuffle: bool) -> Any:
        return make_batches(split, training, shuffle=shuffle).map(
            lambda x, y: (x, encode_labels(y, 1))
        )

    train_batches = batches(train, shuffle=True)
    history = fit(
        model,
        train_batches.repeat(),
        validation and batches(validation, shuffle=False),
        steps=training.steps,
        callbacks=[snapshots],
    )
    arrays = snapshots.arrays("training_step")
    surfaces = to_surfaces(arrays.pop("units"))
    num_examples = training.steps * len(train.x) // len(train_batches)
    return Trained(model, history, arrays | surfaces | {"grid_axis": AXIS}, num_examples)


def build(network: ToyMlp) -> keras.Model:
    """From points float32 [n, 2] to the probability [n, 1] of class 1."""
    hidden = [
        keras.layers.Dense(units, activation=network.activation) for units in network.hidden_units
    ]
    output = keras.layers.Dense(1, activation="sigmoid", dtype="float32")
    return keras.Sequential([keras.Input((2,)), *hidden, output])


def unit_outputs(model: keras.Model) -> np.ndarray:
    """The output of every unit for the points of GRID, in float32: [units, y, x].

    The probability is the last of them.
    """
    x, outputs = GRID.reshape(-1, 2), []
    for layer in model.layers:
        x = layer(x)
        outputs.append(np.asarray(x, np.float32))
    return np.concatenate(outputs, axis=1).T.reshape(-1, *GRID.shape[:2])


def to_surfaces(units: np.ndarray) -> dict[str, np.ndarray]:
    """The outputs of all units, [snapshots, units, y, x] with the probability last, as uint8.

    Returns:
        `output`, [snapshots, y, x], 255 is the probability 1; `hidden`, [snapshots, hidden units,
        y, x], 128 is 0 and each unit is scaled by its largest absolute output in any snapshot.
    """
    hidden, output = units[:, :-1], units[:, -1]
    largest = np.abs(hidden).max(axis=(0, 2, 3), keepdims=True)
    scaled = 127.5 + 127.5 * hidden / np.maximum(largest, 1e-9)
    return {
        "output": np.rint(255 * output).astype(np.uint8),
        "hidden": np.rint(scaled).astype(np.uint8),
    }
