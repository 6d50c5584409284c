"""LinkedIn's DMP segments: ``/rest/dmpSegments/{id}/users``, one result an element.

The permission rw_dmp_segments must be granted, a version of the API lasts a year, and a new
segment takes members five seconds after it was made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from reverse_etl.audiences.model import Capabilities, Item, Outcome, Paused, Unavailable
from reverse_etl.audiences.transport import Api
from workspace.ledger.audiences import CONFIRMED, DUE, FAILED

TOKEN, VERSION = "MARKETING_LINKEDIN_TOKEN", "MARKETING_LINKEDIN_VERSION"
DEFAULT_VERSION = "202603"
_RANK = {CONFIRMED: 0, FAILED: 1, DUE: 2}

CAPABILITIES = Capabilities(
    name="linkedin",
    title="LinkedIn matched audiences",
    batch_size=5_000,
    identifiers=("email",),
    normaliser="linkedin-1",
    variables=(TOKEN,),
    optional=(VERSION,),
    url="https://api.linkedin.com",
    minimum_members=300,
    per_second=2.0,
    note="needs rw_dmp_segments",
)


class LinkedIn:
    capabilities = CAPABILITIES

    def __init__(self, api: Api, values: dict[str, str]) -> None:
        self._api = api
        api.headers = {
            "Authorization": f"Bearer {values[TOKEN]}",
            "Linkedin-Version": values.get(VERSION, DEFAULT_VERSION),
            "X-Restli-Protocol-Version": "2.0.0",
            "X-RestLi-Method": "BATCH_CREATE",
        }

    def add(self, items: Sequence[Item], list_id: str | None) -> dict[str, Outcome]:
        return self._write("ADD", items, list_id)

    def remove(self, items: Sequence[Item], list_id: str | None) -> dict[str, Outcome]:
        return self._write("REMOVE", items, list_id)

    def poll(self, batch_id: str) -> Outcome | None:
        raise NotImplementedError("LinkedIn answers at once")

    def _write(self, action: str, items: Sequence[Item], list_id: str | None) -> dict[str, Outcome]:
        # A member with many former addresses makes several elements.
        whose = [(item.contact_id, value) for item in items for _, value in item.pairs]
        found: dict[str, Outcome] = {}
        size = self.capabilities.batch_size
        for start in range(0, len(whose), size):
            some = whose[start : start + size]
            for (contact_id, _), outcome in zip(
                some, self._elements(action, some, list_id), strict=True
            ):
                before = found.get(contact_id)
                if before is None or _RANK[outcome.state] > _RANK[before.state]:
                    found[contact_id] = outcome
        return found

    def _elements(
        self, action: str, whose: Sequence[tuple[str, str]], list_id: str | None
    ) -> list[Outcome]:
        elements = [
            {"action": action, "userIds": [{"idType": "SHA256_EMAIL", "idValue": value}]}
            for _, value in whose
        ]
        path = f"/rest/dmpSegments/{quote(str(list_id), safe='')}/users"
        answer = self._api.send("POST", path, {"elements": elements})
        results = answer.value.get("elements") if isinstance(answer.value, dict) else None
        if not isinstance(results, list) or len(results) != len(elements):
            raise Unavailable("unreadable_answer")
        return [_outcome(result) for result in results]


def _outcome(result: Any) -> Outcome:
    status = result.get("status") if isinstance(result, dict) else None
    if not isinstance(status, int):
        raise Unavailable("unreadable_answer")
    if 200 <= status < 300:
        return Outcome(CONFIRMED)
    if status in (401, 403):
        raise Paused("credentials", f"LinkedIn refused an element ({status})")
    state = DUE if status == 429 or status >= 500 else FAILED
    return Outcome(state, code=f"linkedin_{status}")
