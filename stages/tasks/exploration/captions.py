"""Captions of the figures of an exploration."""

from collections.abc import Mapping

from stages.tasks.exploration.arithmetic import MIN_CHANGE
from stages.tasks.interface import Caption

CAPTIONS = {
    "inversion": Caption(
        "Noise vectors of given images",
        "Top: test images; middle: the nearest of 2,000 generated images; bottom: generated from "
        "noise found by gradient descent through the generator, from several starting points.",
    ),
    "attributes": Caption(
        "Moving along a direction of the noise space",
        "The direction is the mean noise of thick (slanted, wide) images minus that of thin "
        "(upright, narrow) ones; the column at 0 is the original.",
    ),
    "success": Caption(
        "Success rate by length of the added vector",
        "Short vectors change the attribute too little, long ones change the class, too.",
    ),
    "arithmetic": Caption(
        "Vector arithmetic between classes",
        "Mean noise of images of one digit high in the attribute, minus that of low ones, plus "
        "that of low ones of another digit; the result should be that digit, high in the "
        "attribute.",
    ),
}


def summarize_inversion(metrics: Mapping[str, float], count: int) -> str:
    """Return the pixel errors and the classes before and after gradient descent."""
    return (
        f"For {count} test images, the peak signal-to-noise ratio rises from "
        f"{metrics['psnr_start']:.1f} dB to {metrics['psnr']:.1f} dB, and the images recognized as "
        f"the same digit from {metrics['same_class_start']:.0%} to {metrics['same_class']:.0%}."
    )


def summarize_attributes(rates: Mapping[str, Mapping[str, float]]) -> str:
    """Return the success rate of each direction, and that of a random direction."""
    parts = [
        f"{name} {rate['success_rate']:.0%} (random direction {rate['random_success_rate']:.0%})"
        for name, rate in rates.items()
    ]
    return (
        f"Success, over other images and both signs, means at least {MIN_CHANGE:g} standard "
        f"deviations of change as wanted and the same predicted digit: {', '.join(parts)}."
    )


def summarize_arithmetic(rates: Mapping[str, Mapping[str, float]], num_pairs: int) -> str:
    """Return the success rate of vector arithmetic over all pairs of classes."""
    parts = [f"{name} {rate['arithmetic_success_rate']:.0%}" for name, rate in rates.items()]
    return f"Success over all {num_pairs} pairs of digits: {', '.join(parts)}."
