"""Alerts: an automation of the Prefect server posts failed and crashed flow runs to a webhook of the user's."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tasks.core.errors import ConfigError

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.events.schemas.automations import AutomationCore

URL_SETTING = "UNDERTONE_ALERT_URL"
NAME = "post failed and crashed runs to the alert URL"
BLOCK = "undertone-alert"
_WEBHOOK = "webhook"
STATES = ("Failed", "Crashed", "TimedOut")
# chat services show `text`; `tojson` quotes text from outside, such as titles in messages
PAYLOAD = """{% set link = "PREFECT/runs/flow-run/" ~ flow_run.id %}{% set message = flow_run.state.message or "" %}{
  "run": {{ flow_run.name|tojson }},
  "flow": {{ flow.name|tojson }},
  "state": {{ flow_run.state.name|tojson }},
  "message": {{ message|tojson }},
  "link": {{ link|tojson }},
  "text": {{ (flow_run.name ~ " (" ~ flow.name ~ "): " ~ flow_run.state.name ~ ": " ~ message ~ " " ~ link)|tojson }}
}"""
"""Template of the posted JSON; `PREFECT` stands for the address of Prefect's pages."""


def url() -> str | None:
    """Return the address that alerts go to, None if the user wants none.

    Raises:
        ConfigError: if it is no http or https address; the message does not repeat it, since it is often a secret
    """
    address = os.environ.get(URL_SETTING, "").strip()
    if not address:
        return None
    try:
        parts = urlsplit(address)
        # an invalid port raises only when it is read
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise ConfigError(f"{URL_SETTING}: expected an address such as https://hooks.example.com/…, or nothing")
    return address


def set_up(client: SyncPrefectClient, pages: str, address: str | None) -> None:
    """Make the server post failed and crashed runs to an address; without one, remove what an earlier start has set up.

    Args:
        client: of the Prefect server
        pages: address of its pages, for links
        address: http or https; the server's database stores it encrypted
    """
    from prefect.exceptions import ObjectNotFound

    for existing in client.read_automations_by_name(NAME):
        client.delete_automation(existing.id)
    with suppress(ObjectNotFound):
        client.delete_block_document(client.read_block_document_by_name(BLOCK, _WEBHOOK).id)
    if address is not None:
        client.create_automation(_automation(_create_webhook(client, address), pages))


def _create_webhook(client: SyncPrefectClient, address: str) -> UUID:
    from prefect.client.schemas.actions import BlockDocumentCreate

    of_type = client.read_block_type_by_slug(_WEBHOOK).id
    schema = client.get_most_recent_block_schema_for_block_type(of_type)
    # the user chose the address, so that it may be on this machine or in a private network
    data = {"url": address, "headers": {"Content-Type": "application/json"}, "allow_private_urls": True}
    document = BlockDocumentCreate(
        name=BLOCK, data=data, block_type_id=of_type, block_schema_id=schema.id if schema else None
    )
    return client.create_block_document(document).id


def _automation(webhook: UUID, pages: str) -> AutomationCore:
    from prefect.events.actions import CallWebhook
    from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

    return AutomationCore(
        name=NAME,
        description=f"Set up by `undertone ui` from {URL_SETTING}.",
        trigger=EventTrigger(
            match={"prefect.resource.id": "prefect.flow-run.*"},
            for_each={"prefect.resource.id"},
            expect={f"prefect.flow-run.{state}" for state in STATES},
            posture=Posture.Reactive,
            threshold=1,
        ),
        actions=[CallWebhook(block_document_id=webhook, payload=PAYLOAD.replace("PREFECT", pages))],
    )
