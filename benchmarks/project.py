"""Separate project folders for benchmarks, so that the current one is not changed."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from stages.core.cli import ENVIRONMENT
from stages.core.errors import UserError
from stages.verify import mirror_environment

ROOT = Path(__file__).resolve().parent.parent
NO_EVALUATOR = "none"


def make_project(folder: Path, values: Mapping[str, Any], model: str) -> None:
    """Create a folder in which the stages of one model can run.

    Downloads and the evaluator are linked from this project, or created if it has none.

    Args:
        folder: Folder to create.
        values: Values of its params.yaml.
        model: Id of the model; its dataset is prepared.
    """
    section = values["models"][model]
    dataset, evaluator = section["dataset"], section["evaluation"]["evaluator"]
    folder.mkdir(parents=True)
    (folder / "params.yaml").write_text(yaml.safe_dump(dict(values), sort_keys=False))
    provide(folder, Path("data/raw") / dataset, "download", dataset)
    run_module(folder, "stages.preprocess", dataset)
    if evaluator != NO_EVALUATOR:
        provide(folder, Path("models") / evaluator, "train", evaluator)


def provide(folder: Path, path: Path, stage: str, name: str) -> None:
    """Link an output of this project, or run the stage that creates it."""
    if not (ROOT / path).exists():
        run_module(folder, f"stages.{stage}", name)
        return
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).symlink_to(ROOT / path)


def run_module(folder: Path, module: str, *arguments: str) -> None:
    """Run `python -m module` of this project in a folder.

    Raises:
        UserError: If it fails.
    """
    command = [sys.executable, "-m", module, *arguments]
    variables = environment() | {"PYTHONPATH": str(ROOT)}
    if subprocess.run(command, cwd=folder, env=variables, check=False).returncode:
        raise UserError(
            f"python -m {' '.join(command[2:])} failed in {folder}; see the lines above"
        )


def environment() -> dict[str, str]:
    """Return the environment variables for such a folder, with the mirror of this project."""
    return {**ENVIRONMENT, **os.environ, **mirror_environment(ROOT)}
