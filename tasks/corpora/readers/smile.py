"""SMILE: 3,085 tweets that mention British museums, annotated with five emotions; text only.

Source: Wang, Liakata, Zubiaga, Procter, Jensen (2016), "SMILE: Twitter Emotion Classification using Domain Adaptation",
SAAIP at IJCAI; https://doi.org/10.6084/m9.figshare.3187909. Licence: CC BY 4.0 for the annotations; the tweets are
Twitter's and their authors'.
Layout: `smile-annotations-final.csv` without a header: the tweet's id, its text, its label (`happy`), or several labels
(`happy|surprise`). User names, hashtags and addresses are part of the text.

Known problems: most tweets have no emotion: `nocode`, and `not-relevant` to museums. Both stay as rows without a label.
A tweet with several emotions has no `emotion`; the columns `…_intensity` are 1 for those it has and 0 for the others of
the five. Fear was not annotated, so `fear_intensity` is null. Nine of ten labelled tweets are happy, and only 6 show
disgust alone. Tweets with the same text, such as retweets, form one `group`; some are not in English. The authors'
names are not published, so there are no speakers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from tasks.core import tables, text_files
from tasks.core.errors import Rejected
from tasks.core.results import Reject
from tasks.corpora import labels
from tasks.corpora.readers import reading
from tasks.corpora.readers.reading import (
    CorpusReader,
    Count,
    Expected,
    NoCorpusFiles,
    ReaderOutput,
    Row,
    Sample,
    Studio,
)

_TABLE = "smile-annotations-final.csv"
_LABELS = {
    "happy": "happiness", "sad": "sadness", "angry": "anger", "surprise": "surprise", "disgust": "disgust",
}  # fmt: skip
_WITHOUT_EMOTION = ("nocode", "not-relevant")
_BETWEEN = "|"
_INTENSITIES = {emotion: f"{emotion}_intensity" for emotion in (*_LABELS.values(), "fear")}
_PUBLISHED = {"happy": 1137, "angry": 57, "surprise": 35, "sad": 32, "disgust": 6, "nocode": 1572, "not-relevant": 214}
_SEVERAL = 32


def _read(folder: Path) -> ReaderOutput:
    """Read the table anywhere below a folder.

    Raises:
        InputError: if there is none, or it is not a CSV file in UTF-8
    """
    reading.demand_folder(folder)
    path = min((path for path in folder.rglob(_TABLE) if path.is_file()), default=None)
    if path is None:
        raise NoCorpusFiles(f"{folder}: no {_TABLE} in it or below")
    rows, rejects = list[Row](), list[Reject]()
    groups: dict[str, str] = {}
    for line, cells in text_files.csv_rows(text_files.read_text(path), path):
        item = f"{reading.relative(path, folder)}:{line}"
        try:
            row = _row(cells, item)
        except Rejected as error:
            rejects.append(Reject(item, error.reason, error.detail))
        else:
            rows.append({**row, "group": groups.setdefault(row["text"].casefold(), row["utterance_id"])})
    return reading.without_duplicates(ReaderOutput(tuple(rows), tuple(rejects)))


def _row(cells: Sequence[str], item: str) -> Row:
    if len(cells) != 3:
        raise Rejected("ragged row", f"{item}: expected id, text and label, found {len(cells)} cells")
    tweet, text, code = (cell.strip() for cell in cells)
    if not (tweet.isascii() and tweet.isdigit()):
        raise Rejected("no number", f"{item}: the tweet's id is {text_files.quoted(tweet)}")
    if not text:
        raise Rejected("empty row", f"{item}: the tweet has no text")
    shown = [] if code in _WITHOUT_EMOTION else [labels.emotion(_LABELS, part, item) for part in code.split(_BETWEEN)]
    return {
        "utterance_id": f"smile/{tweet}",
        "corpus": "smile",
        "language": "en",
        "text": text,
        "text_source": "manual",
        "native_label": code,
        "emotion": shown[0] if len(shown) == 1 else None,
        "label_source": "listeners",
        "weight": 1.0,
        "licence": "CC BY 4.0",
        **{_INTENSITIES[emotion]: float(emotion in shown) if shown else None for emotion in _LABELS.values()},
    }


def _expected(rows: Sequence[Row]) -> Expected:
    by_code = reading.tally(rows, "native_label")
    several = sum(n for code, n in by_code.items() if _BETWEEN in code)
    return Expected(
        (
            Count("tweets", 3085, len(rows)),
            *(Count(f"tweets with the label {code}", n, by_code[code]) for code, n in _PUBLISHED.items()),
            Count("tweets with several labels", _SEVERAL, several),
        )
    )


def _write_sample(folder: Path, studio: Studio) -> None:
    """Four tweets of each emotion, three with two emotions, four without one, and a retweet."""
    codes = [*4 * tuple(_LABELS), "happy|surprise", "happy|surprise", "sad|angry", *2 * _WITHOUT_EMOTION]
    tweets = [
        (f"@museum_{number % 3} {_sentence(code, studio)} http://t.co/{number:03d}", code)
        for number, code in enumerate(codes)
    ]
    retweet = (tweets[0][0].upper(), codes[0])
    lines = [f'{_FIRST_ID + number},"{text}",{code}' for number, (text, code) in enumerate([*tweets, retweet])]
    tables.write_text(folder / _TABLE, "\n".join(lines) + "\n")


_FIRST_ID = 611_857_364_396_965_000


def _sentence(code: str, studio: Studio) -> str:
    return studio.sentence(_LABELS.get(code.partition(_BETWEEN)[0], "neutral"))


CORPUS = CorpusReader(
    name="smile",
    title="SMILE tweets",
    licence="CC BY 4.0 (annotations)",
    url="https://doi.org/10.6084/m9.figshare.3187909",
    citation="Wang et al. (2016), SAAIP at IJCAI",
    language="en",
    labels=_LABELS,
    read=_read,
    expected=_expected,
    offers=frozenset({"emotion", "group", "text", *(_INTENSITIES[emotion] for emotion in _LABELS.values())}),
    sample=Sample(
        _write_sample,
        n_utterances=28,
        golden={
            "utterance_id": "smile/611857364396965020", "group": "smile/611857364396965020", "speaker": None,
            "native_label": "happy|surprise", "emotion": None, "happiness_intensity": 1.0, "surprise_intensity": 1.0,
            "sadness_intensity": 0.0, "fear_intensity": None, "audio": None, "label_source": "listeners",
        },
    ),
    extra=pa.schema([(name, pa.float64()) for name in _INTENSITIES.values()]),
    looks_for="none: tweets have no sound",
)  # fmt: skip
