"""Whose data is to be removed: a video, a speaker or a listener, with everything by which their data is recognised."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks.core import artifacts, forgotten, paths, tables
from tasks.core.config import INTERVIEWS, Config
from tasks.core.errors import InputError
from tasks.core.forgotten import LISTENER, SPEAKER, VIDEO
from tasks.fetching import identity, lists
from tasks.fetching.lists import ListEntry
from tasks.labelling.people import ratings
from tasks.on_demand import result_names
from tasks.on_demand.forgetting import rating_store
from tasks.on_demand.forgetting.traces import Traces

_LEAST_TITLE = 8
"""Characters of a title by which data is searched; shorter ones are words of everyday language."""
_LEAST_NAME = 3


@dataclass(frozen=True)
class Subject:
    """Data to remove.

    Args:
        kind: `VIDEO`, `SPEAKER` or `LISTENER`
        name: as the user gave it
        identities: of videos, as the ledger records them
        names: of a person, as the ledger records them
        videos: ids of videos, such as train-7
        corpora: corpora that have utterances of a speaker
        media: SHA-256 of media files that models may have been trained on
        sources: files on disk that the data was read from, as the lists name them or inside the corpora's folders
        traces: by what the data is recognised
    """

    kind: str
    name: str
    identities: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    videos: tuple[str, ...] = ()
    corpora: tuple[str, ...] = ()
    media: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    traces: Traces = field(default_factory=Traces)

    def to_json(self) -> str:
        """Return the subject as JSON, for a run that is continued after it was killed."""
        fields = {**asdict(self), "traces": {name: sorted(values) for name, values in asdict(self.traces).items()}}
        return json.dumps(fields)

    @classmethod
    def from_json(cls, text: str) -> Subject:
        """Return the subject that `to_json` wrote.

        Args:
            text: JSON
        """
        fields: dict[str, Any] = json.loads(text)
        traces = Traces(**{name: frozenset(values) for name, values in fields.pop("traces").items()})
        plain: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()
        }
        return cls(**plain, traces=traces)


def resolve(kind: str, name: str, config: Config) -> Subject:
    """Return the data of a video, a speaker or a listener.

    Args:
        kind: `VIDEO`, `SPEAKER` or `LISTENER`
        name: id, address or file of a video; name of a person
        config: all settings

    Raises:
        InputError: if the project has no such data; the message says what it has
    """
    return {VIDEO: _video, SPEAKER: _speaker, LISTENER: _listener}[kind](name, config)


def entries(config: Config) -> list[ListEntry]:
    """Return the entries of both lists; none of a list that is missing or empty.

    Args:
        config: all settings
    """
    listed = list[ListEntry]()
    for path, split in ((config.crawl.train, "train"), (config.crawl.test, "test")):
        try:
            listed += lists.read(Path(path), split)
        except InputError:
            if Path(path).is_file() and Path(path).read_text(encoding="utf-8", errors="replace").count("\n") > 1:
                raise
    return listed


def _video(name: str, config: Config) -> Subject:
    listed, rows = entries(config), _rows(paths.VIDEOS)
    chosen = [entry for entry in listed if _is_named(name, f"{entry.split}-{entry.id}", entry.id, entry.url, entry)]
    crawled = [row for row in rows if _is_named(name, row["video_id"], row["video_id"].partition("-")[2], row["url"])]
    videos = {f"{entry.split}-{entry.id}" for entry in chosen} | {row["video_id"] for row in crawled}
    if len(videos) > 1 and name not in videos and "://" not in name:
        raise InputError(f"{name} is the Id of several videos: {', '.join(sorted(videos))}; name one of these")
    if name in videos:
        videos = {name}
        chosen = [entry for entry in chosen if f"{entry.split}-{entry.id}" == name]
        crawled = [row for row in crawled if row["video_id"] == name]
    if not videos:
        raise InputError(_unknown_video(name, listed, rows))
    return _of_videos(VIDEO, name, sorted(videos), chosen, crawled)


def _of_videos(
    kind: str, name: str, videos: Sequence[str], chosen: Sequence[ListEntry], crawled: Sequence[Mapping[str, Any]]
) -> Subject:
    identities = {entry.video for entry in chosen} | {_identity(row) for row in crawled}
    identities |= {row["source_id"] for row in crawled if str(row["source_id"]).startswith("sha256:")}
    digests = {row[column] for row in crawled for column in ("audio_sha256", "captions_sha256") if row[column]}
    other_titles = {row["title"] for row in _rows(paths.VIDEOS) if row["video_id"] not in videos}
    titles = {row["title"] for row in crawled if row["title"]} | {entry.title for entry in chosen if entry.title}
    phrases = {*videos, *(row["url"] for row in crawled), *(entry.url for entry in chosen)}
    phrases |= {own for video in videos if len(own := video.partition("-")[2]) >= _LEAST_TITLE}
    own_titles = {title for title in titles - other_titles if len(title) >= _LEAST_TITLE}
    # results of `apply` are named after the recording
    phrases |= own_titles | {result_names.readable(title) for title in own_titles}
    phrases |= {str(row["source_id"]) for row in crawled if _is_telling(str(row["source_id"]), videos)}
    phrases |= {found for entry in chosen if (found := identity.youtube_id(entry.url)) is not None}
    ids, texts, more = _utterances(paths.UTTERANCES, "group", set(videos))
    return Subject(
        kind,
        name,
        tuple(sorted(identities)),
        videos=tuple(videos),
        media=tuple(sorted(row["audio_sha256"] for row in crawled)),
        sources=tuple(sorted(entry.url for entry in chosen if entry.is_file)),
        traces=Traces(
            ids=frozenset(ids) | {digest[: forgotten.MEDIUM_DIGITS] for digest in digests},
            phrases=frozenset(phrases),
            texts=frozenset(texts),
            digests=frozenset(digests | more | _segment_digests(ids)),
            stems=frozenset(f"{INTERVIEWS}_{video}_" for video in videos),
        ),
    )


def _speaker(name: str, config: Config) -> Subject:
    videos = sorted({row["utterance_id"].split("/")[1] for row in _rows(paths.SPEAKER_OF) if _is_speaker(row, name)})
    of_corpora = dict(_corpora_of(name, config))
    if not videos and not of_corpora:
        speakers = sorted({speaker for corpus in config.corpora for speaker in _speakers(corpus)})
        few = ", ".join(speakers[:10]) + (f" and {len(speakers) - 10} more" if len(speakers) > 10 else "")
        raise InputError(f"no corpus and no interview has a speaker {name!r}; the corpora have {few or 'none'}")
    rows = [row for row in _rows(paths.VIDEOS) if row["video_id"] in videos]
    chosen = [entry for entry in entries(config) if f"{entry.split}-{entry.id}" in videos]
    whole = _of_videos(SPEAKER, name, videos, chosen, rows)
    ids, texts, media, sources, names = set[str](), set[str](), set[str](), set[str](), set[str]()
    for corpus, speaker in of_corpora.items():
        own_ids, own_texts, digests = _utterances(paths.utterances(corpus), "speaker", {speaker})
        ids, texts, names = ids | own_ids, texts | own_texts, names | {speaker}
        media |= digests
        sources |= {str(config.corpora[corpus].media / path) for path in _own_files(corpus, speaker)}
    return Subject(
        SPEAKER,
        name,
        whole.identities,
        tuple(sorted({*names, name})),
        videos=whole.videos,
        corpora=tuple(of_corpora),
        media=tuple(sorted({*whole.media, *media})),
        sources=tuple(sorted({*whole.sources, *sources})),
        traces=Traces(
            ids=whole.traces.ids | ids | {digest[: forgotten.MEDIUM_DIGITS] for digest in media},
            phrases=whole.traces.phrases | {part for part in names if "/" in part} | _telling_name(name),
            texts=whole.traces.texts | texts,
            digests=whole.traces.digests | media,
            stems=whole.traces.stems,
        ),
    )


def _listener(name: str, config: Config) -> Subject:
    names = {listener for path in paths.LISTENERS.glob("*.csv") for listener in ratings.read(path).listeners}
    names |= set(rating_store.listeners())
    if name not in names:
        close = [other for other in sorted(names) if other.casefold() == name.casefold()]
        raise InputError(
            f"nobody of the name {name!r} has rated; "
            + (f"did you mean {close[0]!r}?" if close else f"the listeners are {', '.join(sorted(names)) or 'none'}")
        )
    return Subject(LISTENER, name, names=(name,), traces=Traces(phrases=_telling_name(name)))


def _rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a table of an earlier stage; none if it is missing."""
    if not path.is_file():
        return []
    with artifacts.parquet(path) as file:
        rows: list[dict[str, Any]] = file.read().to_pylist()
    return rows


