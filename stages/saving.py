"""Keras models as files that are equal when the models are."""

import io
import json
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from stages import layers  # noqa: F401  (Keras finds them once they are imported)
from stages.errors import UserError
from stages.files import replacing

PROGRESS = "progress.npz"


def save_model(model: keras.Model, path: Path, progress: Mapping[str, np.ndarray]) -> None:
    """Write `model` in Keras format, without optimizer, time of saving and memory addresses.

    `progress`, what it made while it learned, lies beside it in the zip as progress.npz.

    Keras writes the time to metadata.json and the zip's entries, and the addresses of shared
    objects to config.json; with them, two identical trainings would give different files, and
    what depends on them would run again for nothing.
    """
    model.optimizer = None
    with tempfile.TemporaryDirectory() as folder, replacing(path) as partial:
        original = Path(folder) / "model.keras"
        model.save(original)
        with zipfile.ZipFile(original) as source, zipfile.ZipFile(partial, "w") as target:
            for name in sorted(source.namelist()):
                content = source.read(name)
                if name.endswith(".json"):
                    content = json.dumps(reproducible(json.loads(content), {})).encode()
                target.writestr(zipfile.ZipInfo(name), content)
            if progress:
                arrays = io.BytesIO()
                np.savez_compressed(arrays, allow_pickle=False, **progress)
                target.writestr(zipfile.ZipInfo(PROGRESS), arrays.getvalue())


def reproducible(value: Any, numbers: dict[int, int]) -> Any:
    """JSON without `date_saved`, and the ids of shared objects numbered as they occur."""
    if isinstance(value, list):
        return [reproducible(each, numbers) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: numbers.setdefault(each, len(numbers))
        if key == "shared_object_id"
        else reproducible(each, numbers)
        for key, each in value.items()
        if key != "date_saved"
    }


def load_model(path: Path) -> keras.Model:
    """Read a model that `save_model` wrote.

    Raises:
        UserError: when there is none, or it is damaged.
    """
    try:
        return keras.saving.load_model(path, compile=False)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: not a model: {str(error).splitlines()[0]}") from None


def load_progress(path: Path) -> dict[str, np.ndarray]:
    """Read the `progress` of a model that `save_model` wrote; empty where there was none."""
    with zipfile.ZipFile(path) as archive:
        if PROGRESS not in archive.namelist():
            return {}
        with np.load(io.BytesIO(archive.read(PROGRESS))) as arrays:
            return dict(arrays)
