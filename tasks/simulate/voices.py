"""SpokenText from espeak-ng: the samples of a sentence and the time of each of its words."""

from __future__ import annotations

import _ctypes
import ctypes
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import AudioError

RATE_HZ = 22_050

ACCENTS = ("en-us", "en-us-nyc", "en-gb-x-rp", "en-gb-scotland", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029")
TIMBRES = (
    "Alex", "Andrea", "Andy", "Annie", "Denis", "Diogo", "Henrique", "Lee", "Mario", "Michael", "Mike", "Nguyen",
    "adam", "anika", "aunty", "belinda", "benjamin", "boris", "david", "edward2", "f1", "f2", "f3", "f4",
    "f5", "grandma", "grandpa", "iven4", "kaukovalta", "klatt3", "linda", "m1", "m2", "m3", "m4", "m5", "m6", "m7",
    "m8", "marcelo", "max", "michel", "miguel", "norbert", "pablo", "pedro", "quincy", "rob", "robert", "sandro",
    "shelby", "steph", "steph2", "travis",
)  # fmt: skip
"""Variants that sound human, do not clip and are deterministic (Reed is not)."""

_SYNCHRONOUS = 2
_CHARACTER_POSITION = 1
_UTF8 = 1
_PARAMETERS = {"rate": 1, "volume": 2, "pitch": 3, "range": 4}
_WORD = 1
_NO_MORE_EVENTS = 0
_AUDIBLE = 40


@dataclass(frozen=True)
class Delivery:
    """Voice and settings for a sentence, in espeak's units.

    Args:
        voice: accent and timbre, such as `en-us+f2`
        pitch: 0 to 100; 50 is the voice's default
        range: pitch range, 0 (monotone) to 100; 50 is the voice's default
        rate: words per minute, 80 to 450
        volume: 0 to 200
    """

    voice: str
    pitch: int = 50
    range: int = 50
    rate: int = 165
    volume: int = 60


@dataclass(frozen=True)
class SpokenText:
    """A spoken sentence.

    Args:
        samples: mono, 16 bit, at `RATE_HZ`, shape (n_samples,); silence at both ends is trimmed
        starts_s: start of each blank-separated word of the text, shape (n_words,)
    """

    samples: NDArray[np.int16]
    starts_s: tuple[float, ...]


class Speaker:
    """One instance of espeak-ng, from `speaker()`: the same calls in the same order give the same samples."""

    def __init__(self, library: Any, data: str) -> None:
        self._library = library
        self._chunks: list[bytes] = []
        self._words: list[tuple[int, int]] = []
        self._callback = _Callback(self._receive)  # espeak keeps a raw pointer, so the object must not be freed
        if library.espeak_Initialize(_SYNCHRONOUS, 0, data.encode(), 0) != RATE_HZ:
            raise AudioError(f"espeak-ng does not start with the data in {data}; install espeakng-loader again")
        library.espeak_SetSynthCallback(self._callback)
        library.espeak_ng_SetRandSeed(ctypes.c_long(1))

    def say(self, text: str, delivery: Delivery) -> SpokenText:
        """Speak one sentence.

        Args:
            text: the sentence
            delivery: voice and settings

        Raises:
            AudioError: if espeak-ng has no such voice, or the text gives no sound
        """
        if self._library.espeak_SetVoiceByName(delivery.voice.encode()) != 0:
            raise AudioError(f"espeak-ng has no voice '{delivery.voice}'")
        for name, number in _PARAMETERS.items():
            self._library.espeak_SetParameter(number, getattr(delivery, name), 0)
        self._chunks.clear()
        self._words.clear()
        content = text.encode()
        self._library.espeak_Synth(content, len(content) + 1, 0, _CHARACTER_POSITION, 0, _UTF8, None, None)
        samples = np.frombuffer(b"".join(self._chunks), dtype=np.int16)
        audible = np.flatnonzero(np.abs(samples.astype(np.int32)) > _AUDIBLE)
        if not audible.size or not self._words:
            raise AudioError(f"'{text}' gives no sound")
        first, last = int(audible[0]), int(audible[-1]) + 1
        return SpokenText(samples[first:last], _word_starts_s(text, self._words, first, last))

    def _receive(self, samples: Any, count: int, events: Any) -> int:
        if samples and count:
            self._chunks.append(ctypes.string_at(samples, count * ctypes.sizeof(ctypes.c_short)))
        index = 0
        while (event := events[index]).kind != _NO_MORE_EVENTS:
            if event.kind == _WORD:
                self._words.append((event.text_position - 1, event.audio_position_ms))
            index += 1
        return 0


@contextmanager
def speaker() -> Iterator[Speaker]:
    """Load a private instance of espeak-ng.

    espeak-ng keeps its state (phases of flutter and echo, noise) in static variables that survive `espeak_Terminate`:
    results depend on earlier sentences of the process and on other threads. A copy of the library, loaded under
    another name, starts from the initial state.
    """
    import espeakng_loader

    with tempfile.TemporaryDirectory(prefix="undertone-voice-") as folder:
        original = Path(espeakng_loader.get_library_path())
        library = ctypes.CDLL(str(shutil.copy(original, Path(folder) / original.name)))
        try:
            yield Speaker(library, espeakng_loader.get_data_path())
        finally:
            library.espeak_Terminate()
            _ctypes.dlclose(library._handle)


class _Event(ctypes.Structure):
    _fields_ = (
        ("kind", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position_ms", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("identifier", ctypes.c_char * 8),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(_Event))


def _word_starts_s(text: str, words: list[tuple[int, int]], first: int, last: int) -> tuple[float, ...]:
    """Interpolate espeak's word times for all words of the text: it reports pairs such as "of the" as one word."""
    positions, times_ms = zip(*words, (len(text), 1000 * last / RATE_HZ), strict=True)
    offsets = [0, *(index + 1 for index, character in enumerate(text) if character == " ")]
    starts_s = np.interp(offsets, positions, times_ms) / 1000 - first / RATE_HZ
    return tuple(float(start_s) for start_s in np.clip(starts_s, 0, (last - first) / RATE_HZ))
