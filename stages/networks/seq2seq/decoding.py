"""Greedy decoding with a trained encoder-decoder network, and comparison with the targets."""

import keras
import numpy as np

from stages.networks.seq2seq.tokens import END, PADDING, START

BATCH = 500  # examples decoded at a time, which bounds memory


def decode_greedily(
    model: keras.Model, x: np.ndarray, max_length: int
) -> tuple[np.ndarray, np.ndarray]:
    """Write the most likely token at each position, given those written before.

    Args:
        model: Model from `train.build`, with the layers `encoder` and `decoder`.
        x: Inputs [n, ...], as the encoder reads them.
        max_length: Maximum number of tokens, END included.

    Returns:
        Token ids, uint8 [n, max_length], PADDING after END; and attention weights, float32
        [n, max_length, positions], of each token over the positions of the encoder.
    """
    parts = [
        decode_batch(model, x[start : start + BATCH], max_length)
        for start in range(0, len(x), BATCH)
    ]
    tokens, attention = zip(*parts, strict=True)
    return np.concatenate(tokens), np.concatenate(attention)


def decode_batch(
    model: keras.Model, x: np.ndarray, max_length: int
) -> tuple[np.ndarray, np.ndarray]:
    """Decode one batch; see `decode_greedily`.

    The decoder reads all positions at each step; later ones do not influence earlier ones, so that
    it needs no interface for its state.
    """
    encoded = model.get_layer("encoder").predict_on_batch(x)
    decoder = model.get_layer("decoder")
    inputs = np.full((len(x), max_length + 1), PADDING, np.int32)
    inputs[:, 0] = START
    running = np.ones(len(x), bool)
    for position in range(max_length):
        logits, attention = decoder.predict_on_batch([*encoded, inputs[:, :-1]])
        best = logits[:, position].argmax(axis=1)
        inputs[:, position + 1] = np.where(running, best, PADDING)
        running &= best != END
    return inputs[:, 1:].astype(np.uint8), attention


def compare(predicted: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, float]:
    """Compare decoded sequences with their targets.

    Args:
        predicted: Token ids [n, length].
        targets: Token ids [n, length].

    Returns:
        Whether a sequence is right in every token, bool [n]; and the fraction of right tokens,
        of all tokens of the targets including END.
    """
    equal = predicted == targets
    return equal.all(axis=1), float(equal[targets != PADDING].mean())
