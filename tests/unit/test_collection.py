"""Tests of how tests are collected."""

import pytest


def test_names_of_tests_hold_no_bytes(request: pytest.FixtureRequest) -> None:
    names = [item.nodeid for item in request.session.items]
    assert not [name for name in names if "\\x" in name]
