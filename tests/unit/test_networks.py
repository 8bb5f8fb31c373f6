from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import log_loss

from stages.config.schema import ConvLayer
from stages.core.errors import ConfigError
from stages.inference.outputs import predict_texts, probabilities
from stages.learning.layers import FusedBatchNormalization
from stages.learning.runtime import session
from stages.networks.cnn import train as cnn
from stages.networks.cnn.geometry import feature_map_sizes
from stages.networks.mlp import train as mlp
from stages.networks.raw_tensorflow import train as raw
from stages.networks.tabular_mlp import train as tabular_mlp
from stages.networks.text_rnn import train as text_rnn
from tests.factories import (
    COLUMNS,
    INFOS,
    VOCABULARY,
    make_config,
    make_images,
    make_table,
    make_texts,
)

IMAGES, TABLE, TEXTS = make_images(), make_table(), make_texts()
CONV = {"kernel_size": 3, "padding": "same", "max_pool": False, "batch_norm": False}


@pytest.fixture(autouse=True)
def _session() -> Iterator[None]:
    with session(1, "float32"):
        yield


def network(name: str, **values: Any) -> Any:
    return make_config(name, network=values).network


def values_of(model: keras.Model, kind: Any, attribute: str) -> list[Any]:
    return [getattr(layer, attribute) for layer in model.layers if type(layer) is kind]


def activations(model: keras.Model, kind: Any) -> list[str]:
    return [activation.__name__ for activation in values_of(model, kind, "activation")]


def test_every_hyperparameter_of_the_mlp_reaches_a_layer() -> None:
    config = network("mlp", hidden_units=[7, 5], activation="tanh", dropout=0.35)
    model = mlp.build(config, (8, 6), 3)
    assert values_of(model, keras.layers.Dense, "units") == [7, 5, 3]
    assert activations(model, keras.layers.Dense) == ["tanh", "tanh", "softmax"]
    assert values_of(model, keras.layers.Dropout, "rate") == [0.35, 0.35]
    assert model.count_params() == (48 + 1) * 7 + 8 * 5 + 6 * 3


def test_without_hidden_layers_the_mlp_is_softmax_regression() -> None:
    model = mlp.build(network("mlp", hidden_units=[]), (8, 8), 3)
    weights, bias = model.get_weights()
    logits = IMAGES.x.reshape(-1, 64) / 255 @ weights + bias
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert probabilities(model, IMAGES.x, "image") == pytest.approx(expected, abs=1e-5)


def test_every_hyperparameter_of_the_cnn_reaches_a_layer() -> None:
    layers = [
        {"filters": 3, "kernel_size": 3, "padding": "valid", "max_pool": True, "batch_norm": True},
        {"filters": 5, "kernel_size": 2, "padding": "same", "max_pool": False, "batch_norm": False},
    ]
    config = network(
        "cnn",
        conv_layers=layers,
        batch_norm_momentum=0.65,
        spatial_dropout=0.15,
        dense_units=[9, 4],
        activation="silu",
        dropout=0.45,
    )
    model = cnn.build(config, (8, 8), 3)
    convolution = keras.layers.Conv2D
    assert values_of(model, convolution, "filters") == [3, 5]
    assert values_of(model, convolution, "kernel_size") == [(3, 3), (2, 2)]
    assert values_of(model, convolution, "padding") == ["valid", "same"]
    assert values_of(model, convolution, "use_bias") == [False, True]
    assert values_of(model, FusedBatchNormalization, "momentum") == [0.65]
    assert values_of(model, keras.layers.SpatialDropout2D, "rate") == [0.15]
    assert values_of(model, keras.layers.Dropout, "rate") == [0.45, 0.45]
    assert values_of(model, keras.layers.Dense, "units") == [9, 4, 3]
    assert activations(model, keras.layers.Dense) == ["silu", "silu", "softmax"]
    assert activations(model, keras.layers.Activation) == ["silu", "silu"]
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds[2:8] == [
        "Conv2D",
        "MaxPooling2D",
        "FusedBatchNormalization",
        "Activation",
        "Conv2D",
        "Activation",
    ]


@pytest.mark.parametrize("shape", [(9, 8), (9, 8, 1), (9, 8, 3)])
def test_the_cnn_takes_gray_and_color_images(shape: tuple[int, ...]) -> None:
    model = cnn.build(network("cnn"), shape, 4)
    assert model.input_shape == (None, *shape)
    assert model.output_shape == (None, 4)
    assert model.layers[1].output.shape == (None, 9, 8, 3 if shape[-1] == 3 else 1)


