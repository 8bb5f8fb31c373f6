"""Calibrate a classifier on the validation split: models/<model>/calibration.json.

The test split is not read: `evaluate` shows how well calibrated the model is without this.
"""

from typing import TYPE_CHECKING, Any

from stages.config.load import get_section, load_params
from stages.core import cli
from stages.core.files import write_json
from stages.core.paths import MODELS
from stages.core.splits import Split, load_split

if TYPE_CHECKING:
    import numpy as np


def main(model: str) -> None:
    """Calibrate `model`, and print what this changes on the validation split."""
    config = get_section(load_params().calibration, model, "calibration")
    from stages.inference.bundle import load_bundle

    bundle = load_bundle(MODELS / model)
    validation = load_split(config.dataset, "validation")
    calibration = calibrate(bundle, validation, config.accuracy)
    calibration["unlike"] = describe_inputs(bundle.spec["input"], config.dataset, validation.x)
    write_json(MODELS / model / "calibration.json", calibration, indent=None)
    shown = calibration["validation"]
    print(
        f"{model}: temperature {calibration['temperature']:.3f}, calibration error "
        f"{shown['expected_calibration_error_before']:.4f} before and "
        f"{shown['expected_calibration_error']:.4f} after; with at least "
        f"{calibration['threshold']:.1%} confidence, {shown['accuracy_answered']:.2%} of "
        f"{shown['answered']:.1%} are right"
    )


def describe_inputs(encoding: dict[str, Any], dataset: str, x: "np.ndarray") -> dict[str, Any]:
    """Describe the inputs of a dataset, for the warning: of a table, those of the training split.

    Args:
        encoding: `input` of the model's spec.
        dataset: Id of the dataset.
        x: Encoded examples of the validation split [n, ...].
    """
    from stages.inference.calibration import fit_frequencies, fit_ranges, fit_words

    match encoding["type"]:
        case "image":
            return fit_frequencies(x)
        case "table":
            return fit_ranges(load_split(dataset, "train").x, encoding["columns"])
    return fit_words(x)


def calibrate(bundle: Any, validation: Split, accuracy: float) -> dict[str, Any]:
    """Compute the content of calibration.json, see stages/inference/calibration.py, but `unlike`.

    Args:
        bundle: Classifier.
        validation: Examples and their classes.
        accuracy: Wanted accuracy of the answered examples.
    """
    from stages.inference.calibration import apply_temperature, choose_threshold, fit_temperature
    from stages.inference.outputs import probabilities

    x, y = validation
    before = probabilities(bundle.model, x, bundle.spec["input"]["type"])
    temperature = fit_temperature(before, y)
    after = apply_temperature(before, temperature)
    threshold = choose_threshold(after.max(axis=1), after.argmax(axis=1) == y, accuracy)
    return {
        "temperature": temperature,
        "threshold": threshold,
        "validation": describe(before, after, y, threshold),
    }


def describe(
    before: "np.ndarray", after: "np.ndarray", y: "np.ndarray", threshold: float
) -> dict[str, float]:
    """Describe probabilities [n, classes] before and after calibration, for true classes y [n]."""
    from stages.inference.calibration import negative_log_likelihood
    from stages.metrics.classification import calibration

    correct = after.argmax(axis=1) == y
    answered = after.max(axis=1) >= threshold
    return {
        "examples": len(y),
        "accuracy": float(correct.mean()),
        "answered": float(answered.mean()),
        "accuracy_answered": float(correct[answered].mean()),
        "loss_before": negative_log_likelihood(before, y),
        "loss": negative_log_likelihood(after, y),
        "expected_calibration_error_before": calibration(y, before)["expected_calibration_error"],
        "expected_calibration_error": calibration(y, after)["expected_calibration_error"],
    }


if __name__ == "__main__":
    cli.run(main, "calibration")
