"""Published scores to show beside experiments, each with its protocol as stated.

`leaky` means the same as `Protocol.leaky`. True: training and test part share what must be kept apart, or the test
part was used in training. False: speakers, sessions or the corpus's own parts keep them apart. None: the publication
does not say enough. MELD's own split keeps dialogues apart but not speakers; it counts as not leaky, as in our
protocols.

ser-bench prints reports per class; we list four scores of each: accuracy, and the averages over classes. If a report
contradicts itself or another one, its protocol says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Metric = Literal[
    "accuracy", "uar", "weighted_f1", "macro_f1", "micro_f1", "acc2", "acc7", "mae", "correlation", "not stated"
]


@dataclass(frozen=True)
class PublishedScore:
    """A published score.

    Args:
        corpus: the name of its reader
        target: as recipes have it
        system: what was trained
        metric: name of the score; `not stated` if the publication does not say
        value: 0 to 1, except for errors; the lower end of a range
        protocol: as stated
        leaky: see the module's docstring
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
_FUSED = f"{_RANDOM}; the fused branches were trained on the test utterances"
_RAVDESS_FOLDS = "8 classes, actor folds"
_PEPINO = "7 classes, actors 23–24"
_SESSION = "4 classes, leave one session out"
_ONE_SET = "4 classes, one of 10 sets"
_MELD = "7 classes, official test"
_MELD_3 = "3 classes, official test"
_SPEECH = "speech only, 7 classes"
_EMOBOX = "EmoBox"
_CONV = "conv-emotion"

_SER_BENCH = "ser-bench"
_OF_A_REPORT: tuple[Metric, ...] = ("accuracy", "uar", "macro_f1", "weighted_f1")
_NOTHING = "no protocol stated"
# a clip of RAVDESS is one of 60 by its actor, 8 of each emotion and 4 neutral ones; of CREMA-D about one of 82
_EIGHT_ACTORS = "352 clips (eight actors), although each of six sets of 24 actors has four"
_BOTH = "the source prints identical reports for 2 and for 6 layers"
_TEN_ACTORS = "those of ten actors, but the class with 120 clips should be neutral"
_OTHER_NAMES = "both reports of 5 classes have the same class sizes under different names"
_ADDED = "training includes IEMOCAP's neutral, sad and angry turns and SMILE's texts"


def _report(
    corpus: str,
    system: str,
    protocol: str,
    scores: tuple[float, float, float, float],
    leaky: bool | None = None,
) -> Iterator[PublishedScore]:
    """Yield the rows of one of ser-bench's reports: accuracy, mean recall, macro and weighted F1."""
    for metric, value in zip(_OF_A_REPORT, scores, strict=True):
        yield PublishedScore(corpus, "emotion", system, metric, value, protocol, leaky, _SER_BENCH)


_MELD_ROWS = (
    PublishedScore("meld", "emotion", "majority", "weighted_f1", 0.313, _MELD, False, _CONV),
    PublishedScore("meld", "emotion", "RoBERTa", "weighted_f1", 0.620, _MELD, False, _CONV),
    PublishedScore("meld", "emotion", "COSMIC", "weighted_f1", 0.652, _MELD, False, _CONV),
    PublishedScore("meld", "emotion", "wav2vec2-base", "uar", 0.201, _SPEECH, None, _EMOBOX),
    PublishedScore("meld", "emotion", "wav2vec2-base", "accuracy", 0.452, _SPEECH, None, _EMOBOX),
    PublishedScore("meld", "emotion", "wav2vec2-base", "macro_f1", 0.200, _SPEECH, None, _EMOBOX),
    PublishedScore("meld", "emotion", "Whisper-v3", "uar", 0.315, _SPEECH, None, _EMOBOX),
    PublishedScore("meld", "emotion", "Whisper-v3", "accuracy", 0.519, _SPEECH, None, _EMOBOX),
    PublishedScore("meld", "emotion", "Whisper-v3", "macro_f1", 0.330, _SPEECH, None, _EMOBOX),
    PublishedScore("meld", "emotion", "BERT [CLS] + LogReg", "accuracy", 0.481, _POOLED, True, "meld-text-audio"),
    PublishedScore("meld", "emotion", "BERT [CLS] + XGBoost", "accuracy", 0.520, _POOLED, True, "meld-text-audio"),
    PublishedScore("meld", "emotion", "BERT [CLS] + XGBoost", "macro_f1", 0.26, _POOLED, True, "meld-text-audio"),
    PublishedScore("meld", "emotion", "attention + SVM", "accuracy", 0.942,
                   "7 emotions; evaluated on its training data, as far as the text shows", True, "meld-trimodal"),
    PublishedScore("meld", "emotion", "attention + SVM", "not stated", 0.937,
                   "F1, 7 emotions; evaluated on its training data, as far as the text shows", True,
                   "meld-trimodal"),
    PublishedScore("meld", "sentiment", "majority", "weighted_f1", 0.313, _MELD_3, False, _CONV),
    PublishedScore("meld", "sentiment", "RoBERTa", "weighted_f1", 0.721, _MELD_3, False, _CONV),
    PublishedScore("meld", "sentiment", "COSMIC", "weighted_f1", 0.732, _MELD_3, False, _CONV),
    PublishedScore("meld", "sentiment", "BERT [CLS] + LogReg", "accuracy", 0.504, _POOLED, True, "meld-text-audio"),
    PublishedScore("meld", "sentiment", "BERT [CLS] + XGBoost", "accuracy", 0.524, _POOLED, True, "meld-text-audio"),
    PublishedScore("meld", "sentiment", "BERT [CLS] + XGBoost", "macro_f1", 0.52, _POOLED, True, "meld-text-audio"),
)  # fmt: skip

