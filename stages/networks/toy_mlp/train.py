"""Training of a small fully connected network, with snapshots of every unit.

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
    logging_steps,
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
    """Train on points of two classes with binary cross-entropy.

    Args:
        config: The model's section of params.yaml.
        info: The dataset's info.json; not used.
        train: Points float32 [n, 2] and their classes [n].
        validation: Validation split, for `val_loss` and `val_accuracy`, or None.
        make_batches: Function of the input pipeline.

    Returns:
        The model, a history by logging step, and snapshots: `training_step` [snapshots];
        `grid_axis`, float32, the x of the columns of a surface and, reversed, the y of its rows;
        see `to_surfaces` for the others.

    Raises:
        DivergedError: If a loss or weight is not finite.
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
    snapshots = Snapshots(
        {0, *logging_steps(training.steps)}, lambda: {"units": unit_outputs(model)}
    )

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
    """Build a model from points float32 [n, 2] to probabilities of class 1 [n, 1]."""
    hidden = [
        keras.layers.Dense(units, activation=network.activation) for units in network.hidden_units
    ]
    output = keras.layers.Dense(1, activation="sigmoid", dtype="float32")
    return keras.Sequential([keras.Input((2,)), *hidden, output])


def unit_outputs(model: keras.Model) -> np.ndarray:
    """Compute the outputs of all units on GRID, float32 [units, y, x]; the probability is last."""
    x, outputs = GRID.reshape(-1, 2), []
    for layer in model.layers:
        x = layer(x)
        outputs.append(np.asarray(x, np.float32))
    return np.concatenate(outputs, axis=1).T.reshape(-1, *GRID.shape[:2])


def to_surfaces(units: np.ndarray) -> dict[str, np.ndarray]:
    """Convert outputs of units to uint8.

    Args:
        units: Outputs [snapshots, units, y, x], the probability last.

    Returns:
        `output`, [snapshots, y, x], where 255 is the probability 1; `hidden`, [snapshots, hidden
        units, y, x], where 128 is 0, scaled by the largest absolute output of each unit in any
        snapshot.
    """
    hidden, output = units[:, :-1], units[:, -1]
    largest = np.abs(hidden).max(axis=(0, 2, 3), keepdims=True)
    scaled = 127.5 + 127.5 * hidden / np.maximum(largest, 1e-9)
    return {
        "output": np.rint(255 * output).astype(np.uint8),
        "hidden": np.rint(scaled).astype(np.uint8),
    }
