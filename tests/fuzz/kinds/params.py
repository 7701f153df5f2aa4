"""params.yaml: mutated bytes must be read or refused in one message; a misspelt key at any depth must be refused."""

from __future__ import annotations

import io
import random
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tasks.core import config
from tasks.core.errors import UndertoneError
from tasks.experiments import plan
from tests.fuzz.mutation import mutated
from tests.fuzz.trial import Kind, MakeTrial, Trial, Verdict, expect

_SHIPPED = Path(__file__).resolve().parents[3] / "params.yaml"
_TOKENS = (
    b": ", b"- ", b"&a ", b"*a", b"<<: *a", b"!!python/object:os.system ", b"!!binary ", b"{", b"}", b"[", b"]",
    b"\t", b"|", b">", b"---\n", b"...\n", b"%YAML 9.9\n", b"\xe9", b"\x00", b"\x07", b"\xef\xbb\xbf", b"9" * 500,
    b"1e999", b".inf", b".nan", b"~", b"0x", b"0o9", b"1_0", b"2026-11-29", b"? ", b"'", b'"', b"\\x", b"#",
    b"\xe2\x80\xa8", b"a: &b [*b]", b"null", b"yes",
)  # fmt: skip
_EXPERIMENTS = {
    "corpora": {"toy": {"reader": "plain", "path": "toy"}},
    "features": {"toy-f": {"corpus": "toy", "extractor": "functionals", "settings": {}}},
    "experiments": {
        "trial": {
            "corpus": "toy", "target": "emotion", "features": ["toy-f"], "model": {"name": "logistic"},
            "protocol": "speaker-out(4)", "declare": [],
        }
    },
}  # fmt: skip
_FREE_NAMES = {(), ("corpora",), ("checkpoints",), ("features",), ("experiments",)}
"""Mappings whose keys a user chooses, or (the top level) whose sections may be missing."""
_ODD = (
    None,
    True,
    -1,
    0,
    10**30,
    1.5,
    float("nan"),
    float("inf"),
    "",
    "text",
    "²",
    [],
    ["a"],
    {},
    {"a": 1},
    "../..",
    "\0",
)


def prepare(folder: Path) -> MakeTrial:
    """Return the maker of trials: mutated bytes, odd values, and misspelt keys."""
    yaml = YAML(typ="safe")
    shipped = _SHIPPED.read_bytes()

    def make(rng: random.Random) -> Trial:
        way = rng.choice(("bytes", "bytes", "value", "key"))
        if way == "bytes":
            return _trial(folder, mutated(shipped, rng, _TOKENS), must_fail=False)
        document = yaml.load(shipped) | _EXPERIMENTS
        document = yaml.load(_dumped(document))
        mappings = [(path, node) for path, node in _mappings(document, ()) if node and path not in _FREE_NAMES]
        _, mapping = rng.choice(mappings)
        key = rng.choice(sorted(mapping, key=str))
        if way == "value":
            mapping[key] = rng.choice(_ODD)
        else:
            mapping[f"{key}_{rng.choice('qxz')}"] = mapping[key]
        return _trial(folder, _dumped(document), must_fail=way == "key")

    return make


def _trial(folder: Path, content: bytes, *, must_fail: bool) -> Trial:
    def run() -> Verdict:
        path = folder / "params.yaml"
        path.write_bytes(content)
        try:
            plan.demand(config.load(path))
        except UndertoneError as error:
            expect(bool(str(error).strip()), "a refusal without a message")
            return "rejected"
        expect(not must_fail, "a misspelt key was accepted")
        return "accepted"

    return Trial(content, ".yaml", run)


def _mappings(node: Any, path: tuple[str, ...]) -> list[tuple[tuple[str, ...], dict[str, Any]]]:
    if isinstance(node, dict):
        return [(path, node), *(inner for key, value in node.items() for inner in _mappings(value, (*path, str(key))))]
    return [inner for value in node for inner in _mappings(value, path)] if isinstance(node, list) else []


def _dumped(document: Any) -> bytes:
    sink = io.BytesIO()
    YAML(typ="safe").dump(document, sink)
    return sink.getvalue()


KIND = Kind("params", 120, prepare)
