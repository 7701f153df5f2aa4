"""Web application of the listening page: the page, its sounds, and the four API calls it makes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from tasks.annotate import access
from tasks.annotate.access import AccessRules
from tasks.annotate.body_limit import BodyLimit
from tasks.annotate.listening_session import ListeningSession
from tasks.core.errors import UndertoneError
from tasks.pages.common import templating

_MAX_BODY_BYTES = 16 * 1024
_EXPECTED = (
    "The request is malformed. Expected: a JSON object with the text `listener`; for playback the text `key`; for "
    "ratings also `label`, the name of a class or null, and `played_s`, seconds that the clip was played before."
)
_DAY_S = 86_400.0
_Next = Callable[[Request], Awaitable[Response]]


class ListenerRequest(BaseModel):
    """Body of `state` and `undo`."""

    model_config = ConfigDict(extra="forbid")
    listener: str


class PlayRequest(ListenerRequest):
    """Body of `play`, sent whenever the clip begins."""

    key: str


class RatingRequest(PlayRequest):
    """Body of `rate`; the label is None if the listener cannot tell. Without playing time, nothing was played."""

    label: str | None
    played_s: Annotated[float, Field(ge=0, le=_DAY_S, allow_inf_nan=False)] = 0.0


def make(session: ListeningSession, rules: AccessRules) -> FastAPI:
    """Return the application.

    Args:
        session: the queue and its ratings
        rules: which requests are answered
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    files = _files(session)

    app.add_middleware(BodyLimit, max_bytes=_MAX_BODY_BYTES)

    # added last, and so first in line
    @app.middleware("http")
    async def guard(request: Request, call_next: _Next) -> Response:
        token = request.query_params.get("token") if request.url.path == "/" else None
        refusal = rules.refuses(request.method, request.headers.items(), request.cookies, token)
        if refusal is None:
            answer = await call_next(request)
        else:
            answer = Response(refusal.reason, refusal.status, media_type="text/plain")
        answer.headers.update(access.HEADERS)
        if refusal is None and token is not None:
            answer.set_cookie(rules.cookie, rules.token, httponly=True, samesite="strict")
        return answer

    @app.exception_handler(UndertoneError)
    async def explain(_: Request, error: UndertoneError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 400)

    @app.exception_handler(RequestValidationError)
    async def refuse(_: Request, _error: RequestValidationError) -> JSONResponse:
        # the error repeats the body, which may hold what JSON cannot
        return JSONResponse({"detail": _EXPECTED}, 400)

    @app.get("/")
    def page() -> Response:
        return files["page"]()

    @app.get("/annotate.css")
    def style() -> Response:
        return files["style"]()

    @app.get("/annotate.js")
    def script() -> Response:
        return files["script"]()

    @app.get("/audio/{key}.flac")
    def sound(key: str) -> Response:
        flac = session.sound(key)
        if flac is None:
            return Response("no such segment", 404, media_type="text/plain")
        return Response(flac, media_type="audio/flac")

    @app.post("/api/state")
    def state(request: ListenerRequest) -> dict[str, Any]:
        return session.state(request.listener)

    @app.post("/api/play")
    def play(request: PlayRequest) -> dict[str, Any]:
        session.play(request.listener, request.key)
        return {}

    @app.post("/api/rate")
    def rate(request: RatingRequest) -> dict[str, Any]:
        return session.rate(request.listener, request.key, request.label, request.played_s)

    @app.post("/api/undo")
    def undo(request: ListenerRequest) -> dict[str, Any]:
        return session.undo(request.listener)

    return app


def _files(session: ListeningSession) -> dict[str, Callable[[], Response]]:
    templates = templating.environment()
    page = templates.get_template("annotate/templates/annotate.html").render(
        adjudicating=session.raters is not None,
        question=session.question,
        marks=templating.MARKS,
        share=session.share,
        n_practice=len(session.practice),
        with_text=session.with_text,
    )
    style = templates.get_template("annotate/templates/annotate.css").render()
    script = templates.get_template("annotate/templates/annotate.js").render()
    return {
        "page": lambda: Response(page, media_type="text/html"),
        "style": lambda: Response(style, media_type="text/css"),
        "script": lambda: Response(script, media_type="text/javascript"),
    }
