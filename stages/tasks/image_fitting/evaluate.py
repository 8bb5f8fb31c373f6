"""Evaluation of a network that fits one image, on training and test pixels."""

import numpy as np
import pandas as pd

from stages.core.splits import SPLITS, Split
from stages.inference.outputs import predict_arrays
from stages.metrics.images import psnr
from stages.plots.images import enlarge
from stages.tasks.image_fitting import captions, plots
from stages.tasks.interface import Evaluation, EvaluationContext

ANIMATION_SIDE = 256  # pixels


def evaluate(context: EvaluationContext) -> Evaluation:
    """Compute the PSNR of training and test pixels, at the end and during training."""
    splits = {name: context.load_split(name) for name in SPLITS}
    images, steps = context.snapshots["images"], context.snapshots["training_step"]
    train, test = (
        psnr(predict_arrays(context.bundle.model, split.x), split.y / 255)
        for split in (splits["train"], splits["test"])
    )
    chart = psnr_by_step(images, steps, {name: splits[name] for name in ("train", "test")})
    return Evaluation(
        metrics={"train": {"psnr": train}, "test": {"psnr": test}},
        chart=chart,
        figures={
            "learning_curves": plots.learning_curves(chart),
            "comparison": plots.comparison(assemble(splits, images[0].shape), images[-1], test),
            "training_outputs": plots.training_outputs(images, steps),
        },
        data={"learning_curves": chart.to_dict("records")},
        animations={"training": [enlarge(image, ANIMATION_SIDE) for image in images]},
        summaries={"learning_curves": captions.summarize(train, test)},
    )


def assemble(splits: dict[str, Split], shape: tuple[int, ...]) -> np.ndarray:
    """Assemble the image from the pixels of all splits: uint8 of `shape`."""
    image = np.zeros(shape, np.uint8)
    for split in splits.values():
        image[split.x[:, 0], split.x[:, 1]] = split.y
    return image


def psnr_by_step(images: np.ndarray, steps: np.ndarray, splits: dict[str, Split]) -> pd.DataFrame:
    """Compute the PSNR of each split in each snapshot.

    Args:
        images: Network outputs, uint8 [snapshots, height, width, 3].
        steps: Training steps [snapshots].
        splits: Pixel coordinates and target colors, by name.

    Returns:
        Columns training_step, psnr, split.
    """
    return pd.DataFrame(
        [
            {
                "training_step": int(step),
                "psnr": round(psnr(image[split.x[:, 0], split.x[:, 1]] / 255, split.y / 255), 3),
                "split": name,
            }
            for name, split in splits.items()
            for step, image in zip(steps, images, strict=True)
        ]
    )
