"""Read an export with the library of its format and print its rows as JSON.

It runs in an environment that has the library.

Usage: python library_reader.py LIBRARY FOLDER, with the library datasets, audformat or mlcroissant.
"""

import hashlib
import io
import json
import math
import sys
from importlib.metadata import version
from pathlib import Path


def digest(content):
    import soundfile

    samples, rate_hz = soundfile.read(io.BytesIO(content), dtype="int16")
    assert rate_hz == 16_000
    return hashlib.sha256(samples.astype("<i2").tobytes()).hexdigest()


def plain(value):
    if isinstance(value, bytes):
        return value.decode()
    if hasattr(value, "item"):
        value = value.item()
    missing = value is None or (isinstance(value, float) and math.isnan(value)) or str(value) in ("<NA>", "NaT")
    return None if missing else value


def datasets(folder):
    import datasets

    loaded = datasets.load_dataset(str(folder), cache_dir=str(folder.parent / "hf-cache"))
    for part, rows in loaded.items():
        features = rows.features
        assert isinstance(features["audio"], datasets.Audio), features
        assert features["audio"].sampling_rate == 16_000
        classes = features["label"].names if isinstance(features.get("label"), datasets.ClassLabel) else None
        for row in rows.cast_column("audio", datasets.Audio(decode=False)):
            sound = row.pop("audio")
            if classes and row["label"] is not None:
                row["label"] = classes[row["label"]]
            row["part"], row["samples"] = part, sound and digest(sound["bytes"])
            yield row


def audformat(folder):
    import audformat

    database = audformat.Database.load(str(folder), num_workers=1, load_data=True)
    assert database.media["sound"].sampling_rate == 16_000
    for name in database.tables:
        if not name.startswith("utterances."):
            continue
        frame = database[name].get()
        assert (frame.index.name, database[name].split_id) == ("file", name.partition(".")[2])
        ratings = database[f"ratings.{database[name].split_id}"] if "ratings.train" in database.tables else None
        for file, row in zip(frame.index, frame.to_dict("records"), strict=True):
            row["part"], row["samples"] = database[name].split_id, digest((folder / file).read_bytes())
            if ratings is not None:
                given = {c.rater_id: plain(ratings.df[k][file]) for k, c in ratings.columns.items()}
                row["by_rater"] = {rater: label for rater, label in given.items() if label}
            yield row


def mlcroissant(folder):
    import mlcroissant

    described = mlcroissant.Dataset(jsonld=folder / "croissant.json")
    print(described.metadata.issues.report(), file=sys.stderr)
    assert not described.metadata.issues.errors
    for row in described.records("utterances"):
        row = {name.removeprefix("utterances/"): value for name, value in row.items()}
        sound, file = row.pop("audio", None), plain(row.pop("file", None))
        content = (folder / file).read_bytes() if file else sound
        yield {**row, "samples": content and digest(content)}


library, place = sys.argv[1], Path(sys.argv[2])
read = {"datasets": datasets, "audformat": audformat, "mlcroissant": mlcroissant}[library]
rows = [{name: value if name == "by_rater" else plain(value) for name, value in row.items()} for row in read(place)]
print(json.dumps({"version": version(library), "rows": rows}))
