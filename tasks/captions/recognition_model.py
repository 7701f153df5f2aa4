"""Whisper by faster-whisper (CTranslate2): 8-bit weights, one thread, beam search without sampling.

Weights are a folder in CTranslate2's format: `model.bin`, `config.json`, `tokenizer.json` and `vocabulary.txt` or
`vocabulary.json`. Silero's voice activity detector comes with faster-whisper.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.captions.recognition import WINDOW_S, Passage, RecognisedWord
from tasks.core import distribution
from tasks.core.errors import ConfigError, InputError
from tasks.core.paths import PARAMS
from tasks.core.sound_files import RATE_HZ

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PACKAGE = "faster_whisper"
WEIGHTS = "model.bin"
_FILES = (("config.json",), (WEIGHTS,), ("tokenizer.json",), ("vocabulary.txt", "vocabulary.json"))
_PAUSE_MS, _PAD_MS, _SHORTEST_MS = 500, 200, 100
"""Silence that separates stretches of speech; what is added around each; the shortest one."""
_MOST_TOKENS = 224
"""Limit of a window, as in Whisper's own code: half of its text context. A loop costs no more."""
_WITHOUT_SPACES = ("zh", "ja", "th", "lo", "my", "yue")
"""Languages whose words no space separates; as in Whisper's own code."""
_NO_REPEAT = 4
"""The second attempt at a window never repeats a sequence of this many tokens."""


def demand(folder: Path) -> None:
    """Check that faster-whisper is installed and that a folder has the files of a model.

    Args:
        folder: of the weights

    Raises:
        InputError: if not; the message says what to install or provide
    """
    if find_spec(PACKAGE) is None:
        raise InputError(
            "speech recognition (transcribe.when) needs faster-whisper, which is not installed: "
            f"{distribution.how_to_install('asr')}"
        )
    lacking = [" or ".join(names) for names in _FILES if not any((folder / name).is_file() for name in names)]
    if lacking:
        raise InputError(
            f"{folder}: no {', '.join(lacking)}; expected a Whisper model in CTranslate2's format, as faster-whisper "
            "uses it (model.bin, config.json, tokenizer.json, vocabulary.txt)"
        )


@lru_cache(maxsize=1)
def load(folder: Path, beam: int, least_speech: float) -> FasterWhisper:
    """Load a model; a process keeps the last one.

    Args:
        folder: of the weights
        beam: number of hypotheses
        least_speech: probability of speech that begins a stretch of it
    """
    from faster_whisper import WhisperModel

    try:
        # only files of this folder: faster-whisper would fetch a missing tokenizer
        model = WhisperModel(
            str(folder), device="cpu", compute_type="int8", cpu_threads=1, num_workers=1, local_files_only=True
        )
    except (RuntimeError, ValueError) as error:
        raise InputError(f"{folder}: the model cannot be loaded ({error})") from None
    return FasterWhisper(model, beam, least_speech)


class FasterWhisper:
    """A `Recogniser`; see `load`."""

    def __init__(self, model: Any, beam: int, least_speech: float) -> None:
        self._model = model
        self._beam = beam
        self._least_speech = least_speech

    def speech(self, samples: NDArray[np.float32]) -> Sequence[tuple[int, int]]:
        """Return the first sample of each stretch of speech and the one after its last."""
        from faster_whisper.vad import VadOptions, get_speech_timestamps

        options = VadOptions(
            threshold=self._least_speech,
            min_silence_duration_ms=_PAUSE_MS,
            speech_pad_ms=_PAD_MS,
            min_speech_duration_ms=_SHORTEST_MS,
            max_speech_duration_s=WINDOW_S,
        )
        return [(span["start"], span["end"]) for span in get_speech_timestamps(samples, options, RATE_HZ)]

    def languages(self, samples: NDArray[np.float32]) -> Mapping[str, float]:
        """Return the probability of each language."""
        if not self._model.model.is_multilingual:
            return {"en": 1.0}
        return dict(self._model.detect_language(samples)[2])

    def passages(self, samples: NDArray[np.float32], language: str, attempt: int) -> Sequence[Passage]:
        """Return the recognised words; the second attempt is greedy and repeats nothing.

        Raises:
            ConfigError: if the model does not have the language
        """
        if language not in self._model.supported_languages:
            raise ConfigError(
                f"{PARAMS}: transcribe.language: the model does not recognise {language!r}; it recognises "
                f"{', '.join(sorted(self._model.supported_languages))}"
            )
        segments, _ = self._model.transcribe(
            samples,
            language=language,
            beam_size=1 if attempt else self._beam,
            no_repeat_ngram_size=_NO_REPEAT if attempt else 0,
            # a list of temperatures would be a fallback to sampling
            temperature=0.0,
            condition_on_previous_text=False,
            word_timestamps=True,
            max_new_tokens=_MOST_TOKENS,
            # passages are judged by `recognition`, which counts what it drops
            compression_ratio_threshold=None,
            log_prob_threshold=None,
            no_speech_threshold=None,
        )
        joined = language not in _WITHOUT_SPACES
        return [passage for segment in segments if (passage := _passage(segment, joined)).words]


def _passage(segment: Any, joined: bool) -> Passage:
    """Return a segment of faster-whisper with its words; `joined`: spaces separate words, as in `www.example.org`."""
    words = list[RecognisedWord]()
    for word in segment.words or ():
        text, probability = " ".join(word.word.split()), round(float(word.probability), 4)
        if joined and words and not word.word[:1].isspace():
            last = words[-1]
            least = min(last.probability, probability)
            words[-1] = RecognisedWord(last.text + text, last.start_s, float(word.end), least)
        else:
            words.append(RecognisedWord(text, float(word.start), float(word.end), probability))
    spoken = tuple(word for word in words if any(map(str.isalnum, word.text)))
    return Passage(spoken, float(segment.avg_logprob), float(segment.compression_ratio), float(segment.no_speech_prob))
