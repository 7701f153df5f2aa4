"""Utterances of the chosen speaker of a new medium, for models that were trained on such utterances only."""

from __future__ import annotations

import pyarrow as pa

from tasks.captions import caption_file, caption_turns
from tasks.core.config import INTERVIEWS, Config
from tasks.core.errors import NotEnoughData, Rejected
from tasks.core.results import Reject
from tasks.experiments.kept_model import KeptModel
from tasks.labelling.votes import eligibility
from tasks.media.voices import diarisation
from tasks.media.voices.diarisation import Diarisation
from tasks.media.voices.hints import TurnHint
from tasks.media.voices.models import SpeechDetector, VoiceEncoder
from tasks.media.voices.speaker_tables import NAME
from tasks.on_demand.applying.intake import Medium
from tasks.on_demand.applying.utterances import NewUtterance, NewUtterances
from tasks.stages import speakers
from tasks.weights import store


def is_needed(model: KeptModel, cut: NewUtterances, config: Config) -> bool:
    """Return whether utterances of other speakers have to be left out.

    Args:
        model: one that was trained on interviews, whose speakers `eligibility.speakers` chooses
        cut: its utterances; the whole file has no speaker
        config: settings by which the training data was chosen
    """
    return config.eligibility.speakers != eligibility.ALL and model.card.reader == INTERVIEWS and cut.unit != "file"


def of_speaker(medium: Medium, cut: NewUtterances, config: Config) -> NewUtterances:
    """Return the utterances of the chosen speaker; the others become rejects.

    Args:
        medium: the medium
        cut: its utterances
        config: all settings; `eligibility.speakers` is the name of a speaker, or `most`: who speaks most

    Raises:
        InputError: if the models of voices are not in the cache of weights
        NotEnoughData: if nobody speaks
    """
    detector, encoder = (store.folder(name) for name in (speakers.DETECTOR, speakers.ENCODER))
    diarised = diarisation.diarise(medium.flac, SpeechDetector(detector), VoiceEncoder(encoder), _hints(medium))
    if not diarised.turns:
        raise NotEnoughData(f"{medium.source}: nobody speaks in {diarised.duration_s:.0f} s of sound")
    return chosen(cut, diarised, config.eligibility.speakers, medium.name)


def chosen(cut: NewUtterances, diarised: Diarisation, speaker: str, name: str) -> NewUtterances:
    """Return the utterances of a speaker.

    Args:
        cut: all utterances
        diarised: turns of the medium
        speaker: as `eligibility.speakers`
        name: of the medium, for rejects
    """
    rows = [_row(utterance, diarised) for utterance in cut.rows]
    times = [(column, pa.float64()) for column in ("start_s", "end_s")]
    schema = pa.schema([*times, *((column, pa.string()) for column in ("group", "speaker", NAME))])
    reasons = eligibility.by_speaker(pa.Table.from_pylist(rows, schema=schema), speaker)
    kept = tuple(utterance for utterance, reason in zip(cut.rows, reasons, strict=True) if reason is None)
    rejects = (
        Reject(f"{name}#{utterance.id}", reason, utterance.text)
        for utterance, reason in zip(cut.rows, reasons, strict=True)
        if reason is not None
    )
    return NewUtterances(cut.unit, kept, (*cut.rejects, *rejects))


def _row(utterance: NewUtterance, diarised: Diarisation) -> dict[str, str | float | None]:
    end_s = diarised.duration_s if utterance.end_s is None else utterance.end_s
    spoken_s = speakers.spoken_shares(utterance.start_s, end_s, diarised)
    row: dict[str, str | float | None] = {"group": "", "start_s": utterance.start_s, "end_s": end_s}
    if spoken_s.sum() < speakers.LEAST_SHARE * (end_s - utterance.start_s):
        return row
    voice = int(spoken_s.argmax())
    return row | {"speaker": str(voice), NAME: diarised.names[voice] or None}


def _hints(medium: Medium) -> list[TurnHint]:
    """Return the turns that the captions mark; none without captions, or if they cannot be read."""
    if medium.captions is None:
        return []
    try:
        content = medium.captions.read_bytes()
        turns = caption_turns.read(content, caption_file.format_of(content, medium.captions.name))
    except (OSError, Rejected):
        # cutting into utterances reports it; the sound still has voices
        return []
    return [TurnHint(turn.start_s, turn.end_s, turn.name) for turn in turns]
