"""The weak path as described by its source, with the libraries it names, in one plain script.

`python plain_weak_path.py TRAIN.csv TEST.csv FOLDER`: the lists name the audio and caption file of each interview.
Steps, with section numbers of the source: captions are converted to SubRip and read by pysrt [3, 4.1]; cues that
contain only tags or are shorter than two seconds are dropped [4.2]; cues are kept if VADER and TextBlob agree and their
mean reaches 0.25 [4.3] (the third voter of the source is TextBlob's lexicon); ffmpeg cuts the cues into one folder per
video and sentiment [5]; pyAudioAnalysis extracts features from these folders; features are standardised, classes
balanced by SMOTE, C of a linear SVC is chosen by F1 over folds of whole videos, and the final model is scored on the
test videos [5.1 to 5.4].
"""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

# pyAudioAnalysis and pydub warn about modules that this script does not use
warnings.simplefilter("ignore")

import pysrt  # noqa: E402
import webvtt  # noqa: E402
from imblearn.over_sampling import SMOTE  # noqa: E402
from pyAudioAnalysis import MidTermFeatures  # noqa: E402
from sklearn.metrics import f1_score  # noqa: E402
from sklearn.model_selection import GroupKFold  # noqa: E402
from sklearn.svm import SVC  # noqa: E402
from textblob import TextBlob  # noqa: E402
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer  # noqa: E402

CLASSES = ("Negative", "Neutral", "Positive")
MIN_DURATION_S, MIN_SCORE = 2.0, 0.25
C_GRID, FOLDS = (0.001, 0.01, 0.1, 1.0), 3
MID, SHORT = 1.0, 0.05
"""Windows and steps in seconds, as in pyAudioAnalysis's own SVM recipe."""

FFMPEG = ("ffmpeg", "-nostdin", "-v", "error", "-y")
VADER = SentimentIntensityAnalyzer()


def main() -> None:
    """Run all steps and write the scores to `result.json`."""
    train, test, folder = (Path(name) for name in sys.argv[1:4])
    prepared = {split: _prepare(_read_list(path), folder / split) for split, path in (("train", train), ("test", test))}
    features, labels, videos = prepared["train"]
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    deviation[deviation == 0] = 1.0
    features = (features - mean) / deviation
    c = _best_c(features, labels, videos)
    model = SVC(kernel="linear", C=c).fit(*_balanced(features, labels))
    held_out, truth, _ = prepared["test"]
    predicted = model.predict((held_out - mean) / deviation)
    result = {
        "n_train": len(labels),
        "n_test": len(truth),
        "c": c,
        "macro_f1": float(f1_score(truth, predicted, average="macro")),
    }
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")


def _read_list(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV list of interviews."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _prepare(interviews: list[dict[str, str]], folder: Path) -> tuple[Any, Any, Any]:
    """Label, cut and extract; return features, shape (n, 136), labels, shape (n,), and videos, shape (n,)."""
    features, labels, videos = [], [], []
    for interview in interviews:
        video_folder = folder / interview["Id"]
        _cut(interview["Audio"], _labelled_cues(_subtitles(interview["Captions"], folder)), video_folder)
        for sentiment in CLASSES:
            if not (video_folder / sentiment).is_dir():
                continue
            vectors, _, _ = MidTermFeatures.directory_feature_extraction(
                str(video_folder / sentiment), MID, MID, SHORT, SHORT, False
            )
            rows = np.atleast_2d(vectors)
            features.append(rows)
            labels += [sentiment] * len(rows)
            videos += [interview["Id"]] * len(rows)
    return np.vstack(features), np.array(labels), np.array(videos)


def _subtitles(captions: str, folder: Path) -> Path:
    """Return a SubRip file; WebVTT is converted."""
    if captions.endswith(".srt"):
        return Path(captions)
    path = folder / "subtitles" / f"{Path(captions).stem}.srt"
    path.parent.mkdir(parents=True, exist_ok=True)
    webvtt.read(captions).save_as_srt(str(path))
    return path


def _labelled_cues(path: Path) -> Iterator[tuple[float, float, str]]:
    """Yield (start in seconds, end in seconds, sentiment) of each cue on which the voters agree."""
    for cue in pysrt.open(str(path), encoding="utf-8"):
        start_s, end_s = cue.start.ordinal / 1000, cue.end.ordinal / 1000
        text = " ".join(re.sub(r"<[^>]*>", "", cue.text).split())
        if end_s - start_s < MIN_DURATION_S or not re.sub(r"\[[^\]]*\]", "", text).strip():
            continue
        sentiment = _consensus(VADER.polarity_scores(text)["compound"], TextBlob(text).sentiment.polarity)
        if sentiment:
            yield start_s, end_s, sentiment


def _consensus(*votes: float) -> str | None:
    """Return the sentiment of polarities of equal sign with a sufficient mean; otherwise None."""
    mean = sum(votes) / len(votes)
    if all(vote == 0 for vote in votes):
        return "Neutral"
    if all(vote > 0 for vote in votes) and mean >= MIN_SCORE:
        return "Positive"
    if all(vote < 0 for vote in votes) and mean <= -MIN_SCORE:
        return "Negative"
    return None


def _cut(sound: str, cues: Iterator[tuple[float, float, str]], folder: Path) -> None:
    """Cut cues from an audio file into one folder per sentiment."""
    for number, (start_s, end_s, sentiment) in enumerate(cues):
        target = folder / sentiment / f"{folder.name}temp{number:04d}.wav"
        target.parent.mkdir(parents=True, exist_ok=True)
        span = ["-ss", f"{start_s:.3f}", "-to", f"{end_s:.3f}"]
        command = [*FFMPEG, *span, "-i", sound, "-ac", "1", "-ar", "16000", str(target)]
        subprocess.run(command, check=True)  # noqa: S603  (ffmpeg, with numbers and our own paths)


def _best_c(features: Any, labels: Any, videos: Any) -> float:
    """Return the C with the best macro F1 over folds of whole videos; only training parts are balanced."""

    def score(c: float) -> float:
        scores = []
        for inside, outside in GroupKFold(FOLDS).split(features, labels, videos):
            model = SVC(kernel="linear", C=c).fit(*_balanced(features[inside], labels[inside]))
            scores.append(f1_score(labels[outside], model.predict(features[outside]), average="macro"))
        return float(np.mean(scores))

    return max(C_GRID, key=score)


def _balanced(features: Any, labels: Any) -> Any:
    """Return features and labels with equally many rows per class, by SMOTE."""
    return SMOTE(random_state=0).fit_resample(features, labels)


if __name__ == "__main__":
    main()
