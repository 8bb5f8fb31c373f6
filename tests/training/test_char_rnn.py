from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax

from stages.config.schema import CharRnnModel
from stages.core.errors import ConfigError, DivergedError
from stages.core.splits import Split
from stages.learning import bundle
from stages.learning.fit import Trained, compile_model
from stages.learning.runtime import session
from stages.networks.char_rnn import sampling
from stages.networks.char_rnn import train as char_rnn
from stages.networks.char_rnn.layers import UnrolledRnn
from stages.pipelines import characters as pipeline
from tests import factories

RHYME = "The cat sat on the mat.\nThe dog, wet, ate 2 figs; why?\n" * 20
OTHER = "A wet dog sat; the cat ate.\n" * 7
VOCABULARY = sorted(set(RHYME + OTHER))
MAKE_BATCHES: Any = pipeline.make_batches
INFO = {"input": {"type": "characters", "vocabulary": VOCABULARY}}
CELLS = ["lstm", "gru", "simple_rnn"]
NETWORK = {"cell": "lstm", "units": 12, "embedding_dim": 6}
TRAINING = {
    "epochs": 3, "batch_size": 4, "sample_temperatures": [0.3, 1.0], "sample_length": 20,
    "sample_every": 2,
}  # fmt: skip
NETWORK_KEYS = set(factories.make_config("char_rnn").network.model_dump())


def make_config(**changes: Any) -> CharRnnModel:
    """Return the small config; each change goes to the section that has its key."""
    network = NETWORK | {key: value for key, value in changes.items() if key in NETWORK_KEYS}
    training = TRAINING | {key: value for key, value in changes.items() if key not in NETWORK_KEYS}
    training["optimizer"] = {"learning_rate": 0.02} | changes.get("optimizer", {})
    return factories.make_config("char_rnn", network=network, training=training)


def encode(text: str) -> Split:
    ids = np.array([VOCABULARY.index(character) for character in text], np.uint16)
    return Split(ids[:-1], ids[1:])


TRAIN, VALIDATION = encode(RHYME), encode(OTHER)


def run(validation: Split | None = VALIDATION, seed: int = 1, **changes: Any) -> Trained:
    config = make_config(**changes)
    with session(seed, config.training.precision):
        return char_rnn.train(config, INFO, TRAIN, validation, MAKE_BATCHES)


def build(size: int = 9, length: int = 10, **changes: Any) -> char_rnn.Networks:
    return char_rnn.build(make_config(**changes).network, size, length)


def numbered(n: int) -> Split:
    return Split(np.arange(n, dtype=np.uint16), np.arange(1, n + 1, dtype=np.uint16))


# The batches


@given(st.integers(10, 400), st.integers(1, 8), st.integers(1, 10))
def test_training_batches_are_the_text_in_order(n: int, count: int, length: int) -> None:
    batches = pipeline.training_batches(numbered(n), count, length)
    x, y = (np.stack(parts) for parts in zip(*batches.as_numpy_iterator(), strict=True))
    assert (y == x + 1).all()
    assert len(x) == len(batches)
    assert x.dtype == y.dtype == np.int32
    assert x.shape[1:] == tuple(batches.element_spec[0].shape)
    assert x.shape[2] == length
    assert 1 <= x.shape[1] <= count
    start = x.min()
    assert (x.swapaxes(0, 1).ravel() == np.arange(start, start + x.size)).all()
    assert n - x.size < x.shape[1] * length
    assert 0 <= start <= n - x.size


def test_each_epoch_begins_elsewhere() -> None:
    training = make_config(sequence_length=50, batch_size=2).training
    with session(3, "float32"):
        batches = pipeline.make_batches(numbered(199), training, shuffle=True)
        starts = [int(next(iter(batches))[0][0, 0]) for _ in range(20)]
    with session(3, "float32"):
        batches = pipeline.make_batches(numbered(199), training, shuffle=True)
        assert [int(next(iter(batches))[0][0, 0]) for _ in range(20)] == starts
    assert len(set(starts)) > 8
    assert max(starts) <= 99


def test_validation_batches_read_the_whole_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "VALIDATION_LENGTH", 7)
    batches = pipeline.make_batches(numbered(163), make_config().training, shuffle=False)
    x, y = (np.concatenate(parts, axis=1) for parts in zip(*batches, strict=True))
    assert (x == np.arange(160).reshape(8, 20)).all()
    assert (y == x + 1).all()
    assert batches.element_spec[0].shape[0] == 8


def test_a_text_shorter_than_a_sequence_is_rejected() -> None:
    training = make_config(sequence_length=100).training
    with pytest.raises(ConfigError, match="found 100, expected at most 99, the length of the"):
        pipeline.make_batches(numbered(99), training, shuffle=True)


