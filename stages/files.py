"""Files that are whole or absent: written beside, then renamed."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write a file or folder to; at the end it takes its place.

    When the body raises, `path` is as it was. What a killed process left beside is removed first.
    The body's path keeps the ending of `path`, since some libraries choose a format by it.
    """
    partial = path.with_name(f".partial-{path.name}")
    remove(partial)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield partial
        if path.is_dir():  # a folder can not be renamed over another
            shutil.rmtree(path)
        partial.replace(path)
    finally:
        remove(partial)


def remove(path: Path) -> None:
    """Remove a file or a folder with all that is in it; nothing when there is none."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_json(path: Path, value: Any, indent: int | None = 2) -> None:
    """Write `value` as JSON in a form that is equal for equal values."""
    with replacing(path) as partial:
        text = json.dumps(value, indent=indent, allow_nan=False)
        partial.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read the JSON file `path`."""
    return json.loads(path.read_text(encoding="utf-8"))


def flatten(values: dict[str, Any], prefix: str = "") -> dict[str, float]:
    """Nested mappings as one with dotted keys, as `dvc metrics` names them."""
    flat: dict[str, float] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
