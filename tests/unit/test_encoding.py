import json
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from stages.core.errors import DataError
from stages.encoding.characters import decode_characters, display_name, encode_characters
from stages.encoding.image import (
    CropResize,
    InvalidImageError,
    central_box,
    crop_and_resize,
    encode_image,
    load_image,
)
from stages.encoding.table import encode_row
from stages.encoding.text import build_vocabulary, encode_documents, encode_text, tokenize
from tests.unit.image_files import KINDS, LEFT, NOISE, RIGHT, encode, halves, luma

SQUARE = CropResize(None, 1.0, (32, 32, 3))


# Images


@pytest.mark.parametrize("kind", KINDS)
def test_every_accepted_kind_is_decoded_correctly(kind: str) -> None:
    make, left, right = KINDS[kind]
    tolerance = 4 if "JPEG" in kind else 1
    pixels = crop_and_resize(load_image(make()), SQUARE).astype(int)
    assert pixels.shape == (32, 32, 3)
    assert np.abs(pixels[:, :14] - left).max() <= tolerance
    assert np.abs(pixels[:, 18:] - right).max() <= tolerance


@pytest.mark.parametrize("shape", [(32, 32), (32, 32, 1)])
def test_one_channel_is_grayscale_in_the_requested_shape(shape: tuple[int, ...]) -> None:
    pixels = crop_and_resize(load_image(encode(halves(), "PNG")), CropResize(None, 1.0, shape))
    assert pixels.shape == shape
    assert pixels.reshape(32, 32)[0, 0] == luma(LEFT)
    assert pixels.reshape(32, 32)[0, -1] == luma(RIGHT)


def test_an_image_of_the_right_size_is_not_changed() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (50, 71, 3), np.uint8)
    image = load_image(encode(Image.fromarray(noise), "PNG"))
    cropped = crop_and_resize(image, CropResize((32, 32), 1.0, (32, 32, 3)))
    assert (cropped == noise[9:41, 19:51]).all()


def test_resizing_is_bicubic_with_antialiasing() -> None:
    stripes = np.zeros((128, 128, 3), np.uint8)
    stripes[:, ::2] = 255
    pixels = crop_and_resize(load_image(encode(Image.fromarray(stripes), "PNG")), SQUARE)
    assert np.abs(pixels.astype(int) - 127).max() <= 12
    edge = np.zeros((64, 64), np.uint8)
    edge[:, 32:] = 200
    row = crop_and_resize(Image.fromarray(edge), CropResize(None, 1.0, (48, 48)))[24]
    assert row.max() > 200  # cubic interpolation overshoots next to an edge, linear does not


sides = st.integers(1, 400)


@given(sides, sides, sides, sides, st.floats(0.01, 1.0), st.none() | st.tuples(sides, sides))
def test_a_crop_is_inside_central_large_enough_and_in_proportion(
    height: int, width: int, to_height: int, to_width: int, fraction: float, center_crop: Any
) -> None:
    crop = CropResize(center_crop, fraction, (to_height, to_width, 3))
    kept = center_crop or (height, width)
    scale = min(kept[0] / to_height, kept[1] / to_width) * fraction
    try:
        left, top, right, bottom = central_box(height, width, crop)
    except InvalidImageError:
        too_large = kept[0] > height or kept[1] > width
        assert too_large or min(scale * to_height - to_height, scale * to_width - to_width) < 0
        return
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    assert bottom - top <= kept[0]
    assert right - left <= kept[1]
    assert abs(left - (width - right)) <= 1
    assert abs(top - (height - bottom)) <= 1
    assert bottom - top >= to_height
    assert right - left >= to_width
    assert abs((bottom - top) - scale * to_height) <= 0.5
    assert abs((right - left) - scale * to_width) <= 0.5


@given(sides, st.floats(0.05, 1.0))
def test_the_crop_fraction_is_that_of_the_shorter_side(side: int, fraction: float) -> None:
    assume(round(side * fraction) >= 8)
    left, _, right, _ = central_box(side, 2 * side, CropResize(None, fraction, (8, 8, 3)))
    assert right - left == round(8 * (side / 8 * fraction))


