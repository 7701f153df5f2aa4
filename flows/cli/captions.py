"""`undertone captions`: clean caption files in any folder, without a project."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from tasks.captions.cue import UnusedCue

_STDIN = Path("-")
_MAX_WORDS = 200


def captions(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Caption files: .vtt, .srt, .ass, .ttml, .json3 …; - is stdin."),
    ],
    *,
    to: Annotated[
        Literal["srt", "vtt", "txt", "csv", "json"], typer.Option("--to", help="Format of the result.")
    ] = "srt",
    sentences: Annotated[bool, typer.Option("--sentences", help="Write sentences instead of cues.")] = False,
    audio: Annotated[
        Path | None, typer.Option(help="The sound of the captions: ends what lasts longer, and aligns sentences.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the results.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results that exist.")] = False,
) -> None:
    """Clean captions: every word once, at its time, without markup and repetitions.

    One result goes to stdout. Results of several files go to --out, or beside
    each file as NAME.clean.EXTENSION. What is left out goes to stderr.

    Example: [bold]undertone captions talk.en.vtt --to csv[/]
    """
    from tasks.core.errors import InputError

    if audio is not None and len(files) > 1:
        raise InputError(f"--audio belongs to one caption file, found {len(files)}; clean them one at a time")
    targets = _targets(files, to, out, overwrite=overwrite)
    failed = False
    for file, target in zip(files, targets, strict=True):
        try:
            result = _cleaned(file, to, sentences=sentences, audio=audio)
            _write(target, result)
        except InputError as error:
            if len(files) == 1:
                raise
            typer.echo(f"undertone: {error}", err=True)
            failed = True
    if failed:
        raise typer.Exit(1)


def _targets(files: Sequence[Path], to: str, out: Path | None, *, overwrite: bool) -> list[Path | None]:
    """Return the file of each result, or None for stdout; no two results, and no result and input, share a file.

    Raises:
        InputError: if they would, or a file exists
    """
    from tasks.core.errors import InputError

    if len(files) == 1 and out is None:
        return [None]
    targets = [_target(file, to, out) for file in files]
    sources = dict[Path, Path]()
    inputs = {file.resolve() for file in files}
    for file, target in zip(files, targets, strict=True):
        if (other := sources.setdefault(target.resolve(), file)) is not file:
            raise InputError(f"{other} and {file} would both be written to {target}; clean them one at a time")
        if target.resolve() in inputs:
            raise InputError(f"{target} is one of the caption files; choose another folder: --out FOLDER")
        if target.exists() and not overwrite:
            raise InputError(f"{target} exists; move it away, choose a folder (--out FOLDER), or add --overwrite")
    return list(targets)


def _target(file: Path, to: str, out: Path | None) -> Path:
    from tasks.core.errors import InputError

    if out is not None:
        return out / f"{'stdin' if file == _STDIN else file.stem}.{to}"
    if file == _STDIN:
        raise InputError("with several files, the result of stdin needs a folder: --out FOLDER")
    return file.with_name(f"{file.stem}.clean.{to}")


def _cleaned(file: Path, to: str, *, sentences: bool, audio: Path | None) -> bytes:
    from tasks.on_demand import clean_captions

    name = "stdin" if file == _STDIN else str(file)
    cleaned = clean_captions.clean(_content(file), name, by_sentence=sentences, audio=audio)
    for cue in cleaned.unused:
        typer.echo(_left_out(name, cue), err=True)
    return clean_captions.write(cleaned.spoken, to).encode()


def _content(file: Path) -> bytes:
    from tasks.core.caption_formats import MAX_BYTES
    from tasks.core.errors import InputError

    try:
        if file == _STDIN:
            content = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with file.open("rb") as opened:
                content = opened.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: {getattr(error, 'strerror', None) or error}; expected a caption file") from None
    if len(content) > MAX_BYTES:
        raise InputError(f"{file}: more than {MAX_BYTES} bytes; expected a caption file")
    return content


def _write(target: Path | None, content: bytes) -> None:
    from tasks.core.errors import InputError

    if target is None:
        typer.echo(content, nl=False)
        return
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    except OSError as error:
        raise InputError(f"{target} cannot be written: {error.strerror}; choose a folder: --out FOLDER") from None
    typer.echo(f"Written: {target}")


def _left_out(name: str, cue: UnusedCue) -> str:
    words = "".join(character if character.isprintable() else " " for character in cue.detail)
    return f"{name}: cue {cue.number} left out, {cue.reason}: {words[:_MAX_WORDS]}".rstrip(": ")
