"""Predictions of trained models for raw input."""

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from stages.core.errors import DataError, ModelError
from stages.encoding.characters import decode_characters, encode_characters
from stages.encoding.text import SPECIAL_TOKENS
from stages.inference.bundle import Bundle
from stages.inference.inputs import encode, integer, number
from stages.inference.outputs import (
    logits_to_pixels,
    predict_arrays,
    probabilities,
    to_pixels,
)

MAX_IMAGES = 10_000
MAX_CHARACTERS = 100_000
MAX_NEIGHBORS = 1000
MAX_TOKENS = 32  # of a translation or caption


def predict(bundle: Bundle, raw: Any) -> dict[str, Any]:
    """Predict one raw example.

    Args:
        bundle: Trained model.
        raw: Input, by task:
            classification, toy_classification, autoencoding, reconstruction, restoration,
            translation, captioning, forecasting: example, see `stages.inference.inputs.encode`;
            image_fitting: {"row", "column"} of a pixel;
            image_generation, toy_generation, drawing: {"seed", "count"};
            conditional_generation: {"class", "seed", "count"};
            language_modeling: {"prompt", "length", "temperature", "seed"};
            word_vectors: {"word", "count"}.

    Returns:
        Output, serializable as JSON, by task:
            classification, toy_classification: `class` and `probabilities` by class;
            autoencoding, reconstruction: `latent` [latent_dim], for autoencoding the posterior
            mean, and `reconstruction` [height, width], 0 to 255;
            restoration: `restored` [height, width(, 3)], 0 to 255;
            translation, captioning: `text`;
            forecasting: `forecast` [horizon], in the unit of the input;
            image_fitting: `color` [3], 0 to 255;
            image_generation, conditional_generation, drawing: `images`
            [count, height, width(, channels)], 0 to 255;
            toy_generation: `points` [count, 2];
            language_modeling: `text`, without the prompt;
            word_vectors: `neighbors`, `count` words and their cosine similarity, the nearest first.

    Raises:
        ModelError: If the input is invalid, with the invalid part.
    """
    task = bundle.spec["task"]
    if task not in TASKS:
        raise ModelError(f"spec.json: task: expected one of {', '.join(TASKS)}, found {task!r}")
    try:
        return TASKS[task](bundle, raw)
    except DataError as error:
        raise ModelError(f"input: {error}") from None


def classify(bundle: Bundle, raw: Any) -> dict[str, Any]:
    """Predict the class of an example; see `predict`."""
    encoding, classes = bundle.spec["input"], bundle.spec["classes"]
    p = probabilities(bundle.model, encode(raw, encoding)[None], encoding["type"])[0]
    return {
        "class": classes[int(p.argmax())],
        "probabilities": dict(zip(classes, p.tolist(), strict=True)),
    }


def autoencode(bundle: Bundle, raw: Any) -> dict[str, Any]:
    """Return the latent variables of an image and its reconstruction; see `predict`."""
    outputs = predict_arrays(bundle.model, encode(raw, bundle.spec["input"])[None])
    return {
        "latent": outputs["mean"][0].tolist(),
        "reconstruction": logits_to_pixels(outputs["reconstruction"][0]).tolist(),
    }


def reconstruct(bundle: Bundle, raw: Any) -> dict[str, Any]:
    """Return the latent variables of an image and its reconstruction; see `predict`."""
    image = encode(raw, bundle.spec["input"])[None]
    latent = predict_arrays(bundle.model.get_layer("encoder"), image)
    decoded = predict_arrays(bundle.model.get_layer("decoder"), latent)
    return {"latent": latent[0].tolist(), "reconstruction": to_pixels(255 * decoded[0]).tolist()}


def restore(bundle: Bundle, raw: Any) -> dict[str, Any]:
    """Remove noise from an image, or color it; see `predict`."""
    grayscale = len(bundle.model.input_shape) == 3
    shape = bundle.spec["input"]["shape"][: 2 if grayscale else 3]
    image = encode(raw, bundle.spec["input"] | {"shape": shape})[None]
    return {"restored": to_pixels(255 * predict_arrays(bundle.model, image)[0]).tolist()}


def write(bundle: Bundle, raw: Any) -> dict[str, Any]:
    """Translate a text or caption an image; see `predict`."""
    decoding = importlib.import_module("stages.networks.seq2seq.decoding")
    tokens = importlib.import_module("stages.networks.seq2seq.tokens")
    example = encode(raw, bundle.spec["input"])[None]
    ids, _ = decoding.decode_greedily(bundle.model, example, MAX_TOKENS)
    words = tokens.decode_tokens(ids[0], bundle.spec["classes"])
    return {"text": ("" if bundle.spec["task"] == "translation" else " ").join(words)}


def forecast(bundle: Bundle, raw: Any) -> dict[str, Any]:
    """Forecast the next values of a time series; see `predict`."""
    past = encode(raw, bundle.spec["input"])[None]
    return {"forecast": predict_arrays(bundle.model, past)[0].tolist()}


