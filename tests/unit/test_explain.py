"""Explanations: attributions, Shapley values, words, and the command that writes them."""

from typing import Any

import keras
import numpy as np
import pytest
from matplotlib.container import BarContainer

from stages.core.errors import ModelError
from stages.inference.bundle import Bundle
from stages.inference.explain import networks, present, shapley
from stages.inference.explain.attribution import (
    grad_cam,
    integrated_gradients,
    leave_one_out,
    occlude,
)

SIDE = 12
CLASSES = ["zero", "one", "two"]


def build_cnn() -> keras.Model:
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((SIDE, SIDE), dtype="uint8"),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Reshape((SIDE, SIDE, 1)),
            keras.layers.Conv2D(4, 3),
            keras.layers.MaxPooling2D(),
            keras.layers.Activation("relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )


def build_linear() -> keras.Model:
    keras.utils.set_random_seed(2)
    return keras.Sequential(
        [
            keras.Input((SIDE, SIDE), dtype="uint8"),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )


def draw_images(count: int) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (count, SIDE, SIDE)).astype(np.uint8)


@pytest.mark.parametrize("build", [build_cnn, build_linear])
def test_the_softmax_of_the_scores_is_the_answer(build: Any) -> None:
    model, images = build(), draw_images(5)
    scores = networks.to_scores(model).predict_on_batch(images.astype(np.float32))
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    expected = model.predict_on_batch(images)
    np.testing.assert_allclose(odds / odds.sum(axis=1, keepdims=True), expected, atol=1e-5)


def test_scores_need_a_softmax() -> None:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, activation="sigmoid")])
    with pytest.raises(ModelError, match="softmax"):
        networks.to_scores(model)


@pytest.mark.parametrize("build", [build_cnn, build_linear])
def test_integrated_gradients_sum_to_the_difference_of_the_scores(build: Any) -> None:
    scores, (image,) = networks.to_scores(build()), draw_images(1)
    x = image.astype(np.float32)
    attributions = integrated_gradients(scores, x, np.zeros_like(x), 1, steps=700)
    of_image, of_black = scores.predict_on_batch(np.stack([x, np.zeros_like(x)]))[:, 1]
    assert attributions.shape == x.shape
    assert attributions.sum() == pytest.approx(of_image - of_black, abs=2e-3)


def test_integrated_gradients_of_a_linear_model_are_weight_times_pixel() -> None:
    model, (image,) = build_linear(), draw_images(1)
    x = image.astype(np.float32)
    attributions = integrated_gradients(networks.to_scores(model), x, np.zeros_like(x), 2, steps=3)
    weights = networks.find_weight_images(model)
    assert weights is not None
    np.testing.assert_allclose(attributions, weights[2] * x / 255, rtol=1e-4, atol=1e-6)


def test_occlusion_finds_a_planted_pixel() -> None:
    image = np.zeros((9, 8))
    image[3, 5] = 1.0
    loss = occlude(lambda x: x[:, 3, 5], image, side=1)
    expected = np.zeros((9, 8))
    expected[3, 5] = 1.0
    np.testing.assert_allclose(loss, expected)
    blurred = occlude(lambda x: x[:, 3, 5], image, side=3)
    assert np.unravel_index(blurred.argmax(), blurred.shape) == (3, 5)
    assert blurred[3, 5] == 1.0
    assert blurred[0, 0] == 0.0


def test_grad_cam_sees_where_the_class_is() -> None:
    """Of a network that counts the ink on the left half for class 0, only the left half."""
    inputs = keras.Input((4, 4))
    maps = keras.layers.Reshape((4, 4, 1))(inputs)
    score = keras.ops.sum(maps, axis=(1, 2))
    network = keras.Model(inputs, [maps, keras.ops.concatenate([score, -score], axis=1)])
    image = np.zeros((4, 4), np.float32)
    image[:, 0] = 1
    heat = grad_cam(network, image, 0)
    np.testing.assert_allclose(heat, image)
    assert not grad_cam(network, image, 1).any()  # what speaks against a class is not shown


def test_feature_maps_are_those_of_the_layers() -> None:
    model, (image,) = build_cnn(), draw_images(1)
    maps = networks.compute_feature_maps(model, image)
    assert [(each.kind, each.values.shape) for each in maps] == [
        ("Conv2D", (10, 10, 4)),
        ("MaxPooling2D", (5, 5, 4)),
        ("Activation", (5, 5, 4)),
    ]
    np.testing.assert_allclose(maps[2].values, np.maximum(maps[1].values, 0))
    kernels = networks.find_kernels(model)
    assert kernels is not None
    patch = image[:3, :3].astype(np.float32) / 255
    np.testing.assert_allclose(maps[0].values[0, 0], (kernels * patch).sum((1, 2)), atol=1e-5)


def test_only_a_linear_model_has_weight_images() -> None:
    weights = networks.find_weight_images(build_linear())
    assert weights is not None
    assert weights.shape == (3, SIDE, SIDE)
    assert networks.find_weight_images(build_cnn()) is None
    assert networks.find_kernels(build_linear()) is None
    assert networks.compute_feature_maps(build_linear(), draw_images(1)[0]) == []


def test_leaving_a_word_out_of_a_sum_loses_its_weight() -> None:
    weight = np.array([0.0, 1.0, -2.0, 0.5])
    effects = leave_one_out(lambda x: weight[x].sum(axis=1), np.array([1, 2, 3, 1]))
    np.testing.assert_allclose(effects, [1.0, -2.0, 0.5, 1.0])


