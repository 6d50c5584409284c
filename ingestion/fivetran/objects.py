"""Contacts, companies, deals, tickets and engagements as the CRM's own objects.

``property_x`` is HubSpot's property ``x``; a few columns that the connector keeps without that
prefix have names of their own in :data:`PLAIN`. A version is known from its last synchronisation
on, so that a later export of a changed row is a later version, whatever else changed with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ingestion.fivetran.joins import ENGAGEMENTS, MODIFIED, OBJECTS, Joins
from ingestion.fivetran.model import Parent, Row, Shape
from ingestion.fivetran.values import (
    SYNCED,
    Values,
    first,
    ident,
    identifier,
    is_deleted,
    latest,
    time_text,
)
from workspace.clock import iso

PREFIX = "property_"
CREATED = ("property_createdate", "property_hs_createdate", "created_at")
MERGED = "hs_merged_object_ids"
ENTERED = "hs_v2_date_entered_"
#: Properties that hold an id, which a warehouse may have kept as a double.
_IDS = ("associatedcompanyid", "hubspot_owner_id", "hs_object_id")
_ENGAGEMENT = {"owner_id": "hubspot_owner_id", "timestamp": "hs_timestamp"}
#: Columns without the prefix, by type of object, and the property that they are.
PLAIN: Mapping[str, Mapping[str, str]] = {
    "contacts": {},
    "companies": {},
    "deals": {
        "deal_pipeline_id": "pipeline",
        "deal_pipeline_stage_id": "dealstage",
        "owner_id": "hubspot_owner_id",
    },
    "tickets": {
        "ticket_pipeline_id": "hs_pipeline",
        "ticket_pipeline_stage_id": "hs_pipeline_stage",
        "owner_id": "hubspot_owner_id",
    },
    "calls": {
        **_ENGAGEMENT,
        "title": "hs_call_title",
        "disposition": "hs_call_disposition",
        "status": "hs_call_status",
        "body": "hs_call_body",
    },
    "emails": {
        **_ENGAGEMENT,
        "subject": "hs_email_subject",
        "status": "hs_email_status",
        "text": "hs_email_text",
    },
    "meetings": {
        **_ENGAGEMENT,
        "title": "hs_meeting_title",
        "meeting_outcome": "hs_meeting_outcome",
        "start_time": "hs_timestamp",
        "end_time": "hs_meeting_end_time",
        "body": "hs_meeting_body",
    },
    "notes": {**_ENGAGEMENT, "body": "hs_note_body"},
    "tasks": {
        **_ENGAGEMENT,
        "subject": "hs_task_subject",
        "status": "hs_task_status",
        "priority": "hs_task_priority",
        "task_type": "hs_task_type",
        "completion_date": "hs_task_completion_date",
        "body": "hs_task_body",
    },
}
_OUTSIDE = ("is_deleted", "active")


def shape(object_type: str) -> Shape:
    """Rows of contacts, companies, deals or tickets."""
    _, ids = OBJECTS[object_type]

    def rows(group: Sequence[Values], parent: Parent) -> Iterator[Row]:
        yield _row(object_type, identifier(group[0], *ids), group[0], parent, ids)

    def look_up(page: Sequence[Values], joins: Joins) -> Parent:
        found = _of_objects([identifier(values, *ids) for values in page], object_type, joins)
        if object_type == "contacts":
            found["companies"] = _moved(page, joins)
        if object_type == "deals":
            found["entered"] = _entered(page, ids, joins)
        return found

    return Shape("crm", rows, look_up=look_up)


def engagement_shape(table: str) -> Shape:
    """Rows of one table of engagements, or of those that are in none (``engagement``)."""
    own_type = ENGAGEMENTS.get(table)
    ids = ("engagement_id", "id") if own_type else ("id", "engagement_id")

    def rows(group: Sequence[Values], parent: Parent) -> Iterator[Row]:
        crm_id = identifier(group[0], *ids)
        base = parent["base"].get(crm_id or "", {})
        object_type = own_type or parent["types"].get(crm_id or "", "engagement")
        yield _row(object_type, crm_id, group[0], parent, ids, base)

    def look_up(page: Sequence[Values], joins: Joins) -> Parent:
        named = [identifier(values, *ids) for values in page]
        found = _of_objects(named, None, joins)
        if own_type:
            found["base"] = {
                one: joins.engagements[one] for one in named if one in joins.engagements
            }
        else:
            found["base"] = {}
            found["types"] = {one: joins.engagement_types[one] for one in named if one}
        return found

    def keep(values: Values, joins: Joins) -> bool:
        one = identifier(values, *ids)
        if own_type:
            return one is None or joins.engagement_types[one] == own_type
        return one not in joins.in_own_table

    left = "told by another table" if own_type else "told by the table of their own type"
    return Shape("crm", rows, look_up=look_up, keep=keep, left_out=left)


def _of_objects(ids: Sequence[str | None], object_type: str | None, joins: Joins) -> dict[str, Any]:
    """What a page's objects are linked to, went into, and hold of others."""
    links = joins.links(object_type)
    found: dict[str, Any] = {"links": {one: links[one] for one in ids if one in links}}
    if object_type is not None:
        merges = joins.merges(object_type)
        absorbed = merges.absorbed
        times = {one: iso(merges.at[one]) for one in merges.at}
        found["gone"] = {one: times.get(one) for one in ids if one in merges.into}
        found["held"] = {
            one: {"ids": absorbed[one], "at": latest(*(times.get(m) for m in absorbed[one]))}
            for one in ids
            if one in absorbed
        }
    return found


