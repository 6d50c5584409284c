"""Messages that journeys intend: one for each arrival at a send node, said once.

They follow from the log, so that a run that broke off between the two is made good by the next.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from reverse_etl.campaigns import controls
from reverse_etl.campaigns.approving import definition_of_journey
from reverse_etl.experiments import assigning
from reverse_etl.journeys import versions
from workspace.clock import iso
from workspace.definitions.caps import Caps
from workspace.definitions.experiments import Experiments
from workspace.definitions.journey_nodes import Send
from workspace.definitions.journeys import Journey, occasion_of
from workspace.definitions.times import given_text
from workspace.lake import Lake
from workspace.streams import STREAMS

INTENTS = "message_intents"
DECISIONS = "message_decisions"

_SENDS = pa.schema(
    [
        ("journey", pa.string()),
        ("version", pa.int64()),
        ("node", pa.string()),
        ("channel", pa.string()),
        ("template", pa.string()),
        ("purpose", pa.string()),
        ("message_class", pa.string()),
        ("priority", pa.int64()),
        ("expected_value", pa.float64()),
        ("keeps_seconds", pa.int64()),
        ("on_capped", pa.string()),
        ("send_time", pa.string()),
        ("approval", pa.string()),
        ("occasion", pa.string()),
        ("given", pa.string()),
    ]
)


def store(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    experiments: Experiments,
    caps: Caps,
    as_of: datetime,
) -> int:
    """Append what the log intends and the stream does not hold yet; how many messages.

    ``journey_log`` must stand, with the steps of this run. Experiments say which variant of a
    message somebody gets; who is assigned for the first time is stored before the messages are.
    """
    arrivals(connection, lake, as_of)
    names = STREAMS[INTENTS].schema.names
    connection.execute(
        f"""
        create or replace temp table journey_intents as
        select {", ".join(f"a.{name}" for name in names)}
        from journey_arrivals as a
        anti join ({lake.relation_sql(INTENTS)}) as known on a.intent_id = known.intent_id
        """
    )
    controls.mark(connection, lake, "journey_intents", as_of)
    assigning.expose(connection, lake, experiments, caps, "journey_intents", as_of)
    rows = connection.execute("from journey_intents order by intent_id").to_arrow_table()
    if rows.num_rows:
        batch = f"journeys:{len(lake.entries(INTENTS)) + 1}:{iso(as_of)}"
        lake.commit(INTENTS, batch, rows.cast(STREAMS[INTENTS].schema))
    return rows.num_rows


def arrivals(
    connection: duckdb.DuckDBPyConnection, lake: Lake, as_of: datetime, among: str | None = None
) -> None:
    """``journey_arrivals``: the log's arrivals at send nodes with the intent of each.

    ``among`` is a table of the enrolments that are asked for, if not all are.
    """
    log = f"(from journey_log semi join {among} using (enrolment_id))" if among else "journey_log"
    connection.register("given_sends", pa.Table.from_pylist(_sends(lake, as_of), schema=_SENDS))
    connection.execute(
        f"""
        create or replace temp table journey_arrivals as
        with arrivals as (
            select log.enrolment_id, log.journey, log.version, log.next_node as node,
                log.contact_id, first.contact_id as first_contact_id, first.evidence,
                log.left_at, log.known_at,
                concat(
                    log.occurrence, '.',
                    row_number() over (
                        partition by log.enrolment_id, log.next_node order by log.step_number
                    )
                ) as occurrence
            from {log} as log
            join (
                select enrolment_id, logged_contact_id as contact_id, evidence from {log}
                where step_number = 1 and kind != 'watch'
            ) as first on log.enrolment_id = first.enrolment_id
            where log.kind != 'watch' and log.next_node is not null
        )
        select
            a.enrolment_id,
            sha256(concat_ws(
                chr(0), 'journey', a.journey, a.node, a.occurrence, s.channel, a.first_contact_id
            )) as intent_id,
            'journey' as source_kind,
            a.journey as source_key,
            cast(a.version as varchar) as source_version,
            a.node as step,
            a.occurrence,
            a.contact_id,
            people.account_id,
            people.vertical,
            s.channel,
            s.template,
            s.purpose,
            s.message_class,
            s.priority,
            s.expected_value,
            a.known_at as scheduled_at,
            a.known_at + to_seconds(s.keeps_seconds) as not_after,
            s.on_capped,
            s.send_time,
            s.approval,
            cast(null as varchar) as experiment,
            cast(null as varchar) as variant,
            case when s.occasion is not null then concat(s.occasion, ':', a.evidence) end
                as occasion,
            s.given,
            a.known_at
        from arrivals as a
        join given_sends as s
            on a.journey = s.journey and a.version = s.version and a.node = s.node
        left join marts.contact_features as people on a.contact_id = people.contact_id
        """
    )
    connection.unregister("given_sends")


def outcomes_sql(lake: Lake, as_of: datetime) -> str:
    """How the messages of nodes that wait for it ended, as facts of the tick."""
    return f"""
        select a.enrolment_id, a.step as node, d.known_at as moment,
            d.decision = 'queued' as is_done, coalesce(d.gate, 'queued') as evidence
        from journey_arrivals as a
        join (
            select intent_id, arg_max(decision, sequence) as decision,
                arg_max_null(gate, sequence) as gate, max(known_at) as known_at
            from ({lake.relation_sql(DECISIONS, as_of)}) group by intent_id
        ) as d on a.intent_id = d.intent_id
        where d.decision in ('queued', 'blocked')
    """


def _sends(lake: Lake, as_of: datetime) -> list[dict[str, Any]]:
    rows: dict[tuple[str, int, str], dict[str, Any]] = {}
    for version in versions.history(lake, as_of):
        journey = Journey.model_validate_json(version["definition"])
        for key, node in journey.nodes.items():
            if isinstance(node, Send):
                rows[version["journey"], journey.version, key] = {
                    "journey": version["journey"],
                    "version": journey.version,
                    "node": key,
                    "channel": node.channel,
                    "template": node.template,
                    "purpose": node.purpose or journey.purpose,
                    "message_class": node.message_class or journey.message_class,
                    "priority": node.priority or journey.priority,
                    "expected_value": float(node.expected_value),
                    "keeps_seconds": node.not_after.seconds,
                    "on_capped": node.on_capped,
                    "send_time": node.send_time,
                    "approval": definition_of_journey(version["journey"], journey),
                    "occasion": occasion_of(journey),
                    "given": given_text(journey.values),
                }
    return list(rows.values())
