"""Evaluation of word vectors, in themselves and as features for the sentiment of a text."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from stages.core.errors import DataError
from stages.core.splits import Split
from stages.networks.word2vec.neighbors import unit_vectors
from stages.tasks.interface import Evaluation, EvaluationContext
from stages.tasks.word_vectors import captions, plots
from stages.tasks.word_vectors.vectors import (
    FIRST_WORD,
    answer_analogies,
    find_pairs,
    mean_vectors,
    nearest,
    negative_sampling_loss,
    uninformed_loss,
)
from stages.tasks.word_vectors.words import ANALOGIES, GROUPS, SHOWN

NUM_NEIGHBORS = 6
LOSS_EVERY = 10  # the loss is that of every tenth test review
MAX_ITERATIONS = 1000
FREQUENT = 3000  # words, of which those with the clearest sentiment are shown
NUM_SENTIMENT_WORDS = 10  # on each side


class Vectors(NamedTuple):
    """Vectors of all words, as a word and as one of the words near another, [ids, dim] each."""

    word: np.ndarray
    context: np.ndarray


def evaluate(context: EvaluationContext) -> Evaluation:
    """Compute the test loss, neighbors and analogies, and classify reviews by mean vectors.

    Raises:
        DataError: If the texts do not have two classes.
    """
    info, vocabulary = context.info, context.info["input"]["vocabulary"]
    if len(info["classes"]) != 2:
        raise DataError(f"word_vectors: expected texts of 2 classes, found {info['classes']}")
    train, test = context.load_split("train"), context.load_split("test")
    training = context.bundle.spec["training"]
    outputs = context.bundle.model.predict_on_batch(np.arange(len(vocabulary)))
    vectors = Vectors(outputs["word"], outputs["context"])
    loss = test_loss(vectors, train, test, training)
    units = unit_vectors(vectors.word)
    analogies = answer_analogies(units, vocabulary, ANALOGIES)
    classifier = fit_sentiment(vectors.word, train)
    accuracy = classifier_accuracy(classifier, vectors.word, test)
    random = np.random.default_rng(context.config.seed).standard_normal(vectors.word.shape)
    baseline = classifier_accuracy(fit_sentiment(random, train), random, test)
    places = map_words(vectors.word, vocabulary)
    sentiment = sentiment_words(classifier, vectors.word, vocabulary)
    return Evaluation(
        metrics={
            "test": {"loss": loss, "accuracy": accuracy},
            "analogies": {"accuracy": mean_accuracy(analogies)},
            "random_vectors": {"accuracy": baseline},
        },
        chart=pd.DataFrame(analogies),
        figures={
            "learning_curves": plots.learning_curves(context.history, loss),
            "word_map": plots.word_map(places),
            "analogies": plots.analogies(analogies),
            "sentiment_words": plots.sentiment_words(sentiment, info["classes"]),
        },
        data={
            "neighbors": [
                nearest(units, vocabulary, word, NUM_NEIGHBORS)
                for word in SHOWN
                if word in vocabulary
            ],
            "word_map": places,
            "analogies": analogies,
            "sentiment_words": sentiment,
        },
        summaries={
            "learning_curves": captions.summarize_loss(
                loss, uninformed_loss(training["negatives"])
            ),
            "word_map": captions.summarize_map(places),
            "analogies": captions.summarize_analogies(analogies),
            "sentiment_words": captions.summarize_sentiment(accuracy, baseline),
        },
    )


def test_loss(vectors: Vectors, train: Split, test: Split, training: dict[str, Any]) -> float:
    """Compute the loss on test reviews; the frequencies of words are those of the training split.

    Args:
        vectors: Vectors of all words.
        train: Training split.
        test: Test split.
        training: The model's training config: window, subsampling, negatives.

    Returns:
        Nats per pair of words.
    """
    counts = np.bincount(train.x.ravel(), minlength=len(vectors.word))
    counts[:FIRST_WORD] = 0
    frequencies = np.maximum(counts, 1) / counts.sum()
    kept = np.minimum(np.sqrt(training["subsampling"] / frequencies), 1)
    pairs = find_pairs(np.asarray(test.x[::LOSS_EVERY]), kept, training["window"])
    return negative_sampling_loss(
        vectors.word, vectors.context, pairs, counts, training["negatives"]
    )


def fit_sentiment(vectors: np.ndarray, train: Split) -> Pipeline:
    """Fit a logistic regression on the mean vectors of the training texts."""
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=MAX_ITERATIONS))
    return classifier.fit(mean_vectors(train.x, vectors), train.y)


def classifier_accuracy(classifier: Pipeline, vectors: np.ndarray, test: Split) -> float:
    """Return the accuracy of a classifier of mean vectors."""
    return float((classifier.predict(mean_vectors(test.x, vectors)) == test.y).mean())


def mean_accuracy(analogies: Sequence[dict[str, Any]]) -> float:
    """Return the fraction of all questions that are answered correctly; 0 without questions."""
    right = sum(record["accuracy"] * record["questions"] for record in analogies)
    return float(right / max(sum(record["questions"] for record in analogies), 1))


def map_words(vectors: np.ndarray, vocabulary: Sequence[str]) -> list[dict[str, Any]]:
    """Project the vectors of the words of the map to their first two principal components.

    Returns:
        Records of word, group, x and y, for the words that are in the vocabulary.
    """
    words = [
        (word, group) for group, members in GROUPS.items() for word in members if word in vocabulary
    ]
    if len(words) < 2:
        return []
    units = unit_vectors(vectors[[vocabulary.index(word) for word, _ in words]])
    places = PCA(2, svd_solver="full").fit_transform(units.astype(np.float64))
    return [
        {"word": word, "group": group, "x": round(float(x), 4), "y": round(float(y), 4)}
        for (word, group), (x, y) in zip(words, places, strict=True)
    ]


def sentiment_words(
    classifier: Pipeline, vectors: np.ndarray, vocabulary: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the frequent words that change the logit of a text the most, per word.

    Args:
        classifier: Classifier of mean vectors.
        vectors: Vectors of the words [ids, dim].
        vocabulary: Words by token id, the most frequent first.

    Returns:
        Records of word and logit, the logit of a text of this word alone minus that of an average
        text; from the lowest to the highest.
    """
    frequent = vectors[FIRST_WORD : FIRST_WORD + FREQUENT]
    average = classifier.named_steps["standardscaler"].mean_[None]
    logits = classifier.decision_function(frequent) - classifier.decision_function(average)
    order = np.argsort(logits, kind="stable")
    shown = np.unique(np.r_[order[:NUM_SENTIMENT_WORDS], order[-NUM_SENTIMENT_WORDS:]])
    shown = shown[np.argsort(logits[shown], kind="stable")]
    return [
        {"word": vocabulary[FIRST_WORD + index], "logit": round(float(logits[index]), 3)}
        for index in shown
    ]
