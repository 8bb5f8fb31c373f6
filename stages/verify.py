"""Rerun the committed pipeline and compare its outputs byte for byte: `make verify`.

The committed state is cloned to a temporary folder with its own DVC cache, so that no output is
restored from the cache, and the stages run there. Downloads are not repeated: the raw data of this
folder is copied if present.
"""

import argparse
import fnmatch
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from yamlcore import CCoreDumper, CCoreLoader

from stages.core.cli import exit_on_error
from stages.core.errors import ConfigError
from stages.core.files import read_json, remove
from stages.download import SHARED
from stages.page.results import BASELINE
from stages.record import describe_machine, read_cpuinfo

Stages = dict[str, Any]  # the `stages` section of dvc.lock, by name

LOCK = "dvc.lock"
SAME, DIFFERENT, MISSING = "same", "DIFFERENT", "MISSING"


class Comparison(NamedTuple):
    """An output of a stage and the result of its comparison: SAME, DIFFERENT or MISSING."""

    stage: str
    path: str
    state: str


def main() -> None:
    """Verify the stages on the command line (default: all); status 1 if an output differs."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("stages", nargs="*", help="stages or globs (default: all)")
    arguments = parser.parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="verify-") as name:
        clone = Path(name) / "clone"
        before = clone_project(Path.cwd(), clone)
        selected = select_stages(arguments.stages, before)
        machine = describe_machines(clone / BASELINE)
        print(machine, flush=True)
        warn_of_changes(Path.cwd())
        rerun(clone, selected)
        compared = compare_locks(before, parse_lock(clone / LOCK), selected)
    print(summarize(compared))
    print(f"{machine}\n{time.perf_counter() - began:.0f} s")
    sys.exit(any(comparison.state != SAME for comparison in compared))


def clone_project(project: Path, clone: Path) -> Stages:
    """Clone HEAD of `project` to `clone`, without the outputs of all stages except downloads.

    Args:
        project: Folder of the project.
        clone: Folder of the clone, which is created.

    Returns:
        Stages of the committed dvc.lock.
    """
    subprocess.run(["git", "clone", "--quiet", str(project), str(clone)], check=True)
    (clone / ".dvc/config.local").write_text("[cache]\n    dir = cache\n", encoding="utf-8")
    before = parse_lock(clone / LOCK)
    downloaded = {}
    for name, stage in before.items():
        for path in outputs(stage):
            if not is_download(name):
                remove(clone / path)
            elif copy_if_present(project / path, clone / path):
                downloaded[name] = stage
    lock = {"schema": "2.0", "stages": downloaded}
    with (clone / LOCK).open("w", encoding="utf-8") as file:
        yaml.dump(lock, file, Dumper=CCoreDumper, sort_keys=False)
    if downloaded:  # add them to the cache, or DVC would download again
        command = [sys.executable, "-m", "dvc", "commit", "--quiet", "--force", *downloaded]
        subprocess.run(command, cwd=clone, check=True)
    return before


def parse_lock(path: Path) -> Stages:
    """Parse the stages of a dvc.lock, by name.

    Raises:
        ConfigError: If the file does not exist.
    """
    if not path.exists():
        raise ConfigError(f"{path.name}: not committed; run `make repro` and commit it first")
    return yaml.load(path.read_bytes(), Loader=CCoreLoader)["stages"] or {}


def is_download(stage: str) -> bool:
    """Return whether a stage downloads data."""
    return stage.partition("@")[0] == "download"


def outputs(stage: dict[str, Any]) -> dict[str, str]:
    """Return the hashes of the outputs of a stage in dvc.lock, by path."""
    return {output["path"]: output["md5"] for output in stage.get("outs", [])}


def copy_if_present(source: Path, target: Path) -> bool:
    """Copy a folder if it exists, and return whether it does."""
    if source.is_dir():
        shutil.copytree(source, target)
    return source.is_dir()


def select_stages(patterns: Sequence[str], stages: Iterable[str]) -> list[str]:
    """Select the stages that match any pattern, without downloads; all if there is no pattern.

    Args:
        patterns: Names or globs of stages, such as `train@mnist_*`.
        stages: Names of all stages.

    Raises:
        ConfigError: If a pattern matches no stage.
    """
    names = [name for name in stages if not is_download(name)]
    for pattern in patterns:
        if not fnmatch.filter(names, pattern):
            raise ConfigError(f"no stage matches {pattern!r}; `dvc stage list` lists all")
    return [
        name
        for name in names
        if not patterns or any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
    ]


def mirror_environment(project: Path = Path()) -> dict[str, str]:
    """Return $DATASETS_MIRROR for clones of a project, beside which the default mirror is not.

    Args:
        project: Folder of the project.
    """
    shared = (project / ".." / SHARED).resolve()
    mirror = os.environ.get("DATASETS_MIRROR") or (str(shared) if shared.is_dir() else "")
    return {"DATASETS_MIRROR": mirror} if mirror else {}


def rerun(clone: Path, stages: Sequence[str]) -> None:
    """Run stages and their dependencies. After a failure, outputs are missing.

    Args:
        clone: Folder of the project.
        stages: Names of the stages to run.
    """
    environment = {
        **os.environ,
        **mirror_environment(),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    command = [sys.executable, "-m", "stages.parallel", *stages]
    subprocess.run(command, cwd=clone, env=environment, check=False)


def compare_locks(before: Stages, after: Stages, selected: Iterable[str]) -> list[Comparison]:
    """Compare the outputs of stages in two dvc.lock files.

    Args:
        before: Committed stages.
        after: Stages of the rerun.
        selected: Stages to compare. Other stages in `after`, on which these depend, are compared
            too.

    Returns:
        Comparisons of all outputs, in the order of `before`, without downloads.
    """
    expected = {*selected, *after}
    compared = []
    for name, stage in before.items():
        if name not in expected or is_download(name):
            continue
        rerun_outputs = outputs(after.get(name, {}))
        for path, md5 in outputs(stage).items():
            found = rerun_outputs.get(path)
            state = MISSING if found is None else SAME if found == md5 else DIFFERENT
            compared.append(Comparison(name, path, state))
    return compared


def summarize(compared: Sequence[Comparison]) -> str:
    """Return one line per output, different ones last, and a line with their number."""
    ranked = sorted(compared, key=lambda comparison: comparison.state != SAME)
    lines = [f"{state:<9}  {path}  ({stage})" for stage, path, state in ranked]
    same = sum(comparison.state == SAME for comparison in compared)
    return "\n".join([*lines, f"{same} of {len(compared)} outputs are byte-for-byte identical"])


def describe_machines(baseline: Path) -> str:
    """Return the CPU of the committed results and that of this machine, in words."""
    here = describe_machine(read_cpuinfo())
    if not baseline.exists():
        return f"committed results: CPU not recorded\nthis machine: {name_machine(here)}"
    record = read_json(baseline)
    text = (
        f"committed results: {name_machine(record['machine'])}, {record['recorded']}\n"
        f"this machine: {name_machine(here)}"
    )
    if record["machine"]["instructions"] != here["instructions"]:
        text += "\nAnother CPU type: results differ in the last digits, or more."
    return text


def name_machine(machine: dict[str, Any]) -> str:
    """Return the name and instruction sets of a machine of `describe_machine`."""
    return ", ".join([machine["processor"], *machine["instructions"]])


def warn_of_changes(project: Path) -> None:
    """Warn about uncommitted changes, which are not verified."""
    status = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=no"],
        cwd=project,
        check=True,
        capture_output=True,
        text=True,
    )
    if count := len(status.stdout.splitlines()):
        print(f"{count} changed files are not committed, and not verified", flush=True)


if __name__ == "__main__":
    exit_on_error(main)
