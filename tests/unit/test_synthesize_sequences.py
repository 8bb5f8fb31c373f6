"""Generated dates and rows of digits."""

from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from stages import synthesize_dates as dates
from stages import synthesize_digit_rows as rows
from stages.config.schema import Dates, DigitRows
from stages.core.paths import PROCESSED
from stages.core.splits import SPLITS, Split, load_info, load_raw, load_split, save_split
from stages.networks.seq2seq.tokens import END, PADDING, decode_tokens, encode_tokens

CONFIG = Dates(num_examples=3000, typo_rate=0.3, lowercase_rate=0.25, seed=4)


# Tokens


def test_tokens_are_encoded_with_their_end_and_decoded() -> None:
    vocabulary = ["[padding]", "[start]", "[end]", "a", "b"]
    encoded = encode_tokens(["ab", "", "b"], vocabulary)
    assert encoded.dtype == np.uint8
    assert encoded.tolist() == [[3, 4, END], [END, PADDING, PADDING], [4, END, PADDING]]
    assert [decode_tokens(ids, vocabulary) for ids in encoded] == [["a", "b"], [], ["b"]]
    assert decode_tokens(np.array([3, 4, 4]), vocabulary) == ["a", "b", "b"]  # never ended


# Dates


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (dates.TEMPLATES[0], "Monday, 1st of January 2001"),
        ("{abbreviated_weekday} {day} {abbreviated_month} {yy}", "Mon 1 Jan 01"),
        ("{mm}/{dd}/{year} {m}/{day}/{yy}", "01/01/2001 1/1/01"),
    ],
)
def test_a_template_is_filled(template: str, expected: str) -> None:
    assert dates.fill(template, date(2001, 1, 1)) == expected


def test_ordinals_are_those_of_english() -> None:
    written = " ".join(map(dates.ordinal, (1, 2, 3, 4, 11, 12, 13, 20, 21, 22, 23, 30, 31)))
    assert written == "1st 2nd 3rd 4th 11th 12th 13th 20th 21st 22nd 23rd 30th 31st"


def test_every_day_has_one_reading_in_every_format() -> None:
    """No two days are written alike: each text has one right answer."""
    years = [dates.FIRST.year, 1999, 2001, dates.LAST.year]
    days = [date(year, 1, 1) + timedelta(number) for year in years for number in range(365)]
    texts = {dates.fill(template, day) for template in dates.TEMPLATES for day in days}
    assert len(texts) == len(days) * len(dates.TEMPLATES)


def test_no_calendar_day_is_in_two_splits() -> None:
    days = dates.split_days(CONFIG)
    assert {name: len(split) for name, split in days.items()} == {
        "train": 2400, "validation": 300, "test": 300,
    }  # fmt: skip
    train, validation, test = (set(split) for split in days.values())
    assert not train & validation | train & test | validation & test
    assert min(map(min, days.values())) >= dates.FIRST
    assert max(map(max, days.values())) <= dates.LAST
    assert dates.split_days(CONFIG.model_copy(update={"seed": 5})) != days


def test_a_typo_is_in_a_long_word_and_keeps_its_first_letter() -> None:
    random = np.random.default_rng(0)
    typos = {dates.misspell("Mon 3 March 2001", random) for _ in range(200)}
    assert {"Mon 3 Mrach 2001", "Mon 3 Mrch 2001", "Mon 3 Maarch 2001"} <= typos
    assert all(typo.startswith("Mon 3 M") and typo.endswith(" 2001") for typo in typos)
    assert dates.misspell("3 May 2001", random) == "3 May 2001"


