"""Recurrent layer for training on sequences of fixed length."""

from collections.abc import Callable

import keras
import tensorflow as tf

Project = Callable[[tf.Tensor], tf.Tensor]  # hidden states [n, units] times recurrent kernel


class UnrolledRnn(keras.layers.RNN):
    """Unrolled recurrent layer with weight dropout (DropConnect) on the recurrent kernel.

    Equivalent to keras.layers.RNN up to rounding, in less than half the time on a CPU: the inputs
    of all characters are multiplied by the kernel at once. A dropout mask is drawn once per batch,
    for all its examples and characters. With a mixed dtype policy only the matrix products are
    bfloat16; the states are float32.

    Args:
        cell: Keras LSTMCell, GRUCell or SimpleRNNCell, without dropout.
        weight_dropout: Fraction of the recurrent weights to drop in training.

    Input shape:
        [n, length, features].

    Output shape:
        [n, length, units] and the final states, each [n, units]; float32.

    Reference:
        Merity, Keskar, Socher: Regularizing and optimizing LSTM language models. ICLR 2018.
    """

    def __init__(self, cell: keras.layers.Layer, weight_dropout: float) -> None:
        super().__init__(cell, return_sequences=True, return_state=True, autocast=False)
        self.weight_dropout = weight_dropout
        self.seed_generator = keras.random.SeedGenerator()

    def call(
        self,
        sequences: tf.Tensor,
        initial_state: list[tf.Tensor],
        mask: tf.Tensor | None = None,
        training: bool = False,
    ) -> list[tf.Tensor]:
        """Process sequences [n, length, features]; `mask` must be None."""
        if mask is not None:
            raise ValueError("UnrolledRnn does not support masks")
        recurrent_kernel = tf.convert_to_tensor(self.cell.recurrent_kernel)
        if training and self.weight_dropout:
            recurrent_kernel = keras.random.dropout(
                recurrent_kernel, self.weight_dropout, seed=self.seed_generator
            )
        recurrent_kernel = tf.cast(recurrent_kernel, self.compute_dtype)
        bias, recurrent_bias = split_bias(self.cell)

        def project(hidden: tf.Tensor) -> tf.Tensor:
            product = tf.matmul(tf.cast(hidden, self.compute_dtype), recurrent_kernel)
            return tf.cast(product, tf.float32) + recurrent_bias

        step, states, outputs = STEPS[type(self.cell)], initial_state, []
        for inputs in tf.unstack(self.project_inputs(sequences, bias)):
            states = step(self.cell, inputs, states, project)
            outputs.append(states[0])
        return [tf.stack(outputs, axis=1), *states]

    def project_inputs(self, sequences: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
        """Compute inputs times kernel plus bias, float32 [length, n, multiple of units]."""
        _, length, features = sequences.shape
        flat = tf.reshape(tf.transpose(sequences, [1, 0, 2]), [-1, features])
        kernel = tf.cast(self.cell.kernel, self.compute_dtype)
        projected = tf.cast(tf.matmul(tf.cast(flat, self.compute_dtype), kernel), tf.float32)
        return tf.reshape(tf.nn.bias_add(projected, bias), [length, -1, kernel.shape[1]])


def split_bias(cell: keras.layers.Layer) -> tuple[tf.Tensor, tf.Tensor | float]:
    """Split the bias into that of the inputs and that of the states; only a GRU has both."""
    bias = tf.cast(cell.bias, tf.float32)  # bfloat16 when called outside of a model
    return tuple(tf.unstack(bias)) if len(bias.shape) == 2 else (bias, 0.0)


def lstm_step(
    cell: keras.layers.LSTMCell, inputs: tf.Tensor, states: list[tf.Tensor], project: Project
) -> list[tf.Tensor]:
    """Compute the states [hidden, carry] after the next character.

    Args:
        cell: Cell, for its activations.
        inputs: Projected inputs, float32 [n, 4 units].
        states: States [hidden, carry], float32 [n, units].
        project: See Project.
    """
    hidden, carry = states
    input_gate, forget_gate, candidate, output_gate = tf.split(inputs + project(hidden), 4, axis=1)
    gate = cell.recurrent_activation
    carry = gate(forget_gate) * carry + gate(input_gate) * cell.activation(candidate)
    return [gate(output_gate) * cell.activation(carry), carry]


def gru_step(
    cell: keras.layers.GRUCell, inputs: tf.Tensor, states: list[tf.Tensor], project: Project
) -> list[tf.Tensor]:
    """Compute the state [hidden] after the next character; see `lstm_step`."""
    (hidden,) = states
    update, reset, candidate = tf.split(inputs, 3, axis=1)
    by_update, by_reset, by_candidate = tf.split(project(hidden), 3, axis=1)
    update = cell.recurrent_activation(update + by_update)
    reset = cell.recurrent_activation(reset + by_reset)
    candidate = cell.activation(candidate + reset * by_candidate)
    return [update * hidden + (1 - update) * candidate]


def simple_step(
    cell: keras.layers.SimpleRNNCell, inputs: tf.Tensor, states: list[tf.Tensor], project: Project
) -> list[tf.Tensor]:
    """Compute the state [hidden] after the next character; see `lstm_step`."""
    return [cell.activation(inputs + project(states[0]))]


STEPS = {
    keras.layers.LSTMCell: lstm_step,
    keras.layers.GRUCell: gru_step,
    keras.layers.SimpleRNNCell: simple_step,
}
