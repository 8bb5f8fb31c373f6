"""Replacements of functions of DVC do what those do."""

from typing import Any

import dpath
import pytest
from dvc.utils.serialize import _yaml
from hypothesis import given
from hypothesis import strategies as st

from stages.dvc_patches import look_up, parse_once

VALUES = {"a": {"b": [{"c": 1}, 2], "3": None, "e*": {}}, "a.b": 5, "f": {"a": 6}}
get = look_up(dpath.get)


def result(function: Any, *arguments: Any) -> Any:
    try:
        return function(*arguments, separator=".")
    except (KeyError, ValueError) as error:
        return type(error)


def test_parsed_values_are_not_shared() -> None:
    parse = parse_once(_yaml.parse_yaml)
    first, second = (parse("a: {b: [1]}", "params.yaml") for _ in range(2))
    first["a"]["b"].append(2)
    assert second == parse("a: {b: [1]}", "params.yaml") == {"a": {"b": [1]}}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a", VALUES["a"]),
        ("a.b", [{"c": 1}, 2]),
        ("a.3", None),
        ("a.b.0.c", 1),
        ("f.*", 6),
        ("a.none", KeyError),
        ("a.3.x", KeyError),
        ("*", ValueError),  # several
    ],
)
def test_keys_are_looked_up_and_others_are_searched(path: str, expected: Any) -> None:
    assert result(get, VALUES, path) == result(dpath.get, VALUES, path) == expected


NESTED = st.recursive(
    st.integers() | st.none(),
    lambda inner: st.dictionaries(st.sampled_from("abc0"), inner) | st.lists(inner, max_size=2),
)


@given(st.dictionaries(st.sampled_from("abc0"), NESTED), st.lists(st.sampled_from("abc0")))
def test_all_keys_give_what_the_search_gives(values: dict[str, Any], keys: list[str]) -> None:
    path = ".".join(["a", *keys])
    assert result(get, values, path) == result(dpath.get, values, path)
