"""What goes with the CRM's objects: pairs, lists, owners, stages, histories, forms and mail events.

Pairs and list members carry the hash of the whole set they belong to and the time at which their
table was last synchronised, so that a later set, ours or the API's, ends what is in it no more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ingestion.fivetran.joins import OBJECTS, PAIRS, Joins, stage_change
from ingestion.fivetran.model import Cell, Parent, Row, Shape, cell
from ingestion.fivetran.values import (
    SYNCED,
    Values,
    first,
    ident,
    identifier,
    is_deleted,
    is_true,
    latest,
    time_text,
)

Fields = Mapping[str, Cell]


def _set_hash(parts: Sequence[str | None]) -> str:
    text = " ".join(part or "" for part in parts)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _flat(
    kind: str,
    fields: Fields,
    more: Callable[[Values, Parent], Row] | None = None,
    **constants: Any,
) -> Callable[[Sequence[Values], Parent], Iterator[Row]]:
    def rows(group: Sequence[Values], parent: Parent) -> Iterator[Row]:
        row = {name: read(group[0]) for name, read in fields.items()}
        yield {**constants, **row, **(more(group[0], parent) if more else {})}

    return rows


def _told(fields: Fields) -> dict[str, str]:
    return {name: ", ".join(read.names) for name, read in fields.items()}


def _known(*names: str) -> Callable[[Values, Parent], Row]:
    return lambda values, _: {"known_at": latest(*(values.get(n) for n in (*names, SYNCED)))}


# ---- pairs and members -----------------------------------------------------------------------


def pairs(table: str) -> Shape:
    """What objects are linked to; all pairs of one object together."""
    (start, start_id), (end, end_id) = PAIRS[table]

    def key(values: Values, joins: Joins) -> str | None:
        one = identifier(values, start_id)
        return joins.merges(start).of(one) if one and start else one

    def look_up(page: Sequence[Values], joins: Joins) -> Parent:
        found: dict[str, Any] = {"known_at": joins.known_at(f"hubspot.{table}")}
        named = [identifier(values, start_id) for values in page]
        if start:
            found["start"] = _survivors(named, start, joins)
        else:
            types = joins.engagement_types
            found["types"] = {one: types[one] for one in named if one in types}
        found["end"] = _survivors([identifier(v, end_id) for v in page], end, joins)
        return found

    def rows(group: Sequence[Values], parent: Parent) -> Iterator[Row]:
        one = identifier(group[0], start_id)
        told = (first(group[0], "engagement_type") or "engagement").lower()
        object_type = start or parent["types"].get(one, told)
        ends: dict[str | None, list[Values]] = {}
        for values in group:
            other = identifier(values, end_id)
            ends.setdefault(parent["end"].get(other, other), []).append(values)
        about = {
            "from_type": object_type,
            "from_id": parent.get("start", {}).get(one, one),
            "to_type": end,
            "known_at": parent["known_at"],
        }
        yield from _set(about, "to_id", "is_associated", ends, _labels)

    told = {"from_id": start_id, "to_id": end_id, "labels": "label"}
    return Shape("crm_associations", rows, key, look_up, fields=told)


def members() -> Shape:
    """Who is on a list; all of one list together."""

    def key(values: Values, joins: Joins) -> str | None:
        return identifier(values, "contact_list_id", "list_id")

    def look_up(page: Sequence[Values], joins: Joins) -> Parent:
        named = [identifier(values, "contact_id", "id") for values in page]
        known_at = joins.known_at("hubspot.contact_list_member")
        return {"known_at": known_at, "end": _survivors(named, "contacts", joins)}

    def rows(group: Sequence[Values], parent: Parent) -> Iterator[Row]:
        ends: dict[str | None, list[Values]] = {}
        for values in group:
            one = identifier(values, "contact_id", "id")
            ends.setdefault(parent["end"].get(one, one), []).append(values)
        about = {
            "list_id": identifier(group[0], "contact_list_id", "list_id"),
            "known_at": parent["known_at"],
        }
        yield from _set(about, "crm_id", "is_member", ends, _joined)

    told = {"list_id": "contact_list_id", "crm_id": "contact_id", "joined_at": "added_at"}
    return Shape("crm_list_members", rows, key, look_up, fields=told)


def _survivors(named: Sequence[str | None], object_type: str, joins: Joins) -> dict[str, str]:
    into = joins.merges(object_type).into
    return {one: into[one] for one in named if one in into}


def _set(
    about: Row,
    end: str,
    flag: str,
    ends: Mapping[str | None, Sequence[Values]],
    more: Callable[[Sequence[Values]], Row],
) -> Iterator[Row]:
    """One row a member of a set; those deleted are in none."""
    live = {
        other: kept
        for other, found in ends.items()
        if (kept := [values for values in found if not is_deleted(values)])
    }
    times = [values.get(SYNCED) for found in ends.values() for values in found]
    name = _set_hash([latest(*times), *sorted(other or "" for other in live)])
    for other, found in ends.items():
        kept = live.get(other)
        row = {**about, end: other, flag: kept is not None, "set_hash": name}
        yield {**row, **more(kept or found)}


def _labels(found: Sequence[Values]) -> Row:
    labels = sorted({label for values in found if (label := first(values, "label"))})
    return {"labels": ", ".join(labels) or None}


def _joined(found: Sequence[Values]) -> Row:
    times = [time for values in found if (time := first(values, "added_at"))]
    return {"joined_at": latest(*times)}


# ---- lists, owners, stages -------------------------------------------------------------------

_LISTS = {
    "list_id": cell("id", "contact_list_id", read=ident),
    "name": cell("name"),
    "object_type_id": cell("object_type_id"),
    "processing_type": cell("processing_type"),
    "size": cell("metadata_size", "size"),
    "created_at": cell("created_at", read=time_text),
}


def lists() -> Shape:
    def more(values: Values, parent: Parent) -> Row:
        return {"archived": is_deleted(values), **_known("updated_at")(values, parent)}

    return Shape("crm_lists", _flat("crm_lists", _LISTS, more), fields=_told(_LISTS))


_OWNERS = {
    "crm_id": cell("owner_id", "id", read=ident),
    "email": cell("email"),
    "first_name": cell("first_name"),
    "last_name": cell("last_name"),
    "user_id": cell("active_user_id", "user_id", read=ident),
    "created_at": cell("created_at", read=time_text),
}


def owners() -> Shape:
    def look_up(page: Sequence[Values], joins: Joins) -> Parent:
        names = joins.newest("hubspot.team", ("id", "team_id"), ())
        teams: dict[str, str] = {}
        for values in joins.records("hubspot.owner_team"):
            owner = identifier(values, "owner_id")
            team = names.get(identifier(values, "team_id") or "")
            name = first(team, "name") if team else None
            if owner and name and not is_deleted(values):
                if is_true(values.get("is_team_primary")):
                    teams[owner] = name
                else:
                    teams.setdefault(owner, name)
        named = [identifier(values, "owner_id", "id") for values in page]
        return {"teams": {one: teams[one] for one in named if one in teams}}

    def more(values: Values, parent: Parent) -> Row:
        return {
            "team": parent["teams"].get(identifier(values, "owner_id", "id")),
            "archived": is_deleted(values) or (values.get("is_active") or "").lower() == "false",
            **_known("updated_at")(values, parent),
        }

    rows = _flat("crm_owners", _OWNERS, more)
    return Shape("crm_owners", rows, look_up=look_up, fields=_told(_OWNERS))


_STAGES = {
    "pipeline_id": cell("pipeline_id", read=ident),
    "stage_id": cell("stage_id", "id", read=ident),
    "stage_name": cell("label"),
    "position": cell("display_order"),
    "probability": cell("probability"),
    "is_closed": cell("is_closed"),
}


def stages(object_type: str) -> Shape:
    """Stages with their pipelines. ``deals`` or ``tickets``."""
    table = f"hubspot.{object_type[:-1]}_pipeline"

    def look_up(page: Sequence[Values], joins: Joins) -> Parent:
        known = joins.newest(table, ("pipeline_id", "id"), ("updated_at",))
        named = [identifier(values, "pipeline_id") for values in page]
        return {"pipelines": {one: known[one] for one in named if one in known}}

    def more(values: Values, parent: Parent) -> Row:
        pipeline = parent["pipelines"].get(identifier(values, "pipeline_id"), {})
        both = (values, pipeline)
        return {
            "pipeline_name": first(pipeline, "label"),
            "archived": any(is_deleted(v) or v.get("active", "").lower() == "false" for v in both),
            "known_at": latest(*(v.get(name) for v in both for name in ("updated_at", SYNCED))),
        }

    rows = _flat("crm_stages", _STAGES, more, object_type=object_type)
    return Shape("crm_stages", rows, look_up=look_up, fields=_told(_STAGES))


# ---- histories -------------------------------------------------------------------------------


HISTORY_TIMES = ("timestamp", "timestamp_instant", "_fivetran_start")


def history(object_type: str) -> Shape:
    """Every value a property had."""
    times = HISTORY_TIMES
    object_id = f"{OBJECTS[object_type][0]}_id"
    fields = {
        "crm_id": cell(object_id, read=ident),
        "property": cell("name"),
        "value": cell("value"),
        "source_type": cell("source"),
        "source_id": cell("source_id"),
        "changed_at": cell(*times, read=time_text),
        "known_at": cell(*times, read=time_text),
    }
    rows = _flat("crm_property_history", fields, object_type=object_type)
    return Shape("crm_property_history", rows, fields=_told(fields))


def deal_stages() -> Shape:
    """The stages a deal was in, where the properties' history does not tell them."""
    times = ("date_entered", "_fivetran_start")
    fields = {
        "crm_id": cell("deal_id", read=ident),
        "value": cell("value"),
        "source_type": cell("source"),
        "source_id": cell("source_id"),
        "changed_at": cell(*times, read=time_text),
        "known_at": cell(*times, read=time_text),
    }
    rows = _flat("crm_property_history", fields, object_type="deals", property="dealstage")
    return Shape(
        "crm_property_history",
        rows,
        keep=lambda values, joins: stage_change(values, *times) not in joins.told_stages,
        left_out="told by deal_property_history",
        fields=_told(fields),
    )


