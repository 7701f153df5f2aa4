"""yt-dlp options that params.yaml may contain."""

from __future__ import annotations

import pytest

from tasks.core.errors import ConfigError
from tasks.fetching import options


@pytest.mark.parametrize(
    ("arguments", "parameters"),
    [
        ([], {}),
        (["--limit-rate", "1M"], {"ratelimit": 2**20}),
        (["-r", "50K", "--sleep-interval", "3"], {"ratelimit": 50 * 2**10, "sleep_interval": 3.0}),
        (["--user-agent", "me"], {"http_headers": {"User-Agent": "me"}}),
        (["--extractor-args", "youtube:lang=en"], {"extractor_args": {"youtube": {"lang": ["en"]}}}),
    ],
)
def test_options_about_requests_are_allowed(arguments: list[str], parameters: dict[str, object]) -> None:
    assert options.parse(arguments) == parameters


@pytest.mark.parametrize(
    "arguments",
    [
        ["--exec", "touch x"], ["--exec-before-download", "touch x"], ["--netrc-cmd", "touch x"],
        ["--downloader", "aria2c"], ["--js-runtimes", "node:/tmp/x"], ["--ffmpeg-location", "/tmp/x"],
        ["--plugin-dirs", "/tmp"], ["--config-locations", "/tmp/x"], ["--load-info-json", "x"],
        ["--output", "/tmp/x"], ["--paths", "/tmp"], ["--write-info-json"], ["--cookies", "x"], ["--cache-dir", "/tmp"],
        ["--batch-file", "-"], ["--enable-file-urls"], ["--print-to-file", "a", "b"], ["--download-archive", "x"],
        ["--postprocessor-args", "x"], ["--proxy", "http://x"], ["--update"], ["--rm-cache-dir"], ["--verbose"],
        ["--remote-components", "ejs:github"], ["--impersonate", "chrome"],
        ["--use-postprocessor", "Exec:x"], ["--concurrent-fragments", "4"],
    ],
)  # fmt: skip
def test_options_that_run_or_write_are_refused_by_name(arguments: list[str]) -> None:
    with pytest.raises(ConfigError, match=arguments[0]):
        options.parse(arguments)


def test_an_alias_hides_nothing() -> None:
    with pytest.raises(ConfigError, match="--exec"):
        options.parse(["--alias", "nice", "--exec x", "--nice"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--bogus"], "no such option: --bogus"),
        (["--limit-rate"], "requires 1 argument"),
        (["--limit-rate", "fast"], 'invalid rate limit "fast"'),
        (["https://a.example/"], "which is not an option"),
        (["--version"], "--version"),
    ],
)
def test_bad_options_are_explained(arguments: list[str], message: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match=message):
        options.parse(arguments)
    assert capfd.readouterr() == ("", "")
