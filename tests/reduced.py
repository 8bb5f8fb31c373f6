"""The same pipeline on the real data with reduced parameters, in a temporary folder.

`make smoke` runs it; the checkout, its lock and its reports stay as they are. The numbers that it
gives mean nothing: never compare them with those of a full run.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from stages import params
from stages.errors import UserError

ROOT = Path(__file__).parent.parent
OVERRIDES = Path(__file__).with_name("reduced.yaml")
NOT_COPIED = ("dvc.lock", "models", "reports")


def main() -> None:
    """Run it all, say how long it took, and leave nothing behind."""
    with tempfile.TemporaryDirectory(prefix="reduced-") as name:
        began = time.perf_counter()
        copy_project(Path(name))
        dvc(Path(name), "repro")
        print(f"the reduced pipeline ran in {time.perf_counter() - began:.0f} s")


def copy_project(folder: Path) -> None:
    """Make a git repository of the project's files as they are now, with reduced parameters."""
    listed = git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    for name in filter(None, listed.split("\0")):
        if not name.startswith(NOT_COPIED) and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    values = reduce(params.read_yaml(ROOT / params.PATH), params.read_yaml(OVERRIDES))
    params.parse(values, str(OVERRIDES))
    YAML().dump(values, folder / params.PATH)
    git(folder, "init", "--quiet")
    commit(folder, "reduced")


def reduce(values: dict[str, Any], overrides: dict[str, Any], key: str = "") -> dict[str, Any]:
    """`values` with those of `overrides` in their place, which may bring no new key.

    Raises:
        UserError: naming a key that `values` does not have.
    """
    reduced = dict(values)
    for name, value in overrides.items():
        if name not in values:
            raise UserError(f"{OVERRIDES}: {key}{name}: no such key in {params.PATH}")
        nested = isinstance(value, dict)
        reduced[name] = reduce(values[name], value, f"{key}{name}.") if nested else value
    return reduced


def environment() -> dict[str, str]:
    """The environment of a pipeline elsewhere: this Python, the mirror that the project uses."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    shared = (ROOT / "../shared/datasets").resolve()
    mirror = {"DATASETS_MIRROR": str(shared)} if shared.is_dir() else {}
    return {**mirror, **os.environ, "PATH": path}


def dvc(folder: Path, *arguments: str) -> None:
    """Run a DVC command, its output shown."""
    subprocess.run(["dvc", *arguments], cwd=folder, env=environment(), check=True)


def commit(folder: Path, message: str) -> None:
    """Commit all files of a temporary repository."""
    git(folder, "add", "--all")
    author = ("-c", "user.name=reduced", "-c", "user.email=reduced@localhost")
    git(folder, *author, "commit", "--quiet", "--allow-empty", "--message", message)


def git(folder: Path, *arguments: str) -> str:
    """What a git command prints."""
    return subprocess.run(
        ["git", *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout


if __name__ == "__main__":
    main()
