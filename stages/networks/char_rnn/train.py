"""Training of the character-level language model by truncated backpropagation through time.

Reference:
    Graves: Generating sequences with recurrent neural networks. arXiv 1308.0850, 2013.
    Karpathy: The unreasonable effectiveness of recurrent neural networks. 2015.
"""

from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from stages.config.schema import CharRnn as CharRnnConfig
from stages.config.schema import CharRnnModel, CharRnnTraining
from stages.core.errors import DivergedError
from stages.core.splits import Split
from stages.learning.callbacks import Snapshots
from stages.learning.fit import MakeBatches, Trained, compile_model, fit
from stages.learning.optimizers import make_optimizer
from stages.networks.char_rnn.layers import UnrolledRnn
from stages.networks.char_rnn.sampling import make_sampler, most_frequent

CELLS = {
    "lstm": keras.layers.LSTMCell,
    "gru": keras.layers.GRUCell,
    "simple_rnn": keras.layers.SimpleRNNCell,
}
NUM_STATES = {"lstm": 2, "gru": 1, "simple_rnn": 1}  # state tensors of a cell


def train(
    config: CharRnnModel,
    info: dict[str, Any],
    train: Split,
    validation: Split | None,
    make_batches: MakeBatches,
) -> Trained:
    """Train with cross-entropy loss; keep the weights of the epoch with the best validation loss.

    Args:
        config: The model's section of params.yaml.
        info: The dataset's info.json, for the vocabulary.
        train: Characters and next characters, integers [n].
        validation: Validation split; without it the last weights are kept.
        make_batches: Function of the input pipeline.

    Returns:
        The recurrent model of `Networks`, a history by epoch, and snapshots: `epoch` [snapshots];
        `samples`, uint16 [snapshots, temperatures, length], with the same noise each time.

    Raises:
        ConfigError: If the training text is shorter than a sequence.
        DivergedError: If a loss or weight is not finite.
    """
    training, vocabulary_size = config.training, len(info["input"]["vocabulary"])
    batches = make_batches(train, training, shuffle=True)
    networks = build(config.network, vocabulary_size, training.sequence_length)
    snapshots = make_snapshots(networks.recurrent, training, train, vocabulary_size)
    callbacks: list[keras.callbacks.Callback] = [ResetStates(), snapshots]
    validation_batches, num_validation_streams = None, 0
    if validation is not None:
        validation_batches = make_batches(validation, training, shuffle=False)
        num_validation_streams = validation_batches.element_spec[0].shape[0]
        callbacks.append(
            keras.callbacks.EarlyStopping(patience=training.epochs, restore_best_weights=True)
        )
    model = CharRnn(networks, batches.element_spec[0].shape[0], num_validation_streams)
    compile_model(model, make_optimizer(training.optimizer, training.epochs * len(batches)))
    try:
        history = fit(
            model, batches, validation_batches, epochs=training.epochs, callbacks=callbacks
        )
    except DivergedError as error:
        raise DivergedError(str(error), networks.recurrent) from None
    num_characters = np.prod(batches.element_spec[0].shape) * len(batches)
    return Trained(
        networks.recurrent,
        history,
        snapshots.arrays("epoch"),
        training.epochs * int(num_characters),
    )


def make_snapshots(
    model: keras.Model, training: CharRnnTraining, train: Split, vocabulary_size: int
) -> Snapshots:
    """Make a callback that samples texts every `sample_every` epochs, and after the last."""
    temperatures = training.sample_temperatures
    noise = np.random.default_rng(training.seed).gumbel(
        size=(training.sample_length, len(temperatures), vocabulary_size)
    )
    sample, prompt = make_sampler(model), most_frequent(train.y)
    return Snapshots(
        {*range(0, training.epochs, training.sample_every), training.epochs},
        lambda: {"samples": sample(prompt, temperatures, noise)},
    )


class Networks(NamedTuple):
    """Two functional models, [characters, *states] to [logits, *states], with shared weights.

    Characters are int32 [n, length], logits float32 [n, length, vocabulary]; each state is
    [n, units] and is passed to the next call.

    Attributes:
        unrolled: Model for sequences of the training length; faster on a CPU.
        recurrent: Model for sequences of any length, to be stored.
    """

    unrolled: keras.Model
    recurrent: keras.Model


