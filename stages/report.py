"""Build the report page: reports/index.html, one self-contained file.

Encoded images are kept in reports/.webp/ on this machine, so that the next page encodes new ones.
"""

import csv
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from PIL import Image, ImageSequence

from stages.config.load import load_params
from stages.config.schema import Model, Params
from stages.core.cli import exit_on_error
from stages.core.files import atomic_output, read_json
from stages.core.paths import MODELS, REPORTS
from stages.page import captions, inside
from stages.page.captions import Caption, dataset_captions, describe_figure
from stages.page.cards import find_urls
from stages.page.competitors import Network, chart_records, describe_chart, present
from stages.page.exports import read_export
from stages.page.inside import DrawnDigits, Inside
from stages.page.media import (
    arrange_frames,
    compress,
    kept_url,
    remove_unused,
    svg_to_url,
    thin_out,
)
from stages.page.recipes import make_recipe
from stages.page.render import (
    Animation,
    Charts,
    DatasetPage,
    Figure,
    ModelPage,
    StudyPage,
    count_test_examples,
    error_records,
    group_by_dataset,
    render,
)
from stages.page.results import (
    ANOMALY_DETECTION,
    CROSS_VALIDATION,
    other_results,
    read_baseline,
    read_benchmarks,
    read_competition,
    read_course_recipes,
    read_details,
    read_metrics,
    read_seeds,
    recipe_id,
    results_by_seed,
)
from stages.page.vega import (
    Spec,
    accuracy_by_method,
    draw,
    error_by_time,
    evaluation_charts,
    javascript,
)

PAGE = REPORTS / "index.html"
ENCODED = REPORTS / ".webp"
TEMPLATES = Path("stages/page/charts")


def main() -> None:
    """Read the reports of all models and datasets in params.yaml and write the page."""
    params = load_params()
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # fills ENCODED
        list(pool.map(encode_figure, sorted(REPORTS.rglob("plots/*.png"))))
    templates = {path.stem: read_json(path) for path in TEMPLATES.glob("*.json")}
    seeds, benchmarks, course_recipes = read_seeds(), read_benchmarks(), read_course_recipes()
    models = []
    for name, model in params.models.items():
        dataset = params.datasets.get(model.dataset)
        results = results_by_seed(seeds.get(name, {}), recipe_id(model, dataset))
        page = read_model(REPORTS / name, name, model, templates, dataset)
        models.append(
            page._replace(
                seed_results=other_results(results, model),
                benchmark=benchmarks.get(name, {}),
                course_recipe=course_recipes.get(name, {}),
            )
        )
    baseline = read_baseline()
    time_charts = make_time_charts(models, baseline.get("models", {}))
    datasets = read_datasets(params)
    content = render(
        models,
        datasets,
        baseline,
        Charts(time_charts, compress(javascript())),
        [read_study(name) for name in [*params.studies, *dict(params.analyses), *params.transfer]],
        competitions=make_competitions(models, datasets),
        exported=read_export(params.export.models),
        drawn_digits=read_drawn_digits(REPORTS / "drawn_digits"),
        inside=read_inside(params.look_inside.models),
    )
    with atomic_output(PAGE) as partial:
        partial.write_text(content, encoding="utf-8")
    remove_unused(ENCODED)


def make_time_charts(models: Sequence[ModelPage], records: Mapping[str, Any]) -> dict[str, Figure]:
    """Draw the error of classifiers against their training time, by dataset.

    Args:
        models: All models.
        records: `models` of the baseline.
    """
    charts = {}
    for dataset, members in group_by_dataset(models).items():
        timed = error_records(members, records)
        if len(timed) > 1:
            spec = error_by_time(timed, "test error")
            svg, width, height = draw(spec)
            title = captions.describe_dataset(dataset).title
            charts[dataset] = Figure(
                svg_to_url(svg), width, height, title, captions.describe_times(timed), chart=spec
            )
    return charts


def make_competitions(
    models: Sequence[ModelPage], datasets: Sequence[DatasetPage]
) -> list[dict[str, Any]]:
    """Compare the classical methods of each dataset with its networks, and draw them.

    Args:
        models: All models.
        datasets: All datasets.
    """
    found = []
    for dataset in datasets:
        competition, size = read_competition(dataset.id), count_test_examples(dataset.report)
        if competition is None or size is None:
            continue
        networks = {
            model.id: Network(model.id, model.row["title"], model.metrics)
            for model in models
            if model.dataset == dataset.id and "test.accuracy" in model.metrics
        }
        title = captions.describe_dataset(dataset.id).title
        shown = present(competition, networks, size, title)
        if shown:
            rows = shown["rows"]
            spec = accuracy_by_method(chart_records(rows), f"accuracy, {shown['protocol']}")
            svg, width, height = draw(spec)
            description = describe_chart(rows)
            figure = Figure(svg_to_url(svg), width, height, title, description, chart=spec)
            found.append({**shown, "figure": figure})
    return found


