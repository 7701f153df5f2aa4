"""Seeded mutations of bytes: flips, cuts, repeats, splices, and tokens that parsers handle specially."""

from __future__ import annotations

import random
from collections.abc import Sequence

_NUMBERS = (b"\x00", b"\x01", b"\x7f", b"\x80", b"\xff", b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff")
_LONGEST_REPEAT = 4096
MUTATED_SHARE = 0.9
"""Of the inputs of kinds whose other inputs are valid and must be read right."""


def mutated(content: bytes, rng: random.Random, tokens: Sequence[bytes] = (), others: Sequence[bytes] = ()) -> bytes:
    """Return a copy with one to eight random changes.

    Args:
        content: a valid input
        rng: seeded generator
        tokens: byte strings that the format handles specially
        others: more valid inputs, to splice with
    """
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 5, 8))):
        _change(changed, rng, tokens, others)
    return bytes(changed)


def _change(content: bytearray, rng: random.Random, tokens: Sequence[bytes], others: Sequence[bytes]) -> None:
    place = rng.randrange(len(content) + 1)
    end = min(len(content), place + int(rng.expovariate(1 / 20)) + 1)
    match rng.randrange(9):
        case 0 | 1:
            if place < len(content):
                content[place] ^= 1 << rng.randrange(8)
        case 2:
            content[place:end] = rng.randbytes(end - place)
        case 3:
            del content[place:end]
        case 4:
            content[place:place] = content[place:end]
        case 5:
            del content[place:]
        case 6:
            token = rng.choice([*tokens, *_NUMBERS])
            content[place : place + rng.choice((0, len(token)))] = token
        case 7:
            piece = rng.choice(tokens or _NUMBERS)
            content[place:place] = piece * min(rng.choice((2, 10, 1000)), _LONGEST_REPEAT // len(piece) + 1)
        case _:
            other = rng.choice([*others, bytes(content)])
            content[place:] = other[rng.randrange(len(other) + 1) :]
