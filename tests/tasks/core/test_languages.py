"""Codes of languages, as files and pages write them."""

import pytest

from tasks.core import languages


@pytest.mark.parametrize(
    ("code", "base"), [("en-US", "en"), ("en_GB", "en"), ("DE", "de"), ("en-orig", "en"), ("", ""), (None, "")]
)
def test_base(code: str | None, base: str) -> None:
    assert languages.base(code) == base
