"""What distortions and adversarial examples do to classifiers, in sentences."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import ttest_rel

from stages.studies.findings import SIGNIFICANCE, describe_value, join

CONDITIONS = {
    "shift": "shifted by {:g} pixels",
    "rotation": "rotated by {:g} degrees",
    "scale": "scaled by {:g}",
    "noise": "with noise of standard deviation {:g}",
    "perturbation": "each pixel changed by {:g} with FGSM",
    "random_perturbation": "each pixel changed by {:g} at random",
}


class Change(NamedTuple):
    """How the predictions of a model for the same images change.

    Attributes:
        model: Id of the model.
        before: Whether each image is classified correctly without distortion, bool [n].
        after: The same with distortion, bool [views, n].
    """

    model: str
    before: np.ndarray
    after: np.ndarray

    @property
    def losses(self) -> np.ndarray:
        """Loss of accuracy by image, as a mean over the views, float64 [n]."""
        loss: np.ndarray = self.before - self.after.mean(axis=0)
        return loss

    @property
    def accuracies(self) -> tuple[float, float]:
        """Accuracy before and after."""
        return float(self.before.mean()), float(self.after.mean())


def p_value(first: np.ndarray, second: np.ndarray) -> float:
    """Return the two-sided p-value of the paired t-test over images, values [n] each."""
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        p = float(ttest_rel(first, second).pvalue)
    if np.isnan(p):  # the test is not defined if all differences are equal
        return float(np.array_equal(first, second))
    return p


def describe_condition(kind: str, amount: float) -> str:
    """Describe a distortion in words."""
    return CONDITIONS[kind].format(amount)


def least_affected(changes: Iterable[Change]) -> list[Change]:
    """Sort changes by the loss of accuracy, the smallest first."""
    return sorted(changes, key=lambda change: float(change.losses.mean()))


def compare(changes: Iterable[Change], condition: str) -> str:
    """Return sentences on which model loses least, and whether by more than chance.

    Args:
        changes: Changes of at least two models, for the same images.
        condition: The distortion in words.
    """
    best, second, *others = least_affected(changes)
    values = [
        f"{change.model} from {describe_value(before, True)} to {describe_value(after, True)}"
        for change in (best, second, *others)
        for before, after in [change.accuracies]
    ]
    return (
        f"{condition[0].upper()}{condition[1:]}, {best.model} loses least: accuracy goes with "
        f"{join(values)}. {describe_difference(best, second)}"
    )


def describe_difference(best: Change, second: Change) -> str:
    """Return a sentence on whether one model loses less than another by more than chance."""
    p = p_value(best.losses, second.losses)
    verdict = "more than chance" if p < SIGNIFICANCE else "not more than chance"
    shown = "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
    return (
        f"The difference to {second.model} is {verdict} (paired t-test over {len(best.before):,} "
        f"images, {shown})."
    )


def compare_briefly(changes: Iterable[Change], condition: str) -> str:
    """Return a sentence on what each model loses, the least first; see `compare`."""
    ranked = least_affected(changes)
    best, second, *_ = ranked
    losses = [f"{100 * float(change.losses.mean()):.1f} with {change.model}" for change in ranked]
    text = f"{condition[0].upper()}{condition[1:]}, the loss in percentage points is {join(losses)}"
    if p_value(best.losses, second.losses) < SIGNIFICANCE:
        return f"{text}."
    return f"{text}; the first two do not differ by more than chance."


def check_invariance(change: Change, condition: str) -> str:
    """Return a sentence on whether a model is invariant to a distortion.

    Args:
        change: Change of the least affected model.
        condition: The distortion in words.
    """
    number = len(change.before)
    errors = number - int(change.before.sum())
    errors_after = number * (1 - change.accuracies[1])
    if p_value(change.losses, np.zeros(number)) >= SIGNIFICANCE:
        return (
            f"{change.model} finds the digits {condition} as well as centered ones: its accuracy "
            "does not change by more than chance."
        )
    if errors_after < errors:
        return f"{change.model} even makes fewer errors {condition} than on centered digits."
    return (
        f"Even {change.model} does not find a digit wherever it is: {condition}, it makes "
        f"{errors_after:,.0f} errors in {number:,} images instead of {errors:,}."
    )


def describe_augmentation(shifts: Mapping[str, int]) -> str:
    """Return a sentence on which models saw shifted digits in training.

    Args:
        shifts: Largest shift of the training images in pixels, by model.
    """
    shifted = [f"{name} by up to {shift}" for name, shift in shifts.items() if shift]
    if not shifted:
        return "No network saw shifted digits in training."
    unit = "pixel" if max(shifts.values()) == 1 else "pixels"
    others = [name for name, shift in shifts.items() if not shift]
    without = f", not those of {join(others)}" if others else ""
    return f"In training, images were shifted: those of {join(shifted)} {unit}{without}."


def describe_attack(attacked: Sequence[Change], at_random: Sequence[Change], epsilon: float) -> str:
    """Return a sentence on what adversarial and random perturbations of equal size do.

    Args:
        attacked: Changes by FGSM.
        at_random: Changes by random signs, of the same models.
        epsilon: Size of both.
    """
    pairs = list(zip(attacked, at_random, strict=True))
    values = [
        f"{aimed.model} to {describe_value(aimed.accuracies[1], True)} (random signs: "
        f"{describe_value(unaimed.accuracies[1], True)})"
        for aimed, unaimed in pairs
    ]
    fooled = [
        aimed.model
        for aimed, unaimed in pairs
        if aimed.losses.mean() > unaimed.losses.mean()
        and p_value(aimed.losses, unaimed.losses) < SIGNIFICANCE
    ]
    if len(fooled) == len(attacked):
        verdict = "the direction does more harm than the size alone"
    elif fooled:
        verdict = f"the direction does more harm than the size alone to {join(fooled)} only"
    else:
        verdict = "the direction does no more harm than a random one"
    return (
        f"Changing each pixel by {epsilon:g} in the direction of the gradient's sign (FGSM) takes "
        f"the accuracy of {join(values)}: {verdict}."
    )


def describe_centered(changes: Sequence[Change], condition: str, epochs: int) -> str:
    """Return sentences on what models lose that were trained on centered digits only.

    Args:
        changes: Changes of these models; may be empty.
        condition: The distortion in words.
        epochs: Number of epochs that they were trained.
    """
    if not changes:
        return ""
    values = [
        f"{change.model} goes from {describe_value(before, True)} to {describe_value(after, True)}"
        for change in least_affected(changes)
        for before, after in [change.accuracies]
    ]
    during = "1 epoch" if epochs == 1 else f"{epochs} epochs"
    text = f"Trained for {during} on centered digits only, {condition}, {join(values)}."
    if len(changes) == 1:
        return text
    best, second, *_ = least_affected(changes)
    return f"{text} {describe_difference(best, second)}"
