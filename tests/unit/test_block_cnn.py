"""The network of blocks, and the distortions of its training images."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.ndimage import affine_transform

from stages.config.schema import Distortions
from stages.core.errors import ConfigError
from stages.inference.bundle import load_model
from stages.learning.bundle import save_model
from stages.learning.layers import FusedBatchNormalization
from stages.learning.runtime import session
from stages.networks.block_cnn import augmentation
from stages.networks.block_cnn.geometry import block_sizes
from stages.networks.block_cnn.train import average_flips, build, train
from stages.page import networks
from stages.pipelines import images
from tests.factories import INFOS, make_config, make_images
from tests.reduced import ROOT

CONV = {"type": "conv", "filters": 4, "kernel_size": 3, "max_pool": False}
RESIDUAL = {"type": "residual", "filters": 4, "strides": 1}
INCEPTION = {
    "type": "inception", "filters_1x1": 2, "reduce_3x3": 3, "filters_3x3": 4, "reduce_5x5": 5,
    "filters_5x5": 6, "filters_pool": 7, "max_pool": False,
}  # fmt: skip
SEED = tf.constant([3, 4])
MAKE_BATCHES: Any = images.make_batches
IMAGES = make_images()


@pytest.fixture(autouse=True)
def _session() -> Iterator[None]:
    with session(1, "float32"):
        yield


def network(*blocks: dict[str, Any], **values: Any) -> Any:
    return make_config("block_cnn", network={"blocks": list(blocks), **values}).network


def convolutions(model: keras.Model) -> list[tuple[int, tuple[int, int], tuple[int, int]]]:
    return [
        (layer.filters, layer.kernel_size, layer.strides)
        for layer in model.layers
        if isinstance(layer, keras.layers.Conv2D)
    ]


def test_every_hyperparameter_reaches_a_layer() -> None:
    config = network(
        CONV | {"kernel_size": 5, "max_pool": True},
        batch_norm_momentum=0.65,
        activation="silu",
        dropout=0.45,
    )
    model = build(config, (8, 6), 3)
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds[3:8] == [
        "Conv2D",
        "MaxPooling2D",
        "FusedBatchNormalization",
        "Activation",
        "GlobalAveragePooling2D",
    ]
    assert convolutions(model) == [(4, (5, 5), (1, 1))]
    assert not model.layers[3].use_bias
    assert model.layers[5].momentum == 0.65
    assert model.layers[6].activation.__name__ == "silu"
    assert model.layers[8].rate == 0.45
    assert model.output_shape == (None, 3)


@pytest.mark.parametrize("shape", [(9, 8), (9, 8, 1), (9, 8, 3)])
def test_it_takes_gray_and_color_images(shape: tuple[int, ...]) -> None:
    model = build(network(CONV), shape, 4)
    assert model.input_shape == (None, *shape)
    assert model.layers[2].output.shape == (None, 9, 8, 3 if shape[-1] == 3 else 1)


def test_a_residual_block_projects_its_input_only_if_the_shape_differs() -> None:
    same = build(network(CONV, RESIDUAL), (8, 8), 3)
    assert convolutions(same)[1:] == [(4, (3, 3), (1, 1))] * 2
    for change in ({"filters": 6}, {"strides": 2}):
        block = RESIDUAL | change
        strides = (block["strides"],) * 2
        projected = convolutions(build(network(CONV, block), (8, 8), 3))[1:]
        assert sorted(projected) == sorted([
            (block["filters"], (3, 3), strides),
            (block["filters"], (3, 3), (1, 1)),
            (block["filters"], (1, 1), strides),
        ])  # fmt: skip


def test_a_residual_block_without_residual_passes_its_input_on() -> None:
    model = build(network(CONV, RESIDUAL, activation="relu"), (8, 8), 3)
    last = [layer for layer in model.layers if isinstance(layer, FusedBatchNormalization)][-1]
    last.gamma.assign(tf.zeros_like(last.gamma))
    first, *_, end = [layer for layer in model.layers if isinstance(layer, keras.layers.Activation)]
    before, after = keras.Model(model.input, [first.output, end.output]).predict(
        IMAGES.x, verbose=0
    )
    assert before.max() > 0
    assert after == pytest.approx(before, abs=1e-6)


def test_an_inception_block_concatenates_its_branches() -> None:
    model = build(network(CONV, INCEPTION | {"max_pool": True}), (8, 8), 3)
    joined = next(each for each in model.layers if isinstance(each, keras.layers.Concatenate))
    assert [branch.shape[-1] for branch in joined.input] == [2, 4, 6, 7]
    assert joined.output.shape == (None, 8, 8, 19)
    sizes = {(filters, size[0]) for filters, size, _ in convolutions(model)[1:]}
    assert sizes == {(2, 1), (3, 1), (4, 3), (5, 1), (6, 5), (7, 1)}
    assert model.layers[-3].input.shape == (None, 4, 4, 19)


def test_flips_are_averaged() -> None:
    model = build(network(CONV), (8, 8), 3)
    both = model.predict(IMAGES.x, verbose=0) + model.predict(IMAGES.x[:, :, ::-1], verbose=0)
    averaged = average_flips(model).predict(IMAGES.x, verbose=0)
    assert averaged == pytest.approx(both / 2, abs=1e-6)
    assert both.std() > 1e-3


@pytest.mark.parametrize("flips", [False, True])
def test_the_trained_model_averages_flips_if_asked(flips: bool, tmp_path: Path) -> None:
    config = make_config("block_cnn", network={"average_flips": flips})
    with session(1, "float32"):
        trained = train(config, INFOS["images"], IMAGES, IMAGES, MAKE_BATCHES)
    save_model(tmp_path / "model.keras", trained.model)
    stored, x = load_model(tmp_path / "model.keras"), IMAGES.x
    difference = stored.predict(x, verbose=0) - stored.predict(x[:, :, ::-1], verbose=0)
    assert (np.abs(difference).max() < 1e-5) == flips


@pytest.mark.parametrize("blocks", [
    [CONV | {"max_pool": True}, RESIDUAL | {"strides": 2}, INCEPTION],
    [RESIDUAL, INCEPTION | {"max_pool": True}, CONV],
])  # fmt: skip
def test_block_sizes_are_those_of_the_network(blocks: list[dict[str, Any]]) -> None:
    config = network(*blocks)
    model = build(config, (21, 14), 3)
    last = next(
        layer for layer in model.layers if isinstance(layer, keras.layers.GlobalAveragePooling2D)
    )
    assert block_sizes(config.blocks, 21, 14)[-1] == last.input.shape[1:3]


def test_too_much_pooling_is_refused() -> None:
    from stages.config.load import parse_params, read_yaml

    values = read_yaml(ROOT / "params.yaml")
    pooled = CONV | {"max_pool": True}
    values["models"]["fashion_resnet"]["network"]["blocks"] = [pooled] * 4
    assert parse_params(values, "params.yaml")
    values["models"]["fashion_resnet"]["network"]["blocks"] = [pooled] * 5
    with pytest.raises(ConfigError, match=r"fashion_resnet\.network\.blocks\.4: .* size 0"):
        parse_params(values, "params.yaml")


def distortions(**values: Any) -> Distortions:
    return Distortions(shift=0, flip=False, **values)


def test_no_distortion_changes_nothing() -> None:
    distorted = augmentation.distort(tf.constant(IMAGES.x), distortions(), SEED)
    assert (distorted.numpy() == IMAGES.x).all()
    identity = augmentation.random_matrices(tf.constant(5), distortions(), SEED)
    assert identity.numpy() == pytest.approx(np.broadcast_to(np.eye(2), (5, 2, 2)))


@pytest.mark.parametrize("shape", [(9, 12), (9, 12, 3)])
def test_a_warped_image_is_that_of_scipy(shape: tuple[int, ...]) -> None:
    config = distortions(rotation=25.0, zoom=0.2, shear=0.3)
    x = make_images((3, 4), shape).x
    warped = augmentation.warp(tf.constant(x), config, SEED).numpy()
    assert (warped.shape, warped.dtype) == (x.shape, x.dtype)
    matrices = augmentation.random_matrices(tf.constant(7), config, SEED).numpy()
    assert len(np.unique(matrices, axis=0)) == 7
    center = np.array([4, 5.5])
    for before, after, matrix in zip(x, warped, matrices[:, ::-1, ::-1], strict=True):
        for channel in range(before[0, 0].size):
            source, found = before.reshape(9, 12, -1), after.reshape(9, 12, -1)
            expected = affine_transform(
                source[..., channel].astype(float),
                matrix,
                center - matrix @ center,
                order=1,
                mode="grid-constant",
            )
            assert found[..., channel] == pytest.approx(expected, abs=1.01)


@pytest.mark.parametrize(
    ("values", "measure", "limit"),
    [
        ({"rotation": 30.0}, lambda m: np.degrees(np.arctan2(m[:, 1, 0], m[:, 0, 0])), 30),
        ({"zoom": 0.2}, lambda m: m[:, 0, 0] - 1, 0.2),
        ({"zoom": 0.2}, lambda m: m[:, 1, 1] - 1, 0.2),
        ({"shear": 0.3}, lambda m: m[:, 0, 1], 0.3),
    ],
)
def test_distortions_are_uniform_up_to_their_limit(
    values: dict[str, float], measure: Any, limit: float
) -> None:
    matrices = augmentation.random_matrices(tf.constant(4000), distortions(**values), SEED)
    found = measure(matrices.numpy().astype(np.float64))
    assert np.abs(found).max() <= limit * 1.001
    quartiles = np.quantile(found, [0.25, 0.5, 0.75])
    assert quartiles == pytest.approx([-limit / 2, 0, limit / 2], abs=0.05 * limit)


@pytest.mark.parametrize("shape", [(10, 8), (10, 8, 3)])
def test_a_square_is_erased(shape: tuple[int, ...]) -> None:
    x = np.full((500, *shape), 7, np.uint8)
    erased = augmentation.distort(tf.constant(x), distortions(erase=3), SEED).numpy()
    assert set(np.unique(erased)) == {0, 7}
    zeros = (erased == 0).reshape(500, 10, 8, -1)
    assert (zeros == zeros[..., :1]).all()
    rows, columns = zeros[..., 0].any(axis=2).sum(axis=1), zeros[..., 0].any(axis=1).sum(axis=1)
    assert (zeros[..., 0].sum(axis=(1, 2)) == rows * columns).all()
    assert set(rows) == set(columns) == {2, 3}
    assert (zeros.mean(axis=0)[1:-1, 1:-1] > 0).all()


def test_only_training_images_are_distorted_and_differently_in_each_epoch() -> None:
    config = make_config(
        "block_cnn", training={"augmentation": {"shift": 0, "flip": False, "erase": 4}}
    ).training
    make_batches = augmentation.with_distortions(MAKE_BATCHES, config.augmentation)
    (x, y), *_ = make_batches(IMAGES, config, shuffle=False)
    assert (x.numpy() == IMAGES.x).all()
    assert (y.numpy() == IMAGES.y).all()
    batches = make_batches(IMAGES, config, shuffle=True)
    epochs = [np.concatenate([x.numpy() for x, _ in batches]) for _ in range(2)]
    for found in epochs:
        assert found.shape == IMAGES.x.shape
        assert found.sum() < IMAGES.x.sum()
    assert epochs[0].sum() != epochs[1].sum()
    assert augmentation.with_distortions(MAKE_BATCHES, None) is MAKE_BATCHES


def test_the_page_describes_the_blocks() -> None:
    residual = network(CONV, RESIDUAL, RESIDUAL | {"strides": 2}, average_flips=True).model_dump()
    assert networks.describe_layers(residual) == (
        "conv 4 (3x3) → residual 4 → residual 4, stride 2 → global average pooling → softmax "
        "output, averaged over the image and its mirror image"
    )
    inception = network(CONV | {"max_pool": True}, INCEPTION).model_dump()
    assert networks.describe_layers(inception) == (
        "conv 4 (3x3), max-pool → inception 2 + 4 + 6 + 7 → global average pooling → softmax output"
    )
    sentences = [
        networks.describe_network(each)
        for each in (residual, inception, network(CONV).model_dump())
    ]
    assert [sentence.split()[1] for sentence in sentences] == [
        "residual", "network", "convolutional",
    ]  # fmt: skip
    assert "inception" in sentences[1]
    assert "He et al." in networks.find_references(residual)[0].citation
