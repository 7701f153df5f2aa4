"""The files of a text encoder for onnxruntime: in the cache of weights, in a folder, or converted from its weights."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tasks.core import code_version, paths, tables
from tasks.core.errors import InputError
from tasks.features.base import checkpoints, pickled_weights
from tasks.weights import store
from tasks.weights.conversion import text_checkpoint, text_encoder
from tasks.weights.conversion.text_encoder import GRAPHS, Precision

MINILM, MPNET = "all-minilm-l6-v2", "all-mpnet-base-v2"
SHORT_NAMES = {"minilm": MINILM, "mpnet": MPNET}
"""Short names of fetched encoders."""
_PACKAGED = checkpoints.DEFAULT_TEXT
"""MiniLM's name in the extra `deep`."""
_BY_HUB_NAME = dict.fromkeys(checkpoints.PACKAGED, MINILM) | {f"sentence-transformers/{MPNET}": MPNET}


@dataclass(frozen=True)
class SentenceFiles:
    """The files of a text encoder.

    Args:
        graph: the network as ONNX, as `tasks.weights.conversion.text_encoder` writes it
        tokenizer: `tokenizer.json`
    """

    graph: Path
    tokenizer: Path

    @property
    def sha256(self) -> str:
        """Digest of both files: 64 hexadecimal digits."""
        return pickled_weights.digest_of([self.graph, self.tokenizer])


def name_of(encoder: str) -> str:
    """Return the name of an encoder: that of the table of known weights if it is one of these, else the given one.

    Args:
        encoder: `minilm`, `mpnet`, a name in the table or on the hub, or the path of a folder
    """
    name = SHORT_NAMES.get(encoder, encoder)
    return name if Path(name).is_dir() else _BY_HUB_NAME.get(name, name)


def find(encoder: str, precision: Precision) -> SentenceFiles:
    """Return the files of an encoder; they are made if only its weights are there.

    Args:
        encoder: as `name_of` takes it. A folder has `encoder-float32.onnx` or `encoder-int8.onnx`, or was written by
            Hugging Face's `save_pretrained`, with a `tokenizer.json`
        precision: of the network

    Raises:
        InputError: if it is not on this machine and cannot be downloaded, is incomplete, or of an unknown family; the
            message names the command that fetches it
    """
    name = name_of(encoder)
    folder = folder_of(name)
    tokenizer = folder / text_checkpoint.TOKENIZER
    if not tokenizer.is_file():
        raise InputError(
            f"encoder {encoder}: {folder} lacks {text_checkpoint.TOKENIZER}; save it with a fast tokenizer of "
            "transformers: AutoTokenizer.from_pretrained(…).save_pretrained(…)"
        )
    if (folder / GRAPHS[precision]).is_file():
        return SentenceFiles(folder / GRAPHS[precision], tokenizer)
    return _converted(folder, precision)


def folder_of(encoder: str) -> Path:
    """Return the folder of an encoder, with its weights, configuration and tokenizer.

    Args:
        encoder: as `name_of` takes it

    Raises:
        InputError: if it is not on this machine and cannot be downloaded
    """
    name = name_of(encoder)
    if checkpoints.is_fetched(name):
        if not store.is_here(name) and name == MINILM and _is_packaged():
            return Path(checkpoints.folder_of(_PACKAGED))
        return store.folder(name)
    return Path(checkpoints.folder_of(name))


def _is_packaged() -> bool:
    return find_spec(checkpoints.PACKAGED[_PACKAGED][0]) is not None


def _converted(folder: Path, precision: Precision) -> SentenceFiles:
    """Return the files among the project's converted checkpoints; writes them if they are not there."""
    sources = [
        folder / name for name in (text_checkpoint.WEIGHTS, text_checkpoint.CONFIGURATION, text_checkpoint.TOKENIZER)
    ]
    if missing := [path.name for path in sources if not path.is_file()]:
        raise InputError(
            f"encoder {folder}: it lacks {', '.join(missing)}; expected a folder that save_pretrained wrote"
        )
    version = code_version.version(text_encoder.__name__)[:8]
    target = paths.CHECKPOINTS.resolve() / f"text-{pickled_weights.digest_of(sources)[:16]}-{version}"
    files = SentenceFiles(target / GRAPHS[precision], target / text_checkpoint.TOKENIZER)
    if not files.graph.is_file():
        content = text_encoder.onnx_of(*text_checkpoint.read(folder), precision)
        with tables.whole(files.graph) as part:
            part.write_bytes(content)
    if not files.tokenizer.is_file():
        with tables.whole(files.tokenizer) as part:
            shutil.copyfile(sources[-1], part)
    return files
