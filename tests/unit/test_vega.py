import base64
import copy
import csv
import gzip
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import vl_convert
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from stages.core.files import read_json
from stages.page import media, vega
from stages.page.results import read_details

ROOT = Path(__file__).parents[2]
TEMPLATES = {path.stem: read_json(path) for path in ROOT.glob("stages/page/charts/*.json")}
BINS = [
    {"confidence": 0.6, "accuracy": 0.5, "low": 0.3, "high": 0.7, "examples": 12},
    {"confidence": 0.9, "accuracy": 1.0, "low": 0.8, "high": 1.0, "examples": 900},
]
CURVES: dict[str, Any] = {
    "roc": {"false_positive_rate": [0, 1], "true_positive_rate": [0, 1], "threshold": [1, 0]},
    "precision_recall": {"recall": [1, 0], "precision": [0.4, 1], "threshold": [0, 1]},
    "error_rates": {
        "threshold": [0, 1],
        "false_positive_rate": [1, 0],
        "false_negative_rate": [0, 0.75],
    },
    "prevalence": 0.4,
}
POINTS = [{"threshold": 0.5, "false_positive_rate": 0.1, "false_negative_rate": 0.2}]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def values(spec: Any) -> list[Any]:
    """Return all inline values of a specification."""
    if isinstance(spec, list):
        return [value for part in spec for value in values(part)]
    if not isinstance(spec, dict):
        return []
    own = spec.get("data", {}).get("values", []) if isinstance(spec.get("data"), dict) else []
    return [*own, *(value for key, part in spec.items() if key != "data" for value in values(part))]


@pytest.mark.parametrize(
    "model", ["mnist_cnn", "masses_mlp", "fashion_vae", "fashion_gan", "alice_charrnn", "toy_xor"]
)
def test_charts_of_committed_reports_compile(model: str) -> None:
    folder = ROOT / "reports" / model
    history = rows(ROOT / "models" / model / "history.csv")
    charts = vega.evaluation_charts(
        read_details(folder), history, rows(folder / "chart.csv"), TEMPLATES
    )
    assert "learning_curves" in charts
    figures = {path.stem for path in folder.glob("plots/*.png")}
    assert charts.keys() <= figures  # each replaces an image
    for spec in charts.values():
        compiled = vl_convert.vegalite_to_vega(spec)
        assert compiled["marks"]
        assert "<DVC" not in json.dumps(spec)


def test_a_template_is_filled_and_not_changed() -> None:
    template = copy.deepcopy(TEMPLATES["classification"])
    record = {"actual": "7", "predicted": "2", "count": 5}
    spec = vega.fill_template(template, [record])
    assert spec["data"]["values"] == [{"rev": "", "actual": 7, "predicted": 2, "count": 5}]
    assert template == TEMPLATES["classification"]
    assert "facet" not in spec  # by revision alone
    assert {"width", "layer"} <= spec.keys()
    assert "title" not in spec


def test_numbers_are_rounded_and_text_is_kept() -> None:
    record = {
        "loss": "0.123456789",
        "epoch": "12",
        "class": "T-shirt",
        "empty": "",
        "n": 3,
        "name": "nan",
    }
    rounded = {
        "loss": 0.12346,
        "epoch": 12.0,
        "class": "T-shirt",
        "empty": "",
        "n": 3.0,
        "name": "nan",
    }
    assert vega.shorten(record) == rounded


def test_other_facets_than_revisions_are_kept() -> None:
    spec = vega.fill_template(TEMPLATES["history"], [{"epoch": 1, "loss": 2.0}])
    assert spec["facet"]["field"] == "panel"
    assert spec["columns"] == vega.COLUMNS


def test_a_template_without_the_data_of_dvc_is_an_error() -> None:
    with pytest.raises(ValueError, match="DVC_METRIC_DATA"):
        vega.fill_template({"data": {"url": "x.csv"}, "title": ""}, [])


def test_small_fractions_of_errors_have_different_labels_in_the_legend() -> None:
    records = [
        {"actual": a, "predicted": p, "count": n}
        for a, p, n in [("0", "0", 990), ("0", "1", 10), ("1", "0", 2), ("1", "1", 998)]
    ]
    svg, _, _ = vega.draw(vega.fill_template(TEMPLATES["classification"], records))
    labels = re.findall(r">([\d.]+%)<", svg)
    assert len(labels) > 1
    assert len(set(labels)) == len(labels)


def test_the_legend_shows_and_hides_series() -> None:
    spec = vega.learning_curves(TEMPLATES["history"], [{"epoch": 1, "loss": 2.0}])
    (param,) = spec["spec"]["params"]
    assert (param["bind"], param["select"]["fields"]) == ("legend", ["split"])
    assert spec["spec"]["encoding"]["opacity"]["condition"]["param"] == param["name"]
    assert "params" not in TEMPLATES["history"]["spec"]


