"""Input of a voter: a text with the sentence it was cut from, its neighbours, its language, and its prosody."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.core import languages

_UNDETERMINED = "und"
"""Language tag of captions whose language is not known (BCP 47)."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An utterance before or after the one that is voted on, of the same video.

    Args:
        text: its text, with stop words
        same_speaker: whether its speaker is that of the utterance; None if speakers are not told apart
    """

    text: str
    same_speaker: bool | None = None


@dataclass(frozen=True, slots=True)
class Prosody:
    """Voice of an utterance, relative to the other utterances of the same speaker, or of the video.

    Each value is a difference to their median in robust standard deviations (1.4826 × the median absolute deviation):
    0 is usual for the speaker. None: too little voiced speech, or too few utterances to compare with.

    Args:
        level: mean level of its speech
        pitch: median fundamental frequency
        pitch_range: distance between the 10th and the 90th percentile of the fundamental frequency
        rate: words per second
    """

    level: float | None = None
    pitch: float | None = None
    pitch_range: float | None = None
    rate: float | None = None


@dataclass(frozen=True, slots=True)
class VoterInput:
    """An utterance that is voted on.

    Args:
        text: its text as the settings want it (`polarity.remove_stop_words`, `polarity.mask_hedges`)
        original: its text as in the captions; "": the same as `text`
        language: tag of the captions' language, such as en-GB; None: not known
        sentence: complete sentence or sentences that it was cut from, with stop words; "": not known, or the text
        before: up to three utterances before it, in order of time: the last is the nearest
        after: up to three utterances after it, in order of time: the first is the nearest
        video: id of its video; "": none
        utterance_id: its id; "": none
        speaker: its speaker; None: not known
        prosody: its voice, for voters that ask for it
    """

    text: str
    original: str = ""
    language: str | None = None
    sentence: str = ""
    before: tuple[Neighbour, ...] = ()
    after: tuple[Neighbour, ...] = ()
    video: str = ""
    utterance_id: str = ""
    speaker: str | None = None
    prosody: Prosody | None = None

    @property
    def whole(self) -> str:
        """The sentence that the text was cut from, or the text itself."""
        return self.sentence or self.text


def primary(language: str | None) -> str | None:
    """Return the first subtag of a language tag in lower case, None for a language that is not known.

    Args:
        language: a tag of BCP 47

    Example:
        >>> primary("en-GB"), primary("pt_BR"), primary("und"), primary(None)
        ('en', 'pt', None, None)
    """
    subtag = languages.base(language)
    return None if subtag in ("", _UNDETERMINED) else subtag
