import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from dvc.lock import LockError
from dvc.repo import Repo
from hypothesis import given
from hypothesis import strategies as st

from stages.core.errors import UserError
from stages.page.results import read_baseline
from stages.parallel import (
    Graph,
    longest_paths,
    read_pipeline,
    recorded_seconds,
    run_all,
    select_stages,
)
from stages.preload import preloaded
from stages.verify import parse_lock

ROOT = Path(__file__).parents[2]
PIPELINE: Graph = {"raw": [], "split": ["raw"], "train": ["split"], "test": ["train", "split"]}


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    names = [str(number) for number in range(draw(st.integers(1, 8)))]
    return {
        name: draw(st.lists(st.sampled_from(names[:number]), unique=True)) if number else []
        for number, name in enumerate(names)
    }


def test_stages_that_depend_on_a_stale_stage_are_selected() -> None:
    selected = select_stages(PIPELINE, ["split"], PIPELINE)
    assert selected == {"split": set(), "train": {"split"}, "test": {"train", "split"}}


def test_a_target_runs_with_its_dependencies_only() -> None:
    assert set(select_stages(PIPELINE, PIPELINE, ["train"])) == {"raw", "split", "train"}
    assert set(select_stages(PIPELINE, ["train"], ["split"])) == set()


def test_an_unknown_target_is_named() -> None:
    with pytest.raises(UserError, match="no stage 'trian'; `dvc stage list` lists all"):
        select_stages(PIPELINE, [], ["trian"])


@given(graphs(), st.data())
def test_each_stage_runs_once_after_its_dependencies(graph: Graph, data: st.DataObject) -> None:
    stale = data.draw(st.sets(st.sampled_from(sorted(graph))))
    selected = select_stages(graph, stale, graph)
    ran: list[str] = []

    def run(stage: str) -> bool:
        ran.append(stage)
        return True

    run_all(selected, run, jobs=2)
    assert stale <= set(ran)
    assert sorted(ran) == sorted(selected)
    assert all(ran.index(needed) < ran.index(stage) for stage in ran for needed in selected[stage])
    unaffected = set(graph) - set(ran)
    assert not any(set(graph[stage]) & set(ran) for stage in unaffected)


def test_the_start_of_the_longest_path_runs_first() -> None:
    graph = {"a": [], "b": [], "c": [], "train c": ["c"], "test c": ["train c", "b"]}
    seconds = {"a": 5, "train c": 9.5, "test c": 1}
    assert longest_paths(graph, seconds) == {
        "a": 5, "b": 1, "c": 10.5, "train c": 10.5, "test c": 1
    }  # fmt: skip
    ran: list[str] = []
    run_all(graph, lambda stage: not ran.append(stage), jobs=1, seconds=seconds)  # type: ignore[func-returns-value]
    assert ran == ["c", "train c", "a", "b", "test c"]


def test_recorded_training_times_are_by_stage() -> None:
    baseline = {"models": {"a": {"train_seconds": 7.5, "metrics": {}}, "b": {"metrics": {}}}}
    assert recorded_seconds(baseline) == {"train@a": 7.5}
    assert recorded_seconds({}) == {}
    committed = recorded_seconds(read_baseline())
    assert committed
    assert committed.keys() <= parse_lock(ROOT / "dvc.lock").keys()


def test_independent_stages_run_at_the_same_time() -> None:
    together = threading.Barrier(2, timeout=10)

    def run(stage: str) -> bool:
        if stage != "last":
            together.wait()  # breaks unless both are here
        return True

    run_all({"a": [], "b": [], "last": ["a", "b"]}, run, jobs=2)


def test_after_a_failure_no_stage_is_started() -> None:
    ran = []

    def run(stage: str) -> bool:
        ran.append(stage)
        return stage != "split"

    with pytest.raises(UserError, match="split failed; run it again with `dvc repro split`"):
        run_all(PIPELINE, run, jobs=1)
    assert ran == ["raw", "split"]


