"""The commands of README.md and docs/, run one after the other as they are written there."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from stages.config.load import read_yaml
from stages.core.files import read_json
from tests import reduced
from tests.conftest import Project
from tests.documents import blocks, mentions

DOCUMENTS = (
    "README", "docs/compare", "docs/ci", "docs/look", "docs/export", "docs/transfer",
    "docs/registry", "docs/sweep", "docs/distribute", "docs/predict", "docs/course", "docs/demo",
    "docs/scale",
)  # fmt: skip
# Patterns of commands that are not run here: where they are, or why they are nowhere.
ELSEWHERE = {
    "docs/predict: .*": "tests/views/test_views.py",
    ".*(make demo|stages.demo|repro train@mnist_cnn).*": "tests/browser/test_demo.py",
    ".*: make verify.*": "tests/pipeline/test_pipeline.py",
    ".*stages.sweep .*--address .*": "tests/pipeline/test_sweep.py",
    ".*stages.distribute .*--address .*": "tests/pipeline/test_distribution.py",
    "docs/registry: .*(s3|storage endpointurl|--local).*": "tests/pipeline/test_registry.py",
    ".*: python -m tests.reduced .*": "tests/conftest.py",
    ".*: python -m stages.gate": "tests/unit/test_gate.py",
    "README: make sweep": "needs a model, as in docs/sweep.md",
    ".*: python -m stages.classify_photos.*": "tests/unit/test_photos.py",
    "docs/course: (dvc exp|python -m stages|make).*": "tests/pipeline/test_documents.py",
    ".*: make (test|lint)": "includes this test",
    ".*: make (bench|fast).*|docs/scale: .*": "measures time, on all of the data",
    ".*: make (clean|repro PYTHON=).*": "removes or installs the environment",
    ".*: (git checkout \\.|dvc checkout)": "is advised against",
    "(README|docs/compare): dvc pull": "finds nothing, as it says",
    "docs/distribute: dvc remote .*": "the same as in docs/registry.md",
}


class Written(NamedTuple):
    """A command in a document."""

    document: str
    command: str

    def __str__(self) -> str:
        return f"{self.document}: {self.command}"


def find_commands() -> list[Written]:
    """Return the commands of code blocks, and of inline code if they are new, by document.

    What is in an earlier document is left out.
    """
    found: list[Written] = []
    for document in DOCUMENTS:
        text = (reduced.ROOT / f"{document}.md").read_text(encoding="utf-8")
        earlier = {each.command for each in found}
        new = [command for command in blocks(text) if command not in earlier]
        mentioned = set(mentions(text)) - earlier - set(new)
        found += [Written(document, command) for command in [*new, *sorted(mentioned)]]
    return found


WRITTEN = find_commands()
RUN = [
    each for each in WRITTEN if not any(re.fullmatch(pattern, str(each)) for pattern in ELSEWHERE)
]


class Folders(NamedTuple):
    """Folders in which commands run, and what stands for names in the documents.

    Attributes:
        project: A copy of the project that ran.
        other: Another DVC project.
        names: Names in commands and what they are here.
    """

    project: Path
    other: Path
    names: dict[str, str]


@pytest.fixture(scope="module")
def folders(ran: Project, tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """Create what the documents assume: an environment, branches, a file, another project."""
    root = tmp_path_factory.mktemp("documents")
    project, other, origin = root / "project", root / "other", root / "origin.git"
    shutil.copytree(ran.folder, project, symlinks=True)
    use_this_environment(project)
    shutil.copy(project / "data/own/digits/7_easy.png", project / "digit.png")
    shrink_sweep(project / "sweeps.yaml")
    run(project, "git branch -M main")
    reduced.commit(project, "prepared")
    run(project, f"git branch my-branch && git clone --quiet --bare . {origin}")
    run(project, f"git remote add origin {origin}")
    other.mkdir()
    run(other, "git init --quiet && dvc init --quiet")
    names = {
        "/mnt/models": str(root / "remote"), "URL": str(origin), "/tmp/reduced": str(project),
        "FOLDER": str(root / "mirror"),
    }  # fmt: skip
    return Folders(project, other, names)


def use_this_environment(project: Path) -> None:
    """Let `make` use the environment of this process, as if it had created it for the project."""
    (project / ".venv").symlink_to(sys.prefix)
    for lock in project.glob("requirements*.lock"):
        os.utime(lock, (0, 0))  # older than the environment


def shrink_sweep(path: Path) -> None:
    """Reduce the number of trials and runs of the sweep of votes_mlp."""
    sweep = read_yaml(path)["votes_mlp"]
    sweep |= {"trials": 4, "startup_trials": 2, "confirmation": {"finalists": 1, "runs": 2}}
    sweep["cross_validation"] |= {"folds": 2}
    sweep["space"]["training.epochs"] = {"choices": [3, 5]}
    path.write_text(yaml.safe_dump({"votes_mlp": sweep}), encoding="utf-8")


@pytest.fixture(scope="module")
def printed(folders: Folders) -> dict[Written, str]:
    """Run all commands; returns what each printed, the last time that it ran."""
    outputs = {}
    for each in RUN:
        if each.command.startswith("dvc update"):
            register_another_version(folders.project)
        if each.command.endswith("--apply"):  # to the parameters of the sweep
            run(folders.project, "git checkout params.yaml")
        began = time.perf_counter()
        outputs[each] = run_written(each.command, folders)
        print(f"{time.perf_counter() - began:.0f} s: {each}")
        if each.command == "make baseline":  # "Now edit `params.yaml`"
            reduced.change_param(folders.project, "models.votes_mlp.network.dropout", 0.35)
    return outputs


def register_another_version(project: Path) -> None:
    """Register a second version of an artifact, which needs another commit."""
    run(project, "git commit --quiet --allow-empty --message another")
    run(project, "gto register mnist --version v1.1.0 && git push --quiet origin main --tags")


def run_written(command: str, folders: Folders) -> str:
    """Run a command of a document with the names of here."""
    folder = folders.other if command.startswith(("dvc import", "dvc update")) else folders.project
    for name, value in folders.names.items():
        command = command.replace(name, value)
    return run(folder, command)


def run(folder: Path, command: str) -> str:
    """Run a command that has to succeed; returns what it prints."""
    author = {
        f"GIT_{role}_{key}": f"reduced{at}"
        for role in ("AUTHOR", "COMMITTER")
        for key, at in (("NAME", ""), ("EMAIL", "@localhost"))
    }
    environment = reduced.environment() | author | {"COLUMNS": "400"}
    done = subprocess.run(
        command,
        shell=True,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}"
    return done.stdout


def find(printed: dict[Written, str], start: str) -> str:
    (found,) = [text for each, text in printed.items() if str(each).startswith(start)]
    return found


def test_a_command_that_is_not_run_here_has_a_reason() -> None:
    assert len(RUN) > 60
    for pattern, reason in ELSEWHERE.items():
        assert any(re.fullmatch(pattern, str(each)) for each in WRITTEN), pattern
        assert (reduced.ROOT / reason).is_file() or not reason.startswith("tests/"), reason


def test_all_documents_are_read() -> None:
    paths = sorted((reduced.ROOT / "docs").glob("*.md"))
    assert {"README", *(f"docs/{path.stem}" for path in paths)} == set(DOCUMENTS)


def test_each_kind_of_command_is_documented() -> None:
    kinds = {" ".join(each.command.split()[:3]) for each in RUN}
    assert {f"dvc exp {verb}" for verb in ("run", "show", "diff", "apply", "branch")} <= kinds
    assert {"dvc params diff", "dvc metrics diff", "dvc plots diff"} <= kinds
    assert any("--queue" in each.command and "," in each.command for each in RUN)


def test_only_the_changed_model_differs(printed: dict[Written, str]) -> None:
    rows = find(printed, "README: dvc metrics diff").splitlines()[1:]
    files = {row.split()[0] for row in rows}
    folder = "reports/votes_mlp"
    assert f"{folder}/cross_validation/metrics.json" in files
    # The exported model is measured, too.
    assert {file for file in files if not file.startswith(folder)} <= {
        "reports/export/votes_mlp/metrics.json"
    }


def test_undone_changes_are_restored_without_training(printed: dict[Written, str]) -> None:
    restored = printed[Written("README", "make repro")]  # the last of them
    assert "[train@votes_mlp] finished" in restored
    assert "epoch" not in restored


@pytest.mark.parametrize("start", ["dvc exp diff", "dvc params diff"])
def test_a_difference_names_the_changed_parameter(printed: dict[Written, str], start: str) -> None:
    assert "models.votes_mlp.network.dropout" in find(printed, f"docs/compare: {start}")
    assert "0.3" in find(printed, f"docs/compare: {start}")


def test_metrics_that_differ_are_a_table_in_markdown(printed: dict[Written, str]) -> None:
    lines = find(printed, "docs/compare: dvc metrics diff --md").splitlines()
    rows = [line for line in lines if line.startswith("| reports/")]
    assert rows
    assert all(row.startswith("| reports/votes_mlp/") for row in rows)


def test_the_revisions_are_compared_with_a_verdict(printed: dict[Written, str]) -> None:
    output = find(printed, "docs/compare: python -m stages.compare HEAD --model votes_mlp")
    assert "McNemar" in output or "No compared metric differs" in output


def test_a_queue_runs_a_grid(printed: dict[Written, str]) -> None:
    table = find(printed, "docs/compare: dvc exp show")
    assert "more-dropout" in table
    assert "models.votes_mlp.network.dropout" in table
    assert "models.votes_mlp.training.optimizer.learning_rate" in table
    assert table.count("[") >= 3  # a named experiment, and two of the grid


def test_an_exported_model_answers(printed: dict[Written, str]) -> None:
    output = find(printed, "README: python -m examples.onnx_digits")
    assert re.fullmatch(r"digit.png: \d \(\d+\.\d%\)\n", output)


def test_an_explanation_is_a_page(printed: dict[Written, str], folders: Folders) -> None:
    assert find(printed, "docs/look: python -m stages.predict mnist_cnn")
    for name in ("digit", "review", "masses"):
        assert "<html" in (folders.project / f"{name}.html").read_text(encoding="utf-8")


def test_versions_are_shown(printed: dict[Written, str]) -> None:
    assert "v1.0.0" in find(printed, "docs/registry: gto show mnist")


def test_an_imported_model_is_updated(printed: dict[Written, str], folders: Folders) -> None:
    assert find(printed, "docs/registry: python -m stages.predict ../other/mnist_resnet")
    assert "mnist@v1.1.0" in (folders.other / "mnist_resnet.dvc").read_text(encoding="utf-8")


def test_a_sweep_is_applied(printed: dict[Written, str], folders: Folders) -> None:
    assert "4 trials" in find(printed, "README: make sweep MODEL=votes_mlp")
    results = folders.project / "sweeps/votes_mlp/results.csv"
    assert len(results.read_text(encoding="utf-8").splitlines()) == 5


def test_seeds_are_recorded(printed: dict[Written, str], folders: Folders) -> None:
    assert find(printed, "docs/compare: make seeds MODEL=mnist_mlp")
    assert "mnist_mlp" in read_json(folders.project / "reports/seeds.json")
