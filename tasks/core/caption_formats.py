"""Caption formats that are read, by file name extension, in order of preference."""

from __future__ import annotations

FORMATS = ("vtt", "srt", "json3", "srv3", "ttml", "dfxp", "tt", "srv2", "srv1", "xml", "ass", "ssa")
"""WebVTT, SubRip, YouTube's own formats, TTML (also as .dfxp, .tt and .xml), SubStation Alpha."""

MAX_BYTES = 6 * 2**20
"""Size limit of a caption file; an hour of automatic captions with a time per word has half a megabyte."""
