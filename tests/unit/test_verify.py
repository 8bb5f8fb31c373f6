import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from stages import record, verify
from stages.core.errors import ConfigError
from stages.core.files import write_json
from stages.verify import DIFFERENT, MISSING, SAME, Comparison

ROOT = Path(__file__).parents[2]


def stage(**outs: str) -> dict[str, Any]:
    return {"outs": [{"path": path, "md5": md5} for path, md5 in outs.items()]}


BEFORE = {
    "download@d": stage(raw="1"),
    "train@a": stage(model="2", history="3"),
    "train@b": stage(other="4"),
    "report": {"cmd": "x"},
}


def test_outputs_are_compared_one_by_one() -> None:
    after = {"download@d": stage(raw="9"), "train@a": stage(model="2", history="8")}
    assert verify.compare_locks(BEFORE, after, ["train@a", "train@b"]) == [
        Comparison("train@a", "model", SAME),
        Comparison("train@a", "history", DIFFERENT),
        Comparison("train@b", "other", MISSING),
    ]


def test_dependencies_that_ran_are_compared_too() -> None:
    after = {"train@a": stage(model="2", history="3"), "train@b": stage(other="5")}
    compared = verify.compare_locks(BEFORE, after, ["train@b"])
    assert [comparison.state for comparison in compared] == [SAME, SAME, DIFFERENT]


def test_stages_that_are_not_selected_are_not_compared() -> None:
    assert verify.compare_locks(BEFORE, {}, ["train@b"]) == [
        Comparison("train@b", "other", MISSING)
    ]


def test_an_output_that_is_no_longer_written_is_missing() -> None:
    after = {"train@a": stage(model="2")}
    assert verify.compare_locks(BEFORE, after, [])[1] == Comparison("train@a", "history", MISSING)


def test_the_summary_ends_with_differences() -> None:
    text = verify.summarize(
        [
            Comparison("t", "a", DIFFERENT),
            Comparison("t", "b", SAME),
            Comparison("t", "c", MISSING),
        ]
    )
    lines = [line.split() for line in text.splitlines()]
    assert [line[0] for line in lines] == ["same", "DIFFERENT", "MISSING", "1"]
    assert text.endswith("1 of 3 outputs are byte-for-byte identical")


@pytest.mark.parametrize(
    ("patterns", "selected"),
    [
        ([], ["train@a", "train@b", "report"]),
        (["train@*"], ["train@a", "train@b"]),
        (["report", "*@a"], ["train@a", "report"]),
        (["*@d", "report"], None),
        (["train@c"], None),
    ],
)
def test_stages_are_selected_by_globs(patterns: list[str], selected: list[str] | None) -> None:
    if selected is None:
        with pytest.raises(ConfigError, match="no stage matches"):
            verify.select_stages(patterns, BEFORE)
    else:
        assert verify.select_stages(patterns, BEFORE) == selected


def machine(*instructions: str) -> dict[str, Any]:
    return {"processor": "CPU", "instructions": list(instructions), "cores": 1, "system": "s"}


def test_cpus_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "describe_machine", lambda _: machine("AVX2"))
    path = tmp_path / "baseline.json"
    assert "not recorded" in verify.describe_machines(path)
    write_json(path, {"recorded": "2026-11-21", "machine": machine("AVX2", "AMX BF16")})
    text = verify.describe_machines(path)
    assert "committed results: CPU, AVX2, AMX BF16, 2026-11-21" in text
    assert "this machine: CPU, AVX2\n" in text
    assert "Another CPU type" in text
    write_json(path, {"recorded": "2026-11-21", "machine": machine("AVX2")})
    assert "Another" not in verify.describe_machines(path)