def test_alexnet_has_five_convolutions_three_pools_and_two_layers_of_4096() -> None:
    filters, pools = (8, 8, 8, 8, 8), (True, True, False, False, True)
    layers = [
        CONV | {"filters": count, "max_pool": pool}
        for count, pool in zip(filters, pools, strict=True)
    ]
    model = cnn.build(network("cnn", conv_layers=layers, dense_units=[4096, 4096]), (28, 28), 10)
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds.count("Conv2D") == 5
    assert kinds.count("MaxPooling2D") == 3
    assert values_of(model, keras.layers.Dense, "units") == [4096, 4096, 10]


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("kernel_size", [1, 2, 5])
def test_feature_map_sizes_are_those_of_the_network(padding: str, kernel_size: int) -> None:
    values = CONV | {"filters": 2, "padding": padding, "kernel_size": kernel_size}
    layers = [values | {"max_pool": True}, values]
    config = network("cnn", conv_layers=layers)
    model = cnn.build(config, (21, 14), 3)
    sizes = [
        layer.output.shape[1:3]
        for layer in model.layers
        if isinstance(layer, keras.layers.Activation)
    ]
    assert feature_map_sizes(config.conv_layers, 21, 14) == sizes


def test_feature_map_sizes_are_below_1_for_empty_outputs() -> None:
    large = ConvLayer(filters=1, kernel_size=6, padding="valid", max_pool=False, batch_norm=False)
    pool = ConvLayer(filters=1, kernel_size=1, padding="same", max_pool=True, batch_norm=False)
    assert feature_map_sizes([large, pool], 7, 6) == [(2, 1), (1, 0)]
    assert feature_map_sizes([large, large], 7, 6)[1] == (-3, -4)


def test_every_hyperparameter_of_the_tabular_mlp_reaches_a_layer() -> None:
    config = network("tabular_mlp", hidden_units=[6, 4], activation="elu", dropout=0.25, l2=0.02)
    model = tabular_mlp.build(config, COLUMNS, TABLE.x)
    assert values_of(model, keras.layers.Dense, "units") == [6, 4, 1]
    assert activations(model, keras.layers.Dense) == ["elu", "elu", "sigmoid"]
    assert values_of(model, keras.layers.Dropout, "rate") == [0.25, 0.25]
    penalties = values_of(model, keras.layers.Dense, "kernel_regularizer")
    assert [float(penalty.l2) for penalty in penalties] == pytest.approx([0.02] * 3)


def encoded(columns: list[dict[str, Any]], known: np.ndarray, rows: np.ndarray) -> np.ndarray:
    model = tabular_mlp.build(network("tabular_mlp", hidden_units=[]), columns, known)
    encoder = keras.Model(model.inputs, model.layers[-1].input)
    result: np.ndarray = encoder.predict(np.asarray(rows, np.float32), verbose=0)
    return result


def test_columns_are_encoded_by_what_the_training_rows_say() -> None:
    known = np.array([[20, 1, -1], [40, np.nan, 0], [np.nan, 4, 1], [90, 2, 1]], np.float32)
    rows = [[30, 4, 1], [np.nan, np.nan, -1], [90, 1, 0]]
    found = encoded(COLUMNS, known, np.array(rows))
    present = np.array([20, 40, 90])
    expected = (np.array([30, 50, 90]) - present.mean()) / present.std()
    assert found[:, 0] == pytest.approx(expected, abs=1e-6)
    assert found[:, 1:6].tolist() == np.eye(5)[[4, 0, 1]].tolist()
    assert found[:, 6].tolist() == [1, -1, 0]


def test_a_column_that_varies_little_is_standardized_too() -> None:
    known = np.array([[0.1], [0.2], [0.6]], np.float32)
    found = encoded(COLUMNS[:1], known, known)
    assert found[:, 0] == pytest.approx((known[:, 0] - 0.3) / known.std(), abs=1e-5)


@pytest.mark.parametrize("known", [[[7.0], [7.0]], [[np.nan], [np.nan]]])
def test_a_column_of_equal_or_missing_values_gives_finite_numbers(known: list[list[float]]) -> None:
    found = encoded(COLUMNS[:1], np.array(known, np.float32), np.array([[7.0], [9.0], [np.nan]]))
    assert np.isfinite(found).all()
    assert found[2, 0] == 0
    if known[0][0] == 7:
        assert found[:2, 0].tolist() == [0, 2]


@pytest.mark.parametrize("module", [tabular_mlp, text_rnn])
def test_networks_of_one_unit_reject_more_than_two_classes(module: Any) -> None:
    info = INFOS["table"] | {"classes": ["a", "b", "c"]}
    with pytest.raises(ConfigError, match="expected a dataset of 2 classes, found 3"):
        module.train(make_config("tabular_mlp"), info, TABLE, TABLE, None)


