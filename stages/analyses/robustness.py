"""Measure classifiers on distorted images and adversarial examples: reports/studies/robustness/.

The images are of the validation split; the test split stays untouched. Since the recipes of some
models shift the training images, these models are also trained without that, for a few epochs, to
tell what the network contributes from what its data does.
"""

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import pandas as pd

from stages.analyses import robustness_findings as findings
from stages.analyses.adversarial import attack_signs, perturb, random_signs
from stages.analyses.distortions import NEUTRAL, distort, kept_ink
from stages.analyses.output import write_analysis
from stages.analyses.robustness_findings import Change
from stages.config.load import load_params
from stages.core.cli import exit_on_error
from stages.core.paths import MODELS
from stages.core.splits import Split, load_info, load_split
from stages.studies.findings import Summary

PERTURBATIONS = ("perturbation", "random_perturbation")
BATCH = 500  # images, which bounds memory

Models = Mapping[str, keras.Model]
Correct = dict[str, dict[float, np.ndarray]]  # kind -> amount -> bool [views, n]
Measured = Mapping[str, Correct]  # model -> which images it classifies correctly


class Results(NamedTuple):
    """What was measured.

    Attributes:
        images: Images, uint8 [n, height, width], and their classes [n].
        trained: Results of the models as they are.
        centered: Results of models trained on centered digits only; of shifts alone.
        signs: Direction of the adversarial perturbation by model, int8 [n, height, width].
        shifts: Largest shift of the training images in pixels, by model.
    """

    images: Split
    trained: Measured
    centered: Measured
    signs: Mapping[str, np.ndarray]
    shifts: Mapping[str, int]


def main() -> None:
    """Measure the models of the section `analyses.robustness` of params.yaml."""
    from stages.inference.bundle import load_bundle

    params = load_params()
    settings = params.analyses.robustness
    models = {name: load_bundle(MODELS / name).model for name in settings.models}
    results = measure_all(params, settings, models)
    write_analysis(
        "robustness",
        describe(settings, results),
        summarize(settings, results),
        tabulate(results),
        draw(settings, results, models),
    )


def measure_all(params: Any, settings: Any, models: Models) -> Results:
    """Measure all models.

    Args:
        params: Content of params.yaml.
        settings: Section of the analysis.
        models: Trained models.
    """
    split = load_split(settings.dataset, "validation")
    images = split.take(np.arange(min(settings.num_images, len(split.y))))
    amounts, seed = settings.amounts, settings.seed
    signs = {name: attack_signs(model, *images) for name, model in models.items()}
    trained = measure_distortions(models, images, amounts, seed)
    for name, model in models.items():
        directions = (signs[name], random_signs(images.x.shape, seed))
        trained[name] |= {
            kind: measure_perturbations(model, images, direction, amounts["perturbation"])
            for kind, direction in zip(PERTURBATIONS, directions, strict=True)
        }
    centered = measure_distortions(
        train_centered(params, settings), images, {"shift": amounts["shift"]}, seed
    )
    augmentations = {
        name: getattr(params.models[name].training, "augmentation", None) for name in models
    }
    shifts = {name: each.shift if each else 0 for name, each in augmentations.items()}
    return Results(images, trained, centered, signs, shifts)


def train_centered(params: Any, settings: Any) -> Models:
    """Train models without shifts of the training images, for a few epochs.

    Args:
        params: Content of params.yaml.
        settings: Section of the analysis, of which `centered` says which models and epochs.
    """
    from stages.learning.runtime import session

    info, train = load_info(settings.dataset), load_split(settings.dataset, "train")
    trained = {}
    for name in settings.centered.models:
        config = params.models[name]
        changes = {"augmentation": None, "epochs": settings.centered.epochs}
        training = config.training.model_copy(update=changes)
        config = config.model_copy(update={"training": training})
        network = importlib.import_module(f"stages.networks.{config.network.name}.train")
        pipeline = importlib.import_module(f"stages.pipelines.{training.input_pipeline}")
        with session(training.seed, training.precision):
            trained[name] = network.train(config, info, train, None, pipeline.make_batches).model
    return trained


