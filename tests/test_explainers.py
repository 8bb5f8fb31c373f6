from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from stages import params, saving, synthesise, training
from stages.data import PARTS, Part, load_description, load_part
from stages.datasets import picture
from stages.errors import UserError
from stages.evaluation import Evaluation, Inputs
from stages.networks import painting, points_gan, points_mlp
from stages.tasks.boundary import evaluate as boundary
from stages.tasks.painting import evaluate as painted
from stages.tasks.point_generation import evaluate as point_generation

COMMON: dict[str, Any] = {"dataset": "d", "judge": "m", "seed": 1, "learning_rate": 0.02}


def mlp_block(**choices: Any) -> params.PointsMlp:
    block = {"network": "points_mlp", "task": "boundary", "steps": 40, "batch_size": 32}
    block |= {"hidden_units": [4, 3], "activation": "tanh"}
    return params.PointsMlp(**(COMMON | block | choices))


def gan_block(**choices: Any) -> params.PointsGan:
    block = {"network": "points_gan", "task": "point_generation", "steps": 40, "batch_size": 64}
    block |= {"noise_units": 3, "hidden_units": [8], "activation": "leaky_relu"}
    return params.PointsGan(**(COMMON | block | {"gradient_penalty": 0.1} | choices))


def painting_block(**choices: Any) -> params.Painting:
    block = {"network": "painting", "task": "painting", "steps": 40, "batch_size": 64}
    block |= {"features": 16, "feature_scale": 2.0, "hidden_units": [16]}
    return params.Painting(**(COMMON | block | choices))


def picture_block(**choices: Any) -> params.Picture:
    preprocess = {"validation_share": 0.05, "test_share": 0.05, "largest_side": 24, "seed": 1}
    values = {"module": "picture", "source": "-", "facts": {}, "preprocess": preprocess | choices}
    return params.Picture.model_validate(values)


def points(shape: str, count: int = 400, noise: float = 0.03) -> Part:
    return synthesise.synthesise(
        params.Synthetic.model_validate(
            {"shape": shape, "points": count, "noise": noise, "seed": 1}
        )
    )


def smooth_picture(path: Path, mode: str = "RGB", size: tuple[int, int] = (48, 32)) -> Path:
    rows, columns = np.indices(size[::-1]) / 48
    colours = np.stack([rows, columns, 1 - rows], axis=-1)
    Image.fromarray((255 * colours).astype(np.uint8)).convert(mode).save(path)
    return path


def prepared_picture(folder: Path) -> tuple[dict[str, Any], dict[str, Part]]:
    prepared = picture.prepare(smooth_picture(folder / "smooth.png"), picture_block())
    return prepared.description, prepared.parts


@pytest.fixture(autouse=True)
def _determinism() -> None:
    training.set_determinism(1)


# The points


@pytest.mark.parametrize("shape", synthesise.SHAPES)
def test_points_lie_where_the_shape_says(shape: str) -> None:
    x, y = points(shape, noise=0)
    radius, angle = np.linalg.norm(x, axis=1), np.arctan2(x[:, 1], x[:, 0])
    wound = np.cos(angle - 2 * np.pi * synthesise.TURNS * radius)
    right = {
        "circle": (radius < 0.6) == y,
        "xor": (x.prod(axis=1) > 0) == y,
        "spiral": np.isclose(wound, 1 - 2.0 * y, atol=1e-3),
        "ring": np.isclose(radius, 0.8),
        "line": np.isclose(x[:, 1] / x[:, 0], 0.625, atol=1e-3),
    }[shape]
    assert right.all()
    assert (str(x.dtype), str(y.dtype), x.shape) == ("float32", "uint8", (400, 2))
    assert np.abs(x).max() <= 1
    if shape in {"circle", "xor", "spiral"}:
        assert 0.4 < y.mean() < 0.6
    else:
        assert not y.any()


def test_noise_moves_points_as_far_as_it_says() -> None:
    moved = points("ring", 4000, noise=0.05).x
    assert (np.linalg.norm(moved, axis=1) - 0.8).std() == pytest.approx(0.05, rel=0.05)


