"""Where each stage's files lie, relative to the project folder; `dvc.yaml` declares the same paths."""

from __future__ import annotations

from pathlib import Path

PARAMS = Path("params.yaml")
DATA = Path("data")

CRAWL = DATA / "crawl"
MEDIA = CRAWL / "media"
VIDEOS = CRAWL / "videos.parquet"
CAPTIONS = DATA / "captions"
UTTERANCES = CAPTIONS / "utterances.parquet"
POLARITY = DATA / "polarity"
VOTES = POLARITY / "votes.parquet"
SEGMENTS = DATA / "segments"
SEGMENT_INDEX = SEGMENTS / "index.parquet"
SHARDS = SEGMENTS / "shards"
ACOUSTIC = DATA / "acoustic"
FEATURES = ACOUSTIC / "features.parquet"
TRAIN = DATA / "train"
MODEL = TRAIN / "sentiment.onnx"
CARD = TRAIN / "card.json"
FOLDS = TRAIN / "folds.parquet"
CROSS_VALIDATION = TRAIN / "metrics.json"
EVALUATE = DATA / "evaluate"
METRICS = EVALUATE / "metrics.json"
PREDICTIONS = EVALUATE / "predictions.parquet"
CONFUSION = EVALUATE / "confusion.csv"
PER_CLASS = EVALUATE / "per_class.csv"
REPORT = DATA / "report" / "index.html"
LISTENERS = DATA / "listeners"

HOUSE = Path(".undertone")
MEMO = HOUSE / "memo"
LOCKS = HOUSE / "locks"
TALLY = HOUSE / "tally"
DOWNLOADS = HOUSE / "downloads"
CRAWL_LOG = HOUSE / "crawl-log.jsonl"
SITE = HOUSE / "site"


def rejected(stage: str) -> Path:
    """Return where a stage's rejected items are listed."""
    return DATA / stage / "rejected.parquet"
