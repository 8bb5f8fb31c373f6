"""The same pipeline on the real data with reduced parameters, in a temporary folder.

`make smoke` runs it; the checkout, its lock and its reports stay as they are. Its numbers mean
nothing: never compare them with those of a full run.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from stages.config.load import parse_params, read_yaml
from stages.core.errors import ConfigError

ROOT = Path(__file__).parent.parent
OVERRIDES = Path(__file__).with_name("reduced.yaml")
NOT_COPIED = ("dvc.lock", "models/", "reports/")
COPIED = ("models/none/", "reports/baseline.json")
MAX_STEPS = 50


def main() -> None:
    """Run the pipeline, print how long it took, and leave nothing behind."""
    with tempfile.TemporaryDirectory(prefix="reduced-") as name:
        began = time.perf_counter()
        copy_project(Path(name))
        dvc(Path(name), "repro")
        print(f"the reduced pipeline ran in {time.perf_counter() - began:.0f} s")


def copy_project(folder: Path) -> None:
    """Make a git repository of the project's present files, with reduced parameters.

    Args:
        folder: an empty folder.
    """
    listed = git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    for name in filter(None, listed.split("\0")):
        copied = name.startswith(COPIED) or not name.startswith(NOT_COPIED)
        if copied and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    write_params(folder, reduced_params())
    git(folder, "init", "--quiet")
    commit(folder, "reduced")


def reduced_params() -> dict[str, Any]:
    """The values of params.yaml, reduced: one epoch, few steps, and reduced.yaml."""
    values = read_yaml(ROOT / "params.yaml")
    for model in values["models"].values():
        training = model["training"]
        if "epochs" in training:
            training["epochs"] = 1
        if "steps" in training:
            training["steps"] = min(training["steps"], MAX_STEPS)
    values = reduce(values, read_yaml(OVERRIDES))
    parse_params(values, str(OVERRIDES))
    return values


def reduce(values: dict[str, Any], overrides: dict[str, Any], key: str = "") -> dict[str, Any]:
    """Values with those of `overrides` in their place, which may bring no new key.

    Raises:
        ConfigError: naming a key that `values` does not have.
    """
    reduced = dict(values)
    for name, value in overrides.items():
        if name not in values:
            raise ConfigError(f"{OVERRIDES}: {key}{name}: no such key in params.yaml")
        nested = isinstance(value, dict)
        reduced[name] = reduce(values[name], value, f"{key}{name}.") if nested else value
    return reduced


def write_params(folder: Path, values: dict[str, Any]) -> None:
    """Write params.yaml of a project."""
    (folder / "params.yaml").write_text(yaml.safe_dump(values, sort_keys=False))


def environment() -> dict[str, str]:
    """The environment of a pipeline elsewhere: this Python, the mirror that the project uses."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    shared = (ROOT / "../shared/datasets").resolve()
    mirror = {"DATASETS_MIRROR": str(shared)} if shared.is_dir() else {}
    return {**mirror, **os.environ, "PATH": path}


def dvc(folder: Path, *arguments: str) -> None:
    """Run a DVC command and show its output."""
    subprocess.run(["dvc", *arguments], cwd=folder, env=environment(), check=True)


def commit(folder: Path, message: str) -> None:
    """Commit all files of a temporary repository."""
    git(folder, "add", "--all")
    author = ("-c", "user.name=reduced", "-c", "user.email=reduced@localhost")
    git(folder, *author, "commit", "--quiet", "--allow-empty", "--message", message)


def git(folder: Path, *arguments: str) -> str:
    """Run a git command and return what it prints."""
    return subprocess.run(
        ["git", *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout


if __name__ == "__main__":
    main()
