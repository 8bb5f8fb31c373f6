"""Atomic writes: to a temporary file next to the target, then renamed."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stages.core.errors import DataError


@contextmanager
def atomic_output(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write a file or folder to, and rename it to `path` at the end.

    When the body raises, `path` is left as it was. Leftovers of a killed process are removed first.
    The temporary name keeps the suffix of `path`, by which some libraries choose a format.

    Args:
        path: File or folder to replace.

    Yields:
        The temporary path.
    """
    partial = path.with_name(f".partial-{path.name}")
    remove(partial)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield partial
        if path.is_dir():  # a folder cannot be renamed over another
            shutil.rmtree(path)
        partial.replace(path)
    finally:
        remove(partial)


def remove(path: Path) -> None:
    """Remove a file or a folder with everything in it, if there is one."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_json(path: Path, value: Any, indent: int | None = 2) -> None:
    """Write `value` as JSON; equal values result in equal bytes.

    Raises:
        ValueError: If `value` contains NaN or infinity.
    """
    with atomic_output(path) as partial:
        text = json.dumps(value, indent=indent, allow_nan=False)
        partial.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        DataError: If it is not JSON, for example truncated.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path}: not JSON: {error}; run the stage that writes it again") from None


def flatten(values: dict[str, Any], prefix: str = "") -> dict[str, float]:
    """Flatten nested dictionaries to one with dotted keys, as `dvc metrics` names them."""
    flat: dict[str, float] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
