"""The one way from an intended message to the outbox: :func:`decide`.

Gates are asked in the order of :data:`workspace.definitions.caps.GATES`, for all messages at once;
the first that fails is recorded. ``docs/gates.md`` says what each means.
"""

from __future__ import annotations

from datetime import datetime

import duckdb
import pyarrow as pa

from reverse_etl.gates import capping, timing
from reverse_etl.gates.facts import Facts
from workspace.buckets import BUCKETS, bucket_sql
from workspace.clock import iso
from workspace.definitions.caps import Caps, Skippable
from workspace.streams import STREAMS

#: An intent of a person whom an experiment or campaign keeps as its control.
HELD_OUT = "holdout"

#: What comes out: the stream's columns, but for those that recording adds.
DECISIONS = pa.schema(
    [f for f in STREAMS["message_decisions"].schema if f.name not in ("sequence", "known_at")]
)


def decide(
    connection: duckdb.DuckDBPyConnection,
    intents: str,
    facts: Facts,
    caps: Caps,
    as_of: datetime,
    time_zone: str,
) -> pa.Table:
    """Decide each intended message: one row an intent, of schema :data:`DECISIONS`.

    ``intents`` is a relation with the columns of the stream ``message_intents`` and
    ``deferred_until`` (NULL where it never was); intent ids are unique. ``time_zone`` holds for
    contacts without one. ``queued`` rows say when to send (``scheduled_at``) and which evidence
    proves the consent; ``deferred`` rows until when, or NULL: until somebody does something. The
    answer does not depend on the order of any relation's rows. Temporary tables ``gate_…`` of the
    connection are replaced.
    """
    _tabulate(connection, caps, as_of, time_zone)
    connection.execute(_asked_sql(intents, facts, caps, as_of, time_zone))
    timing.set_times(connection, facts, caps, as_of)
    capping.admit(connection, facts, caps, as_of)
    return connection.execute(_DECIDED).to_arrow_table().cast(DECISIONS)


def reachable_sql(facts: Facts) -> str:
    """A SELECT of contact_id, purpose and channel: who passes every permanent gate."""
    return f"""
        select consents.contact_id, consents.purpose, consents.channel
        from {facts.consents} as consents
        inner join {facts.contacts} as contacts on consents.contact_id = contacts.contact_id
        where consents.state = 'granted' and {_address("consents.channel")} is not null
            and not exists (
                select 1 from {facts.stops} as stops
                where stops.contact_id = consents.contact_id
                    and (stops.channel = consents.channel or stops.channel = 'all')
                    and (stops.purpose = consents.purpose or stops.purpose is null)
            )
    """


def time_sql(at: datetime) -> str:
    return f"timestamp '{iso(at).removesuffix('Z').replace('T', ' ')}'"


def _address(channel: str) -> str:
    return (
        f"case {channel} when 'email' then contacts.email_key "
        "when 'sms' then contacts.phone_key when 'push' then contacts.push_key end"
    )


def _tabulate(
    connection: duckdb.DuckDBPyConnection, caps: Caps, as_of: datetime, time_zone: str
) -> None:
    def skips(name: Skippable) -> pa.Array:
        return pa.array([name in kind.skips for kind in caps.classes.values()], pa.bool_())

    classes = pa.table(
        {
            "message_class": pa.array(list(caps.classes), pa.string()),
            "bands": pa.array([k.bands for k in caps.classes.values()], pa.list_(pa.string())),
            "lifetime_hours": pa.array(
                [k.not_after_hours for k in caps.classes.values()], pa.float64()
            ),
            "skips_consent": skips("consent"),
            "skips_unsubscribed": skips("unsubscribed"),
            "skips_holdout": skips("holdout"),
            "skips_cap": skips("cap"),
            "skips_send_time": skips("send_time"),
        }
    )
    connection.register("gate_given_classes", classes)
    connection.execute("create or replace temp table gate_classes as from gate_given_classes")
    connection.unregister("gate_given_classes")