@pytest.mark.parametrize("length", range(0, 2000, 97))
def test_an_image_truncated_anywhere_is_rejected(length: int) -> None:
    content = encode(NOISE, "JPEG")
    assert length < len(content)
    with pytest.raises(InvalidImageError):
        load_image(content[:length])


@given(st.sampled_from(sorted(KINDS)), st.data())
def test_damage_gives_an_image_or_one_line(kind: str, data: st.DataObject) -> None:
    content = bytearray(KINDS[kind][0]())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    problem = ""
    try:
        assert encode_image(bytes(content), {"shape": [28, 28]}).shape == (28, 28)
    except InvalidImageError as error:
        problem = str(error)
    assert "\n" not in problem


def test_a_small_image_is_enlarged_for_a_prediction_only() -> None:
    content = encode(halves(8), "PNG")
    encoding = {"type": "image", "shape": [28, 28]}
    pixels = encode_image(content, encoding)
    assert pixels.shape == (28, 28)
    assert pixels.dtype == np.uint8
    assert abs(int(pixels[14, 2]) - luma(LEFT)) <= 2
    assert abs(int(pixels[14, -3]) - luma(RIGHT)) <= 2
    with pytest.raises(InvalidImageError, match="too small"):
        crop_and_resize(load_image(content), CropResize(None, 1.0, (28, 28)))
    one_pixel = encode(Image.new("RGB", (1, 1), LEFT), "PNG")
    assert (encode_image(one_pixel, {"shape": [4, 6, 3]}) == LEFT).all()


def test_an_image_is_encoded_as_its_dataset_was() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    image = Image.fromarray(noise)
    encoding = {"type": "image", "shape": [16, 12, 3], "center_crop": [50, 40],
                "crop_fraction": 0.8}  # fmt: skip
    expected = crop_and_resize(image, CropResize([50, 40], 0.8, [16, 12, 3]))
    assert (encode_image(encode(image, "PNG"), encoding) == expected).all()


# Tables

VOTE = {"name": "vote", "encoding": "identity", "codes": {"n": -1, "y": 1, "?": 0}}
SHAPE = {"name": "shape", "encoding": "one_hot", "num_codes": 3,
         "codes": {"1": 1, "2": 2, "3": 3}}  # fmt: skip
AGE = {"name": "age", "encoding": "standardize"}


def test_a_row_is_encoded_by_the_codes_of_its_columns() -> None:
    row = {"age": "67", "vote": "n", "shape": "3"}
    encoded = encode_row(row, [VOTE, SHAPE, AGE])
    assert encoded.dtype == np.float32
    assert encoded.tolist() == [-1, 3, 67]


@pytest.mark.parametrize("missing", [None, float("nan"), "", " ", "?"])
def test_missing_values_have_a_code_or_are_nan(missing: Any) -> None:
    row = {"vote": missing, "shape": missing, "age": missing}
    vote, shape, age = encode_row(row, [VOTE, SHAPE, AGE])
    assert vote == 0
    assert np.isnan([shape, age]).all()


@pytest.mark.parametrize("value", [2, 2.0, "2", " 2 "])
def test_a_code_may_be_text_or_number(value: Any) -> None:
    assert encode_row({"shape": value}, [SHAPE]).tolist() == [2]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"vote": "maybe"}, "vote: expected one of n, y, ?; found 'maybe'"),
        ({"vote": 1}, "vote: expected one of n, y, ?; found '1'"),
        ({"shape": "4"}, "shape: expected one of 1, 2, 3, ?; found '4'"),
        ({"shape": 1.5}, "shape: expected one of 1, 2, 3, ?; found '1.5'"),
        ({"age": "old"}, "age: expected a number or ?, found 'old'"),
        ({"age": float("inf")}, "age: expected a number or ?, found 'inf'"),
        ({"age": "1e39"}, "age: expected a number or ?, found '1e39'"),
        ({"age": "nan"}, "age: expected a number or ?, found 'nan'"),
    ],
)
def test_a_wrong_value_names_the_column_and_what_is_allowed(
    row: dict[str, Any], expected: str
) -> None:
    column = next(column for column in (VOTE, SHAPE, AGE) if column["name"] in row)
    with pytest.raises(DataError) as error:
        encode_row(row, [column])
    assert str(error.value) == expected


