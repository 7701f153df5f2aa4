"""Croissant metadata (https://docs.mlcommons.org/croissant): JSON-LD that describes files and their columns.

`mlcroissant` 1.1 reads it as version 1.1 of the format.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from tasks.core import distribution
from tasks.on_demand.exporting.export_format import DataCard

FILE = "croissant.json"
CONFORMS_TO = "http://mlcommons.org/croissant/1.1"
PARQUET = "application/x-parquet"
"""Media type by which `mlcroissant` recognises Parquet; it refuses the registered application/vnd.apache.parquet."""
_CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "dct": "http://purl.org/dc/terms/",
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_TYPES = {"string": "sc:Text", "int64": "sc:Integer", "double": "sc:Float", "bool": "sc:Boolean"}
_LICENCES = {
    "CC BY 4.0": "https://creativecommons.org/licenses/by/4.0/",
    "CC BY-NC-SA 4.0": "https://creativecommons.org/licenses/by-nc-sa/4.0/",
    "CC BY-NC-ND 4.0": "https://creativecommons.org/licenses/by-nc-nd/4.0/",
    "GPL-3.0": "https://spdx.org/licenses/GPL-3.0-only.html",
    "Open Database License": "https://opendatacommons.org/licenses/odbl/1-0/",
}


@dataclass(frozen=True)
class DescribedFile:
    """A file of a data set: its path in the folder, media type and SHA-256."""

    path: str
    mime: str
    sha256: str

    @classmethod
    def of(cls, folder: Path, path: str, mime: str) -> DescribedFile:
        """Digest a file.

        Args:
            folder: of the data set
            path: of the file in it
            mime: media type
        """
        with (folder / path).open("rb") as file:
            return cls(path, mime, hashlib.file_digest(file, "sha256").hexdigest())


@dataclass(frozen=True)
class RecordSet:
    """A table of a data set.

    Args:
        name: of the table
        source: id of the file, or of the set of files, that the columns are in
        is_file_set: whether `source` is a set of files
        schema: its columns of text and numbers
        further: fields of other kinds
        notes: column → description
    """

    name: str
    source: str
    is_file_set: bool
    schema: pa.Schema
    further: Sequence[Mapping[str, Any]] = field(default=())
    notes: Mapping[str, str] = field(default_factory=dict)


def metadata(
    name: str,
    card: DataCard,
    files: Iterable[DescribedFile],
    file_sets: Iterable[Mapping[str, Any]],
    records: Iterable[RecordSet],
) -> str:
    """Return the metadata of a data set as JSON.

    Args:
        name: of the data set
        card: its description
        files: its files
        file_sets: sets of files, from `file_set`
        records: its tables
    """
    licences = sorted({source.licence for source in card.sources})
    addresses = sorted({source.url for source in card.sources if source.url.startswith(("http://", "https://"))})
    fields: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": re.sub(r"[^A-Za-z0-9_-]", "-", name),
        "description": " ".join([card.title + ".", *card.protocol, *card.labels, *card.limits]),
        "license": [_LICENCES.get(licence, licence) for licence in licences],
        "url": addresses[0] if addresses else f"urn:undertone:{name}",
        "version": distribution.version(),
        "datePublished": datetime.now(UTC).date().isoformat(),
        "creator": {"@type": "sc:Organization", "name": f"{distribution.NAME} {distribution.version()}"},
        "citeAs": "; ".join(source.citation for source in card.sources if source.citation) or card.title,
        "inLanguage": list(card.languages),
        "isLiveDataset": False,
        "distribution": [*(_file(file) for file in files), *file_sets],
        "recordSet": [_record_set(record) for record in records],
    }
    return (
        json.dumps({name: value for name, value in fields.items() if value != []}, indent=2, ensure_ascii=False) + "\n"
    )


def file_set(name: str, includes: str, mime: str) -> dict[str, Any]:
    """Return a set of files of a data set.

    Args:
        name: its id
        includes: pattern of their paths
        mime: their media type
    """
    return {"@type": "cr:FileSet", "@id": name, "encodingFormat": mime, "includes": includes}


def file_id(path: str) -> str:
    """Return the id of a file in the metadata.

    Args:
        path: of the file in the folder
    """
    return path.replace("/", "_")


def _file(file: DescribedFile) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": file_id(file.path),
        "name": file_id(file.path),
        "contentUrl": file.path,
        "encodingFormat": file.mime,
        "sha256": file.sha256,
    }


def _record_set(record: RecordSet) -> dict[str, Any]:
    kind = "fileSet" if record.is_file_set else "fileObject"
    columns = [
        {
            "@type": "cr:Field",
            "@id": f"{record.name}/{column.name}",
            "name": column.name,
            **({"description": record.notes[column.name]} if column.name in record.notes else {}),
            "dataType": _TYPES.get(str(column.type), "sc:Text"),
            "source": {kind: {"@id": record.source}, "extract": {"column": column.name}},
        }
        for column in record.schema
    ]
    return {
        "@type": "cr:RecordSet",
        "@id": record.name,
        "name": record.name,
        "field": [*columns, *record.further],
    }
