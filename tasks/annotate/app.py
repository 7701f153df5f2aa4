"""The listening page's server: one page, its sound, and three calls that it makes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

from tasks.annotate import access
from tasks.annotate.access import AccessRules
from tasks.annotate.listening_session import ListeningSession
from tasks.core.errors import UndertoneError
from tasks.pages.common import templating

_Next = Callable[[Request], Awaitable[Response]]


class ListenerRequest(BaseModel):
    """ListenerRequest asks."""

    model_config = ConfigDict(extra="forbid")
    listener: str


class RatingRequest(ListenerRequest):
    """A vote; None: cannot tell."""

    key: str
    vote: Literal["negative", "neutral", "positive"] | None


def make(sitting: ListeningSession, rules: AccessRules) -> FastAPI:
    """Return the application that serves a queue to whom the gate lets in."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    files = _files(sitting)

    @app.middleware("http")
    async def guard(request: Request, then: _Next) -> Response:
        token = request.query_params.get("token")
        refused = rules.refuses(request.method, request.headers, token or request.cookies.get(access.COOKIE))
        answer = await then(request) if refused is None else Response(refused[1], refused[0], media_type="text/plain")
        answer.headers.update(access.HEADERS)
        if refused is None and token and rules.token is not None:
            answer.set_cookie(access.COOKIE, rules.token, httponly=True, samesite="strict")
        return answer

    @app.exception_handler(UndertoneError)
    async def explain(_: Request, error: UndertoneError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 400)

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
        if key not in sitting.sounds:
            return Response("no such segment", 404, media_type="text/plain")
        return Response(sitting.sounds[key], media_type="audio/flac")

    @app.post("/api/state")
    def state(who: ListenerRequest) -> dict[str, Any]:
        return sitting.state(who.listener)

    @app.post("/api/vote")
    def vote(said: RatingRequest) -> dict[str, Any]:
        return sitting.vote(said.listener, said.key, said.vote)

    @app.post("/api/undo")
    def undo(who: ListenerRequest) -> dict[str, Any]:
        return sitting.undo(who.listener)

    return app


def _files(sitting: ListeningSession) -> dict[str, Callable[[], Response]]:
    templates = templating.environment()
    page = templates.get_template("annotate/templates/annotate.html").render(deciding=sitting.voters is not None)
    style = templates.get_template("annotate/templates/annotate.css").render()
    script = templates.get_template("annotate/templates/annotate.js").render()
    return {
        "page": lambda: Response(page, media_type="text/html"),
        "style": lambda: Response(style, media_type="text/css"),
        "script": lambda: Response(script, media_type="text/javascript"),
    }
