"""Networks for texts: convolutions, n-grams and word vectors."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from stages.core.errors import ConfigError
from stages.core.splits import Split
from stages.inference.outputs import probabilities
from stages.learning.runtime import session
from stages.networks.ngrams import train as ngrams
from stages.networks.ngrams.vocabulary import (
    NgramCounts,
    count_ngrams,
    log_count_ratios,
    ngram_keys,
)
from stages.networks.text_cnn import train as text_cnn
from stages.networks.word2vec import train as word2vec
from stages.pipelines import skip_grams, texts
from tests.factories import INFOS, VOCABULARY, make_config, make_texts

TEXT_BATCHES: Any = texts.make_batches  # of the training sections of its tasks only
SKIP_GRAMS: Any = skip_grams.make_batches
TEXTS = make_texts()
SIZE = len(VOCABULARY)


@pytest.fixture(autouse=True)
def _session() -> Iterator[None]:
    with session(1, "float32"):
        yield


def network(name: str, **values: Any) -> Any:
    return make_config(name, network=values).network


# Convolutional networks


def layers(model: keras.Model, kind: Any) -> list[Any]:
    return [layer for layer in model.layers if type(layer) is kind]


def test_every_hyperparameter_of_the_text_cnn_reaches_a_layer() -> None:
    recurrent = {"max_pool": 3, "cell": "lstm", "units": 7}
    config = network(
        "text_cnn", embedding_dim=6, kernel_sizes=[2, 5], filters=9, recurrent=recurrent,
        word_dropout=0.15, spatial_dropout=0.25, dropout=0.35,
    )  # fmt: skip
    model = text_cnn.build(config, SIZE)
    (embedding,) = layers(model, keras.layers.Embedding)
    assert (embedding.input_dim, embedding.output_dim) == (SIZE, 6)
    convolutions = layers(model, keras.layers.Conv1D)
    assert [(layer.kernel_size, layer.filters) for layer in convolutions] == [((2,), 9), ((5,), 9)]
    (pool,) = layers(model, keras.layers.MaxPooling1D)
    assert pool.pool_size == (3,)
    assert [layer.units for layer in layers(model, keras.layers.LSTM)] == [7]
    assert [layer.rate for layer in layers(model, keras.layers.Dropout)] == [0.15, 0.35]
    assert [layer.rate for layer in layers(model, keras.layers.SpatialDropout1D)] == [0.25]
    assert model.output_shape == (None, 1)


@pytest.mark.parametrize("name", ["text_cnn", "text_cnn_rnn"])
def test_the_length_of_the_padding_does_not_change_the_prediction_of_a_text_cnn(name: str) -> None:
    model = text_cnn.build(network(name), SIZE)
    weights = [np.random.default_rng(0).normal(size=w.shape) for w in model.get_weights()]
    model.set_weights(weights)
    expected = probabilities(model, TEXTS.x, "text")
    padded = np.pad(TEXTS.x, [(0, 0), (0, 7)])
    assert np.asarray(model(padded))[:, 0] == pytest.approx(expected[:, 1], abs=1e-6)
    assert np.ptp(expected[:, 1]) > 0.01


def test_a_filter_reports_its_highest_response_in_the_text() -> None:
    config = network("text_cnn", kernel_sizes=[2], filters=1, embedding_dim=1)
    model = text_cnn.build(config, SIZE)
    values = np.zeros((SIZE, 1))
    values[[0, 3, 4]] = [[9.0], [1.0], [2.0]]  # 9 is padding, which counts as 0
    kernel = np.array([1.0, 10.0]).reshape(2, 1, 1)
    model.set_weights([values, kernel, np.zeros(1), np.ones((1, 1)), np.zeros(1)])
    score = 1 + 10 * 2  # 3, then 4
    p = model.predict(np.array([[4, 3, 4, 0, 0]]), verbose=0)[0, 0]
    assert p == pytest.approx(1 / (1 + np.exp(-score)))


def test_pooling_of_outputs_ignores_positions_that_are_not_in_use() -> None:
    outputs = np.array([[[0.5, -0.9], [-0.1, -0.5], [1.0, 1.0]]], np.float32)
    pooled = text_cnn.pool_outputs(outputs, np.array([[[1.0], [1.0], [0.0]]], np.float32))
    assert np.asarray(pooled)[0] == pytest.approx([0.2, -0.7, 0.5, -0.5], abs=1e-5)


# N-grams


def ngrams_of(row: np.ndarray, longest: int) -> set[tuple[int, ...]]:
    words = [int(word) for word in row if word]
    return {
        tuple(words[start : start + count])
        for count in range(1, longest + 1)
        for start in range(len(words) - count + 1)
    }


def key(gram: tuple[int, ...]) -> float:
    return float(sum(word * SIZE**power for power, word in enumerate(reversed(gram))))


@pytest.mark.parametrize("min_count", [1, 2, 4])
def test_ngrams_are_counted_once_in_each_text_of_a_class(min_count: int) -> None:
    counts = count_ngrams(TEXTS, SIZE, 3, min_count)
    found = [ngrams_of(row, 3) for row in TEXTS.x]
    containing = {gram: TEXTS.y[[gram in grams for grams in found]] for gram in set().union(*found)}
    expected = {
        key(gram): np.bincount(y, minlength=2).tolist()
        for gram, y in sorted(containing.items(), key=lambda item: key(item[0]))
        if len(y) >= min_count
    }
    assert counts.keys.tolist() == list(expected)
    both = np.stack([counts.negative, counts.positive], axis=1)
    assert both.tolist() == list(expected.values())


def test_keys_are_exact_for_the_largest_vocabulary() -> None:
    words = np.array([[65_535, 65_534, 65_535]], np.uint16)
    keys = np.asarray(ngram_keys(words, 65_536, 3))
    assert int(keys[0, 2]) == 65_535 * 65_536**2 + 65_534 * 65_536 + 65_535
    assert int(keys[0, 1]) == 65_535 * 65_536 + 65_534


def test_log_count_ratios_compare_smoothed_probabilities() -> None:
    counts = NgramCounts(np.arange(3.0), np.array([0, 1, 5]), np.array([4, 1, 1]))
    p, q = np.array([6, 3, 3]) / 12, np.array([2, 3, 7]) / 12
    assert log_count_ratios(counts, 2.0) == pytest.approx(np.log(p / q))


def test_the_lookup_finds_the_known_ngrams_of_each_text_once() -> None:
    counts = count_ngrams(TEXTS, SIZE, 2, 2)
    lookup = ngrams.build_lookup(counts.keys, SIZE, 2)
    found = lookup.predict(TEXTS.x, verbose=0)
    known = {number: position + 1 for position, number in enumerate(counts.keys.tolist())}
    for row, text in zip(found, TEXTS.x, strict=True):
        expected = sorted(known[key(g)] for g in ngrams_of(text, 2) if key(g) in known)
        assert row[row > 0].tolist() == expected
    looked_up = ngrams.look_up(lookup, TEXTS)
    for row, packed in zip(found, looked_up.x, strict=True):
        assert packed[packed > 0].tolist() == sorted(row[row > 0], reverse=True)
        assert not packed[np.count_nonzero(packed) :].any()
    assert looked_up.x[:, -1].any()
    assert looked_up.y is TEXTS.y


def test_untrained_the_ngram_classifier_sums_ratios_of_norm_1() -> None:
    ratios = np.array([0.5, -1.0, 2.0], np.float32)
    model = ngrams.build_classifier(ratios, network("ngrams", initial_weight=0.5))
    p = model.predict(np.array([[1, 3, 0], [2, 0, 0], [0, 0, 0]]), verbose=0)[:, 0]
    logits = np.array([0.5 * 2.5 / np.hypot(0.5, 2), -0.5, 0])
    assert p == pytest.approx(1 / (1 + np.exp(-logits)), abs=1e-5)


def test_ngrams_are_trained_again_with_the_validation_split() -> None:
    config = make_config("ngrams", network={"min_count": 1})
    validation = Split(np.full((1, 12), 11, np.uint16), np.array([1], np.uint8))
    train = Split(np.minimum(TEXTS.x, 10), TEXTS.y)
    arguments = (config, INFOS["texts"], train)
    alone = ngrams.train(*arguments, None, TEXT_BATCHES)
    both = ngrams.train(*arguments, validation, TEXT_BATCHES)
    known = [set(t.model.get_layer("lookup").get_weights()[0][0]) for t in (alone, both)]
    assert {key((11,)), key((11, 11))} == known[1] - known[0]
    assert "val_loss" in both.history
    assert both.num_examples == 2 * (40 + 41)


@pytest.mark.parametrize(
    ("changed", "message"),
    [({"min_count": 1000}, "network.min_count: found 1000, but no n-gram is in as many of the 40")],
)
def test_ngrams_that_are_all_too_rare_are_refused(changed: dict[str, Any], message: str) -> None:
    config = make_config("ngrams", network=changed)
    with pytest.raises(ConfigError, match=message):
        ngrams.train(config, INFOS["texts"], TEXTS, None, TEXT_BATCHES)


@pytest.mark.parametrize("name", ["text_cnn", "ngrams"])
def test_text_classifiers_need_two_classes(name: str) -> None:
    module = {"text_cnn": text_cnn, "ngrams": ngrams}[name]
    info = INFOS["texts"] | {"classes": ["a", "b", "c"]}
    with pytest.raises(ConfigError, match=f"network {name}: expected a dataset of 2 classes, fo"):
        module.train(make_config(name), info, TEXTS, None, TEXT_BATCHES)


# Word vectors


def skip_gram_training(**changed: Any) -> Any:
    return make_config("word2vec", training=changed).training


def test_texts_are_joined_with_gaps_and_without_unknown_words() -> None:
    x = np.array([[5, 1, 6, 0], [1, 7, 0, 0]], np.uint16)
    assert skip_grams.join_texts(x, 2).tolist() == [0, 0, 5, 6, 0, 0, 7, 0, 0]


def test_contexts_are_words_of_the_same_text_within_the_window() -> None:
    training = skip_gram_training(subsampling=1.0, window=2, batch_size=10_000)
    batches = skip_grams.make_batches(TEXTS, training, shuffle=False)
    (batch,) = list(batches)
    words, contexts = batch[0]["words"].numpy(), batch[1].numpy()
    stream = [int(w) for row in TEXTS.x for w in row if w > 1]
    assert words.tolist() == stream
    sequences = [[int(w) for w in row if w > 1] for row in TEXTS.x]
    offsets, place = [-2, -1, 1, 2], 0
    widths = set()
    for sequence in sequences:
        for index in range(len(sequence)):
            near = {
                o: sequence[index + o] if 0 <= index + o < len(sequence) else 0 for o in offsets
            }
            row = dict(zip(offsets, contexts[place].tolist(), strict=True))
            assert all(row[o] in {0, near[o]} for o in offsets)
            assert (row[-1], row[1]) == (near[-1], near[1])  # every window is at least 1 wide
            widths.add(row == near)
            place += 1
    assert widths == {True, False}


def test_epochs_differ_in_training_and_not_in_validation() -> None:
    training = skip_gram_training(batch_size=16)

    def words(shuffle: bool) -> list[list[int]]:
        batches = skip_grams.make_batches(TEXTS, training, shuffle=shuffle)
        return [
            [int(w) for x, _ in batches for w in np.r_[x["words"], x["negatives"]]]
            for _ in range(2)
        ]

    first, second = words(True)
    assert first != second
    first, second = words(False)
    assert first == second


@pytest.mark.parametrize("shuffle", [True, False])
def test_every_epoch_has_the_announced_number_of_batches(shuffle: bool) -> None:
    training = skip_gram_training(batch_size=7)
    batches = skip_grams.make_batches(TEXTS, training, shuffle=shuffle)
    for _ in range(3):
        shapes = [x["words"].shape[0] for x, _ in batches]
        assert len(shapes) == len(batches)
        assert set(shapes) == {7}


def test_words_are_kept_and_drawn_by_their_frequency() -> None:
    counts = np.array([0, 0, 100, 10, 1])
    kept = skip_grams.keep_probabilities(counts, 10 / 111)
    assert kept[2:] == pytest.approx([np.sqrt(0.1), 1, 1])
    negative = skip_grams.negative_probabilities(counts)
    assert negative.sum() == pytest.approx(1)
    assert negative[2] / negative[3] == pytest.approx(10**0.75)
    assert not negative[:2].any()


def test_negative_samples_follow_their_probabilities() -> None:
    training = skip_gram_training(shared_negatives=60_000, subsampling=1.0)
    x, _ = next(iter(skip_grams.make_batches(TEXTS, training, shuffle=True)))
    counts = np.bincount(TEXTS.x[TEXTS.x > 1], minlength=SIZE)
    drawn = np.bincount(x["negatives"], minlength=SIZE) / 60_000
    assert drawn == pytest.approx(skip_grams.negative_probabilities(counts), abs=0.01)


def test_texts_without_known_words_are_refused() -> None:
    split = Split(np.ones((3, 4), np.uint16), np.zeros(3, np.uint8))
    with pytest.raises(ConfigError, match="expected texts with words of the vocabulary"):
        skip_grams.make_batches(split, skip_gram_training(), shuffle=True)


def test_the_loss_is_that_of_negative_sampling() -> None:
    vectors = word2vec.build(6, 3)
    random = np.random.default_rng(0)
    word, context = random.normal(size=(2, 6, 3)).astype(np.float32)
    vectors.get_layer("word").set_weights([word])
    vectors.get_layer("context").set_weights([context])
    model = word2vec.SkipGram(vectors, negative_weight=0.75)
    x = {"words": tf.constant([2, 3]), "negatives": tf.constant([4, 5, 2, 3])}
    y = tf.constant([[3, 0], [4, 5]])
    pairs = [(2, 3), (3, 4), (3, 5)]

    def nll(a: int, b: int, sign: int) -> float:
        return float(np.log1p(np.exp(-sign * word[a] @ context[b])))

    expected = np.mean(
        [nll(a, b, 1) + 0.75 * sum(nll(a, n, -1) for n in (4, 5, 2, 3)) for a, b in pairs]
    )
    assert float(model.compute_loss(x, y, model(x))) == pytest.approx(expected, rel=1e-5)


def test_words_in_equal_contexts_get_similar_vectors() -> None:
    random = np.random.default_rng(0)
    fruit, color = random.integers(2, 4, (400, 1)), random.integers(4, 6, (400, 1))
    near = {"fruit": 6, "color": 8}
    rows = np.concatenate(
        [
            np.hstack([fruit, near["fruit"] + random.integers(0, 2, (400, 3))]),
            np.hstack([color, near["color"] + random.integers(0, 2, (400, 3))]),
        ]
    ).astype(np.uint16)
    split = Split(rows, np.zeros(800, np.uint8))
    config = make_config(
        "word2vec", training={"epochs": 20, "subsampling": 1.0, "window": 3, "batch_size": 64}
    )
    trained = word2vec.train(config, INFOS["texts"], split, split, SKIP_GRAMS)
    vectors = trained.model.predict(np.arange(SIZE), verbose=0)["word"]
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    assert units[2] @ units[3] > 0.8
    assert units[4] @ units[5] > 0.8
    assert units[2] @ units[4] < 0.5
    assert all(a > b for a, b in pairwise(trained.history["val_loss"][:3]))
