"""Files of a learned voter, and the voter that they describe.

The folder `data/voters/NAME/` has `head.safetensors` (weights and biases), `rows.txt` (digests of the training texts,
for `undertone labels audit`) and `card.json`: encoder, lexicons, training data, cross-validated scores. A voter with a
fine-tuned encoder has it in the folder. Voters of version 0.2 read the last layer of their encoder and no lexicon; they
are used as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.core import artifacts, tables
from tasks.core.errors import ConfigError, InputError, TableError
from tasks.features.base import checkpoints, sentence_encoder, sentence_files
from tasks.features.base.sentence_files import SentenceFiles
from tasks.labelling.base.vote import Chances, Vote
from tasks.labelling.base.voter_input import VoterInput
from tasks.labelling.learned.head import Head, softmax
from tasks.labelling.learned.text_inputs import TextInputs
from tasks.labelling.learned.training_texts import has_words
from tasks.labelling.quality import row_digests
from tasks.weights.conversion.text_checkpoint import TOKENIZER
from tasks.weights.conversion.text_encoder import GRAPHS

CARD, HEAD, ROWS = "card.json", "head.safetensors", "rows.txt"
RETRAIN = "train it again: undertone labels learn"
OWN = "fine-tuned"
"""Name of an encoder that is in the voter's folder."""
_FIELDS = ("name", "licence")
_ENCODER_FIELDS = {"name": str, "sha256": str, "precision": str, "layers": list}
_FIRST_FORMAT_FIELDS = ("checkpoint", "checkpoint_sha256", "trained_on")
_N_CLASSES = len(tables.SENTIMENTS)
_DIGITS = 6
"""Decimals of probabilities: the last bits of float32 sums depend on the batch."""


@dataclass(frozen=True)
class LearnedVoter:
    """A trained voter, loaded from its folder.

    Args:
        licence: of the texts it was trained on
        inputs: of the head
        head: calibrated
        reads_sentence: whether it also reads the complete sentence that a text was cut from
    """

    licence: str
    inputs: TextInputs
    head: Head
    reads_sentence: bool = False

    def votes(self, given: Sequence[str | VoterInput]) -> list[Vote]:
        """Return the probabilities of the classes, None for a text without letters or digits.

        A voter that reads sentences averages the logits of the text and of its sentence.

        Args:
            given: texts, or texts with their context, shape (n_texts,)
        """
        questions = [VoterInput(item) if isinstance(item, str) else item for item in given]
        votes: list[Vote] = [None] * len(questions)
        with_words = [k for k, question in enumerate(questions) if has_words(question.text)]
        if with_words:
            logits = self.head.logits(self.inputs.of([questions[k].text for k in with_words]))
            if self.reads_sentence:
                logits += self.head.logits(self.inputs.of([questions[k].whole for k in with_words]))
                logits /= 2
            for k, row in zip(with_words, softmax(logits).round(_DIGITS).tolist(), strict=True):
                votes[k] = Chances(*row)
        return votes


def read(folder: Path) -> LearnedVoter:
    """Load a trained voter.

    Args:
        folder: the voter's folder

    Raises:
        ConfigError: if its card or weights are damaged, or the installed encoder is not the one it was trained with
        InputError: if its encoder is not on this machine; the message names the command that fetches it
    """
    fields = card(folder)
    head = _head(folder, fields)
    if "encoder" not in fields:
        inputs = _first_format(folder, fields)
    else:
        entry = fields["encoder"]
        files = _encoder_files(folder, fields)
        if files.sha256 != entry["sha256"]:
            raise ConfigError(
                f"{folder}: this voter was trained with another {entry['name']} ({entry['precision']}) than the "
                f"installed one; {RETRAIN}"
            )
        inputs = TextInputs(sentence_encoder.load(files), tuple(entry["layers"]), tuple(fields["lexicons"]))
    if head.weights.shape[1] != inputs.n_inputs:
        raise ConfigError(
            f"{folder}: this voter has weights of {head.weights.shape[1]} inputs, and its card describes "
            f"{inputs.n_inputs}; {RETRAIN}"
        )
    return LearnedVoter(fields["licence"], inputs, head, bool(fields.get("context")))