def _is_named(name: str, video: str, own: str, url: str, entry: ListEntry | None = None) -> bool:
    if name in (video, own, url):
        return True
    if entry is not None and entry.is_file:
        return Path(name).resolve() == Path(entry.url).resolve() if "/" in name or "." in name else False
    return "://" in name and "://" in url and identity.identity(name) == identity.identity(url)


def _identity(row: Mapping[str, Any]) -> str:
    # an address, or the path of a file as the list has it
    return ListEntry("", "", row["url"], "", is_file="://" not in row["url"]).video


def _is_telling(source_id: str, videos: Iterable[str]) -> bool:
    return ":" in source_id or len(source_id) >= _LEAST_TITLE


def _telling_name(name: str) -> frozenset[str]:
    return frozenset({name} if len(name) >= _LEAST_NAME else ())


def _utterances(path: Path, column: str, values: set[str]) -> tuple[set[str], set[str], set[str]]:
    """Return ids and own texts of the utterances with one of the values in a column, and digests of their media."""
    if not path.is_file():
        return set(), set(), set()
    with artifacts.parquet(path) as file:
        table = file.read()
    mask = pc.fill_null(pc.is_in(table[column], pa.array(sorted(values), pa.string())), False)
    own, others = table.filter(mask), table.filter(pc.invert(mask))
    # a sentence that others say, too, as in corpora of acted speech, identifies nobody
    texts = set(filter(None, own["text"].to_pylist())) - set(others["text"].to_pylist())
    return set(own["utterance_id"].to_pylist()), texts, _media_digests(path, own["utterance_id"].to_pylist())


