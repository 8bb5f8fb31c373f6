from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

from stages import evaluate
from stages.core import splits as core_splits
from stages.core.errors import ConfigError
from stages.core.files import read_json, write_json
from stages.core.splits import Split, save_split
from tests.unit.contexts import classifier_history, passing
from tests.unit.test_metrics import SCORE, Y


def write_model(folder: Path, model: keras.Model) -> None:
    folder.mkdir(parents=True)
    model.save(folder / "model.keras")
    write_json(folder / "spec.json", {"training": {}})
    np.savez(folder / "snapshots.npz")
    classifier_history().to_csv(folder / "history.csv", index=False)


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    write_model(Path("models/m"), passing(1))
    write_model(Path("models/other"), keras.Sequential([keras.Input((1,)), keras.layers.Dense(9)]))
    info = {
        "classes": ["no", "yes"], "positive_class": "yes",
        "input": {"type": "table", "columns": [{"name": "a"}]},
    }  # fmt: skip
    folder = core_splits.PROCESSED / "d"
    test = Split(SCORE[:, None].astype(np.float32), Y.astype(np.uint8))
    save_split(folder / "test", test, [{"path": f"{number}.txt"} for number in range(len(Y))])
    write_json(folder / "info.json", info)
    config = SimpleNamespace(
        dataset="d", task="classification", network=SimpleNamespace(name="tabular_mlp"),
        evaluation=SimpleNamespace(evaluator="none"),
    )  # fmt: skip
    loaded = SimpleNamespace(models={"m": config})
    monkeypatch.setattr(evaluate, "load_params", lambda: loaded)
    return loaded


def test_the_stage_reads_only_the_test_split_and_writes_everything(
    params: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    del params
    evaluate.main("m")
    report = Path("reports/m")
    assert read_json(report / "metrics.json")["test"]["accuracy"] == 5 / 8
    assert list(pd.read_csv(report / "chart.csv")) == ["actual", "predicted", "count"]
    summary = read_json(report / "details.json")[0]
    captions, data = summary.pop("captions"), summary.pop("data")
    assert summary == {
        "dataset": "d", "network": "tabular_mlp", "task": "classification", "num_params": 0,
        "epochs": 3, "steps": None,
    }  # fmt: skip
    assert {path.stem for path in (report / "plots").glob("*.png")} == set(captions)
    assert captions["confusion_matrix"]["summary"].startswith("no is the hardest class: 2 of 5")
    first = data["most_confident_errors"][0]
    assert (first["example"], first["path"]) == (4, "4.txt")
    assert capsys.readouterr().out.startswith("m: test.accuracy 0.6250, test.loss")


def test_a_second_evaluation_writes_the_same_bytes_and_leaves_other_files(params: Any) -> None:
    evaluate.main("m")
    other = Path("reports/m/cross_validation/metrics.json")
    write_json(other, {})
    written = {path: path.read_bytes() for path in Path("reports").rglob("*") if path.is_file()}
    params.models["m"].evaluation.evaluator = "other"  # loading it must not change anything
    evaluate.main("m")
    again = {path: path.read_bytes() for path in Path("reports").rglob("*") if path.is_file()}
    assert written == again


def test_random_numbers_are_seeded_after_all_models_are_loaded(
    params: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = []
    monkeypatch.setattr(evaluate, "seed_everything", lambda seed: order.append(f"seed {seed}"))
    load = evaluate.load_context

    def load_context(model: str, config: Any) -> Any:
        order.append("load")
        return load(model, config)

    monkeypatch.setattr(evaluate, "load_context", load_context)
    params.models["m"].evaluation.seed = 3
    evaluate.main("m")
    assert order == ["load", "seed 3"]


def test_an_unknown_model_is_an_error(params: Any) -> None:
    del params
    with pytest.raises(ConfigError, match="no model 'x', expected one of m"):
        evaluate.main("x")
