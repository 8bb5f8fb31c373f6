"""The same pipeline on the real data with reduced parameters, in a temporary folder.

`make smoke` runs it; the checkout, its lock and its reports stay as they are. Its numbers mean
nothing: never compare them with those of a full run. `python -m tests.reduced FOLDER` keeps the
project in FOLDER, where `python -m tests.compare FOLDER` compares it with the committed baseline.
"""

import argparse
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
COPIED = ("models/none/", "reports/baseline.json", "reports/seeds.json")
BASELINE = Path(__file__).with_name("reduced_baseline")  # results of an earlier reduced run
MAX_STEPS = 50


def main() -> None:
    """Run the pipeline in the folder on the command line, or leave nothing behind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="keep the project in this new folder")
    folder = parser.parse_args().folder
    with tempfile.TemporaryDirectory(prefix="reduced-") as name:
        began = time.perf_counter()
        project = folder or Path(name)
        copy_project(project)
        commit_baseline(project)
        run_pipeline(project)
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


def commit_baseline(folder: Path) -> None:
    """Commit the results of the baseline and remove them again, as what to compare with.

    Args:
        folder: of a project that did not run yet.
    """
    results = BASELINE / "results"
    paths = [path.relative_to(results) for path in results.rglob("*") if path.is_file()]
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(results / path, folder / path)
    commit(folder, "baseline")
    for path in paths:
        (folder / path).unlink()


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


def run_pipeline(folder: Path, *stages: str, stdout: int | None = None) -> str:
    """Run all stages of a project, or some and what they need.

    Args:
        folder: of the project.
        stages: names, by default of all.
        stdout: subprocess.PIPE to capture what they print instead of showing it.

    Returns:
        What was captured.
    """
    command = [sys.executable, "-m", "stages.parallel", *stages]
    done = subprocess.run(
        command, cwd=folder, env=environment(), stdout=stdout, text=True, check=True
    )
    return done.stdout or ""


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
