"""Write a model card for each model: reports/cards/<model>.md."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stages.config.load import load_params
from stages.config.schema import Params
from stages.core.cli import exit_on_error
from stages.core.files import atomic_output, read_json
from stages.core.paths import MODELS, REPORTS
from stages.page.cards import find_urls
from stages.page.model_cards import Evidence, render
from stages.page.recipes import make_recipe
from stages.page.render import ModelPage
from stages.page.results import (
    CROSS_VALIDATION,
    other_results,
    read_details,
    read_metrics,
    read_seeds,
    recipe_id,
    results_by_seed,
)

CARDS = REPORTS / "cards"


def main() -> None:
    """Write the cards of all models in params.yaml, and remove those of others."""
    params, seeds = load_params(), read_seeds()
    with atomic_output(CARDS) as partial:
        partial.mkdir()
        for name in params.models:
            card = render(read_evidence(name, params, seeds.get(name, {})))
            (partial / f"{name}.md").write_text(card, encoding="utf-8")


def read_evidence(name: str, params: Params, seeds: Mapping[str, Any]) -> Evidence:
    """Read what the stages wrote about a model.

    Args:
        name: Id of the model.
        params: Content of params.yaml.
        seeds: Entry of reports/seeds.json; may be empty.
    """
    model = params.models[name]
    dataset = params.datasets.get(model.dataset)
    downloads = {key: download.urls for key, download in params.downloads.items()}
    return Evidence(
        page=read_page(name, model, dataset, seeds),
        config=model.model_dump(),
        spec=read_json(MODELS / name / "spec.json"),
        calibration=read_optional(MODELS / name / "calibration.json"),
        folds=params.cross_validation[name].model_dump() if name in params.cross_validation else {},
        report=read_details(REPORTS / "data" / model.dataset),
        dataset=dataset_section(model.dataset, params),
        urls=find_urls(dataset.source, downloads) if dataset else [],
    )


def read_page(name: str, model: Any, dataset: Any, seeds: Mapping[str, Any]) -> ModelPage:
    """Read the results of a model, without figures.

    Args:
        name: Id of the model.
        model: Section of the model in params.yaml.
        dataset: Section of its dataset, None for a synthetic one.
        seeds: Entry of reports/seeds.json; may be empty.
    """
    folder = REPORTS / name
    details = read_details(folder)
    results = results_by_seed(seeds, recipe_id(model, dataset))
    return ModelPage(
        id=name,
        dataset=model.dataset,
        row=model.report.model_dump(),
        details=details,
        metrics=read_metrics(folder),
        figures={},
        seed_results=other_results(results, model),
        cv_details=read_details(folder / CROSS_VALIDATION),
        cv_figures={},
        benchmark={},
        recipe=make_recipe(model, dataset, details),
        course_recipe={},
    )


def dataset_section(dataset: str, params: Params) -> dict[str, Any]:
    """Return the section of params.yaml that a dataset is prepared or generated with."""
    generated: dict[str, Any] = {"dates": params.dates, "digit_rows": params.digit_rows}
    sections: dict[str, Any] = {**params.synthetic, **generated, **params.datasets}
    section: dict[str, Any] = sections[dataset].model_dump()
    return section


def read_optional(path: Path) -> dict[str, Any]:
    """Read a JSON object; empty if the file does not exist."""
    return dict(read_json(path)) if path.exists() else {}


if __name__ == "__main__":
    exit_on_error(main)