@given(st.integers(20, 500))
def test_a_split_of_points_loses_none(count: int) -> None:
    whole = Part(np.arange(2 * count).reshape(-1, 2), np.zeros(count, np.uint8))
    parts = synthesise.split(whole)
    assert list(parts) == list(PARTS)
    assert all(len(part.x) == len(part.y) > 0 for part in parts.values())
    assert np.concatenate([part.x for part in parts.values()]).tolist() == whole.x.tolist()


def test_an_unknown_shape_is_refused() -> None:
    with pytest.raises(ValidationError, match="'circle', 'xor', 'spiral', 'ring' or 'line'"):
        points("square")


def test_synthesising_twice_writes_the_same_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    block = params.Synthetic(shape="xor", points=50, noise=0.1, seed=3)
    chosen = type("Chosen", (), {"synthetic": {"xor": block}})
    monkeypatch.setattr(params, "load", lambda: chosen)
    monkeypatch.chdir(tmp_path)
    written = []
    for _ in range(2):
        synthesise.main("xor")
        folder = tmp_path / "data/processed/xor"
        written.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert written[0] == written[1]
    assert set(written[0]) == {"description.json", "train.npz", "validation.npz", "test.npz"}
    assert load_description("xor")["classes"] == ["0", "1"]
    assert len(load_part("xor", "test").x) == 10
    with pytest.raises(UserError, match="no synthetic dataset 'ring', expected one of xor"):
        synthesise.main("ring")


# The networks


def train_mlp(**choices: Any) -> training.Trained:
    parts = synthesise.split(points("circle"))
    return points_mlp.train(mlp_block(**choices), {}, parts["train"], parts["validation"])


def train_gan(**choices: Any) -> training.Trained:
    parts = synthesise.split(points("ring"))
    return points_gan.train(gan_block(**choices), {}, parts["train"], parts["validation"])


def train_painting(folder: Path, **choices: Any) -> training.Trained:
    description, parts = prepared_picture(folder)
    block = painting_block(**choices)
    return painting.train(block, description, parts["train"], parts["validation"])


@pytest.mark.parametrize("network", ["mlp", "gan", "painting"])
def test_one_seed_gives_one_result(network: str, tmp_path: Path) -> None:
    results = []
    for seed in (1, 1, 2):
        keras.utils.clear_session()  # which numbers the layers from 1 again, as a process does
        training.set_determinism(seed)
        if network == "painting":
            trained = train_painting(tmp_path, seed=seed)
        else:
            trained = {"mlp": train_mlp, "gan": train_gan}[network](seed=seed)
        path = tmp_path / "model.keras"
        saving.save_model(trained.model, path, trained.progress)
        results.append(path.read_bytes())
    assert results[0] == results[1] != results[2]


def test_the_mlp_learns_a_circle_and_is_watched() -> None:
    trained = train_mlp(steps=1200, hidden_units=[4])
    test = synthesise.split(points("circle"))["test"]
    assert points_mlp.score(trained.model, test)["accuracy"] > 0.95
    progress = trained.progress
    frames = len(progress["steps"])
    assert progress["steps"][[0, 1, -1]].tolist() == [0, 1, 1200]
    assert progress["neurons"].shape == (frames, 4, 40, 40)
    seen = progress["output"][-1] / 255
    p = trained.model.predict(points_mlp.GRID.reshape(-1, 2), verbose=0).reshape(40, 40)
    assert np.abs(seen - p).max() < 0.003
    assert trained.history["epoch"].tolist() == list(range(1, frames))
    assert trained.history["step"].tolist() == progress["steps"][1:].tolist()


def test_the_highest_row_of_a_surface_is_the_largest_y() -> None:
    assert points_mlp.GRID[0, 0] == pytest.approx([-1.2, 1.2])
    assert points_mlp.GRID[-1, -1] == pytest.approx([1.2, -1.2])


def test_the_gan_comes_closer_to_the_ring() -> None:
    distances = train_gan(steps=1000, hidden_units=[16, 16]).history["val_sliced_wasserstein"]
    assert distances.iloc[-5:].mean() < 0.4 * distances.iloc[0]


