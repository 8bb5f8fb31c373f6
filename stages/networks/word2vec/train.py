"""Learn word vectors by predicting the words near a word: skip-gram with negative sampling.

Reference:
    Mikolov et al.: Distributed representations of words and phrases and their compositionality,
    NIPS 2013.
    Ji et al.: Parallelizing word2vec in shared and distributed memory, 2016
    (negative samples that a batch shares).
"""

from typing import Any

import keras
import tensorflow as tf

from stages.config.schema import Word2VecModel
from stages.core.errors import DivergedError
from stages.core.splits import PADDING, Split
from stages.learning.fit import MakeBatches, Trained, compile_model, fit
from stages.learning.optimizers import make_optimizer


def train(
    config: Word2VecModel,
    info: dict[str, Any],
    train: Split,
    validation: Split | None,
    make_batches: MakeBatches,
) -> Trained:
    """Learn the vectors; keep those of the epoch with the best validation loss.

    Args:
        config: The model's section of params.yaml.
        info: The dataset's info.json, for the `vocabulary` of `input`.
        train: Token ids uint16 [n, length], padded at the end; the labels are not used.
        validation: Validation split; without it the last vectors are kept.
        make_batches: Function of the input pipeline.

    Returns:
        The model of `build`, and a history by epoch, in nats per pair of words.

    Raises:
        ConfigError: If the texts have no words of the vocabulary.
        DivergedError: If a loss or weight is not finite.
    """
    training = config.training
    vectors = build(len(info["input"]["vocabulary"]), config.network.embedding_dim)
    batches = make_batches(train, training, shuffle=True)
    model = SkipGram(vectors, training.negatives / training.shared_negatives)
    compile_model(model, make_optimizer(training.optimizer, training.epochs * len(batches)))
    best = keras.callbacks.EarlyStopping(patience=training.epochs, restore_best_weights=True)
    try:
        history = fit(
            model,
            batches,
            None if validation is None else make_batches(validation, training, shuffle=False),
            epochs=training.epochs,
            callbacks=[] if validation is None else [best],
        )
    except DivergedError as error:
        raise DivergedError(str(error), vectors) from None
    return Trained(vectors, history, {}, training.epochs * len(batches) * training.batch_size)


def build(vocabulary_size: int, embedding_dim: int) -> keras.Model:
    """Build the model to store: token ids [n] to two vectors of each, float32 [n, embedding_dim].

    Outputs are a dictionary: `word`, the vector of a word, and `context`, its vector as a word
    near another one. As in word2vec, context vectors begin at 0, so that no pair is likely.
    """
    ids = keras.Input((), dtype="int32")
    initial = keras.initializers.RandomUniform(-0.5 / embedding_dim, 0.5 / embedding_dim)
    word = keras.layers.Embedding(
        vocabulary_size, embedding_dim, embeddings_initializer=initial, name="word"
    )
    context = keras.layers.Embedding(
        vocabulary_size, embedding_dim, embeddings_initializer="zeros", name="context"
    )
    return keras.Model(ids, {"word": word(ids), "context": context(ids)})


class SkipGram(keras.Model):
    """Trains word vectors on the loss of skip-gram with negative sampling.

    Reports `loss`, the mean over the pairs of a word and a word near it, in nats.

    Args:
        vectors: Model of `build`.
        negative_weight: Weight of each of the negative samples that a batch shares: number of
            negative samples of a pair by number of shared ones.
    """

    def __init__(self, vectors: keras.Model, negative_weight: float) -> None:
        super().__init__()
        self.vectors, self.negative_weight = vectors, negative_weight
        self.built = True

    def call(
        self, inputs: dict[str, tf.Tensor], training: bool | None = None
    ) -> dict[str, tf.Tensor]:
        """Return the vectors of `words` [n, dim], and the logits of `negatives` [n, negatives]."""
        del training
        words = self.vectors.get_layer("word")(inputs["words"])
        negatives = self.vectors.get_layer("context")(inputs["negatives"])
        return {"words": words, "negatives": tf.matmul(words, negatives, transpose_b=True)}

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> tf.Tensor:
        """Compute the mean loss of a batch; y are token ids [n, contexts], 0 for none."""
        del x, sample_weight, training
        contexts = self.vectors.get_layer("context")(y)
        logits = tf.einsum("nd,ncd->nc", y_pred["words"], contexts)
        is_context = tf.cast(y != PADDING, logits.dtype)
        negative = self.negative_weight * tf.reduce_sum(tf.nn.softplus(y_pred["negatives"]), axis=1)
        loss = (tf.nn.softplus(-logits) + negative[:, None]) * is_context
        return tf.reduce_sum(loss) / tf.maximum(tf.reduce_sum(is_context), 1)