def interaction(x: np.ndarray) -> np.ndarray:
    return np.nan_to_num(x[:, 0] * x[:, 1] + 2 * x[:, 2])


@pytest.mark.parametrize("sampled", [False, True])
def test_shapley_values_sum_to_the_difference(sampled: bool) -> None:
    random = np.random.default_rng(0)
    x, background = random.normal(size=4), random.normal(size=(30, 4))
    background[3, 1] = np.nan  # a missing value
    values = (
        shapley.sampled_values(interaction, x, background, 4, 1)
        if sampled
        else shapley.exact_values(interaction, x, background)
    )
    expected = interaction(x[None])[0] - interaction(background).mean()
    assert values.sum() == pytest.approx(expected)
    assert values[3] == pytest.approx(0)  # a column that is not used


def test_shapley_values_share_an_interaction_and_the_samples_approach_them() -> None:
    x, background = np.array([1.0, 1.0, 1.0]), np.zeros((1, 3))
    exact = shapley.shapley_values(interaction, x, background, 1, 1)
    np.testing.assert_allclose(exact, [0.5, 0.5, 2.0])
    sampled = shapley.sampled_values(interaction, x, background, 2000, 1)
    np.testing.assert_allclose(sampled, exact, atol=0.05)


def test_many_columns_are_sampled() -> None:
    x, background = np.arange(12.0), np.ones((5, 12))
    values = shapley.shapley_values(lambda rows: rows.sum(axis=1), x, background, 1, 1)
    np.testing.assert_allclose(values, x - 1)


def test_explanations_of_images_have_all_figures() -> None:
    images = draw_images(2)
    bundle = Bundle(build_cnn(), {"classes": CLASSES})
    first, second = present.explain_images(bundle, images, steps=4, occluded=3)
    assert set(first.figures) == {"attributions", "layers", "kernels"}
    assert not second.figures
    p = bundle.model.predict_on_batch(images)
    assert [first.answer, second.answer] == [CLASSES[each] for each in p.argmax(axis=1)]
    linear = Bundle(build_linear(), {"classes": CLASSES})
    assert set(present.explain_images(linear, images, 4, 3)[0].figures) == {
        "attributions",
        "weights",
    }


def text_bundle(**others: float) -> Bundle:
    """A network that adds up the weights of the words: good +2, bad -2, and others."""
    weights = {"[padding]": 0.0, "[unknown]": 0.0, "good": 2.0, "bad": -2.0, **others}
    words = keras.Input((None,), dtype="int32")
    embedding = keras.layers.Embedding(len(weights), 1)
    total = keras.ops.sum(embedding(words), axis=1)
    model = keras.Model(words, keras.ops.sigmoid(total))
    embedding.set_weights([np.array(list(weights.values()))[:, None]])
    encoding = {"type": "text", "vocabulary": list(weights), "max_length": 4, "keep": "end"}
    return Bundle(model, {"classes": ["negative", "positive"], "input": encoding})


def test_words_have_the_effect_of_their_weights() -> None:
    text = "Bad?<br />Well, GOOD, so good: bad!"
    explained = present.explain_text(text_bundle(), text)
    assert "".join(word for word, _ in explained.words) == text.replace("<br />", " ")
    effects = [(word, effect) for word, effect in explained.words if effect is not None]
    assert [word for word, _ in effects] == ["so", "good", "bad", "!"]  # the last four are read
    assert explained.answer == "negative"  # of a tie, the first
    assert dict(effects) == pytest.approx({"so": 0, "good": -2, "bad": 2, "!": 0}, abs=1e-4)
    (axes,) = explained.figures["effects"].axes
    bars = [label.get_text() for label in axes.get_yticklabels()]
    (drawn,) = axes.containers
    assert isinstance(drawn, BarContainer)
    assert dict(zip(bars, np.asarray(drawn.datavalues), strict=True)) == pytest.approx(
        dict(effects)
    )
    assert set(bars[-2:]) == {"good", "bad"}  # the strongest are on top
    assert "negative" in axes.get_title()


@pytest.mark.parametrize("text", ["", "good", "..."])
def test_a_text_of_less_than_two_words_is_refused(text: str) -> None:
    with pytest.raises(ModelError, match="two words"):
        present.explain_text(text_bundle(), text)


def test_words_of_letters_with_longer_lower_case_forms() -> None:
    pieces = present.split_words("İyi film, good")
    assert [word for word, number in pieces if number is not None][-1] == "good"


def test_a_row_of_a_table_names_values_and_missing_ones() -> None:
    column = {"name": "shape", "codes": {"round": 1, "oval": 2}}
    assert present.decode(2.0, column) == "oval"
    assert present.decode(np.nan, column) == "?"
    assert present.decode(45.5, {"name": "age"}) == "45.5"


def test_background_rows_are_some_of_the_training_rows() -> None:
    x = np.arange(20.0).reshape(10, 2)
    chosen = present.choose_background(x, 4, seed=1)
    assert len(chosen) == 4
    assert set(chosen[:, 0]) <= set(x[:, 0])
    np.testing.assert_array_equal(present.choose_background(x, 99, seed=1), x)


def test_the_caption_of_each_figure_exists() -> None:
    from stages.inference.explain.captions import CAPTIONS

    assert {"attributions", "layers", "kernels", "weights", "words", "effects", "columns"} == set(
        CAPTIONS
    )
