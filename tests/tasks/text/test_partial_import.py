"""Partial imports: the module without its package, and a clean `sys.modules` afterwards."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tasks.text import partial_import

_ALONE = """
import sys
from tasks.text import partial_import, words
from tasks.labelling.voters import textblob

print(words.tokens("I can't"), textblob.load()("very good"))
assert not {"nltk", "textblob", "scipy"} & {name.partition(".")[0] for name in sys.modules}
import nltk.tokenize, textblob as package

print(nltk.tokenize.word_tokenize.__module__, package.TextBlob("very good").sentiment.polarity)
assert partial_import.module("textblob.en").sentiment is package.en.sentiment
"""


def test_a_module_is_imported_without_its_package_which_is_complete_afterwards() -> None:
    output = subprocess.run([sys.executable, "-c", _ALONE], check=True, capture_output=True, text=True).stdout
    assert output.splitlines() == ["['I', 'ca', \"n't\"] 0.9099999999999999", "nltk.tokenize 0.9099999999999999"]


def test_a_missing_package_is_an_error_and_leaves_nothing_behind() -> None:
    before = set(sys.modules)
    for name in ("no_such_package.part", "wave_file.part"):
        with pytest.raises(ModuleNotFoundError, match=name.partition(".")[0]):
            partial_import.module(name)
    assert set(sys.modules) == before