def measure_distortions(
    models: Models, images: Split, amounts: Mapping[str, Sequence[float]], seed: int
) -> dict[str, Correct]:
    """Classify distorted images.

    Args:
        models: Models by id.
        images: Images uint8 [n, height, width] and their classes [n].
        amounts: Amounts by kind of distortion.
        seed: Seed of the noise.

    Returns:
        Which images are classified correctly, by model.
    """
    measured: dict[str, Correct] = {name: {} for name in models}
    for kind in (kind for kind in NEUTRAL if kind in amounts):
        for amount in amounts[kind]:
            views = distort(images.x, kind, amount, seed)
            for name, model in models.items():
                correct = [classify(model, view) == images.y for view in views]
                measured[name].setdefault(kind, {})[amount] = np.stack(correct)
    return measured


def measure_perturbations(
    model: keras.Model, images: Split, signs: np.ndarray, epsilons: Sequence[float]
) -> dict[float, np.ndarray]:
    """Return which images are classified correctly, bool [1, n], by size of a perturbation.

    Args:
        model: Classifier.
        images: Images uint8 [n, height, width] and their classes [n].
        signs: Direction of the perturbation, -1 to 1, of the shape of the images.
        epsilons: Sizes of the perturbation.
    """
    return {
        epsilon: np.stack([classify(model, perturb(images.x, signs, epsilon)) == images.y])
        for epsilon in epsilons
    }


