"""Tasks, tickets and changes of contacts that journeys, campaigns and routes ask the CRM for.

Each is made once. It carries our id in a property that HubSpot keeps unique, and that it is read
by; so an action whose answer never came is looked up before it is made again, and a second one
would be refused.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb

from reverse_etl.audiences import hubspot
from reverse_etl.audiences.hubspot_client import TOKEN, Hub
from reverse_etl.audiences.model import Fault, Item, Paused, RowsRefused, Unavailable
from reverse_etl.audiences.registry import Desk
from reverse_etl.audiences.transport import Doubtful
from reverse_etl.publish import dicts
from workspace.definitions.audiences import Crm, Task
from workspace.ledger import Ledger
from workspace.ledger import crm_actions as book
from workspace.ledger.crm_actions import Action, Open

#: An action that was asked for longer ago is history: the CRM is not told when it is connected.
FRESH = timedelta(days=7)
#: A lead that comes into its band again within these days is no new task.
AGAIN = timedelta(days=30)
OUR_ID = {"mw_action_id": ("string", "text", "Id in the marketing warehouse")}
_KINDS = {"create_task": "task", "create_ticket": "ticket", "update_crm": "update"}
_OBJECTS = {"task": "tasks", "ticket": "tickets"}
#: HubSpot's own types of associations: of a task and of a ticket to a contact.
_ASSOCIATION = {"task": 204, "ticket": 16}
DELIVERED, FAILED, UNKNOWN, DUE = "delivered", "failed", "unknown", "due"


@dataclass
class Done:
    """``planned`` actions are new; ``states`` counts how those that were tried ended."""

    planned: int = 0
    states: Counter[str] = field(default_factory=Counter)
    reason: str | None = None


@dataclass(frozen=True)
class Wanted:
    """What an action says: a title, when it is due, whose it is, properties of a contact, which
    ``crm_id`` names where its address may be what is wrong."""

    action: Action
    title: str = ""
    body: str = ""
    due_at: datetime | None = None
    priority: str = "MEDIUM"
    owner: str | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)
    crm_id: str | None = None


def open_hub(desk: Desk) -> Hub:
    return Hub(desk.api(hubspot.CAPABILITIES.name), desk.values[TOKEN])


def deliver(
    connection: duckdb.DuckDBPyConnection,
    ledger: Ledger,
    settings: Crm,
    hub: Hub | None,
    at: datetime,
    allowed: str,
) -> Done:
    """Write down what is asked for, and do what is due; without ``hub`` nothing is written.

    ``connection`` is `people.desk`, and ``allowed`` its table of the contacts who agreed to the
    CRM's purpose.
    """
    done = Done()
    if not settings.actions:
        return done
    wanted = {one.action.action_id: one for one in asked_for(connection, ledger, settings, at)}
    if hub is None:
        done.planned = len(wanted)
        return done
    done.planned = book.plan(ledger, (one.action for one in wanted.values()), at)
    todo = book.open_actions(ledger)
    if not todo:
        return done
    tried = [wanted[one.action_id] for one in todo if one.action_id in wanted]
    refused = _refused(connection, allowed, tried)
    contacts = _contacts(connection, [one for one in tried if one.action.action_id not in refused])
    try:
        for kind in {one.kind for one in todo} & set(_OBJECTS):
            hubspot.ensure_properties(hub, _OBJECTS[kind], OUR_ID, unique=True)
        known = hubspot.known_contacts(hub, list(contacts.values()), ["hubspot_owner_id"])
        for one in todo:
            said = wanted.get(one.action_id)
            state = _do(hub, ledger, settings, one, said, refused, known, at)
            done.states[state] += 1
    except (Paused, Unavailable) as fault:
        done.reason = str(fault)
    return done


def asked_for(
    connection: duckdb.DuckDBPyConnection, ledger: Ledger, settings: Crm, at: datetime
) -> list[Wanted]:
    """Everything that journeys, campaigns and routes ask for, of the last days."""
    since = at - FRESH
    found = [_of_journey(row, settings) for row in _rows(connection, "journey_actions", _JOURNEYS)]
    found += [_of_campaign(row) for row in _rows(connection, "campaign_tickets", _TICKETS)]
    recent = book.asked_since(ledger, "route", at - AGAIN)
    for row in _rows(connection, "lead_scores", _ROUTES):
        task = settings.tasks.get(row["route"])
        if task is None or (task.verticals and row["vertical"] not in task.verticals):
            continue
        if (row["contact_id"], row["route"]) in recent:
            continue
        key = _hash("route", row["contact_id"], row["route"], at.date().isoformat())
        action = Action(key, "task", "route", row["route"], row["contact_id"], at)
        found.append(_of_route(action, task))
    waiting = book.open_actions(ledger)
    # A band is only just come into on one day: what waits since is as it was asked for then.
    found += [
        _of_route(one, settings.tasks[one.source_key])
        for one in waiting
        if one.source_kind == "route" and one.source_key in settings.tasks
    ]
    still_open = {one.action_id for one in waiting}
    fresh = [
        one
        for one in found
        if one.action.requested_at >= since or one.action.action_id in still_open
    ]
    # What a person had corrected does not grow old.
    return [*fresh, *map(_of_rectification, _rows(connection, RECTIFIED, _RECTIFICATIONS))]


RECTIFIED = "rectifications"
#: What the CRM calls what a person may have corrected.
_CORRECTED = {
    "email": "email",
    "phone": "phone",
    "first_name": "firstname",
    "last_name": "lastname",
    "job_title": "jobtitle",
    "city": "city",
    "country": "country",
    "language": "hs_language",
}
_RECTIFICATIONS = f"select * from {RECTIFIED} where crm_id is not null and status = 'holds'"
_JOURNEYS = (
    "select * from journey_actions where contact_id is not null "
    "and action in ('create_task', 'create_ticket', 'update_crm')"
)
_TICKETS = "select * from campaign_tickets"
_ROUTES = "select * from lead_scores where band_change = 'up'"


def _rows(connection: duckdb.DuckDBPyConnection, table: str, query: str) -> list[dict[str, Any]]:
    found = connection.execute(
        "select count(*) from duckdb_tables() where table_name = ?", [table]
    ).fetchone()
    return dicts(connection, query) if found and found[0] else []


def _of_route(action: Action, task: Task) -> Wanted:
    due_at = action.requested_at + timedelta(days=task.due_days)
    return Wanted(action, task.title, "", due_at, task.priority, task.owner)


def _of_journey(row: Mapping[str, Any], settings: Crm) -> Wanted:
    kind, at = _KINDS[row["action"]], row["requested_at"]
    given = json.loads(row["definition"] or "{}")
    action = Action(row["action_id"], kind, "journey", row["journey"], row["contact_id"], at)
    due = given.get("due") or {}
    # A journey's day is 24 hours, as its waits are.
    due_at = at + timedelta(**{unit: n for unit, n in due.items() if n})
    owner = settings.queues.get(given.get("queue") or "")
    return Wanted(
        action, given.get("title") or row["subject"] or "", f"Journey {row['journey']}", due_at,
        owner=owner, properties=given.get("properties") or {},
    )  # fmt: skip


def _of_rectification(row: Mapping[str, Any]) -> Wanted:
    key = _hash("rectification", row["rectification_id"])
    action = Action(
        key, "update", "rectification", row["field"], row["contact_id"], row["known_at"]
    )
    return Wanted(
        action, properties={_CORRECTED[row["field"]]: row["value"] or ""}, crm_id=row["crm_id"]
    )


def _of_campaign(row: Mapping[str, Any]) -> Wanted:
    at = datetime.combine(row["failed_on"], datetime.min.time())
    action = Action(row["ticket_id"], "ticket", "campaign", row["campaign"], None, at)
    return Wanted(action, row["title"], row["body"] or "", at)


def _contacts(connection: duckdb.DuckDBPyConnection, wanted: Sequence[Wanted]) -> dict[str, Item]:
    ids = sorted({one.action.contact_id for one in wanted if one.action.contact_id})
    rows = connection.execute(
        "select contact_id, lower(trim(email)) from contacts "
        "where email is not null and list_contains($1, contact_id) "
        "and contact_id not in (select contact_id from stops where state = 'erased')",
        [ids],
    ).fetchall()
    return {key: Item(key, {"email": [email]}) for key, email in rows}


def _refused(
    connection: duckdb.DuckDBPyConnection, allowed: str, wanted: Sequence[Wanted]
) -> set[str]:
    """The actions of whom it may not be: all where somebody objected or was erased, and without
    consent those that come of a score, or write what is known of a person. What a person had
    corrected needs no consent, and an objection does not keep it wrong."""
    actions = [one.action for one in wanted if one.action.contact_id]
    ids = sorted({one.contact_id for one in actions if one.contact_id})
    erased, objected, agreed = (
        {key for (key,) in connection.execute(query, [ids]).fetchall()}
        for query in (
            "select contact_id from stops where state = 'erased' and list_contains($1, contact_id)",
            "select contact_id from stops "
            "where state = 'objection' and list_contains($1, contact_id)",
            f"select contact_id from {allowed} where list_contains($1, contact_id)",
        )
    )
    return {
        one.action_id
        for one in actions
        if one.contact_id in erased
        or (one.source_kind != "rectification" and one.contact_id in objected)
        or (one.contact_id not in agreed and _needs_consent(one))
    }


def _needs_consent(action: Action) -> bool:
    is_update = action.kind == "update" and action.source_kind != "rectification"
    return is_update or action.source_kind == "route"


def _do(
    hub: Hub,
    ledger: Ledger,
    settings: Crm,
    one: Open,
    wanted: Wanted | None,
    refused: Collection[str],
    known: Mapping[str, Mapping[str, Any]],
    at: datetime,
) -> str:
    """One action; the state it is in then. Raises :class:`Paused`, :class:`Unavailable`."""
    if one.state != DUE and (remote_id := _made_before(hub, one)):
        book.settle(ledger, one.action_id, DELIVERED, at, remote_id)
        return DELIVERED
    if wanted is None:
        return _fail(ledger, one, at, "no_longer_asked_for")
    if one.action_id in refused:
        return _fail(ledger, one, at, "refused")
    contact = known.get(wanted.action.contact_id or "")
    if wanted.crm_id is not None:
        contact = {"id": wanted.crm_id}
    if wanted.action.contact_id is not None and contact is None:
        return _fail(ledger, one, at, "not_in_hubspot")
    book.begin(ledger, [one.action_id], at)
    try:
        remote_id = _make(hub, settings, wanted, contact)
    except RowsRefused as fault:
        # It is also refused where there is one with our id.
        remote_id = _made_before(hub, one)
        if remote_id is None:
            return _fail(ledger, one, at, fault.code)
    except Doubtful as fault:
        # A change of a contact may be made again; anything else is looked up first.
        state = DUE if one.kind == "update" else UNKNOWN
        book.settle(ledger, one.action_id, state, at, None, fault.code, fault.message)
        return state
    except Fault as fault:
        book.settle(ledger, one.action_id, DUE, at, None, fault.code, fault.message)
        raise
    book.settle(ledger, one.action_id, DELIVERED, at, remote_id)
    return DELIVERED


def _made_before(hub: Hub, one: Open) -> str | None:
    """The id of a task or ticket that carries ours."""
    if one.kind not in _OBJECTS:
        return None
    api = hub.client.crm.objects.basic_api
    found = hub.find(api.get_by_id, _OBJECTS[one.kind], one.action_id, id_property="mw_action_id")
    return str(found["id"]) if found is not None else None


def _fail(ledger: Ledger, one: Open, at: datetime, code: str) -> str:
    book.settle(ledger, one.action_id, FAILED, at, None, code)
    return FAILED


def _make(hub: Hub, settings: Crm, wanted: Wanted, contact: Mapping[str, Any] | None) -> str | None:
    """The id of what was made."""
    if wanted.action.kind == "update":
        assert contact is not None
        api = hub.client.crm.contacts.basic_api
        values = {name: str(value) for name, value in wanted.properties.items()}
        hub.ask(api.update, str(contact["id"]), {"properties": values})
        return str(contact["id"])
    kind = wanted.action.kind
    made: dict[str, Any] = {"properties": _properties(settings, wanted, contact)}
    made["associations"] = []
    if contact is not None:
        link = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": _ASSOCIATION[kind]}
        made["associations"] = [{"to": {"id": str(contact["id"])}, "types": [link]}]
    api = hub.client.crm.objects.basic_api
    answer = hub.ask(api.create, _OBJECTS[kind], made, repeatable=False)
    if not isinstance(answer, dict) or not answer.get("id"):
        raise Doubtful("unreadable_answer")
    return str(answer["id"])


def _properties(settings: Crm, wanted: Wanted, contact: Mapping[str, Any] | None) -> dict[str, str]:
    own = (contact or {}).get("properties") or {}
    owner = own.get("hubspot_owner_id") or wanted.owner
    found = {"mw_action_id": wanted.action.action_id}
    if owner:
        found["hubspot_owner_id"] = str(owner)
    if wanted.action.kind == "ticket":
        return found | {
            "subject": wanted.title,
            "content": wanted.body,
            "hs_pipeline": settings.ticket_pipeline,
            "hs_pipeline_stage": settings.ticket_stage,
            "hs_ticket_priority": wanted.priority,
        }
    assert wanted.due_at is not None
    due_ms = int(wanted.due_at.replace(tzinfo=UTC).timestamp() * 1000)
    return found | {
        "hs_task_subject": wanted.title,
        "hs_task_body": wanted.body,
        "hs_timestamp": str(due_ms),
        "hs_task_status": "NOT_STARTED",
        "hs_task_priority": wanted.priority,
        "hs_task_type": "TODO",
    }


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
