"""A receipt as JSON-LD: Croissant 1.1 and RO-Crate 1.2 in one flat graph, with the record as one of its values.

Files appear twice, since Croissant asks for `cr:FileObject` and RO-Crate for `File`. The context is written out, so
that no reader needs the network.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tasks.core import text_files
from tasks.core.errors import InputError
from tasks.on_demand.receipts.record import FORMAT, Record

CROISSANT = "http://mlcommons.org/croissant/1.1"
RO_CRATE = "https://w3id.org/ro/crate/1.2"
RECORD = "undertone:record"
_MAX_BYTES = 64 << 20
_TERMS = "https://undertone.invalid/terms#"
_CROISSANT_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    **{
        name: f"cr:{name}"
        for name in (
            "citeAs", "column", "equivalentProperty", "extract", "field", "fileProperty", "fileObject", "fileSet",
            "format", "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet",
            "references", "regex", "repeated", "replace", "samplingRate", "separator", "source", "subField",
            "transform",
        )
    },
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "sc": "https://schema.org/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
}  # fmt: skip
_CONTEXT = {**_CROISSANT_CONTEXT, "File": "sc:MediaObject", "undertone": _TERMS}
_MEDIA_TYPES = {".json": "application/json", ".parquet": "application/vnd.apache.parquet", ".csv": "text/csv"}


def render(record: Record) -> dict[str, Any]:
    """Return a receipt as JSON-LD.

    Args:
        record: its content
    """
    files = [*_files(record["files"])]
    actions = [*_actions(record["stages"])]
    software = [*_software(record["packages"])]
    scores = [*_scores(record["experiments"])]
    names = ", ".join(record["experiments"])
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"Receipt of {names}",
        "description": (
            f"Scores of {names} by undertone {record['software']['version']}, with all that they depend on: revisions, "
            "versions, and hashes of the inputs and outputs of every stage. Check it by: undertone verify FILE"
        ),
        "conformsTo": CROISSANT,
        "datePublished": record["created"],
        "version": record["software"]["version"],
        "url": "https://undertone.invalid/",
        "license": "https://spdx.org/licenses/MIT",
        "creator": {"@id": "#undertone"},
        "citeAs": f"undertone {record['software']['version']}: receipt of {names}",
        "hasPart": [{"@id": entry["@id"]} for entry in files if entry["@type"] == "File"],
        "distribution": [{"@id": entry["@id"]} for entry in files if entry["@type"] == "cr:FileObject"],
        "mentions": [{"@id": entry["@id"]} for entry in actions if entry["@type"] == "CreateAction"],
        "variableMeasured": [{"@id": entry["@id"]} for entry in scores],
        RECORD: json.dumps(record, ensure_ascii=False),
    }
    descriptor = {
        "@id": "ro-crate-metadata.json",
        "@type": "CreativeWork",
        "about": {"@id": "./"},
        "conformsTo": {"@id": RO_CRATE},
    }
    maker = {"@id": "#undertone", "@type": "Organization", "name": "undertone", "url": "https://undertone.invalid/"}
    return {"@context": _CONTEXT, "@graph": [descriptor, root, maker, *files, *actions, *software, *scores]}


def read(path: Path) -> Record:
    """Return the record of a receipt.

    Args:
        path: the file

    Raises:
        InputError: if it is no receipt, of a later format, or was changed: what it shows must be what it records
    """
    try:
        document = json.loads(text_files.read_bytes(path, _MAX_BYTES))
        root = next(entry for entry in document["@graph"] if entry.get("@id") == "./")
        record: Record = json.loads(root[RECORD])
        kind = record["format"]
    except (ValueError, KeyError, TypeError, StopIteration, AttributeError, RecursionError) as error:
        raise InputError(
            f"{path}: not a receipt ({type(error).__name__}: {str(error)[:100]}); write one: undertone receipt"
        ) from None
    if kind != FORMAT:
        raise InputError(
            f"{path}: found a receipt of format {kind!r}, expected {FORMAT}; use the undertone that wrote it"
        )
    try:
        is_same = render(record) == document
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"{path}: its record is incomplete ({type(error).__name__}: {error})") from None
    if not is_same:
        raise InputError(f"{path}: what it describes is not what it records: {_change(render(record), document)}")
    return record


def _change(expected: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """Return the first entry of the graph that does not follow from the record."""
    described = {entry.get("@id"): entry for entry in found.get("@graph", ()) if isinstance(entry, dict)}
    for entry in expected["@graph"]:
        other = described.get(entry["@id"])
        if other != entry:
            fields = [name for name in entry if not isinstance(other, dict) or other.get(name) != entry[name]]
            return f"{entry['@id']}, {', '.join(fields) or 'a field was added'}"
    return "an entry was added"


def _files(files: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for path, about in files.items():
        media_type = _MEDIA_TYPES.get(Path(path).suffix, "application/octet-stream")
        common = {"name": path, "encodingFormat": media_type, "contentSize": f"{about['size']} B"}
        yield {"@id": path, "@type": "File", **common, "sha256": about["sha256"]}
        yield {
            "@id": f"#file:{path}",
            "@type": "cr:FileObject",
            **common,
            "contentUrl": path,
            "sha256": about["sha256"],
        }


def _actions(stages: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the run of every stage, and the versions of files that it read and wrote."""
    described = set[str]()
    for name, stage in stages.items():
        sides: dict[str, list[dict[str, str]]] = {"object": [], "result": []}
        for side, kind in (("object", "inputs"), ("result", "outputs")):
            for path, digest in stage[kind].items():
                entity = f"#{path}@{digest}"
                sides[side].append({"@id": entity})
                if entity not in described:
                    described.add(entity)
                    yield {"@id": entity, "@type": "CreativeWork", "name": path, "identifier": f"md5:{digest}"}
        yield {
            "@id": f"#stage:{name}",
            "@type": "CreateAction",
            "name": name,
            "description": f"Stage {name}, with the parameters {json.dumps(stage['params'], sort_keys=True)}",
            "instrument": {"@id": "#undertone-ser"},
            **sides,
        }


def _software(packages: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for name, number in packages.items():
        yield {"@id": f"#{name}", "@type": "SoftwareApplication", "name": name, "softwareVersion": number}


def _scores(experiments: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the headline scores of every experiment and of its baselines."""
    for name, about in experiments.items():
        for system, scores in (("the recipe", about["scores"]), *about["baselines"].items()):
            for measure, score in scores.items():
                if not isinstance(score, dict) or "value" not in score:
                    continue
                bounds = {"minValue": score.get("low"), "maxValue": score.get("high")}
                yield {
                    "@id": f"#score:{name}:{system}:{measure}".replace(" ", "-"),
                    "@type": "PropertyValue",
                    "name": f"{name}: {measure} of {system}",
                    "propertyID": measure,
                    "value": score["value"],
                    **{bound: value for bound, value in bounds.items() if value is not None},
                    "measurementTechnique": f"{about['protocol']}: {about['protocol_in_words']}",
                    "description": f"n = {about['n']}, {about['confidence']:.0%} interval",
                }
