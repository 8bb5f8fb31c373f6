import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stages import cli, files
from stages.errors import UserError
from tests.reduced import ROOT


def failing(error: BaseException) -> Callable[[], None]:
    def work() -> None:
        raise error

    return work


@pytest.fixture(autouse=True)
def _interruptions_end_pytest_as_ever() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    "error", [UserError("a.csv: line 3: wrong"), OSError(28, "No space left on device", "a")]
)
def test_what_a_user_can_mend_is_one_line(error: Exception) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.run_guarded(failing(error))
    assert caught.value.code == f"error: {error}"


def interrupted(handler: str) -> subprocess.CompletedProcess[bytes]:
    """Interrupt a process that begins with `handler`; in the background it would be SIG_IGN."""
    code = (
        "import signal, stages.cli as cli; "
        f"signal.signal(signal.SIGINT, signal.{handler}); "
        "cli.run_guarded(lambda: signal.raise_signal(signal.SIGINT))"
    )
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False)


def test_an_interruption_is_no_success() -> None:
    done = interrupted("default_int_handler")
    assert done.returncode == 130
    assert done.stderr == b"error: interrupted, nothing was written\n"


def test_what_runs_in_the_background_is_not_interrupted() -> None:
    assert interrupted("SIG_IGN").returncode == 0


def test_a_bug_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        cli.run_guarded(failing(ZeroDivisionError()))


@pytest.mark.parametrize("stage", ["download", "preprocess", "train", "evaluate"])
def test_a_wrong_parameter_stops_a_stage_before_any_work(tmp_path: Path, stage: str) -> None:
    text = (ROOT / "params.yaml").read_text().replace("momentum: 0.9", "momentum: much", 1)
    (tmp_path / "params.yaml").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", f"stages.{stage}", "mnist_linear"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "models.mnist_linear.optimizer.momentum: input should be a valid number" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "deep/a.txt"
    with files.replacing(path) as partial:
        partial.write_text("old")

    def write_half() -> None:
        with files.replacing(path) as partial:
            partial.write_text("ne")
            raise UserError("no more")

    with pytest.raises(UserError, match="no more"):
        write_half()
    assert path.read_text() == "old"
    assert [each.name for each in path.parent.iterdir()] == ["a.txt"]


def test_a_folder_is_replaced_with_all_that_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    for name in ("old", "new"):
        with files.replacing(path) as partial:
            partial.mkdir()
            (partial / name).write_text(name)
    assert [each.name for each in path.iterdir()] == ["new"]


def test_equal_values_are_equal_json_and_nan_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    files.write_json(path, {"a": 0.1})
    before = path.read_bytes()
    files.write_json(path, {"a": 0.1})
    assert path.read_bytes() == before
    assert files.read_json(path) == {"a": 0.1}
    with pytest.raises(ValueError, match="Out of range"):
        files.write_json(path, {"a": float("nan")})
    assert path.read_bytes() == before
