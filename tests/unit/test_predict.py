"""Predictions of models with known outputs."""

import io
import json
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

from stages.core.errors import ModelError
from stages.inference.bundle import Bundle
from stages.inference.outputs import predict_texts
from stages.inference.predict import MAX_CHARACTERS, MAX_IMAGES, predict
from stages.networks.draw.networks import build_generator
from tests.unit import test_tasks_drawing as drawing
from tests.unit import test_tasks_word_vectors as words
from tests.unit.test_tasks_autoencoding import make_vae
from tests.unit.test_tasks_conditional_generation import make_cvae
from tests.unit.test_tasks_image_generation import make_gan
from tests.unit.test_tasks_language_modeling import VOCABULARY, P, make_model
from tests.unit.test_tasks_reconstruction import mean_autoencoder
from tests.unit.test_tasks_restoration import half
from tests.unit.test_tasks_sequences import Copier
from tests.unit.test_tasks_toys import make_classifier

HEIGHT, WIDTH = 4, 6
LARGEST_SEED = 2**32 - 1


def png(level: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (WIDTH, HEIGHT), level).save(file, "PNG")
    return file.getvalue()


def image_model() -> Bundle:
    """Red is a tenth of the row, green of the column, blue six tenths."""
    pixel = keras.Input((2,), dtype="uint16")
    paint = keras.layers.Dense(3)
    model = keras.Model(pixel, paint(keras.layers.Rescaling(1.0)(pixel)))
    paint.set_weights([np.array([[0.1, 0, 0], [0, 0.1, 0]]), np.array([0, 0, 0.6])])
    encoding = {"type": "pixel_coordinates", "height": HEIGHT, "width": WIDTH}
    return Bundle(model, {"task": "image_fitting", "input": encoding})


def toy() -> Bundle:
    """The probability of class 1 is the sigmoid of three times y."""
    spec = {
        "task": "toy_classification",
        "classes": ["inside", "outside"],
        "input": {"type": "points"},
    }
    return Bundle(make_classifier(), spec)


def generator(task: str = "image_generation") -> Bundle:
    """Each example is gray, by the first of three noise numbers."""
    return Bundle(make_gan((2,) if task == "toy_generation" else (HEIGHT, WIDTH)), {"task": task})


def language_model() -> Bundle:
    """The next character has the probabilities P, whatever was read."""
    spec = {
        "task": "language_modeling",
        "network": {"name": "char_rnn"},
        "input": {"type": "characters", "vocabulary": VOCABULARY},
    }
    return Bundle(make_model(), spec)


def conditional() -> Bundle:
    """The decoder outputs the level of the class."""
    return Bundle(make_cvae(), {"task": "conditional_generation", "classes": ["a", "b", "c"]})


def word_vectors() -> Bundle:
    spec = {"task": "word_vectors", "input": words.INFO["input"]}
    return Bundle(words.make_model(), spec)


def forecaster() -> Bundle:
    """Forecasts the last value plus 1, and plus 2."""
    past = keras.Input((3,))
    dense = keras.layers.Dense(2)
    model = keras.Model(past, dense(past))
    dense.set_weights([np.array([[0, 0], [0, 0], [1, 1]]), np.array([1, 2])])
    return Bundle(model, {"task": "forecasting", "input": {"type": "time_series", "length": 3}})


def translator() -> Bundle:
    """Writes the tokens whose numbers the characters of the text have, to the first period."""
    spec = {
        "task": "translation",
        "classes": ["[padding]", "[start]", "[end]", *"0123456789-"],
        "input": {"type": "character_sequence", "vocabulary": [*"<>.0123456789-"]},
    }
    return Bundle(Copier(), spec)  # type: ignore[arg-type]


PROMPT = {"prompt": "ab", "length": 30, "temperature": 0.5, "seed": 3}


def test_an_image_is_encoded_and_decoded() -> None:
    encoding = {"type": "image", "shape": [HEIGHT, WIDTH]}
    bundle = Bundle(make_vae(), {"task": "autoencoding", "input": encoding})
    output = predict(bundle, png(200))
    mean = 8 * 200 / 255 - 4
    assert output["latent"] == pytest.approx([mean, 0], abs=1e-5)
    assert output["reconstruction"] == np.full((4, 6), round(255 / (1 + np.exp(-mean)))).tolist()
    json.dumps(output)


def test_a_pixel_has_a_color() -> None:
    assert predict(image_model(), {"row": 2, "column": 4}) == {"color": [51, 102, 153]}
    assert predict(image_model(), {"row": 0, "column": 0})["color"][:2] == [0, 0]


def test_a_point_has_a_class() -> None:
    output = predict(toy(), [7, 0.5])
    expected = 1 / (1 + np.exp(-1.5))
    assert output["class"] == "outside"
    assert output["probabilities"] == pytest.approx({"inside": 1 - expected, "outside": expected})
    assert predict(toy(), [0.5, -7])["class"] == "inside"


