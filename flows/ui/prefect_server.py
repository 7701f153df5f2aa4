"""`python -m flows.ui.prefect_server PORT [HOST [NAME…]]`: the Prefect server behind the guard, by default on loopback.

The same as `prefect server start --host HOST --port PORT`, which has no place for middleware.
"""

from __future__ import annotations

import sys
from collections.abc import Collection

from flows.ui.guard import Guard
from flows.ui.secret import Secret

HOST = "127.0.0.1"


def serve(port: int, host: str = HOST, names: Collection[str] = ()) -> None:
    """Serve until SIGINT or SIGTERM; settings are Prefect's environment variables.

    Args:
        port: the server's port
        host: address to listen on; in a container 0.0.0.0, since its published ports do not reach its loopback
        names: host names under which programs reach the server, besides 127.0.0.1 and localhost
    """
    import uvicorn
    from prefect.server.api.server import create_app
    from prefect.settings import get_current_settings

    settings = get_current_settings().server
    if settings.api.auth_string is None:
        raise SystemExit("PREFECT_SERVER_API_AUTH_STRING is not set: the server would be open to everyone")
    uvicorn.run(
        Guard(create_app(final=True), port, Secret(settings.api.auth_string.get_secret_value()), names),
        host=host,
        port=port,
        timeout_keep_alive=settings.api.keepalive_timeout,
        ws_ping_interval=settings.api.websocket_ping_interval,
        ws_ping_timeout=settings.api.websocket_ping_timeout,
        log_level=settings.logging_level.lower(),
    )


if __name__ == "__main__":
    serve(int(sys.argv[1]), sys.argv[2] if sys.argv[2:] else HOST, sys.argv[3:])