_CNN_2D = {
    1: (0.41, 0.41, 0.40, 0.39),
    2: (0.88, 0.88, 0.87, 0.88),
    3: (0.86, 0.86, 0.86, 0.86),
    4: (0.64, 0.65, 0.64, 0.64),
    5: (0.64, 0.64, 0.64, 0.64),
    6: (0.63, 0.64, 0.62, 0.63),
}
_CNN_1D = {
    ("40 features", 3): (0.89, 0.89, 0.89, 0.89),
    ("40 features", 5): (0.90, 0.90, 0.90, 0.90),
    ("40 features", 8): (0.79, 0.80, 0.78, 0.79),
    ("13 features, mean over time", 3): (0.54, 0.54, 0.54, 0.55),
    ("13 features, mean over time", 5): (0.49, 0.47, 0.47, 0.48),
    ("13 features, mean over time", 8): (0.55, 0.54, 0.54, 0.54),
    ("13 features, mean over frequency", 3): (0.88, 0.87, 0.87, 0.88),
    ("13 features, mean over frequency", 5): (0.91, 0.90, 0.90, 0.91),
    ("13 features, mean over frequency", 8): (0.92, 0.92, 0.92, 0.92),
}
_RAVDESS_ROWS = (
    PublishedScore("ravdess", "emotion", "wav2vec2-base", "uar", 0.543, _RAVDESS_FOLDS, False, "EmoBox, table 4"),
    PublishedScore("ravdess", "emotion", "HuBERT-L", "uar", 0.700, _RAVDESS_FOLDS, False, "EmoBox, table 4"),
    PublishedScore("ravdess", "emotion", "WavLM-L", "uar", 0.720, _RAVDESS_FOLDS, False, "EmoBox, table 4"),
    PublishedScore("ravdess", "emotion", "Whisper-v3", "uar", 0.753, _RAVDESS_FOLDS, False, "EmoBox, table 4"),
    PublishedScore("ravdess", "emotion", "eGeMAPS", "not stated", 0.570, _PEPINO, False, "Pepino 2021"),
    PublishedScore("ravdess", "emotion", "wav2vec2", "not stated", 0.757, _PEPINO, False, "Pepino 2021"),
    PublishedScore("ravdess", "emotion", "wav2vec2", "not stated", 0.843,
                   f"{_PEPINO}, with speaker normalisation", False, "Pepino 2021"),
    PublishedScore("ravdess", "emotion", "wav2vec2", "not stated", 0.842, "7 classes, a random split", True,
                   "Pepino 2021"),
    *(
        row
        for number, scores in _CNN_2D.items()
        for row in _report("ravdess", "2-D CNN, 2 or 6 layers",
                           f"6 classes, actor set {number}, {_EIGHT_ACTORS}; {_BOTH}", scores, False)
    ),
    *(
        row
        for (features, layers), scores in _CNN_1D.items()
        for row in _report("ravdess", f"1-D CNN, {layers} layers, {features}",
                           f"6 classes, actor set 1, {_EIGHT_ACTORS}", scores, False)
    ),
    *_report("ravdess", "DenseNet-201",
             "8 classes, 180 clips (three actors), but the class of half the size is calm instead of neutral; early "
             "stopping on the test set", (0.66, 0.65, 0.65, 0.65), True),
    *_report("ravdess", "DenseNet-201, windows and post-processing",
             f"8 classes and none, 120 clips (two actors), but 16 are none and 0 are calm; {_NOTHING}",
             (0.59, 0.49, 0.49, 0.58)),
    *_report("ravdess", "wav2vec2, fine-tuned", "8 classes, one actor set, 240 clips (four actors)",
             (0.7625, 0.75, 0.7527, 0.76), False),
)  # fmt: skip