def test_the_penalty_is_half_the_square_of_the_slope() -> None:
    model = points_gan.build(gan_block(hidden_units=[1], activation="relu"))
    discriminator = model.get_layer("discriminator")
    weights = [[[3.0], [4.0]], [10.0], [[1.0]], [0.0]]  # 3 x + 4 y + 10
    discriminator.set_weights([np.array(weight) for weight in weights])
    origin = tf.zeros((5, 2))
    losses = [
        float(points_gan.discriminator_loss(discriminator, origin, origin, penalty))
        for penalty in (0.0, 2.0)
    ]
    assert losses[0] == pytest.approx(np.log1p(np.exp(-10)) + np.log1p(np.exp(10)))
    assert losses[1] - losses[0] == pytest.approx(25)


def test_a_painter_learns_a_smooth_picture_and_is_stored_whole(tmp_path: Path) -> None:
    trained = train_painting(tmp_path, steps=300)
    assert trained.history["val_psnr"].iloc[-1] > 25
    pictures = trained.progress["pictures"]
    assert (str(pictures.dtype), pictures.shape[1:]) == ("uint8", (16, 24, 3))
    path = tmp_path / "model.keras"
    saving.save_model(trained.model, path, {})
    again = painting.paint(saving.load_model(path), 16, 24)
    assert (again == pictures[-1]).all()


@pytest.mark.parametrize("network", ["mlp", "gan", "painting"])
def test_a_loss_that_is_no_number_is_a_user_error(network: str, tmp_path: Path) -> None:
    diverge: Callable[[], training.Trained] = {
        "mlp": lambda: train_mlp(learning_rate=1e38, activation="relu"),
        "gan": lambda: train_gan(learning_rate=1e38),
        "painting": lambda: train_painting(tmp_path, learning_rate=1e38),
    }[network]
    with pytest.raises(UserError, match="the loss is not a number in epoch"):
        diverge()


# The numbers


@given(st.floats(-2, 2), st.floats(-2, 2))
def test_the_distance_of_a_shifted_sample_is_known(right: float, up: float) -> None:
    sample = points("ring", 100).x.astype(float)
    distance = points_gan.sliced_wasserstein(sample, sample + np.array([right, up]))
    assert distance == pytest.approx(2 / np.pi * np.hypot(right, up), rel=0.01, abs=1e-9)


def test_the_distance_grows_with_the_difference_and_is_symmetric() -> None:
    ring, other, line = points("ring", 3000).x, points("ring", 2000, 0.04).x, points("line").x
    near, far = (points_gan.sliced_wasserstein(ring, sample) for sample in (other, line))
    assert near < 0.05 < far
    assert far == pytest.approx(points_gan.sliced_wasserstein(line, ring))


def test_coverage_is_the_share_of_the_ring_that_is_generated() -> None:
    ring, again = points("ring", 1000).x[:500], points("ring", 1000).x[500:]
    half = again[again[:, 0] > 0]
    assert point_generation.coverage(again, ring) > 0.9
    assert point_generation.coverage(half, ring) == pytest.approx(0.5, abs=0.06)
    assert point_generation.coverage(again + 5, ring) == 0


def test_psnr_of_a_known_error() -> None:
    y = np.full((10, 3), 51, np.uint8)
    assert painting.psnr(np.full((10, 3), 0.3), y) == pytest.approx(20)


def test_metrics_of_known_probabilities() -> None:
    scores = boundary.metrics(np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.3, 0.9], np.float32))
    assert scores["accuracy"] == 0.75
    assert scores["f1_macro"] == pytest.approx((0.8 + 2 / 3) / 2)
    assert scores["loss"] == pytest.approx(-np.log([0.9, 0.8, 0.3, 0.9]).mean())


