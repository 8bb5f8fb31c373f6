"""A trained model on disk: models/<model>/.

model.keras    float32, built-in Keras layers only: keras.saving.load_model alone reads it
spec.json      task, classes, encoding of raw inputs
snapshots.npz  outputs recorded during training, may be empty
history.csv    one row per epoch or logging step

The files of equal models are byte-for-byte identical, so that DVC sees that nothing changed.
"""

import json
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from stages.core.files import atomic_output, write_json
from stages.learning.fit import Trained
from stages.learning.layers import FusedBatchNormalization

MODEL, SPEC, SNAPSHOTS, HISTORY = "model.keras", "spec.json", "snapshots.npz", "history.csv"


def save_bundle(folder: Path, trained: Trained, spec: Mapping[str, Any]) -> None:
    """Save the result of training; its model is not changed.

    Args:
        folder: Folder of the model.
        trained: Result of training.
        spec: Everything needed to use the model without the training code.
    """
    save_model(folder / MODEL, trained.model)
    write_json(folder / SPEC, dict(spec))
    with atomic_output(folder / SNAPSHOTS) as partial:
        np.savez_compressed(partial, allow_pickle=False, **trained.snapshots)
    with atomic_output(folder / HISTORY) as partial:
        trained.history.to_csv(partial, index=False, lineterminator="\n")


def save_model(path: Path, model: keras.Model) -> None:
    """Save a model in Keras format, without the optimizer and the date of saving.

    Keras identifies shared objects by their memory addresses; here they are numbered instead.

    Args:
        path: Path of the .keras file.
        model: Functional or sequential model; it is not changed.
    """
    with tempfile.TemporaryDirectory() as folder, atomic_output(path) as partial:
        original = Path(folder) / MODEL
        to_portable(model).save(original)
        with zipfile.ZipFile(original) as source, zipfile.ZipFile(partial, "w") as target:
            for name in sorted(source.namelist()):
                content = source.read(name)
                if name.endswith(".json"):
                    content = json.dumps(without_run(json.loads(content), {})).encode()
                target.writestr(zipfile.ZipInfo(name), content)


def to_portable(model: keras.Model) -> keras.Model:
    """Return a copy of `model` in float32, with built-in Keras layers and the same weights."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")  # used by Sequential
    try:
        copy = type(model).from_config(portable(model.get_config()))
    finally:
        keras.config.set_dtype_policy(policy)
    copy.set_weights(model.get_weights())
    return copy


def portable(config: Any) -> Any:
    """Convert a Keras config from bfloat16 to float32 and from custom to built-in layers.

    Missing dropout seeds, which would be drawn again for each copy, become 0.
    """
    if isinstance(config, list | tuple):
        return type(config)(portable(value) for value in config)
    if not isinstance(config, dict):
        return config
    config = {key: portable(value) for key, value in config.items()}
    if config.get("class_name") == FusedBatchNormalization.__name__:
        standard = {"module": "keras.layers", "class_name": "BatchNormalization"}
        config |= standard | {"registered_name": None}
    if config.get("class_name") == "DTypePolicy":
        config["config"] = {"name": config["config"]["name"].replace("mixed_bfloat16", "float32")}
    if config.get("dtype") == "bfloat16":
        config["dtype"] = "float32"
    if config.get("seed", 0) is None:
        config["seed"] = 0
    return config


def without_run(value: Any, ids: dict[int, int]) -> Any:
    """Remove the date of saving from JSON, and number shared objects in order of occurrence.

    Args:
        value: JSON value.
        ids: Numbers assigned so far, by Keras' id; new ones are added.
    """
    if isinstance(value, list):
        return [without_run(item, ids) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: ids.setdefault(item, len(ids)) if key == "shared_object_id" else without_run(item, ids)
        for key, item in value.items()
        if key != "date_saved"
    }