STOPPED = """
import signal, subprocess, sys
from stages.core.cli import exit_on_error
from stages.parallel import stop_stages_when_stopped

def work():
    stop_stages_when_stopped()
    command = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    child = subprocess.Popen([sys.executable, "-c", command], stdin=subprocess.PIPE)
    print(child.pid, flush=True)
    child.wait()

signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the tests run in background
exit_on_error(work)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stages_are_terminated_with_the_run(number: signal.Signals) -> None:
    command = [sys.executable, "-c", STOPPED]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        child = psutil.Process(int(process.stdout.readline()))
        while not child.children():
            time.sleep(0.01)
        stages = [child, *child.children()]
        process.send_signal(number)  # to this process alone
        assert process.wait(timeout=20) == 128 + number
    gone, alive = psutil.wait_procs(stages, timeout=20)
    assert len(gone) == 2
    assert not alive


def test_another_running_dvc_command_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def busy(repo: Repo) -> None:
        del repo
        raise LockError("'models/a' is busy, it is being blocked by:\n  (PID 1): dvc repro\n")

    monkeypatch.setattr(Repo, "status", busy)
    message = "dvc status: 'models/a' is busy, it is being blocked by; wait until other DVC"
    with pytest.raises(UserError, match=message):
        read_pipeline()


MODULE = '''"""A module for the server to run."""
import os, sys, time
if sys.argv[1] == "wait":
    print("waiting", flush=True)
    time.sleep(60)
print(sys.argv[1], os.environ["ANSWER"], os.getcwd(), "tensorflow" in sys.modules, flush=True)
if sys.argv[1] == "fail":
    sys.exit("error: failed")
if sys.argv[1] == "raise":
    raise ValueError("a bug")
sys.exit(3 if sys.argv[1] == "three" else None)
'''


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str]]]:
    folder = tmp_path_factory.mktemp("served")
    (folder / "work.py").write_text(MODULE)
    (folder / "bin").symlink_to(ROOT / "bin")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with preloaded() as environment:
        yield folder, {**os.environ, **environment, "PATH": path, "ANSWER": "42"}


def start(served: tuple[Path, dict[str, str]], argument: str) -> subprocess.Popen[str]:
    folder, environment = served
    return subprocess.Popen(
        ["bin/python", "-m", "work", argument],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="the server runs on Linux only")
@pytest.mark.parametrize(
    ("argument", "status", "error"),
    [("good", 0, ""), ("three", 3, ""), ("fail", 1, "error: failed\n"), ("raise", 1, "ValueError")],
)
def test_the_server_runs_a_module_like_python(
    served: tuple[Path, dict[str, str]], argument: str, status: int, error: str
) -> None:
    process = start(served, argument)
    printed, errors = process.communicate(timeout=60)
    assert printed == f"{argument} 42 {served[0]} True\n"
    assert process.returncode == status
    assert error in errors


@pytest.mark.skipif(sys.platform != "linux", reason="the server runs on Linux only")
def test_the_server_runs_two_modules_at_once(served: tuple[Path, dict[str, str]]) -> None:
    began = time.perf_counter()
    with start(served, "wait") as first, start(served, "good") as second:
        assert second.wait(timeout=50) == 0
        assert first.poll() is None
        first.kill()
    assert time.perf_counter() - began < 55


SHARED = """
import sys
print("stages.config.schema" in sys.modules)
from dvc.exceptions import DvcException
from dvc.utils.serialize import load_yaml
from stages.core.paths import RAW
print(RAW)
try:
    print(load_yaml("params.yaml"))
except DvcException:
    print("not YAML")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the server runs on Linux only")
def test_the_server_shares_code_and_parameters_until_they_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / "stages", tmp_path / "stages")
    (tmp_path / "bin").symlink_to(ROOT / "bin")
    (tmp_path / "work.py").write_text(SHARED)
    params, code = tmp_path / "params.yaml", tmp_path / "stages/core/paths.py"
    params.write_text("a: [")
    monkeypatch.chdir(tmp_path)
    with preloaded() as environment:

        def run() -> list[str]:
            command = [sys.executable, "bin/request.py", "-m", "work"]
            variables = {**os.environ, **environment}
            return subprocess.check_output(command, env=variables, text=True).splitlines()

        assert run() == ["True", "data/raw", "not YAML"]
        params.write_text("a: 1")
        assert run() == ["True", "data/raw", "{'a': 1}"]
        code.write_text(code.read_text().replace('"data/raw"', '"data/other"'))
        assert run() == ["False", "data/other", "{'a': 1}"]


@pytest.mark.skipif(sys.platform != "linux", reason="the server runs on Linux only")
def test_the_server_ends_after_a_run_that_was_killed() -> None:
    code = "import time; from stages.preload import preloaded\nwith preloaded(): time.sleep(60)"
    run = psutil.Popen([sys.executable, "-c", code], cwd=ROOT)
    while not run.children():
        time.sleep(0.05)
    servers = run.children()
    run.kill()
    run.wait()
    _, alive = psutil.wait_procs(servers, timeout=50)
    assert not alive


@pytest.mark.parametrize(("code", "status"), [("", 0), ("raise ValueError('broken')", 1)])
def test_imports_are_quiet_unless_they_fail(tmp_path: Path, code: str, status: int) -> None:
    (tmp_path / "loud.py").write_text(f"import os; os.write(2, b'noise')\n{code}")
    run = "from stages.preload import import_quietly; import_quietly(['loud']); import missing"
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}
    process = subprocess.run(
        [sys.executable, "-c", run], env=environment, capture_output=True, text=True, check=False
    )
    assert process.stderr.count("noise") == status
    assert ("broken" if status else "missing") in process.stderr


def test_without_a_server_a_stage_is_a_new_process(tmp_path: Path) -> None:
    (tmp_path / "work.py").write_text(MODULE)
    (tmp_path / "bin").symlink_to(ROOT / "bin")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "ANSWER": "1"}
    process = start((tmp_path, environment), "three")
    assert process.communicate(timeout=60)[0] == f"three 1 {tmp_path} False\n"
    assert process.returncode == 3