# The picture


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "RGBA", "P", "1", "I;16"])
def test_pictures_of_all_modes_are_read(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("picture.tif" if mode == "CMYK" else "picture.png")
    if mode == "I;16":
        Image.fromarray(np.full((32, 48), 128 * 257, np.uint16)).save(path)
    else:
        smooth_picture(path, mode)
    prepared = picture.prepare(path, picture_block())
    assert prepared.description == {"kind": "picture", "classes": [], "height": 16, "width": 24}
    places = np.concatenate([part.x for part in prepared.parts.values()])
    assert len(np.unique(places, axis=0)) == 16 * 24 == len(places)
    assert [len(prepared.parts[name].y) for name in PARTS] == [384 - 38, 19, 19]
    assert prepared.parts["train"].y.shape[1] == 3
    if mode == "I;16":
        assert (prepared.parts["train"].y == 128).all()


def test_what_is_transparent_is_white(tmp_path: Path) -> None:
    Image.new("RGBA", (20, 20), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    assert (np.asarray(picture.read(tmp_path / "clear.png")) == 255).all()


def test_a_pixel_keeps_its_place(tmp_path: Path) -> None:
    pixels = np.zeros((10, 16, 3), np.uint8)
    pixels[2, 13] = [10, 20, 30]
    Image.fromarray(pixels).save(tmp_path / "dot.png")
    parts = picture.prepare(tmp_path / "dot.png", picture_block()).parts
    colours = {tuple(x): y.tolist() for part in parts.values() for x, y in zip(*part, strict=True)}
    assert colours[2, 13] == [10, 20, 30]
    assert colours[0, 0] == [0, 0, 0]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "not in a format that is read"),
        (b"no picture at all", "not in a format that is read"),
        ("cut off", "damaged: image file is truncated"),
        ("small", "expected at least 8 pixels each way, found 7x40"),
        ("long", "found 900x20, shrunk to 24x1"),
        (None, "no such file"),
    ],
)
def test_a_bad_picture_is_named(tmp_path: Path, content: bytes | str | None, expected: str) -> None:
    path = tmp_path / "picture.png"
    if content == "cut off":
        random = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
        Image.fromarray(random).save(path)
        path.write_bytes(path.read_bytes()[:5000])
    elif isinstance(content, str):
        Image.new("RGB", {"small": (7, 40), "long": (900, 20)}[content]).save(path)
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        picture.prepare(path, picture_block())
    assert str(caught.value).startswith(f"{path}: ")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


# The evaluations


def inputs(
    trained: training.Trained, parts: dict[str, Part], description: dict[str, Any]
) -> Inputs:
    model, progress = trained.model, dict(trained.progress)
    retrain = lambda _: model  # noqa: E731
    return Inputs(description, parts, Path(), model, retrain, model, trained.history, progress)


def check(evaluation: Evaluation, columns: list[str], frames: int) -> None:
    for scores in evaluation.metrics.values():
        assert all(isinstance(value, float) and np.isfinite(value) for value in scores.values())
    assert list(evaluation.chart.columns) == columns
    assert evaluation.chart.notna().all(axis=None)
    (animation,) = evaluation.animations.values()
    assert len(animation) == frames <= 40
    assert len({frame.shape for frame in animation}) == 1
    assert animation[0].dtype == np.uint8
    assert not (animation[0] == animation[-1]).all()


@pytest.mark.parametrize("hidden_units", [[], [4, 3]])
def test_a_boundary_is_evaluated(hidden_units: list[int]) -> None:
    trained = train_mlp(hidden_units=hidden_units, steps=3)
    given_inputs = inputs(trained, synthesise.split(points("circle")), {})
    evaluation = boundary.evaluate(given_inputs, mlp_block(hidden_units=hidden_units, steps=3))
    check(evaluation, ["x", "y", "probability"], 4)
    assert set(evaluation.metrics["test"]) == {"accuracy", "loss", "f1_macro"}


def test_generated_points_are_evaluated() -> None:
    given_inputs = inputs(train_gan(steps=3), synthesise.split(points("ring")), {})
    first, again = (point_generation.evaluate(given_inputs, gan_block(steps=3)) for _ in range(2))
    check(first, ["x", "y", "kind"], 4)
    assert first.metrics == again.metrics
    pd.testing.assert_frame_equal(first.chart, again.chart)
    assert first.chart["kind"].value_counts().to_dict() == {"real": 80, "generated": 80}


def test_a_painting_is_evaluated(tmp_path: Path) -> None:
    description, parts = prepared_picture(tmp_path)
    given_inputs = inputs(train_painting(tmp_path, steps=3), parts, description)
    evaluation = painted.evaluate(given_inputs, painting_block(steps=3))
    check(evaluation, ["step", "psnr", "pixels"], 4)
    original = painted.assemble(given_inputs)
    assert original[0, 0].tolist() != original[-1, -1].tolist()
    last = evaluation.chart.groupby("pixels")["psnr"].last()
    assert last["held out"] == pytest.approx(evaluation.metrics["test"]["psnr"], abs=0.1)