def test_images_are_generated_from_the_noise_of_the_seed() -> None:
    output = predict(generator(), {"seed": 1, "count": 1500})
    noise = np.random.default_rng(1).standard_normal((1500, 3), np.float32)
    levels = np.rint(128 + 40 * noise[:, 0])
    assert (levels.min(), levels.max()) == (-20, 275)
    expected = levels.clip(0, 255).astype(int)[:, None, None]
    assert output["images"] == np.broadcast_to(expected, (1500, HEIGHT, WIDTH)).tolist()


def test_points_are_generated_from_the_noise_of_the_seed() -> None:
    output = predict(generator("toy_generation"), {"seed": 5, "count": 3})
    noise = np.random.default_rng(5).standard_normal((3, 3), np.float32)
    expected = 128 + 40 * noise[:, :1].repeat(2, axis=1)
    assert np.array(output["points"]) == pytest.approx(expected, rel=1e-5)


def test_a_text_is_continued_by_the_noise_of_the_seed() -> None:
    noise = np.random.default_rng(3).gumbel(size=(30, 1, 5)).astype(np.float32)[:, 0]
    expected = (np.log(P) / 0.5 + noise).argmax(axis=1)
    assert len(set(expected)) > 2
    assert predict(language_model(), PROMPT) == {
        "text": "".join(VOCABULARY[index] for index in expected)
    }


def test_an_image_is_compressed_and_reconstructed() -> None:
    encoding = {"type": "image", "shape": [HEIGHT, WIDTH]}
    bundle = Bundle(mean_autoencoder(), {"task": "reconstruction", "input": encoding})
    output = predict(bundle, png(200))
    assert output["latent"] == pytest.approx([200 / 255])
    assert output["reconstruction"] == np.full((HEIGHT, WIDTH), 200).tolist()


@pytest.mark.parametrize("shape", [(HEIGHT, WIDTH), (HEIGHT, WIDTH, 3)])
def test_an_image_is_restored(shape: tuple[int, ...]) -> None:
    encoding = {"type": "image", "shape": list(shape)}
    bundle = Bundle(half(*shape), {"task": "restoration", "input": encoding})
    assert predict(bundle, png(200)) == {"restored": np.full(shape, 100).tolist()}


def test_a_text_is_translated_to_the_end_token() -> None:
    text = "2026-11-27."
    assert predict(translator(), text.ljust(32, "-")) == {"text": "2026-11-27"}


def test_a_caption_has_words() -> None:
    bundle = translator()
    bundle.spec["task"] = "captioning"
    assert predict(bundle, "907.".ljust(32, "-")) == {"text": "9 0 7"}


def test_the_last_values_are_forecast() -> None:
    assert predict(forecaster(), [9, 1, 2, 5.5]) == {"forecast": [6.5, 7.5]}


def test_images_of_a_class_are_generated() -> None:
    images = {
        name: np.array(predict(conditional(), {"class": name, "seed": 1, "count": 4})["images"])
        for name in "ab"
    }
    assert images["a"].shape == (4, HEIGHT, WIDTH)
    assert images["a"].std() < 5
    assert images["b"].mean() - images["a"].mean() > 50


def test_digits_are_drawn_as_the_generator_draws_them() -> None:
    output = predict(Bundle(drawing.MODEL, {"task": "drawing"}), {"seed": 4, "count": 6})
    noise = np.random.default_rng(4).standard_normal((6, 3, 2), np.float32)
    canvas = build_generator(drawing.MODEL).predict(noise, verbose=0)["canvas"][:, -1]
    expected = 255 / (1 + np.exp(-canvas.astype(np.float64)))
    assert expected.std() > 10
    assert np.abs(np.array(output["images"]) - expected).max() <= 0.5 + 1e-3


def test_a_word_has_neighbors() -> None:
    vocabulary = words.INFO["input"]["vocabulary"]
    output = predict(word_vectors(), {"word": vocabulary[4], "count": 3})
    units = words.WORD / np.linalg.norm(words.WORD, axis=1, keepdims=True)
    similarity = units @ units[4]
    best = sorted({2, 3, 5, 6, 7, 8}, key=lambda other: -similarity[other])[:3]
    assert list(output["neighbors"]) == [vocabulary[other] for other in best]
    assert list(output["neighbors"].values()) == pytest.approx(similarity[best])


@pytest.mark.parametrize(
    ("bundle", "raw"),
    [
        (image_model, {"row": HEIGHT - 1, "column": WIDTH - 1}),
        (generator, {"seed": 0, "count": 1}),
        (generator, {"seed": LARGEST_SEED, "count": MAX_IMAGES}),
        (language_model, PROMPT | {"length": 1, "seed": LARGEST_SEED, "temperature": 1e-3}),
        (language_model, PROMPT | {"prompt": "b", "seed": 0, "temperature": 2}),
        (toy, [1e3, -1]),
    ],
)
def test_extreme_inputs_are_accepted(bundle: Any, raw: Any) -> None:
    assert predict(bundle(), raw)