def test_the_reliability_diagram_has_counts_and_intervals() -> None:
    spec = vega.reliability_diagram(BINS)
    assert spec["data"]["values"] == BINS
    fields = re.findall(r'"field": "(\w+)"', json.dumps(spec))
    assert {"confidence", "accuracy", "low", "high", "examples"} <= set(fields)


def test_curves_have_their_thresholds_and_chance_levels() -> None:
    shown = values(vega.roc_precision_recall(CURVES))
    assert {"false_positive_rate": 0, "true_positive_rate": 0, "threshold": 1} in shown
    assert {"false_positive_rate": 1, "true_positive_rate": 1} in shown
    assert {"recall": 1, "precision": 0.4, "threshold": 0} in shown
    assert {"recall": 0, "precision": 0.4} in shown  # the prevalence


def test_both_error_rates_and_the_operating_points_are_shown() -> None:
    shown = values(vega.error_rates(CURVES["error_rates"], POINTS, "malignant"))
    assert {"threshold": 1, "rate": 0.75, "error": "false negatives"} in shown
    assert {"threshold": 0, "rate": 1, "error": "false positives"} in shown
    assert {"threshold": 0.5, "rate": 0.2, "error": "false negatives"} in shown
    assert len(shown) == 6


def test_a_model_without_curves_has_none() -> None:
    assert vega.evaluation_charts({}, [], [], TEMPLATES) == {}


# Images


@given(st.integers(1, 40), st.integers(1, 30), st.integers(1, 30))
def test_every_frame_is_in_the_grid(count: int, width: int, height: int) -> None:
    frames = [Image.new("RGB", (width, height), (number, 0, 0)) for number in range(count)]
    grid, columns = media.arrange_frames(frames)
    for number in range(count):
        left, top = number % columns * width, number // columns * height
        assert grid.getpixel((left, top)) == (number, 0, 0)
        assert grid.getpixel((left + width - 1, top + height - 1)) == (number, 0, 0)


def test_a_chart_is_stored_without_loss_and_equal_images_have_equal_urls() -> None:
    image = Image.new("L", (60, 40), 255)
    image.paste(0, (10, 10, 30, 12))
    url = media.to_url(image)
    assert url == media.to_url(image.copy())
    assert url.startswith("data:image/webp;base64,")


def test_a_photograph_is_stored_with_loss() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    photograph = Image.fromarray(noise).resize((600, 400), Image.Resampling.BICUBIC)
    assert len(media.to_url(photograph)) < len(media.encode(photograph, lossless=True))


def test_an_image_is_encoded_once_until_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    black, white = (Image.new("RGB", (6, 4), color) for color in ("black", "white"))
    high = Image.new("RGB", (4, 6), "black")  # the same bytes
    urls = [media.kept_url(image, tmp_path / "kept") for image in (black, white, high)]
    assert urls == [media.to_url(image) for image in (black, white, high)]
    monkeypatch.setattr(media, "encode", None)
    assert [media.kept_url(image, tmp_path / "kept") for image in (black, white, high)] == urls
    with pytest.raises(TypeError):
        media.kept_url(Image.new("RGB", (6, 4), "red"), tmp_path / "kept")
    monkeypatch.setattr(media.features, "version", lambda name: f"another {name}")
    with pytest.raises(TypeError):
        media.kept_url(black, tmp_path / "kept")
    assert len(list((tmp_path / "kept").iterdir())) == 3


def test_equal_images_are_encoded_at_once(tmp_path: Path) -> None:
    image = Image.new("RGB", (300, 200), "gray")
    with ThreadPoolExecutor(8) as pool:
        urls = set(pool.map(lambda _: media.kept_url(image, tmp_path / "kept"), range(40)))
    assert urls == {media.to_url(image)}
    assert len(list((tmp_path / "kept").iterdir())) == 1


def test_images_that_were_not_used_for_a_month_are_removed(tmp_path: Path) -> None:
    old, used = (Image.new("RGB", (6, 4), color) for color in ("black", "white"))
    media.kept_url(old, tmp_path)
    (unused,) = tmp_path.iterdir()
    media.kept_url(used, tmp_path)
    for path in tmp_path.iterdir():
        os.utime(path, (0, 0))
    media.kept_url(used, tmp_path)
    media.remove_unused(tmp_path)
    (kept,) = tmp_path.iterdir()
    assert kept != unused
    media.remove_unused(tmp_path / "missing")


def test_a_compressed_text_is_the_same_text() -> None:
    text = "const é = 1;" * 50
    packed = media.compress(text)
    assert gzip.decompress(base64.b64decode(packed)).decode() == text
    assert packed == media.compress(text)
    assert len(packed) < len(text)
