"""Questions about segments, answered from what is published: sizes, previews, plans.

A definition that has not run yet is compiled as a run would, and asked of the published marts on a
locked connection. Nothing here writes, but :func:`snapshot`, which stores members.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from reverse_etl.publish import (
    NothingPublished,
    TookTooLong,
    dicts,
    need,
    published_as_of,
    reader,
)
from reverse_etl.segments import changes, versions
from reverse_etl.segments.compiler import Compiled, compile_segments, only
from workspace.clock import iso
from workspace.definitions import nearest
from workspace.definitions.segment_fields import Fields, plain_name
from workspace.definitions.segments import Segment, Segments
from workspace.lake import Lake
from workspace.paths import Paths
from workspace.streams import STREAMS

SNAPSHOTS = "segment_snapshots"


class Unanswerable(LookupError):
    """A question that what is published cannot answer; the message says what would help."""


@dataclass(frozen=True)
class Counts:
    """``members`` are contacts; ``accounts`` is None for a segment of contacts."""

    members: int
    accounts: int | None
    reachable: list[tuple[str, str, int]]
    sample: list[dict[str, Any]]


@dataclass(frozen=True)
class Reading:
    """Members by one definition on one day's data. ``missing`` says why there are none."""

    name: str
    members: frozenset[str] | None
    missing: str | None = None


@dataclass(frozen=True)
class Planned:
    """What one changed file would do: ``kind`` is new, changed, renamed or retired."""

    segment: str
    kind: str
    before: int
    after: int
    entering: int
    leaving: int
    entering_reachable: int
    is_held: bool


