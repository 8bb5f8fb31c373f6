import math
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

from stages.core.splits import Split
from stages.plots.style import figure_style, rasterize
from stages.tasks.language_modeling import evaluate as task
from stages.tasks.language_modeling import plots, text
from stages.tasks.language_modeling.captions import CAPTIONS, summarize_context
from tests.unit.contexts import make_context

VOCABULARY = ["\n", "\x1a", " ", "a", "b"]
INFO = {"classes": VOCABULARY, "input": {"type": "characters", "vocabulary": VOCABULARY}}
P = np.array([0.1, 0.2, 0.3, 0.25, 0.15])  # of the next character, whatever was read


def split(content: str) -> Split:
    ids = np.array([VOCABULARY.index(character) for character in content], np.uint16)
    return Split(ids[:-1], ids[1:])


SPLITS = {"train": split("ab ba aab bba " * 20), "test": split("a\n\x1ab bb " * 100)}
HISTORY = pd.DataFrame({"epoch": [1, 2], "loss": [2.0, 1.5], "val_loss": [1.9, 1.7]})


def make_model() -> keras.Model:
    """Outputs the logarithms of P after any character."""
    characters, state = keras.Input((None,), dtype="int32"), keras.Input((1,))
    embedding, dense = keras.layers.Embedding(5, 1), keras.layers.Dense(5)
    logits = dense(embedding(characters))
    model = keras.Model([characters, state], [logits, keras.layers.Identity()(state)])
    embedding.set_weights([np.zeros((5, 1))])
    dense.set_weights([np.zeros((1, 5)), np.log(P)])
    return model


def evaluated() -> Any:
    snapshots = {"epoch": np.array([0, 2]), "samples": np.array([[[1, 3]], [[3, 4]]], np.uint16)}
    context = make_context(
        make_model(), SPLITS, INFO, history=HISTORY, snapshots=snapshots,
        training={"sample_temperatures": [0.7]},
    )  # fmt: skip
    with figure_style():
        return task.evaluate(context)


@pytest.fixture(scope="module")
def evaluation() -> Any:
    return evaluated()


def test_the_loss_is_that_of_the_test_split(evaluation: Any) -> None:
    expected = -np.log(P[SPLITS["test"].y]).mean()
    assert evaluation.metrics == {
        "test": {
            "loss": pytest.approx(expected, rel=1e-5),
            "bits_per_char": pytest.approx(expected / math.log(2), rel=1e-5),
        }
    }


def test_the_chart_has_every_test_character(evaluation: Any) -> None:
    assert list(evaluation.chart) == ["position", "nats", "characters"]
    assert evaluation.chart["characters"].sum() == len(SPLITS["test"].y)
    at = evaluation.chart.set_index("position")["nats"]
    assert at[2] == pytest.approx(-math.log(0.15), abs=1e-4)  # the second b of bb


def test_control_characters_are_shown_as_symbols(evaluation: Any) -> None:
    assert evaluation.data["samples"] == {"epochs": [0, 2], "texts": {"0.7": ["␚a", "ab"]}}
    final = evaluation.data["final_samples"]["texts"]["0.7"]
    assert len(final) == task.NUM_SHOWN
    assert "\x1a" not in final + evaluation.data["token_nll"]["text"]
    assert "␚" in evaluation.data["token_nll"]["text"]
    assert text.displayable("a\n\t\x00\x7f\x1b") == "a\n\t␀␡␛"


def test_a_passage_is_shown_that_has_a_context(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task, "MAX_CONTEXT", 7)
    monkeypatch.setattr(task, "PASSAGE", 20)
    shown = evaluated().data["token_nll"]
    following = SPLITS["test"].y[7:27]
    assert shown["text"] == text.displayable("".join(VOCABULARY[index] for index in following))
    assert shown["nats"] == pytest.approx(-np.log(P[following]), abs=1e-3)


def test_the_vocabulary_of_words_is_that_of_the_training_text(evaluation: Any) -> None:
    fraction = evaluation.data["final_samples"]["in_vocabulary_fraction"]["0.7"]
    assert 0 < fraction < 1  # aba is not in the training text
    assert text.in_vocabulary_fraction(["ab", "xy", "ab"], {"ab"}) == pytest.approx(2 / 3, abs=1e-4)
    assert text.in_vocabulary_fraction([], {"ab"}) == 0
    assert text.words("one TWO, three_four 5 five") == ["two", "three", "four"]


def test_baselines_are_cross_entropies_of_the_test_text() -> None:
    train, test = split("aaab"), split("abbb")  # next characters aab; bbb
    baselines = task.baseline_losses(train, test, 5)
    assert baselines["uniform"] == pytest.approx(math.log(5))
    assert baselines["unigram"] == pytest.approx(-math.log(2 / 8))  # (1 + 1) / (3 + 5)


def test_context_counts_characters_read_from_zero_states(monkeypatch: pytest.MonkeyPatch) -> None:
    def nll(model: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        del model, y
        return np.tile(np.arange(1.0, x.shape[1] + 1), (len(x), 1))

    monkeypatch.setattr(task, "token_nll", nll)
    monkeypatch.setattr(task, "MAX_CONTEXT", 7)
    table = task.nll_by_context(make_model(), SPLITS["test"])
    assert table["context"].tolist() == [1, 2, 4]
    assert table["nats"].tolist() == [1, 2.5, 5.5]
    assert "a context of 1 characters" in summarize_context(table.to_dict("records"))


def test_positions_and_types_are_counted() -> None:
    following, nll = "Ab c2!\n", np.arange(7.0)
    table = text.nll_by_position(following, nll).set_index("position")
    assert table["characters"].to_dict() == {0: 3, 1: 2, 2: 2}
    assert table["nats"].to_dict() == {0: 4.3333, 1: 1.5, 2: 2.5}
    long = text.nll_by_position("a" * 15, np.arange(15.0)).set_index("position")
    assert long["characters"][text.MAX_POSITION] == 6
    types = text.nll_by_type(following, nll)
    assert types["type"].iloc[0] == "letter"
    assert dict(zip(types["type"], types["characters"], strict=True)) == {
        "capital": 1, "letter": 2, "space": 1, "digit": 1, "punctuation": 1, "end of line": 1,
    }  # fmt: skip


def test_figures_have_captions_and_the_numbers(evaluation: Any) -> None:
    assert set(evaluation.figures) == set(CAPTIONS)
    (axes,) = evaluation.figures["learning_curves"].axes
    training, validation, test = axes.lines
    assert list(training.get_ydata()) == [2.0, 1.5]
    assert list(validation.get_ydata()) == [1.9, 1.7]
    loss = evaluation.metrics["test"]["loss"]
    assert set(test.get_ydata()) == {loss}
    assert test.get_label() == f"test set, {loss:.3f}"


def test_a_passage_shows_each_character_on_its_color() -> None:
    with figure_style():
        figure = plots.token_nll("ab\nc", np.array([1.0, 5.0, 2.0, 3.0]))
        rasterize(figure)
    axes = figure.axes[0]
    assert [shown.get_text() for shown in axes.texts] == ["a", "b", "↵", "c"]
    assert [shown.get_color() for shown in axes.texts] == ["black", "white", "black", "black"]
    assert np.asarray(axes.images[0].get_array())[0, :4].tolist() == [1, 5, 2, 3]
