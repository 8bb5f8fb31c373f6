"""Evaluation of translations, captions and forecasts, with models of known outputs."""

from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

from stages.core.splits import Split
from stages.plots.style import figure_style, rasterize
from stages.tasks.captioning import captions as captioning_captions
from stages.tasks.captioning import evaluate as captioning
from stages.tasks.forecasting import baselines
from stages.tasks.forecasting import captions as forecasting_captions
from stages.tasks.forecasting import evaluate as forecasting
from stages.tasks.translation import captions as translation_captions
from stages.tasks.translation import evaluate as translation
from stages.tasks.translation import plots
from tests import factories
from tests.unit.contexts import make_context

PADDING = 0


class Copier:
    """Stands in for an encoder-decoder network: decodes from x the token ids that x holds.

    The weights of its attention are 1 at the position of the token.
    """

    def get_layer(self, name: str) -> Any:
        return getattr(self, name)

    class encoder:  # noqa: N801
        @staticmethod
        def predict_on_batch(x: np.ndarray) -> list[np.ndarray]:
            return [x.reshape(len(x), -1)]

    class decoder:  # noqa: N801
        @staticmethod
        def predict_on_batch(inputs: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
            held, tokens = inputs
            length = tokens.shape[1]
            attention = np.repeat(np.eye(length, held.shape[1])[None], len(held), axis=0)
            return np.eye(32)[held[:, :length]], attention


def dates() -> tuple[dict[str, Split], dict[str, Any], list[dict[str, Any]]]:
    """Three dates of ten characters, of which the last one is decoded with a wrong day."""
    vocabulary = ["[padding]", "[start]", "[end]", *"0123456789-"]
    texts = ["1979-05-03", "2001-12-31", "1984-02-29"]
    y = np.array([[*(vocabulary.index(c) for c in text), 2] for text in texts], np.uint8)
    x = np.pad(y, [[0, 0], [0, 3]])
    x[2, 9] += 1
    raw = [
        {"text": "x" * 11, "date": text, "format": format_, "typo": format_ == "long format"}
        for text, format_ in zip(texts, ["short", "short", "long format"], strict=True)
    ]
    info = {"classes": vocabulary, "input": {"type": "character_sequence"}}
    return {"test": Split(x, y)}, info, raw


def translated() -> Any:
    splits, info, raw = dates()
    with figure_style():
        return translation.evaluate(make_context(Copier(), splits, info, raw=raw))  # type: ignore[arg-type]


def test_translations_are_counted_as_a_whole_and_by_character() -> None:
    evaluation = translated()
    assert evaluation.metrics["test"] == {
        "exact_match_accuracy": pytest.approx(2 / 3),
        "character_accuracy": pytest.approx(32 / 33),
    }
    table = evaluation.chart.set_index("format")
    assert list(table.index) == ["long format", "short"]
    assert table.loc["short"].to_dict() == {"accuracy": 1, "examples": 2, "wrong": 0}
    assert table.loc["long format"].to_dict() == {"accuracy": 0, "examples": 1, "wrong": 1}
    summary = evaluation.summaries["accuracy_by_format"]
    assert summary.startswith("1 of 3 test dates are wrong; the lowest accuracy is 0.0%, of dates")
    assert summary.endswith("Of the 1 test dates with a typo, 0 are right.")


def test_examples_are_right_and_wrong_ones() -> None:
    shown = [(e["predicted"], e["date"], e["right"]) for e in translated().data["translations"]]
    assert shown == [("1979-05-03", "1979-05-03", True), ("1984-02-2-", "1984-02-29", False)]


def test_attention_is_shown_without_padding_and_end() -> None:
    figure = translated().figures["attention"]
    shown = [axes for axes in figure.axes if axes.images]
    assert len(shown) == 2
    matrix = np.asarray(shown[0].images[0].get_array())
    assert matrix.shape == (10, 11)
    assert (matrix == np.eye(10, 11)).all()
    rasterize(figure)
    assert translation_captions.CAPTIONS.keys() == translated().figures.keys()


def test_attention_is_shown_of_outputs_without_an_end_or_without_tokens() -> None:
    weights = np.full((3, 5), 0.2)
    with figure_style():
        figure = plots.attention(
            [
                plots.Alignment("abc", ["[start]", "1", "2"], weights),
                plots.Alignment("ab", [], weights),
            ]
        )
        rasterize(figure)
    (shown,) = (axes for axes in figure.axes if axes.images)
    assert [label.get_text() for label in shown.get_yticklabels()] == ["[start]", "1", "2"]
    assert np.asarray(shown.images[0].get_array()).shape == (3, 3)


def captioned() -> Any:
    """Images hold the token ids of their captions; the last but one is wrong."""
    vocabulary = ["[padding]", "[start]", "[end]", "two", "forty", "hundred"]
    y = np.array([[3, 2, 0, 0], [4, 3, 2, 0], [3, 5, 2, 0], [4, 2, 0, 0]], np.uint8)
    x = y.copy()
    x[2, 1] = 4
    raw = [{"number": number} for number in (2, 42, 200, 40)]
    info = {"classes": vocabulary, "input": {"type": "image", "shape": [1, 4]}}
    context = make_context(Copier(), {"test": Split(x[:, None], y)}, info, raw=raw)  # type: ignore[arg-type]
    with figure_style():
        return captioning.evaluate(context)


def test_captions_are_counted_by_number_of_digits() -> None:
    evaluation = captioned()
    assert evaluation.metrics["test"] == {
        "exact_match_accuracy": 0.75,
        "word_accuracy": pytest.approx(9 / 10),
    }
    assert evaluation.chart.to_dict("list") == {
        "digits": [1, 2, 3], "accuracy": [1, 1, 0], "examples": [1, 2, 1], "wrong": [0, 0, 1],
    }  # fmt: skip
    assert "1 of 4 captions are wrong" in evaluation.summaries["accuracy_by_length"]
    wrong = evaluation.data["captions"][-1]
    assert wrong == {
        "example": 2, "predicted": "two forty", "expected": "two hundred", "right": False,
    }  # fmt: skip


def test_captions_are_drawn_below_their_images() -> None:
    evaluation = captioned()
    assert captioning_captions.CAPTIONS.keys() == evaluation.figures.keys()
    texts = [text.get_text() for axes in evaluation.figures["errors"].axes for text in axes.texts]
    assert sorted(texts) == ["two forty", "two hundred"]
    for figure in evaluation.figures.values():
        rasterize(figure)
    labels = [
        [label.get_text() for label in axes.get_yticklabels()]
        for axes in evaluation.figures["attention"].axes[2:]
    ]
    assert labels == [["forty", "two", "(end)"], ["two", "forty", "(end)"]]


def test_tens_and_units_are_joined_by_a_hyphen() -> None:
    assert (
        captioning.join_words(["nine", "hundred", "and", "forty", "two"])
        == "nine hundred and forty-two"
    )
    assert captioning.join_words(["forty"]) == "forty"
    assert captioning.join_words([]) == ""


def test_errors_are_counted_with_a_perfect_network_too() -> None:
    records = [{"digits": 1, "accuracy": 1.0, "examples": 5, "wrong": 0}]
    assert captioning_captions.summarize_errors(records).startswith("0 of 5 captions are wrong")
    formats = [{"format": "x", "accuracy": 1.0, "examples": 1500, "wrong": 0}]
    assert translation_captions.summarize_formats(formats) == "All 1,500 test dates are right."
    assert translation_captions.summarize_typos(0, 0) == ""


# Forecasts


def test_naive_forecasts_repeat_the_past() -> None:
    past = np.array([[1.0, 2, 3, 4], [5, 6, 7, 8]])
    assert baselines.naive(past, 2).tolist() == [[4, 4], [8, 8]]
    assert baselines.seasonal_naive(past, 5, 3).tolist() == [[2, 3, 4, 2, 3], [6, 7, 8, 6, 7]]
    assert baselines.seasonal_naive(past, 2, 4).tolist() == [[1, 2], [5, 6]]


def test_the_period_is_that_of_the_training_series() -> None:
    assert baselines.find_period(factories.make_waves(60)) in {6, 12}


def test_the_linear_forecast_is_fitted_on_training_windows() -> None:
    random = np.random.default_rng(0)
    x = random.normal(0, 1, (80, 3))
    y = x @ np.array([[1.0, 0], [2, 1], [0, -1]]) + 5
    fitted = baselines.fit_linear(Split(x[:60], y[:60]), Split(x[60:], y[60:]))
    np.testing.assert_allclose(fitted.predict(x), y, atol=0.01)
    noise = Split(x[:6], random.normal(0, 1, (6, 2)))
    small = baselines.fit_linear(noise, Split(x[60:], np.zeros((20, 2))))
    assert small.alpha == max(baselines.PENALTIES)  # chosen on the validation windows


def forecast(shift: float) -> Any:
    """The network forecasts the last past values plus `shift`."""
    waves = factories.make_waves(60)
    splits = {
        "train": waves.take(np.arange(30)),
        "validation": waves.take(np.arange(30, 45)),
        "test": waves.take(np.arange(45, 60)),
    }
    past = keras.Input((12,))
    model = keras.Model(past, keras.layers.Rescaling(1.0, shift)(past[:, -4:]))
    history = pd.DataFrame({"epoch": [1, 2], "loss": [3.0, 2.0], "val_loss": [3.0, 2.5]})
    context = make_context(model, splits, factories.INFOS["waves"], history=history)
    with figure_style():
        return forecasting.evaluate(context), splits["test"]


def test_a_forecast_is_compared_with_the_others() -> None:
    evaluation, test = forecast(1.0)
    metrics = evaluation.metrics["test"]
    assert metrics["mae"] == pytest.approx(np.abs(test.x[:, -4:] + 1 - test.y).mean(), rel=1e-5)
    assert metrics["mae_naive"] == pytest.approx(np.abs(test.x[:, -1:] - test.y).mean(), rel=1e-5)
    assert metrics["mae_linear"] < metrics["mae_seasonal_naive"] < metrics["mae_naive"]
    assert metrics["skill_score"] == pytest.approx(1 - metrics["mae"] / metrics["mae_naive"])
    assert metrics["skill_score_linear"] == pytest.approx(
        1 - metrics["mae"] / metrics["mae_linear"]
    )
    table = evaluation.chart
    assert list(table) == ["horizon", "error", "forecast"]
    network = table[table["forecast"] == "network"]
    assert network["horizon"].tolist() == [1, 2, 3, 4]
    assert network["error"].mean() == pytest.approx(metrics["mae"], abs=1e-4)
    assert "higher than that of the linear forecast" in evaluation.summaries["forecasts"]
    assert evaluation.figures.keys() == forecasting_captions.CAPTIONS.keys()
    for figure in evaluation.figures.values():
        rasterize(figure)


def test_the_series_is_drawn_once_with_forecasts_at_every_horizon() -> None:
    evaluation, test = forecast(0.0)
    series = forecasting.join_windows(test)
    assert len(series) == len(test.y) + 3
    axes = evaluation.figures["forecasts"].axes[0]
    actual, first, _, second = axes.lines[:4]
    assert (actual.get_ydata() == series).all()
    assert first.get_ydata() == pytest.approx(test.x[0, -4:])
    assert second.get_ydata() == pytest.approx(test.x[4, -4:])
    assert second.get_xdata().tolist() == [8, 10, 12, 14]  # type: ignore[union-attr]


def test_skill_is_the_reduction_of_an_error() -> None:
    assert forecasting.skill_score(1.0, 4.0) == 0.75
    assert forecasting.skill_score(5.0, 4.0) == -0.25
    assert forecasting.skill_score(1.0, 0.0) == 0
    assert forecasting_captions.compare(0.754, "x") == "75% lower than that of the x forecast"