# The network


def test_every_hyperparameter_reaches_its_layer() -> None:
    unrolled, model = build(units=5, layers=3, weight_dropout=0.3)
    rates = [x.weight_dropout for x in unrolled.layers if isinstance(x, UnrolledRnn)]
    assert rates == [0.3, 0.3, 0.3]
    embedding, *_ = (x for x in model.layers if isinstance(x, keras.layers.Embedding))
    assert (embedding.input_dim, embedding.output_dim) == (9, 6)
    dropouts = [x.rate for x in model.layers if isinstance(x, keras.layers.SpatialDropout1D)]
    assert dropouts == [0.1, 0.2, 0.2, 0.2]
    layers = [x for x in model.layers if isinstance(x, keras.layers.RNN)]
    assert [layer.cell.units for layer in layers] == [5, 5, 5]


@pytest.mark.parametrize("cell", CELLS)
def test_both_networks_share_their_weights_and_agree(cell: str) -> None:
    unrolled, recurrent = build(cell=cell)
    model = char_rnn.CharRnn(char_rnn.Networks(unrolled, recurrent), 3, 3)
    assert len(model.get_weights()) == len(recurrent.get_weights())
    layer = next(x for x in recurrent.layers if isinstance(x, keras.layers.RNN))
    kinds = {"lstm": keras.layers.LSTMCell, "gru": keras.layers.GRUCell}
    assert isinstance(layer.cell, kinds.get(cell, keras.layers.SimpleRNNCell))
    recurrent.set_weights([weights * 2 for weights in recurrent.get_weights()])
    x = tf.constant(np.random.default_rng(0).integers(0, 9, (3, 10)), tf.int32)
    states = sampling.initial_states(unrolled, 3)
    for one, other in zip(unrolled([x, *states]), recurrent([x, *states]), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_an_unrolled_layer_is_equivalent_to_that_of_keras(cell: str) -> None:
    kinds = {"lstm": keras.layers.LSTMCell, "gru": keras.layers.GRUCell}
    rnn_cell = kinds.get(cell, keras.layers.SimpleRNNCell)(5, bias_initializer="uniform")
    layer = UnrolledRnn(rnn_cell, 0.0)
    expected = keras.layers.RNN(rnn_cell, return_sequences=True, return_state=True)
    x = keras.random.normal((3, 7, 4), seed=1)
    states = [keras.random.normal((3, 5), seed=2)] * char_rnn.NUM_STATES[cell]

    def compute(network: keras.layers.Layer) -> list[np.ndarray]:
        with tf.GradientTape() as tape:
            tape.watch([x, *states])
            outputs = network(x, initial_state=states, training=True)
            loss = sum(tf.reduce_sum(output**3) for output in outputs)
        gradients = tape.gradient(loss, [x, *states, *rnn_cell.trainable_weights])
        return [value.numpy() for value in (*outputs, *gradients)]

    for ours, theirs in zip(compute(layer), compute(expected), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_states_and_biases_stay_float32_in_bfloat16() -> None:
    with session(1, "mixed_bfloat16"):
        cell = keras.layers.LSTMCell(2, kernel_initializer="zeros", recurrent_initializer="zeros")
        inputs, states = keras.Input((3, 4)), [keras.Input((2,)), keras.Input((2,))]
        layer = UnrolledRnn(cell, 0.0)
        model = keras.Model([inputs, *states], layer(inputs, initial_state=states))
        cell.bias.assign([30, 30, 30, 30, 1.001, 1.001, 30, 30])  # bfloat16 has 1 instead of 1.001
        outputs = model([tf.zeros((1, 3, 4)), tf.zeros((1, 2)), tf.fill((1, 2), 0.001)])
    assert {output.dtype for output in outputs} == {tf.float32}
    carry = 0.001 + 3 * np.tanh(1.001)
    np.testing.assert_allclose(outputs[2], [[carry, carry]], rtol=1e-5)


def test_masks_are_rejected() -> None:
    layer = UnrolledRnn(keras.layers.SimpleRNNCell(2), 0.0)
    with pytest.raises(ValueError, match="does not support masks"):
        layer(tf.zeros((1, 3, 4)), initial_state=[tf.zeros((1, 2))], mask=tf.ones((1, 3), tf.bool))


def test_weight_dropout_has_one_mask_per_training_batch() -> None:
    cell = keras.layers.SimpleRNNCell(20, activation=None, kernel_initializer="identity")
    layer = UnrolledRnn(cell, 0.25)
    x = np.zeros((20, 3, 20), np.float32)
    x[:, 0] = np.eye(20)  # so that the states after it are the powers of the recurrent weights
    zeros = tf.zeros((20, 20))
    whole, _ = layer(x, initial_state=[zeros])
    weights = cell.recurrent_kernel.numpy()
    np.testing.assert_allclose(whole[:, 1], weights, rtol=1e-5)
    states, final = layer(x, initial_state=[zeros], training=True)
    dropped = states[:, 1].numpy()
    assert 0.15 < np.mean(dropped == 0) < 0.35
    np.testing.assert_allclose(dropped[dropped != 0], weights[dropped != 0] / 0.75, rtol=1e-5)
    np.testing.assert_allclose(final, dropped @ dropped, atol=1e-5)
    again, _ = layer(x, initial_state=[zeros], training=True)
    assert (again[:, 1].numpy() != dropped).any()
    assert (cell.recurrent_kernel.numpy() == weights).all()


def trainer(**changes: Any) -> char_rnn.CharRnn:
    model = char_rnn.CharRnn(build(**changes), num_streams=2, num_validation_streams=2)
    compile_model(model, keras.optimizers.SGD(0.0))
    return model


NO_DROPOUT: dict[str, Any] = {"dropout": 0.0, "spatial_dropout": 0.0, "weight_dropout": 0.0}
X = np.random.default_rng(0).integers(0, 9, (2, 30))
Y = np.random.default_rng(1).integers(0, 9, (2, 30))


def test_states_are_carried_from_batch_to_batch_in_training() -> None:
    """With a learning rate of 0, three batches are one long one; with resets, they are not."""
    model = trainer(**NO_DROPOUT)
    model.recurrent.set_weights([weights * 3 for weights in model.recurrent.get_weights()])
    whole = sampling.token_nll(model.recurrent, X, Y)

    def losses(reset: bool) -> list[float]:
        values = []
        char_rnn.reset(model.train_states)
        for start in (0, 10, 20):
            if reset:
                char_rnn.reset(model.train_states)
            model.reset_metrics()
            batch = [tf.constant(a[:, start : start + 10], tf.int32) for a in (X, Y)]
            values.append(float(model.train_step((batch[0], batch[1]))["loss"]))
        return values

    expected = whole.reshape(2, 3, 10).mean(axis=(0, 2))
    assert losses(reset=False) == pytest.approx(expected, abs=1e-5)
    assert losses(reset=True)[0] == pytest.approx(expected[0], abs=1e-5)
    assert np.abs(losses(reset=True)[1:] - expected[1:]).min() > 1e-3


def test_epochs_and_validations_begin_with_zero_states() -> None:
    model = trainer(**NO_DROPOUT)
    callback = char_rnn.ResetStates()
    callback.set_model(model)
    for state in (*model.train_states, *model.validation_states):
        state.assign(tf.ones_like(state))
    callback.on_test_begin()
    assert all((state.numpy() == 0).all() for state in model.validation_states)
    assert all((state.numpy() == 1).all() for state in model.train_states)
    callback.on_epoch_begin(0)
    assert all((state.numpy() == 0).all() for state in model.train_states)


def test_the_gradient_stops_at_batch_boundaries_and_changes_the_weights() -> None:
    model = trainer()
    model.optimizer.learning_rate = 0.1
    before = model.get_weights()
    model.train_step((tf.constant(X[:, :10], tf.int32), tf.constant(Y[:, :10], tf.int32)))
    assert all((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))


# Training


@pytest.mark.parametrize("cell", CELLS)
def test_one_seed_gives_one_result_that_learns(cell: str, tmp_path: Path) -> None:
    first, again = run(cell=cell), run(cell=cell)
    for a, b in zip(first.model.get_weights(), again.model.get_weights(), strict=True):
        assert (a == b).all()
    assert first.history.equals(again.history)
    assert {"epoch", "learning_rate", "loss", "val_loss"} == set(first.history)
    assert first.history["loss"].iloc[-1] < first.history["loss"].iloc[0]
    assert first.snapshots["epoch"].tolist() == [0, 2, 3]
    samples = first.snapshots["samples"]
    assert (samples.dtype, samples.shape) == (np.uint16, (3, 2, 20))
    assert (samples[0] != samples[-1]).any()
    assert first.num_examples == 3 * (len(TRAIN.x) // 40 * 40)
    # Stored, it has standard layers only, and the same outputs.
    bundle.save_model(tmp_path / "model.keras", first.model)
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    assert all(type(layer).__module__.startswith("keras.") for layer in loaded.layers)
    before, after = (
        sampling.token_nll(model, VALIDATION.x[None], VALIDATION.y[None])
        for model in (first.model, loaded)
    )
    np.testing.assert_allclose(after, before, atol=1e-5)


def test_another_seed_gives_another_result() -> None:
    assert not run(seed=1, epochs=1).history.equals(run(seed=2, epochs=1).history)


def test_the_weights_of_the_best_epoch_are_kept() -> None:
    trained = run(optimizer={"learning_rate": 0.3, "schedule": "constant"}, epochs=6)
    losses = trained.history["val_loss"]
    used = len(VALIDATION.x) // 8 * 8
    x, y = (values[:used].reshape(8, -1) for values in VALIDATION)
    nll = sampling.token_nll(trained.model, x, y)
    assert losses.min() == pytest.approx(nll.mean(), abs=1e-5)
    assert losses.iloc[-1] > losses.min()


def test_without_validation_the_last_weights_are_kept() -> None:
    assert "val_loss" not in run(validation=None, epochs=1).history


def test_bfloat16_trains_too() -> None:
    trained = run(precision="mixed_bfloat16", epochs=1)
    assert trained.history["val_loss"].iloc[0] < np.log(len(VOCABULARY)) + 0.5


def test_a_diverged_training_run_keeps_the_last_finite_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    good = run(epochs=1).model.get_weights()
    original = char_rnn.CharRnn.train_step

    def broken(self: char_rnn.CharRnn, data: Any) -> Any:
        logs = original(self, data)
        weights = self.trainable_variables[0]
        weights.assign(tf.where(self.optimizer.iterations > 30, np.nan, weights))
        return logs

    monkeypatch.setattr(char_rnn.CharRnn, "train_step", broken)
    with pytest.raises(DivergedError, match="epoch 2") as caught:
        run(epochs=3)
    model = caught.value.model
    assert len(model.outputs) == 5
    assert all((a == b).all() for a, b in zip(good, model.get_weights(), strict=True))


# Likelihood and sampling


def test_token_nll_is_the_cross_entropy() -> None:
    model = build().recurrent
    logits, *_ = model([tf.constant(X, tf.int32), *sampling.initial_states(model, 2)])
    expected = -np.take_along_axis(log_softmax(np.asarray(logits, float), axis=2), Y[..., None], 2)
    nll = sampling.token_nll(model, X.astype(np.uint16), Y.astype(np.uint16))
    assert nll.dtype == np.float64
    np.testing.assert_allclose(nll, expected[..., 0], atol=1e-5)


def test_token_nll_carries_the_states_between_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build().recurrent
    model.set_weights([weights * 3 for weights in model.get_weights()])
    whole = sampling.token_nll(model, X, Y)
    monkeypatch.setattr(sampling, "CHUNK_LENGTH", 7)
    np.testing.assert_allclose(sampling.token_nll(model, X, Y), whole, atol=1e-5)
    assert (sampling.token_nll(model, X[:, 7:], Y[:, 7:]) != whole[:, 7:]).any()


def test_characters_are_drawn_by_their_probability_and_low_temperatures_repeat() -> None:
    model = build(3, layers=1).recurrent
    weights = [np.zeros_like(values) for values in model.get_weights()]
    weights[-1] = np.log(np.array([0.6, 0.3, 0.1], np.float32))  # the logits for any input
    model.set_weights(weights)
    noise = np.random.default_rng(0).gumbel(size=(4000, 2, 3))
    careful, plain = sampling.make_sampler(model)(np.array([0]), [0.1, 1.0], noise)
    assert np.bincount(plain) / 4000 == pytest.approx([0.6, 0.3, 0.1], abs=0.03)
    assert (careful == 0).mean() > 0.99


def test_the_whole_prompt_is_read_before_sampling() -> None:
    """Without noise, each character is the likeliest after the prompt and the sampled ones."""
    model = build(**NO_DROPOUT).recurrent
    model.set_weights([weights * 4 for weights in model.get_weights()])
    sample, noise = sampling.make_sampler(model), np.zeros((5, 1, 9))
    results = set()
    for prompt in (np.array([1]), np.array([2, 1]), X[0, :8]):
        text = prompt.tolist()
        for _ in range(5):
            logits, *_ = model([tf.constant([text], tf.int32), *sampling.initial_states(model, 1)])
            text.append(int(logits[0, -1].numpy().argmax()))
        sampled = sample(prompt, [1.0], noise)
        assert sampled.dtype == np.uint16
        assert sampled.tolist() == [text[len(prompt) :]]
        results.add(tuple(sampled[0]))
    assert len(results) > 1


def test_the_most_frequent_character_is_the_prompt() -> None:
    assert sampling.most_frequent(np.array([3, 1, 3, 2], np.uint16)).tolist() == [3]
