"""Apply a kept model to many media, one after the other; a medium that cannot be used stops no other."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.core import languages, os_errors
from tasks.core.config import Config
from tasks.core.errors import NotEnoughData, UndertoneError
from tasks.core.results import Reject
from tasks.experiments.kept_model import KeptModel
from tasks.on_demand import result_names
from tasks.on_demand.applying import (
    chosen_speaker,
    doubts,
    features,
    formats,
    intake,
    recognised,
    scored,
    timeline,
    utterances,
    waveform,
)
from tasks.on_demand.applying.formats import ENDINGS, PICTURE, Origin
from tasks.on_demand.applying.intake import Medium
from tasks.on_demand.applying.scored import DEFAULT_CERTAINTY, Certainty, ScoredUtterance
from tasks.on_demand.applying.utterances import Cutting

_OUTLINE_COLUMNS = 12_000


@dataclass(frozen=True)
class Choices:
    """Choices of the user.

    Args:
        out: folder of the results
        formats: some of `formats.ENDINGS`
        captions: caption file of the only medium
        cutting: what an utterance is
        certainty: calibrated probabilities below which a class is unsure, or left open
    """

    out: Path
    formats: Sequence[str]
    captions: Path | None = None
    cutting: Cutting = "auto"
    certainty: Certainty = DEFAULT_CERTAINTY


@dataclass(frozen=True)
class Applied:
    """Scored utterances of one medium, of the kind `unit`, and the files written."""

    source: str
    name: str
    unit: str
    duration_s: float
    seconds: float
    rows: tuple[ScoredUtterance, ...]
    rejects: tuple[Reject, ...]
    warnings: tuple[str, ...]
    files: Mapping[str, Path]


def apply_one(
    model: KeptModel, source: str, choices: Choices, config: Config, progress: Callable[[float], None]
) -> Applied:
    """Apply a model to one medium, and write its results.

    Args:
        model: the model
        source: file or http(s) URL
        choices: of the user
        config: all settings
        progress: called with the share that is done

    Raises:
        InputError: if the medium, its captions or its file name cannot be used
        NotEnoughData: if no utterance can be scored
    """
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="undertone-") as name:
        folder = Path(name)
        medium = intake.obtain(source, choices.captions, folder, config)
        named = choices.captions is not None
        needed = recognised.is_needed(model, medium, config, by=choices.cutting, named=named)
        words = recognised.recognise(medium, config) if needed else None
        cut = utterances.cut(medium, choices.cutting, config, words)
        if chosen_speaker.is_needed(model, cut, config):
            cut = chosen_speaker.of_speaker(medium, cut, config)
        extracted = features.compute(model, medium, cut, folder / "features", progress)
        rejects = (*cut.rejects, *extracted.rejects)
        if not extracted.rows:
            raise NotEnoughData(f"{source}: nothing to score: {_reasons(rejects)}")
        chosen = [cut.rows[row] for row in extracted.rows]
        rows = scored.score(model, extracted.inputs, chosen, medium.duration_s, choices.certainty)
        language = languages.base(words.language if words else medium.language)
        warnings = tuple(doubts.of_medium(model, medium.digests, rows, language))
        origin = Origin(medium.source, model.card.experiment, language, warnings)
        files = _write(rows, medium, model, choices, origin)
    seconds = time.monotonic() - started
    return Applied(source, medium.name, cut.unit, medium.duration_s, seconds, tuple(rows), rejects, warnings, files)


def failure(source: str, error: Exception) -> str | None:
    """Return the line about a medium that cannot be used; None for an error that would stop every other one, too.

    Args:
        source: the medium
        error: raised by `apply_one`
    """
    if os_errors.is_of_the_machine(error):
        return None
    if isinstance(error, UndertoneError):
        return str(error)
    if isinstance(error, OSError):
        return os_errors.explain(error) or f"{source}: {error}"
    return None


def _write(
    rows: Sequence[ScoredUtterance], medium: Medium, model: KeptModel, choices: Choices, origin: Origin
) -> dict[str, Path]:
    name = result_names.claim(choices.out, medium.name, intake.key_of(medium.source), tuple(ENDINGS.values()))
    files = {kind: choices.out / f"{name}{ENDINGS[kind]}" for kind in choices.formats}
    for kind, path in files.items():
        if kind == PICTURE:
            _draw(rows, medium, model, path)
        else:
            formats.write(rows, origin, path, kind)
    return files


def _draw(rows: Sequence[ScoredUtterance], medium: Medium, model: KeptModel, path: Path) -> None:
    timeline.draw(
        rows,
        path,
        title=f"{medium.name}: {model.card.target.replace('_', ' ')} by {model.card.experiment}",
        outputs=tuple(rows[0].drawn),
        sound=waveform.outline(medium.flac, _OUTLINE_COLUMNS),
        duration_s=medium.duration_s,
        axis="probability" if rows[0].probabilities else "score",
    )


def _reasons(rejects: Sequence[Reject]) -> str:
    if not rejects:
        return "its captions have no utterance"
    first = next((reject for reject in rejects if reject.detail), rejects[0])
    reasons = ", ".join(sorted({reject.reason for reject in rejects}))
    return f"{reasons} ({' '.join(first.detail.split())[:200]})" if first.detail else reasons
