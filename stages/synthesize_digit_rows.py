"""Generate images of one to four MNIST digits in a row, with the number in English words.

They are written to data/processed/digit_rows/. Each split is made of digits of the same split of
MNIST.
"""

import numpy as np

from stages.config.load import load_params
from stages.core.cli import exit_on_error
from stages.core.files import atomic_output, write_json
from stages.core.paths import PROCESSED
from stages.core.splits import INFO, SPLITS, Split, describe_splits, load_split, save_split
from stages.networks.seq2seq.tokens import SPECIAL, encode_tokens

DATASET, SOURCE = "digit_rows", "mnist"
FRACTIONS = (0.8, 0.1, 0.1)  # of the images, by split
MAX_DIGITS = 4
SIDE = 28  # of a digit, in pixels
HEIGHT, WIDTH = SIDE, MAX_DIGITS * SIDE
STEPS = (20, 28)  # least and largest distance of neighboring digits, in pixels
UNITS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen",
)  # fmt: skip
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
TOKENS = [*SPECIAL, *UNITS, *TENS, "hundred", "thousand", "and"]


def main() -> None:
    """Write the three splits and their description."""
    config = load_params().digit_rows
    splits = {}
    for number, (name, fraction) in enumerate(zip(SPLITS, FRACTIONS, strict=True)):
        digits = load_split(SOURCE, name)
        random = np.random.default_rng([config.seed, number])
        images, numbers = draw_rows(digits, round(fraction * config.num_examples), random)
        captions = [to_words(value) for value in numbers]
        splits[name] = Split(images, encode_tokens(captions, TOKENS))
        raw = [{"number": value} for value in numbers]
        with atomic_output(PROCESSED / DATASET / name) as partial:
            save_split(partial, splits[name], raw)
    info = {
        "classes": TOKENS,
        "positive_class": None,
        "input": {"type": "image", "shape": [HEIGHT, WIDTH]},
        "splits": describe_splits(splits, []),
    }
    write_json(PROCESSED / DATASET / INFO, info)


def draw_rows(
    digits: Split, count: int, random: np.random.Generator
) -> tuple[np.ndarray, list[int]]:
    """Draw random numbers with random images of their digits.

    Args:
        digits: Images, uint8 [n, 28, 28], and labels [n]; each digit occurs.
        count: Number of rows to draw.
        random: Random number generator.

    Returns:
        Images, uint8 [count, HEIGHT, WIDTH], and the numbers in them, of 1 to MAX_DIGITS digits,
        each length equally likely, without leading zeros.
    """
    by_label = [np.flatnonzero(digits.y == label) for label in range(10)]
    images = np.zeros((count, HEIGHT, WIDTH), np.uint8)
    numbers = []
    for image in images:
        length = int(random.integers(1, MAX_DIGITS + 1))
        number = int(random.integers(10 ** (length - 1) if length > 1 else 0, 10**length))
        chosen = [random.choice(by_label[int(label)]) for label in str(number)]
        place(image, digits.x[chosen], random)
        numbers.append(number)
    return images, numbers


def place(image: np.ndarray, digits: np.ndarray, random: np.random.Generator) -> None:
    """Draw digits [n, 28, 28] into an image [HEIGHT, WIDTH], at a random place and distance.

    The margins of digits may overlap, where the brighter pixel is kept.
    """
    step = int(random.integers(STEPS[0], STEPS[1] + 1))
    left = int(random.integers(0, WIDTH - SIDE - step * (len(digits) - 1) + 1))
    for digit in digits:
        part = image[:, left : left + SIDE]
        np.maximum(part, digit, out=part)
        left += step


def to_words(number: int) -> list[str]:
    """Write a number from 0 to 9999 in British English: 402 is four, hundred, and, two."""
    if number < 20:
        return [UNITS[number]]
    if number < 100:
        tens, rest = divmod(number, 10)
        return [TENS[tens - 2], *(to_words(rest) if rest else [])]
    size, noun = (1000, "thousand") if number >= 1000 else (100, "hundred")
    count, rest = divmod(number, size)
    link = ["and"] if 0 < rest < 100 else []
    return [UNITS[count], noun, *link, *(to_words(rest) if rest else [])]


if __name__ == "__main__":
    exit_on_error(main)
