"""Evaluation of word vectors."""

from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

from stages.core.errors import DataError
from stages.core.splits import Split
from stages.networks.word2vec.neighbors import unit_vectors
from stages.plots.style import figure_style, rasterize
from stages.tasks.word_vectors import captions, plots, words
from stages.tasks.word_vectors import evaluate as task
from stages.tasks.word_vectors import vectors as v
from tests.unit.contexts import make_context

VOCABULARY = ["[padding]", "[unknown]", "man", "woman", "king", "queen", "good", "awful", "music"]
INFO: dict[str, Any] = {
    "classes": ["negative", "positive"],
    "input": {"type": "text", "vocabulary": VOCABULARY, "max_length": 6, "keep": "end"},
}
WORD = np.array(
    [
        [9, 9, 9], [9, 9, 9], [1, 0, 0.1], [1, 1, 0.1], [0.2, 0, 1], [0.2, 1, 1],
        [-1, 0.2, 0.9], [-1, -0.3, -0.9], [0.1, -0.8, 0.2],
    ],
    np.float32,
)  # fmt: skip
CONTEXT = np.random.default_rng(0).normal(size=WORD.shape).astype(np.float32)
TRAINING = {"window": 2, "subsampling": 0.2, "negatives": 3}
HISTORY = pd.DataFrame({"epoch": [1, 2], "loss": [2.0, 1.5], "val_loss": [1.9, 1.7]})


