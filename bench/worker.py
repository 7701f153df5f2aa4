"""Execute one run of one side: `python -m bench.worker REQUEST ANSWER`, both JSON files.

Standard library only: this module also runs in the peers' environment.
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
    from bench.side import Prepared


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Prepare, warm up and time a side on a limited number of cores.

    Args:
        request: `prepare`, `inputs` and `cores` as in `RunSpec`

    Returns:
        seconds, peak memory in bytes, and the summary of the output
    """
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: request["cores"]])
    # pyAudioAnalysis and pydub warn about modules that we do not use
    warnings.simplefilter("ignore")
    module, _, function = request["prepare"].partition(":")
    ready: Prepared = getattr(importlib.import_module(module), function)(**request["inputs"])
    if ready.warm_up is not None:
        ready.warm_up()
    started = time.perf_counter()
    output = ready.timed()
    seconds = time.perf_counter() - started
    summary = ready.summary(output)
    return {"seconds": seconds, "peak_bytes": _peak_bytes(), "summary": summary}


def _peak_bytes() -> int:
    """Return the peak memory of this process or of its largest descendant."""
    # VmHWM instead of ru_maxrss: on Linux the latter includes the memory of the parent before exec
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    own_kb = int(status.partition("VmHWM:")[2].split()[0])
    return max(own_kb, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) * 1024


def main() -> None:
    """Read the request, write the answer."""
    request, target = (Path(name) for name in sys.argv[1:3])
    target.write_text(json.dumps(answer(json.loads(request.read_text(encoding="utf-8")))), encoding="utf-8")


if __name__ == "__main__":
    main()
