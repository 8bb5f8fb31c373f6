import json
import os
from pathlib import Path
from typing import Any

import pytest

from stages import record
from stages.core.files import write_json

CPUINFO = """processor	: 0
model name	: Some CPU @ 2 GHz
flags		: fpu avx2 avx512f amx_bf16

processor	: 1
model name	: Some CPU @ 2 GHz
flags		: fpu avx2 avx512f amx_bf16
"""
HERE = {"recorded": "2026-11-21", "machine": {"processor": "new"}, "versions": {"keras": "3"}}
THERE = {"recorded": "2026-01-01", "machine": {"processor": "old"}, "versions": {"keras": "2"}}


def run(finished: str, seconds: float = 1.0) -> dict[str, Any]:
    return {"train_seconds": seconds, "precision": "float32", "finished": finished}


def test_the_first_baseline_has_runs_and_metrics() -> None:
    runs = {"b": run("2026-11-21T10:00:00"), "removed": run("2026-11-21T10:00:00")}
    baseline = record.update_baseline({}, runs, {"b": {"x": 1.0}, "a": {"x": 2.0}}, HERE)
    assert baseline == HERE | {
        "models": {"a": {"metrics": {"x": 2.0}}, "b": runs["b"] | {"metrics": {"x": 1.0}}}
    }
    assert list(baseline["models"]) == ["a", "b"]


def test_a_model_that_was_not_trained_again_keeps_its_record() -> None:
    old = {"a": run("2026-01-01T10:00:00", 5.0) | {"metrics": {"x": 1.0}}}
    old["b"] = run("2026-01-01T10:00:00", 6.0) | {"metrics": {"x": 1.0}}
    runs = {"b": run("2026-11-21T10:00:00", 7.0)}
    metrics = {"a": {"x": 1.0}, "b": {"x": 3.0}}
    baseline = record.update_baseline(THERE | {"models": old}, runs, metrics, HERE)
    assert baseline["models"] == {"a": old["a"], "b": runs["b"] | {"metrics": {"x": 3.0}}}
    assert baseline["machine"] == {"processor": "new"}


def test_keys_of_an_earlier_training_run_are_dropped() -> None:
    old = {"a": run("2026-01-01T10:00:00") | {"epochs": 3, "metrics": {"x": 1.0}}}
    new = run("2026-11-21T10:00:00") | {"steps": 9}
    baseline = record.update_baseline(THERE | {"models": old}, {"a": new}, {"a": {"x": 1.0}}, HERE)
    assert baseline["models"]["a"] == new | {"metrics": {"x": 1.0}}


def test_a_training_run_before_the_recorded_one_is_not_recorded() -> None:
    old = {"a": run("2026-05-01T10:00:00", 5.0) | {"metrics": {"x": 1.0}}}
    earlier = {"a": run("2026-04-01T10:00:00", 7.0)}
    previous = THERE | {"models": old}
    assert record.update_baseline(previous, earlier, {"a": {"x": 1.0}}, HERE) == previous


def test_without_changes_the_date_stays() -> None:
    first = record.update_baseline({}, {"a": run("2026-11-21")}, {"a": {"x": 1.0}}, THERE)
    again = record.update_baseline(first, {"a": run("2026-11-21")}, {"a": {"x": 1.0}}, HERE)
    assert again == first


def test_new_metrics_of_old_models_keep_the_machine() -> None:
    old = {"a": run("2026-01-01") | {"metrics": {"x": 1.0}}}
    baseline = record.update_baseline(THERE | {"models": old}, {}, {"a": {"x": 2.0}}, HERE)
    assert baseline["machine"] == THERE["machine"]
    assert baseline["recorded"] == HERE["recorded"]
    assert baseline["models"]["a"] == run("2026-01-01") | {"metrics": {"x": 2.0}}


def test_a_removed_model_is_removed() -> None:
    old = {"a": {"metrics": {"x": 1.0}}, "b": {"metrics": {"x": 1.0}}}
    baseline = record.update_baseline(THERE | {"models": old}, {}, {"a": {"x": 1.0}}, HERE)
    assert list(baseline["models"]) == ["a"]


def test_metrics_are_flat_and_include_cross_validation(tmp_path: Path) -> None:
    write_json(tmp_path / "a" / "metrics.json", {"test": {"accuracy": 0.5}})
    write_json(tmp_path / "a" / "cross_validation" / "metrics.json", {"cv": {"accuracy": 0.25}})
    write_json(tmp_path / "b" / "metrics.json", {"class_kl": 0.125})
    write_json(tmp_path / "digits_of_all_models" / "metrics.json", {"a": {"right": 9}})
    for model in ("a", "b"):
        (tmp_path / "models" / model).mkdir(parents=True)
    assert record.read_all_metrics(tmp_path, tmp_path / "models") == {
        "a": {"test.accuracy": 0.5, "cv.accuracy": 0.25},
        "b": {"class_kl": 0.125},
    }


def test_a_run_finished_at_its_recorded_time_or_at_that_of_its_file(tmp_path: Path) -> None:
    write_json(tmp_path / "a" / "run.json", run("2026-11-21"))
    write_json(tmp_path / "b" / "run.json", {"train_seconds": 1})
    os.utime(tmp_path / "b" / "run.json", (86400, 86400))
    assert record.read_runs(tmp_path) == {
        "a": run("2026-11-21"),
        "b": {"train_seconds": 1, "finished": "1970-01-02T00:00:00+00:00"},
    }


def test_the_machine_is_described_by_instruction_sets_that_affect_results() -> None:
    machine = record.describe_machine(CPUINFO)
    assert machine["processor"] == "Some CPU @ 2 GHz"
    assert machine["instructions"] == ["AVX2", "AVX-512", "AMX BF16"]
    assert record.describe_machine("Features\t: fp asimd bf16\n")["instructions"] == [
        "NEON",
        "Arm BF16",
    ]
    unknown = record.describe_machine("")
    assert unknown["processor"]
    assert unknown["instructions"] == []


def test_main_writes_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_json(Path("models/a/run.json"), run("2026-11-21T10:00:00"))
    write_json(Path("reports/a/metrics.json"), {"test": {"accuracy": 0.5}})
    record.main()
    baseline = json.loads(record.BASELINE.read_text(encoding="utf-8"))
    assert baseline["models"]["a"]["metrics"] == {"test.accuracy": 0.5}
    assert set(baseline["versions"]) == {"python", *record.PACKAGES}
    assert baseline["machine"]["cores"] >= 1
    record.main()
    assert capsys.readouterr().out.splitlines() == [
        "reports/baseline.json: recorded 1 models",
        "reports/baseline.json: up to date",
    ]
