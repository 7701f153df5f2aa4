"""Tables between stages: a damaged Parquet file or cached result must be refused, or read as it was."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa

from tasks.core import memo, tables
from tasks.core.errors import TableError
from tasks.core.results import Reject, Result
from tests.fuzz.mutation import MUTATED_SHARE, mutated
from tests.fuzz.trial import Kind, MakeTrial, Trial, Verdict, expect

_TOKENS = (b"PAR1", b"ARROW1", b"\x15\x00", b"\x19\x1c", b"\x28\xb5\x2f\xfd", b"utterance_id", b"sentiment", b"double")


def prepare(folder: Path) -> MakeTrial:
    """Return the maker of trials over a table of utterances, one of videos, and a cached result."""
    rng = random.Random(11)
    originals = {
        "utterances.parquet": (_utterances(rng), tables.UTTERANCES),
        "videos.parquet": (_videos(rng), tables.VIDEOS),
    }
    contents = {}
    for name, (table, schema) in originals.items():
        tables.write(table, folder / name, schema)
        contents[name] = (folder / name).read_bytes()
    cached = Result(originals["utterances.parquet"][0], (Reject("weak/a/cue-0001", "overlapping", "words"),))
    memo.remember(folder / "memo.arrow", cached)
    contents["memo.arrow"] = (folder / "memo.arrow").read_bytes()

    def make(rng: random.Random) -> Trial:
        name = rng.choice(sorted(contents))
        content = contents[name]
        if is_mutated := rng.random() < MUTATED_SHARE:
            content = mutated(content, rng, _TOKENS, [contents[rng.choice(sorted(contents))]])

        def run() -> Verdict:
            path = folder / name
            path.write_bytes(content)
            if name == "memo.arrow":
                recalled = memo.recall(path)
                expect(recalled is None or recalled == cached, "a damaged cache entry was used")
                expect(is_mutated or recalled is not None, "a whole cache entry was not used")
                return "rejected" if recalled is None else "accepted"
            table, schema = originals[name]
            try:
                read = tables.read(path, schema)
            except TableError as error:
                expect(name in str(error), f"the message does not name the file: {error}")
                expect(is_mutated, f"a whole table was refused: {error}")
                return "rejected"
            expect(read.equals(table.cast(schema)), "the table differs from the one that was written")
            return "accepted"

        return Trial(content, Path(name).suffix, run)

    return make


def _utterances(rng: random.Random) -> pa.Table:
    rows = [
        {
            "utterance_id": f"weak/train-{n}/{n:04d}", "corpus": "weak", "group": f"train-{n}", "turn": n,
            "split": "train", "start_s": n * 2.5,
            "end_s": n * 2.5 + rng.random(), "text": rng.choice(("a text", "another", "ein Text")),
            "sentiment": rng.choice(tables.SENTIMENTS), "weight": n / 60,
        }
        for n in range(60)
    ]  # fmt: skip
    return tables.from_rows(rows, tables.UTTERANCES)


def _videos(rng: random.Random) -> pa.Table:
    rows = [
        {
            "video_id": f"train-{n}", "split": "train", "url": f"http://example.org/{n}", "duration_s": n + 0.5,
            "audio": f"train-{n}.flac", "audio_sha256": f"{n:064x}", "caption_kind": "manual", "language": "en",
        }
        for n in range(20)
    ]  # fmt: skip
    return tables.from_rows(rows, tables.VIDEOS)


KIND = Kind("parquet", 100, prepare)
