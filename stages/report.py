"""Put all results on one self-contained page: reports/index.html."""

import base64
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from stages import params
from stages.cli import run_guarded
from stages.files import read_json, replacing

REPORTS = Path("reports")
TEMPLATE = "report.html.jinja"


def main() -> None:
    """Render everything under reports/ for the models and datasets of params.yaml."""
    results = params.load().report.results
    models = [describe_model(REPORTS / model, model, row) for model, row in results.items()]
    datasets = [describe_dataset(folder) for folder in sorted((REPORTS / "data").iterdir())]
    with replacing(REPORTS / "index.html") as partial:
        partial.write_text(render(models, datasets), encoding="utf-8")


def render(models: list[dict[str, Any]], datasets: list[dict[str, Any]]) -> str:
    """The page, from what `describe_model` and `describe_dataset` give."""
    environment = Environment(
        loader=PackageLoader("stages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = lambda share: f"{100 * share:.2f} %"
    environment.filters["duration"] = duration
    return environment.get_template(TEMPLATE).render(models=models, datasets=datasets)


def describe_model(folder: Path, model: str, row: params.Result) -> dict[str, Any]:
    """All that the page says of a model."""
    metrics = flatten(read_json(folder / "metrics.json"))
    return {
        "id": model,
        "row": row,
        "value": metrics[row.metric],
        "metrics": metrics,
        "timing": read_json(folder / "timing.json"),
        "pictures": pictures(folder / "plots"),
        "data": {path.stem: read_json(path) for path in (folder / "plots").glob("*.json")},
    }


def describe_dataset(folder: Path) -> dict[str, Any]:
    """All that the page says of a dataset."""
    report = read_json(folder / "report.json")
    return {"id": folder.name, "report": report, "pictures": pictures(folder)}


def pictures(folder: Path) -> dict[str, str]:
    """The pictures of a folder by name, as data: URLs."""
    return {
        path.stem: "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
        for path in sorted(folder.glob("*.png"))
    }


def flatten(values: dict[str, Any], prefix: str = "") -> dict[str, float]:
    """Nested mappings as one with dotted keys, as `dvc metrics` names them."""
    flat: dict[str, float] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def duration(seconds: float) -> str:
    """Seconds as minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


if __name__ == "__main__":
    run_guarded(main)
