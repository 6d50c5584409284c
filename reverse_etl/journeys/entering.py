"""Who of chosen contacts would enter a journey by hand, and why not the others: the tick of a run,
on paper, over what is published and the log so far. Nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb
import pyarrow as pa

from reverse_etl.journeys import enrolment, facts, running, standing, versions
from reverse_etl.journeys.plan import Version, plan
from reverse_etl.journeys.rehearsal import Stage
from reverse_etl.journeys.tick import FACTS, STEPS, step
from workspace.definitions.journeys import Cooldown
from workspace.lake import Lake
from workspace.streams import STREAMS

ENTERS, REFUSED, ASKED = "enters", "refused", "asked"
#: In this order; of several the first that holds is told.
VERDICTS = {
    ENTERS: "would enter",
    REFUSED: "would enter and leave again: every channel of the purpose is refused",
    ASKED: "asked for before, and enters by that",
    "unknown": "no contact of that id is published",
    "merged": "is known under another contact id since",
    "is_in": "is in the journey",
    "was_in": "was in the journey, which nobody enters twice",
    "too_soon": "was in the journey, and may not enter again yet",
    "condition": "does not meet the journey's condition (where)",
}


@dataclass(frozen=True)
class Entry:
    """What would become of a contact; ``verdict`` is a key of :data:`VERDICTS`, and ``other`` the
    contact id of one that was merged."""

    contact_id: str
    verdict: str
    other: str | None = None

    @property
    def enters(self) -> bool:
        return self.verdict in (ENTERS, REFUSED, ASKED)


@dataclass(frozen=True)
class Entries:
    """Every contact once, in the order given."""

    entries: list[Entry]

    @property
    def entering(self) -> int:
        return sum(one.enters for one in self.entries)

    def told(self) -> list[tuple[str, str, list[str]]]:
        """Each verdict that there is, in words, with its contacts."""
        found = []
        for verdict, text in VERDICTS.items():
            contacts = [one.contact_id for one in self.entries if one.verdict == verdict]
            if contacts:
                found.append((verdict, text, contacts))
        return found


def on_paper(stage: Stage, lake: Lake, key: str, contacts: Sequence[str], at: datetime) -> Entries:
    """What a run at ``at`` would do with contacts asked for by hand.

    Raises :class:`~reverse_etl.journeys.rehearsal.Unanswerable` and
    :class:`~reverse_etl.publish.NothingPublished`.
    """
    journey = stage.journey(key)
    since = min(
        (row["known_at"] for row in versions.history(lake, at) if row["journey"] == key), default=at
    )
    given = [Version(key, journey, since)]
    with stage.opened() as connection:
        _tables(connection, lake, key, contacts, at)
        planned, sources = plan(given), stage.sources(connection, is_by_hand=True)
        running.show_log(connection, "select * from asked_steps")
        standing.fold(connection)
        facts.contacts(connection, sources)
        standing.number(connection, planned)
        running.make(connection, planned, given, sources, at)
        connection.execute(f"create temp table journey_outcomes ({FACTS['journey_outcomes']})")
        step(connection, planned, at)
        rows = connection.execute(_VERDICTS, [_again(journey.reentry)]).fetchall()
    return Entries([Entry(*row) for row in rows])


def _again(reentry: object) -> str:
    return "too_soon" if isinstance(reentry, Cooldown) or reentry == "after_exit" else "was_in"


def _tables(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    key: str,
    contacts: Sequence[str],
    at: datetime,
) -> None:
    """The contacts, what was asked before and is not ticked yet, and the journey's log of them."""
    with duckdb.connect() as outside:  # a reader of what is published opens no other file
        steps = outside.execute(
            f"select * from ({lake.relation_sql(STEPS, at)}) where journey = $1", [key]
        ).to_arrow_table()
        before = outside.execute(
            f"select distinct contact_id from ({lake.relation_sql(enrolment.STREAM, at)}) "
            f"where journey = $1 and known_at >= coalesce((select max(known_at) from "
            f"({lake.relation_sql(STEPS, at)})), timestamp '1900-01-01')",
            [key],
        ).to_arrow_table()
    asked = pa.table(
        {
            "position": pa.array(range(len(contacts)), pa.int64()),
            "journey": pa.array([key] * len(contacts), pa.string()),
            "contact_id": pa.array(contacts, pa.string()),
            "request_id": pa.array(["rehearsal"] * len(contacts), pa.string()),
            "known_at": pa.array([at] * len(contacts), pa.timestamp("us")),
        }
    )
    for name, table in {
        "rehearsed_enrolments": asked,
        "asked_before": before,
        "asked_steps": steps.select(STREAMS[STEPS].schema.names),
    }.items():
        connection.register("given_rows", table)
        connection.execute(f"create temp table {name} as from given_rows")
        connection.unregister("given_rows")


_VERDICTS = """
    select r.contact_id,
        case
            when e.cid is not null and b.contact_id is not null then 'asked'
            when e.cid is not null and stops.cid is not null then 'refused'
            when e.cid is not null then 'enters'
            when c.cid is null and i.contact_id is not null then 'merged'
            when c.cid is null then 'unknown'
            when past.is_active then 'is_in'
            when past.cid is not null then $1
            else 'condition'
        end as verdict,
        case when c.cid is null then i.contact_id end as other
    from rehearsed_enrolments as r
    left join journey_contacts as c on r.contact_id = c.contact_id
    left join tick_entering as e on c.cid = e.cid
    left join asked_before as b on r.contact_id = b.contact_id
    left join (
        select cid, bool_or(not has_ended) as is_active from tick_enrolled group by cid
    ) as past on c.cid = past.cid
    left join (
        select s.cid from journey_stops as s
        semi join plan_versions as v on s.purpose = v.purpose
    ) as stops on c.cid = stops.cid
    left join (
        select identifier_key, any_value(contact_id) as contact_id
        from marts.identity_map where contact_id is not null and identifier_key <> contact_id
        group by identifier_key
    ) as i on r.contact_id = i.identifier_key
    order by r.position
"""