def read_model(
    folder: Path, name: str, config: Model, templates: Mapping[str, Spec], dataset: Any = None
) -> ModelPage:
    """Read the reports of a model for the page.

    Args:
        folder: Path of reports/<model>.
        name: Id of the model.
        config: Section of the model in params.yaml.
        templates: Templates of `dvc plots` by name.
        dataset: Section of its dataset, None for a synthetic one.
    """
    details, folds = read_details(folder), read_details(folder / CROSS_VALIDATION)
    history = read_rows(MODELS / name / "history.csv")
    charts = evaluation_charts(details, history, read_rows(folder / "chart.csv"), templates)
    fold_charts = evaluation_charts(folds, [], [], templates)
    anomalies = folder / ANOMALY_DETECTION
    return ModelPage(
        id=name,
        dataset=config.dataset,
        row=config.report.model_dump(),
        details=details,
        metrics=read_metrics(folder),
        figures=read_figures(folder / "plots", read_captions(details), charts)
        | read_figures(anomalies / "plots", read_captions(read_details(anomalies)), {}),
        seed_results=[],
        cv_details=folds,
        cv_figures=read_figures(
            folder / CROSS_VALIDATION / "plots", read_captions(folds), fold_charts
        ),
        benchmark={},
        recipe=make_recipe(config, dataset, details),
        course_recipe={},
        exploration_figures=read_figures(
            folder / "exploration" / "plots",
            read_captions(read_details(folder / "exploration")),
            {},
        ),
    )


def read_study(name: str) -> StudyPage:
    """Read the report of a study or analysis for the page.

    Args:
        name: Id of the study or analysis.
    """
    folder = REPORTS / "studies" / name
    details = read_details(folder)
    figures = read_figures(folder / "plots", read_captions(details), {})
    if "captions" not in details:  # a single figure, of what the text above it says
        title, description = details["question"], details["finding"]
        figures = {
            key: figure._replace(title=title, description=description)
            for key, figure in figures.items()
        }
    return StudyPage(name, details, list(figures.values()))


def read_drawn_digits(folder: Path) -> DrawnDigits | None:
    """Read the answers for drawn digits; None if the stage did not run.

    Args:
        folder: Path of reports/drawn_digits.
    """
    details = read_details(folder)
    if not details:
        return None
    figures = read_figures(folder / "plots", {"answers": inside.ANSWERS}, {})
    return DrawnDigits(details, read_json(folder / "metrics.json"), list(figures.values()))


def read_inside(models: Iterable[str]) -> Inside | None:
    """Read the explanations of the answers of models; None if no stage ran."""
    sections = []
    for model in models:
        folder = REPORTS / "look_inside" / model
        section = read_details(folder)
        if not section:
            continue
        figures = [
            read_figure(
                folder / "plots" / f"{each['name']}.png",
                Caption(each["title"], each["description"]),
                None,
            )
            for each in section["figures"]
        ]
        sections.append(inside.present(model, section, figures))
    return Inside(sections[0]["split"], sections) if sections else None


def read_datasets(params: Params) -> list[DatasetPage]:
    """Read the data reports of all datasets; synthetic ones, which have none, are last."""
    urls = {name: download.urls for name, download in params.downloads.items()}
    prepared = [
        read_dataset(REPORTS / "data" / name, name, dataset.module)._replace(
            config=dataset.model_dump(), urls=find_urls(dataset.source, urls)
        )
        for name, dataset in params.datasets.items()
    ]
    generated = {"dates": params.dates, "digit_rows": params.digit_rows, **params.synthetic}
    synthetic = [
        DatasetPage(name, {}, {}, config=dataset.model_dump())
        for name, dataset in generated.items()
    ]
    return prepared + synthetic


def read_dataset(folder: Path, name: str, module: str) -> DatasetPage:
    """Read the data report of a dataset for the page.

    Args:
        folder: Path of reports/data/<dataset>.
        name: Id of the dataset.
        module: Name of the module in stages/datasets that prepared it.
    """
    figures = read_figures(folder / "plots", dataset_captions(module), {})
    return DatasetPage(name, read_details(folder), figures)


def read_captions(details: Mapping[str, Any]) -> dict[str, Caption]:
    """Return the captions of an evaluation's figures, including what they show of this model."""
    return {
        name: Caption(text["title"], f"{text['description']} {text['summary']}".strip())
        for name, text in details.get("captions", {}).items()
    }


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read a CSV file; empty if it does not exist."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_figures(
    folder: Path, captions: Mapping[str, Caption], charts: Mapping[str, Spec]
) -> dict[str, Figure]:
    """Read the PNG files of a folder, by name; empty if the folder does not exist.

    Args:
        folder: Folder of the files.
        captions: Captions by name. Figures are in this order, those without a caption last.
        charts: Interactive charts by name, which replace the image on a screen.
    """
    paths = {path.stem: path for path in sorted(folder.glob("*.png"))}
    first = [name for name in captions if name in paths]
    return {
        name: read_figure(
            paths[name], captions.get(name) or describe_figure(name), charts.get(name)
        )
        for name in dict.fromkeys([*first, *paths])
    }


def read_figure(path: Path, caption: Caption, chart: Spec | None) -> Figure:
    """Read a PNG file as a figure with a caption and an interactive chart, if there is one."""
    figure = encode_figure(path)
    return figure._replace(title=caption.title, description=caption.description, chart=chart)


def encode_figure(path: Path) -> Figure:
    """Encode a PNG file; of an animation, the last frame and a grid of frames."""
    with Image.open(path) as image:
        frames = thin_out([frame.convert("RGB") for frame in ImageSequence.Iterator(image)])
    width, height = frames[-1].size
    animation = None
    if len(frames) > 1:
        grid, columns = arrange_frames(frames)
        animation = Animation(kept_url(grid, ENCODED), len(frames), columns)
    return Figure(kept_url(frames[-1], ENCODED), width, height, "", "", animation)


if __name__ == "__main__":
    exit_on_error(main)
