"""Tests of how tests are collected."""

import gzip

import pytest


@pytest.mark.parametrize("content", [gzip.compress(b"x")])
def test_bytes_are_named_after_their_argument(
    request: pytest.FixtureRequest, content: bytes
) -> None:
    assert request.node.name == "test_bytes_are_named_after_their_argument[content]"
    assert content not in request.node.name.encode()
