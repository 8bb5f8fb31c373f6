"""Generate and split dates as people write them, with their ISO form: data/processed/dates/."""

import calendar
import re
import string
from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from stages.config.load import load_params
from stages.core.cli import exit_on_error
from stages.core.files import atomic_output, write_json
from stages.core.paths import PROCESSED
from stages.core.splits import INFO, SPLITS, Split, describe_splits, save_split
from stages.networks.seq2seq.tokens import PADDING, SPECIAL, encode_tokens

if TYPE_CHECKING:
    from stages.config.schema import Dates

DATASET = "dates"
FIRST, LAST = date(1950, 1, 1), date(2049, 12, 31)  # a year of two digits is one of these
ENDS = (0.8, 0.9)  # of the training and validation days, as fractions of all days
TEMPLATES = (
    "{weekday}, {ordinal} of {month} {year}",
    "{weekday}, {month} {day}, {year}",
    "the {ordinal} of {month}, {year}",
    "{day} {month} {year}",
    "{month} {day}, {year}",
    "{month} {ordinal}, '{yy}",
    "{abbreviated_weekday} {day} {abbreviated_month} {yy}",
    "{day}-{abbreviated_month}-{year}",
    "{year} {abbreviated_month} {dd}",
    "{year}/{mm}/{dd}",
    "{mm}/{dd}/{year}",
    "{m}/{day}/{yy}",
    "{day}.{m}.{year}",
    "{dd}.{mm}.{yy}",
)
SHOWN = date(1979, 5, 3)  # written in a format to name it
CHARACTERS = ["[padding]", *string.ascii_letters, *string.digits, *" ,./-'"]
TOKENS = [*SPECIAL, *string.digits, "-"]
MISSPELLED = r"[A-Za-z]{5,}"  # shorter words could become other months


def main() -> None:
    """Write the three splits and their description."""
    config = load_params().dates
    written = {name: write_dates(days, config, name) for name, days in split_days(config).items()}
    longest = max(len(example["text"]) for examples in written.values() for example in examples)
    splits = {}
    for name, examples in written.items():
        splits[name] = Split(
            encode_texts([example["text"] for example in examples], longest),
            encode_tokens([example["date"] for example in examples], TOKENS),
        )
        with atomic_output(PROCESSED / DATASET / name) as partial:
            save_split(partial, splits[name], examples)
    info = {
        "classes": TOKENS,
        "positive_class": None,
        "input": {"type": "character_sequence", "vocabulary": CHARACTERS},
        "splits": describe_splits(splits, []),
    }
    write_json(PROCESSED / DATASET / INFO, info)


def split_days(config: "Dates") -> dict[str, list[date]]:
    """Split the calendar at random, and draw the days of each split from its part.

    Returns:
        Days by split, together `num_examples`; a day may occur several times, in one split only.
    """
    random = np.random.default_rng(config.seed)
    calendar_days = random.permutation((LAST - FIRST).days + 1)
    parts = np.split(calendar_days, [round(end * len(calendar_days)) for end in ENDS])
    counts = np.diff([0, *(round(end * config.num_examples) for end in ENDS), config.num_examples])
    return {
        name: [FIRST + timedelta(days=int(number)) for number in random.choice(part, count)]
        for name, part, count in zip(SPLITS, parts, counts, strict=True)
    }


def write_dates(days: Sequence[date], config: "Dates", split: str) -> list[dict[str, Any]]:
    """Write each day in a random format, some in lower case and some with a typo.

    Returns:
        For each day: `text`; `date`, its ISO form; `format`, named by what SHOWN looks like in it;
        and `typo`, whether the text has one.
    """
    random = np.random.default_rng([config.seed, SPLITS.index(split)])
    examples = []
    for day in days:
        template = TEMPLATES[random.integers(len(TEMPLATES))]
        written = fill(template, day)
        text = misspell(written, random) if random.random() < config.typo_rate else written
        examples.append(
            {
                "text": text.lower() if random.random() < config.lowercase_rate else text,
                "date": day.isoformat(),
                "format": fill(template, SHOWN),
                "typo": text != written,
            }
        )
    return examples


def fill(template: str, day: date) -> str:
    """Write a day in the format of a template."""
    weekday, month = calendar.day_name[day.weekday()], calendar.month_name[day.month]
    return template.format(
        weekday=weekday,
        abbreviated_weekday=weekday[:3],
        month=month,
        abbreviated_month=month[:3],
        day=day.day,
        ordinal=ordinal(day.day),
        dd=f"{day.day:02}",
        m=day.month,
        mm=f"{day.month:02}",
        year=day.year,
        yy=f"{day.year % 100:02}",
    )


def ordinal(number: int) -> str:
    """Write the ordinal of a number from 1 to 31 with digits: 1st, 2nd, 3rd, 4th."""
    ending = "th" if 11 <= number <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def misspell(text: str, random: np.random.Generator) -> str:
    """Double, drop or swap a letter in one of the longer words; a text without any is unchanged."""
    words = list(re.finditer(MISSPELLED, text))
    if not words:
        return text
    word = words[random.integers(len(words))]
    at = int(random.integers(word.start() + 1, word.end() - 1))
    changed = (2 * text[at] + text[at + 1], text[at + 1], text[at + 1] + text[at])
    return text[:at] + changed[random.integers(3)] + text[at + 2 :]


def encode_texts(texts: Sequence[str], length: int) -> np.ndarray:
    """Encode texts as ids of CHARACTERS, uint8 [n, length], padded at the end."""
    ids = {character: number for number, character in enumerate(CHARACTERS)}
    encoded = np.full((len(texts), length), PADDING, np.uint8)
    for row, text in zip(encoded, texts, strict=True):
        row[: len(text)] = [ids[character] for character in text]
    return encoded


if __name__ == "__main__":
    exit_on_error(main)
