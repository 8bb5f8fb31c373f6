"""Calibration of probabilities, the threshold, and inputs unlike the training data."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from stages import calibrate as stage
from stages.core.errors import ModelError
from stages.core.files import write_json
from stages.core.splits import Split, save_split
from stages.inference import calibration
from stages.inference.bundle import Bundle
from stages.inference.classify import classify_all, load_calibration
from stages.learning.bundle import save_model
from tests.unit.contexts import brightness_classifier

CLASSES = ["dark", "middle", "light"]


def softmax(logits: np.ndarray) -> np.ndarray:
    scaled = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: np.ndarray = scaled / scaled.sum(axis=1, keepdims=True)
    return probabilities


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_of_logits_is_found(temperature: float) -> None:
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (20_000, 3))
    true = softmax(logits)
    y = (random.random((len(true), 1)) > true.cumsum(axis=1)).sum(axis=1)
    claimed = softmax(logits * temperature)
    fitted = calibration.fit_temperature(claimed, y)
    assert fitted == pytest.approx(temperature, rel=0.05)
    assert np.allclose(calibration.apply_temperature(claimed, temperature), true, atol=1e-3)


def test_a_temperature_changes_no_answer() -> None:
    p = np.random.default_rng(0).dirichlet(np.ones(4), 50)
    for temperature in (0.3, 5.0):
        changed = calibration.apply_temperature(p, temperature)
        assert np.allclose(changed.sum(axis=1), 1)
        assert np.array_equal(changed.argmax(axis=1), p.argmax(axis=1))
    assert np.isfinite(calibration.apply_temperature(np.array([[1.0, 0.0]]), 0.05)).all()


def test_the_threshold_is_the_lowest_that_reaches_the_accuracy() -> None:
    confidence = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    correct = np.array([True, True, True, False, True])
    assert calibration.choose_threshold(confidence, correct, 0.99) == 0.7
    assert calibration.choose_threshold(confidence, correct, 0.8) == 0.5
    wrong = np.zeros(5, bool)  # the wanted accuracy cannot be reached: half are answered
    assert calibration.choose_threshold(confidence, wrong, 0.9) == 0.7


def images(count: int, seed: int) -> np.ndarray:
    """Smooth images, light from the left or from above."""
    random = np.random.default_rng(seed)
    ramp = np.linspace(0, 200, 12)
    rows, columns = random.random((2, count, 1, 1))
    x = rows * ramp[:, None] + (1 - rows) * ramp * columns + random.normal(0, 2, (count, 12, 12))
    return x.clip(0, 255).astype(np.uint8)


def test_images_of_another_kind_are_far() -> None:
    unlike = calibration.fit_frequencies(images(2000, 0))
    same = calibration.find_unlike(images(500, 1), unlike)
    assert np.mean([bool(each) for each in same]) < 0.03
    noise = np.random.default_rng(2).integers(0, 256, (20, 12, 12)).astype(np.uint8)
    for other in (noise, 255 - images(20, 3)):
        assert all(
            "unlike the training data" in each for each in calibration.find_unlike(other, unlike)
        )


def test_numbers_outside_the_range_of_their_column_are_named() -> None:
    columns: list[dict[str, Any]] = [
        {"name": "shape", "codes": {"1": 1}}, {"name": "age"}, {"name": "weight"},
    ]  # fmt: skip
    x = np.array([[1, 20, 60], [1, 70, np.nan], [1, np.nan, 90]])
    unlike = calibration.fit_ranges(x, columns)
    rows = np.array([[5, 50, 90], [1, 71, 59.5], [1, np.nan, np.nan]])
    inside, outside, missing = calibration.find_unlike(rows, unlike)
    assert inside == missing == ""
    assert "age 71 is outside 20 to 70, weight 59.5 is outside 60 to 90" in outside


def test_texts_of_unknown_or_of_rare_words_are_named() -> None:
    random = np.random.default_rng(0)
    x = random.integers(2, 300, (400, 30)).astype(np.uint16)
    x[random.random(x.shape) < 0.1] = 1
    unlike = calibration.fit_words(x)
    short = np.zeros(30, np.uint16)
    short[:3] = 1
    rows = np.stack([x[0], np.ones(30, np.uint16), np.full(30, 250, np.uint16), short])
    usual, unknown, rare, few = calibration.find_unlike(rows, unlike)
    assert usual == few == ""
    assert "100% of its words are unknown" in unknown
    assert "few of the words frequent in it (0%)" in rare


def bundle() -> Bundle:
    encoding = {"type": "image", "shape": [12, 12]}
    spec = {"task": "classification", "classes": CLASSES, "input": encoding}
    return Bundle(brightness_classifier(12, 12, [40, 128, 220]), spec)


def test_an_answer_is_known_if_it_is_at_least_as_confident_as_the_threshold() -> None:
    x = np.stack([np.full((12, 12), level, np.uint8) for level in (30, 84, 225)])
    plain = classify_all(bundle(), x, None)
    assert [each.best for each in plain] == ["dark", plain[1].best, "light"]
    assert all(each.known and not each.warning for each in plain)
    fitted = {"temperature": 2.0, "threshold": 0.6, "unlike": {"type": "none"}}
    calibrated = classify_all(bundle(), x, fitted)
    assert [each.known for each in calibrated] == [True, False, True]
    assert calibrated[0].probabilities["dark"] < plain[0].probabilities["dark"]


def test_the_stage_calibrates_on_the_validation_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    x = images(300, 0)
    y = np.abs(x.mean(axis=(1, 2))[:, None] - [40, 128, 220]).argmin(axis=1).astype(np.uint8)
    y[:20] = (y[:20] + 1) % 3
    save_split(Path("data/processed/grays/validation"), Split(x, y))
    save_model(Path("models/m/model.keras"), bundle().model)
    write_json(Path("models/m/spec.json"), bundle().spec)
    section = SimpleNamespace(dataset="grays", accuracy=0.95)
    monkeypatch.setattr(stage, "load_params", lambda: SimpleNamespace(calibration={"m": section}))
    stage.main("m")
    written = load_calibration(Path("models/m"))
    assert written is not None
    validation = written["validation"]
    assert validation["examples"] == 300
    assert validation["accuracy"] == pytest.approx(280 / 300)
    assert validation["loss"] <= validation["loss_before"]
    assert validation["answered"] >= 0.5
    assert written["temperature"] > 1
    assert written["unlike"]["type"] == "frequencies"


def test_a_damaged_calibration_is_one_line(tmp_path: Path) -> None:
    assert load_calibration(tmp_path) is None
    for content in ("{", "[]", '{"temperature": "x"}'):
        (tmp_path / "calibration.json").write_text(content)
        with pytest.raises(ModelError, match=r"calibration.json: not a file of a trained model"):
            load_calibration(tmp_path)
