"""Stage audit: leaks between the training and test interviews. A violation stops the run before training."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks import leaks
from tasks.core import paths, pipeline_file, tables
from tasks.core.config import Config
from tasks.core.each import Each
from tasks.evaluation import protocols
from tasks.evaluation.protocols import Protocol
from tasks.media.segments import reader
from tasks.media.voices import speaker_tables

_PROTOCOL = "official"


def run(config: Config, *, each: Each) -> None:
    """Look for leaks between training and test videos and write `data/audit/findings.json`.

    Args:
        config: params.yaml
        each: not used, the stage has no items

    Raises:
        LeakError: if there is a violation that `audit.declared` does not name
    """
    sounds = reader.sounds()
    utterances = tables.read(pipeline_file.utterance_table(), tables.UTTERANCES)
    utterances = speaker_tables.with_voices(utterances, config.speakers)
    cut = utterances.filter(pc.is_in(utterances["utterance_id"], sounds["utterance_id"].combine_chunks()))
    report = _survey(cut.sort_by("utterance_id"), sounds, protocols.parse(_PROTOCOL), config.audit.declared)
    content = json.dumps(report.to_dict(leaks.STAGE_PAIRS), indent=2, ensure_ascii=False)
    tables.write_text(paths.AUDIT, content + "\n")
    leaks.demand(report)


def of_corpus(name: str, protocol: Protocol, *, declared: list[str], seed: int) -> leaks.AuditReport:
    """Audit a corpus under a protocol, from the tables of the stage `corpus`.

    Args:
        name: the corpus's name in params.yaml
        protocol: defines the folds to audit
        declared: checks whose violations are accepted
        seed: of the folds

    Raises:
        NotEnoughData: if the corpus is too small for the protocol
    """
    utterances = tables.read_corpus(paths.utterances(name))
    sounds = tables.read(paths.sounds(name), tables.SOUNDS)
    return _survey(utterances, sounds, protocol, declared, seed)


def _survey(
    utterances: pa.Table, sounds: pa.Table, protocol: Protocol, declared: list[str], seed: int = 0
) -> leaks.AuditReport:
    columns = protocols.columns_of({name: utterances[name].to_pylist() for name in protocols.NEEDED})
    labels = np.array([label or "" for label in utterances["emotion"].to_pylist()], dtype=str)
    folds = protocol.folds(columns, labels, seed)
    return leaks.audit(utterances, folds, protocol, sounds=sounds, declared=declared)
