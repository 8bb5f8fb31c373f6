"""docs/course.md: from the courses to models, studies and parameters."""

import re
from pathlib import Path

import pytest

from stages.config.load import load_params

ROOT = Path(__file__).parents[2]
PARAMS = load_params(ROOT / "params.yaml")
ROWS = re.findall(
    r"^\| (\d+) \| (.+) \| (✓|partly|no) \|$", (ROOT / "docs/course.md").read_text(), re.M
)
IDS = {
    *PARAMS.models, *PARAMS.datasets, *PARAMS.studies, *PARAMS.synthetic, *dict(PARAMS.analyses),
    *PARAMS.transfer,
    *PARAMS.baselines, "drawn_digits", "look_inside",
}  # fmt: skip


def test_every_row_of_the_courses_has_one_line() -> None:
    assert [int(number) for number, _, _ in ROWS] == list(range(1, 218))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_what_is_done_names_what_there_is(row: tuple[str, str, str]) -> None:
    _, text, done = row
    here = text.split(" | ")[2]
    names = re.findall(r"`(\w+)`", here)
    assert set(names) <= IDS
    assert done == "no" or here.strip()
