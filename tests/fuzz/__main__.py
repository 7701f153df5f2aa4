"""`python -m tests.fuzz [KIND…]`: read seeded malformed inputs of all kinds; `make fuzz` runs 200,000.

Exit status 1 if an input ends with a traceback, takes more than 10 s, crashes the process or is silently read wrong.
Stop it with Ctrl-C and start it again: it continues. `--again KIND:INDEX` repeats one input in this process.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from tests.fuzz import runs

FOLDER = runs.ROOT / ".fuzz"
_SHOWN = 20


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("kinds", nargs="*", choices=[[], *runs.KINDS], metavar="KIND", help=", ".join(runs.KINDS))
    parser.add_argument("--count", type=int, default=200_000, help="inputs of all kinds together (default 200,000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--again", metavar="KIND:INDEX", help="repeat one input, and print what happens")
    options = parser.parse_args()
    if options.again:
        return again(options.again, options.seed)
    kinds = options.kinds or list(runs.KINDS)
    record = runs.Record.read(FOLDER / f"seed-{options.seed}.json", options.seed, runs.code_digest())
    todo = [block for block in runs.blocks(options.count, kinds) if block.key not in record.blocks]
    left = sum(block.stop - block.start for block in todo)

    def done(block: runs.Block, counts: runs.Counts) -> None:
        nonlocal left
        left -= block.stop - block.start
        record.keep(block, counts)
        for failure in counts.failures:
            save(failure, options.seed)
        failed = f", {len(counts.failures)} FAILED" if counts.failures else ""
        print(
            f"{block.key}: {counts.accepted} accepted, {counts.rejected} rejected{failed}; {left:,} to go", flush=True
        )

    try:
        runs.run(todo, options.seed, options.workers, done)
    except KeyboardInterrupt:
        print("stopped; run again to continue")
        return 130
    print("\n".join(runs.summary(kinds, record)))
    failures = [failure for name in kinds for failure in record.total(name).failures]
    for failure in failures[:_SHOWN]:
        print(
            f"{failure.what}: --again {failure.kind}:{failure.index}: {failure.detail.strip().splitlines()[-1][:200]}"
        )
    if len(failures) > _SHOWN:
        print(f"… and {len(failures) - _SHOWN} more, in {FOLDER}")
    return 1 if failures else 0


def save(failure: runs.Failure, seed: int) -> None:
    """Write what happened to a file, for a maintainer."""
    folder = FOLDER / "failures"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{failure.kind}-{failure.index}.txt"
    path.write_text(f"{failure.what} (seed {seed})\n{failure.detail}\n", encoding="utf-8")


def again(named: str, seed: int) -> int:
    """Repeat one input in this process; save it, and print what happens."""
    name, _, number = named.partition(":")
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        os.chdir(folder)
        tried = runs.trial(runs.kind(name).prepare(Path(folder)), seed, name, int(number))
        path = FOLDER / f"{name}-{number}{tried.suffix}"
        path.write_bytes(tried.content)
        print(f"input: {path}")
        counts = runs.attempt(tried, name, int(number))
        os.chdir(runs.ROOT)
    for failure in counts.failures:
        print(f"{failure.what}\n{failure.detail}")
    print(f"accepted {counts.accepted}, rejected {counts.rejected}, {counts.slowest_s:.2f} s")
    return 1 if counts.failures else 0


if __name__ == "__main__":
    sys.exit(main())
