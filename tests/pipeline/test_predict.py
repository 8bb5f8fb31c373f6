"""Every stored model predicts raw input in a new process, without training code."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from stages.config.load import load_params
from tests import reduced

pytestmark = pytest.mark.xdist_group("pipeline")  # which share one run
MODELS = load_params(reduced.ROOT / "params.yaml").models

ANSWER = '''
import builtins, io, json, sys
import numpy as np
from PIL import Image

BLOCKED = tuple(
    f"stages.{name}" for name in ("learning", "pipelines", "datasets", "config", "tasks")
)
original = builtins.__import__
def guarded(name, *arguments, **options):
    if name.startswith(BLOCKED) or name.startswith("stages.networks") and name.endswith(".train"):
        raise AssertionError(f"{name} is training code")
    return original(name, *arguments, **options)
builtins.__import__ = guarded

from pathlib import Path
from stages.core.splits import load_raw, load_split
from stages.inference.bundle import load_bundle
from stages.inference.predict import predict

def raw_example(bundle, split):
    """Return a raw example of the test split and its encoded array."""
    encoding, x = bundle.spec["input"], split.x[3]
    match encoding["type"]:
        case "image":
            file = io.BytesIO()
            Image.fromarray(x).save(file, "PNG")
            return file.getvalue(), x
        case "text":
            return load_raw(bundle.spec["dataset"], "test", [3])[0]["text"], x
        case "table":
            row = {}
            for column, value in zip(encoding["columns"], x, strict=True):
                codes = {number: text for text, number in column.get("codes", {}).items()}
                number = None if np.isnan(value) else float(value)
                row[column["name"]] = codes.get(number, number)
            return row, x
        case "points":
            return x.tolist(), x
        case "pixel_coordinates":
            return {"row": int(x[0]), "column": int(x[1])}, x

def answer(name):
    bundle = load_bundle(Path("models") / name)
    task = bundle.spec["task"]
    if task in {"image_generation", "toy_generation"}:
        return len(next(iter(predict(bundle, {"seed": 1, "count": 3}).values()))) == 3
    if task == "language_modeling":
        raw = {"prompt": "Alice ", "length": 20, "temperature": 0.5, "seed": 1}
        return len(predict(bundle, raw)["text"]) == 20
    raw, x = raw_example(bundle, load_split(bundle.spec["dataset"], "test"))
    answered, outputs = predict(bundle, raw), bundle.model.predict(x[None], verbose=0)
    if task == "autoencoding":
        return np.abs(np.array(answered["latent"]) - outputs["mean"][0]).max() < 1e-5
    if task == "image_fitting":
        return np.abs(np.array(answered["color"]) - 255 * outputs[0]).max() <= 0.5 + 1e-3
    p = np.array(list(answered["probabilities"].values()))
    expected = outputs[0] if len(outputs[0]) > 1 else np.array([1 - outputs[0, 0], outputs[0, 0]])
    best = list(answered["probabilities"])[int(expected.argmax())]
    return answered["class"] == best and np.abs(p - expected / expected.sum()).max() < 1e-5

print(json.dumps({name: bool(answer(name)) for name in sys.argv[1:]}))
'''


@pytest.fixture(scope="module")
def answers(project: Path) -> dict[str, bool]:
    done = subprocess.run(
        [sys.executable, "-c", ANSWER, *MODELS], cwd=project, env=reduced.environment(),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    answered: dict[str, bool] = json.loads(done.stdout.splitlines()[-1])
    return answered


@pytest.mark.parametrize("model", MODELS)
def test_a_stored_model_predicts_without_training_code(
    answers: dict[str, bool], model: str
) -> None:
    assert answers[model]
