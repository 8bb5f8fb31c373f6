"""Distortions, adversarial examples, and what is concluded from them."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import softmax

from stages.analyses import adversarial, distortions, robustness
from stages.analyses import robustness_findings as findings
from stages.analyses.distortions import NEUTRAL, distort
from stages.analyses.robustness_findings import Change
from stages.config.load import parse_params, read_yaml
from stages.core.errors import ConfigError
from stages.core.splits import Split

ROOT = Path(__file__).parents[2]
RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (7, 9, 9), np.uint8)

# Distortions


@pytest.mark.parametrize("kind", NEUTRAL)
def test_the_neutral_amount_changes_nothing(kind: str) -> None:
    for view in distort(IMAGES, kind, NEUTRAL[kind], 1):
        assert view.dtype == np.uint8
        np.testing.assert_array_equal(view, IMAGES)


@pytest.mark.parametrize(
    ("kind", "amount", "views"), [("shift", 2, 4), ("rotation", 30, 2), ("scale", 0.7, 1),
                                  ("noise", 0.4, 1)],
)  # fmt: skip
def test_a_distortion_has_its_views_and_keeps_the_shape(
    kind: str, amount: float, views: int
) -> None:
    distorted = distort(IMAGES, kind, amount, 1)
    assert len({view.tobytes() for view in distorted}) == views
    assert {(view.shape, str(view.dtype)) for view in distorted} == {(IMAGES.shape, "uint8")}


def test_a_shift_moves_each_pixel() -> None:
    right, left, down, up = distort(IMAGES, "shift", 2.0, 1)
    np.testing.assert_array_equal(right[:, :, 2:], IMAGES[:, :, :-2])
    np.testing.assert_array_equal(left[:, :, :-2], IMAGES[:, :, 2:])
    np.testing.assert_array_equal(down[:, 2:], IMAGES[:, :-2])
    np.testing.assert_array_equal(up[:, :-2], IMAGES[:, 2:])
    assert not right[:, :, :2].any()
    assert not up[:, -2:].any()


@pytest.mark.parametrize("pixels", [9, 10, 30])
def test_a_shift_out_of_the_image_leaves_black(pixels: int) -> None:
    assert not any(view.any() for view in distort(IMAGES, "shift", pixels, 1))


def test_rotations_by_a_quarter_are_exact() -> None:
    counterclockwise, clockwise = distort(IMAGES, "rotation", 90, 1)
    np.testing.assert_array_equal(counterclockwise, np.rot90(IMAGES, 1, (1, 2)))
    np.testing.assert_array_equal(clockwise, np.rot90(IMAGES, -1, (1, 2)))


def test_scaling_is_about_the_center() -> None:
    (doubled,) = distort(IMAGES, "scale", 2.0, 1)
    np.testing.assert_array_equal(doubled[:, ::2, ::2], IMAGES[:, 2:7, 2:7])
    (halved,) = distort(IMAGES, "scale", 0.5, 1)
    np.testing.assert_array_equal(halved[:, 2:7, 2:7], IMAGES[:, ::2, ::2])
    assert not halved[:, :2].any()


def test_noise_has_its_standard_deviation_and_is_the_same_up_to_it() -> None:
    gray = np.full((1, 200, 200), 128, np.uint8)
    small, large = (distort(gray, "noise", amount, 1)[0] - 128.0 for amount in (0.05, 0.1))
    assert small.std() == pytest.approx(0.05 * 255, rel=0.02)
    assert np.corrcoef(small.ravel(), large.ravel())[0, 1] > 0.99
    assert (distort(gray, "noise", 0.1, 2)[0] - 128.0 != large).any()


def test_the_ink_that_a_shift_keeps() -> None:
    dot = np.zeros((1, 5, 5), np.uint8)
    dot[0, 0, 2] = 200  # at the top
    assert distortions.kept_ink(dot, distort(dot, "shift", 1, 1)) == 0.75
    assert distortions.kept_ink(dot, [dot]) == 1


# Adversarial examples


def network(scale: float = 1.0) -> keras.Model:
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((9, 9), dtype="uint8"),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(6, activation="tanh"),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    kernel, bias = model.layers[-1].get_weights()
    model.layers[-1].set_weights([scale * kernel, bias + np.array([0.1, 0.2, 0.3])])
    return model


LABELS = np.array([0, 1, 2, 0, 1, 2, 0], np.uint8)


def loss_gradient(model: keras.Model) -> np.ndarray:
    """Return the gradient of the cross-entropy loss as Keras computes it."""
    x = tf.constant(IMAGES, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        hidden = tf.reshape(x / 255, (len(IMAGES), -1))
        for layer in model.layers[-2:]:
            hidden = layer(hidden)
        loss = keras.losses.sparse_categorical_crossentropy(LABELS, hidden)
    gradient: np.ndarray = tape.gradient(loss, x).numpy()
    return gradient


def test_the_logits_are_those_of_the_softmax() -> None:
    model = network()
    logits = adversarial.to_logits(model)(tf.constant(IMAGES, tf.float32))
    np.testing.assert_allclose(softmax(logits, axis=1), model(IMAGES), rtol=1e-5)


def test_the_signs_are_those_of_the_gradient_of_the_loss(monkeypatch: Any) -> None:
    monkeypatch.setattr(adversarial, "BATCH", 3)  # the last batch has one image
    model = network()
    signs = adversarial.attack_signs(model, IMAGES, LABELS)
    assert signs.dtype == np.int8
    np.testing.assert_array_equal(signs, np.sign(loss_gradient(model)))


def test_a_certain_network_is_attacked_too() -> None:
    model = network(scale=1e4)
    certain = ~loss_gradient(model).any(axis=(1, 2))
    assert certain.any()
    assert adversarial.attack_signs(model, IMAGES, LABELS)[certain].all()


def test_an_adversarial_example_raises_the_loss() -> None:
    model = network()
    signs = adversarial.attack_signs(model, IMAGES, LABELS)
    changed = adversarial.perturb(IMAGES, signs, 0.05)
    rows = np.arange(len(LABELS))
    before, after = (np.asarray(model(x))[rows, LABELS] for x in (IMAGES, changed))
    assert (after < before).all()


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 1.0])
def test_a_perturbation_changes_each_pixel_by_at_most_epsilon(epsilon: float) -> None:
    signs = adversarial.random_signs(IMAGES.shape, 1)
    assert set(np.unique(signs)) == {-1, 1}
    changed = adversarial.perturb(IMAGES, signs, epsilon)
    assert changed.dtype == np.uint8
    difference = changed - IMAGES.astype(float)
    assert np.abs(difference).max() <= round(255 * epsilon)
    assert (difference * signs >= 0).all()
    if epsilon == 0:
        np.testing.assert_array_equal(changed, IMAGES)
    if epsilon == 1:
        np.testing.assert_array_equal(changed, np.where(signs > 0, 255, 0))


# Findings


def change(model: str, before: float, after: float, views: int = 1, number: int = 200) -> Change:
    """A model that is right on the first images, with the given accuracies."""
    return Change(model, *(
        np.tile(np.arange(number) < round(number * accuracy), shape)
        for accuracy, shape in ((before, 1), (after, (views, 1)))
    ))  # fmt: skip


def test_the_loss_by_image_is_a_mean_over_views() -> None:
    moved = Change("a", np.array([True, True, False]), np.array([[1, 0, 1], [1, 1, 0]], bool))
    np.testing.assert_array_equal(moved.losses, [0, 0.5, -0.5])
    assert moved.accuracies == (2 / 3, 4 / 6)


def test_the_model_that_loses_least_is_compared_with_the_next() -> None:
    models = [change("weak", 0.9, 0.3), change("strong", 0.95, 0.9), change("middle", 0.9, 0.6)]
    text = findings.compare(models, "shifted by 4 pixels")
    assert text.startswith(
        "Shifted by 4 pixels, strong loses least: accuracy goes with strong from 95.00% to 90.00%, "
        "middle from 90.00% to 60.00% and weak from 90.00% to 30.00%."
    )
    assert "The difference to middle is more than chance (paired t-test over 200 images" in text
    assert findings.compare_briefly(models, "moved") == (
        "Moved, the loss in percentage points is 5.0 with strong, 30.0 with middle and 60.0 with "
        "weak."
    )


def test_a_difference_may_be_chance() -> None:
    models = [change("a", 0.9, 0.8), change("b", 0.9, 0.795)]
    assert "The difference to b is not more than chance" in findings.compare(models, "moved")
    assert findings.compare_briefly(models, "moved") == (
        "Moved, the loss in percentage points is 10.0 with a and 10.5 with b; the first two do not "
        "differ by more than chance."
    )


def test_p_values_without_variation() -> None:
    ones = np.ones(5)
    assert findings.p_value(ones, ones) == 1
    assert findings.p_value(ones, 0 * ones) == 0


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (0.95, 0.5, "Even a does not find a digit wherever it is: moved, it makes 100 errors in "
                    "200 images instead of 10."),
        (0.95, 0.95, "a finds the digits moved as well as centered ones"),
        (0.5, 0.95, "a even makes fewer errors moved than on centered digits."),
    ],
)  # fmt: skip
def test_invariance_is_checked(before: float, after: float, expected: str) -> None:
    assert findings.check_invariance(change("a", before, after), "moved").startswith(expected)


def test_augmentation_is_named() -> None:
    assert findings.describe_augmentation({"a": 0, "b": 1, "c": 2}) == (
        "In training, images were shifted: those of b by up to 1 and c by up to 2 pixels, not "
        "those of a."
    )
    assert findings.describe_augmentation({"b": 1}).endswith("those of b by up to 1 pixel.")
    assert findings.describe_augmentation({"a": 0}) == (
        "No network saw shifted digits in training."
    )


def test_models_trained_on_centered_digits_are_compared() -> None:
    models = [change("weak", 0.9, 0.2), change("strong", 0.9, 0.7)]
    text = findings.describe_centered(models, "moved", 3)
    assert text.startswith(
        "Trained for 3 epochs on centered digits only, moved, strong goes from 90.00% to 70.00% "
        "and weak goes from 90.00% to 20.00%."
    )
    assert "The difference to weak is more than chance" in text
    assert "difference" not in findings.describe_centered(models[:1], "moved", 1)
    assert "for 1 epoch on" in findings.describe_centered(models[:1], "moved", 1)
    assert findings.describe_centered([], "moved", 1) == ""


@pytest.mark.parametrize(
    ("attacked", "verdict"),
    [
        ((0.1, 0.2), "the direction does more harm than the size alone."),
        ((0.1, 0.9), "the direction does more harm than the size alone to a only."),
        ((0.9, 0.9), "the direction does no more harm than a random one."),
        ((0.95, 0.95), "the direction does no more harm than a random one."),
    ],
)
def test_an_attack_is_compared_with_random_changes(
    attacked: tuple[float, float], verdict: str
) -> None:
    aimed = [change(name, 0.95, after) for name, after in zip("ab", attacked, strict=True)]
    text = findings.describe_attack(aimed, [change(name, 0.95, 0.9) for name in "ab"], 0.1)
    assert "Changing each pixel by 0.1" in text
    assert f"a to {attacked[0]:.2%} (random signs: 90.00%)" in text
    assert text.endswith(verdict)


# The analysis


class Threshold:
    """A model that predicts class 1 if the mean of an image is above a threshold."""

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold

    def predict(self, images: np.ndarray, **_: Any) -> np.ndarray:
        bright = images.mean(axis=(1, 2)) > self.threshold
        return np.stack([0.4 + 0.0 * bright, 0.3 + 0.4 * bright, 0.0 * bright], axis=1)


AMOUNTS: dict[str, list[float]] = {
    "shift": [0, 3], "rotation": [0, 30], "scale": [0.5, 1.0], "noise": [0.0, 0.4],
    "perturbation": [0.0, 0.5],
}  # fmt: skip
SETTINGS = SimpleNamespace(
    question="Where?",
    models=["bright", "dark"],
    amounts=AMOUNTS,
    compared={"shift": 3, "rotation": 30, "scale": 0.5, "noise": 0.4, "perturbation": 0.5},
    seed=1,
    centered=SimpleNamespace(models=["bright"], epochs=2),
)


def measure() -> tuple[robustness.Results, dict[str, Any]]:
    models: dict[str, Any] = {"bright": Threshold(100), "dark": Threshold(60)}
    x = np.concatenate([IMAGES, IMAGES // 3])
    images = Split(x, np.repeat([1, 0], 7).astype(np.uint8))
    trained = robustness.measure_distortions(models, images, AMOUNTS, 1)
    signs = np.where(images.y == 1, -1, 1)[:, None, None] * np.ones(x.shape, np.int8)
    for name, model in models.items():
        for kind in robustness.PERTURBATIONS:
            trained[name][kind] = robustness.measure_perturbations(
                model, images, signs, AMOUNTS["perturbation"]
            )
    shifts_only = {"shift": AMOUNTS["shift"]}
    centered = robustness.measure_distortions({"bright": models["bright"]}, images, shifts_only, 1)
    by_model = dict.fromkeys(models, signs)
    return robustness.Results(images, trained, centered, by_model, {"bright": 1, "dark": 0}), models


def test_without_distortion_the_accuracy_is_the_plain_one() -> None:
    results, models = measure()
    for name, model in models.items():
        plain = robustness.classify(model, results.images.x) == results.images.y
        for kind, by_amount in results.trained[name].items():
            for correct in by_amount[NEUTRAL.get(kind, 0.0)]:
                np.testing.assert_array_equal(correct, plain)
        assert results.trained[name]["shift"][3].shape == (4, 14)


def test_the_description_has_all_sentences_and_captions() -> None:
    results, _ = measure()
    described = robustness.describe(SETTINGS, results)
    for part in (
        "Shifted by 3 pixels, ", " centered ", "those of bright by up to 1 pixel",
        "Trained for 2 epochs on centered", "Changing each pixel by 0.5",
    ):  # fmt: skip
        assert part in described["finding"]
    captions = described["captions"]
    assert list(captions) == ["distortions", "adversarial"]
    assert "of the ink out of the image" in captions["distortions"]["summary"]
    for part in ("Rotated by 30 degrees", "Scaled by 0.5", "With noise of"):
        assert part in captions["distortions"]["summary"]


def test_the_results_are_those_of_the_compared_amounts() -> None:
    results, _ = measure()
    summaries = {each.name: each.values for each in robustness.summarize(SETTINGS, results)}
    assert len(summaries) == 2 * 7 + 2
    shifted = results.trained["dark"]["shift"][3]
    assert summaries["dark, shifted by 3 pixels"] == shifted.mean(axis=1).tolist()
    assert len(summaries["dark, rotated by 30 degrees"]) == 2
    assert len(summaries["dark, centered"]) == 1
    table = robustness.tabulate(results)
    assert len(table) == 2 * 6 * 2 + 2
    row = table[(table.model == "dark") & (table.distortion == "shift") & (table.amount == 3)]
    assert row.accuracy.item() == shifted.mean()


def test_the_example_misleads_most_models() -> None:
    def correct(before: list[bool], after: list[bool]) -> robustness.Correct:
        return {"perturbation": {0.0: np.array([before]), 0.1: np.array([after])}}

    measured = {
        "a": correct([True, True, True, True], [True, False, True, False]),
        "b": correct([False, True, True, True], [False, True, False, False]),
    }
    assert robustness.choose_example(measured, 0.1) == 3


def test_the_figures_show_all_models_and_examples() -> None:
    results, models = measure()
    figures = robustness.draw(SETTINGS, results, models)
    (legend,) = figures["distortions"].legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels == ["bright", "dark", "bright, trained on centered digits"]
    images = [len(axes.images) for axes in figures["adversarial"].axes]
    assert images == [0, *[1] * 6]
    attacks = robustness.show_attacks(models, results, 0.5)
    assert [attack.model for attack in attacks] == ["bright", "dark"]
    number = robustness.choose_example(results.trained, 0.5)
    np.testing.assert_array_equal(attacks[0].images[0], results.images.x[number])


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("dataset", "imdb", "dataset: expected one of mnist, fashion_mnist, found 'imdb'"),
        ("models", ["mnist_cnn", "imdb_gru"], "models: expected some of mnist_linear"),
        ("models", ["mnist_cnn", "mnist_lowlevel"], "found 'mnist_lowlevel'"),
        ("models", ["mnist_cnn"], "models: list should have at least 2 items"),
        ("centered", {"models": ["mnist_mlp2"], "epochs": 1}, "centered.models: expected some of"),
        ("amounts.shift", [0, 0.5, 4], "amounts.shift: expected whole pixels"),
        ("amounts.shift", [4, 0], "amounts.shift: expected ascending numbers, one of them 0"),
        ("amounts.scale", [0.5, 0.7], "amounts.scale: expected ascending numbers, one of them 1"),
        ("amounts.perturbation", [0, 0.1, 2], "amounts.perturbation: expected 0 to 1"),
        ("amounts.blur", [0, 1], "analyses.robustness.amounts.blur"),
        ("compared.shift", 4.5, "compared.shift: expected one of `amounts` other than 0"),
        ("compared.shift", 0, "compared.shift: expected one of `amounts` other than 0"),
    ],
)
def test_an_invalid_section_is_refused(key: str, value: Any, message: str) -> None:
    values = read_yaml(ROOT / "params.yaml")
    section = values["analyses"]["robustness"]
    *path, last = key.split(".")
    for part in path:
        section = section[part]
    section[last] = value
    with pytest.raises(ConfigError) as error:
        parse_params(values, "params.yaml")
    assert message in str(error.value)