def make_reviews(seed: int, num_texts: int = 120) -> Split:
    """Positive texts have word 6, negative ones word 7."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 2, num_texts).astype(np.uint8)
    x = random.choice([1, 2, 3, 4, 5, 8], (num_texts, 6)).astype(np.uint16)
    x[:, 0] = np.where(y, 6, 7)
    x[np.arange(6) >= random.integers(2, 7, (num_texts, 1))] = 0
    return Split(x, y)


SPLITS = {"train": make_reviews(1), "test": make_reviews(2)}


def make_model() -> keras.Model:
    ids = keras.Input((), dtype="int32")
    layers = {name: keras.layers.Embedding(9, 3) for name in ("word", "context")}
    model = keras.Model(ids, {name: layer(ids) for name, layer in layers.items()})
    layers["word"].set_weights([WORD])
    layers["context"].set_weights([CONTEXT])
    return model


@pytest.fixture(scope="module")
def evaluation() -> Any:
    context = make_context(make_model(), SPLITS, INFO, history=HISTORY, training=TRAINING)
    with figure_style():
        return task.evaluate(context)


def test_the_metrics_are_those_of_the_test_split(evaluation: Any) -> None:
    metrics = evaluation.metrics
    assert set(metrics) == {"test", "analogies", "random_vectors"}
    assert metrics["test"]["accuracy"] > 0.9
    expected = task.test_loss(
        task.Vectors(WORD, CONTEXT), SPLITS["train"], SPLITS["test"], TRAINING
    )
    assert metrics["test"]["loss"] == expected
    assert metrics["analogies"]["accuracy"] == 1
    assert 0.4 < metrics["random_vectors"]["accuracy"] <= 1


def test_every_figure_has_a_caption_and_is_drawn(evaluation: Any) -> None:
    assert set(evaluation.figures) == set(captions.CAPTIONS)
    with figure_style():
        for figure in evaluation.figures.values():
            assert rasterize(figure).std() > 1
    assert list(evaluation.chart) == ["category", "questions", "accuracy", "accuracy_top_5"]


def test_texts_of_three_classes_are_refused() -> None:
    info = INFO | {"classes": ["a", "b", "c"]}
    with pytest.raises(DataError, match="word_vectors: expected texts of 2 classes"):
        task.evaluate(make_context(make_model(), SPLITS, info, training=TRAINING))


def test_the_loss_is_the_expectation_over_negative_samples() -> None:
    x = np.array([[2, 3, 1, 4], [5, 0, 0, 0]], np.uint16)
    kept = np.linspace(0.2, 1, 9)
    pairs = v.find_pairs(x, kept, 2)
    weights = {(2, 3): 1.0, (3, 4): 0.5}  # 2 and 4 are three words apart
    expected_pairs = {
        pair: weight * kept[pair[0]] * kept[pair[1]]
        for (a, b), weight in weights.items()
        for pair in ((a, b), (b, a))
    }
    found = dict(
        zip(zip(*map(np.ndarray.tolist, pairs[:2]), strict=True), pairs.weights, strict=True)
    )
    assert found == pytest.approx(expected_pairs)
    counts = np.array([0, 0, 4, 3, 2, 1, 1, 1, 1])
    frequencies = counts**0.75 / (counts**0.75).sum()

    def softplus(a: np.ndarray) -> Any:
        return np.log1p(np.exp(a))

    losses = {
        (a, b): softplus(-WORD[a] @ CONTEXT[b]) + 3 * frequencies @ softplus(CONTEXT @ WORD[a])
        for a, b in expected_pairs
    }
    expected = sum(losses[pair] * weight for pair, weight in expected_pairs.items())
    loss = v.negative_sampling_loss(WORD, CONTEXT, pairs, counts, 3)
    assert loss == pytest.approx(expected / sum(expected_pairs.values()), rel=1e-5)


@pytest.mark.parametrize("negatives", [1, 5])
def test_no_equal_vectors_have_less_than_the_uninformed_loss(negatives: int) -> None:
    logits = np.linspace(-6, 6, 20_001)
    losses = np.log1p(np.exp(-logits)) + negatives * np.log1p(np.exp(logits))
    assert v.uninformed_loss(negatives) == pytest.approx(losses.min(), abs=1e-6)


def test_neighbors_have_the_highest_cosine_and_are_words() -> None:
    units = unit_vectors(WORD)
    assert np.linalg.norm(units, axis=1) == pytest.approx(1)
    found = v.nearest(units, VOCABULARY, "king", 3)
    assert found["word"] == "king"
    assert found["neighbors"][0] == {
        "word": "queen",
        "similarity": pytest.approx(float(units[4] @ units[5]), abs=1e-3),
    }
    names = [neighbor["word"] for neighbor in found["neighbors"]]
    assert len(names) == 3
    assert not {"king", "[padding]", "[unknown]"} & set(names)
    assert unit_vectors(np.zeros((1, 2))).tolist() == [[0, 0]]


def test_an_analogy_is_answered_by_the_nearest_other_word() -> None:
    units = unit_vectors(WORD)
    pairs = [("man", "woman"), ("king", "queen"), ("unheard", "of")]
    (record,) = v.answer_analogies(units, VOCABULARY, {"gender": pairs, "few": pairs[1:]})
    assert record == {"category": "gender", "questions": 2, "accuracy": 1.0, "accuracy_top_5": 1.0}
    wrong = v.rank_answers(units, np.array([[2, 3, 4, 7]]))  # awful instead of queen
    assert wrong[0] == 3  # queen, good and music are nearer, not man, woman and king


def test_a_text_has_the_mean_of_its_known_words() -> None:
    x = np.array([[2, 1, 4, 0], [1, 1, 0, 0]], np.uint16)
    assert v.mean_vectors(x, WORD) == pytest.approx(
        np.stack([(WORD[2] + WORD[4]) / 2, np.zeros(3)])
    )


def test_the_words_with_the_clearest_sentiment_are_those_of_the_classes() -> None:
    one_hot = np.eye(9, dtype=np.float32)
    classifier = task.fit_sentiment(one_hot, SPLITS["train"])
    records = task.sentiment_words(classifier, one_hot, VOCABULARY)
    assert records[0]["word"] == "awful"
    assert records[-1]["word"] == "good"
    logits = [record["logit"] for record in records]
    assert logits == sorted(logits)
    assert len(records) == 7


def test_the_map_shows_known_words_and_may_be_empty() -> None:
    assert task.map_words(WORD, VOCABULARY) == []
    shown = ["[padding]", "[unknown]", "mother", "father", "three", "four", "x", "y", "z"]
    places = task.map_words(WORD, shown)
    assert [(place["word"], place["group"]) for place in places] == [
        ("mother", "people"), ("father", "people"), ("three", "numbers"), ("four", "numbers"),
    ]  # fmt: skip
    units = unit_vectors(WORD[2:6])
    xy = np.array([[place["x"], place["y"]] for place in places])
    assert np.linalg.norm(xy) <= np.linalg.norm(units - units.mean(axis=0)) + 1e-3
    for empty in ([], places[:1]):
        with figure_style():
            assert rasterize(plots.word_map(empty)).std() > 1


def test_labels_of_close_places_do_not_overlap() -> None:
    places = [{"x": 0.0, "y": 0.0}, {"x": 0.0, "y": 0.001}, {"x": 1.0, "y": 1.0}]
    offsets = plots.label_offsets(places)
    assert offsets[0] == 0
    assert offsets[1] >= plots.LABEL_SIZE - 1
    assert offsets[2] == 0


def test_summaries_state_the_numbers_of_the_model() -> None:
    records = [
        {"category": "a", "accuracy": 0.25, "questions": 4},
        {"category": "b", "accuracy": 0.5, "questions": 12},
    ]
    assert task.mean_accuracy(records) == pytest.approx(7 / 16)
    assert task.mean_accuracy([]) == 0
    assert "Best: b (50% of" in captions.summarize_analogies(records)
    assert "worst: a (25%)" in captions.summarize_analogies(records)
    assert captions.summarize_analogies([]) == captions.summarize_map([]) == ""
    places = [{"x": x, "y": 0, "group": g} for x, g in ((0, "a"), (1, "a"), (9, "b"))]
    assert captions.summarize_map(places).startswith("For 2 of the 3 words")
    assert "80.0%" in captions.summarize_sentiment(0.8, 0.6)


def test_chosen_words_are_distinct_lower_case_words() -> None:
    chosen = [word for members in words.GROUPS.values() for word in members]
    assert len(set(chosen)) == len(chosen)
    assert len(set(words.SHOWN)) == len(words.SHOWN)
    for pairs in words.ANALOGIES.values():
        assert len({word for pair in pairs for word in pair}) == 2 * len(pairs)
        chosen += [word for pair in pairs for word in pair]
    assert all(word.isalpha() and word.islower() for word in [*chosen, *words.SHOWN])
