"""Stage audit: what the two lists of interviews share that they must not. A violation stops the run before training."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks import leaks
from tasks.core import paths, tables
from tasks.core.config import Config
from tasks.core.each import Each
from tasks.evaluation import protocols
from tasks.evaluation.protocols import Protocol
from tasks.media.segments import reader

PROTOCOL = "official"


def run(config: Config, *, each: Each) -> None:
    """Look for leaks between training and test videos; write `data/audit/findings.json`. `each` has no items here.

    Raises:
        LeakError: if a violation is found that `audit.declared` does not name
    """
    sounds = reader.sounds()
    utterances = tables.read(paths.UTTERANCES, tables.UTTERANCES)
    cut = utterances.filter(pc.is_in(utterances["utterance_id"], sounds["utterance_id"].combine_chunks()))
    found = _survey(cut.sort_by("utterance_id"), sounds, protocols.parse(PROTOCOL), config.audit.declared)
    tables.write_text(paths.AUDIT, json.dumps(found.to_dict(), indent=2, ensure_ascii=False) + "\n")
    leaks.demand(found)


def of_corpus(name: str, protocol: Protocol, *, declared: list[str], seed: int) -> leaks.AuditReport:
    """AuditReport a corpus that the stage `corpus` has read, under a protocol.

    Args:
        name: its name in params.yaml
        protocol: the folds to look at
        declared: checks whose violations are known and accepted
        seed: the folds' seed

    Raises:
        NotEnoughData: if the corpus cannot bear the protocol
    """
    import pyarrow.parquet as pq

    utterances = pq.read_table(paths.utterances(name))
    sounds = tables.read(paths.sounds(name), tables.SOUNDS)
    return _survey(utterances, sounds, protocol, declared, seed)


def _survey(
    utterances: pa.Table, sounds: pa.Table, protocol: Protocol, declared: list[str], seed: int = 0
) -> leaks.AuditReport:
    columns = protocols.columns_of({name: utterances[name].to_pylist() for name in protocols.NEEDED})
    labels = np.array([one or "" for one in utterances["emotion"].to_pylist()], dtype=str)
    folds = protocol.folds(columns, labels, seed)
    return leaks.audit(utterances, folds, protocol, sounds=sounds, declared=declared)