def _media_digests(path: Path, ids: Iterable[str]) -> set[str]:
    wanted, digests = set(ids), set[str]()
    for name in ("sounds.parquet", "pictures.parquet"):
        rows = _rows(path.with_name(name))
        others = {row["sha256"] for row in rows if row["utterance_id"] not in wanted}
        own = [row for row in rows if row["utterance_id"] in wanted]
        digests |= {row["sha256"] for row in own} - others
        digests |= {row["samples_sha256"] for row in own if row.get("samples_sha256")}
    return digests


def _segment_digests(ids: set[str]) -> set[str]:
    """Return digests of the utterances' cut sound: of the file in the shard, and of its samples."""
    import hashlib

    digests = set[str]()
    for path in sorted(paths.SHARDS.glob("*.parquet")) if paths.SHARDS.is_dir() else ():
        for row in tables.read(path, tables.SEGMENTS).to_pylist():
            if row["utterance_id"] in ids:
                digests |= {row["samples_sha256"], hashlib.sha256(row["audio"]["bytes"]).hexdigest()}
    return digests


def _is_speaker(row: Mapping[str, Any], name: str) -> bool:
    return name in (row["speaker"], row["name"], row["voice"])


def _corpora_of(name: str, config: Config) -> Iterator[tuple[str, str]]:
    for corpus in config.corpora:
        if not config.corpora[corpus].is_interviews:
            for speaker in _speakers(corpus):
                if speaker in (name, f"{corpus}/{name}"):
                    yield corpus, speaker


def _speakers(corpus: str) -> list[str]:
    return sorted({row["speaker"] for row in _rows(paths.utterances(corpus)) if row["speaker"]})


def _own_files(corpus: str, speaker: str) -> list[str]:
    """Return the media files of a corpus in which nobody else speaks."""
    rows = _rows(paths.utterances(corpus))

    def files(is_wanted: Callable[[Mapping[str, Any]], bool]) -> set[str]:
        return {row[name] for row in rows if is_wanted(row) for name in ("audio", "video") if row[name]}

    return sorted(files(lambda row: row["speaker"] == speaker) - files(lambda row: row["speaker"] != speaker))


def _unknown_video(name: str, listed: Sequence[ListEntry], rows: Sequence[Mapping[str, Any]]) -> str:
    video_ids = sorted({f"{entry.split}-{entry.id}" for entry in listed} | {row["video_id"] for row in rows})
    few = ", ".join(video_ids[:10]) + (f" and {len(video_ids) - 10} more" if len(video_ids) > 10 else "")
    day = forgotten.read().day(VIDEO, name)
    removed = f"; it was removed on {day}" if day else ""
    return f"neither the lists nor data/crawl have a video {name!r}{removed}; they have {few or 'none'}"
