"""Judge a painter by the pixels that it was not shown."""

import numpy as np
import pandas as pd

from stages.evaluation import Evaluation, Inputs
from stages.networks.painting import colours, psnr
from stages.params import Painting
from stages.tasks.painting import plots


def evaluate(inputs: Inputs, block: Painting) -> Evaluation:
    """Signal-to-noise ratio of test and training pixels; the picture while it emerged."""
    del block  # all that matters is in the model
    painted = inputs.progress["pictures"]
    original = assemble(inputs)
    chart = curve(inputs)
    scores = {
        name: {"psnr": psnr(colours(inputs.model, part.x), part.y)}
        for name, part in inputs.parts.items()
        if name != "validation"
    }
    return Evaluation(
        metrics=scores,
        chart=chart,
        figures={
            "painting": plots.comparison(original, painted[-1], scores["test"]["psnr"]),
            "emerging": plots.emerging(painted, inputs.progress["steps"]),
            "curves": plots.curves(chart),
        },
        data={"curves": chart.to_dict(orient="list")},
        animations={"learning": [enlarge(picture) for picture in painted]},
    )


def assemble(inputs: Inputs) -> np.ndarray:
    """The picture from the pixels of all parts, uint8 [height, width, 3]."""
    picture = np.zeros_like(inputs.progress["pictures"][0])
    for part in inputs.parts.values():
        picture[part.x[:, 0], part.x[:, 1]] = part.y
    return picture


def curve(inputs: Inputs) -> pd.DataFrame:
    """The ratio of the pixels shown and of the test pixels at each moment: step, psnr, pixels."""
    rows: list[dict[str, object]] = []
    for name, label in (("train", "shown"), ("test", "held out")):
        part = inputs.parts[name]
        for step, picture in zip(
            inputs.progress["steps"], inputs.progress["pictures"], strict=True
        ):
            ratio = psnr(picture[part.x[:, 0], part.x[:, 1]] / 255, part.y)
            rows.append({"step": int(step), "psnr": round(ratio, 3), "pixels": label})
    return pd.DataFrame(rows)


def enlarge(picture: np.ndarray) -> np.ndarray:
    """The picture with each pixel repeated, to about 256 pixels wide."""
    times = max(256 // max(picture.shape[:2]), 1)
    return picture.repeat(times, axis=0).repeat(times, axis=1)
