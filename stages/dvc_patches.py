"""Faster replacements of what DVC does slowly with many stages and parameters."""

import functools
import os
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import dpath
import dvc.dvcfile
from dvc.stage.serialize import to_lockfile
from dvc.utils import strictyaml
from dvc.utils.serialize import _yaml, dumps_yaml

from stages.dvc_lock import read_lock, replace_entry, write_lock

STAGES = "stages:\n"


@functools.cache
def patch_dvc() -> None:
    """Let DVC parse the same YAML once in this process, and look parameters up by their keys.

    It parses params.yaml for each stage, and compares each key with those of all parameters.
    """
    _yaml.parse_yaml = strictyaml.parse_yaml = parse_once(_yaml.parse_yaml)
    dpath.get = look_up(dpath.get)


def parse_once(parse: Callable[..., Any]) -> Callable[..., Any]:
    """Return `parse_yaml` of DVC with a cache; callers get objects of their own to change."""

    @functools.cache
    def pickled(text: str, path: str, typ: str) -> bytes:
        return pickle.dumps(parse(text, path, typ))

    return lambda text, path, typ="safe": pickle.loads(pickled(text, os.path.relpath(path), typ))


def look_up(search: Callable[..., Any]) -> Callable[..., Any]:
    """Return `dpath.get` that searches only for keys that are not those of nested dictionaries."""

    def get(values: Any, path: str, separator: str = "/", **options: Any) -> Any:
        found = values
        for key in path.split(separator):
            if not isinstance(found, dict) or key not in found:
                return search(values, path, separator, **options)
            found = found[key]
        return found

    return get


class Lockfile(dvc.dvcfile.Lockfile):
    """dvc.lock, of which only the entries of the stages that ran are written."""

    def dump_stages(self, stages: Sequence[Any], **options: Any) -> None:
        """Replace the entries of stages."""
        lock = read_lock(Path(self.path))
        for each in stages:
            entry = dumps_yaml({"stages": to_lockfile(each, **options)})
            lock = replace_entry(lock, entry.removeprefix(STAGES))
        write_lock(lock, Path(self.path))