@pytest.mark.parametrize(
    ("bundle", "raw", "message"),
    [
        (
            image_model,
            {"row": HEIGHT, "column": 0},
            "row: expected an integer from 0 to 3, found 4",
        ),
        (
            image_model,
            {"row": 0, "column": WIDTH},
            "column: expected an integer from 0 to 5, found 6",
        ),
        (image_model, {"row": -1, "column": 0}, "row: expected an integer from 0 to 3, found -1"),
        (
            image_model,
            {"row": True, "column": 0},
            "row: expected an integer from 0 to 3, found True",
        ),
        (image_model, {"row": 1.0, "column": 0}, "row: expected an integer from 0 to 3, found 1.0"),
        (image_model, {"column": 0}, "row: expected an integer from 0 to 3, found None"),
        (image_model, [1, 2], "expected pixel_coordinates, found list"),
        (toy, [1], "expected [x, y], found 1 coordinates"),
        (toy, "1, 2", "expected points, found str"),
        (forecaster, [1, 2], "expected at least 3 values, found 2"),
        (forecaster, [1, 2, "x"], "2: expected a number, found 'x'"),
        (translator, "one", "character 'o': not one of the 14 of the vocabulary"),
        (conditional, {"seed": 1, "count": 1}, "class: expected one of a, b, c; found None"),
        (word_vectors, {"word": "[unknown]", "count": 1}, "word: expected one of the 7 words of"),
        (word_vectors, {"word": "GREAT", "count": 1}, "word: expected one of the 7 words of the"),
        (word_vectors, {"word": "the", "count": 0}, "count: expected an integer from 1 to 1000"),
        (toy, ["1", 2], "x: expected a number, found '1'"),
        (toy, [1, float("nan")], "y: expected a number, found nan"),
        (toy, [1, False], "y: expected a number, found False"),
        (generator, {"seed": 1, "count": 0}, "count: expected an integer from 1 to 10000, found 0"),
        (generator, {"seed": 1, "count": MAX_IMAGES + 1}, "count: expected an integer from 1 to"),
        (generator, {"seed": -1, "count": 1}, "seed: expected an integer from 0 to 4294967295"),
        (generator, {"seed": 2**32, "count": 1}, "seed: expected an integer from 0 to 4294967295"),
        (generator, 3, "count: expected an integer from 1 to 10000, found None"),
        (
            language_model,
            PROMPT | {"seed": -1},
            "seed: expected an integer from 0 to 4294967295, found -1",
        ),
        (
            language_model,
            PROMPT | {"seed": 2**32},
            "seed: expected an integer from 0 to 4294967295",
        ),
        (
            language_model,
            PROMPT | {"length": 0},
            "length: expected an integer from 1 to 100000, found 0",
        ),
        (
            language_model,
            PROMPT | {"length": MAX_CHARACTERS + 1},
            "length: expected an integer from 1 to",
        ),
        (language_model, PROMPT | {"temperature": 0}, "temperature: expected more than 0, found 0"),
        (
            language_model,
            PROMPT | {"temperature": -1.5},
            "temperature: expected more than 0, found -1.5",
        ),
        (
            language_model,
            PROMPT | {"temperature": "1"},
            "temperature: expected a number, found '1'",
        ),
        (
            language_model,
            PROMPT | {"prompt": ""},
            "prompt: expected text of a character or more, found ''",
        ),
        (
            language_model,
            PROMPT | {"prompt": 3},
            "prompt: expected text of a character or more, found 3",
        ),
        (
            language_model,
            PROMPT | {"prompt": "x"},
            "character 'x': not one of the 5 of the vocabulary",
        ),
    ],
)
def test_an_invalid_input_is_rejected(bundle: Any, raw: Any, message: str) -> None:
    with pytest.raises(ModelError) as caught:
        predict(bundle(), raw)
    assert str(caught.value).startswith(f"input: {message}")


def test_an_unknown_task_is_rejected() -> None:
    with pytest.raises(ModelError, match=r"spec.json: task: expected one of classification, .*'x'"):
        predict(Bundle(make_vae(), {"task": "x"}), png(1))


def test_texts_are_padded_to_the_longest_of_their_batch() -> None:
    shapes: list[tuple[int, ...]] = []

    class Sum:
        def predict_on_batch(self, x: np.ndarray) -> np.ndarray:
            shapes.append(x.shape)
            return x.sum(axis=1, keepdims=True)

    texts = np.array([[3, 4, 5, 0, 0, 0], [7, 0, 0, 0, 0, 0]])
    assert predict_texts(Sum(), texts).tolist() == [[12], [7]]  # type: ignore[arg-type]
    assert predict_texts(Sum(), texts[:1] * 0).tolist() == [[0]]  # type: ignore[arg-type]
    assert shapes == [(2, 3), (1, 1)]