def find_neighbors(bundle: Bundle, raw: Any) -> dict[str, Any]:
    """Return the words with the most similar vectors; see `predict`."""
    vocabulary = bundle.spec["input"]["vocabulary"]
    count = integer(raw, "count", 1, MAX_NEIGHBORS)
    word = raw.get("word")
    if word not in vocabulary[len(SPECIAL_TOKENS) :]:
        raise ModelError(
            f"input: word: expected one of the {len(vocabulary) - len(SPECIAL_TOKENS)} words of "
            f"the vocabulary in lower case, found {word!r}"
        )
    neighbors = importlib.import_module("stages.networks.word2vec.neighbors")
    vectors = predict_arrays(bundle.model, np.arange(len(vocabulary)))["word"]
    units = neighbors.unit_vectors(vectors)
    best, similarity = neighbors.find_nearest(units, vocabulary.index(word), count)
    words = [vocabulary[index] for index in best]
    return {"neighbors": dict(zip(words, similarity.tolist(), strict=True))}


def color_pixel(bundle: Bundle, raw: Any) -> dict[str, Any]:
    """Predict the color of a pixel; see `predict`."""
    color = predict_arrays(bundle.model, encode(raw, bundle.spec["input"])[None])[0]
    return {"color": to_pixels(255 * color).tolist()}


def generate_images(bundle: Bundle, raw: Any) -> dict[str, Any]:
    """Generate images from noise; see `predict`."""
    return {"images": to_pixels(generate(bundle, raw)).tolist()}


def generate_class(bundle: Bundle, raw: Any) -> dict[str, Any]:
    """Generate images of a class; see `predict`."""
    classes = bundle.spec["classes"]
    decoder = bundle.model.get_layer("decoder")
    noise = draw_noise(raw, decoder.input_shape[0][1:])
    if raw.get("class") not in classes:
        raise ModelError(
            f"input: class: expected one of {', '.join(classes)}; found {raw.get('class')!r}"
        )
    labels = np.full(len(noise), classes.index(raw["class"]), np.uint8)
    return {"images": logits_to_pixels(predict_arrays(decoder, [noise, labels])).tolist()}


def draw(bundle: Bundle, raw: Any) -> dict[str, Any]:
    """Draw images glimpse by glimpse; see `predict`."""
    networks = importlib.import_module("stages.networks.draw.networks")
    generator = networks.build_generator(bundle.model)
    canvases = predict_arrays(generator, draw_noise(raw, generator.input_shape[1:]))["canvas"]
    return {"images": logits_to_pixels(canvases[:, -1]).tolist()}


def generate_points(bundle: Bundle, raw: Any) -> dict[str, Any]:
    """Generate points from noise; see `predict`."""
    return {"points": generate(bundle, raw).tolist()}


def generate(bundle: Bundle, raw: Any) -> np.ndarray:
    """Return the generator's outputs [count, ...] for `count` noise vectors drawn with `seed`."""
    generator = bundle.model.get_layer("generator")
    generated: np.ndarray = predict_arrays(generator, draw_noise(raw, generator.input_shape[1:]))
    return generated


def draw_noise(raw: Any, shape: Sequence[int]) -> np.ndarray:
    """Draw `count` standard normal noise arrays with `seed`, float32 [count, *shape]."""
    count = integer(raw, "count", 1, MAX_IMAGES)
    random = np.random.default_rng(integer(raw, "seed", 0, 2**32 - 1))
    return random.standard_normal((count, *shape), np.float32)


def continue_text(bundle: Bundle, raw: Any) -> dict[str, Any]:
    """Continue a prompt with a character-level language model; see `predict`."""
    network = bundle.spec["network"]["name"]
    sampling = importlib.import_module(f"stages.networks.{network}.sampling")
    vocabulary = bundle.spec["input"]["vocabulary"]
    length = integer(raw, "length", 1, MAX_CHARACTERS)
    random = np.random.default_rng(integer(raw, "seed", 0, 2**32 - 1))
    temperature = number(raw, "temperature")
    if temperature <= 0:
        raise ModelError(f"input: temperature: expected more than 0, found {temperature:g}")
    prompt = raw.get("prompt")
    if not isinstance(prompt, str) or not prompt:
        raise ModelError(f"input: prompt: expected text of a character or more, found {prompt!r}")
    noise = random.gumbel(size=(length, 1, len(vocabulary))).astype(np.float32)
    sample = sampling.make_sampler(bundle.model)
    ids = sample(encode_characters(prompt, vocabulary), [temperature], noise)[0]
    return {"text": decode_characters(ids, vocabulary)}


TASKS: dict[str, Callable[[Bundle, Any], dict[str, Any]]] = {
    "classification": classify,
    "toy_classification": classify,
    "autoencoding": autoencode,
    "reconstruction": reconstruct,
    "restoration": restore,
    "translation": write,
    "captioning": write,
    "forecasting": forecast,
    "image_fitting": color_pixel,
    "image_generation": generate_images,
    "conditional_generation": generate_class,
    "drawing": draw,
    "toy_generation": generate_points,
    "language_modeling": continue_text,
    "word_vectors": find_neighbors,
}