COPY = """import pathlib, random
pathlib.Path("data/processed").mkdir(parents=True, exist_ok=True)
pathlib.Path("data/processed/d").write_text(pathlib.Path("data/raw/d/f").read_text() + "!")
"""
SCORE = """import pathlib, random
pathlib.Path("reports").mkdir(exist_ok=True)
pathlib.Path("reports/same.json").write_text('{"x": 1}')
pathlib.Path("reports/chance.json").write_text('{"x": %r}' % random.random())
"""
PIPELINE = {
    "stages": {
        "download": {
            "foreach": {"d": {}},
            "do": {
                "cmd": "python fetch.py",
                "deps": ["fetch.py"],
                "outs": ["data/raw/${key}"],
            },
        },
        "copy": {
            "cmd": "python copy_it.py",
            "deps": ["copy_it.py", "data/raw/d"],
            "outs": ["data/processed/d"],
        },
        "score": {
            "cmd": "python score.py",
            "deps": ["score.py", "data/processed/d"],
            "metrics": [
                {"reports/same.json": {"cache": False}},
                {"reports/chance.json": {"cache": False}},
            ],
        },
    }
}


def call(folder: Path, *command: str) -> None:
    if command[0] == "dvc":
        command = (sys.executable, "-m", *command)
    names = {
        f"GIT_{who}_{what}": "t" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, **names, "PATH": path}
    subprocess.run(command, cwd=folder, check=True, capture_output=True, env=environment)


def commit(folder: Path) -> None:
    call(folder, "git", "add", "--all")
    call(folder, "git", "commit", "--quiet", "--message", "all")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Create a committed pipeline that ran; its download would fail in a second run."""
    folder = tmp_path / "project"
    folder.mkdir()

    call(folder, "git", "init", "--quiet")
    call(folder, "dvc", "init", "--quiet")
    marker = tmp_path / "fetched"
    fetch = f"import pathlib\npathlib.Path({str(marker)!r}).touch(exist_ok=False)\n"
    fetch += "folder = pathlib.Path('data/raw/d')\nfolder.mkdir(parents=True)\n"
    (folder / "fetch.py").write_text(fetch + "(folder / 'f').write_text('raw')\n")
    (folder / "copy_it.py").write_text(COPY)
    (folder / "score.py").write_text(SCORE)
    (folder / "dvc.yaml").write_text(yaml.safe_dump(PIPELINE))
    (folder / ".gitignore").write_text("/data/\n")
    (folder / "bin").symlink_to(ROOT / "bin")
    call(folder, "dvc", "repro")
    commit(folder)
    return folder


def run_verify(project: Path, monkeypatch: pytest.MonkeyPatch, *stages: str) -> int | str | None:
    monkeypatch.chdir(project)
    monkeypatch.setattr(sys, "argv", ["verify", *stages])
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # the project has no `stages` of its own
    with pytest.raises(SystemExit) as ended:
        verify.main()
    return ended.value.code


def test_a_pipeline_is_verified(
    project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (project / "score.py").write_text("raise SystemExit('changed, but not committed')")
    before = sorted(path for path in project.rglob("*") if ".git" not in path.parts)
    assert run_verify(project, monkeypatch) == 1
    captured = capfd.readouterr()
    output = captured.out + captured.err
    assert "1 changed files are not committed" in output
    assert "[copy] finished in" in output
    assert "same       data/processed/d  (copy)" in output
    assert "same       reports/same.json  (score)" in output
    assert "DIFFERENT  reports/chance.json  (score)" in output
    assert "2 of 3 outputs are byte-for-byte identical" in output
    assert sorted(path for path in project.rglob("*") if ".git" not in path.parts) == before

    assert run_verify(project, monkeypatch, "cop*") == 0
    captured = capfd.readouterr()
    output = captured.out + captured.err
    assert "1 of 1 outputs are byte-for-byte identical" in output
    assert "[copy] finished in" in output
    assert "[score]" not in output


def test_a_project_that_never_ran_cannot_be_verified(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"dvc\.lock: not committed"):
        verify.parse_lock(tmp_path / "dvc.lock")


def test_outputs_of_a_failed_stage_are_missing(
    project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (project / "score.py").write_text("raise SystemExit('broken')")
    commit(project)
    assert run_verify(project, monkeypatch) == 1
    captured = capfd.readouterr()
    output = captured.out + captured.err
    assert "MISSING    reports/same.json  (score)" in output
    assert "same       data/processed/d  (copy)" in output


def test_the_committed_lock_can_be_read() -> None:
    stages = verify.parse_lock(ROOT / "dvc.lock")
    assert any(map(verify.is_download, stages))
    assert all(
        isinstance(md5, str) for each in stages.values() for md5 in verify.outputs(each).values()
    )
    assert record.BASELINE.name == "baseline.json"
