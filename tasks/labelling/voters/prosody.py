"""Votes on a raised voice: negative, or no vote. Not recommended: its precision does not carry over.

The voter abstains unless the level is more than `_RAISED` robust standard deviations above the speaker's median. On
acted speech this is anger, fear and disgust in one corpus (RAVDESS: precision 0.87, where 62 % of the clips are
negative), and no more than chance in another (TESS: 0.47, where 67 % are). On interviews it has not been measured. It
is an example of a voter that asks for prosody.
"""

from __future__ import annotations

from collections.abc import Callable

from tasks.labelling.base.voter_input import VoterInput

NAME = "prosody"
LICENCE = "MIT"
PROSODY = True
_RAISED = 1.5
_STRENGTH = 0.5


def load() -> Callable[[VoterInput], float | None]:
    """Return a function from an utterance to −0.5, or None unless the voice is clearly raised."""

    def vote(given: VoterInput) -> float | None:
        level = given.prosody.level if given.prosody else None
        return None if level is None or level <= _RAISED else -_STRENGTH

    return vote
