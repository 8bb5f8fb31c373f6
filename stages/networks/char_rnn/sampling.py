"""Likelihood and sampling of texts with a trained character-level language model.

It is a functional model, [characters, *states] to [logits, *states]; see `build` in train.py.
"""

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

CHUNK_LENGTH = 5000  # characters per call, which bounds the memory for long texts

Sampler = Callable[[np.ndarray, Sequence[float], np.ndarray], np.ndarray]


def initial_states(model: keras.Model, batch_size: int) -> list[tf.Tensor]:
    """Return zero states, float32 [batch_size, units] each, as at the beginning of a text."""
    return [tf.zeros((batch_size, state.shape[1])) for state in model.inputs[1:]]


def token_nll(model: keras.Model, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Compute the negative log-likelihood of each next character, in nats.

    States are zero at the beginning of each stream and carried to its end.

    Args:
        model: Character-level language model.
        x: Characters, integers [streams, n].
        y: Next characters, integers [streams, n].

    Returns:
        Negative log-likelihoods, float64 [streams, n].
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
    """Return the most frequent of `characters` [n], usually the space, as a prompt [1]."""
    return np.array([np.bincount(characters).argmax()])


def make_sampler(model: keras.Model) -> Sampler:
    """Make a function that samples continuations of a prompt.

    Characters are sampled with the Gumbel-max trick: the largest logit after adding Gumbel noise.
    With equal noise, two texts differ only by their models.

    Args:
        model: Character-level language model.

    Returns:
        Function sample(prompt, temperatures, noise) -> texts: `prompt`, integers [m], m >= 1, is
        read before sampling; the logits are divided by `temperatures` [t] (below 1, likely
        characters become likelier); `noise` is Gumbel noise [length, t, vocabulary]; the texts
        are uint16 [t, length], without the prompt.

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
        """Compute the logits [t, vocabulary] and the states after `characters` [t, m]."""
        logits, *states = model([characters, *states], training=False)
        return logits[:, -1], [tf.cast(state, tf.float32) for state in states]

    def sample(prompt: np.ndarray, temperatures: Sequence[float], noise: np.ndarray) -> np.ndarray:
        prompts = tf.tile(tf.constant(prompt, tf.int32)[None], [len(temperatures), 1])
        ids = sample_ids(
            prompts, tf.constant(list(temperatures), tf.float32), tf.constant(noise, tf.float32)
        )
        return ids.numpy().astype(np.uint16)

    return sample