def test_rates_are_fractions_and_the_date_is_that_of_the_text() -> None:
    days = dates.split_days(CONFIG)["train"]
    examples = dates.write_dates(days, CONFIG, "train")
    long = [e for e in examples if any(c.isalpha() for c in e["format"]) and "May" in e["format"]]
    lower = np.mean([example["text"] == example["text"].lower() for example in long])
    assert 0.2 < lower < 0.3
    weekdays = [e for e in examples if e["format"].startswith("Thursday")]
    assert 0.25 < np.mean([example["typo"] for example in weekdays]) < 0.35
    for example, day in zip(examples, days, strict=True):
        assert example["date"] == day.isoformat()
        if not example["typo"]:
            readings = {dates.fill(template, day).lower() for template in dates.TEMPLATES}
            assert example["text"].lower() in readings
    assert {example["format"] for example in examples} == {
        dates.fill(template, dates.SHOWN) for template in dates.TEMPLATES
    }


def test_dates_are_written_as_splits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dates, "load_params", lambda: SimpleNamespace(dates=CONFIG))
    dates.main()
    info = load_info("dates")
    assert info["splits"]["test"]["y"] == {"shape": [300, 11], "dtype": "uint8"}
    for name in SPLITS:
        split, raw = load_split("dates", name), load_raw("dates", name, [0, 7])
        for index, example in zip((0, 7), raw, strict=True):
            text = "".join(info["input"]["vocabulary"][c] for c in split.x[index] if c != PADDING)
            assert text == example["text"]
            assert "".join(decode_tokens(split.y[index], info["classes"])) == example["date"]


# Rows of digits


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zero"),
        (13, "thirteen"),
        (40, "forty"),
        (58, "fifty eight"),
        (402, "four hundred and two"),
        (700, "seven hundred"),
        (1000, "one thousand"),
        (1019, "one thousand and nineteen"),
        (9999, "nine thousand nine hundred and ninety nine"),
    ],
)
def test_a_number_is_written_in_words(number: int, words: str) -> None:
    assert " ".join(rows.to_words(number)) == words


def test_numbers_differ_in_their_words() -> None:
    assert len({tuple(rows.to_words(number)) for number in range(10_000)}) == 10_000
    assert {word for number in range(10_000) for word in rows.to_words(number)} == set(
        rows.TOKENS[3:]
    )


def digits() -> Split:
    """Digit d is a vertical line of brightness 20 + 20 d in the middle of its image."""
    y = np.tile(np.arange(10, dtype=np.uint8), 3)
    x = np.zeros((30, rows.SIDE, rows.SIDE), np.uint8)
    x[:, :, 14] = (20 + 20 * y)[:, None]
    return Split(x, y)


def test_an_image_shows_the_digits_of_its_number_from_left_to_right() -> None:
    images, numbers = rows.draw_rows(digits(), 500, np.random.default_rng(0))
    assert (images.shape, images.dtype) == ((500, rows.HEIGHT, rows.WIDTH), np.uint8)
    for image, number in zip(images, numbers, strict=True):
        line = image[0]
        shown = "".join(str((level - 20) // 20) for level in line[line > 0])
        assert shown == str(number)
    lengths = Counter(len(str(number)) for number in numbers)
    assert sorted(lengths) == [1, 2, 3, 4]
    assert min(lengths.values()) > 80
    places = {int(np.flatnonzero(image[0])[0]) for image in images}
    assert min(places) == 14
    assert rows.WIDTH - 18 < max(places) <= rows.WIDTH - 14


def test_rows_are_made_of_the_digits_of_their_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = DigitRows(num_examples=100, seed=2)
    monkeypatch.setattr(rows, "load_params", lambda: SimpleNamespace(digit_rows=config))
    source = digits()
    for number, name in enumerate(SPLITS):
        marked = source.x + np.uint8(number) * (source.x > 0)  # brighter by the number of the split
        save_split(PROCESSED / "mnist" / name, Split(marked, source.y))
    rows.main()
    info = load_info("digit_rows")
    assert info["input"] == {"type": "image", "shape": [28, 112]}
    for number, (name, count) in enumerate(zip(SPLITS, (80, 10, 10), strict=True)):
        split = load_split("digit_rows", name)
        assert len(split.x) == count
        assert set(np.unique(split.x[split.x > 0] % 20)) == {number}
        raw = load_raw("digit_rows", name, [3])[0]["number"]
        assert decode_tokens(split.y[3], info["classes"]) == rows.to_words(raw)
