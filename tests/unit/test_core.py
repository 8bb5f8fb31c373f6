import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from stages.core import cli, files, splits
from stages.core.errors import ConfigError, DataError, UserError
from tests.reduced import ROOT


def failing(error: BaseException) -> Callable[[], None]:
    def work() -> None:
        raise error

    return work


@pytest.fixture(autouse=True)
def _interruptions_end_pytest_as_usual() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    "error", [DataError("a.csv: line 3: wrong"), OSError(28, "No space left on device", "a")]
)
def test_what_a_user_can_fix_is_one_line(error: Exception) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.exit_on_error(failing(error))
    assert caught.value.code == f"error: {error}"


def test_a_wrong_parameter_in_a_stage_says_how_the_outputs_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DVC_STAGE", "train@mnist_cnn")
    with pytest.raises(SystemExit) as caught:
        cli.exit_on_error(failing(ConfigError("params.yaml: a: wrong")))
    assert caught.value.code == "error: params.yaml: a: wrong" + cli.RESTORE


def interrupted(handler: str) -> subprocess.CompletedProcess[bytes]:
    """Interrupt a process that begins with a handler; in the background it would be SIG_IGN."""
    code = (
        "import signal, stages.core.cli as cli; "
        f"signal.signal(signal.SIGINT, signal.{handler}); "
        "cli.exit_on_error(lambda: signal.raise_signal(signal.SIGINT))"
    )
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False)


def test_an_interruption_is_no_success() -> None:
    done = interrupted("default_int_handler")
    assert done.returncode == 130
    assert done.stderr.startswith(b"error: interrupted; ")
    assert done.stderr.count(b"\n") == 1


def test_what_runs_in_the_background_is_not_interrupted() -> None:
    assert interrupted("SIG_IGN").returncode == 0


def test_a_bug_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        cli.exit_on_error(failing(ZeroDivisionError()))


@pytest.mark.parametrize(
    "stage",
    ["download", "synthesize", "garment_photos", "synthesize_dates", "synthesize_digit_rows",
     "preprocess", "train", "evaluate", "cross_validate", "detect_anomalies", "explore", "study",
     "baseline", "report"],
)  # fmt: skip
def test_a_wrong_parameter_stops_a_stage_in_a_second_and_before_any_work(
    tmp_path: Path, stage: str
) -> None:
    text = (ROOT / "params.yaml").read_text().replace("beta_1: 0.9", "beta_1: much", 1)
    (tmp_path / "params.yaml").write_text(text)
    without_id = {"garment_photos", "synthesize_dates", "synthesize_digit_rows", "report"}
    with_id = [] if stage in without_id else ["mnist_linear"]
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", f"stages.{stage}", *with_id],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "error: params.yaml: models.mnist_linear.training.optimizer.beta_1: " in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]
    loaded = {line.split("|")[-1].strip() for line in done.stderr.splitlines() if "|" in line}
    assert not loaded & {"tensorflow", "keras", "pandas", "sklearn", "matplotlib"}


def test_the_pipeline_runs_in_the_environment_without_activation(tmp_path: Path) -> None:
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").symlink_to("/bin/echo")
    command = [str(ROOT / "bin/python"), "-m", "stages.train"]
    inside = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert inside.stdout == "-m stages.train\n"
    dvc = (ROOT / "dvc.yaml").read_text()
    assert dvc.count("cmd: ") == dvc.count("cmd: bin/python -m stages.")


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "deep/a.txt"
    with files.atomic_output(path) as partial:
        partial.write_text("old")

    def write_half() -> None:
        with files.atomic_output(path) as partial:
            partial.write_text("ne")
            raise UserError("no more")

    with pytest.raises(UserError, match="no more"):
        write_half()
    assert path.read_text() == "old"
    assert [each.name for each in path.parent.iterdir()] == ["a.txt"]


def test_a_folder_is_replaced_with_everything_in_it(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    for name in ("old", "new"):
        with files.atomic_output(path) as partial:
            partial.mkdir()
            (partial / name).write_text(name)
    assert [each.name for each in path.iterdir()] == ["new"]


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".partial-a").mkdir()
    (tmp_path / ".partial-a" / "half").write_text("x")
    with files.atomic_output(tmp_path / "a") as partial:
        partial.mkdir()
    assert not list((tmp_path / "a").iterdir())


