"""Corpora that pretrained models have been trained on, labels and all, as their authors state."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from tasks.leaks.finding import Finding

CHECK = "pretraining"
KNOWN: Mapping[str, tuple[str, ...]] = {
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
"""End of a checkpoint's name → the readers' names of the corpora it has seen."""


def check(corpora: Collection[str], checkpoints: Collection[str], declared: Collection[str]) -> Finding:
    """Say whether a pretrained model may have seen the corpus it is now tested on.

    Args:
        corpora: readers' names of the corpora in the table
        checkpoints: names or paths of pretrained models that the recipe uses
        declared: corpora that the recipe says its models were trained on
    """
    seen = {one: f"the recipe says {one}" for one in declared if one in corpora}
    for checkpoint in checkpoints:
        name = re.split(r"[\\/]", checkpoint.rstrip("/\\"))[-1].lower()
        for known, trained_on in KNOWN.items():
            if name.startswith(known):
                seen |= {one: f"{checkpoint} was trained on {one}" for one in trained_on if one in corpora}
    what = f"{len(seen)} of {len(corpora)} corpora may be known to a pretrained model already"
    return Finding(CHECK, "violation", len(seen), len(corpora), what, tuple(seen.values()))
