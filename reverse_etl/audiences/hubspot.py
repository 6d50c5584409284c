"""HubSpot: members of static lists, and properties of contacts.

Contacts are known by their address until an answer names their id, which is kept: a removal then
finds them though the address has changed since. Lists silently pass over ids that they do not
know, so ids are asked for first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reverse_etl.audiences.hubspot_client import TOKEN, Hub
from reverse_etl.audiences.model import Capabilities, Item, Outcome, Unavailable
from reverse_etl.audiences.transport import Api
from workspace.ledger.audiences import CONFIRMED, FAILED

GROUP = "marketing_warehouse"
PREFIX = "mw_"
#: Property -> type and field type in HubSpot, and how people read it.
PROPERTIES: Mapping[str, tuple[str, str, str]] = {
    "lead_score": ("number", "number", "Lead score"),
    "lead_band": ("string", "text", "Lead band"),
    "engagement_score": ("number", "number", "Engagement score"),
    "persona": ("string", "text", "Persona"),
    "buyer_stage": ("string", "text", "Buyer stage"),
    "segments": ("string", "textarea", "Segments"),
    "last_campaign": ("string", "text", "Last campaign"),
}

CAPABILITIES = Capabilities(
    name="hubspot",
    title="HubSpot",
    batch_size=100,
    identifiers=("email",),
    normaliser="plain-1",
    variables=(TOKEN,),
    url="https://api.hubapi.com",
    per_second=10.0,
    note="lists, properties, tasks, tickets",
)


class HubSpotList:
    """Members of a static list (MANUAL or SNAPSHOT)."""

    capabilities = CAPABILITIES

    def __init__(self, api: Api, values: dict[str, str]) -> None:
        self._hub = Hub(api, values[TOKEN])

    def add(self, items: Sequence[Item], list_id: str | None) -> dict[str, Outcome]:
        return self._write(items, list_id, "add")

    def remove(self, items: Sequence[Item], list_id: str | None) -> dict[str, Outcome]:
        return self._write(items, list_id, "remove")

    def poll(self, batch_id: str) -> Outcome | None:
        raise NotImplementedError("HubSpot answers at once")

    def _write(
        self, items: Sequence[Item], list_id: str | None, operation: str
    ) -> dict[str, Outcome]:
        ids = known_ids(self._hub, [item for item in items if not item.remote_id])
        ids |= {item.contact_id: item.remote_id for item in items if item.remote_id}
        changes: dict[str, list[str]] = {"recordIdsToAdd": [], "recordIdsToRemove": []}
        names = {"add": "recordIdsToAdd", "remove": "recordIdsToRemove"}
        changes[names[operation]] = sorted(set(ids.values()))
        missing: set[str] = set()
        if ids:
            api = self._hub.client.crm.lists.memberships_api
            answer = self._hub.ask(api.add_and_remove, str(list_id), changes)
            if not isinstance(answer, dict) or "recordIdsMissing" not in answer:
                raise Unavailable("unreadable_answer")
            missing = {str(one) for one in answer["recordIdsMissing"] or ()}
        found = {}
        for item in items:
            remote = ids.get(item.contact_id)
            gone = remote is None or remote in missing
            if gone and operation == "add":
                found[item.contact_id] = Outcome(FAILED, "not_in_hubspot")
            else:  # who is not there is in no list
                found[item.contact_id] = Outcome(CONFIRMED, remote_id=remote)
        return found


class HubSpotContacts:
    """What our properties of contacts say. A removal empties them."""

    capabilities = CAPABILITIES

    def __init__(self, api: Api, values: dict[str, str], properties: Sequence[str]) -> None:
        self._hub = Hub(api, values[TOKEN])
        self._properties = tuple(properties)
        self._is_ready = False

    def add(self, items: Sequence[Item], list_id: str | None) -> dict[str, Outcome]:
        self._make_ready()
        inputs = [
            {
                "idProperty": "email",
                "id": item.identifiers["email"][0],
                "properties": {f"{PREFIX}{k}": _text(v) for k, v in item.attributes.items()},
                "objectWriteTraceId": item.contact_id,
            }
            for item in items
        ]
        api = self._hub.client.crm.contacts.batch_api
        return outcomes(items, self._hub.ask(api.upsert, {"inputs": inputs}))

    def remove(self, items: Sequence[Item], list_id: str | None) -> dict[str, Outcome]:
        self._make_ready()
        ids = known_ids(self._hub, [item for item in items if not item.remote_id])
        ids |= {item.contact_id: item.remote_id for item in items if item.remote_id}
        present = [item for item in items if item.contact_id in ids]
        empty = {f"{PREFIX}{name}": "" for name in self._properties}
        found = {item.contact_id: Outcome(CONFIRMED) for item in items}
        if present:
            inputs = [
                {"id": ids[i.contact_id], "properties": empty, "objectWriteTraceId": i.contact_id}
                for i in present
            ]
            api = self._hub.client.crm.contacts.batch_api
            told = outcomes(present, self._hub.ask(api.update, {"inputs": inputs}))
            # Whoever was deleted there has no properties.
            gone = {k for k, one in told.items() if one.code == "OBJECT_NOT_FOUND"}
            found |= {k: Outcome(CONFIRMED) if k in gone else one for k, one in told.items()}
        return found

    def poll(self, batch_id: str) -> Outcome | None:
        raise NotImplementedError("HubSpot answers at once")

    def _make_ready(self) -> None:
        if not self._is_ready:
            wanted = {f"{PREFIX}{name}": PROPERTIES[name] for name in self._properties}
            ensure_properties(self._hub, "contacts", wanted)
            self._is_ready = True


def ensure_properties(
    hub: Hub,
    object_type: str,
    wanted: Mapping[str, tuple[str, str, str]],
    unique: bool = False,
) -> None:
    """Create the properties that are missing, in a group of ours."""
    api = hub.client.crm.properties
    answer = hub.ask(api.core_api.get_all, object_type)
    known = {one["name"] for one in answer.get("results", ())}
    missing = [name for name in wanted if name not in known]
    if not missing:
        return
    if hub.find(api.groups_api.get_by_name, object_type, GROUP) is None:
        group = {"name": GROUP, "label": "Marketing warehouse", "displayOrder": -1}
        hub.ask(api.groups_api.create, object_type, group)
    for name in missing:
        kind, field, label = wanted[name]
        made: dict[str, Any] = {"name": name, "label": label, "type": kind, "fieldType": field}
        made |= {"groupName": GROUP, **({"hasUniqueValue": True} if unique else {})}
        hub.ask(api.core_api.create, object_type, made)


def known_ids(hub: Hub, items: Sequence[Item], properties: Sequence[str] = ()) -> dict[str, str]:
    """Contact -> id in HubSpot, of those whose address it knows."""
    return {key: str(found["id"]) for key, found in known_contacts(hub, items, properties).items()}


def known_contacts(
    hub: Hub, items: Sequence[Item], properties: Sequence[str] = ()
) -> dict[str, dict[str, Any]]:
    """Contact -> its object in HubSpot, by any address that it has or had."""
    by_email: dict[str, str] = {}
    for item in items:
        for email in item.identifiers.get("email", ()):
            by_email.setdefault(email, item.contact_id)
    found: dict[str, dict[str, Any]] = {}
    emails = sorted(by_email)
    for start in range(0, len(emails), CAPABILITIES.batch_size):
        some = emails[start : start + CAPABILITIES.batch_size]
        asked = {
            "idProperty": "email",
            "inputs": [{"id": email} for email in some],
            "properties": ["email", *properties],
            "propertiesWithHistory": [],
        }
        answer = hub.ask(hub.client.crm.contacts.batch_api.read, asked)
        if not isinstance(answer, dict) or not isinstance(answer.get("results"), list):
            raise Unavailable("unreadable_answer")
        for one in answer["results"]:
            email = str((one.get("properties") or {}).get("email") or "").lower()
            if email in by_email:
                found.setdefault(by_email[email], one)
    return found


def outcomes(items: Sequence[Item], answer: Any) -> dict[str, Outcome]:
    """How each row of a batch ended; what no answer speaks of has failed."""
    if not isinstance(answer, dict) or not isinstance(answer.get("results"), list):
        raise Unavailable("unreadable_answer")
    whose = {item.remote_id: item.contact_id for item in items if item.remote_id}
    done: dict[str, str] = {}
    for one in answer["results"]:
        key = one.get("objectWriteTraceId") or whose.get(str(one.get("id")))
        if key:
            done[str(key)] = str(one["id"])
    codes: dict[str, str] = {}
    errors = answer.get("errors") or []
    for error in errors:
        context = error.get("context") or {}
        for name in ("objectWriteTraceId", "ids"):
            for key in context.get(name) or ():
                codes[str(key)] = str(error.get("category") or "refused")
    other = str(errors[0].get("category")) if errors else "not_in_answer"
    return {
        item.contact_id: Outcome(CONFIRMED, remote_id=done[item.contact_id])
        if item.contact_id in done
        else Outcome(FAILED, codes.get(item.contact_id) or codes.get(item.remote_id or "") or other)
        for item in items
    }


def _text(value: Any) -> str:
    """HubSpot takes every value as text; nothing is the empty one."""
    if value is None:
        return ""
    if isinstance(value, list):
        return ";".join(map(str, value))
    return str(value)
