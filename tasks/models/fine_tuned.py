"""Fine-tuning of a whole text encoder, as Devlin et al. (2019) fine-tune BERT.

Learning rates rise and fall, are lower in lower layers (Howard & Ruder 2018, ULMFiT) unless `layer_decay` is 1, and
gradients are clipped. A text may include previous utterances, separated by "[SEP]" for every encoder. Long texts are
cut on the left, because the utterance to classify comes last.

With `pooling: utterance` a text may be a whole dialogue. The encoder then reads each dialogue once for all of its
utterances: every utterance has its context on both sides, at the cost of no context.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import ConfigError
from tasks.features.base.checkpoints import CheckpointKind
from tasks.features.base.sequences import Rows
from tasks.models.base import array_files
from tasks.models.base.checks import above_zero
from tasks.models.base.dialogue_documents import DialogueDocuments, shared, unmarked
from tasks.models.base.estimator import Inputs, Model, Task
from tasks.models.training import batches
from tasks.models.training.batches import Batch
from tasks.models.training.network import NetworkEstimator, network_model
from tasks.models.training.settings import FineTuningSettings

if TYPE_CHECKING:
    from torch import nn

SEPARATOR = "[SEP]"
"""Separates the utterances of a text, and the texts of several blocks."""

_ENCODER = "encoder/"
_MACHINE_FIELDS = ("_name_or_path", "is_local", "local_files_only", "name_or_path", "transformers_version")


@dataclass(frozen=True)
class FineTunedSettings(FineTuningSettings):
    """Settings of a fine-tuned encoder and its training.

    Args:
        checkpoint: name in `tasks.features.base.checkpoints`, path of a folder, or name on the Hugging Face hub
        max_tokens: longer texts are cut at their beginning
        pooling: `mean` over tokens; `cls`: the first token; `last-utterance`: mean over tokens after the last
            separator; `utterance`: mean over the tokens of the utterance that "[UTTERANCE]" marks, or else of the last;
            rows of one dialogue share its pass through the encoder, `batch_size` is the mean number of rows of a batch
            of whole dialogues, and dialogues longer than `max_tokens` are cut into pieces; `pooler`: the first token
            through the encoder's pretrained layer with tanh, which is trained as well, as in transformers'
            `BertForSequenceClassification`
        dropout: before the linear layer; the encoder has its own
        trained_layers: of the encoder, from the top; those below and the embeddings stay as they are and cost a forward
            pass only; 0: only the linear layer is trained; none: all layers and the embeddings
        class_weight: `balanced`: a class's rows weigh n_rows / (n_classes × its rows); `sqrt`: the root of that
        members: networks with different seeds, whose probabilities are averaged; curves are those of the first
    """

    checkpoint_kind: ClassVar[CheckpointKind] = "text"
    epochs: int = 3
    learning_rate: float = 5e-5
    layer_decay: float = 0.9
    checkpoint: str = "all-MiniLM-L6-v2"
    max_tokens: int = 128
    pooling: Literal["mean", "cls", "last-utterance", "utterance", "pooler"] = "mean"
    trained_layers: int | None = None
    class_weight: Literal["none", "balanced", "sqrt"] = "none"
    members: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        above_zero("members", self.members)
        if self.trained_layers is not None and self.trained_layers < 0:
            raise ValueError(f"trained_layers must be 0 or more, found {self.trained_layers}")
        if self.max_tokens < 3:
            raise ValueError(f"max_tokens must be 3 or more: two go to special tokens, found {self.max_tokens}")


class _TokenRows:
    """Texts as token ids."""

    def __init__(
        self, tokens: Sequence[NDArray[np.int64]], pooled: Sequence[NDArray[np.float32]], padding: int
    ) -> None:
        self._tokens, self._pooled, self._padding = tokens, pooled, padding
        self.lengths: Rows | None = np.array([text.size for text in tokens], dtype=np.int64)

    def __len__(self) -> int:
        return len(self._tokens)

    def batch(self, rows: Rows) -> Batch:
        """Return `tokens`, `real` and `pooled`, all of shape (n_rows, n_longest)."""
        tokens = [self._tokens[row] for row in rows]
        return {
            "tokens": batches.padded(tokens, self._padding, np.int64),
            "real": batches.padded([np.ones_like(text) for text in tokens], 0, np.int64),
            "pooled": batches.padded([self._pooled[row] for row in rows], 0.0, np.float32),
        }


class _DialogueRows:
    """Utterances in dialogues as token ids."""

    def __init__(self, dialogues: DialogueDocuments, padding: int) -> None:
        self._dialogues, self._padding = dialogues, padding
        self.documents: Rows = dialogues.of_row
        self.lengths: Rows | None = np.array([dialogues.tokens[k].size for k in self.documents], dtype=np.int64)

    def __len__(self) -> int:
        return len(self._dialogues.places)

    def batch(self, rows: Rows) -> Batch:
        """Return the rows' documents and places.

        Args:
            rows: their positions, int64

        Returns:
            `tokens` and `real`, shape (n_documents, n_longest); `pooled`, shape (n_rows, n_longest); `document` of each
            row, shape (n_rows,)
        """
        numbers, document = np.unique(self.documents[rows], return_inverse=True)
        texts = [self._dialogues.tokens[number] for number in numbers]
        tokens = batches.padded(texts, self._padding, np.int64)
        pooled = np.zeros((len(rows), tokens.shape[1]), dtype=np.float32)
        for position, row in enumerate(rows):
            place = self._dialogues.places[row]
            pooled[position, place.start : place.end] = 1
        real = batches.padded([np.ones_like(text) for text in texts], 0, np.int64)
        return {"tokens": tokens, "real": real, "pooled": pooled, "document": document.astype(np.int64)}


class FineTuned(NetworkEstimator):
    """A text encoder with a linear layer, all of it trained."""

    settings: FineTunedSettings
    _files: dict[str, bytes]
    _tokenizer: Any

    @property
    def seeds(self) -> tuple[int, ...]:
        """One seed per member of the ensemble; the first is the one given."""
        others = np.random.SeedSequence(self.seed).generate_state(self.settings.members - 1)
        return (self.seed, *map(int, others))

    def _row_factors(self, target: NDArray[Any], task: Task) -> NDArray[np.float64]:
        if self.settings.class_weight == "none" or task != "classes":
            return np.ones(len(target))
        _, codes, counts = np.unique(target.astype(str), return_inverse=True, return_counts=True)
        factors = np.asarray((len(target) / (len(counts) * counts))[codes], dtype=np.float64)
        factors = np.sqrt(factors) if self.settings.class_weight == "sqrt" else factors
        return np.asarray(factors / factors.mean())

    def _measure(self, inputs: Inputs) -> dict[str, Any]:
        """Keep the checkpoint's tokenizer and configuration as files; return the longest input."""
        from tasks.features.base import checkpoints

        tokenizer, encoder = checkpoints.text_encoder(self.settings.checkpoint)
        with TemporaryDirectory(prefix="undertone-") as made, checkpoints.quiet():
            tokenizer.save_pretrained(made)
            self._files = {path.name: path.read_bytes() for path in sorted(Path(made).iterdir()) if path.is_file()}
        described = encoder.config.to_dict()
        self._files |= {"config.json": json.dumps(described).encode()}
        self._files = {name: _portable(name, content) for name, content in self._files.items()}
        self._load_tokenizer()
        longest = min(tokenizer.model_max_length, described.get("max_position_embeddings", self.settings.max_tokens))
        return {"max_tokens": int(min(self.settings.max_tokens, longest))}

    def examples(self, inputs: Inputs) -> _TokenRows | _DialogueRows:
        """Return texts as tokens; texts of several blocks are joined by a separator.

        Args:
            inputs: blocks of texts
        """
        tokenizer = self._tokenizer
        separator = tokenizer.sep_token or tokenizer.eos_token or ""
        texts = [f" {SEPARATOR} ".join(map(str, row)) for row in zip(*inputs.texts.values(), strict=True)]
        texts = [text.replace(SEPARATOR, separator) for text in texts]
        if self.settings.pooling == "utterance":
            return self._dialogues(texts, separator)
        ids = tokenizer(texts, truncation=True, max_length=self.shape["max_tokens"])["input_ids"] if texts else []
        # an encoder needs at least one token; an empty text has none if the tokenizer adds no special tokens
        padding = tokenizer.pad_token_id or 0
        tokens = [np.array(text or [padding], dtype=np.int64) for text in ids]
        ends = tokenizer.sep_token_id if tokenizer.sep_token_id is not None else tokenizer.eos_token_id
        return _TokenRows(tokens, [_pooled(text, self.settings.pooling, ends) for text in tokens], padding)

    def _dialogues(self, texts: Sequence[str], separator: str) -> _DialogueRows:
        from tasks.features.base import checkpoints

        tokenizer = self._tokenizer
        if not separator:
            raise ConfigError(
                f"pooling: utterance needs an encoder with a separator token, and {self.settings.checkpoint} has none; "
                "use pooling: mean"
            )
        rows = [unmarked(text, separator) for text in texts]
        distinct = list(dict.fromkeys(text for text, _ in rows))
        with checkpoints.quiet():
            ids = tokenizer(distinct)["input_ids"] if distinct else []
        tokens = {text: np.array(numbers, dtype=np.int64) for text, numbers in zip(distinct, ids, strict=True)}
        opening = tokenizer.cls_token_id if tokenizer.cls_token_id is not None else tokenizer.bos_token_id
        dialogues = shared(
            [tokens[text] for text, _ in rows],
            [number for _, number in rows],
            opening,
            tokenizer.convert_tokens_to_ids(separator),
            self.shape["max_tokens"],
        )
        return _DialogueRows(dialogues, tokenizer.pad_token_id or 0)

    def _build(self, shape: Mapping[str, Any], n_outputs: int, *, fitting: bool) -> nn.Module:
        from tasks.features.base import checkpoints
        from tasks.models.networks.text_classifier import TextClassifier

        if fitting:
            with_pooler = self.settings.pooling == "pooler"
            _, encoder = checkpoints.text_encoder(self.settings.checkpoint, with_pooler=with_pooler)
        else:
            library = checkpoints.transformers()
            with _Unpacked(self._files) as folder:
                config = library.AutoConfig.from_pretrained(folder, local_files_only=True)
            encoder = library.AutoModel.from_config(config, dtype="float32")
        settings = self.settings
        return TextClassifier(
            encoder,
            n_outputs,
            dropout=settings.dropout,
            layer_decay=settings.layer_decay,
            head_rate=settings.head_learning_rate,
            pooler=settings.pooling == "pooler",
            n_trained=settings.trained_layers,
        )

    def files(self) -> dict[str, bytes]:
        """Return weights and their description, and the encoder's configuration and tokenizer under `encoder/`."""
        return {**super().files(), **{f"{_ENCODER}{name}": content for name, content in self._files.items()}}

    def _read(self, files: Mapping[str, bytes]) -> None:
        self._files = {
            name.removeprefix(_ENCODER): content for name, content in files.items() if name.startswith(_ENCODER)
        }
        self._load_tokenizer()
        super()._read(files)

    def _load_tokenizer(self) -> None:
        from tasks.features.base import checkpoints

        library = checkpoints.transformers()
        with _Unpacked(self._files) as folder, checkpoints.quiet():
            self._tokenizer = library.AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self._tokenizer.truncation_side = "left"


