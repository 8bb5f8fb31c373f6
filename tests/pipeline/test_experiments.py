"""The commands of docs/compare.md on experiments, run as they are written there."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests import reduced
from tests.conftest import Project
from tests.documents import commands

TEXT = (reduced.ROOT / "docs/compare.md").read_text(encoding="utf-8")
SECTION = TEXT.partition("\n## Experiments\n")[2].partition("\n## ")[0]
COMMANDS = commands(SECTION)


@pytest.fixture(scope="module")
def printed(ran: Project, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Run the commands one after the other in a copy of the project; return what they print."""
    project = tmp_path_factory.mktemp("experiments") / "project"
    shutil.copytree(ran.folder, project, symlinks=True)
    return {command: run(project, command) for command in COMMANDS}


def run(project: Path, command: str) -> str:
    done = subprocess.run(
        command,
        shell=True,
        cwd=project,
        env=reduced.environment() | {"COLUMNS": "400"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}"
    return done.stdout


def find(printed: dict[str, str], start: str) -> str:
    (found,) = [output for command, output in printed.items() if command.startswith(start)]
    return found


def test_each_kind_of_command_is_documented() -> None:
    kinds = {" ".join(command.split()[:3]) for command in COMMANDS}
    assert {f"dvc exp {verb}" for verb in ("run", "show", "diff", "apply", "branch")} <= kinds
    assert {"dvc params diff", "dvc metrics diff", "dvc plots diff"} <= kinds
    assert any("--queue" in command and "," in command for command in COMMANDS)


@pytest.mark.parametrize("start", ["dvc exp diff", "dvc params diff"])
def test_a_difference_names_the_changed_parameter(printed: dict[str, str], start: str) -> None:
    assert "models.votes_mlp.network.dropout" in find(printed, start)
    assert "0.3" in find(printed, start)


def test_metrics_that_differ_are_a_table_in_markdown(printed: dict[str, str]) -> None:
    lines = find(printed, "dvc metrics diff").splitlines()
    rows = [line for line in lines if line.startswith("| reports/")]
    assert rows
    assert all(row.startswith("| reports/votes_mlp/") for row in rows)


def test_the_revisions_are_compared_with_a_verdict(printed: dict[str, str]) -> None:
    output = find(printed, "python -m stages.compare")
    assert "McNemar" in output or "No compared metric differs" in output


def test_a_queue_runs_a_grid(printed: dict[str, str]) -> None:
    table = find(printed, "dvc exp show")
    assert "more-dropout" in table
    assert "models.votes_mlp.network.dropout" in table
    assert "models.votes_mlp.training.optimizer.learning_rate" in table
    assert table.count("[") >= 3  # a named experiment, and two of the grid
