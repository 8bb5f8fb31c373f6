"""The values that a sweep proposes for params.yaml: patch.yaml, and how it is applied."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from stages.config.load import describe_all, load_params, read_yaml
from stages.config.schema import Section
from stages.core.errors import ConfigError, UserError
from stages.core.files import atomic_output


class Change(Section):
    """A value of params.yaml to change, by dotted key."""

    key: str
    old: Any
    new: Any


class Patch(Section):
    """Content of patch.yaml.

    Attributes:
        finding: What the sweep found.
        changes: Values to change; empty if those of params.yaml are best.
    """

    finding: str
    changes: list[Change]


def write_patch(path: Path, patch: Patch, header: str) -> None:
    """Write a patch.

    Args:
        path: Path of patch.yaml.
        patch: The patch.
        header: Comment at its top.
    """
    with atomic_output(path) as partial:
        text = yaml.safe_dump(patch.model_dump(), sort_keys=False, width=100)
        partial.write_text(f"# {header}\n{text}", encoding="utf-8")


def read_patch(path: Path) -> Patch:
    """Read a patch.

    Raises:
        UserError: If there is none, or it is not valid.
    """
    if not path.exists():
        raise UserError(f"{path}: no such file; a sweep that ends writes it")
    values = read_yaml(path)
    try:
        return Patch.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"{path}: {describe_all(error, values)}") from None


def apply_patch(patch: Patch, path: Path) -> list[Change]:
    """Change values of params.yaml; all else in it stays, comments included.

    Args:
        patch: The patch.
        path: Path of params.yaml.

    Returns:
        The changes made, without those that were there already.

    Raises:
        ConfigError: If a value is neither the old nor the new one, or params.yaml would be invalid.
    """
    values = read_yaml(path)
    changes = []
    for change in patch.changes:
        found = get_value(values, change.key)
        if found == change.new:
            continue
        if found != change.old and found is not None:
            raise ConfigError(
                f"{path}: {change.key}: expected {change.old!r}, with which the sweep was run, "
                f"found {found!r}; run the sweep again"
            )
        changes.append(change)
    if changes:
        write_values(path, {change.key: change.new for change in changes})
    return changes


def get_value(values: Any, key: str) -> Any:
    """Return the value at a dotted key; None if there is none: an option that is off."""
    for part in key.split("."):
        try:
            values = values[int(part) if isinstance(values, list) else part]
        except (KeyError, IndexError, TypeError, ValueError):
            return None
    return values


def write_values(path: Path, changes: Mapping[str, Any]) -> None:
    """Replace values of a YAML file as `dvc exp run --set-param` does.

    Args:
        path: Path of params.yaml.
        changes: New values by dotted key.

    Raises:
        ConfigError: If the file would be invalid; it is not changed then.
    """
    from dvc.utils.serialize import modify_yaml

    with atomic_output(path) as partial:
        shutil.copy(path, partial)
        with modify_yaml(str(partial)) as values:
            for key, value in changes.items():
                set_value(values, key, value)
        load_params(partial)


def set_value(values: Any, key: str, value: Any) -> None:
    """Set the value at a dotted key of a document of ruamel.yaml."""
    *path, last = key.split(".")
    for part in path:
        values = values[int(part) if isinstance(values, list) else part]
    if isinstance(values, list):
        values[int(last)] = value
    elif last in values:
        values[last] = keep_comment(values[last], value)
    else:  # not at the end: what follows the last key belongs to the next section
        values.insert(max(0, len(values) - 1), last, value)


def keep_comment(old: Any, new: Any) -> Any:
    """Return a new value, with the blank line and the comment after the list that it replaces.

    ruamel.yaml attaches them to the last item of the list.
    """
    from ruamel.yaml.comments import CommentedSeq

    if not (isinstance(old, CommentedSeq) and isinstance(new, list) and old and new):
        return new
    commented = CommentedSeq(new)
    if comment := old.ca.items.get(len(old) - 1):
        commented.ca.items[len(new) - 1] = comment
    return commented
