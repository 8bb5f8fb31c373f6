"""A stage that reads and writes only its entry of dvc.lock, as DVC itself writes it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stages.dvc_lock import leave_out

ROOT = Path(__file__).parents[2]
PIPELINE = """
stages:
  count:
    foreach: ${counts}
    do:
      cmd: echo ${item} > ${key}.txt
      deps: [source.txt]
      params: ["counts.${key}", settings]
      outs: ["${key}.txt"]
  sum:
    cmd: cat a.txt b.txt > sum.txt
    deps: [a.txt, b.txt]
    metrics: [{sum.txt: {cache: false}}]
  fail:
    cmd: exit 3
"""
PARAMS = """
counts: {a: 1, b: 2, "3": 4}
settings: {rate: 1.0e-05, text: "yes: no", none: null, nested: {list: [1, two, 3.0], empty: {}}}
"""
PROJECT = {"PYTHONPATH": str(ROOT)}
DVC = ["dvc", "repro", "--quiet", "--single-item"]
OURS = ["stages.run_stage"]
STAGES = ["count@b", "count@a", "count@3", "sum"]


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a module of Python in a folder, with ours."""
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env={**os.environ, **PROJECT},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that did not run yet."""
    folder = tmp_path_factory.mktemp("fresh")
    run(folder, "dvc", "init", "--quiet", "--no-scm")
    (folder / "dvc.yaml").write_text(PIPELINE)
    (folder / "params.yaml").write_text(PARAMS)
    (folder / "source.txt").write_text("source")
    return folder


@pytest.fixture(scope="module")
def projects(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two projects: in one, DVC ran the stages, in the other one, this module did."""
    folders = {}
    for name, command in {"dvc": DVC, "ours": OURS}.items():
        folders[name] = shutil.copytree(fresh, tmp_path_factory.mktemp(name) / "project")
        for stage in STAGES:
            done = run(folders[name], *command, stage)
            assert (done.returncode, done.stderr) == (0, ""), name
    return folders


def test_the_lock_is_that_of_dvc(projects: dict[str, Path]) -> None:
    lock = (projects["dvc"] / "dvc.lock").read_text()
    assert [f"{stage}:" in lock for stage in STAGES] == [True] * len(STAGES)
    assert (projects["ours"] / "dvc.lock").read_text() == lock
    assert (projects["ours"] / "sum.txt").read_text() == "1\n2\n"


def test_dvc_runs_nothing_again(projects: dict[str, Path]) -> None:
    for stage in STAGES:
        assert run(projects["ours"], "dvc", "status", stage).stdout.endswith("up to date.\n")


def test_stale_stages_are_those_of_dvc(projects: dict[str, Path]) -> None:
    params = projects["ours"] / "params.yaml"
    params.write_text(PARAMS.replace("b: 2", "b: 8"))
    stale = json.loads(run(projects["ours"], "dvc", "status", "--json").stdout)
    code = "from stages.parallel import read_pipeline; print(sorted(read_pipeline()[1]))"
    read = subprocess.run(
        [sys.executable, "-c", code], cwd=projects["ours"], env={**os.environ, **PROJECT},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    params.write_text(PARAMS)
    assert "count@b" in stale
    assert read.stdout.strip() == str(sorted(stale))


def test_a_changed_stage_keeps_its_place(projects: dict[str, Path]) -> None:
    for name, command in {"dvc": DVC, "ours": OURS}.items():
        params = projects[name] / "params.yaml"
        params.write_text(PARAMS.replace("a: 1", "a: 7"))
        run(projects[name], *command, "count@a")
        params.write_text(PARAMS)
    lock = (projects["dvc"] / "dvc.lock").read_text()
    assert "counts.a: 7" in lock
    assert (projects["ours"] / "dvc.lock").read_text() == lock


def test_results_are_restored_from_the_cache(projects: dict[str, Path]) -> None:
    (projects["ours"] / "b.txt").unlink()
    assert run(projects["ours"], *OURS, "count@b").returncode == 0
    assert (projects["ours"] / "b.txt").read_text() == "2\n"


def test_missing_dependencies_are_pulled(projects: dict[str, Path], tmp_path: Path) -> None:
    project = projects["ours"]
    run(project, "dvc", "remote", "add", "--default", "remote", str(tmp_path / "remote"))
    run(project, "dvc", "push", "count@a", "count@b")
    shutil.rmtree(project / ".dvc/cache/files")
    for name in ("a.txt", "sum.txt"):
        (project / name).unlink()
    lock = project / "dvc.lock"
    lock.write_text(leave_out(lock.read_text(), "sum"))
    assert run(project, *OURS, "--pull", "--allow-missing", "sum").returncode == 0
    assert (project / "sum.txt").read_text() == "7\n2\n"


def test_a_stage_that_fails_leaves_the_lock(projects: dict[str, Path]) -> None:
    before = (projects["ours"] / "dvc.lock").read_bytes()
    done = run(projects["ours"], *OURS, "fail")
    assert (done.returncode != 0, done.stderr) == (True, "")  # a command prints its own error
    assert (projects["ours"] / "dvc.lock").read_bytes() == before


def test_an_error_of_dvc_is_printed(projects: dict[str, Path]) -> None:
    source = projects["ours"] / "source.txt"
    source.rename(source.with_name("moved.txt"))
    done = run(projects["ours"], *OURS, "--force", "count@a")
    source.with_name("moved.txt").rename(source)
    assert done.returncode != 0
    error = "ERROR: failed to reproduce 'count@a': dependency 'source.txt' does not exist\n"
    assert done.stderr == error


def test_a_damaged_entry_is_an_error(projects: dict[str, Path]) -> None:
    lock = projects["ours"] / "dvc.lock"
    damaged = lock.read_text().replace("    cmd: echo 2", "    command: echo 2")
    lock.write_text(damaged)
    assert run(projects["ours"], *OURS, "count@b").returncode != 0
    assert lock.read_text() == damaged
