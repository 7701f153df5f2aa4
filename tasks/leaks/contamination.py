"""Corpora that pretrained models were trained on, according to the models' authors."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from tasks.leaks.finding import Finding

CHECK = "pretraining"
_TRAINED_ON: Mapping[str, tuple[str, ...]] = {
    # Wagner et al. (2023), "Dawn of the transformer era in speech emotion recognition": MSP-Podcast
    "wav2vec2-large-robust-12-ft-emotion-msp-dim": ("msp-podcast",),
    # Ma et al. (2023), "emotion2vec", table 1: pretrained, without labels, on these
    "emotion2vec": ("iemocap", "meld", "mead", "mosei", "msp-podcast"),
    # Yang et al. (2021), "SUPERB", task ER: fine-tuned on IEMOCAP
    "wav2vec2-base-superb-er": ("iemocap",),
    "hubert-base-superb-er": ("iemocap",),
    "wav2vec2-large-superb-er": ("iemocap",),
    "hubert-large-superb-er": ("iemocap",),
    # the model's own card: fine-tuned on RAVDESS
    "wav2vec2-lg-xlsr-en-speech-emotion-recognition": ("ravdess",),
    # the model's own card: MELD among six text corpora
    "emotion-english-distilroberta-base": ("meld",),
}
"""Beginning of a checkpoint's name (without folders and owner) → reader names of the corpora it was trained on."""


def check(corpora: Collection[str], checkpoints: Collection[str], declared: Collection[str]) -> Finding:
    """Check whether a pretrained model was trained on a corpus that it is tested on.

    Args:
        corpora: reader names of the corpora in the table
        checkpoints: names or paths of the recipe's pretrained models
        declared: corpora that its models were trained on, according to the recipe
    """
    seen = {corpus: f"the recipe says {corpus}" for corpus in declared if corpus in corpora}
    for checkpoint in checkpoints:
        name = re.split(r"[\\/]", checkpoint.rstrip("/\\"))[-1].lower()
        for prefix, trained_on in _TRAINED_ON.items():
            if name.startswith(prefix):
                seen |= {corpus: f"{checkpoint} was trained on {corpus}" for corpus in trained_on if corpus in corpora}
    what = f"{len(seen)} of {len(corpora)} corpora may be known to a pretrained model already"
    return Finding(CHECK, "violation", len(seen), len(corpora), what, tuple(seen.values()))
