"""A webhook of one's own: members as JSON, signed as Standard Webhooks does.

The id of a message is a hash of what it says, so the receiver knows a repeated one. The address
goes through `workspace.http_guard`. An answer of 410 ends it until the address is changed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from datetime import UTC

from reverse_etl.audiences.model import Capabilities, Item, Outcome, Paused
from reverse_etl.audiences.transport import Api
from workspace import standard_webhooks
from workspace.ledger.audiences import CONFIRMED

#: Messages go to another webhook: `reverse_etl.delivery.providers.webhook`.
SECRET, URL = "MARKETING_AUDIENCE_WEBHOOK_SECRET", "MARKETING_AUDIENCE_WEBHOOK_URL"
SECONDS = 10.0
_EVENTS = {"add": "audience.members_added", "remove": "audience.members_removed"}

CAPABILITIES = Capabilities(
    name="webhook",
    title="Webhook (Standard Webhooks)",
    batch_size=500,
    identifiers=("email", "phone"),
    normaliser="hashed-1",
    variables=(URL, SECRET),
    url="",
    url_name=URL,
    needs_list=False,
    per_second=5.0,
    note="signed; hashed unless `hashed: false`",
)


class Webhook:
    capabilities = CAPABILITIES

    def __init__(self, api: Api, values: dict[str, str], audience: str) -> None:
        self._api, self._audience = api, audience
        api.url, api.seconds = values[URL], SECONDS
        try:
            self._key = base64.b64decode(values[SECRET].removeprefix("whsec_"), validate=True)
        except binascii.Error:
            raise Paused("credentials", f"{SECRET} is no base64 text") from None

    def add(self, items: Sequence[Item], list_id: str | None) -> dict[str, Outcome]:
        return self._send("add", items, list_id)

    def remove(self, items: Sequence[Item], list_id: str | None) -> dict[str, Outcome]:
        return self._send("remove", items, list_id)

    def poll(self, batch_id: str) -> Outcome | None:
        raise NotImplementedError("a webhook answers at once")

    def _send(
        self, operation: str, items: Sequence[Item], list_id: str | None
    ) -> dict[str, Outcome]:
        members = [
            {"contact_id": i.contact_id, **i.identifiers, "attributes": dict(i.attributes)}
            for i in items
        ]
        told = {"audience": self._audience, "list_id": list_id, "members": members}
        body = json.dumps({"type": _EVENTS[operation], "data": told}, ensure_ascii=False).encode()
        message_id = f"msg_{hashlib.sha256(body).hexdigest()[:32]}"
        self._api.ask("POST", "", body, self._headers(message_id, body), reads_json=False)
        return {item.contact_id: Outcome(CONFIRMED, batch_id=message_id) for item in items}

    def _headers(self, message_id: str, body: bytes) -> dict[str, str]:
        at = int(self._api.present().replace(tzinfo=UTC).timestamp())
        return {
            "Content-Type": "application/json",
            "Idempotency-Key": message_id,
            **standard_webhooks.headers(self._key, message_id, at, body),
        }
