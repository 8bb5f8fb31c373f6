from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from stages import synthesize
from stages.config.schema import Synthetic
from stages.core.splits import SPLITS, load_info, load_split


def make_config(shape: str, num_points: int = 1000, noise: float = 0.0, seed: int = 1) -> Synthetic:
    return Synthetic.model_validate(
        {"shape": shape, "num_points": num_points, "noise": noise, "seed": seed}
    )


def test_shapes_are_where_they_should_be() -> None:
    x, y = synthesize.generate(make_config("circle"))
    radius = np.linalg.norm(x, axis=1)
    assert radius[y == 1].max() <= 0.5
    assert radius[y == 0].min() >= 0.69
    assert radius.max() <= 1.01
    x, y = synthesize.generate(make_config("xor"))
    assert ((x[:, 0] * x[:, 1] > 0) == (y == 1)).all()
    assert np.abs(x).min() >= 0.07
    x, y = synthesize.generate(make_config("ring"))
    assert np.allclose(np.linalg.norm(x, axis=1), 0.8)
    assert not y.any()
    x, y = synthesize.generate(make_config("line"))
    assert np.allclose(x[:, 1], 0.625 * x[:, 0])
    assert not y.any()


def test_the_arms_of_the_spiral_lie_opposite() -> None:
    x, y = synthesize.generate(make_config("spiral"))
    radius = np.linalg.norm(x, axis=1)
    turned = np.arctan2(x[:, 1], x[:, 0]) - 3 * np.pi * radius - np.pi * y
    assert np.allclose(np.cos(turned), 1, atol=1e-4)
    assert 0.45 < y.mean() < 0.55


def test_noise_is_a_standard_deviation_and_the_seed_decides() -> None:
    still, moved = (synthesize.generate(make_config("line", noise=noise)) for noise in (0, 0.1))
    assert 0.09 < (moved.x - still.x).std() < 0.11
    again = synthesize.generate(make_config("line", noise=0.1))
    other = synthesize.generate(make_config("line", noise=0.1, seed=2))
    assert (again.x == moved.x).all()
    assert (other.x != moved.x).any()
    assert still.x.dtype == np.float32
    assert still.y.dtype == np.uint8


@pytest.mark.parametrize(("shape", "classes"), [("xor", ["0", "1"]), ("ring", ["point"])])
def test_points_are_split_and_described(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shape: str, classes: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    config = make_config(shape, 60)
    params = SimpleNamespace(synthetic={"toy": config})
    monkeypatch.setattr(synthesize, "load_params", lambda: params)
    synthesize.main("toy")
    splits = [load_split("toy", name) for name in SPLITS]
    assert [len(split.y) for split in splits] == [42, 6, 12]
    points = synthesize.generate(config)
    assert (np.concatenate([split.x for split in splits]) == points.x).all()
    assert (np.concatenate([split.y for split in splits]) == points.y).all()
    info = load_info("toy")
    assert info["classes"] == classes
    assert info["positive_class"] == ("1" if shape == "xor" else None)
    assert info["input"] == {"type": "points"}
    assert sum(info["splits"]["test"]["examples_per_class"].values()) == 12
    assert sorted(path.name for path in (tmp_path / "data/processed/toy").iterdir()) == [
        "info.json", "test", "train", "validation",
    ]  # fmt: skip