def _asked_sql(intents: str, facts: Facts, caps: Caps, as_of: datetime, time_zone: str) -> str:
    """Table ``gate_asked``: a row an intent with its answer as far as no time is chosen."""
    now = time_sql(as_of)
    held_out = f"{bucket_sql(_text(caps.holdout.salt), 'intents.contact_id')}"
    limit = round(caps.holdout.share * BUCKETS)
    holdout = f"case when intents.variant = '{HELD_OUT}' then coalesce(intents.experiment, '')"
    if limit:
        holdout += f" when {held_out} < {limit} then 'universal'"
    holdout += " end"
    return f"""
        create or replace temp table gate_asked as
        with intents as materialized (
            select *, row_number() over () as number from {intents}
        ),
        stopped as (
            select intents.number,
                min(stops.detail) filter (where stops.gate = 'erased') as erased,
                min(stops.detail) filter (where stops.gate = 'bounced') as bounced,
                min(stops.detail) filter (where stops.gate = 'consent') as consent,
                min(stops.detail) filter (where stops.gate = 'unsubscribed') as unsubscribed,
                min(stops.detail) filter (where stops.gate = 'suppressed') as suppressed
            from intents
            inner join {facts.stops} as stops
                on intents.contact_id = stops.contact_id
                and (stops.channel = intents.channel or stops.channel = 'all')
                and (stops.purpose = intents.purpose or stops.purpose is null)
            group by intents.number
        ),
        pauses as (
            select scope, source_key,
                max(event) as event  -- a stop outweighs a pause
            from {facts.pauses} group by all
        ),
        everything as (select max(event) as event from pauses where scope = 'all'),
        joined as (
            select
                intents.number,
                intents.intent_id,
                intents.contact_id,
                intents.channel,
                intents.message_class,
                intents.source_kind,
                intents.source_key,
                intents.step,
                intents.occurrence,
                coalesce(intents.priority, 0) as priority,
                intents.expected_value,
                intents.scheduled_at as planned_at,
                coalesce(intents.on_capped, 'wait') as on_capped,
                coalesce(
                    intents.not_after,
                    intents.scheduled_at
                    + to_microseconds(cast(coalesce(classes.lifetime_hours, 0) * 3.6e9 as bigint))
                ) as not_after,
                greatest(
                    {now},
                    intents.scheduled_at,
                    coalesce(intents.deferred_until, intents.scheduled_at)
                ) as due_at,
                contacts.country,
                coalesce(contacts.time_zone, {_text(time_zone)}) as time_zone,
                contacts.band,
                coalesce(classes.skips_cap, false) as skips_cap,
                coalesce(classes.skips_send_time, false) as skips_send_time,
                case when not classes.skips_consent then consents.evidence_id end as evidence_id,
                case
                    when classes.message_class is null
                        then {_answer("class", "intents.message_class")}
                    when stopped.erased is not null then {_answer("erased", "stopped.erased")}
                    when {_address("intents.channel")} is null
                        then {_answer("no_address", "intents.channel")}
                    when stopped.bounced is not null then {_answer("bounced", "stopped.bounced")}
                    when not classes.skips_consent and stopped.consent is not null
                        then {_answer("consent", "stopped.consent")}
                    when not classes.skips_consent and consents.state is null
                        then {_answer("consent", "'never_asked'")}
                    when not classes.skips_consent and consents.state <> 'granted'
                        then {_answer("consent", _STATE)}
                    when not classes.skips_unsubscribed and stopped.unsubscribed is not null
                        then {_answer("unsubscribed", "stopped.unsubscribed")}
                    when stopped.suppressed is not null
                        then {_answer("suppressed", "stopped.suppressed")}
                    when not classes.skips_holdout and {holdout} is not null
                        then {_answer("holdout", holdout)}
                    when intents.approval is not null
                        and approvals.decision is distinct from 'approved'
                        then {_answer("approval", "coalesce(approvals.decision, 'not_asked')")}
                    when coalesce(everything.event, pauses.event) is not null
                        then {_answer("paused", "coalesce(pauses.event, 'everything')")}
                    when incomplete.intent_id is not null
                        then {_answer("template", "incomplete.missing")}
                end as answer
            from intents
            left join gate_classes as classes on intents.message_class = classes.message_class
            left join stopped on intents.number = stopped.number
            left join {facts.contacts} as contacts on intents.contact_id = contacts.contact_id
            left join {facts.consents} as consents
                on intents.contact_id = consents.contact_id
                and intents.purpose = consents.purpose
                and intents.channel = consents.channel
            left join {facts.approvals} as approvals on intents.approval = approvals.subject_hash
            left join pauses
                on intents.source_kind = pauses.scope and intents.source_key = pauses.source_key
            cross join everything
            left join (
                select intent_id, min(missing) as missing from {facts.incomplete} group by all
            ) as incomplete on intents.intent_id = incomplete.intent_id
        )
        select
            joined.* exclude (answer, band),
            case
                when answer is not null then answer
                when due_at >= not_after then {_answer("not_after", "null")}
                when classes.bands is not null
                    and not coalesce(list_contains(classes.bands, joined.band), false)
                    then {_answer("lead_band", "coalesce(joined.band, 'none')")}
            end as answer,
            cast(null as timestamp) as held_until,
            cast(null as varchar) as winner,
        from joined
        left join gate_classes as classes on joined.message_class = classes.message_class
    """


def _answer(gate: str, detail: str) -> str:
    """A gate that fails, and why."""
    return f"{{'gate': '{gate}', 'detail': cast({detail} as varchar)}}"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


_STATE = "concat_ws(': ', consents.state, consents.reason)"

#: A hold whose end is known lets wait until then, another one until somebody lets go: as long as
#: there is time left. What was stopped, and what is not to wait for a cap, ends here.
_DECIDED = """
    with judged as (
        select *,
            case
                when answer is null then 'queued'
                when answer.gate = 'approval' and due_at < not_after
                    and answer.detail <> 'rejected' then 'deferred'
                when answer.gate = 'paused' and due_at < not_after and answer.detail <> 'stop'
                    then 'deferred'
                when answer.gate in ('quiet_hours', 'scheduled') and held_until < not_after
                    then 'deferred'
                when answer.gate = 'cap' and on_capped = 'wait' and held_until < not_after
                    then 'deferred'
                else 'blocked'
            end as decision
        from gate_asked
    )
    select
        intent_id,
        decision,
        answer.gate as gate,
        answer.detail as detail,
        case when decision = 'deferred' then held_until end as deferred_until,
        winner as winner_intent_id,
        case when answer.gate = 'cap' then expected_value end as value_lost,
        case when decision = 'queued' then evidence_id end as consent_evidence_id,
        case when decision = 'queued' then due_at end as scheduled_at
    from judged
"""
