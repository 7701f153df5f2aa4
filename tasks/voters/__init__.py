"""Who votes on a caption. A voter is a module with three names:

    NAME = "vader"                                 # how params.yaml calls it
    LICENCE = "MIT"                                # of its lexicon
    def load() -> Callable[[str], float]: ...      # a function from a text to a polarity in [-1, 1]; 0 is neutral

To add one, write the module, import it here and put it into `VOTERS`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import ModuleType

from tasks.errors import ConfigError
from tasks.voters import afinn, textblob, vader

Vote = Callable[[str], float]
VOTERS: dict[str, ModuleType] = {voter.NAME: voter for voter in (vader, textblob, afinn)}


def check(names: list[str]) -> None:
    """Check that every named voter exists, and none is named twice: a voter cannot agree with itself.

    Raises:
        ConfigError: naming those that are wrong and those that are allowed
    """
    if unknown := [name for name in names if name not in VOTERS]:
        raise ConfigError(f"polarity.voters: unknown voter {', '.join(unknown)}; allowed: {', '.join(VOTERS)}")
    if len(set(names)) < len(names):
        raise ConfigError(f"polarity.voters: {', '.join(names)} names a voter twice")


@cache
def load(name: str) -> Vote:
    """Return a voter's function; its lexicon is read once per process."""
    vote: Vote = VOTERS[name].load()
    return vote
