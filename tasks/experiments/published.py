"""Published figures that can stand beside experiments, each with its protocol as it is stated.

`leaky` says of the split what `Protocol.leaky` says of ours. True: training and test part share what must be kept
apart, or the test part itself was learned from. False: speakers, sessions or the corpus's own parts keep them apart.
None: what is stated does not settle it. MELD's own split keeps dialogues apart but not speakers; it counts as not
leaky, as it does for ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Metric = Literal[
    "accuracy", "uar", "weighted_f1", "macro_f1", "micro_f1", "acc2", "acc7", "mae", "correlation", "not stated"
]


@dataclass(frozen=True)
class Published:
    """A published figure.

    Args:
        corpus: the name of its reader
        target: as recipes have it
        system: what was trained
        metric: what the figure is; `not stated` where it does not say
        value: 0 to 1, but for an error; of a range, its lower end
        protocol: as stated
        leaky: see above
        source: who published it
        up_to: the upper end of a range
    """

    corpus: str
    target: str
    system: str
    metric: Metric
    value: float
    protocol: str
    leaky: bool | None
    source: str
    up_to: float | None = None


_POOLED = "random 80/20 on all splits pooled"
_RANDOM = "4 classes, random 90/10"
_FUSED = f"{_RANDOM}; the fused parts had seen the test utterances"
_RAVDESS_FOLDS = "8 classes, actor folds"
_PEPINO = "7 classes, actors 23–24"
_SESSION = "4 classes, leave one session out"
_ONE_SET = "4 classes, one of 10 sets"
_MELD = "7 classes, official test"
_MELD_3 = "3 classes, official test"
_SPEECH = "speech only, 7 classes"
_EMOBOX = "EmoBox"
_CONV = "conv-emotion"

_MELD_ROWS = (
    Published("meld", "emotion", "majority", "weighted_f1", 0.313, _MELD, False, _CONV),
    Published("meld", "emotion", "RoBERTa", "weighted_f1", 0.620, _MELD, False, _CONV),
    Published("meld", "emotion", "COSMIC", "weighted_f1", 0.652, _MELD, False, _CONV),
    Published("meld", "emotion", "wav2vec2-base", "uar", 0.201, _SPEECH, None, _EMOBOX),
    Published("meld", "emotion", "wav2vec2-base", "accuracy", 0.452, _SPEECH, None, _EMOBOX),
    Published("meld", "emotion", "wav2vec2-base", "macro_f1", 0.200, _SPEECH, None, _EMOBOX),
    Published("meld", "emotion", "Whisper-v3", "uar", 0.315, _SPEECH, None, _EMOBOX),
    Published("meld", "emotion", "Whisper-v3", "accuracy", 0.519, _SPEECH, None, _EMOBOX),
    Published("meld", "emotion", "Whisper-v3", "macro_f1", 0.330, _SPEECH, None, _EMOBOX),
    Published("meld", "emotion", "BERT [CLS] + LogReg", "accuracy", 0.481, _POOLED, True, "meld-text-audio"),
    Published("meld", "emotion", "BERT [CLS] + XGBoost", "accuracy", 0.520, _POOLED, True, "meld-text-audio"),
    Published("meld", "emotion", "BERT [CLS] + XGBoost", "macro_f1", 0.26, _POOLED, True, "meld-text-audio"),
    Published("meld", "emotion", "attention + SVM", "accuracy", 0.942,
              "7 emotions; evaluated on what it was trained on, as far as the text shows", True, "meld-trimodal"),
    Published("meld", "emotion", "attention + SVM", "not stated", 0.937,
              "F1, 7 emotions; evaluated on what it was trained on, as far as the text shows", True, "meld-trimodal"),
    Published("meld", "sentiment", "majority", "weighted_f1", 0.313, _MELD_3, False, _CONV),
    Published("meld", "sentiment", "RoBERTa", "weighted_f1", 0.721, _MELD_3, False, _CONV),
    Published("meld", "sentiment", "COSMIC", "weighted_f1", 0.732, _MELD_3, False, _CONV),
    Published("meld", "sentiment", "BERT [CLS] + LogReg", "accuracy", 0.504, _POOLED, True, "meld-text-audio"),
    Published("meld", "sentiment", "BERT [CLS] + XGBoost", "accuracy", 0.524, _POOLED, True, "meld-text-audio"),
    Published("meld", "sentiment", "BERT [CLS] + XGBoost", "macro_f1", 0.52, _POOLED, True, "meld-text-audio"),
)  # fmt: skip

_RAVDESS_ROWS = (
    Published("ravdess", "emotion", "wav2vec2-base", "uar", 0.543, _RAVDESS_FOLDS, False, "EmoBox, table 4"),
    Published("ravdess", "emotion", "HuBERT-L", "uar", 0.700, _RAVDESS_FOLDS, False, "EmoBox, table 4"),
    Published("ravdess", "emotion", "WavLM-L", "uar", 0.720, _RAVDESS_FOLDS, False, "EmoBox, table 4"),
    Published("ravdess", "emotion", "Whisper-v3", "uar", 0.753, _RAVDESS_FOLDS, False, "EmoBox, table 4"),
    Published("ravdess", "emotion", "eGeMAPS", "not stated", 0.570, _PEPINO, False, "Pepino 2021"),
    Published("ravdess", "emotion", "wav2vec2", "not stated", 0.757, _PEPINO, False, "Pepino 2021"),
    Published("ravdess", "emotion", "wav2vec2", "not stated", 0.843, f"{_PEPINO}, with speaker normalisation", False,
              "Pepino 2021"),
    Published("ravdess", "emotion", "wav2vec2", "not stated", 0.842, "7 classes, a random split", True, "Pepino 2021"),
    Published("ravdess", "emotion", "2-D CNN", "accuracy", 0.41, "6 classes, actor sets 1–6 (actor-split sets)", False,
              "ser-bench", up_to=0.88),
    Published("ravdess", "emotion", "1-D CNN, 3, 5 or 8 layers, 13 or 40 features", "accuracy", 0.49, "actor set 1",
              False, "ser-bench", up_to=0.92),
    Published("ravdess", "emotion", "DenseNet-201", "accuracy", 0.66, "8 classes, early stopping on the test set", True,
              "ser-bench"),
    Published("ravdess", "emotion", "wav2vec2, fine-tuned", "accuracy", 0.7625, "8 classes, one actor set", False,
              "ser-bench"),
)  # fmt: skip

_ACTED_ROWS = (
    Published("tess", "emotion", "ResNeXt, windows", "accuracy", 0.99, "random windows", True, "ser-bench"),
    Published("tess", "emotion", "2-D CNN", "not stated", 0.772, "across its two speakers", False, "not named"),
    Published("crema-d", "emotion", "ResNet", "accuracy", 0.65, "6 classes; no protocol stated", None, "ser-bench"),
    Published("crema-d", "emotion", "DenseNet", "accuracy", 0.56, "6 classes; no protocol stated", None, "ser-bench"),
    Published("crema-d", "emotion", "ResNeXt", "accuracy", 0.84, "3 classes; no protocol stated", None, "ser-bench"),
)

_IEMOCAP_ROWS = (
    Published("iemocap", "emotion", "eGeMAPS", "uar", 0.525, _SESSION, False, "Pepino 2021; EmoBox; emotion2vec"),
    # one row of several papers, and which of its figures are UAR and which WA is only said of the first and the last
    Published("iemocap", "emotion", "wav2vec2-base", "not stated", 0.583, _SESSION, False,
              "Pepino 2021; EmoBox; emotion2vec", up_to=0.658),
    Published("iemocap", "emotion", "WavLM-L", "not stated", 0.695, _SESSION, False,
              "Pepino 2021; EmoBox; emotion2vec"),
    Published("iemocap", "emotion", "emotion2vec", "accuracy", 0.718, _SESSION, False,
              "Pepino 2021; EmoBox; emotion2vec"),
    Published("iemocap", "emotion", "fine-tuned", "not stated", 0.730, "4 classes, speaker-independent", False,
              "arXiv 2111.02735"),
    Published("iemocap", "emotion", "fine-tuned", "not stated", 0.796, "4 classes, speaker-dependent", True,
              "arXiv 2111.02735"),
    Published("iemocap", "emotion", "wav2vec2", "accuracy", 0.70, _ONE_SET, None, "ser-bench"),
    Published("iemocap", "emotion", "BERT, text", "accuracy", 0.63, _ONE_SET, None, "ser-bench"),
    Published("iemocap", "emotion", "AlexNet + BERT", "accuracy", 0.64, _ONE_SET, None, "ser-bench"),
    Published("iemocap", "emotion", "wav2vec2 + BERT", "accuracy", 0.69, _ONE_SET, None, "ser-bench"),
    Published("iemocap", "emotion", "BERT, text", "accuracy", 0.71, _RANDOM, True, "iemocap-fusion"),
    Published("iemocap", "emotion", "AlexNet, audio", "accuracy", 0.55, _RANDOM, True, "iemocap-fusion"),
    Published("iemocap", "emotion", "ResNet-34, audio", "accuracy", 0.998, f"{_RANDOM}; validation, overfit", True,
              "iemocap-fusion"),
    Published("iemocap", "emotion", "BERT + AlexNet", "accuracy", 0.95, _FUSED, True, "iemocap-fusion"),
    Published("iemocap", "emotion", "BERT + ResNet-34", "accuracy", 0.85, _FUSED, True, "iemocap-fusion"),
)  # fmt: skip

_MMSA = {
    "EF-LSTM": (0.808, 0.500, 0.601, 0.683),
    "Self-MM": (0.852, 0.539, 0.531, 0.765),
    "CENet": (0.864, 0.543, 0.526, 0.778),
}
_OF_VALUES: tuple[Metric, ...] = ("acc2", "acc7", "mae", "correlation")
_MOSEI_ROWS = (
    Published("mosei", "emotions", "wav2vec2", "micro_f1", 0.51, "multi-label, threshold 0.5; no protocol stated", None,
              "ser-bench"),
    Published("mosei", "emotion", "BERT, text", "accuracy", 0.48, "4 emotions; no protocol stated", None, "ser-bench"),
    Published("mosei", "emotion", "RoBERTa, text", "accuracy", 0.57, "4 emotions; no protocol stated", None,
              "ser-bench"),
    *(
        Published("mosei", "sentiment_intensity", system, metric, value, "MMSA, 5 seeds", None, "MMSA")
        for system, values in _MMSA.items()
        for metric, value in zip(_OF_VALUES, values, strict=True)
    ),
)  # fmt: skip

FIGURES: tuple[Published, ...] = (*_MELD_ROWS, *_RAVDESS_ROWS, *_ACTED_ROWS, *_IEMOCAP_ROWS, *_MOSEI_ROWS)
"""Every figure, those of the field before those of the systems that undertone runs anew."""


def beside(corpus_reader: str, target: str) -> tuple[Published, ...]:
    """Return what is published on a corpus and a target.

    Args:
        corpus_reader: who reads the corpus, such as `meld`
        target: as recipes have it, such as `emotion`
    """
    return tuple(one for one in FIGURES if one.corpus == corpus_reader and one.target == target)
