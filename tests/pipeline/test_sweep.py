"""A sweep through its command: killed and resumed alone, and on two Ray nodes of which one dies.

Both must have the same trials.
"""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
import yaml

from stages.core.files import write_json
from stages.core.paths import PROCESSED
from stages.core.splits import save_split
from tests import reduced
from tests.factories import INFOS, make_table
from tests.nodes import DEADLINE, TOKEN, Node, two_nodes, wait_for

pytest.importorskip("ray", reason="make .venv/sweep installs it")

ROOT = Path(__file__).parents[2]
MODEL = "votes_mlp"
TRIALS = 6
SWEEP = {
    "metric": "cv.accuracy",
    "direction": "maximize",
    "trials": TRIALS,
    "parallel": 4,
    "startup_trials": 3,
    "seed": 1,
    "cross_validation": {"folds": 2, "repeats": 1, "steps": 1},
    "pruning": None,
    "confirmation": {"finalists": 1, "runs": 2},
    "space": {
        "network.dropout": {"low": 0.0, "high": 0.5},
        "training.optimizer.learning_rate": {"low": 0.001, "high": 0.1, "log": True},
    },
}
SAME = ["trial", "state", "result", "std", "steps", *SWEEP["space"]]  # type: ignore[misc]


def make_project(folder: Path) -> Path:
    """Create a project with a small table and a small sweep."""
    values = reduced.reduced_params()
    values["cross_validation"][MODEL] |= {"folds": 2, "repeats": 1}
    folder.mkdir()
    reduced.write_params(folder, values)
    (folder / "sweeps.yaml").write_text(yaml.safe_dump({MODEL: SWEEP}))
    dataset = folder / PROCESSED / values["models"][MODEL]["dataset"]
    for seed, name in enumerate(("train", "validation")):  # there is no test split to read
        save_split(dataset / name, make_table(60, seed))
    write_json(dataset / "info.json", INFOS["table"])
    return folder


def start(project: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a sweep, with Ray's variables only if it connects to the cluster."""
    environment = {name: os.environ[name] for name in os.environ if not name.startswith("RAY_")}
    if arguments:
        environment |= TOKEN
    return subprocess.Popen(
        [sys.executable, "-m", "stages.sweep", MODEL, *arguments],
        cwd=project,
        env=environment | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    """Wait for a sweep and return what it printed."""
    printed, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, printed
    return printed


def finished_trials(project: Path) -> dict[int, tuple[float, str]]:
    """Return result and node of each finished trial, without a lock."""
    path = project / "sweeps" / MODEL / "trials.db"
    if not path.exists():
        return {}
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as database:
        try:
            rows = database.execute(
                "SELECT number, value, value_json FROM trials JOIN trial_values USING (trial_id) "
                "JOIN trial_user_attributes USING (trial_id) WHERE state = 'COMPLETE'"
            )
            return {number: (value, json.loads(text)["node"]) for number, value, text in rows}
        except sqlite3.OperationalError:  # no table yet
            return {}


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, list[Node]]]:
    """Start two nodes."""
    with two_nodes(tmp_path) as started:
        yield started


def read_results(project: Path) -> pd.DataFrame:
    return pd.read_csv(project / "sweeps" / MODEL / "results.csv")


def test_a_sweep_survives_kills_of_its_process_and_of_a_node(
    tmp_path: Path, cluster: tuple[str, list[Node]]
) -> None:
    address, nodes = cluster
    shared = make_project(tmp_path / "shared")
    process = start(shared, "--address", address)
    before = wait_for(lambda: on_two_nodes(finished_trials(shared)), process)
    nodes[1].kill()
    printed = finish(process)
    assert len(before) < TRIALS
    assert f"{TRIALS} trials: {TRIALS} complete" in printed

    alone = make_project(tmp_path / "alone")
    process = start(alone)
    kept = wait_for(lambda: at_least(TRIALS // 2, finished_trials(alone)), process)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    printed = finish(start(alone))
    assert re.search(r"votes_mlp: [3-5] trials are finished", printed)

    two, one = read_results(shared), read_results(alone)
    pd.testing.assert_frame_equal(two[SAME], one[SAME], check_exact=True)
    for table, earlier in ((two, before), (one, kept)):
        assert table["node"].nunique() == 2  # Ray has another id after the kill
        for number, result_and_node in earlier.items():  # nothing finished was run again
            assert tuple(table.loc[number, ["result", "node"]]) == result_and_node
    for name in ("history", "slices", "importance"):
        assert (alone / "sweeps" / MODEL / "plots" / f"{name}.png").stat().st_size > 1000
    assert "apply: python -m stages.sweep" in printed or "nothing to change" in printed


def on_two_nodes(finished: dict[int, tuple[float, str]]) -> dict[int, tuple[float, str]]:
    """Return the trials if they ran on two nodes, else nothing."""
    return finished if len({node for _, node in finished.values()}) == 2 else {}


def at_least(count: int, finished: dict[int, tuple[float, str]]) -> dict[int, tuple[float, str]]:
    """Return the trials if there are so many, else nothing."""
    return finished if len(finished) >= count else {}
