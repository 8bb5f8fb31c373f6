"""Look inside a trained network: reports/look_inside/<model>/.

For examples of a split that params.yaml names: what each part of an image, each word of a review
and each column of a table did to the answer; besides, feature maps, kernels and weights.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from stages.config.load import get_section, load_params
from stages.core import cli
from stages.core.errors import ConfigError
from stages.core.files import atomic_output, write_json
from stages.core.paths import MODELS, REPORTS
from stages.core.splits import Split, load_raw, load_split
from stages.inference.bundle import Bundle, load_bundle
from stages.inference.explain.captions import CAPTIONS
from stages.inference.explain.present import (
    Explanation,
    choose_background,
    explain_images,
    explain_row,
    explain_text,
)
from stages.plots.full_color import save_full_color
from stages.plots.style import figure_style

DECIMALS = 4  # of stored effects


def main(model: str) -> None:
    """Explain the answers of `model` for the examples that params.yaml names."""
    config = load_params().look_inside
    examples = get_section(config.models, model, "explained model").examples
    bundle = load_bundle(MODELS / model)
    split = choose(load_split(bundle.spec["dataset"], config.split), examples, model)
    folder = REPORTS / "look_inside" / model
    with figure_style(), atomic_output(folder / "plots") as plots:
        plots.mkdir()
        explained = explain(bundle, split, examples, config)
        figures = list_figures(explained)
        for kind, figure in figures:
            save_full_color(figure, plots / f"{kind}.png")
    section = describe(bundle, examples, split, explained)
    write_json(folder / "details.json", [{"split": config.split, **section}], None)
    print(f"{model}: {len(examples)} examples, {len(figures)} figures")


def choose(split: Split, examples: Sequence[int], model: str) -> Split:
    """Return the examples of a split.

    Raises:
        ConfigError: If one does not exist.
    """
    if max(examples) >= len(split.y):
        raise ConfigError(
            f"look_inside.models.{model}.examples: expected numbers from 0 to {len(split.y) - 1}, "
            f"found {max(examples)}"
        )
    return split.take(np.array(examples))


def explain(
    bundle: Bundle, split: Split, examples: Sequence[int], config: Any
) -> list[Explanation]:
    """Explain the answers of a model for examples.

    Args:
        bundle: Classifier.
        split: The examples.
        examples: Their numbers in the split.
        config: Section `look_inside` of params.yaml.
    """
    kind, dataset = bundle.spec["input"]["type"], bundle.spec["dataset"]
    if kind == "image":
        return explain_images(bundle, split.x, config.integration_steps, config.occluded_side)
    if kind == "text":
        raw = load_raw(dataset, config.split, examples)
        vocabulary = bundle.spec["input"]["vocabulary"]
        texts = [each["text"] for each in raw] or [
            " ".join(vocabulary[token] for token in tokens if token) for tokens in split.x
        ]
        return [explain_text(bundle, text) for text in texts]
    background = choose_background(load_split(dataset, "train").x, config.background, config.seed)
    return [
        explain_row(bundle, row, background, config.permutations, config.seed) for row in split.x
    ]


def list_figures(explained: Sequence[Explanation]) -> list[tuple[str, Any]]:
    """Return all figures of a model; the name is the kind, with a number after the first one."""
    return [
        (kind if not number else f"{kind}_{number + 1}", figure)
        for number, each in enumerate(explained)
        for kind, figure in each.figures.items()
    ]


def describe(
    bundle: Bundle, examples: Sequence[int], split: Split, explained: Sequence[Explanation]
) -> dict[str, Any]:
    """Return what the page says of a model: its figures, and its answer for each example."""
    classes = bundle.spec["classes"]
    kinds = [kind for kind, _ in list_figures(explained)]
    return {
        "type": bundle.spec["input"]["type"],
        "figures": [{"name": kind, **CAPTIONS[kind.partition("_")[0]]._asdict()} for kind in kinds],
        "caption": CAPTIONS["words"]._asdict(),
        "examples": [
            {
                "example": example,
                "label": classes[int(label)],
                "answer": each.answer,
                "probability": round(each.probability, DECIMALS),
                "words": [
                    [piece, None if effect is None else round(effect, DECIMALS)]
                    for piece, effect in each.words
                ],
            }
            for example, label, each in zip(examples, split.y, explained, strict=True)
        ],
    }


if __name__ == "__main__":
    cli.run(main, "model")
