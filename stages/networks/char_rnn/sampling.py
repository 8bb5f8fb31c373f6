"""What a trained character model is used for: the likelihood of texts, and new texts.

The model is a functional one, [characters, *states] to [logits, *states]; see build in train.py.
"""

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

CHUNK_LENGTH = 5000  # characters read at once, which bounds the memory that a long text takes

Sampler = Callable[[np.ndarray, Sequence[float], np.ndarray], np.ndarray]


def initial_states(model: keras.Model, batch_size: int) -> list[tf.Tensor]:
    """Zero states, each [batch_size, units], float32: nothing has been read."""
    return [tf.zeros((batch_size, state.shape[1])) for state in model.inputs[1:]]


def token_nll(model: keras.Model, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Negative log-likelihood of each next character, in nats.

    States are zero at the beginning of each stream and carried to its end.

    Args:
        model: the character model.
        x: [streams, n] integers, the characters.
        y: [streams, n] integers, the character after each.

    Returns:
        [streams, n] float64.
    """
    states, chunks = initial_states(model, len(x)), []
    for start in range(0, x.shape[1], CHUNK_LENGTH):
        inputs, targets = x[:, start : start + CHUNK_LENGTH], y[:, start : start + CHUNK_LENGTH]
        logits, *states = model.predict_on_batch([inputs.astype(np.int32), *states])
        logits = logits.astype(np.float64)
        largest = logits.max(axis=2, keepdims=True)
        log_total = largest[..., 0] + np.log(np.exp(logits - largest).sum(axis=2))
        target_logits = np.take_along_axis(logits, targets[..., None].astype(np.int64), axis=2)
        chunks.append(log_total - target_logits[..., 0])
    return np.concatenate(chunks, axis=1)


def most_frequent(characters: np.ndarray) -> np.ndarray:
    """The most frequent of `characters` [n], as a prompt [1]: in most languages a space."""
    return np.array([np.bincount(characters).argmax()])


def make_sampler(model: keras.Model) -> Sampler:
    """Make a function that lets `model` continue a prompt.

    A character is drawn by its probability as the largest logit after Gumbel noise is added, so
    that with equal noise two texts differ only by the models that wrote them.

    Args:
        model: the character model.

    Returns:
        sample(prompt, temperatures, noise) -> texts, where `prompt` is [m] integers, m >= 1, read
        before sampling; `temperatures` [t] divide the logits (below 1 likely characters become
        likelier); `noise` is Gumbel noise [length, t, vocabulary]; and the texts are
        [t, length] uint16, without the prompt.

    Reference:
        Maddison, Tarlow, Minka: A* sampling. NIPS 2014.
    """

    @tf.function(reduce_retracing=True)
    def sample_ids(prompts: tf.Tensor, temperatures: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        logits, states = read(prompts, initial_states(model, noise.shape[1]))
        sampled = tf.TensorArray(tf.int32, tf.shape(noise)[0])
        for step in tf.range(tf.shape(noise)[0]):
            scores = logits / temperatures[:, None] + noise[step]
            characters = tf.argmax(scores, axis=1, output_type=tf.int32)
            sampled = sampled.write(step, characters)
            logits, states = read(characters[:, None], states)
        return tf.transpose(sampled.stack())

    def read(characters: tf.Tensor, states: list[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Logits [t, vocabulary] after the last of `characters` [t, m], and the states then."""
        logits, *states = model([characters, *states], training=False)
        return logits[:, -1], [tf.cast(state, tf.float32) for state in states]

    def sample(prompt: np.ndarray, temperatures: Sequence[float], noise: np.ndarray) -> np.ndarray:
        prompts = tf.tile(tf.constant(prompt, tf.int32)[None], [len(temperatures), 1])
        ids = sample_ids(
            prompts, tf.constant(list(temperatures), tf.float32), tf.constant(noise, tf.float32)
        )
        return ids.numpy().astype(np.uint16)

    return sample
