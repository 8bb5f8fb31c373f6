"""Draw activation functions and their slopes, and measure what passes through many layers.

Writes reports/studies/activations/.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from stages.config.load import load_params
from stages.core.cli import exit_on_error
from stages.studies.findings import Summary, join

INPUTS = np.linspace(-6, 6, 481).astype(np.float32)
Curves = Mapping[str, tuple[np.ndarray, np.ndarray]]  # outputs and slopes [n] by activation


def main() -> None:
    """Run the analysis of params.yaml."""
    config = load_params().analyses.activations
    from stages.analyses.output import write_analysis
    from stages.analyses.slopes import measure_gradients, measure_slope
    from stages.plots.activations import plot_activations, plot_gradients, plot_neurons
    from stages.plots.style import figure_style

    curves: Curves = {name: measure_slope(name, INPUTS) for name in config.activations}
    gradients: Mapping[str, np.ndarray] = {
        name: np.stack(
            [
                measure_gradients(name, config.hidden_layers, config.units, seed)
                for seed in config.seeds
            ]
        )
        for name in config.activations
    }
    summaries = summarize(gradients)
    passed_on = describe_gradients(summaries, config.hidden_layers)
    description = {
        "question": config.question,
        "finding": f"{describe_slopes(curves)} {passed_on}",
        "models": [],
        "metric": "gradient_passed_on",
    }
    with figure_style():
        figures = {
            "curves": plot_activations(INPUTS, curves),
            "gradients": plot_gradients(gradients),
            "neurons": plot_neurons(INPUTS, lambda x: measure_slope("sigmoid", x)[0]),
        }
        write_analysis(
            "activations", description, summaries, make_table(gradients, config.seeds), figures
        )


def summarize(gradients: Mapping[str, np.ndarray]) -> list[Summary]:
    """Return the gradient in the first layer as a fraction of that in the output layer.

    Args:
        gradients: Mean norm by seed and layer, [seeds, layers], by activation.
    """
    return [
        Summary(name, [float(first / last) for first, last in norms[:, [0, -1]]], 0)
        for name, norms in gradients.items()
    ]


def make_table(gradients: Mapping[str, np.ndarray], seeds: list[int]) -> pd.DataFrame:
    """Return all norms, a row each: variant, seed, layer, gradient_norm."""
    return pd.DataFrame(
        [
            {"variant": name, "seed": seed, "layer": layer + 1, "gradient_norm": norm}
            for name, norms in gradients.items()
            for seed, by_layer in zip(seeds, norms.tolist(), strict=True)
            for layer, norm in enumerate(by_layer)
        ]
    )


def describe_slopes(curves: Curves) -> str:
    """Return sentences on the slopes: where there are none, and how steep the others get."""
    steepest = {name: float(slopes.max()) for name, (_, slopes) in curves.items()}
    flat = [name for name, slope in steepest.items() if slope == 0]
    sentences = []
    if flat:
        have = "has" if len(flat) == 1 else "have"
        sentences.append(f"{join(flat)} {have} no slope to learn from.".capitalize())
    by_slope: dict[str, list[str]] = {}
    for name, slope in steepest.items():
        if name not in flat:
            by_slope.setdefault(f"{slope:.2f}", []).append(name)
    if by_slope:
        texts = [
            f"{slope} ({join(names)})"
            for slope, names in sorted(by_slope.items(), key=lambda item: float(item[0]))
        ]
        sentences.append(
            f"The slope of the others is at most {join(texts)}."
            if flat
            else f"The slope is at most {join(texts)}."
        )
    return " ".join(sentences)


def describe_gradients(summaries: list[Summary], hidden_layers: int) -> str:
    """Return a sentence on the activations that pass on the most and the least gradient.

    Args:
        summaries: Fraction that reaches the first layer, by activation; zeros are left out.
        hidden_layers: Number of hidden layers.
    """
    text = f"Through {hidden_layers} layers of a random network,"
    some = sorted((each for each in summaries if each.mean > 0), key=lambda each: each.mean)
    if not some:
        return f"{text} no gradient is passed on."
    least, most = some[0], some[-1]
    text = f"{text} {most.name} passes on {describe_fraction(most.mean)} of the gradient"
    if least is most:
        return f"{text}."
    return f"{text}, {least.name} {describe_fraction(least.mean)}."


def describe_fraction(fraction: float) -> str:
    """Return a fraction as a percentage, or as one part in many, with two digits."""
    if fraction >= 0.01:
        return f"{fraction:.0%}"
    return f"1 part in {float(f'{1 / fraction:.2g}'):,.0f}"


if __name__ == "__main__":
    exit_on_error(main)
