"""dvc.lock as text, and what workers are sent."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from dvc.data_cloud import DataCloud

from stages import distribute
from stages.core.errors import ConfigError, UserError
from stages.distribution import push, worker
from stages.dvc_lock import leave_out, replace_entry, select_entries, sort_lock, split_lock

ROOT = Path(__file__).parents[2]
HEAD = "schema: '2.0'\nstages:\n"
A, B, C = (
    f"  {name}:\n    cmd: run {name}\n    outs:\n    - path: {name}.csv\n      md5: '1'\n"
    for name in ("train@a", "evaluate@b", "'3'")
)


def test_a_lock_has_an_entry_for_each_stage() -> None:
    head, entries = split_lock(HEAD + A + B + C)
    assert head == HEAD
    assert entries == {"train@a": A, "evaluate@b": B, "3": C}


def test_the_lock_of_this_project_is_split_at_its_stages() -> None:
    lock = Path("dvc.lock").read_text(encoding="utf-8")
    head, entries = split_lock(lock)
    assert head + "".join(entries.values()) == lock
    assert "train@mnist_cnn" in entries


def test_an_entry_is_left_out() -> None:
    assert leave_out(HEAD + A + B + C, "evaluate@b") == HEAD + A + C
    assert leave_out(HEAD + A, "none") == HEAD + A
    assert leave_out(HEAD + A, "train@a") == ""  # DVC refuses a lock without entries
    assert leave_out("", "train@a") == ""


def test_entries_are_selected() -> None:
    assert select_entries(HEAD + A + B + C, ["3", "train@a"]) == HEAD + A + C
    assert select_entries(HEAD + A, ["none"]) == ""  # DVC refuses a lock without entries
    assert select_entries("", ["train@a"]) == ""


def test_an_entry_is_replaced_where_it_was_and_a_new_one_comes_last() -> None:
    changed = C.replace("'1'", "'2'")
    assert replace_entry(HEAD + A + C + B, changed) == HEAD + A + changed + B
    assert replace_entry(HEAD + A, B) == HEAD + A + B
    assert replace_entry("", A) == HEAD + A


def test_entries_stay_where_they_were_and_new_ones_come_last() -> None:
    changed = A.replace("'1'", "'2'")
    assert sort_lock(HEAD + C + B + changed, HEAD + A + B) == HEAD + changed + B + C
    assert sort_lock(HEAD + C + A, "") == HEAD + C + A
    assert sort_lock("", HEAD + A) == ""


@pytest.mark.parametrize(
    ("path", "other", "expected"),
    [
        ("reports/a", "reports/a", True),
        ("reports/a/metrics.json", "reports/a", True),
        ("reports/a", "reports/a/metrics.json", True),
        ("reports/ab", "reports/a", False),
        ("reports/a", "reports/ab", False),
    ],
)
def test_paths_inside_others(path: str, other: str, expected: bool) -> None:
    assert distribute.is_inside(path, other) == expected


def test_a_remote_that_cannot_be_used_is_reported_without_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("dvc.yaml").write_text("stages: {a: {cmd: echo 1 > a.txt, outs: [a.txt]}}")
    subprocess.run(["git", "init", "--quiet"], check=True)
    for command in ("init", "repro", "remote add --default cloud gs://bucket"):
        subprocess.run([sys.executable, "-m", "dvc", *command.split()], check=True)
    distribute.push_dependencies({"a": []}, {"a": []})  # is to run: nothing to push
    code = (
        "from stages import distribute; from stages.core.cli import exit_on_error\n"
        "graph = {'a': [], 'b': ['a']}\n"
        "exit_on_error(lambda: distribute.push_dependencies({'b': ['a']}, graph))"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "requires 'dvc-gs' to be installed" in done.stderr
    assert done.stderr.endswith("error: --remote: `dvc push` failed; see the lines above\n")
    assert "Traceback" not in done.stderr


def test_files_of_folders_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("reports/plots").mkdir(parents=True)
    Path("reports/plots/a.png").write_bytes(b"a")
    Path("history.csv").write_bytes(b"b")
    read = distribute.read_files(["reports", "history.csv", "missing"])
    assert read == {"reports/plots/a.png": b"a", "history.csv": b"b"}


def test_the_bundle_has_all_files_that_git_does_not_ignore(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, clone = tmp_path / "project", tmp_path / "clone"
    project.mkdir()
    monkeypatch.chdir(project)
    distribute.git("init", "--quiet")
    for name, content in {"code": "1", ".gitignore": "data", "data": "secret"}.items():
        Path(name).write_text(content)
    distribute.git("add", "--all")
    distribute.git("commit", "--quiet", "--message", "first")
    Path("code").write_text("2")
    Path("new").write_text("3")
    bundle = tmp_path / "bundle"
    bundle.write_bytes(distribute.bundle_project())
    assert distribute.git("status", "--porcelain").split() == ["M", "code", "??", "new"]
    assert not distribute.git("for-each-ref", "refs/distribute")
    subprocess.run(["git", "init", "--quiet", clone], check=True)
    monkeypatch.chdir(clone)
    distribute.git("fetch", "--quiet", str(bundle), worker.REF)
    distribute.git("checkout", "--quiet", "FETCH_HEAD")
    found = {path.name: path.read_text() for path in clone.iterdir() if path.is_file()}
    assert found == {"code": "2", "new": "3", ".gitignore": "data"}


class FakeRay:
    """Workers that are lost, or answer."""

    class exceptions:  # noqa: N801
        """As in Ray."""

        class RayActorError(Exception):
            """As in Ray."""

    def get(self, answer: object) -> object:
        if answer == "lost":
            raise self.exceptions.RayActorError
        return answer


class FakeWorker:
    """Answers all stages alike."""

    def __init__(self, answer: object) -> None:
        self.run = self
        self.answer = answer

    def remote(self, *_: object) -> object:
        return self.answer


def make_pool(*answers: object) -> distribute.Pool:
    pool = distribute.Pool.__new__(distribute.Pool)
    pool.ray, pool.left = FakeRay(), [FakeWorker(answer) for answer in answers]
    pool.idle = distribute.queue.Queue()
    for each in pool.left:
        pool.idle.put(each)
    return pool


def test_a_stage_of_a_lost_worker_runs_on_another_one(capsys: pytest.CaptureFixture[str]) -> None:
    pool = make_pool("lost", (True, ""))
    assert pool.run("train@a", "", {})
    assert capsys.readouterr().out == "[train@a] its worker is lost, 1 are left\n"
    assert pool.run("train@b", "", {})


def test_a_stage_fails_when_all_workers_are_lost() -> None:
    pool = make_pool("lost", "lost")
    for stage in ("train@a", "train@b"):  # the second one does not wait for ever
        with pytest.raises(UserError, match=f"{stage}: all workers are lost"):
            pool.run(stage, "", {})


def test_the_output_of_a_failed_stage_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    pool = make_pool((False, "error: damaged\n"))
    assert not pool.run("train@a", "", {})
    assert "[train@a] error: damaged" in capsys.readouterr().out


def test_progress_counts_what_runs_and_waits(capsys: pytest.CaptureFixture[str]) -> None:
    progress = distribute.Progress(3)
    with progress.running("train@a"):
        pass
    assert capsys.readouterr().out.splitlines() == [
        "0 of 3 stages ended, 2 waiting; running: train@a",
        "1 of 3 stages ended, 2 waiting; running: none",
    ]


def test_a_failed_stage_runs_no_longer(capsys: pytest.CaptureFixture[str]) -> None:
    progress = distribute.Progress(2)
    with pytest.raises(UserError), progress.running("train@a"):
        raise UserError("lost")
    assert capsys.readouterr().out.splitlines()[-1].endswith("running: none")


def test_a_remote_must_be_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dvc.repo import Repo

    monkeypatch.chdir(tmp_path)
    Repo.init(no_scm=True).close()
    with pytest.raises(ConfigError, match="no default remote"):
        distribute.find_remote()
    with Repo() as repo, repo.config.edit("repo") as config:
        config["core"]["remote"] = "storage"
        config["remote"]["storage"] = {"url": "s3://bucket/folder"}
    assert distribute.find_remote() == "s3://bucket/folder"


def test_a_push_that_is_interrupted_leaves_no_run_without_outputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, remote = tmp_path / "project", tmp_path / "remote"
    project.mkdir()
    monkeypatch.chdir(project)
    (project / "dvc.yaml").write_text("stages: {a: {cmd: echo 1 > a, deps: [b], outs: [a]}}")
    (project / "b").write_text("b")
    for command in ("init --no-scm", f"remote add --default remote {remote}", "repro"):
        run = [sys.executable, "-m", "dvc", *command.split(), "--quiet"]
        subprocess.run(run, check=True)

    def fail(*_: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(DataCloud, "push", fail)
        with pytest.raises(ConnectionError):
            push.main()
    assert not [path for path in remote.rglob("runs/*/*/*") if path.is_file()]
    push.main()
    assert [path for path in remote.rglob("runs/*/*/*") if path.is_file()]
    assert len([path for path in remote.rglob("files/md5/*/*") if path.is_file()]) == 1
