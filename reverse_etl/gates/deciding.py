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
from workspace.clock import iso
from workspace.definitions.caps import Caps, Skippable
from workspace.definitions.experiments import HOLDOUT
from workspace.ledger.consent import SOURCE_KIND
from workspace.streams import STREAMS

#: Columns of a decision -> the columns of the consent that the message rests on.
PROOF = {
    "consent_evidence_id": "evidence_id",
    "consent_decided_at": "decided_at",
    "consent_legal_basis": "legal_basis",
    "consent_text_hash": "text_hash",
    "consent_policy_version": "policy_version",
}

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

    ``intents`` is a table with the columns of the stream ``message_intents`` and
    ``deferred_until`` (NULL where it never was); intent ids are unique. ``time_zone`` holds for
    contacts without one. ``queued`` rows say when to send (``scheduled_at``) and which evidence
    proves the consent; ``deferred`` rows until when, or NULL: until somebody does something. The
    answer does not depend on the order of any relation's rows. Temporary tables ``gate_…`` of the
    connection are replaced.
    """
    _tabulate(connection, caps)
    connection.execute(_proofs_sql(intents, facts))
    connection.execute(_asked_sql(intents, facts, caps, as_of, time_zone))
    timing.set_times(connection, intents, facts, caps, as_of)
    capping.admit(connection, intents, facts, caps, as_of)
    return connection.execute(_decided_sql(intents)).to_arrow_table().cast(DECISIONS)


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


def _tabulate(connection: duckdb.DuckDBPyConnection, caps: Caps) -> None:
    def skips(name: Skippable) -> pa.Array:
        return pa.array([name in kind.skips for kind in caps.classes.values()], pa.bool_())

    classes = pa.table(
        {
            "message_class": pa.array(list(caps.classes), pa.string()),
            "has_bands": pa.array([k.bands is not None for k in caps.classes.values()], pa.bool_()),
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
    bands = [(key, band) for key, kind in caps.classes.items() for band in kind.bands or []]
    connection.execute("create or replace temp table gate_bands (message_class text, band text)")
    if bands:
        connection.executemany("insert into gate_bands values (?, ?)", bands)


def _proofs_sql(intents: str, facts: Facts) -> str:
    """Table ``gate_proofs``: the consent that each message would rest on, where there is one.

    By itself, and of numbers: the whole of the intents would be carried through the join.
    """
    return f"""
        create or replace temp table gate_proofs as
        select
            intents.rowid as number, consents.state = 'granted' as is_granted,
            consents.state in ('withdrawn', 'objection', 'suppressed') as is_refused,
            {", ".join(f"consents.{source} as {name}" for name, source in PROOF.items())},
            case when consents.state <> 'granted'
                then concat_ws(': ', consents.state, consents.reason) end as refusal
        from {intents} as intents
        inner join {facts.consents} as consents
            on intents.contact_id = consents.contact_id
            and intents.purpose = consents.purpose
            and intents.channel = consents.channel
    """


def _asked_sql(intents: str, facts: Facts, caps: Caps, as_of: datetime, time_zone: str) -> str:
    """Table ``gate_asked``: an intent's number and its answer as far as no time is chosen."""
    now = time_sql(as_of)
    holdout = f"""
        case when variant = '{HOLDOUT}' then coalesce(experiment, '')
            when {caps.holdout.condition("contact_id")} then 'universal' end
    """
    return f"""
        create or replace temp table gate_asked as
        with stopped as (
            select intents.rowid as number,
                min(stops.detail) filter (where stops.gate = 'erased') as erased,
                min(stops.detail) filter (where stops.gate = 'bounced') as bounced,
                min(stops.detail) filter (where stops.gate = 'consent') as consent,
                min(stops.detail) filter (where stops.gate = 'unsubscribed') as unsubscribed,
                min(stops.detail) filter (where stops.gate = 'suppressed') as suppressed
            from {intents} as intents
            inner join {facts.stops} as stops
                on intents.contact_id = stops.contact_id
                and (stops.channel = intents.channel or stops.channel = 'all')
                and (stops.purpose = intents.purpose or stops.purpose is null)
            group by intents.rowid
        ),
        contacts as (
            select contact_id, country, time_zone, band, email_key is not null as has_email,
                phone_key is not null as has_phone, push_key is not null as has_push
            from {facts.contacts}
        ),
        pauses as (
            select scope, source_key, max(event) as event  -- a stop outweighs a pause
            from {facts.pauses} group by all
        ),
        everything as (select max(event) as event from pauses where scope = 'all'),
        incomplete as (
            select intent_id, min(missing) as missing from {facts.incomplete} group by all
        ),
        joined as (
            select
                intents.rowid as number,
                intents.contact_id,
                intents.channel,
                intents.message_class,
                intents.variant,
                intents.experiment,
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
                contacts.band,
                coalesce(contacts.time_zone, {_text(time_zone)}) as time_zone,
                case intents.channel when 'email' then contacts.has_email
                    when 'sms' then contacts.has_phone when 'push' then contacts.has_push
                end as has_address,
                classes.message_class is not null as has_class,
                coalesce(classes.skips_consent, false) as skips_consent,
                coalesce(classes.skips_unsubscribed, false) as skips_unsubscribed,
                coalesce(classes.skips_holdout, false) as skips_holdout,
                coalesce(classes.skips_cap, false) as skips_cap,
                not coalesce(classes.skips_send_time, false)
                    and coalesce(intents.send_time = 'best', {caps.send_time.choose})
                    as chooses_hour,
                classes.has_bands and bands.band is null as is_other_band,
                stopped.* exclude (number),
                coalesce(proofs.is_granted, false) as is_granted,
                coalesce(proofs.is_refused, false) as is_refused,
                intents.source_kind = {_text(SOURCE_KIND)} as is_asking,
                proofs.refusal,
                intents.approval is not null and approvals.decision is distinct from 'approved'
                    as is_not_approved,
                approvals.decision as approval,
                pauses.event as pause,
                everything.event as pause_of_all,
                incomplete.missing
            from {intents} as intents
            left join gate_classes as classes on intents.message_class = classes.message_class
            left join stopped on intents.rowid = stopped.number
            left join contacts on intents.contact_id = contacts.contact_id
            left join gate_bands as bands
                on intents.message_class = bands.message_class and contacts.band = bands.band
            left join gate_proofs as proofs on intents.rowid = proofs.number
            left join {facts.approvals} as approvals on intents.approval = approvals.subject_hash
            left join pauses
                on intents.source_kind = pauses.scope and intents.source_key = pauses.source_key
            cross join everything
            left join incomplete on intents.intent_id = incomplete.intent_id
        ),
        gated as (
            select *,
                case
                    when not has_class then 'class'
                    when erased is not null then 'erased'
                    when not coalesce(has_address, false) then 'no_address'
                    when bounced is not null then 'bounced'
                    when not skips_consent and (consent is not null or not is_granted)
                        then 'consent'
                    -- A request that was taken back while its message waited is not asked about.
                    when is_asking and (consent is not null or is_refused) then 'consent'
                    when not skips_unsubscribed and unsubscribed is not null then 'unsubscribed'
                    when suppressed is not null then 'suppressed'
                    when not skips_holdout and {holdout} is not null then 'holdout'
                    when is_not_approved then 'approval'
                    when pause is not null or pause_of_all is not null then 'paused'
                    when missing is not null then 'template'
                    when due_at >= not_after then 'not_after'
                    when is_other_band then 'lead_band'
                end as gate
            from joined
        )
        select
            number, channel, message_class, not_after, due_at, country, time_zone,
            skips_cap, skips_consent, chooses_hour, gate,
            case gate
                when 'class' then message_class
                when 'erased' then erased
                when 'no_address' then channel
                when 'bounced' then bounced
                when 'consent' then coalesce(consent, refusal, 'never_asked')
                when 'unsubscribed' then unsubscribed
                when 'suppressed' then suppressed
                when 'holdout' then {holdout}
                when 'approval' then coalesce(approval, 'not_asked')
                when 'paused' then coalesce(pause, 'everything')
                when 'template' then missing
                when 'lead_band' then coalesce(band, 'none')
            end as detail,
            cast(null as timestamp) as held_until,
            cast(null as varchar) as winner
        from gated
    """


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _decided_sql(intents: str) -> str:
    """A hold whose end is known lets wait until then, another one until somebody lets go: as long
    as there is time left. What was stopped, and what is not to wait for a cap, ends here."""
    proof = ", ".join(
        f"case when decision = 'queued' and not skips_consent then proofs.{name} end as {name}"
        for name in PROOF
    )
    return f"""
        with judged as (
            select
                asked.*, intents.intent_id, intents.expected_value,
                case
                    when gate is null then 'queued'
                    when gate = 'approval' and due_at < asked.not_after
                        and detail <> 'rejected' then 'deferred'
                    when gate = 'paused' and due_at < asked.not_after
                        and detail <> 'stop' then 'deferred'
                    when gate in ('quiet_hours', 'scheduled')
                        and held_until < asked.not_after then 'deferred'
                    when gate = 'cap' and coalesce(intents.on_capped, 'wait') = 'wait'
                        and held_until < asked.not_after then 'deferred'
                    else 'blocked'
                end as decision
            from {intents} as intents
            inner join gate_asked as asked on intents.rowid = asked.number
        )
        select
            judged.intent_id,
            decision,
            gate,
            detail,
            case when decision = 'deferred' then held_until end as deferred_until,
            winner as winner_intent_id,
            case when gate = 'cap' then expected_value end as value_lost,
            {proof},
            case when decision = 'queued' then due_at end as scheduled_at
        from judged left join gate_proofs as proofs on judged.number = proofs.number
    """
