"""Build the report page: reports/index.html, one self-contained file."""

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageSequence

from stages.config.load import load_params
from stages.config.schema import Model
from stages.core.cli import exit_on_error
from stages.core.files import atomic_output
from stages.core.paths import REPORTS
from stages.page.captions import Caption, dataset_captions, describe_figure
from stages.page.render import DatasetPage, Figure, ModelPage, render
from stages.page.results import (
    read_baseline,
    read_details,
    read_metrics,
    read_seeds,
    recipe_id,
    results_by_seed,
)

PAGE = REPORTS / "index.html"
MAX_FRAMES = 6  # of an animation on the page; the file beside it has all
PAGE_COLORS = 24  # of a chart or gray image on the page; the file beside it has more
MAX_COLOR_ERROR = 2.5  # mean difference of the pixels, in levels of 255
ALL_FRAMES = {"walk"}  # animations that say nothing if frames are left out


def main() -> None:
    """Read reports/ for the models and datasets of params.yaml and write the page."""
    params = load_params()
    seeds = read_seeds()
    models = []
    for name, model in params.models.items():
        recipe = recipe_id(model, params.datasets.get(model.dataset))
        found = results_by_seed(seeds.get(name, {}), recipe)
        models.append(read_model(REPORTS / name, name, model, other_results(found, model)))
    datasets = [
        read_dataset(REPORTS / "data" / name, name, dataset.module)
        for name, dataset in params.datasets.items()
    ]
    page = render(models, datasets, read_baseline())
    with atomic_output(PAGE) as partial:
        partial.write_text(page, encoding="utf-8")


def other_results(results: Mapping[int, float], config: Any) -> list[float]:
    """The results, by seed, of seeds other than that of the model at hand."""
    return [result for seed, result in results.items() if seed != config.training.seed]


def read_model(
    folder: Path, name: str, config: Model, seed_results: Sequence[float] = ()
) -> ModelPage:
    """Read what the page shows of a model.

    Args:
        folder: reports/<model>.
        name: id of the model.
        config: its section of params.yaml.
        seed_results: its main metric with other seeds.
    """
    details, folds = read_details(folder), read_details(folder / "cross_validation")
    return ModelPage(
        id=name,
        dataset=config.dataset,
        row=config.report.model_dump(),
        details=details,
        metrics=read_metrics(folder),
        figures=read_figures(folder / "plots", read_captions(details)),
        seed_results=seed_results,
        cv_details=folds,
        cv_figures=read_figures(folder / "cross_validation" / "plots", read_captions(folds)),
    )


def read_dataset(folder: Path, name: str, module: str) -> DatasetPage:
    """Read what the page shows of a dataset.

    Args:
        folder: reports/data/<dataset>.
        name: id of the dataset.
        module: that prepared it.
    """
    figures = read_figures(folder / "plots", dataset_captions(module))
    return DatasetPage(name, read_details(folder), figures)


def read_captions(details: Mapping[str, Any]) -> dict[str, Caption]:
    """The captions of an evaluation's figures, with what is concluded of this model."""
    return {
        name: Caption(text["title"], f"{text['reading']} {text['conclusion']}".strip())
        for name, text in details.get("captions", {}).items()
    }


def read_figures(folder: Path, captions: Mapping[str, Caption]) -> dict[str, Figure]:
    """The PNG files of a folder by name; empty if there is no such folder.

    Args:
        folder: where they are.
        captions: by name; figures are in their order, those without a caption last.
    """
    paths = {path.stem: path for path in sorted(folder.glob("*.png"))}
    first = [name for name in captions if name in paths]
    return {
        name: read_figure(paths[name], captions.get(name) or describe_figure(name))
        for name in dict.fromkeys([*first, *paths])
    }


def read_figure(path: Path, caption: Caption) -> Figure:
    """Read a PNG file; of an animation MAX_FRAMES frames, evenly spaced, the last included."""
    content = path.read_bytes()
    with Image.open(io.BytesIO(content)) as image:
        num_frames, (width, height) = getattr(image, "n_frames", 1), image.size
        if num_frames > MAX_FRAMES and path.stem not in ALL_FRAMES:
            from stages.plots.style import encode_animation

            frames = [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(image)]
            chosen = np.linspace(0, num_frames - 1, MAX_FRAMES).astype(int)
            content = encode_animation([frames[number] for number in chosen])
        if num_frames == 1:
            content = compress(content, image)
    url = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    return Figure(url, width, height, num_frames > 1, caption.title, caption.reading)


def compress(content: bytes, image: Image.Image) -> bytes:
    """A PNG file with at most PAGE_COLORS colors, if that looks the same and is smaller.

    Args:
        content: of the file.
        image: the same, decoded.
    """
    original = image.convert("RGB")
    reduced = original.quantize(PAGE_COLORS, dither=Image.Dither.NONE)
    difference = np.asarray(original, float) - np.asarray(reduced.convert("RGB"), float)
    if np.abs(difference).mean() > MAX_COLOR_ERROR:
        return content
    buffer = io.BytesIO()
    reduced.save(buffer, "PNG", optimize=True)
    return min(content, buffer.getvalue(), key=len)


if __name__ == "__main__":
    exit_on_error(main)