def predict(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Return class probabilities [n, classes] of images [n, height, width]."""
    probabilities: np.ndarray = model.predict(images, batch_size=BATCH, verbose=0)
    return probabilities


def classify(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Return the predicted classes [n] of images [n, height, width]."""
    classes: np.ndarray = predict(model, images).argmax(axis=1)
    return classes


def list_changes(measured: Measured, kind: str, amount: float) -> list[Change]:
    """Return what a distortion changes, by model."""
    neutral = NEUTRAL.get(kind, 0.0)
    return [
        Change(name, correct[kind][neutral][0], correct[kind][amount])
        for name, correct in measured.items()
    ]


def describe(settings: Any, results: Results) -> dict[str, Any]:
    """Return what the page says of the analysis, without the results table."""
    epsilon, pixels = settings.compared["perturbation"], settings.compared["shift"]
    shifted = findings.describe_condition("shift", pixels)
    changes = list_changes(results.trained, "shift", pixels)
    centered = list_changes(results.centered, "shift", pixels)
    attacked, at_random = (list_changes(results.trained, kind, epsilon) for kind in PERTURBATIONS)
    sentences = [
        findings.compare(changes, shifted),
        findings.check_invariance(findings.least_affected(changes)[0], shifted),
        findings.describe_augmentation(results.shifts),
        findings.describe_centered(centered, shifted, settings.centered.epochs),
        findings.describe_attack(attacked, at_random, epsilon),
    ]
    return {
        "question": settings.question,
        "finding": " ".join(filter(None, sentences)),
        "models": settings.models,
        "metric": "val_accuracy",
        "captions": describe_figures(settings, results),
    }


def describe_figures(settings: Any, results: Results) -> dict[str, dict[str, str]]:
    """Return the captions of the figures, by name."""
    most, images = max(settings.amounts["shift"]), results.images.x
    lost = 1 - kept_ink(images, distort(images, "shift", most, settings.seed))
    summary = [f"A shift of {most:g} pixels moves {lost:.0%} of the ink out of the image."]
    summary += [
        findings.compare_briefly(
            list_changes(results.trained, kind, settings.compared[kind]),
            findings.describe_condition(kind, settings.compared[kind]),
        )
        for kind in NEUTRAL
        if kind != "shift"
    ]
    description = (
        f"Of {len(images):,} validation images; above each chart, one of them with these amounts. "
        "Shifts are averaged over four directions, rotations over both."
    )
    if results.centered:
        epochs = settings.centered.epochs
        during = "1 epoch" if epochs == 1 else f"{epochs} epochs"
        description += f" Dashed: trained for {during} on centered digits only."
    return {
        "distortions": {
            "title": "Accuracy on distorted digits",
            "description": description,
            "summary": " ".join(summary),
        },
        "adversarial": {
            "title": "Adversarial examples",
            "description": (
                "Left: accuracy by how much each pixel changes, in the direction that raises the "
                "loss of the network itself; dotted, in random directions. Right: a digit, the "
                "change (black pixels become darker as drawn, white lighter, gray stay) and the "
                "adversarial example, with the predicted class and its probability. It is the "
                "first digit that all networks classify correctly and that misleads most of them."
            ),
            "summary": "",
        },
    }


def summarize(settings: Any, results: Results) -> list[Summary]:
    """Return the accuracies of all views, by model and compared distortion."""
    compared = settings.compared
    pixels, centered = compared["shift"], NEUTRAL["shift"]
    rows = {
        f"{name}, centered": correct["shift"][centered][:1]
        for name, correct in results.trained.items()
    }
    for kind, amount in (*compared.items(), ("random_perturbation", compared["perturbation"])):
        condition = findings.describe_condition(kind, amount)
        for name, correct in results.trained.items():
            rows[f"{name}, {condition}"] = correct[kind][amount]
    for name, correct in results.centered.items():
        trained = f"{name} trained on centered digits"
        rows[f"{trained}, centered"] = correct["shift"][centered][:1]
        condition = findings.describe_condition("shift", pixels)
        rows[f"{trained}, {condition}"] = correct["shift"][pixels]
    return [Summary(name, correct.mean(axis=1).tolist(), 0) for name, correct in rows.items()]


def tabulate(results: Results) -> pd.DataFrame:
    """Return all accuracies: columns model, training, distortion, amount and accuracy."""
    rows = [
        (name, training, kind, amount, correct.mean())
        for training, measured in (("as it is", results.trained), ("centered", results.centered))
        for name, by_kind in measured.items()
        for kind, by_amount in by_kind.items()
        for amount, correct in by_amount.items()
    ]
    return pd.DataFrame(rows, columns=["model", "training", "distortion", "amount", "accuracy"])


def draw(settings: Any, results: Results, models: Models) -> dict[str, Any]:
    """Draw the figures, by name."""
    from stages.plots.robustness import Curve, plot_adversarial, plot_distortions
    from stages.plots.style import figure_style

    def curves(measured: Measured, kind: str, suffix: str, style: str) -> list[Curve]:
        return [
            Curve(f"{name}{suffix}", name, list(by_amount), means, style)
            for name, correct in measured.items()
            for by_amount in [correct[kind]]
            for means in [[float(each.mean()) for each in by_amount.values()]]
        ]

    by_kind = {kind: curves(results.trained, kind, "", "-") for kind in NEUTRAL}
    by_kind["shift"] += curves(results.centered, "shift", ", trained on centered digits", "--")
    first = results.images.x[:1]
    examples = {
        kind: np.concatenate(
            [distort(first, kind, amount, settings.seed)[0] for amount in settings.amounts[kind]]
        )
        for kind in NEUTRAL
    }
    perturbed, at_random = (
        curves(results.trained, kind, suffix, style)
        for kind, suffix, style in zip(PERTURBATIONS, ("", ", random"), ("-", ":"), strict=True)
    )
    attacks = show_attacks(models, results, settings.compared["perturbation"])
    with figure_style():
        return {
            "distortions": plot_distortions(by_kind, examples),
            "adversarial": plot_adversarial(perturbed + at_random, attacks),
        }


def choose_example(measured: Measured, epsilon: float) -> int:
    """Return the first image that all models classify correctly and most misclassify attacked."""
    outcomes = [correct["perturbation"] for correct in measured.values()]
    before = np.all([each[0.0][0] for each in outcomes], axis=0)
    misled = np.sum([~each[epsilon][0] for each in outcomes], axis=0)
    return int(np.argmax(np.where(before, misled, -1)))


def show_attacks(models: Models, results: Results, epsilon: float) -> list[Any]:
    """Return an adversarial example of each model for the same image."""
    from stages.plots.robustness import Attack

    number = choose_example(results.trained, epsilon)
    image, attacks = results.images.x[number], []
    for name, model in models.items():
        signs = results.signs[name][number]
        pair = np.stack([image, perturb(image, signs, epsilon)])
        labels = [f"{p.argmax()} ({p.max():.0%})" for p in predict(model, pair)]
        change = (128 + 127 * signs.astype(int)).astype(np.uint8)
        attacks.append(
            Attack(
                name,
                np.stack([pair[0], change, pair[1]]),
                [labels[0], f"± {epsilon:g}", labels[1]],
            )
        )
    return attacks


if __name__ == "__main__":
    exit_on_error(main)
