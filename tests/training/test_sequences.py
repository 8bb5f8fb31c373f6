"""Training runs of tiny sequence models: encoder-decoder networks and forecasts."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from stages.core.splits import Split
from stages.inference.bundle import load_bundle
from stages.learning.bundle import save_bundle
from stages.learning.fit import Trained
from stages.learning.runtime import session
from stages.networks.seq2seq import train as seq2seq
from stages.networks.seq2seq.decoding import compare, decode_greedily
from stages.networks.seq2seq.tokens import END, PADDING, START
from stages.networks.tcn import train as tcn
from tests import factories

pytestmark = pytest.mark.usefixtures("eagerly")

CASES = {
    "text_seq2seq": ("sequences", factories.make_sequences),
    "image_seq2seq": ("captioned", factories.make_captioned),
    "tcn": ("waves", factories.make_waves),
}


@pytest.fixture
def _eagerly() -> Iterator[None]:
    """Run without tracing, which takes longer than these training runs."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def run(case: str, validation: bool = True, seed: int = 1, **changes: Any) -> Trained:
    kind, make = CASES[case]
    examples = changes.pop("examples", 40)
    config = factories.make_config(case, network=changes.pop("network", {}), training=changes)
    module = importlib.import_module(f"stages.networks.{config.network.name}.train")
    pipeline = importlib.import_module(f"stages.pipelines.{config.training.input_pipeline}")
    held_out = make(20, seed=2) if validation else None
    with session(seed, config.training.precision):
        trained: Trained = module.train(
            config, factories.INFOS[kind], make(examples, seed=1), held_out, pipeline.make_batches
        )
    return trained


def inputs_of(case: str, split: Split) -> Any:
    """Return the inputs with which a stored model reproduces a training step."""
    if case == "tcn":
        return split.x
    (x, tokens), _, _ = seq2seq.force(split.x, split.y)
    return [x, tokens]


def outputs(model: keras.Model, inputs: Any) -> np.ndarray:
    found = model.predict(inputs, verbose=0)
    return np.asarray(found[0] if isinstance(found, list) else found)