def _pooled(tokens: NDArray[np.int64], pooling: str, separator: int | None) -> NDArray[np.float32]:
    """Return 1 for tokens in the mean, else 0, shape (n_tokens,)."""
    weights = np.ones(tokens.size, dtype=np.float32)
    if pooling == "cls":
        weights[1:] = 0
    if pooling == "last-utterance" and separator is not None:
        ends = np.flatnonzero(tokens == separator)
        closing = tokens.size - 1 if ends.size and ends[-1] == tokens.size - 1 else tokens.size
        before = ends[ends < closing]
        # without context, skip the first token, which opens a text
        start = int(before[-1]) + 1 if before.size else 1
        if start < closing:
            weights[:start] = 0
            weights[closing:] = 0
    return weights


def _portable(name: str, content: bytes) -> bytes:
    """Return a file; a JSON file with sorted keys, and without the fields that depend on the machine."""
    if name not in ("config.json", "tokenizer_config.json"):
        return content
    return array_files.to_json({key: value for key, value in json.loads(content).items() if key not in _MACHINE_FIELDS})


class _Unpacked(TemporaryDirectory[str]):
    """A temporary folder with some files: transformers reads only from folders."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        super().__init__(prefix="undertone-")
        for name, content in files.items():
            # only the last part of a name: files come from outside, and must stay in the folder
            Path(self.name, Path(name).name).write_bytes(content)


MODELS: tuple[Model, ...] = (
    network_model("fine-tuned", "A whole text encoder, fine-tuned", FineTuned, FineTunedSettings, {"text"}),
)
