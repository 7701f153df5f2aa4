"""Fine-tuning of a sentence encoder on labelled texts, by PyTorch; the result is an ONNX graph that needs none.

Devlin et al. (2019), "BERT", NAACL, appendix A.3: two epochs, AdamW, a linear warm-up and decay of the learning rate.
The upper half of the layers is trained under a linear classifier on the mean of the tokens; embeddings and lower layers
stay as they are. The head of the voter is then fitted to the vectors of the tuned encoder, as to those of a frozen one,
but with a fixed penalty: the vectors of the training texts contain their labels, and folds within them choose nothing.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.core import tables
from tasks.evaluation.splits import Labels
from tasks.features.base import checkpoints, sentence_files, torch_state
from tasks.features.base.sentence_encoder import SentenceEncoder
from tasks.features.base.sentence_files import SentenceFiles
from tasks.labelling.learned import head, text_inputs
from tasks.labelling.learned.head import Head, Probabilities
from tasks.labelling.learned.selection import HeadRows, Say
from tasks.labelling.learned.text_inputs import TextInputs
from tasks.weights.conversion import text_checkpoint, text_encoder
from tasks.weights.conversion.text_encoder import GRAPHS, Precision

PENALTY = 1.0
_EPOCHS, _BATCH, _LONGEST = 2, 32, 128
_RATE, _HEAD_RATE, _DECAY, _WARM_UP = 5e-5, 1e-3, 0.01, 0.1


@dataclass(frozen=True)
class TunedTrainer:
    """Training of an encoder and a head on some of the texts.

    Args:
        encoder: the pretrained encoder, as `sentence_files.name_of` takes it
        precision: of the tuned encoder
        lexicons: names of shipped voters whose scores are inputs of the head
        renderings: of the texts, each of shape (n_texts,)
        labels: shape (n_texts,)
        groups: shape (n_texts,)
        seed: of batches and of the classifier
        say: called with a line of progress
    """

    encoder: str
    precision: Precision
    lexicons: tuple[str, ...]
    renderings: tuple[Sequence[str], ...]
    labels: Labels
    groups: Labels
    seed: int
    say: Say

    def held_out(self, train: NDArray[np.int64], test: NDArray[np.int64]) -> tuple[Probabilities, ...]:
        """See `tasks.labelling.learned.selection.Trainer`."""
        with tempfile.TemporaryDirectory() as folder:
            inputs = self._inputs(self.tuned(train, Path(folder)))
            fitted = self._fitted(inputs, train)
            return self._rows(inputs, test).probabilities(fitted)

    def final(self, folder: Path) -> tuple[SentenceFiles, TextInputs, Head]:
        """Return the encoder's files and the head that were trained on all texts; the head is not calibrated.

        Args:
            folder: to write the files to
        """
        everything = np.arange(len(self.labels))
        files = self.tuned(everything, folder)
        inputs = self._inputs(files)
        return files, inputs, self._fitted(inputs, everything)

    def tuned(self, train: NDArray[np.int64], folder: Path) -> SentenceFiles:
        """Return the files of an encoder that was tuned on some of the texts.

        Args:
            train: numbers of the texts
            folder: to write the files to
        """
        source = sentence_files.folder_of(self.encoder)
        rows = [texts[k] for texts in self.renderings for k in train.tolist()]
        numbers = np.tile(head.codes(self.labels[train]), len(self.renderings))
        tensors = _tuned_tensors(str(source), rows, numbers, self.seed, self.say)
        files = SentenceFiles(folder / GRAPHS[self.precision], folder / text_checkpoint.TOKENIZER)
        model = text_checkpoint.configuration(source / text_checkpoint.CONFIGURATION)
        files.graph.write_bytes(text_encoder.onnx_of(tensors, model, self.precision))
        shutil.copyfile(source / text_checkpoint.TOKENIZER, files.tokenizer)
        return files

    def _inputs(self, files: SentenceFiles) -> TextInputs:
        encoder = SentenceEncoder(files)
        return TextInputs(encoder, text_inputs.default_layers(encoder.n_layers), self.lexicons)

    def _rows(self, inputs: TextInputs, rows: NDArray[np.int64]) -> HeadRows:
        values = tuple(inputs.of([texts[k] for k in rows.tolist()]) for texts in self.renderings)
        return HeadRows(values, self.labels[rows], self.groups[rows])

    def _fitted(self, inputs: TextInputs, train: NDArray[np.int64]) -> Head:
        (fitted,) = self._rows(inputs, train).fitted((PENALTY,))
        return fitted


def _tuned_tensors(
    checkpoint: str, texts: Sequence[str], numbers: NDArray[np.int64], seed: int, say: Say
) -> dict[str, NDArray[np.float32]]:
    """Return the encoder's tensors after training."""
    tokenizer, model = checkpoints.text_encoder(checkpoint)
    import torch

    torch.set_num_threads(1)
    with torch_state.own_random_state():
        torch.manual_seed(seed)
        classifier = torch.nn.Linear(model.config.hidden_size, len(tables.SENTIMENTS))
        _freeze_lower_half(model)
        _train(model, classifier, _batches(tokenizer, texts, numbers, seed), len(texts), say)
    return {name: values.detach().numpy().astype(np.float32) for name, values in model.state_dict().items()}


def _freeze_lower_half(model: Any) -> None:
    n_layers = model.config.num_hidden_layers
    trained = {f"encoder.layer.{layer}." for layer in range(n_layers // 2, n_layers)}
    for name, values in model.named_parameters():
        values.requires_grad = any(name.startswith(prefix) for prefix in trained)


def _train(model: Any, classifier: Any, batches: Callable[[], Iterator[Any]], n_texts: int, say: Say) -> None:
    import torch

    parameters = [values for values in model.parameters() if values.requires_grad]
    groups = [{"params": parameters, "lr": _RATE}, {"params": classifier.parameters(), "lr": _HEAD_RATE}]
    optimiser = torch.optim.AdamW(groups, weight_decay=_DECAY)
    n_steps = _EPOCHS * -(-n_texts // _BATCH)
    warm_up = max(1, round(_WARM_UP * n_steps))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / warm_up, (n_steps - step) / max(1, n_steps - warm_up))
    )
    model.train()
    for epoch in range(_EPOCHS):
        say(f"fine-tuning: epoch {epoch + 1} of {_EPOCHS}, {n_texts:,} texts")
        for tokens, labels in batches():
            states = model(**tokens).last_hidden_state
            mask = tokens["attention_mask"].unsqueeze(-1)
            loss = torch.nn.functional.cross_entropy(classifier((states * mask).sum(1) / mask.sum(1)), labels)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()
            schedule.step()
    model.eval()


def _batches(
    tokenizer: Any, texts: Sequence[str], numbers: NDArray[np.int64], seed: int
) -> Callable[[], Iterator[tuple[Any, Any]]]:
    """Return a function that yields the batches of the next epoch, each of texts of similar length, in random order."""
    import torch

    rng = np.random.default_rng(seed)

    def batches() -> Iterator[tuple[Any, Any]]:
        lengths = np.array([len(text) for text in texts]) * rng.uniform(0.8, 1.25, len(texts))
        order = np.argsort(lengths, kind="stable")
        starts = rng.permutation(np.arange(0, len(texts), _BATCH))
        for start in starts.tolist():
            rows = order[start : start + _BATCH]
            asked = [texts[k] for k in rows.tolist()]
            tokens = tokenizer(asked, padding=True, truncation=True, max_length=_LONGEST, return_tensors="pt")
            yield tokens, torch.tensor(numbers[rows])

    return batches
