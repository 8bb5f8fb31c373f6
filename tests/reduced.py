"""Run the pipeline on the real data with reduced parameters, in a temporary folder.

`make smoke` runs it without changing the project, its lock file and its reports. Do not compare its
metrics with those of a full run. `python -m tests.reduced FOLDER` keeps the project in FOLDER,
where `python -m tests.compare FOLDER` compares it with the committed baseline.
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
from stages.verify import mirror_environment

ROOT = Path(__file__).parent.parent
OVERRIDES = Path(__file__).with_name("reduced.yaml")
NOT_COPIED = ("dvc.lock", "models/", "reports/")
COPIED = ("models/none/", "reports/baseline.json", "reports/seeds.json")
BASELINE = Path(__file__).with_name("reduced_baseline")  # results of an earlier reduced run
BIN = Path(__file__).with_name("bin")  # a faster `dvc`
MAX_STEPS = 50


def main() -> None:
    """Run the pipeline in the folder on the command line, or in a temporary one."""
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
    """Create a git repository with the current files of the project and reduced parameters.

    Args:
        folder: Empty folder.
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
    """Commit the results of the baseline for comparison, then remove the files.

    Args:
        folder: Folder of a project that did not run yet.
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
    """Return the values of params.yaml with one epoch, few steps, and those of reduced.yaml."""
    values = read_yaml(ROOT / "params.yaml")
    for model in values["models"].values():
        training = model["training"]
        if "epochs" in training:
            training["epochs"] = 1
        if "steps" in training:
            training["steps"] = min(training["steps"], MAX_STEPS)
    drawn: set[str] = set()
    for study in values["studies"].values():
        num_variants = 1 if study["chart"] in drawn else 2
        drawn.add(study["chart"])
        reduce_study(study, values["models"][study["model"]]["training"], num_variants)
    values = reduce(values, read_yaml(OVERRIDES))
    parse_params(values, str(OVERRIDES))
    return values


def reduce_study(study: dict[str, Any], training: dict[str, Any], num_variants: int) -> None:
    """Keep few variants of a study, with few examples and steps.

    Args:
        study: Section of the study, which is changed.
        training: Section `training` of its model.
        num_variants: Number of named variants and of values in a grid.
    """
    study["grid"] = {key: choices[:num_variants] for key, choices in study["grid"].items()}
    study["variants"] = dict(list(study["variants"].items())[:num_variants])
    study["seeds"] = study["seeds"][:3]
    study["reference"] = None
    small = {"max_examples": 400} | {
        f"training.{key}": value
        for key, value in {"epochs": 1, "steps": MAX_STEPS}.items()
        if key in training
    }
    for overrides in (study["settings"], *study["variants"].values()):
        overrides |= {key: value for key, value in small.items() if key in overrides}
    study["settings"] = small | study["settings"]


def reduce(values: dict[str, Any], overrides: dict[str, Any], key: str = "") -> dict[str, Any]:
    """Replace values by those of `overrides`, which may not add keys.

    Raises:
        ConfigError: If a key is not in `values`. The message names it.
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


def change_param(folder: Path, key: str, value: Any) -> None:
    """Change a value in params.yaml of a project.

    Args:
        folder: Folder of the project.
        key: Dotted key.
        value: New value.
    """
    values = read_yaml(folder / "params.yaml")
    *path, last = key.split(".")
    section = values
    for part in path:
        section = section[part]
    section[last] = value
    write_params(folder, values)


def environment() -> dict[str, str]:
    """Return the environment variables of a pipeline in another folder: this Python, the mirror."""
    path = os.pathsep.join([str(BIN), str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, **mirror_environment(ROOT), "PATH": path}


def run_pipeline(folder: Path, *stages: str, stdout: int | None = None) -> str:
    """Run all stages of a project, or some and their dependencies.

    Args:
        folder: Folder of the project.
        stages: Names of the stages; all by default.
        stdout: subprocess.PIPE to capture the output instead of printing it.

    Returns:
        Captured output.
    """
    command = [sys.executable, "-m", "stages.parallel", *stages]
    done = subprocess.run(
        command, cwd=folder, env=environment(), stdout=stdout, text=True, check=True
    )
    return done.stdout or ""


def output(folder: Path, *command: str) -> str:
    """Run a command in a project and return its output."""
    return subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, check=True
    ).stdout


def commit(folder: Path, message: str) -> None:
    """Commit all files of a temporary repository."""
    git(folder, "add", "--all")
    author = ("-c", "user.name=reduced", "-c", "user.email=reduced@localhost")
    git(folder, *author, "commit", "--quiet", "--allow-empty", "--message", message)


def git(folder: Path, *arguments: str) -> str:
    """Run a git command and return its output."""
    return subprocess.run(
        ["git", *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout


if __name__ == "__main__":
    main()