def card(folder: Path) -> dict[str, Any]:
    """Return a trained voter's card.

    Args:
        folder: the voter's folder

    Raises:
        ConfigError: if the card is damaged
    """
    try:
        fields = artifacts.parse_json((folder / CARD).read_bytes(), folder / CARD)
    except (OSError, TableError) as error:
        raise ConfigError(f"{folder}: this voter's card cannot be read ({_reason(error)}); {RETRAIN}") from error
    wanted: dict[str, type] = dict.fromkeys(_FIELDS, str)
    wanted |= {"encoder": dict, "lexicons": list} if "encoder" in fields else dict.fromkeys(_FIRST_FORMAT_FIELDS, str)
    missing = [key for key, kind in wanted.items() if not isinstance(fields.get(key), kind)]
    if not missing and "encoder" in fields:
        entry = fields["encoder"]
        missing = [f"encoder.{key}" for key, kind in _ENCODER_FIELDS.items() if not isinstance(entry.get(key), kind)]
    if missing:
        raise ConfigError(f"{folder / CARD}: {', '.join(missing)} is missing; {RETRAIN}")
    return fields


def write(
    folder: Path, fields: Mapping[str, Any], head: Head, texts: Iterable[str], encoder: SentenceFiles | None
) -> None:
    """Write a voter's files; the card last.

    Args:
        folder: the voter's folder
        fields: of the card, without digests
        head: calibrated
        texts: that it was trained on, of which digests are kept, with and without stop words
        encoder: files of the voter's own encoder, which are copied; None: it is a fetched one, or a folder's
    """
    from safetensors.numpy import save

    files = {HEAD: save({"weights": head.weights.copy(), "biases": head.biases.copy()})}
    files[ROWS] = row_digests.text(texts).encode()
    if encoder is not None:
        files |= {GRAPHS[fields["encoder"]["precision"]]: encoder.graph.read_bytes()}
        files |= {TOKENIZER: encoder.tokenizer.read_bytes()}
    for name, content in files.items():
        tables.write_bytes(folder / name, content)
    tables.write_text(folder / CARD, artifacts.card_text(dict(fields), files))


def lexicons_of(folder: Path) -> tuple[str, ...]:
    """Return the names of the shipped voters whose scores are inputs of a voter.

    Args:
        folder: the voter's folder

    Raises:
        ConfigError: if the card is damaged
    """
    return tuple(map(str, card(folder).get("lexicons", ())))


def _head(folder: Path, fields: Mapping[str, Any]) -> Head:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(artifacts.read_bound(folder / HEAD, fields))
        weights, biases = arrays["weights"], arrays["biases"]
    except (OSError, KeyError, TableError, SafetensorError) as error:
        raise ConfigError(f"{folder}: this voter cannot be read ({_reason(error)}); {RETRAIN}") from error
    if weights.ndim != 2 or (len(weights), biases.shape) != (_N_CLASSES, (_N_CLASSES,)):
        raise ConfigError(f"{folder}: this voter has weights of shape {weights.shape}; {RETRAIN}")
    return Head(weights, biases)


def _encoder_files(folder: Path, fields: Mapping[str, Any]) -> SentenceFiles:
    entry = fields["encoder"]
    if entry["precision"] not in GRAPHS:
        raise ConfigError(f"{folder / CARD}: encoder.precision is {entry['precision']!r}; {RETRAIN}")
    if entry["name"] != OWN:
        return sentence_files.find(entry["name"], entry["precision"])
    files = SentenceFiles(folder / GRAPHS[entry["precision"]], folder / TOKENIZER)
    try:
        for path in (files.graph, files.tokenizer):
            artifacts.read_bound(path, fields)
    except (OSError, TableError) as error:
        raise ConfigError(f"{folder}: this voter's encoder cannot be read ({_reason(error)}); {RETRAIN}") from error
    return files


def _first_format(folder: Path, fields: Mapping[str, Any]) -> TextInputs:
    """Return the inputs of a voter that version 0.2 trained: the last layer, without lexicons."""
    checkpoint = fields["checkpoint"]
    try:
        if checkpoints.fingerprint(checkpoint) != fields["checkpoint_sha256"]:
            raise ConfigError(
                f"{folder}: this voter was trained with another {checkpoint} than the installed one; {RETRAIN}"
            )
        encoder = sentence_encoder.load(sentence_files.find(checkpoint, "float32"))
    except InputError as error:
        raise ConfigError(
            f"{folder}: this voter, of undertone 0.2, needs its encoder {checkpoint}: {error}. Or {RETRAIN}"
        ) from error
    return TextInputs(encoder, (encoder.n_layers,), ())


def _reason(error: Exception) -> str:
    # no stage writes voters
    return str(error).partition("; recreate it:")[0]
