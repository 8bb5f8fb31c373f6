"""Run the committed pipeline again and compare its outputs to the byte: `make verify`.

The committed state is cloned to a temporary folder with a DVC cache of its own, so that nothing is
restored, and the stages run there. Downloads are not repeated: the raw data of this folder is
copied, if it is there.
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
from stages.page.results import BASELINE
from stages.record import describe_machine, read_cpuinfo

Stages = dict[str, Any]  # the `stages` section of dvc.lock, by name

LOCK = "dvc.lock"
SAME, DIFFERENT, MISSING = "same", "DIFFERENT", "NOT MADE"
MIRROR = Path("../shared/datasets")  # the default of stages/download.py, relative to the project


class Comparison(NamedTuple):
    """An output of a stage and whether it came out again: SAME, DIFFERENT or MISSING."""

    stage: str
    path: str
    state: str


def main() -> None:
    """Verify the stages given on the command line, by default all; status 1 if any differs."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("stages", nargs="*", help="stages or globs, by default all")
    arguments = parser.parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="verify-") as name:
        clone = Path(name) / "clone"
        before = clone_project(Path.cwd(), clone)
        chosen = choose_stages(arguments.stages, before)
        machine = describe_machines(clone / BASELINE)
        print(machine, flush=True)
        warn_of_changes(Path.cwd())
        run_again(clone, chosen)
        compared = compare_locks(before, read_lock(clone / LOCK), chosen)
    print(summarize(compared))
    print(f"{machine}\n{time.perf_counter() - began:.0f} s")
    sys.exit(any(comparison.state != SAME for comparison in compared))


def clone_project(project: Path, clone: Path) -> Stages:
    """Clone HEAD of `project` to `clone`, without the outputs of any stage but downloads.

    Returns:
        The stages of the committed dvc.lock.
    """
    subprocess.run(["git", "clone", "--quiet", str(project), str(clone)], check=True)
    (clone / ".dvc/config.local").write_text("[cache]\n    dir = cache\n", encoding="utf-8")
    before = read_lock(clone / LOCK)
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
    if downloaded:  # into the cache, without which DVC would download again
        command = [sys.executable, "-m", "dvc", "commit", "--quiet", "--force", *downloaded]
        subprocess.run(command, cwd=clone, check=True)
    return before


def read_lock(path: Path) -> Stages:
    """The stages of a dvc.lock by name.

    Raises:
        ConfigError: if there is no such file.
    """
    if not path.exists():
        raise ConfigError(f"{path.name}: not committed; run `make repro` and commit it first")
    return yaml.load(path.read_bytes(), Loader=CCoreLoader)["stages"] or {}


def is_download(stage: str) -> bool:
    """Whether a stage fetches from elsewhere."""
    return stage.partition("@")[0] == "download"


def outputs(stage: dict[str, Any]) -> dict[str, str]:
    """The hash of each output of a stage of dvc.lock, by path."""
    return {output["path"]: output["md5"] for output in stage.get("outs", [])}


def copy_if_present(source: Path, target: Path) -> bool:
    """Copy a folder, if there is one; whether there was."""
    if source.is_dir():
        shutil.copytree(source, target)
    return source.is_dir()


def choose_stages(patterns: Sequence[str], stages: Iterable[str]) -> list[str]:
    """The stages that match any pattern, without downloads; all if there is no pattern.

    Args:
        patterns: names or globs of stages, such as `train@mnist_*`.
        stages: the names of all.

    Raises:
        ConfigError: if a pattern matches no stage.
    """
    names = [name for name in stages if not is_download(name)]
    for pattern in patterns:
        if not fnmatch.filter(names, pattern):
            raise ConfigError(f"no stage matches {pattern!r}; `dvc stage list` names them all")
    return [
        name
        for name in names
        if not patterns or any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
    ]


def run_again(clone: Path, stages: Sequence[str]) -> None:
    """Run stages and all that they need; what a failure leaves out is missing afterwards.

    Args:
        clone: the project folder.
        stages: what to run.
    """
    environment = {
        **({"DATASETS_MIRROR": str(MIRROR.resolve())} if MIRROR.is_dir() else {}),
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    command = [sys.executable, "-m", "stages.parallel", *stages]
    subprocess.run(command, cwd=clone, env=environment, check=False)


def compare_locks(before: Stages, after: Stages, chosen: Iterable[str]) -> list[Comparison]:
    """Compare the outputs of stages as two dvc.lock files have them.

    Args:
        before: the committed stages.
        after: the stages that ran again.
        chosen: stages that were to run; what else is in `after`, because they depend on it, is
            compared too.

    Returns:
        A comparison for each output, in the order of `before`, without downloads.
    """
    expected = {*chosen, *after}
    compared = []
    for name, stage in before.items():
        if name not in expected or is_download(name):
            continue
        made = outputs(after.get(name, {}))
        for path, md5 in outputs(stage).items():
            state = MISSING if path not in made else SAME if made[path] == md5 else DIFFERENT
            compared.append(Comparison(name, path, state))
    return compared


def summarize(compared: Sequence[Comparison]) -> str:
    """A line for each output and one for all, those that are not the same last."""
    ranked = sorted(compared, key=lambda comparison: comparison.state != SAME)
    lines = [f"{each.state:<9}  {each.path}  ({each.stage})" for each in ranked]
    same = sum(comparison.state == SAME for comparison in compared)
    return "\n".join([*lines, f"{same} of {len(compared)} outputs are the same to the byte"])


def describe_machines(baseline: Path) -> str:
    """On which kind of processor the committed results were made, and which one this is."""
    here = describe_machine(read_cpuinfo())
    if not baseline.exists():
        return f"committed results: processor not recorded\nthis machine: {name_machine(here)}"
    record = read_json(baseline)
    text = (
        f"committed results: {name_machine(record['machine'])}, {record['recorded']}\n"
        f"this machine: {name_machine(here)}"
    )
    if record["machine"]["instructions"] != here["instructions"]:
        text += "\nAnother kind of processor: its results differ in the last digits, or more."
    return text


def name_machine(machine: dict[str, Any]) -> str:
    """A machine of `describe_machine` in words."""
    return ", ".join([machine["processor"], *machine["instructions"]])


def warn_of_changes(project: Path) -> None:
    """Say that changes that are not committed are not verified, if there are any."""
    status = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=no"],
        cwd=project,
        check=True,
        capture_output=True,
        text=True,
    )
    if count := len(status.stdout.splitlines()):
        print(f"{count} changed files are not committed, and not what is verified", flush=True)


if __name__ == "__main__":
    exit_on_error(main)
