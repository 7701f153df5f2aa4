"""What is kept per process is what yt-dlp makes for each page."""

from __future__ import annotations

from typing import Any

from tasks.fetching import downloader


def opened(**parameters: Any) -> Any:
    return downloader.downloader_type()({"socket_timeout": 1.0, "logger": downloader.WarningLog(), **parameters})


def extractors(running: Any) -> list[tuple[str, type]]:
    return [(key, item if isinstance(item, type) else type(item)) for key, item in running._ies.items()]


def test_extractors_are_those_of_yt_dlp_in_its_order() -> None:
    from yt_dlp import YoutubeDL

    expected = extractors(YoutubeDL({"quiet": True}))
    downloaders = [opened(), opened()]
    assert [extractors(running) == expected for running in downloaders] == [True, True]
    assert len(extractors(opened(allowed_extractors=["generic", "youtube"]))) == 2


def test_certificates_are_read_once_for_the_same_settings() -> None:
    def context(**parameters: Any) -> Any:
        return opened(**parameters)._request_director.handlers["Requests"]._make_sslcontext()

    assert context() is context()
    assert context(nocheckcertificate=True) is not context()
    assert context(nocheckcertificate=True).verify_mode != context().verify_mode