def build(network: CharRnnConfig, vocabulary_size: int, sequence_length: int) -> Networks:
    """Build both models from the same layers.

    Dropout masks of units are drawn once per sequence and shared by all its characters.

    Args:
        network: The model's network config.
        vocabulary_size: Number of distinct characters.
        sequence_length: Number of characters per training sequence.

    Reference:
        Gal, Ghahramani: A theoretically grounded application of dropout in recurrent neural
        networks. NIPS 2016.
        Merity, Keskar, Socher: Regularizing and optimizing LSTM language models. ICLR 2018
        (weight_dropout).
    """
    embedding = keras.layers.Embedding(vocabulary_size, network.embedding_dim)
    spatial_dropout = keras.layers.SpatialDropout1D(network.spatial_dropout)
    cells = [CELLS[network.cell](network.units) for _ in range(network.layers)]
    dropouts = [keras.layers.SpatialDropout1D(network.dropout) for _ in cells]
    output = keras.layers.Dense(vocabulary_size, dtype="float32", name="logits")

    def connect(length: int | None) -> keras.Model:
        characters = keras.Input((length,), dtype="int32")
        x = spatial_dropout(embedding(characters))
        states_in, states_out = [], []
        for cell, dropout in zip(cells, dropouts, strict=True):
            states = [keras.Input((network.units,)) for _ in range(NUM_STATES[network.cell])]
            if length is None:
                layer = keras.layers.RNN(cell, return_sequences=True, return_state=True)
            else:
                layer = UnrolledRnn(cell, network.weight_dropout)
            x, *final_states = layer(x, initial_state=states)
            x = dropout(x)
            states_in += states
            states_out += final_states
        return keras.Model([characters, *states_in], [output(x), *states_out])

    return Networks(connect(sequence_length), connect(None))


class CharRnn(keras.Model):
    """Trains by truncated backpropagation through time on contiguous batches.

    Each batch begins with the final states of the previous one, but gradients stop at batch
    boundaries. Reports `loss`, the mean cross-entropy in nats per character.

    Args:
        networks: Networks from `build`.
        num_streams: Number of streams per training batch.
        num_validation_streams: Number of streams per validation batch.
    """

    def __init__(self, networks: Networks, num_streams: int, num_validation_streams: int) -> None:
        super().__init__()
        self.unrolled, self.recurrent = networks
        self.train_states = self._make_states(num_streams)
        self.validation_states = self._make_states(num_validation_streams)
        self.loss_tracker = keras.metrics.Mean(name="loss")
        self.built = True

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """Metrics: the mean loss over characters."""
        return [self.loss_tracker]

    def _make_states(self, num_streams: int) -> list[tf.Variable]:
        """Create zero states, which are not weights of the model and are not stored."""
        return [
            tf.Variable(tf.zeros((num_streams, state.shape[1])), trainable=False)
            for state in self.recurrent.inputs[1:]
        ]

    def call(self, inputs: list[tf.Tensor], training: bool | None = None) -> list[tf.Tensor]:
        """See `Networks`."""
        return self.recurrent(inputs, training=training)

    def train_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Take one step on a batch (x, y), int32 [num_streams, sequence_length]."""
        x, y = data
        with tf.GradientTape() as tape:
            nll = self._forward(self.unrolled, x, y, self.train_states, training=True)
            loss = tf.reduce_mean(nll)
        variables = self.trainable_variables
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        return self._report(nll)

    def test_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Evaluate a batch (x, y), int32 [num_validation_streams, any length]."""
        x, y = data
        return self._report(
            self._forward(self.recurrent, x, y, self.validation_states, training=False)
        )

    def _forward(
        self,
        network: keras.Model,
        x: tf.Tensor,
        y: tf.Tensor,
        states: list[tf.Variable],
        training: bool,
    ) -> tf.Tensor:
        """Compute the loss of each character, and update `states` to the final states."""
        logits, *final_states = network([x, *states], training=training)
        for state, final in zip(states, final_states, strict=True):
            state.assign(tf.cast(final, tf.float32))
        return tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits)

    def _report(self, nll: tf.Tensor) -> dict[str, tf.Tensor]:
        self.loss_tracker.update_state(nll)
        return self.get_metrics_result()


class ResetStates(keras.callbacks.Callback):
    """Resets the states at the beginning of each epoch and each validation."""

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Reset the training states."""
        del epoch, logs
        reset(self.model.train_states)

    def on_test_begin(self, logs: dict[str, float] | None = None) -> None:
        """Reset the validation states."""
        del logs
        reset(self.model.validation_states)


def reset(states: list[tf.Variable]) -> None:
    """Set all states to zero."""
    for state in states:
        state.assign(tf.zeros_like(state))
