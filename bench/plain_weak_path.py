"""The weak path as its source describes it, with the libraries it names, in one plain script.

`python plain_weak_path.py TRAIN.csv TEST.csv FOLDER`: the lists name each interview's sound and captions. After the
source (section numbers in brackets): captions to SubRip, read by pysrt [3, 4.1]; cues of tags alone or of less than two
seconds are left out [4.2]; VADER and TextBlob agree, and their mean reaches 0.25, or the cue is left out [4.3] (the
third voter of the source is TextBlob's own lexicon); ffmpeg cuts each cue into a folder per video and sentiment [5];
pyAudioAnalysis reads those folders; features get zero mean and unit deviation, SMOTE balances, a linear SVC's C is
chosen over folds of whole videos by F1, and the best is fitted on all and scored on the test videos [5.1 to 5.4].
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

# pyAudioAnalysis and pydub warn of modules that nothing here uses
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
"""pyAudioAnalysis's windows and steps in seconds, as its own SVM recipe has them."""

FFMPEG = ("ffmpeg", "-nostdin", "-v", "error", "-y")
VADER = SentimentIntensityAnalyzer()


def main() -> None:
    """Go the whole way, and write what came of it to `result.json`."""
    train, test, folder = (Path(name) for name in sys.argv[1:4])
    prepared = {split: prepare(listed(path), folder / split) for split, path in (("train", train), ("test", test))}
    features, labels, videos = prepared["train"]
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    deviation[deviation == 0] = 1.0
    features = (features - mean) / deviation
    c = best_c(features, labels, videos)
    model = SVC(kernel="linear", C=c).fit(*balanced(features, labels))
    held_out, truth, _ = prepared["test"]
    predicted = model.predict((held_out - mean) / deviation)
    found = {
        "n_train": len(labels),
        "n_test": len(truth),
        "c": c,
        "macro_f1": float(f1_score(truth, predicted, average="macro")),
    }
    (folder / "result.json").write_text(json.dumps(found), encoding="utf-8")


def listed(path: Path) -> list[dict[str, str]]:
    """Return the rows of a list."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def prepare(interviews: list[dict[str, str]], folder: Path) -> tuple[Any, Any, Any]:
    """Label, cut and extract; return features (n, 136), labels (n,) and videos (n,)."""
    features, labels, videos = [], [], []
    for interview in interviews:
        place = folder / interview["Id"]
        cut(interview["Audio"], judged(subtitles(interview["Captions"], folder)), place)
        for sentiment in CLASSES:
            if not (place / sentiment).is_dir():
                continue
            found, _, _ = MidTermFeatures.directory_feature_extraction(
                str(place / sentiment), MID, MID, SHORT, SHORT, False
            )
            rows = np.atleast_2d(found)
            features.append(rows)
            labels += [sentiment] * len(rows)
            videos += [interview["Id"]] * len(rows)
    return np.vstack(features), np.array(labels), np.array(videos)


def subtitles(captions: str, folder: Path) -> Path:
    """Return captions as SubRip: those that are WebVTT are converted."""
    if captions.endswith(".srt"):
        return Path(captions)
    path = folder / "subtitles" / f"{Path(captions).stem}.srt"
    path.parent.mkdir(parents=True, exist_ok=True)
    webvtt.read(captions).save_as_srt(str(path))
    return path


def judged(path: Path) -> Iterator[tuple[float, float, str]]:
    """Yield start and end in seconds and the sentiment of each cue that the voters agree on."""
    for cue in pysrt.open(str(path), encoding="utf-8"):
        start_s, end_s = cue.start.ordinal / 1000, cue.end.ordinal / 1000
        text = " ".join(re.sub(r"<[^>]*>", "", cue.text).split())
        if end_s - start_s < MIN_DURATION_S or not re.sub(r"\[[^\]]*\]", "", text).strip():
            continue
        sentiment = consensus(VADER.polarity_scores(text)["compound"], TextBlob(text).sentiment.polarity)
        if sentiment:
            yield start_s, end_s, sentiment


def consensus(*votes: float) -> str | None:
    """Return what votes of one sign, strong enough on the mean, come to."""
    mean = sum(votes) / len(votes)
    if all(vote == 0 for vote in votes):
        return "Neutral"
    if all(vote > 0 for vote in votes) and mean >= MIN_SCORE:
        return "Positive"
    if all(vote < 0 for vote in votes) and mean <= -MIN_SCORE:
        return "Negative"
    return None


def cut(sound: str, cues: Iterator[tuple[float, float, str]], folder: Path) -> None:
    """Cut cues out of a sound, each into the folder of its sentiment."""
    for number, (start_s, end_s, sentiment) in enumerate(cues):
        target = folder / sentiment / f"{folder.name}temp{number:04d}.wav"
        target.parent.mkdir(parents=True, exist_ok=True)
        span = ["-ss", f"{start_s:.3f}", "-to", f"{end_s:.3f}"]
        command = [*FFMPEG, *span, "-i", sound, "-ac", "1", "-ar", "16000", str(target)]
        subprocess.run(command, check=True)  # noqa: S603  (ffmpeg, with numbers and our own paths)


def best_c(features: Any, labels: Any, videos: Any) -> float:
    """Return the C with the best macro F1 over folds of whole videos; only training parts are balanced."""

    def score(c: float) -> float:
        found = []
        for inside, outside in GroupKFold(FOLDS).split(features, labels, videos):
            model = SVC(kernel="linear", C=c).fit(*balanced(features[inside], labels[inside]))
            found.append(f1_score(labels[outside], model.predict(features[outside]), average="macro"))
        return float(np.mean(found))

    return max(C_GRID, key=score)


def balanced(features: Any, labels: Any) -> Any:
    """Return as many rows of each class and their labels, by SMOTE."""
    return SMOTE(random_state=0).fit_resample(features, labels)


if __name__ == "__main__":
    main()
