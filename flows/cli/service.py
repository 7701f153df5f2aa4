"""`undertone service …`: the services of compose.yaml, one at a time."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer(no_args_is_help=True, help="Services of `undertone ui` one at a time, for containers.")

SecretFile = Annotated[
    Path, typer.Option(envvar="UNDERTONE_SECRET_FILE", help="File with the server's secret, user:password.")
]
Url = Annotated[str, typer.Option(envvar="UNDERTONE_SERVER_URL", help="Address of the Prefect server.")]
Host = Annotated[str, typer.Option(help="Address to listen on; in a container 0.0.0.0.")]
ReportPort = Annotated[int, typer.Option(help="Port of the report site: the Prefect server's and one.")]
_SECRET = Path("/run/secrets/auth_string")
_LOOPBACK = "127.0.0.1"
_URL = f"http://{_LOOPBACK}:4200"
_PORT, _REPORT_PORT = 4200, 4201


@app.command("server")
def server(
    *,
    port: Annotated[int, typer.Option(help="Port of the Prefect server.")] = _PORT,
    host: Host = _LOOPBACK,
    name: Annotated[
        list[str] | None, typer.Option(help="Host name under which other services reach it; may be repeated.")
    ] = None,
    secret_file: SecretFile = _SECRET,
    password_file: Annotated[
        Path | None,
        typer.Option(envvar="UNDERTONE_DATABASE_PASSWORD_FILE", help="File with the password of the database."),
    ] = None,
) -> None:
    """Run the Prefect server. Settings of its database are Prefect's variables.

    Example: [bold]undertone service server --host 0.0.0.0 --name server[/]
    """
    from flows.ui import single_services

    access = single_services.read_secret(secret_file)
    single_services.serve(port, access, host=host, names=name or (), password_file=password_file)


@app.command("setup")
def setup(url: Url = _URL, secret_file: SecretFile = _SECRET) -> None:
    """Register deployments; if the folder is empty, make a project first.

    Example: [bold]undertone service setup --url http://server:4200[/]
    """
    from flows.cli.command_support import load_settings
    from flows.ui import single_services

    access = single_services.read_secret(secret_file)
    single_services.set_up(url, access)
    load_settings()
    typer.echo(f"{Path().resolve()}: the deployments are registered at {url}")


@app.command("worker")
def worker(
    url: Url = _URL,
    secret_file: SecretFile = _SECRET,
    name: Annotated[str | None, typer.Option(help="Name of the worker. Default: the host's.")] = None,
) -> None:
    """Run a worker in the project folder.

    Example: [bold]undertone service worker --url http://server:4200[/]
    """
    from flows.ui import single_services

    single_services.work(url, single_services.read_secret(secret_file), name)


@app.command("report")
def report(port: ReportPort = _REPORT_PORT, host: Host = _LOOPBACK, secret_file: SecretFile = _SECRET) -> None:
    """Serve the pages of the project in the current folder.

    Example: [bold]undertone service report --host 0.0.0.0[/]
    """
    from flows.ui import single_services

    single_services.serve_report(port, single_services.read_secret(secret_file), host=host)


@app.command("link")
def link(url: Url = _URL, secret_file: SecretFile = _SECRET) -> None:
    """Print the link that logs a browser of this machine in; it is a password.

    Example: [bold]undertone service link[/]
    """
    from flows.ui import single_services

    typer.echo(single_services.login_link(url, single_services.read_secret(secret_file)))


@app.command("check")
def check(
    service: Annotated[
        Literal["server", "worker", "report", "folder"], typer.Argument(help="Service, or the project folder.")
    ] = "folder",
    *,
    url: Url = _URL,
    port: ReportPort = _REPORT_PORT,
    secret_file: SecretFile = _SECRET,
    name: Annotated[str | None, typer.Option(help="Name of the worker. Default: the host's.")] = None,
) -> None:
    """Check that a service works, or that the folder can be written; status 1 if not.

    Example: [bold]undertone service check worker[/]
    """
    from flows.ui import health

    match service:
        case "server":
            health.check_server(url)
        case "report":
            health.check_report(port)
        case "folder":
            health.check_folder(Path())
        case "worker":
            from flows.ui.single_services import read_secret

            health.check_worker(url, read_secret(secret_file), name or socket.gethostname())