@pytest.mark.parametrize("cell", ["lstm", "gru", "simple_rnn"])
def test_every_hyperparameter_of_the_text_rnn_reaches_a_layer(cell: str) -> None:
    config = network(
        "text_rnn",
        cell=cell,
        embedding_dim=6,
        units=5,
        word_dropout=0.11,
        spatial_dropout=0.22,
        dropout=0.33,
    )
    model = text_rnn.build(config, len(VOCABULARY))
    assert values_of(model, keras.layers.Embedding, "input_dim") == [12]
    assert values_of(model, keras.layers.Embedding, "output_dim") == [6]
    assert values_of(model, text_rnn.CELLS[cell], "units") == [5]
    assert values_of(model, keras.layers.Dropout, "rate") == [0.11, 0.33]
    assert values_of(model, keras.layers.Dropout, "noise_shape")[0] == (None, None, 1)
    assert values_of(model, keras.layers.SpatialDropout1D, "rate") == [0.22]


@pytest.mark.parametrize("cell", ["lstm", "gru", "simple_rnn"])
def test_the_prediction_for_a_text_does_not_depend_on_its_padding(cell: str) -> None:
    model = text_rnn.build(network("text_rnn", cell=cell), len(VOCABULARY))
    padded = np.pad(TEXTS.x, ((0, 0), (0, 9)))
    expected = model.predict(padded, verbose=0)
    assert model.predict(TEXTS.x, verbose=0) == pytest.approx(expected, abs=1e-6)
    assert predict_texts(model, padded) == pytest.approx(expected, abs=1e-6)
    assert expected.std() > 0


def test_the_text_rnn_pools_mean_and_maximum_over_the_words_alone() -> None:
    model = text_rnn.build(network("text_rnn"), len(VOCABULARY))
    layer = next(each for each in model.layers if isinstance(each, keras.layers.GRU))
    pooled = next(each for each in model.layers if isinstance(each, keras.layers.Concatenate))
    outputs, pools = keras.Model(model.inputs, [layer.output, pooled.output]).predict(
        TEXTS.x, verbose=0
    )
    for text, output, pool in zip(TEXTS.x, outputs, pools, strict=True):
        words = output[: np.count_nonzero(text)]
        expected = np.concatenate([words.mean(axis=0), words.max(axis=0)])
        assert pool == pytest.approx(expected, abs=1e-5)


def test_cross_entropy_from_low_level_operations_is_that_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(size=(20, 4)).astype(np.float32) * 5
    y = random.integers(0, 4, 20).astype(np.int32)
    expected = log_loss(y, tf.nn.softmax(logits).numpy(), labels=range(4))
    assert float(raw.cross_entropy(logits, y)) == pytest.approx(expected, rel=1e-5)
    huge = tf.constant([[1000.0, 0.0]])
    assert float(raw.cross_entropy(huge, tf.constant([1]))) == pytest.approx(1000)


def test_accuracy_from_low_level_operations() -> None:
    logits = tf.constant([[1.0, 2, 0], [3, 1, 2], [0, 1, 5], [0, 1, 5]])
    assert float(raw.accuracy(logits, tf.constant([1, 1, 2, 0]))) == 0.5


@pytest.mark.parametrize("hidden", [[7], [7, 5, 6]])
def test_a_step_from_low_level_operations_is_that_of_keras(hidden: list[int]) -> None:
    parameters = raw.initialize([64, *hidden, 3], 4.0)
    model = raw.to_keras([parameter.numpy() for parameter in parameters], (8, 8))
    model.compile(keras.optimizers.SGD(0.5), "sparse_categorical_crossentropy")
    model.train_on_batch(IMAGES.x, IMAGES.y)
    x, y = raw.flatten_images(tf.constant(IMAGES.x)), raw.as_integers(tf.constant(IMAGES.y))
    raw.train_step(x, y, parameters, tf.constant(0.5))
    for ours, theirs in zip(parameters, model.get_weights(), strict=True):
        assert ours.numpy() == pytest.approx(theirs, abs=1e-5)


def test_initial_weights_have_the_deviation_of_glorot_times_the_gain() -> None:
    parameters = raw.initialize([400, 300, 100], 4.0)
    deviations = [float(np.std(parameter.numpy())) for parameter in parameters]
    expected = [4 * np.sqrt(2 / 700), 0, np.sqrt(2 / 400), 0]
    assert deviations == pytest.approx(expected, rel=0.02)


def test_the_triangular_schedule_rises_for_a_tenth_and_falls_to_zero() -> None:
    steps = {"steps": 200, "learning_rate": 0.8}
    triangular = make_config("raw_tensorflow", training=steps).training
    found = [raw.learning_rate(triangular, step) for step in (1, 10, 20, 110, 200)]
    assert found == pytest.approx([0.04, 0.4, 0.8, 0.4, 0])
    constant = make_config("raw_tensorflow", training=steps | {"schedule": "constant"}).training
    assert [raw.learning_rate(constant, step) for step in (1, 200)] == [0.8, 0.8]
