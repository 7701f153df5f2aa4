"""One run of one side, in a fresh process: `python -m bench.worker REQUEST ANSWER`, both JSON files.

Standard library only: the peers' environment runs this, too.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.side import Ready


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Do what is asked, on as many cores as are allowed; return seconds, most memory in bytes, and what was told."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: request["cores"]])
    # pyAudioAnalysis and pydub warn of modules that they do not need here
    warnings.simplefilter("ignore")
    module, _, function = request["prepare"].partition(":")
    ready: Ready = getattr(importlib.import_module(module), function)(**request["given"])
    if ready.warm_up is not None:
        ready.warm_up()
    started = time.perf_counter()
    made = ready.timed()
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "peak_bytes": _peak_bytes(), "told": ready.told(made)}


def _peak_bytes() -> int:
    """Return the most memory that this process, or one process that it or its children started, ever had."""
    # not ru_maxrss: to that Linux adds the program that this process was before it became this one, its parent's copy
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    own_kb = int(status.partition("VmHWM:")[2].split()[0])
    return max(own_kb, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) * 1024


def main() -> None:
    """Read the request, write the answer."""
    request, target = (Path(name) for name in sys.argv[1:3])
    target.write_text(json.dumps(answer(json.loads(request.read_text(encoding="utf-8")))), encoding="utf-8")


if __name__ == "__main__":
    main()