def test_missing_and_unknown_columns_are_named() -> None:
    with pytest.raises(DataError) as error:
        encode_row({"vote": "y", "ages": 3}, [VOTE, AGE])
    assert str(error.value) == (
        "expected a value for each of vote, age (? if it is missing); no value for age; "
        "unknown: ages"
    )


# Texts


def test_texts_are_tokenized_in_lower_case_without_markup() -> None:
    assert tokenize("A <br />FILM, don't 2!") == ["a", "film", "don't", "2", "!"]


def test_a_word_is_in_memory_once_however_often_it_occurs() -> None:
    first, second = tokenize("Film film"), tokenize("a film")
    assert first[0] is first[1] is second[1]


@given(st.text())
def test_tokens_are_lower_case_words(text: str) -> None:
    tokens = tokenize(text + "<br />End")
    assert all(token == token.lower() and token.isascii() for token in tokens)
    assert tokens[-1] == "end"


def test_ties_in_a_vocabulary_are_alphabetical_and_its_size_is_kept() -> None:
    assert build_vocabulary([["c", "b", "a", "c"]], 4) == ["[padding]", "[unknown]", "c", "a"]


def test_a_vocabulary_beyond_uint16_is_rejected() -> None:
    words = [str(number) for number in range(65_600)]
    vocabulary = build_vocabulary([words], 65_536)
    ids = encode_documents([[vocabulary[-1], "new"]], vocabulary, 2, "end")
    assert ids.tolist() == [[65_535, 1]]
    with pytest.raises(DataError, match="vocabulary_size: expected at most 65536, found 65537"):
        build_vocabulary([words], 65_537)


@pytest.mark.parametrize(("keep", "expected"), [("start", [2, 3]), ("end", [1, 2])])
def test_a_long_text_is_truncated_at_one_end(keep: str, expected: list[int]) -> None:
    vocabulary = ["[padding]", "[unknown]", "a", "b"]
    encoding = {"type": "text", "vocabulary": vocabulary, "max_length": 2, "keep": keep}
    assert encode_text("A b new, a", encoding).tolist() == expected
    longer = encode_text("A b", encoding | {"max_length": 3})
    assert longer.tolist() == [2, 3, 0]
    assert longer.dtype == np.uint16


# Characters


def test_characters_are_encoded_and_decoded() -> None:
    ids = encode_characters("cab\n", "\nabc")
    assert ids.tolist() == [3, 1, 2, 0]
    assert ids.dtype == np.uint16
    assert decode_characters(ids, "\nabc") == "cab\n"


@given(st.text(min_size=1))
def test_decoding_is_the_inverse_of_encoding(text: str) -> None:
    vocabulary = json.loads(json.dumps(sorted(set(text))))
    assert decode_characters(encode_characters(text, vocabulary), vocabulary) == text


def test_an_unknown_character_is_named() -> None:
    with pytest.raises(DataError, match="character 'x': not one of the 3 of the vocabulary"):
        encode_characters("abx", "abc")
    with pytest.raises(DataError, match="at most 65536 distinct characters, found 65537"):
        encode_characters("", ["a"] * 65_537)


@pytest.mark.parametrize(
    ("character", "expected"),
    [(" ", "space"), ("\n", "newline"), ("a", "a"), ("ä", "ä"), ("\x1a", "\\x1a")],
)
def test_a_character_has_a_name_that_a_chart_can_show(character: str, expected: str) -> None:
    assert display_name(character) == expected