# ---- forms and mail events -------------------------------------------------------------------

_FORMS = {
    "submission_id": cell("conversion_id"),
    "form_id": cell("form_id"),
    "page_url": cell("page_url"),
    "occurred_at": cell("timestamp", read=time_text),
}


def form_submissions() -> Shape:
    def look_up(page: Sequence[Values], joins: Joins) -> Parent:
        ids = OBJECTS["contacts"][1]
        contacts = joins.texts("hubspot.contact", ids, "property_email", "email")
        forms = joins.newest("hubspot.form", ("guid", "id"), ("updated_at",))
        found: dict[str, Any] = {"emails": {}, "forms": {}}
        for values in page:
            one, form = identifier(values, "contact_id"), first(values, "form_id")
            if one in contacts:
                found["emails"][one] = contacts[one]
            if form in forms:
                found["forms"][form] = first(forms[form], "name")
        return found

    def more(values: Values, parent: Parent) -> Row:
        parts = [first(values, name) for name in ("contact_id", "form_id", "timestamp")]
        return {
            "submission_id": first(values, "conversion_id") or _set_hash(parts),
            "form_name": parent["forms"].get(first(values, "form_id")),
            "email": parent["emails"].get(identifier(values, "contact_id")),
            "known_at": latest(values.get(SYNCED)),
        }

    rows = _flat("form_submissions", _FORMS, more, source="hubspot")
    return Shape("form_submissions", rows, look_up=look_up, fields=_told(_FORMS))


