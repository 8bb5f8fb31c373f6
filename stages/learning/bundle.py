"""A trained model on disk: models/<model>/.

model.keras    float32, Keras' own layers only: keras.saving.load_model alone reads it
spec.json      task, classes, how raw input is encoded
snapshots.npz  what the model gave during training, maybe nothing
history.csv    one row per epoch

Equal models give equal bytes, so that DVC sees that nothing changed.
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
    """Write what a training gave; its model is left as it is.

    Args:
        folder: of the model.
        trained: what to write.
        spec: all that it takes to use the model without the training code.
    """
    save_model(folder / MODEL, trained.model)
    write_json(folder / SPEC, dict(spec))
    with atomic_output(folder / SNAPSHOTS) as partial:
        np.savez_compressed(partial, allow_pickle=False, **trained.snapshots)
    with atomic_output(folder / HISTORY) as partial:
        trained.history.to_csv(partial, index=False, lineterminator="\n")


def save_model(path: Path, model: keras.Model) -> None:
    """Write a model in Keras format, without the optimizer and the time of saving.

    Keras also writes the addresses of shared objects, which are numbered here instead.

    Args:
        path: of the .keras file.
        model: functional or sequential; it is left as it is.
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
    """A copy of `model` in float32, of Keras' own layers only, with the same weights."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")  # Sequential takes it from there
    try:
        copy = type(model).from_config(portable(model.get_config()))
    finally:
        keras.config.set_dtype_policy(policy)
    copy.set_weights(model.get_weights())
    return copy


def portable(config: Any) -> Any:
    """A Keras config with float32 instead of bfloat16 and standard layers instead of our own.

    Seeds of dropout, which would be drawn anew in each copy, become 0.
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
    """JSON without the date of saving, and with shared objects numbered as they occur in `ids`."""
    if isinstance(value, list):
        return [without_run(each, ids) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: ids.setdefault(each, len(ids)) if key == "shared_object_id" else without_run(each, ids)
        for key, each in value.items()
        if key != "date_saved"
    }