def _moved(page: Sequence[Values], joins: Joins) -> dict[str, str]:
    """The companies named by contacts that went into another."""
    into = joins.merges("companies").into
    named = (identifier(values, "property_associatedcompanyid") for values in page)
    return {one: into[one] for one in named if one in into}


def _entered(page: Sequence[Values], ids: Sequence[str], joins: Joins) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for values in page:
        one = identifier(values, *ids)
        if one in joins.entered:
            found[one] = joins.entered[one]
    return found


def _row(
    object_type: str,
    crm_id: str | None,
    values: Values,
    parent: Parent,
    ids: Sequence[str],
    base: Values | None = None,
) -> Row:
    """The object as HubSpot's API would give it."""
    base = base or {}
    one = crm_id or ""
    properties = _properties(object_type, {**base, **values}, ids)
    held = parent.get("held", {}).get(one)
    is_gone = one in parent.get("gone", {})
    properties.pop(MERGED, None)
    if held and not is_gone:
        properties[MERGED] = ";".join(held["ids"])
    entered = parent.get("entered", {}).get(one, {})
    for stage, (time, _) in entered.items():
        properties.setdefault(f"{ENTERED}{stage}", time)
    company = parent.get("companies", {}).get(properties.get("associatedcompanyid"))
    if company:
        properties["associatedcompanyid"] = company
    landed_as = object_type if object_type in PLAIN else "notes"
    if landed_as != object_type:
        properties["engagement_type"] = object_type
    created = time_text(first(values, *CREATED) or first(base, *CREATED))
    known = latest(
        *(source.get(name) for source in (values, base) for name in (SYNCED, *MODIFIED)),
        parent.get("gone", {}).get(one),
        held and held["at"],
        *(at for _, at in entered.values()),
    )
    return {
        "objectType": landed_as,
        "id": crm_id,
        "createdAt": created,
        "updatedAt": known or created,
        "archived": is_gone
        or is_deleted(values)
        or is_deleted(base)
        or base.get("active", values.get("active", "")).lower() == "false",
        "properties": properties,
        "associations": {
            end: {"results": [{"id": other} for other in others]}
            for end, others in parent.get("links", {}).get(one, {}).items()
        },
    }


def _properties(object_type: str, values: Values, ids: Sequence[str]) -> dict[str, str]:
    """Every filled column that is a property, prefixed ones first in right."""
    plain = PLAIN.get(object_type, PLAIN["notes"])
    found: dict[str, str] = {}
    others: dict[str, str] = {}
    for column, text in values.items():
        if column.startswith(PREFIX):
            found[column.removeprefix(PREFIX)] = text
        elif not (column.startswith("_fivetran") or column in ids or column in _OUTSIDE):
            others.setdefault(plain.get(column, column), text)
    found = others | found
    for name in _IDS:
        if name in found:
            found[name] = ident(found[name]) or found[name]
    return {name: time_text(text) or text for name, text in found.items()}