@dataclass(frozen=True)
class Desk:
    """A workspace's published marts, and the definitions as their files stand."""

    paths: Paths
    fields: Fields
    segments: Segments

    def segment(self, key: str) -> Segment:
        if key not in self.segments.segments:
            raise Unanswerable(f"no segment {key!r}{nearest(key, self.segments.segments)}")
        return self.segments.segments[key]

    # ---- what is published -------------------------------------------------------------------

    def listing(self) -> list[dict[str, Any]]:
        """The current segments of ``marketing_segments``, with whom mail reaches at most."""
        with reader(self.paths) as connection:
            need(connection, "marketing_segments")
            return dicts(
                connection,
                """
                select segments.*, coalesce(reach.reachable, 0) as reachable_by_email,
                    drift.entered, drift.departed
                from marts.marketing_segments as segments
                left join (
                    select segment, max(reachable_contacts) as reachable
                    from marts.segment_counts where channel = 'email' group by segment
                ) as reach using (segment)
                left join (
                    select segment, entered, departed from marts.segment_drift
                    qualify row_number() over (
                        partition by segment order by evaluation_number desc
                    ) = 1
                ) as drift using (segment)
                where segments.is_current order by segments.priority, segments.segment
                """,
            )

    def preview(self, key: str, sample: int = 10) -> Counts:
        """Who is in a segment by its file as it stands, on the published marts."""
        segment = self.segment(key)
        with reader(self.paths) as connection:
            need(connection, "reachable_contacts")
            as_of = published_as_of(self.paths)
            compiled = self.compile_on(connection, only(self.segments, key), as_of)
            rows = _members(connection, compiled, key)
            contacts = sorted(row[1] for row in rows if row[0] == "contact")
            accounts = sum(row[0] == "account" for row in rows)
            reachable = connection.execute(
                """
                select purpose, channel, count(*) from marts.reachable_contacts
                where contact_id in (select unnest($1)) group by all order by 3 desc, 1, 2
                """,
                [contacts],
            ).fetchall()
            shown = dicts(
                connection,
                """
                select contact_id, account_id, vertical, role, buyer_stage,
                    round(engagement_score, 1) as engagement, round(lead_score, 1) as lead
                from marts.contact_features
                where contact_id in (select unnest($1)) order by contact_id limit $2
                """,
                [contacts, sample],
            )
        return Counts(
            len(contacts), accounts if segment.unit == "account" else None, reachable, shown
        )

    def readings(self, key: str, day: datetime, lake: Lake) -> list[Reading]:
        """A segment on a past day, as it was and as it would be by other definitions or data."""
        then = versions.in_force(lake, day, Segments())
        found = [Reading("as it was", self._as_was(key, day, lake))]
        present = published_as_of(self.paths)
        for name, segments, at in (
            ("today's definition on that day's data", self.segments, day),
            ("that day's definition on that day's data", then, day),
            ("that day's definition on today's data", then, present),
            ("today's definition on today's data", self.segments, present),
        ):
            if key not in segments.segments:
                reason = f"no definition of {key} was in force at {iso(day)}"
                found.append(Reading(name, None, reason))
                continue
            try:
                with reader(self.paths, day if at == day else None) as connection:
                    compiled = self.compile_on(connection, only(segments, key), at)
                    rows = _members(connection, compiled, key)
                members = frozenset(row[1] for row in rows if row[0] == "contact")
                found.append(Reading(name, members))
            except (Unanswerable, NothingPublished, TookTooLong) as error:
                found.append(Reading(name, None, str(error)))
        return found

    def _as_was(self, key: str, day: datetime, lake: Lake) -> frozenset[str]:
        with reader(self.paths) as connection:
            need(connection, "identity_map")
            identities = connection.execute(
                "select identifier_key, contact_id from marts.identity_map"
            ).to_arrow_table()
        with duckdb.connect() as connection:
            connection.register("identities", identities)
            rows = connection.execute(
                f"select member_id from ({changes.folded_sql(lake, day, 'identities')}) "
                "where segment = ? and member_type = 'contact'",
                [key],
            ).fetchall()
        return frozenset(row[0] for row in rows)

    # ---- what would change -------------------------------------------------------------------

    def plan(self, lake: Lake) -> list[Planned]:
        """What the files as they stand would change against the versions in force."""
        with reader(self.paths) as connection:
            need(connection, "segment_membership_history", "reachable_contacts")
            as_of = published_as_of(self.paths)
            before = versions.in_force(lake, as_of, Segments()).segments
            compiled = self.compile_on(connection, self.segments, as_of, anything=True)
            connection.execute(
                "create temp table planned as "
                "select segment, member_type, member_id from "
                f"({compiled.members_sql()})"
            )
            connection.execute(
                """
                create temp table present as
                select segment, member_type, member_id from marts.segment_membership_history
                where left_at is null
                """
            )
            rows = connection.execute(
                """
                select coalesce(planned.segment, present.segment) as segment,
                    coalesce(planned.member_type, present.member_type) as member_type,
                    count(present.member_id), count(planned.member_id),
                    count(*) filter (where present.member_id is null),
                    count(*) filter (where planned.member_id is null),
                    count(*) filter (
                        where present.member_id is null
                        and planned.member_id in (select contact_id from marts.reachable_contacts)
                    )
                from planned full join present
                    using (segment, member_type, member_id)
                group by all
                """
            ).fetchall()
        known = {(row[0], row[1]): row[2:] for row in rows}
        found = []
        for key in sorted({*before, *self.segments.segments}):
            new, old = self.segments.segments.get(key), before.get(key)
            if new is not None and old is not None and new.plain == old.plain:
                continue
            if new is None:
                kind, unit = "retired", before[key].unit
            elif old is None:
                kind, unit = "new", new.unit
            else:
                kind, unit = "changed" if new.hash != old.hash else "renamed", new.unit
            now, then, enter, leave, _ = known.get((key, unit), (0,) * 5)
            reachable = known.get((key, "contact"), (0,) * 5)[4]
            is_held = new is not None and changes.is_large(new, now, enter, leave)
            found.append(Planned(key, kind, now, then, enter, leave, reachable, is_held))
        return found

    def snapshot(self, key: str, lake: Lake, now: datetime) -> tuple[str, int]:
        """Store who is in a segment by the published memberships; the snapshot's id and size.

        Raises :class:`Unanswerable` for a segment that is stale or was never evaluated.
        """
        with reader(self.paths) as connection:
            need(connection, "segment_memberships")
            known = connection.execute(
                "select definition_hash, computed_at, is_stale from marts.marketing_segments "
                "where segment = ? and is_current",
                [key],
            ).fetchone()
            if known is None:
                self.segment(key)
                raise Unanswerable(f"{key} has not been evaluated yet; 'marketing run' does")
            if known[2]:
                raise Unanswerable(f"{key} is stale: last evaluated {known[1]}; run first")
            members = connection.execute(
                "select contact_id, account_id from marts.segment_memberships "
                "where segment = ? order by contact_id",
                [key],
            ).fetchall()
        snapshot_id = f"{key}:{iso(now)}"
        rows = [
            {
                "snapshot_id": snapshot_id,
                "segment": key,
                "definition_hash": known[0],
                "contact_id": contact_id,
                "account_id": account_id,
                "members_as_of": known[1],
                "known_at": now,
            }
            for contact_id, account_id in members
        ]
        schema = STREAMS[SNAPSHOTS].schema
        if not lake.commit(SNAPSHOTS, snapshot_id, pa.Table.from_pylist(rows, schema=schema)):
            raise Unanswerable(f"the snapshot {snapshot_id} is there already")
        return snapshot_id, len(rows)

    def compile_on(
        self,
        connection: duckdb.DuckDBPyConnection,
        segments: Segments,
        as_of: datetime,
        anything: bool = False,
    ) -> Compiled:
        """Raises :class:`Unanswerable` for an event never seen, unless ``anything`` goes."""
        need(connection, "contact_features", "account_features", "event_names")
        names = connection.execute("select message_type, event from marts.event_names").fetchall()
        compiled = compile_segments(segments, self.fields, names, as_of)
        for key, unseen in ({} if anything else compiled.unseen_events).items():
            plain = {plain_name(event) for _, event in names if event}
            name = sorted(unseen)[0]
            raise Unanswerable(f"{key}: no event {name!r} was ever seen{nearest(name, plain)}")
        return compiled


def _members(
    connection: duckdb.DuckDBPyConnection, compiled: Compiled, key: str
) -> Sequence[tuple[str, str]]:
    return connection.execute(
        f"select member_type, member_id from ({compiled.members_sql()}) where segment = ?", [key]
    ).fetchall()
