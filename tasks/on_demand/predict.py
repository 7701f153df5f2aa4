"""Classify new media with the trained model: captioned utterances, or fixed windows if there are no captions.

Decoding, caption cleaning, cutting and features are those of the training data.
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tasks.captions import caption_file, utterances
from tasks.core import paths, tables
from tasks.core.config import Config
from tasks.core.errors import AudioError, InputError, NotEnoughData, Rejected
from tasks.core.results import Reject
from tasks.experiments.weak_path import kept_model
from tasks.features.mid_term.mid_term import NAMES, AnalysisWindows, mid_terms
from tasks.fetching import client, description, identity, local_files
from tasks.fetching.description import MediaAddress
from tasks.labelling.votes import eligibility
from tasks.media.decode import RATE_HZ, to_flac
from tasks.media.segments.cutting import CutSegment, SegmentSpan, VideoSpans, cuts
from tasks.models.svm.weak_svm import Classifier
from tasks.on_demand import result_names
from tasks.on_demand.applying import timeline
from tasks.stages.acoustic import feature_columns, vectors_result

_ADDRESS = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)


@dataclass(frozen=True)
class ClassifiedSpan:
    """One classified span in seconds; `margin` is the best decision value minus the second best."""

    start_s: float
    end_s: float
    predicted: str
    negative: float
    neutral: float
    positive: float
    margin: float
    text: str

    @property
    def drawn(self) -> dict[str, float]:
        """Decision values by class."""
        return {"negative": self.negative, "neutral": self.neutral, "positive": self.positive}


@dataclass(frozen=True)
class Prediction:
    """Predictions of one medium, by utterances or windows (`unit`), and the files written."""

    name: str
    unit: str
    rows: tuple[ClassifiedSpan, ...]
    rejects: tuple[Reject, ...]
    csv: Path
    picture: Path


@dataclass(frozen=True)
class Medium:
    """A decoded medium: its name, its sound as FLAC, and its caption file if it has one."""

    name: str
    flac: Path
    duration_s: float
    captions: Path | None


def run(source: str, *, captions: Path | None, out: Path, config: Config) -> Prediction:
    """Classify a file or URL, and write a CSV and a timeline plot.

    Args:
        source: a media file, or an http(s) URL
        captions: caption file; if not given, the best one beside the media file, such as `X.en.vtt` or `X.srt`
        out: folder for `<name>.csv` and `<name>.png`; results of another source of that name are kept
        config: all settings; a URL is fetched under the rules of the crawl

    Raises:
        InputError: if there is no model yet, or the source cannot be used
        NotEnoughData: if no utterance is long enough
    """
    classifier, windows = _model()
    with tempfile.TemporaryDirectory() as folder:
        medium = _obtain(source, captions, Path(folder), config)
        spans, texts, rejects = _spans(medium, config)
        results = list(cuts(VideoSpans(medium.name, str(medium.flac), "", tuple(spans))))
    segments = [result for result in results if isinstance(result, CutSegment)]
    features = mid_terms([segment.samples for segment in segments], RATE_HZ, windows)
    vectors = vectors_result([segment.span.utterance_id for segment in segments], features)
    lost = (*rejects, *(result for result in results if isinstance(result, Reject)), *vectors.rejects)
    if not vectors.rows.num_rows:
        reasons = ", ".join(sorted({reject.reason for reject in lost})) or "it has no captioned speech"
        raise NotEnoughData(f"{source}: nothing to classify ({reasons})")
    rows = _classified(classifier, feature_columns(vectors.rows), {span.utterance_id: span for span in spans}, texts)
    name = result_names.claim(out, medium.name, _identity(source), (".csv", ".png"))
    table, picture = out / f"{name}.csv", out / f"{name}.png"
    tables.write_csv(table, [asdict(row) for row in rows])
    timeline.draw(
        rows,
        picture,
        title=f"{medium.name}: sentiment",
        outputs=classifier.classes,
        sound=None,
        duration_s=medium.duration_s,
        axis="decision value",
    )
    return Prediction(medium.name, "utterances" if medium.captions else "windows", tuple(rows), lost, table, picture)


def _model() -> tuple[Classifier, AnalysisWindows]:
    if not paths.MODEL.is_file() or not paths.CARD.is_file():
        raise InputError(f"there is no model at {paths.MODEL} yet; train one first: undertone run (or undertone demo)")
    classifier, card = kept_model.load()
    return classifier, kept_model.windows(card)


def _obtain(source: str, captions: Path | None, folder: Path, config: Config) -> Medium:
    if _ADDRESS.match(source):
        client.check(config.crawl)
        try:
            rules = client.fetch_rules(config.crawl)
            fetched = client.fetch(MediaAddress(source), folder, rules, config.crawl, captions_needed=False)
        except Rejected as error:
            raise InputError(f"{source}: {error}") from None
        name, media = result_names.readable(fetched.title), fetched.media
        captions = captions or (fetched.captions.path if fetched.captions else None)
    else:
        media = Path(source)
        if not media.is_file():
            raise InputError(f"{source}: there is no such file; expected a media file or an http(s) URL")
        name = result_names.readable(media.stem)
        captions = captions or _beside(media, config)
    flac = folder / "sound.flac"
    try:
        duration_s = to_flac(media, flac, max_duration_s=config.crawl.max_duration_s)
    except AudioError as error:
        raise InputError(f"{source}: {error}") from None
    return Medium(name, flac, duration_s, captions)


def _beside(media: Path, config: Config) -> Path | None:
    """Return the best captions beside a media file, or None."""
    try:
        track = description.best(local_files.captions(media), client.fetch_rules(config.crawl))
    except Rejected:
        return None
    path: Path = track.source["path"]
    return path


def _spans(medium: Medium, config: Config) -> tuple[list[SegmentSpan], dict[str, str], tuple[Reject, ...]]:
    if medium.captions is None:
        return _windows(medium, config), {}, ()
    try:
        content = medium.captions.read_bytes()
        kind = caption_file.format_of(content, medium.captions.name)
        captions = utterances.read(content, kind, medium.flac, medium.duration_s, config.captions)
    except FileNotFoundError:
        raise InputError(f"{medium.captions}: there is no such caption file") from None
    except Rejected as error:
        raise InputError(f"{medium.captions}: {error}; expected captions such as .vtt or .srt") from None
    spans, texts = [], {}
    rejects = [Reject(f"{medium.name}#{lost.number}", lost.reason, lost.detail) for lost in captions.unused]
    for number, utterance in enumerate(captions.spoken):
        start_s, end_s = utterance.start_ms / 1000, utterance.end_ms / 1000
        if (reason := eligibility.reason(end_s - start_s, utterance.text, config.eligibility)) is not None:
            rejects.append(Reject(f"{medium.name}#{utterance.number}", reason, utterance.text))
            continue
        spans.append(SegmentSpan(f"{number:05d}", start_s, end_s))
        texts[spans[-1].utterance_id] = utterance.text
    return spans, texts, tuple(rejects)


def _windows(medium: Medium, config: Config) -> list[SegmentSpan]:
    window_s, hop_s = config.predict.window_s, config.predict.hop_s
    last_s = max(medium.duration_s - min(window_s, config.eligibility.min_duration_s), 0.0)
    starts_s = np.arange(0.0, last_s + 1e-9, hop_s)
    return [
        SegmentSpan(f"{number:05d}", float(start_s), min(float(start_s) + window_s, medium.duration_s))
        for number, start_s in enumerate(starts_s)
    ]


def _classified(
    classifier: Classifier, features: Any, spans: dict[str, SegmentSpan], texts: dict[str, str]
) -> list[ClassifiedSpan]:
    values = np.column_stack([features[name].to_numpy() for name in NAMES])
    predicted, scores = classifier.predict(values)
    best = np.sort(scores, axis=1)
    return [
        ClassifiedSpan(
            start_s=spans[name].start_s,
            end_s=spans[name].end_s,
            predicted=str(predicted[i]),
            **dict(zip(classifier.classes, scores[i].tolist(), strict=True)),
            margin=float(best[i, -1] - best[i, -2]),
            text=texts.get(name, ""),
        )
        for i, name in enumerate(features["utterance_id"].to_pylist())
    ]


def _identity(source: str) -> str:
    """Return what distinguishes a source from others: its URL, or its path, relative in the project folder."""
    if _ADDRESS.match(source):
        return identity.normalized(source)
    path, project = Path(source).resolve(), Path.cwd().resolve()
    return str(path.relative_to(project) if path.is_relative_to(project) else path)