def test_equal_values_are_equal_json_and_nan_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    files.write_json(path, {"a": 0.1})
    before = path.read_bytes()
    files.write_json(path, {"a": 0.1})
    assert path.read_bytes() == before
    assert files.read_json(path) == {"a": 0.1}
    with pytest.raises(ValueError, match="Out of range"):
        files.write_json(path, {"a": float("nan")})
    assert path.read_bytes() == before


def test_truncated_json_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": ')
    with pytest.raises(DataError, match=r"a\.json: not JSON: .*; run the stage that writes it"):
        files.read_json(tmp_path / "a.json")


def test_nested_metrics_have_dotted_keys() -> None:
    assert files.flatten({"a": {"b": 1, "c": {"d": 2}}, "e": 3}) == {"a.b": 1, "a.c.d": 2, "e": 3}


@pytest.fixture
def processed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(splits, "PROCESSED", tmp_path)
    return tmp_path


EXAMPLES = splits.Split(np.arange(12, dtype=np.uint8).reshape(6, 2), np.arange(6, dtype=np.uint8))


def test_a_split_is_read_as_it_was_written(processed: Path) -> None:
    splits.save_split(processed / "d" / "test", EXAMPLES, [{"text": f"ü{n}"} for n in range(6)])
    for mmap in (False, True):
        loaded = splits.load_split("d", "test", mmap)
        np.testing.assert_array_equal(loaded.x, EXAMPLES.x)
        np.testing.assert_array_equal(loaded.y, EXAMPLES.y)
        assert isinstance(loaded.x, np.memmap) == mmap
    assert splits.load_raw("d", "test", [4, 1]) == [{"text": "ü4"}, {"text": "ü1"}]


def test_equal_splits_are_equal_bytes(processed: Path) -> None:
    for name in ("a", "b"):
        splits.save_split(processed / name / "train", EXAMPLES)
    for file in ("x.npy", "y.npy"):
        first, second = ((processed / name / "train" / file).read_bytes() for name in "ab")
        assert first == second
    assert splits.load_raw("a", "train", [0]) == []


def test_a_damaged_split_is_named(processed: Path) -> None:
    splits.save_split(processed / "d" / "train", EXAMPLES)
    (processed / "d/train/x.npy").write_bytes(b"\x93NUMPY\x01\x00v\x00{'descr': '|u1'")
    with pytest.raises(DataError, match="d/train: not a split: "):
        splits.load_split("d", "train")


def test_examples_are_taken_with_their_targets() -> None:
    taken = EXAMPLES.take(np.array([5, 0]))
    assert taken.x.tolist() == [[10, 11], [0, 1]]
    assert taken.y.tolist() == [5, 0]


def test_splits_are_joined_with_their_labels() -> None:
    parts = [EXAMPLES.take(np.arange(0, 2)), EXAMPLES.take(np.arange(2, len(EXAMPLES.y)))]
    whole = splits.concatenate(parts)
    assert whole.x.tolist() == EXAMPLES.x.tolist()
    assert whole.y.tolist() == EXAMPLES.y.tolist()


def test_splits_are_described_in_order_with_their_own_counts() -> None:
    y = {"test": [2, 2], "train": [0, 0, 1], "validation": [1]}
    made = {
        name: splits.Split(np.zeros((len(labels), 3), np.float32), np.array(labels, np.uint8))
        for name, labels in y.items()
    }
    described = splits.describe_splits(made, ["a", "b", "c"])
    assert list(described) == ["train", "validation", "test"]
    assert described["train"]["examples_per_class"] == {"a": 2, "b": 1, "c": 0}
    assert described["test"]["examples_per_class"] == {"a": 0, "b": 0, "c": 2}
    assert described["validation"]["x"] == {"shape": [1, 3], "dtype": "float32"}
    assert "examples_per_class" not in splits.describe_splits(made, [])["train"]
    assert json.dumps(described)
