"""Meta Custom Audiences: ``/{audience}/users`` of the Graph API.

Rows are matched by any of their hashes and may come again. The answer counts rows that Meta could
not read and shows only samples of them, so a request with such rows is halved until each is by
itself. Faults come as 400 with a code of their own.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any
from urllib.parse import urlencode

from reverse_etl.audiences.model import (
    Capabilities,
    Fault,
    Item,
    Outcome,
    Paused,
    RowsRefused,
    Unavailable,
)
from reverse_etl.audiences.transport import Answer, Api, Doubtful, Throttled
from workspace.ledger.audiences import CONFIRMED

VERSION = "v25.0"
TOKEN, SECRET = "MARKETING_META_TOKEN", "MARKETING_META_APP_SECRET"
SCHEMA = ("EMAIL_SHA256", "PHONE_SHA256")
#: Codes of the Graph API: too many calls, transient, a token or permission that does not do; and
#: the subcode of an audience that was flagged, which stays so until an appeal.
TOO_MANY = frozenset({4, 17, 32, 613, *range(80_000, 80_015)})
TRANSIENT = frozenset({1, 2})
REFUSED = frozenset({10, 102, 190, *range(200, 300)})
FLAGGED = 1_713_230

CAPABILITIES = Capabilities(
    name="meta",
    title="Meta Custom Audiences",
    batch_size=10_000,
    identifiers=("email", "phone"),
    normaliser="meta-1",
    variables=(TOKEN,),
    optional=(SECRET,),
    url="https://graph.facebook.com",
    minimum_members=100,
    per_second=2.0,
    note="matching takes up to a day",
)


class Meta:
    capabilities = CAPABILITIES

    def __init__(self, api: Api, values: dict[str, str]) -> None:
        self._api, self._token, self._secret = api, values[TOKEN], values.get(SECRET)
        api.explain = _explain

    def add(self, items: Sequence[Item], list_id: str | None) -> dict[str, Outcome]:
        return self._write("POST", items, list_id)

    def remove(self, items: Sequence[Item], list_id: str | None) -> dict[str, Outcome]:
        return self._write("DELETE", items, list_id)

    def poll(self, batch_id: str) -> Outcome | None:
        raise NotImplementedError("Meta answers at once")

    def _write(self, method: str, items: Sequence[Item], list_id: str | None) -> dict[str, Outcome]:
        rows = [row for item in items for row in _rows(item)]
        payload = {"schema": list(SCHEMA), "data": rows, "is_raw": False}
        form = {"access_token": self._token, "payload": json.dumps(payload)}
        if self._secret:
            proof = hmac.new(self._secret.encode(), self._token.encode(), hashlib.sha256)
            form["appsecret_proof"] = proof.hexdigest()
        answer = self._api.ask(
            method,
            f"/{VERSION}/{list_id}/users",
            urlencode(form).encode(),
            {"Content-Type": "application/x-www-form-urlencoded"},
        )
        if not isinstance(answer.value, dict) or "num_received" not in answer.value:
            raise Unavailable("unreadable_answer")
        if answer.value.get("num_invalid_entries"):
            raise RowsRefused("invalid_entry")
        batch = str(answer.value.get("session_id") or "")[:200] or None
        return {item.contact_id: Outcome(CONFIRMED, batch_id=batch) for item in items}


def _rows(item: Item) -> list[list[str]]:
    """What belongs together in one row, so that either matches the person."""
    emails, phones = (item.identifiers.get(kind, ()) for kind in ("email", "phone"))
    return [[email or "", phone or ""] for email, phone in zip_longest(emails, phones)]


def _explain(answer: Answer) -> Fault | None:
    error: Any = answer.value.get("error") if isinstance(answer.value, dict) else None
    if not isinstance(error, dict):
        return None
    code, subcode = error.get("code"), error.get("error_subcode")
    if code in TOO_MANY:
        return Throttled()
    if code in REFUSED:
        return Paused("credentials", f"the token was refused (code {code})")
    if subcode == FLAGGED:
        return Paused("audience_flagged", "Meta flagged the audience; appeal in its settings")
    if code in TRANSIENT or error.get("is_transient"):
        return Doubtful(f"meta_{code}")
    if answer.status == 400:
        return RowsRefused(f"meta_{code}_{subcode}" if subcode else f"meta_{code}")
    return None
