"""Recognised speech of a new medium, for models that read text where there are no captions."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.captions import recognition, recognition_model
from tasks.captions.cue import CaptionWord
from tasks.captions.recognition import RecognitionRules
from tasks.core.config import Config
from tasks.core.errors import NotEnoughData, Rejected
from tasks.core.results import Reject
from tasks.experiments.kept_model import KeptModel
from tasks.on_demand.applying.intake import Medium
from tasks.stages import transcribe


@dataclass(frozen=True)
class RecognisedWords:
    """Words of a medium in order of time, the passages that are not used, and the language."""

    words: tuple[CaptionWord, ...]
    rejects: tuple[Reject, ...]
    language: str = ""


def is_needed(model: KeptModel, medium: Medium, config: Config, *, by: str, named: bool) -> bool:
    """Return whether a medium's speech has to be recognised.

    Args:
        model: recognition is for models that read text
        medium: its captions are preferred, unless `transcribe.when` is always
        config: all settings
        by: what an utterance is; windows have no text
        named: whether the user named a caption file
    """
    reads_text = any(part.extractor.reads == "text" for part in model.parts)
    lacks_captions = medium.captions is None or (config.transcribe.when == "always" and not named)
    return config.transcribe.is_on and reads_text and lacks_captions and by != "windows"


def recognise(medium: Medium, config: Config) -> RecognisedWords:
    """Return the words of a medium.

    Args:
        medium: the medium
        config: all settings

    Raises:
        InputError: if faster-whisper or the weights are missing
        NotEnoughData: if there is no speech
    """
    settings = config.transcribe
    rules = RecognitionRules.of(settings)
    folder = transcribe.weights_folder(settings.model)
    recogniser = recognition_model.load(folder, settings.beam, settings.least_speech)
    try:
        speech = recognition.recognise(medium.flac, recogniser, rules)
    except Rejected as error:
        raise NotEnoughData(f"{medium.source}: {error}") from None
    words = tuple(
        CaptionWord(word.text, round(word.start_s * 1000), round(word.end_s * 1000))
        for passage in speech.passages
        for word in passage.words
    )
    rejects = (
        Reject(f"{medium.name}#{number}", dropped.reason, dropped.passage.text)
        for number, dropped in enumerate(speech.dropped)
    )
    return RecognisedWords(words, tuple(rejects), speech.language)
