import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stages import gate
from stages.core.files import write_json
from tests import compare, reduced

HERE = {"processor": "CPU", "instructions": ["AVX2"], "cores": 2, "system": "Linux x86_64"}
HISTORY = "epoch,learning_rate,loss,val_loss\n1,0.1,2.0,{}\n2,0.1,1.0,{}\n"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def write_results(folder: Path, accuracies: dict[str, float], val_loss: float = 1.5) -> None:
    """Write the results that stages would write for some models."""
    for model, accuracy in accuracies.items():
        write_json(folder / f"reports/{model}/metrics.json", {"test": {"accuracy": accuracy}})
        write(folder / f"reports/{model}/chart.csv", "actual,predicted,count\n0,0,9\n")
        write(folder / f"models/{model}/history.csv", HISTORY.format(3.0, val_loss))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Create a project that did not run yet, whose baseline has two models."""
    root = tmp_path / "root"
    baseline = root / "tests/reduced_baseline"
    write_results(baseline / "results", {"a": 0.8, "gone": 0.8})
    write_json(baseline / "machine.json", HERE)
    (root / "tolerances.yaml").symlink_to(reduced.ROOT / "tolerances.yaml")
    for module in (compare, reduced):
        monkeypatch.setattr(module, "ROOT", root)
        monkeypatch.setattr(module, "BASELINE", baseline)
    folder = tmp_path / "project"
    folder.mkdir()
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    reduced.shutil.copytree(root, folder, dirs_exist_ok=True, symlinks=True)
    reduced.commit_baseline(folder)
    return folder


def pretend(monkeypatch: pytest.MonkeyPatch, before: float, after: float) -> None:
    """Replace DVC, which takes a second, by one that finds a changed accuracy."""
    change = {"test.accuracy": {"old": before, "new": after}} if before != after else {}
    diff = {"reports/a/metrics.json": change}
    monkeypatch.setattr(compare, "dvc", lambda *_: json.dumps(diff))


def verdicts(rows: list[gate.Row]) -> dict[str, str]:
    return {row.model: row.verdict for row in rows}


@pytest.mark.parametrize("kept", [True, False])
def test_a_reduced_run_is_kept_if_a_folder_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    folders = list[Path]()
    monkeypatch.setattr(reduced, "copy_project", folders.append)
    monkeypatch.setattr(reduced, "commit_baseline", folders.append)
    monkeypatch.setattr(reduced, "run_pipeline", lambda folder: write(folder / "ran", ""))
    monkeypatch.setattr(sys, "argv", ["reduced", *([str(tmp_path / "folder")] if kept else [])])
    reduced.main()
    assert folders[0] == folders[1]
    assert (folders[0] / "ran").exists() == (tmp_path / "folder/ran").exists() == kept


def test_a_run_begins_without_the_results_of_the_baseline(project: Path) -> None:
    assert not list(project.glob("reports/*/*"))
    assert "reports/a/metrics.json" in reduced.git(project, "ls-tree", "-r", "--name-only", "HEAD")


def test_the_same_results_pass(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_results(project, {"a": 0.8, "gone": 0.8})
    assert compare.compare(project, HERE) == []
    printed = capsys.readouterr().out
    assert "**Passed**: no metric changed." in printed
    assert "No chart changed." in printed
    assert "| model |" not in printed
    assert not (project / "comparison/charts").exists()


def test_missing_new_and_changed_metrics_are_found(project: Path) -> None:
    write_results(project, {"a": 0.75, "added": 0.5}, val_loss=1.25)
    rows = compare.compare(project, HERE)
    assert verdicts(rows) == {"gone": gate.MISSING, "a": gate.WORSE, "added": gate.NEW}
    text = (project / "comparison/comparison.md").read_text()
    assert text.index("**Failed**: 1 worse, 1 missing, 1 new.") < text.index(
        "| a | test.accuracy |"
    )
    for name in ("models/a/history.csv", "models/added/history.csv", "reports/added/chart.csv"):
        assert f"- `{name}`" in text
    assert "- `reports/a/chart.csv`" not in text  # it is as before
    assert text.count("```mermaid") == 1
    assert 'x-axis "epoch" [1, 2]\nline [3, 1.5]\nline [3, 1.25]\n```' in text
    page = (project / "comparison/charts/index.html").read_text()
    assert "models/a/history.csv" in page.replace("\\/", "/")


@pytest.mark.parametrize(
    ("machine", "verdict", "kind"),
    [
        (HERE, gate.WORSE, "reduced"),
        (HERE | {"processor": "another name"}, gate.WORSE, "reduced"),
        (HERE | {"instructions": ["AVX2", "AMX"]}, gate.TOLERATED, "reduced_other_processor"),
        (HERE | {"cores": 4}, gate.WORSE, "reduced"),
        (HERE | {"system": "Darwin arm64"}, gate.TOLERATED, "reduced_other_processor"),
    ],
)
def test_another_cpu_type_is_compared_with_a_wider_tolerance(
    project: Path, monkeypatch: pytest.MonkeyPatch, machine: dict[str, Any], verdict: str, kind: str
) -> None:
    pretend(monkeypatch, 0.8, 0.75)
    assert verdicts(compare.compare(project, machine)) == {"a": verdict}
    text = (project / "comparison/comparison.md").read_text()
    assert f"Tolerances: `{kind}` in `tolerances.yaml`." in text
    assert f"{machine['cores']} cores" in text


def test_results_of_a_run_can_become_the_baseline(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_results(project, {"a": 0.7})
    write(project / "reports/a/plots/image.png", "not kept")
    pretend(monkeypatch, 0.8, 0.7)
    offered = project / "comparison/reduced_baseline"
    compare.compare(project, HERE)
    monkeypatch.setattr(compare, "describe_machine", lambda _: HERE)
    monkeypatch.setattr(sys, "argv", ["compare", str(project), "--record"])
    compare.main()
    expected = {
        "machine.json",
        "results/models/a/history.csv",
        "results/reports/a/chart.csv",
        "results/reports/a/metrics.json",
    }
    for baseline in (offered, compare.BASELINE):
        files = {path for path in baseline.rglob("*") if path.is_file()}
        assert {path.relative_to(baseline).as_posix() for path in files} == expected
    assert json.loads((compare.BASELINE / "machine.json").read_text()) == HERE


@pytest.mark.parametrize(("accuracy", "status"), [(0.8, False), (0.1, True)])
def test_the_exit_status_is_the_verdict(
    project: Path, monkeypatch: pytest.MonkeyPatch, accuracy: float, status: bool
) -> None:
    pretend(monkeypatch, 0.8, accuracy)
    monkeypatch.setattr(sys, "argv", ["compare", str(project)])
    with pytest.raises(SystemExit) as ended:
        compare.main()
    assert ended.value.code == status


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("epoch,loss\n1,2.0\n", "epoch,loss\n1,1.0\n"),  # a single epoch
        ("epoch,loss\n1,2.0\n2,1.0\n", "epoch,loss\n1,2.0\n2,1.0\n3,1.0\n"),  # other epochs
        ("epoch,loss\n1,2.0\n2,1.0\n", "epoch,loss\n1,2.0\n2,\n"),
        ("epoch,loss\n1,2.0\n2,1.0\n", "epoch,loss\n1,2.0\n2,nan\n"),
        ("epoch,error\n1,2.0\n2,1.0\n", "epoch,loss\n1,2.0\n2,1.0\n"),  # was not recorded
        ("", "epoch,loss\n1,2.0\n2,1.0\n"),
    ],
)
def test_a_curve_that_cannot_be_compared_is_not_drawn(
    tmp_path: Path, before: str, after: str
) -> None:
    old, new = tmp_path / "before/history.csv", tmp_path / "after/history.csv"
    if before:
        write(old, before)
    write(new, after)
    assert compare.draw_curve(old, new) == ""
    write(old, "epoch,loss\n1,2.0\n2,1.0\n")
    write(new, "epoch,loss\n1,2.0\n2,1.5\n")
    assert "line [2, 1]\nline [2, 1.5]" in compare.draw_curve(old, new)


def test_numbers_of_a_chart_have_no_exponents() -> None:
    assert compare.join([10.0, 0.0, 6.7e-05, -2.5, 3e6]) == "10, 0, 0.000067, -2.5, 3000000"


def test_a_long_table_is_folded() -> None:
    assert compare.fold("Metrics", "text", folded=False) == "### Metrics\n\ntext"
    folded = compare.fold("Metrics", "text", folded=True)
    assert folded.startswith("<details><summary>Metrics</summary>\n\ntext")


def test_the_committed_baseline_has_every_model() -> None:
    """Of params.yaml as it is: `python -m tests.compare FOLDER --record` after a reduced run."""
    results = reduced.BASELINE / "results"
    models = set(reduced.reduced_params()["models"])
    measured = {path.parent.name for path in results.glob("reports/*/metrics.json")}
    assert measured == models | {"drawn_digits"}
    exported = {path.parent.name for path in results.glob("reports/export/*/metrics.json")}
    assert exported == set(reduced.reduced_params()["export"]["models"])
    assert {path.parent.name for path in results.glob("models/*/history.csv")} == models
