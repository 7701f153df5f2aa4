"""Parse yt-dlp options of params.yaml; refuse those that run commands or write files."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Sequence
from typing import Any

from tasks.core.errors import ConfigError

# yt-dlp's option name → its key in yt-dlp's Python API, where the two differ
_ALLOWED = {
    "headers": "http_headers",
    "user_agent": "http_headers",
    "referer": "http_headers",
    "legacy_server_connect": "legacyserverconnect",
    "no_check_certificate": "nocheckcertificate",
    **{
        name: name
        for name in (
            "age_limit", "allowed_extractors", "ap_mso", "ap_password", "ap_username", "buffersize",
            "cookiesfrombrowser", "dynamic_mpd", "extractor_args", "force_generic_extractor", "format_sort",
            "format_sort_force", "geo_bypass", "http_chunk_size", "lazy_playlist",
            "max_sleep_interval", "netrc_location", "password", "playlist_items", "playlist_reverse", "playlistend",
            "playliststart", "prefer_free_formats", "prefer_insecure", "ratelimit", "sleep_interval",
            "sleep_interval_requests", "sleep_interval_subtitles", "source_address", "throttledratelimit",
            "twofactor", "usenetrc", "username", "videopassword",
        )
    },
}  # fmt: skip


def parse(arguments: Sequence[str]) -> dict[str, Any]:
    """Convert yt-dlp's command-line options into parameters of its Python API.

    Only options about requests, logins, waits and formats are allowed. All others are set by the crawl itself, or would
    run commands, load code or settings, or write files elsewhere.

    Args:
        arguments: as on yt-dlp's command line: `["--limit-rate", "1M"]`

    Returns:
        parameters for `yt_dlp.YoutubeDL`, only those set by the arguments

    Raises:
        ConfigError: if an option is unknown, malformed or not allowed; the message names it
    """
    if not arguments:
        return {}
    chosen = _changed(arguments)
    if "impersonate" in chosen:
        raise ConfigError(
            "crawl.yt_dlp_args: --impersonate cannot be used: its requests (curl_cffi) are not checked for private "
            "addresses; remove it"
        )
    if refused := sorted(name for name in chosen if name not in _ALLOWED):
        flags = ", ".join(_flag(name) for name in refused)
        raise ConfigError(
            f"crawl.yt_dlp_args: {flags} cannot be used; allowed are options about requests, logins, waits and "
            "formats, such as --limit-rate (use the keys under crawl: where there is one)"
        )
    from yt_dlp import parse_options

    parameters = _quietly(arguments, lambda: parse_options(list(arguments)).ydl_opts)
    return {key: parameters[key] for key in sorted({_ALLOWED[name] for name in chosen})}


def _changed(arguments: Sequence[str]) -> set[str]:
    """Return the names of the options that the arguments set, without reading files or running commands."""
    from yt_dlp.options import create_parser

    # two parsers: options that collect values change their parser's default list
    before = vars(create_parser().get_default_values())
    values, rest = _quietly(arguments, lambda: create_parser().parse_args(list(arguments)))
    if rest:
        raise ConfigError(f"crawl.yt_dlp_args: found {rest[0]!r}, which is not an option; put URLs into the lists")
    # names that start with _ are internal to the parser; the options behind an alias are set, and so checked, as well
    return {name for name, value in vars(values).items() if value != before.get(name) and not name.startswith("_")}


def _quietly(arguments: Sequence[str], parse: Callable[[], Any]) -> Any:
    """Call a parser of yt-dlp, which prints and exits on an invalid option; raise an error instead."""
    from optparse import OptParseError

    output = io.StringIO()
    try:
        with contextlib.redirect_stderr(output), contextlib.redirect_stdout(output):
            return parse()
    except (OptParseError, ValueError, SystemExit) as error:
        lines = (str(error) if not isinstance(error, SystemExit) else output.getvalue()).strip().splitlines()
        problem = lines[-1].rpartition("error: ")[2] if lines else "not understood by yt-dlp"
        raise ConfigError(f"crawl.yt_dlp_args: {problem} (in {' '.join(arguments)})") from None


def _flag(name: str) -> str:
    from yt_dlp.options import create_parser

    options = [option for group in create_parser().option_groups for option in group.option_list]
    flags = [str(option.get_opt_string()) for option in options if option.dest == name]
    # prefer the flag that sets the option to its --no- form
    return min(flags, key=lambda flag: flag.startswith("--no-"), default=name)