_ACTED_ROWS = (
    *_report("tess", "ResNet-50",
             f"8 emotions announced; a copy of the scores on CREMA-D, with its 6 classes and 820 clips; {_NOTHING}",
             (0.65, 0.65, 0.65, 0.64)),
    *_report("tess", "ResNeXt, windows", "7 classes, 300 random windows", (0.99, 0.99, 0.99, 0.99), True),
    PublishedScore("tess", "emotion", "2-D CNN", "not stated", 0.772, "across its two speakers", False, "not named"),
    *_report("crema-d", "ResNet", f"6 classes, 820 clips, {_TEN_ACTORS}; {_NOTHING}", (0.65, 0.65, 0.65, 0.64)),
    *_report("crema-d", "DenseNet-201", f"6 classes, 820 clips, {_TEN_ACTORS}; {_NOTHING}", (0.56, 0.56, 0.56, 0.56)),
    *_report("crema-d", "ResNeXt-50", f"3 classes, 400 clips, {_TEN_ACTORS}; {_NOTHING}", (0.84, 0.84, 0.84, 0.84)),
    *_report("crema-d", "ResNeXt-50, windows", f"6 classes, 15,423 windows, not clips; {_NOTHING}",
             (0.37, 0.38, 0.35, 0.36)),
)  # fmt: skip

_IEMOCAP_ROWS = (
    PublishedScore("iemocap", "emotion", "eGeMAPS", "uar", 0.525, _SESSION, False, "Pepino 2021; EmoBox; emotion2vec"),
    # one row covers several papers, and only its first and last score are identified as UAR or WA
    PublishedScore("iemocap", "emotion", "wav2vec2-base", "not stated", 0.583, _SESSION, False,
                   "Pepino 2021; EmoBox; emotion2vec", up_to=0.658),
    PublishedScore("iemocap", "emotion", "WavLM-L", "not stated", 0.695, _SESSION, False,
                   "Pepino 2021; EmoBox; emotion2vec"),
    PublishedScore("iemocap", "emotion", "emotion2vec", "accuracy", 0.718, _SESSION, False,
                   "Pepino 2021; EmoBox; emotion2vec"),
    PublishedScore("iemocap", "emotion", "fine-tuned", "not stated", 0.730, "4 classes, speaker-independent", False,
                   "arXiv 2111.02735"),
    PublishedScore("iemocap", "emotion", "fine-tuned", "not stated", 0.796, "4 classes, speaker-dependent", True,
                   "arXiv 2111.02735"),
    *_report("iemocap", "ResNet-50", f"5 classes, 1,480 turns; {_OTHER_NAMES}; {_NOTHING}", (0.46, 0.46, 0.46, 0.45)),
    *_report("iemocap", "ResNeXt", f"5 classes, 1,480 turns; {_OTHER_NAMES}; {_NOTHING}", (0.53, 0.51, 0.52, 0.52)),
    *_report("iemocap", "ResNeXt", f"3 classes, 697 turns; {_NOTHING}", (0.69, 0.60, 0.58, 0.65)),
    *_report("iemocap", "wav2vec2", f"{_ONE_SET}, 644 turns", (0.70, 0.72, 0.71, 0.70)),
    *_report("iemocap", "BERT, text", f"{_ONE_SET}, 644 turns", (0.63, 0.64, 0.62, 0.63)),
    *_report("iemocap", "BERT, text", "3 classes (without neutral), one of 10 sets, 452 turns",
             (0.77, 0.78, 0.75, 0.77)),
    *_report("iemocap", "AlexNet + BERT", f"{_ONE_SET}, 597 turns", (0.64, 0.65, 0.64, 0.65)),
    *_report("iemocap", "wav2vec2 + BERT", f"{_ONE_SET}, 644 turns", (0.69, 0.71, 0.68, 0.69)),
    PublishedScore("iemocap", "emotion", "BERT, text", "accuracy", 0.71, _RANDOM, True, "iemocap-fusion"),
    PublishedScore("iemocap", "emotion", "AlexNet, audio", "accuracy", 0.55, _RANDOM, True, "iemocap-fusion"),
    PublishedScore("iemocap", "emotion", "ResNet-34, audio", "accuracy", 0.998, f"{_RANDOM}; validation, overfit", True,
                   "iemocap-fusion"),
    PublishedScore("iemocap", "emotion", "BERT + AlexNet", "accuracy", 0.95, _FUSED, True, "iemocap-fusion"),
    PublishedScore("iemocap", "emotion", "BERT + ResNet-34", "accuracy", 0.85, _FUSED, True, "iemocap-fusion"),
)  # fmt: skip

