"""Put all results on one self-contained page: reports/index.html."""

import base64
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image, ImageSequence

from stages import params
from stages.cli import run_guarded
from stages.files import flatten, read_json, replacing
from stages.plots.style import encode_animation

REPORTS = Path("reports")
TEMPLATE = "report.html.jinja"
LEADS = {  # the pictures of the gallery, by task; of language, texts
    "autoencoding": ["manifold", "walk"],
    "generation": ["training"],
    "language": [],
    "boundary": ["learning"],
    "point_generation": ["learning"],
    "painting": ["learning"],
}
FRAMES = 8  # of an animation on the page; the file beside it has all


def main() -> None:
    """Render everything under reports/ for the models and datasets of params.yaml."""
    everything = params.load()
    models = [
        describe_model(REPORTS / model, model, row, everything.models[model].task)
        for model, row in everything.report.results.items()
    ]
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
    environment.filters["percent"] = percent
    environment.filters["duration"] = duration
    return environment.get_template(TEMPLATE).render(models=models, datasets=datasets, leads=LEADS)


def describe_model(folder: Path, model: str, row: params.Result, task: str) -> dict[str, Any]:
    """All that the page says of a model."""
    metrics = flatten(read_json(folder / "metrics.json"))
    form = percent if row.metric.endswith("accuracy") else "{:.4g}".format
    value, target = metrics[row.metric], row.target
    reached = target is None or (value >= target if row.better == "higher" else value <= target)
    return {
        "id": model,
        "task": task,
        "title": row.title,
        "metric": row.metric,
        "value": form(value),
        "as_taught": "" if row.as_taught is None else form(row.as_taught),
        "target": "" if target is None else form(target),
        "state": "" if target is None else "reached" if reached else "missed",
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
    return {path.stem: data_url(path) for path in sorted(folder.glob("*.png"))}


def data_url(path: Path) -> str:
    """A PNG file; of an animated one FRAMES at the most, evenly chosen."""
    content = path.read_bytes()
    with Image.open(path) as picture:
        count = getattr(picture, "n_frames", 1)
        if count > FRAMES:
            frames = [np.asarray(each.convert("RGB")) for each in ImageSequence.Iterator(picture)]
            chosen = np.linspace(0, count - 1, FRAMES).astype(int)
            content = encode_animation([frames[number] for number in chosen])
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def percent(share: float) -> str:
    """A share in per cent."""
    return f"{100 * share:.2f} %"


def duration(seconds: float) -> str:
    """Seconds as minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


if __name__ == "__main__":
    run_guarded(main)
