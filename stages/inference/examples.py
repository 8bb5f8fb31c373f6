"""Read what users name on the command line: files, texts and numbers, as examples of a model."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from stages.core.errors import DataError, UserError
from stages.encoding.image import encode_image
from stages.encoding.table import encode_row
from stages.encoding.text import encode_text, tokenize
from stages.inference.calibration import MIN_WORDS, word_shares
from stages.inference.digits import SIDE, Found, find_digits
from stages.inference.garments import find_garment
from stages.inference.images import list_files, open_image, read_content
from stages.inference.inputs import encode

MAX_CHARACTERS = 100_000  # of a text: seven times the longest review
MAX_UNKNOWN = 0.5  # share of unknown words of a text that is not in the language of the model
DIGITS = [str(digit) for digit in range(10)]


class Example(NamedTuple):
    """Example of a model.

    Attributes:
        name: Name of the input: file, row or text.
        x: Encoded example.
        box: Left, top, right and bottom in the photograph, in pixels, or None.
        text: Of a text, what was encoded.
    """

    name: str
    x: np.ndarray
    box: tuple[int, int, int, int] | None = None
    text: str = ""


Reader = Callable[[str, Mapping[str, Any]], Iterator[Example | UserError]]


def read_examples(argument: str, spec: Mapping[str, Any]) -> Iterator[Example | UserError]:
    """Read the examples of one argument of the command line.

    Args:
        argument: File, folder, text or numbers, by type of input.
        spec: spec.json of the model.

    Yields:
        Examples, and instead of those that cannot be read the error.
    """
    kind = spec["input"]["type"]
    try:
        yield from READERS[kind](argument, spec)
    except (UserError, OSError) as error:
        yield error if isinstance(error, UserError) else DataError(f"{argument}: {error}")


def read_images(argument: str, spec: Mapping[str, Any]) -> Iterator[Example | UserError]:
    """Read an image file, or those of a folder; in photographs digits and garments are found."""
    for path in list_files(argument):
        try:
            if list(spec["input"]["shape"]) == [SIDE, SIDE]:
                for found in find(path, spec):
                    yield Example(str(path), found.image, found.box)
            else:
                open_image(path)  # checks more than encoding does
                yield Example(str(path), encode_image(read_content(path), spec["input"]))
        except UserError as error:
            yield error


def find(path: Path, spec: Mapping[str, Any]) -> list[Found]:
    """Find what a model classifies: digits if its classes are digits, otherwise a garment.

    Raises:
        DataError: If there is nothing to be found, or the file cannot be read.
    """
    digits = list(spec["classes"]) == DIGITS
    found = (find_digits if digits else find_garment)(open_image(path))
    if not found:
        raise DataError(f"{path}: no {'digit' if digits else 'object'} found: the image is plain")
    return found


def read_texts(argument: str, spec: Mapping[str, Any]) -> Iterator[Example | UserError]:
    """Read a text, or the text of a .txt file."""
    text = read_text(argument)
    name = argument if is_text_file(argument) else shorten(text)
    if "vocabulary" not in spec["input"] or spec["input"]["type"] != "text":
        yield Example(name, encode(text, spec["input"]))
        return
    yield encode_words(name, text, spec)


def encode_words(name: str, text: str, spec: Mapping[str, Any]) -> Example:
    """Encode a text for a model of words.

    Raises:
        DataError: If it has no word, or mostly words that the model does not know.
    """
    if not tokenize(text):
        raise DataError(f"{name}: no word in it, expected an English text")
    x = encode_text(text, spec["input"])
    unknown = float(word_shares(x[None])[0][0])
    if unknown > MAX_UNKNOWN and (unknown == 1 or np.count_nonzero(x) >= MIN_WORDS):
        raise DataError(
            f"{name}: {unknown:.0%} of its words are not among the "
            f"{len(spec['input']['vocabulary'])} of the model, expected an English text"
        )
    return Example(name, x, text=text)


def is_text_file(argument: str) -> bool:
    """Whether an argument is the name of a text file rather than a text."""
    return argument.endswith(".txt") and "\n" not in argument and len(argument) < 4096


def read_text(argument: str) -> str:
    """Return a text, or the content of the .txt file.

    Raises:
        DataError: If it cannot be read, is empty or too long.
    """
    text, name = argument, shorten(argument)
    if is_text_file(argument):
        name = argument
        try:
            if Path(argument).stat().st_size > 4 * MAX_CHARACTERS:
                raise DataError(f"{name}: too long, expected at most {MAX_CHARACTERS} characters")
            text = Path(argument).read_text(encoding="utf-8-sig")
        except UnicodeDecodeError:
            raise DataError(f"{name}: not a text in UTF-8") from None
        except OSError as error:
            raise DataError(f"{name}: {error.strerror}; expected a text file") from None
    check_length(name, text)
    return text


def check_length(name: str, text: str) -> None:
    """Check that a text is neither empty nor too long.

    Raises:
        DataError: If it is.
    """
    if not text.strip():
        raise DataError(f"{name or 'text'}: empty, expected a text")
    if len(text) > MAX_CHARACTERS:
        raise DataError(f"{name}: {len(text)} characters, expected at most {MAX_CHARACTERS}")


def shorten(text: str, length: int = 32) -> str:
    """Return the first characters of a text, on one line, as a name of it."""
    line = " ".join(text[: 4 * length].split())
    return line if len(line) <= length else f"{line[: length - 1]}…"


def read_rows(argument: str, spec: Mapping[str, Any]) -> Iterator[Example | UserError]:
    """Read the rows of a CSV file with a header; columns unknown to the model are ignored."""
    columns = spec["input"]["columns"]
    names = [column["name"] for column in columns]
    with open_table(argument) as file:
        rows = csv.DictReader(file, skipinitialspace=True)
        header = [(name or "").strip() for name in read_header(rows, argument)]
        rows.fieldnames = header
        missing = [name for name in names if name not in header]
        if missing:
            raise DataError(f"{argument}: no column {', '.join(missing)} in the header")
        try:
            for row in rows:
                name = f"{argument}:{rows.line_num}"
                try:
                    if None in row or any(row[each] is None for each in names):
                        raise DataError(f"expected {len(header)} values, as in the header")
                    yield Example(name, encode_row({each: row[each] for each in names}, columns))
                except DataError as error:
                    yield DataError(f"{name}: {error}")
        except (csv.Error, UnicodeDecodeError) as error:
            raise DataError(f"{argument}: not a CSV file in UTF-8: {error}") from None
    if rows.line_num < 2:
        raise DataError(f"{argument}: no row below the header")


def open_table(argument: str) -> io.TextIOBase:
    """Open a CSV file.

    Raises:
        DataError: If it cannot be opened.
    """
    try:
        return Path(argument).open(encoding="utf-8-sig", newline="")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{argument}: {reason}; expected a CSV file") from None


def read_header(rows: "csv.DictReader[str]", argument: str) -> list[str]:
    """Return the names of the columns.

    Raises:
        DataError: If there are none.
    """
    try:
        header = list(rows.fieldnames or [])
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{argument}: not a CSV file in UTF-8: {error}") from None
    if not header:
        raise DataError(f"{argument}: empty, expected a CSV file with a header")
    return header


def read_numbers(argument: str, spec: Mapping[str, Any]) -> Iterator[Example | UserError]:
    """Read the numbers of an argument or .txt file, between commas or blanks: point or series."""
    text = read_text(argument) if is_text_file(argument) else argument
    name = argument if is_text_file(argument) else shorten(argument)
    try:
        values = [float(word) for word in text.replace(",", " ").split()]
    except ValueError as error:
        raise DataError(f"{name}: {error}; expected numbers") from None
    try:
        yield Example(name, encode(values, spec["input"]))
    except UserError as error:
        raise DataError(f"{name}: {error}") from None


READERS: dict[str, Reader] = {
    "image": read_images,
    "text": read_texts,
    "character_sequence": read_texts,
    "table": read_rows,
    "points": read_numbers,
    "time_series": read_numbers,
}
