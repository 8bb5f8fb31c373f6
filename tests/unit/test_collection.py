"""Tests of how tests are collected."""

import pytest


def test_names_of_tests_hold_no_bytes(request: pytest.FixtureRequest) -> None:
    for item in request.session.items:
        for name, value in getattr(item, "callspec", item).__dict__.get("params", {}).items():
            assert not isinstance(value, bytes) or name in item.name