_EVENT_TYPES = {
    "PROCESSED": "processed",
    "SENT": "sent",
    "DEFERRED": "deferred",
    "DELIVERED": "delivered",
    "BOUNCE": "bounced",
    "DROPPED": "dropped",
    "OPEN": "opened",
    "CLICK": "clicked",
    "SPAMREPORT": "complained",
}
_SUBSCRIPTIONS = {"UNSUBSCRIBED": "unsubscribed", "SUBSCRIBED": "resubscribed"}
_BOUNCES = {
    "UNKNOWN_USER": "permanent",
    **dict.fromkeys(
        ("MAILBOX_FULL", "GREYLISTING", "THROTTLED", "TIMEOUT", "DNS_FAILURE"), "transient"
    ),
    **dict.fromkeys(("SPAM", "POLICY", "CONTENT", "DMARC"), "block"),
    **dict.fromkeys(("IP_REPUTATION", "DOMAIN_REPUTATION", "SENDER_REPUTATION"), "block"),
}
_DETAILED = (
    *("bounce", "click", "deferred", "delivered", "dropped", "forward", "open", "print", "sent"),
    *("spam_report", "status_change"),
)
#: Tables with what one type of event has besides.
EVENT_DETAILS = tuple(f"email_event_{name}" for name in _DETAILED)
_MAIL = {
    "provider_event_id": cell("id"),
    "provider_message_id": cell("sent_by_id"),
    "recipient": cell("recipient"),
    "occurred_at": cell("created", read=time_text),
}


def mail_events() -> Shape:
    def look_up(page: Sequence[Values], joins: Joins) -> Parent:
        ids = {first(values, "id") for values in page}
        found: dict[str, Values] = {}
        for table in EVENT_DETAILS:
            known = joins.newest(f"hubspot.{table}", ("id",), ())
            found |= {one: known[one] for one in ids if one in known}
        return {"details": found}

    def keep(values: Values, joins: Joins) -> bool:
        event_type = (values.get("type") or "").upper()
        if event_type != "STATUSCHANGE":
            return event_type in _EVENT_TYPES
        known = joins.newest("hubspot.email_event_status_change", ("id",), ())
        return _subscription(known.get(values.get("id", ""), {})) is not None

    def more(values: Values, parent: Parent) -> Row:
        details = parent["details"].get(first(values, "id"), {})
        event_type = _EVENT_TYPES.get(values["type"].upper()) or _subscription(details)
        category = first(details, "category")
        bounce = _BOUNCES.get((category or "").upper(), "undetermined")
        return {
            "event_type": event_type,
            "bounce_type": bounce if event_type == "bounced" else None,
            "reason": first(details, "drop_reason", "category", "response"),
            "url": first(details, "url"),
            "user_agent": first(details, "user_agent"),
            "ip": first(details, "ip_address"),
            "is_machine": True if is_true(values.get("filtered_event")) else None,
            "known_at": latest(values.get(SYNCED)),
        }

    rows = _flat("delivery_events", _MAIL, more, provider="hubspot", channel="email")
    return Shape(
        "delivery_events",
        rows,
        look_up=look_up,
        keep=keep,
        left_out="of types that delivery_events does not know",
        fields=_told(_MAIL),
    )


def _subscription(details: Values) -> str | None:
    return _SUBSCRIPTIONS.get((details.get("portal_subscription_status") or "").upper())
