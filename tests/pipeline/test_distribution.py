"""Stages on two Ray nodes with separate clones and a remote, of which one dies."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stages.dvc_lock import split_lock
from tests import reduced
from tests.nodes import DEADLINE, TOKEN, two_nodes

pytest.importorskip("ray", reason="make .venv/sweep installs it")

TARGETS = ("evaluate@toy_circle", "evaluate@votes_mlp", "cross_validate@votes_mlp")
WRITTEN = ("data", "models", "reports")


def make_projects(folder: Path) -> tuple[Path, Path]:
    """Create two equal projects, with a remote of their own each."""
    plain, spread = folder / "plain", folder / "spread"
    plain.mkdir()
    reduced.copy_project(plain)
    shutil.copytree(plain, spread, symlinks=True)
    storage = str(folder / "storage")
    reduced.output(spread, "dvc", "remote", "add", "--default", "storage", storage)
    return plain, spread


def contents(folder: Path) -> dict[str, bytes]:
    """Return all outputs of stages by path; run.json, which is none, is written where they run."""
    files = [path for name in WRITTEN for path in (folder / name).rglob("*") if path.is_file()]
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in files
        if path.name != "run.json"
    }


def test_stages_on_two_nodes_give_the_bytes_of_dvc_repro_although_one_dies(tmp_path: Path) -> None:
    plain, spread = make_projects(tmp_path)
    # Up to date in the driver, but not in the remote.
    reduced.run_pipeline(spread, "synthesize@circle", stdout=subprocess.PIPE)
    with two_nodes(tmp_path) as (address, nodes):
        command = [sys.executable, "-m", "stages.distribute", "--address", address, "--remote"]
        process = subprocess.Popen(
            [*command, *TARGETS],
            cwd=spread,
            env=reduced.environment() | TOKEN,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if re.search(r"running: train@\S+, \S+", line) and nodes[1].process.poll() is None:
                nodes[1].kill()
        assert process.wait(DEADLINE) == 0, "".join(lines)
    printed = "".join(lines)
    assert not list((spread / "models").glob("*/run.json"))  # no model was trained here
    assert "its worker is lost, 1 are left" in printed
    assert re.search(r"\d+ stages in \d+ s on 2 workers", printed)
    reduced.run_pipeline(plain, *TARGETS, stdout=subprocess.PIPE)
    assert contents(spread) == contents(plain)
    locks = [split_lock((each / "dvc.lock").read_text()) for each in (spread, plain)]
    assert locks[0] == locks[1]
    assert "up to date" in reduced.output(spread, "dvc", "status", *TARGETS)


def test_workers_of_this_machine_share_the_cache(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    reduced.copy_project(project)
    command = ["-m", "stages.distribute", "--workers", "2", "train@toy_circle", "synthesize@xor"]
    printed = reduced.output(project, sys.executable, *command)
    assert "3 stages in" in printed
    assert (project / "models/toy_circle/model.keras").is_file()
    assert not (project / "models/toy_circle/run.json").exists()  # restored, not trained here
    assert "up to date" in reduced.output(project, "dvc", "status", "train@toy_circle")
    # Its dependencies are up to date: their entries of dvc.lock are sent, though they do not run.
    command = ["-m", "stages.distribute", "--workers", "2", "evaluate@toy_circle"]
    assert "\n1 stages in" in reduced.output(project, sys.executable, *command)
    assert "up to date" in reduced.output(project, "dvc", "status", "evaluate@toy_circle")
