"""Imports of processes that fetch: they are forked from one that has imported this module.

No other module imports it. It takes over a second, which a dozen processes would otherwise spend each.
"""

from __future__ import annotations

import os
from contextlib import suppress

# a process that others are forked from must have no threads; read when NumPy and Arrow are loaded
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["JE_ARROW_MALLOC_CONF"] = "background_thread:false"

import pandas  # noqa: F401  (by Arrow, with the first table)
import tenacity  # noqa: F401
import threadpoolctl  # noqa: F401

# a page of an unknown site is shown to nearly all extractors, in as many modules
import yt_dlp.extractor._extractors
import yt_dlp.networking._requests

from tasks.fetching import client, downloader, expansion  # noqa: F401


def _compile_patterns() -> None:
    """Compile the patterns of all extractors, as a page of an unknown site does."""
    url = "http://127.0.0.1/"
    with downloader.downloader_type()({"socket_timeout": 1.0, "logger": downloader.WarningLog()}) as running:
        for extractor in yt_dlp.extractor.gen_extractor_classes():
            # a page meets the same error, which is handled there
            with suppress(Exception):
                extractor.suitable(url)
                list(extractor.extract_from_webpage(running, url, "<html></html>"))


_compile_patterns()
