"""What one table has to know of others. Read once, when first asked for, and kept in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from ingestion.fivetran.merges import Merge, Merges, fold
from ingestion.fivetran.reading import TableFile
from ingestion.fivetran.values import (
    SYNCED,
    Values,
    first,
    ident,
    identifier,
    is_deleted,
    is_true,
    latest,
    parsed,
)
from workspace.clock import iso

#: Type of object: its table and the columns that may hold its id.
OBJECTS = {
    "contacts": ("contact", ("id", "contact_id", "vid")),
    "companies": ("company", ("id", "company_id")),
    "deals": ("deal", ("deal_id", "id")),
    "tickets": ("ticket", ("id", "ticket_id")),
}
#: Table of engagements: their type of object.
ENGAGEMENTS = {
    "engagement_call": "calls",
    "engagement_email": "emails",
    "engagement_meeting": "meetings",
    "engagement_note": "notes",
    "engagement_task": "tasks",
    "engagement_communication": "communications",
    "engagement_postal_mail": "postal_mail",
}
#: What the column ``type`` of engagements says.
ENGAGEMENT_TYPES = {
    "CALL": "calls",
    "EMAIL": "emails",
    "INCOMING_EMAIL": "emails",
    "FORWARDED_EMAIL": "emails",
    "MEETING": "meetings",
    "NOTE": "notes",
    "TASK": "tasks",
    "COMMUNICATION": "communications",
    "POSTAL_MAIL": "postal_mail",
}
#: Table of pairs: type and column of either end. An end without a type is an engagement.
PAIRS: dict[str, tuple[tuple[str | None, str], tuple[str, str]]] = {
    "contact_company": (("contacts", "contact_id"), ("companies", "company_id")),
    "deal_company": (("deals", "deal_id"), ("companies", "company_id")),
    "deal_contact": (("deals", "deal_id"), ("contacts", "contact_id")),
    "ticket_company": (("tickets", "ticket_id"), ("companies", "company_id")),
    "ticket_contact": (("tickets", "ticket_id"), ("contacts", "contact_id")),
    "ticket_deal": (("tickets", "ticket_id"), ("deals", "deal_id")),
    "engagement_company": ((None, "engagement_id"), ("companies", "company_id")),
    "engagement_contact": ((None, "engagement_id"), ("contacts", "contact_id")),
    "engagement_deal": ((None, "engagement_id"), ("deals", "deal_id")),
    "ticket_engagement": ((None, "engagement_id"), ("tickets", "ticket_id")),
}
#: Association types that mark the primary company: of a contact, a deal, a ticket.
PRIMARY = ("1", "5", "26")
MODIFIED = (
    *("property_lastmodifieddate", "property_hs_lastmodifieddate", "lastmodifieddate"),
    *("last_updated", "updated_at"),
)


class Joins:
    """The tables at hand, by full name. ``currency`` is that of ad accounts that name none."""

    def __init__(self, files: Mapping[str, Sequence[TableFile]], currency: str | None) -> None:
        self._files = files
        self.currency = currency
        self._newest: dict[tuple[str, ...], dict[str, Values]] = {}
        self._merges: dict[str, Merges] = {}
        self._links: dict[str | None, dict[str, dict[str, list[str]]]] = {}
        self._known: dict[str, str | None] = {}
        self._made: dict[str, Any] = {}

    def has(self, table: str) -> bool:
        return table in self._files

    def records(self, table: str) -> Iterator[Values]:
        """The records that can be read; the others are told where their table lands."""
        for file in self._files.get(table, ()):
            for row in file.rows():
                if isinstance(row.value, dict):
                    yield row.value

    def newest(self, table: str, ids: Sequence[str], times: Sequence[str]) -> dict[str, Values]:
        """The last record of each id, by its times and then by when it was synchronised."""
        key = (table, *ids, "", *times)
        if key not in self._newest:
            best: dict[str, tuple[Any, Values]] = {}
            for values in self.records(table):
                one = identifier(values, *ids)
                rank = (
                    parsed(latest(*(values.get(name) for name in times))) or datetime.min,
                    is_true(values.get("_fivetran_active")),
                    parsed(values.get(SYNCED)) or datetime.min,
                )
                if one is not None and (one not in best or rank >= best[one][0]):
                    best[one] = (rank, values)
            self._newest[key] = {one: values for one, (_, values) in best.items()}
        return self._newest[key]

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """What ``make`` gives, made once for all pages."""
        if name not in self._made:
            self._made[name] = make()
        return self._made[name]

    def texts(self, table: str, ids: Sequence[str], *columns: str) -> dict[str, str | None]:
        """One text of each record, by id."""

        def read() -> dict[str, str | None]:
            return {
                one: first(values, *columns)
                for values in self.records(table)
                if (one := identifier(values, *ids)) is not None
            }

        return self.once(" ".join((table, *columns)), read)

    def known_at(self, table: str) -> str | None:
        """When a table was last synchronised."""
        if table not in self._known:
            times = (parsed(values.get(SYNCED)) for values in self.records(table))
            newest = max((time for time in times if time is not None), default=None)
            self._known[table] = iso(newest) if newest else None
        return self._known[table]

    def merges(self, object_type: str) -> Merges:
        if object_type not in self._merges:
            found = fold(self._told_merges(object_type)) if object_type in OBJECTS else fold([])
            self._merges[object_type] = found
        return self._merges[object_type]

    def _told_merges(self, object_type: str) -> Iterator[Merge]:
        """Merges as an audit, a table of pairs, and the survivors' own properties tell them."""
        if object_type == "contacts":
            for values in self.records("hubspot.contact_merge_audit"):
                survivor = identifier(values, "canonical_vid", "contact_id")
                merged = identifier(values, "vid_to_merge")
                if survivor and merged:
                    yield Merge(merged, survivor, _at(values, "timestamp"))
        if object_type == "deals":
            for values in self.records("hubspot.merged_deal"):
                survivor, merged = identifier(values, "deal_id"), identifier(values, MERGED_DEAL)
                if survivor and merged:
                    yield Merge(merged, survivor, _at(values))
        table, ids = OBJECTS[object_type]
        for values in self.records(f"hubspot.{table}"):
            listed = first(values, "property_hs_merged_object_ids", "hs_merged_object_ids")
            vids = first(values, "property_hs_calculated_merged_vids", "calculated_merged_vids")
            survivor = identifier(values, *ids) if listed or vids else None
            if survivor is not None:
                names = [*(listed or "").split(";"), *(vids or "").split(";")]
                for name in names:
                    # A calculated list has the time behind each id.
                    merged = ident(name.partition(":")[0])
                    if merged:
                        yield Merge(merged, survivor, _at(values, *MODIFIED))

    @cached_property
    def engagements(self) -> dict[str, Values]:
        return self.newest("hubspot.engagement", ("id", "engagement_id"), ("last_updated",))

    @cached_property
    def engagement_types(self) -> dict[str, str]:
        """The one type of each engagement: what the engagement says, or the table it is in."""
        found: dict[str, str] = {}
        for table, object_type in ENGAGEMENTS.items():
            for values in self.records(f"hubspot.{table}"):
                one = identifier(values, "engagement_id", "id")
                if one is not None:
                    found.setdefault(one, object_type)
        for one, values in self.engagements.items():
            told = ENGAGEMENT_TYPES.get((values.get("type") or "").upper())
            if one not in found:
                found[one] = told or (values.get("type") or "engagement").lower()
        return found

    @cached_property
    def in_own_table(self) -> frozenset[str]:
        return frozenset(
            one
            for table in ENGAGEMENTS
            for values in self.records(f"hubspot.{table}")
            if (one := identifier(values, "engagement_id", "id")) is not None
        )

    def links(self, object_type: str | None) -> dict[str, dict[str, list[str]]]:
        """Of each object (None: of each engagement) the objects it is linked to, primary first."""
        if object_type not in self._links:
            ranked: dict[str, dict[str, dict[str, tuple[bool, int, str]]]] = {}
            for table, ((start, start_id), (end, end_id)) in PAIRS.items():
                if start != object_type or end == "tickets":
                    continue
                for values in self.records(f"hubspot.{table}"):
                    one, other = identifier(values, start_id), identifier(values, end_id)
                    if one is None or other is None or is_deleted(values):
                        continue
                    other = self.merges(end).of(other)
                    if start:
                        one = self.merges(start).of(one)
                    rank = (values.get("type_id", "") not in PRIMARY, len(other), other)
                    ends = ranked.setdefault(one, {}).setdefault(end, {})
                    ends[other] = min(rank, ends.get(other, rank))
            self._links[object_type] = {
                one: {end: sorted(ids, key=ids.__getitem__) for end, ids in ends.items()}
                for one, ends in ranked.items()
            }
        return self._links[object_type]

    @cached_property
    def entered(self) -> dict[str, dict[str, tuple[str, str | None]]]:
        """Of each deal, when it last came into each stage, and when that was known."""
        found: dict[str, dict[str, tuple[str, str | None]]] = {}
        for values in self.records("hubspot.deal_stage"):
            self._enter(found, values, first(values, "date_entered", "_fivetran_start"))
        for values in self.records("hubspot.deal_property_history"):
            if values.get("name") == "dealstage":
                self._enter(found, values, first(values, "timestamp", "_fivetran_start"))
        return found

    @staticmethod
    def _enter(
        found: dict[str, dict[str, tuple[str, str | None]]], values: Values, time: str | None
    ) -> None:
        deal, stage = identifier(values, "deal_id"), first(values, "value")
        if deal is None or stage is None or parsed(time) is None:
            return
        stages = found.setdefault(deal, {})
        before, known = stages.get(stage, (None, None))
        newest = latest(before, time)
        assert newest is not None
        stages[stage] = (newest, latest(known, values.get(SYNCED)))

    @cached_property
    def told_stages(self) -> set[tuple[str | None, datetime | None, str | None]]:
        """The deal stages that the properties' history tells as well."""
        return {
            stage_change(values, "timestamp", "_fivetran_start")
            for values in self.records("hubspot.deal_property_history")
            if values.get("name") == "dealstage"
        }


MERGED_DEAL = "merged_deal_id"


def stage_change(values: Values, *times: str) -> tuple[str | None, datetime | None, str | None]:
    """A deal, when it changed, and its new stage."""
    return identifier(values, "deal_id"), parsed(first(values, *times)), first(values, "value")


def _at(values: Values, *names: str) -> datetime | None:
    return parsed(latest(*(values.get(name) for name in names), values.get(SYNCED)))