@pytest.mark.usefixtures("_eagerly")
@pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run")
@pytest.mark.parametrize("case", CASES)
def test_one_seed_gives_equal_files_that_load_without_this_code(case: str, tmp_path: Path) -> None:
    split = CASES[case][1](20, seed=2)
    for name in ("a", "b"):
        trained = run(case)
        save_bundle(tmp_path / name, trained, {"task": "test"})
    for file in ("model.keras", "history.csv"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    stored = load_bundle(tmp_path / "a").model
    inputs = inputs_of(case, split)
    np.testing.assert_allclose(
        outputs(stored, inputs), outputs(trained.model, inputs), rtol=1e-4, atol=1e-4
    )
    other = run(case, seed=2)
    assert not other.history.equals(trained.history)


@pytest.mark.parametrize("case", CASES)
def test_the_history_has_the_losses_and_the_best_weights_are_kept(case: str) -> None:
    trained = run(case, epochs=6, optimizer={"learning_rate": 0.1})
    losses = ["loss", "val_loss"] + ["accuracy", "val_accuracy"] * (case != "tcn")
    assert list(trained.history) == ["epoch", "learning_rate", *losses]
    assert trained.num_examples == 6 * 40
    split = CASES[case][1](20, seed=2)
    found = outputs(trained.model, inputs_of(case, split)).astype(np.float64)
    if case == "tcn":
        loss = np.abs(found - split.y).mean()
    else:
        nll = tf.nn.sparse_softmax_cross_entropy_with_logits(split.y.astype(int), found).numpy()
        loss = nll[split.y != PADDING].mean()
    assert loss == pytest.approx(trained.history["val_loss"].min(), rel=1e-3)


@pytest.mark.parametrize("case", CASES)
def test_without_validation_the_last_weights_are_kept(case: str) -> None:
    trained = run(case, validation=False)
    assert not [name for name in map(str, trained.history) if name.startswith("val_")]


def test_teacher_forcing_shifts_the_target_behind_the_start() -> None:
    y = np.array([[5, 6, END, PADDING]], np.uint8)
    (x, previous), targets, weights = seq2seq.force(tf.constant([[1, 2]]), tf.constant(y))
    assert x.numpy().tolist() == [[1, 2]]
    assert previous.numpy().tolist() == [[START, 5, 6, END]]
    assert targets.numpy().tolist() == y.tolist()
    assert weights.numpy().tolist() == [[1, 1, 1, 0]]


@pytest.mark.parametrize("attention", ["additive", "dot"])
def test_padding_changes_no_output_and_gets_no_attention(attention: str) -> None:
    config = factories.make_config("text_seq2seq", network={"decoder": {"attention": attention}})
    with session(1, "float32"):
        model = seq2seq.build(config.network, factories.INFOS["sequences"]["input"], 8)
    text, tokens = np.array([[3, 1, 5]]), np.array([[START, 4, 6]])
    logits, weights = model.predict([text, tokens], verbose=0)
    padded = np.pad(text, [[0, 0], [0, 4]])
    again, padded_weights = model.predict([padded, tokens], verbose=0)
    np.testing.assert_allclose(again, logits, atol=1e-5)
    np.testing.assert_allclose(padded_weights[..., :3], weights, atol=1e-5)
    assert not padded_weights[..., 3:].any()
    np.testing.assert_allclose(weights.sum(axis=2), 1, atol=1e-5)


@pytest.mark.usefixtures("_eagerly")
@pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run")
@pytest.mark.parametrize("case", ["text_seq2seq", "image_seq2seq"])
def test_decoding_is_greedy_and_stops_at_the_end(case: str) -> None:
    _, make = CASES[case]
    trained, split = run(case, epochs=1), make(30, seed=3)
    length = split.y.shape[1]
    decoded, attention = decode_greedily(trained.model, split.x, length)
    assert (decoded.shape, decoded.dtype) == (split.y.shape, np.uint8)
    assert attention.shape[:2] == decoded.shape
    for image, row in zip(split.x[:3], decoded, strict=False):
        written = [START]
        while len(written) <= length and written[-1] != END:
            logits = trained.model([image[None], np.array([written])])[0].numpy()
            written.append(int(logits[0, -1].argmax()))
        assert row.tolist() == (written[1:] + [PADDING] * length)[:length]


@pytest.mark.traced
def test_texts_are_learned_backwards() -> None:
    trained = run(
        "text_seq2seq", examples=800, epochs=12, optimizer={"learning_rate": 0.02},
        network={"encoder": {"units": 24}, "decoder": {"units": 32, "dropout": 0.0}},
    )  # fmt: skip
    test = factories.make_sequences(100, seed=9)
    right, token_accuracy = compare(decode_greedily(trained.model, test.x, 8)[0], test.y)
    assert right.mean() > 0.8
    assert token_accuracy > 0.9


def test_comparison_counts_sequences_and_tokens() -> None:
    targets = np.array([[3, 4, END], [5, END, PADDING]], np.uint8)
    predicted = np.array([[3, 4, END], [5, 5, END]], np.uint8)
    right, token_accuracy = compare(predicted, targets)
    assert right.tolist() == [True, False]
    assert token_accuracy == pytest.approx(4 / 5)


def test_every_hyperparameter_of_the_tcn_reaches_its_layer() -> None:
    config = factories.make_config(
        "tcn", network={"filters": 6, "kernel_size": 4, "blocks": 3, "dense_units": [7, 5],
                        "dropout": 0.25},
    )  # fmt: skip
    model = tcn.build(config.network, factories.INFOS["waves"]["input"], 4)
    causal = [
        x for x in model.layers if isinstance(x, keras.layers.Conv1D) and x.kernel_size > (1,)
    ]
    assert [layer.dilation_rate for layer in causal] == [(1,), (2,), (4,)]
    assert [(layer.filters, layer.kernel_size, layer.padding) for layer in causal] == (
        [(6, (4,), "causal")] * 3
    )
    dropouts = [x.rate for x in model.layers if isinstance(x, keras.layers.SpatialDropout1D)]
    assert dropouts == [0.25] * 3
    assert [x.units for x in model.layers if isinstance(x, keras.layers.Dense)] == [7, 5, 4]


def test_a_forecast_scales_with_its_series() -> None:
    config = factories.make_config("tcn")
    encoding, past = factories.INFOS["waves"]["input"], factories.make_waves(5).x
    with session(1, "float32"):
        model = tcn.build(config.network, encoding, 4)
    with session(1, "float32"):
        shifted = tcn.build(config.network, encoding | {"mean": 500.0, "std": 70.0}, 4)
    np.testing.assert_allclose(shifted(10 * past), 10 * model(past).numpy(), rtol=1e-4)


@pytest.mark.traced
def test_a_sine_is_forecast_better_than_by_its_last_value() -> None:
    trained = run("tcn", examples=200, epochs=25, network={"dropout": 0.0, "filters": 8})
    test = factories.make_waves(40, seed=7)
    error = np.abs(trained.model.predict(test.x, verbose=0) - test.y).mean()
    assert error < 0.2 * np.abs(test.x[:, -1:] - test.y).mean()
