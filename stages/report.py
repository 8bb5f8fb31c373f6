"""Build the report page: reports/index.html, one self-contained file."""

import base64
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageSequence

from stages.config.load import load_params
from stages.config.schema import Model, Params
from stages.core.cli import exit_on_error
from stages.core.files import atomic_output
from stages.core.paths import REPORTS
from stages.page.captions import Caption, dataset_captions, describe_figure
from stages.page.cards import find_urls
from stages.page.render import DatasetPage, Figure, ModelPage, render
from stages.page.results import (
    read_baseline,
    read_benchmarks,
    read_details,
    read_metrics,
    read_seeds,
    recipe_id,
    results_by_seed,
)

PAGE = REPORTS / "index.html"
MAX_FRAMES = 6  # of an animation on the page; its file has all frames
PAGE_COLORS = 24  # of a chart or grayscale image on the page; its file has all colors
MAX_COLOR_ERROR = 2.5  # mean absolute difference of the pixels, 0 to 255
ALL_FRAMES = {"walk"}  # animations that need all frames


def main() -> None:
    """Read the reports of all models and datasets in params.yaml and write the page."""
    params = load_params()
    seeds, benchmarks = read_seeds(), read_benchmarks()
    models = []
    for name, model in params.models.items():
        recipe = recipe_id(model, params.datasets.get(model.dataset))
        results = results_by_seed(seeds.get(name, {}), recipe)
        with_others = read_model(REPORTS / name, name, model)._replace(
            seed_results=other_results(results, model), benchmark=benchmarks.get(name, {})
        )
        models.append(with_others)
    page = render(models, read_datasets(params), read_baseline())
    with atomic_output(PAGE) as partial:
        partial.write_text(page, encoding="utf-8")


def other_results(results: Mapping[int, float], config: Any) -> list[float]:
    """Return the results with seeds other than that of the model.

    Args:
        results: Results by seed.
        config: Section of the model in params.yaml.
    """
    return [result for seed, result in results.items() if seed != config.training.seed]


def read_model(folder: Path, name: str, config: Model) -> ModelPage:
    """Read the reports of a model for the page.

    Args:
        folder: Path of reports/<model>.
        name: Id of the model.
        config: Section of the model in params.yaml.
    """
    details, folds = read_details(folder), read_details(folder / "cross_validation")
    return ModelPage(
        id=name,
        dataset=config.dataset,
        row=config.report.model_dump(),
        details=details,
        metrics=read_metrics(folder),
        figures=read_figures(folder / "plots", read_captions(details)),
        seed_results=[],
        cv_details=folds,
        cv_figures=read_figures(folder / "cross_validation" / "plots", read_captions(folds)),
        benchmark={},
    )


def read_datasets(params: Params) -> list[DatasetPage]:
    """Read the data reports of all datasets; synthetic ones, which have none, are last."""
    urls = {name: download.urls for name, download in params.downloads.items()}
    prepared = [
        read_dataset(REPORTS / "data" / name, name, dataset.module)._replace(
            config=dataset.model_dump(), urls=find_urls(dataset.source, urls)
        )
        for name, dataset in params.datasets.items()
    ]
    synthetic = [
        DatasetPage(name, {}, {}, config=dataset.model_dump())
        for name, dataset in params.synthetic.items()
    ]
    return prepared + synthetic


def read_dataset(folder: Path, name: str, module: str) -> DatasetPage:
    """Read the data report of a dataset for the page.

    Args:
        folder: Path of reports/data/<dataset>.
        name: Id of the dataset.
        module: Name of the module in stages/datasets that prepared it.
    """
    figures = read_figures(folder / "plots", dataset_captions(module))
    return DatasetPage(name, read_details(folder), figures)


def read_captions(details: Mapping[str, Any]) -> dict[str, Caption]:
    """Return the captions of an evaluation's figures, including what they show of this model."""
    return {
        name: Caption(text["title"], f"{text['description']} {text['summary']}".strip())
        for name, text in details.get("captions", {}).items()
    }


def read_figures(folder: Path, captions: Mapping[str, Caption]) -> dict[str, Figure]:
    """Read the PNG files of a folder, by name; empty if the folder does not exist.

    Args:
        folder: Folder of the files.
        captions: Captions by name. Figures are in this order, those without a caption last.
    """
    paths = {path.stem: path for path in sorted(folder.glob("*.png"))}
    first = [name for name in captions if name in paths]
    return {
        name: read_figure(paths[name], captions.get(name) or describe_figure(name))
        for name in dict.fromkeys([*first, *paths])
    }


def read_figure(path: Path, caption: Caption) -> Figure:
    """Read a PNG file; of an animation, MAX_FRAMES evenly spaced frames including the last."""
    content = path.read_bytes()
    with Image.open(io.BytesIO(content)) as image:
        num_frames, (width, height) = getattr(image, "n_frames", 1), image.size
        if num_frames > MAX_FRAMES and path.stem not in ALL_FRAMES:
            from stages.plots.style import encode_animation

            frames = [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(image)]
            indices = np.linspace(0, num_frames - 1, MAX_FRAMES).astype(int)
            content = encode_animation([frames[index] for index in indices])
        if num_frames == 1:
            content = compress(content, image)
    url = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    return Figure(url, width, height, num_frames > 1, caption.title, caption.description)


def compress(content: bytes, image: Image.Image) -> bytes:
    """Reduce a PNG file to PAGE_COLORS colors if it looks the same and becomes smaller.

    Args:
        content: Content of the file.
        image: Decoded image.
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
