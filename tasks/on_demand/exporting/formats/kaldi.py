"""Kaldi: wav.scp, segments, text, utt2spk, spk2utt, utt2label, and one utt2COLUMN for each other column.

Kaldi's files are lines of `id value` sorted by byte, and ids and values of maps have no spaces. Ids of utterances begin
with their speaker's, so that sorting by utterance also sorts by speaker, which `validate_data_dir.sh` demands. `text`
has its words separated by single spaces; values of the other maps are percent-encoded where they have spaces, line
breaks or `%`, and `utt2text` has the text unchanged in this way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tasks.on_demand.exporting.export_format import Export, ExportFormat, plain

SOUNDS = "wav"
_NOT_IN_SPEAKERS = re.compile(r"[^A-Za-z0-9_.]")
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1b\x7f]")
_IN_VALUES = re.compile(r"[\s%\x00-\x1f\x7f]")


def write(folder: Path, export: Export) -> list[str]:
    """Write the lists and the sound files.

    Args:
        folder: an empty folder
        export: the rows
    """
    from tasks.on_demand.exporting import readme, sound_files

    sound_files.write(folder / SOUNDS, export)
    ids = utterance_ids(export)
    columns = {name: export.table[name].to_pylist() for name in export.table.column_names}
    for name, lines in _lists(export, ids, columns).items():
        _write(folder / name, lines)
    for name, values in columns.items():
        given = zip(ids, values, strict=True)
        if lines := {key: escaped(str(plain(value))) for key, value in given if value is not None}:
            _write(folder / f"utt2{name}", lines)
    layout = [
        f"`wav.scp`: paths of sound files below this folder, `{SOUNDS}/…`; call Kaldi's scripts in this folder.",
        "`segments`: the whole of each sound file, since each has one utterance.",
        "`utt2spk`: an utterance of unknown speaker is its own speaker, as Kaldi recommends; `utt2speaker` lacks it.",
        "`text`: words separated by single spaces; `utt2text` has the text unchanged.",
        "`utt2COLUMN`: the other columns, without rows that are null; spaces, line breaks and `%` are percent-encoded.",
    ]
    (folder / readme.FILE).write_text(readme.text(export, layout), encoding="utf-8")
    return []


def utterance_ids(export: Export) -> list[str]:
    """Return the Kaldi id of each row: `SPEAKER-UTTERANCE`.

    Args:
        export: the rows
    """
    speakers = speaker_ids(export)
    return [f"{speaker}-{name}" if speaker else name for speaker, name in zip(speakers, export.names, strict=True)]


def speaker_ids(export: Export) -> list[str]:
    """Return the Kaldi id of each row's speaker; "" if it is unknown.

    It consists of characters that sort behind the `-` that ends it in ids of utterances.

    Args:
        export: the rows
    """
    from tasks.on_demand.exporting import file_names

    speakers = export.table["speaker"].to_pylist()
    names = file_names.unique(sorted({name for name in speakers if name}), lambda name: _NOT_IN_SPEAKERS.sub("_", name))
    return [names[name] if name else "" for name in speakers]


def escaped(value: str) -> str:
    """Return a value of a map as one word.

    Args:
        value: any text
    """
    return _IN_VALUES.sub(lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode()), value)


def _lists(export: Export, ids: Sequence[str], columns: Mapping[str, Sequence[object]]) -> dict[str, dict[str, str]]:
    """Return the lists that Kaldi's scripts read: file name → id → rest of the line."""
    speakers = {key: speaker or key for key, speaker in zip(ids, speaker_ids(export), strict=True)}
    utterances_of: dict[str, list[str]] = {}
    for key in sorted(ids):
        utterances_of.setdefault(speakers[key], []).append(key)
    texts = zip(ids, columns["text"], strict=True)
    return {
        "wav.scp": {key: f"{SOUNDS}/{export.file(row)}" for row, key in enumerate(ids)},
        "segments": {
            key: f"{key} 0.000 {duration:.3f}" for key, duration in zip(ids, columns["duration_s"], strict=True)
        },
        "text": {key: words for key, text in texts if (words := _words(str(text or "")))},
        "utt2spk": speakers,
        "spk2utt": {speaker: " ".join(keys) for speaker, keys in utterances_of.items()},
    }


def _words(text: str) -> str:
    """Return words separated by single spaces, without control characters, which Kaldi's checks refuse."""
    return " ".join(_CONTROLS.sub("", text).split())


def _write(path: Path, lines: Mapping[str, str]) -> None:
    """Write the lines of a list, sorted by byte, as `LC_ALL=C sort` does."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for key in sorted(lines):
            file.write(f"{key} {lines[key]}\n")


FORMATS = (
    ExportFormat(
        "kaldi", "Write wav.scp, segments, text, utt2spk, spk2utt and utt2label.", "wav", write, needs_sound=True
    ),
)