_MMSA = {
    "EF-LSTM": (0.808, 0.500, 0.601, 0.683),
    "Self-MM": (0.852, 0.539, 0.531, 0.765),
    "CENet": (0.864, 0.543, 0.526, 0.778),
}
_OF_VALUES: tuple[Metric, ...] = ("acc2", "acc7", "mae", "correlation")
_OF_LABELS: tuple[Metric, ...] = ("micro_f1", "macro_f1", "weighted_f1")
_AT_THRESHOLD = {0.5: (0.51, 0.35, 0.48), 0.3: (0.51, 0.35, 0.47)}
_MOSEI_ROWS = (
    *(
        PublishedScore("mosei", "emotions", "wav2vec2", metric, value,
                  f"6 labels at once, threshold {threshold}, windows of 4 s; {_NOTHING}", None, _SER_BENCH)
        for threshold, of_all in _AT_THRESHOLD.items()
        for metric, value in zip(_OF_LABELS, of_all, strict=True)
    ),
    *_report("mosei", "wav2vec2", f"7 classes, 9,345 windows, one emotion or none each; {_NOTHING}",
             (0.36, 0.28, 0.21, 0.38)),
    *_report("mosei", "wav2vec2", f"4 classes, 7,747 windows, before post-processing; {_NOTHING}",
             (0.41, 0.38, 0.35, 0.40)),
    *_report("mosei", "wav2vec2", f"4 classes, 2,799 segments, after post-processing; {_NOTHING}",
             (0.49, 0.40, 0.36, 0.51)),
    *_report("mosei", "BERT, text", f"4 classes, 4,483 segments; {_NOTHING}", (0.48, 0.37, 0.38, 0.47)),
    *_report("mosei", "BERT, text", f"4 classes, 4,238 segments, {_ADDED}; {_NOTHING}", (0.51, 0.36, 0.36, 0.47)),
    *_report("mosei", "RoBERTa, text", f"4 classes, 2,983 segments; {_NOTHING}", (0.5696, 0.3193, 0.3059, 0.5128)),
    *_report("mosei", "RoBERTa, text",
             f"4 classes, 4,238 segments, {_ADDED}; BERT's report has the same class sizes under different names; "
             f"{_NOTHING}", (0.5017, 0.3381, 0.3308, 0.4565)),
    *(
        PublishedScore("mosei", "sentiment_intensity", system, metric, value, "MMSA, 5 seeds", None, "MMSA")
        for system, values in _MMSA.items()
        for metric, value in zip(_OF_VALUES, values, strict=True)
    ),
)  # fmt: skip

SCORES: tuple[PublishedScore, ...] = (*_MELD_ROWS, *_RAVDESS_ROWS, *_ACTED_ROWS, *_IEMOCAP_ROWS, *_MOSEI_ROWS)
"""All scores; those of the systems that undertone reimplements come last."""


def beside(corpus_reader: str, target: str) -> tuple[PublishedScore, ...]:
    """Return the published scores on a corpus and a target.

    Args:
        corpus_reader: name of the corpus's reader, such as `meld`
        target: as recipes have it, such as `emotion`
    """
    return tuple(entry for entry in SCORES if entry.corpus == corpus_reader and entry.target == target)
