"""From intended messages to the outbox: gates, rendering, the ledger's queue.

A message that cannot be filled is blocked before the caps, so that it takes no one's place; one
that rendering refuses all the same is blocked after it. A run that is killed is finished by the
next: decisions are told once, and the queue knows what it holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from reverse_etl.content.clicks import Clicks
from reverse_etl.content.library import Library, Rendered, Request
from reverse_etl.content.occasions import occasions
from reverse_etl.content.own_pages import addresses
from reverse_etl.content.people import Person, people
from reverse_etl.content.values import Primitive
from reverse_etl.delivery import devices, envelope
from reverse_etl.delivery.seeing import TRACKING
from reverse_etl.gates import intents, known
from reverse_etl.gates.deciding import DECISIONS, PROOF, decide
from reverse_etl.publish import dicts
from workspace.definitions.campaigns import Ramp
from workspace.definitions.caps import Caps, MessageClass
from workspace.identifiers import Keyring, domain_key_sql, normalise_phone
from workspace.lake import Lake
from workspace.ledger import Ledger, approvals, consent, messages
from workspace.ledger.messages import Message

TEMPLATE_GATE = "template"
#: Messages rendered and queued at a time: one transaction of the ledger.
BATCH = messages.CHUNK_ROWS
_NOBODY = Person("")
_NOTHING: dict[str, Primitive] = {}
_ADDRESSES = {"email": "email_key", "sms": "phone_key", "push": "push_key"}


@dataclass(frozen=True)
class Queued:
    """What became of the messages that were to be decided: decisions, and rows of the outbox."""

    decisions: dict[str, int]
    queued: int
    refused: int


def queue(
    connection: duckdb.DuckDBPyConnection,
    ledger: Ledger,
    lake: Lake,
    caps: Caps,
    library: Library,
    keyring: Keyring,
    as_of: datetime,
    time_zone: str,
    ramps: Mapping[str, Ramp] | None = None,
) -> Queued:
    """Decide what is pending, render what passed and put it into the outbox.

    ``connection`` sees the schemas ``marts`` and ``pii``; ``ramps`` are those of campaigns.
    """
    messages.export(ledger, lake)
    seen = consent.latest(ledger)
    table = intents.pending(connection, lake, caps, as_of)
    found = Counter(intents.record(lake, _in_outbox(connection, lake, table), as_of))
    persons, said = prepare(connection, lake, library, table)
    facts = known.facts(
        connection, ledger, lake, caps, as_of, "incomplete_messages", known.ADDRESSES
    )
    decided = decide(connection, table, facts, caps, as_of, time_zone)
    # What passed is told once it is in the outbox: a run that is killed before asks again.
    is_queued = pc.equal(decided["decision"], "queued")
    found.update(intents.record(lake, decided.filter(pc.invert(is_queued)), as_of))
    connection.register("decided_now", decided)
    ready = dicts(
        connection,
        f"""
        select i.*, d.scheduled_at as sent_from, {", ".join(f"d.{name}" for name in PROOF)},
            c.email_key, c.phone_key, c.push_key, c.country, c.time_zone,
            p.email, p.phone, p.user_id,
            coalesce(t.state = 'granted', false) and u.contact_id is null as is_tracked,
            list_concat(
                coalesce(a.keys, []), coalesce(o.keys, []),
                case when p.email is null then []
                    else [{domain_key_sql("split_part(p.email, '@', 2)")}] end
            ) as aliases
        from {table} as i
        join decided_now as d on i.intent_id = d.intent_id and d.decision = 'queued'
        join known_contacts as c on i.contact_id = c.contact_id
        left join pii.contacts as p on i.contact_id = p.contact_id
        left join known_consents as t
            on i.contact_id = t.contact_id and i.channel = t.channel and t.purpose = '{TRACKING}'
        left join (
            select distinct contact_id from known_stops_of_contacts
            where channel in ('email', 'all') and coalesce(purpose, '{TRACKING}') = '{TRACKING}'
        ) as u on i.contact_id = u.contact_id
        left join (
            select contact_id, list(distinct identifier_key) as keys from marts.identity_map
            group by contact_id
        ) as a on i.contact_id = a.contact_id
        -- What an organisation refuses from here on is refused for who belongs to it.
        left join (
            select contact_id, list(distinct account_id) as keys from marts.account_contacts
            group by contact_id
        ) as o on i.contact_id = o.contact_id
        order by i.intent_id
        """,
    )
    connection.unregister("decided_now")
    pushed = [row["user_id"] or row["contact_id"] for row in ready if row["channel"] == "push"]
    addressed = devices.destinations(connection, ledger, lake, keyring, pushed)
    queued = refused = 0
    for start in range(0, len(ready), BATCH):
        rows = ready[start : start + BATCH]
        outgoing = _Outgoing(library, keyring, caps, seen, ramps or {}, addressed)
        made, blocked = _render(outgoing, rows, persons, said)
        done = messages.enqueue(ledger, made, as_of)
        queued, refused = queued + len(done.new), refused + len(blocked)
        new = pc.is_in(decided["intent_id"], pa.array(done.new, pa.string()))
        for decisions in (
            decided.filter(new),
            _blocked(blocked),
            intents.duplicates(done.already),
        ):
            found.update(intents.record(lake, decisions, as_of))
    messages.export(ledger, lake)
    return Queued(dict(found), queued, refused)


def prepare(
    connection: duckdb.DuckDBPyConnection, lake: Lake, library: Library, table: str
) -> tuple[dict[str, Person], dict[str, dict[str, Primitive]]]:
    """Make a table of intents ready for the gates: name what has to be approved, and make
    ``incomplete_messages``. Returns whom they go to, and what their occasions say.
    """
    _name_approvals(connection, library, table)
    waiting = dicts(
        connection,
        "select intent_id, contact_id, template, channel, occasion, given "
        f"from {table} order by intent_id",
    )
    asked = library.sources({row["template"] for row in waiting} & library.entries.keys())
    persons = people(connection, sorted({row["contact_id"] for row in waiting}), sources=asked)
    said = occasions(connection, lake, waiting)
    _tell_incomplete(connection, library, waiting, persons, said)
    return persons, said


def _in_outbox(connection: duckdb.DuckDBPyConnection, lake: Lake, table: str) -> pa.Table:
    """Decisions of messages that an earlier run queued and could not tell of; they are no longer
    pending."""
    rows = connection.execute(
        f"""
        select i.intent_id, 'queued' as decision, cast(null as varchar) as gate,
            cast(null as varchar) as detail, cast(null as timestamp) as deferred_until,
            cast(null as varchar) as winner_intent_id, cast(null as double) as value_lost,
            {", ".join(f"min(s.{name}) as {name}" for name in PROOF)},
            min(s.scheduled_at) as scheduled_at
        from {table} as i
        join ({lake.relation_sql(messages.STREAM)}) as s on i.intent_id = s.message_id
        group by i.intent_id
        """
    ).to_arrow_table()
    connection.register("in_outbox", rows)
    connection.execute(f"delete from {table} where intent_id in (select intent_id from in_outbox)")
    connection.unregister("in_outbox")
    return rows.select(DECISIONS.names).cast(DECISIONS)


def _name_approvals(connection: duckdb.DuckDBPyConnection, library: Library, table: str) -> None:
    """Approvals are asked for of a definition with its template as it stands now."""
    entries = library.entries.values()
    given = {"template": [e.key for e in entries], "version": [e.version for e in entries]}
    schema = pa.schema([("template", pa.string()), ("version", pa.string())])
    connection.register("given_templates", pa.Table.from_pydict(given, schema=schema))
    digest = approvals.subject_hash_sql(f"{table}.approval", f"{table}.template", "g.version")
    connection.execute(
        f"update {table} set approval = {digest} from given_templates as g "
        f"where {table}.template = g.template"
    )
    connection.unregister("given_templates")


def _tell_incomplete(
    connection: duckdb.DuckDBPyConnection,
    library: Library,
    waiting: list[dict[str, Any]],
    persons: dict[str, Person],
    said: dict[str, dict[str, Primitive]],
) -> None:
    """``incomplete_messages``: intents whose template lacks a part, or a value of the person."""
    needs: dict[tuple[str, str, str | None], list[str] | None] = {}
    missing: list[tuple[str, str]] = []
    for row in waiting:
        person = persons.get(row["contact_id"], _NOBODY)
        key = (row["template"], row["channel"], person.language)
        if key not in needs:
            needs[key] = _needs(library, *key)
        asked = needs[key]
        if asked is None:
            missing.append((row["intent_id"], f"no template {row['template']}"))
            continue
        own = said.get(row["intent_id"], _NOTHING)
        for source in asked:
            if own.get(source, person.values.get(source)) in (None, ""):
                missing.append((row["intent_id"], source))
                break
    columns = {"intent_id": [m[0] for m in missing], "missing": [m[1] for m in missing]}
    schema = pa.schema([("intent_id", pa.string()), ("missing", pa.string())])
    connection.register("given_missing", pa.Table.from_pydict(columns, schema=schema))
    connection.execute("create or replace temp table incomplete_messages as from given_missing")
    connection.unregister("given_missing")


def _needs(library: Library, template: str, channel: str, language: str | None) -> list[str] | None:
    """The sources that a person must have; None where there is no such part.

    What is said of each message, and of its sender, is known when it is rendered.
    """
    try:
        fields = library.required_fields(template, channel, language)
    except KeyError:
        return None
    return [f.source for f in fields if not f.source.startswith(("message.", "sender."))]


@dataclass(frozen=True)
class _Outgoing:
    """What messages are made with. ``consent_seen`` is the last consent event that the decisions
    had seen, ``addressed`` where pushes go, by user id."""

    library: Library
    keyring: Keyring
    caps: Caps
    consent_seen: int
    ramps: Mapping[str, Ramp]
    addressed: Mapping[str, str]


def _render(
    outgoing: _Outgoing,
    rows: list[dict[str, Any]],
    persons: dict[str, Person],
    said: dict[str, dict[str, Primitive]],
) -> tuple[list[Message], list[tuple[str, str]]]:
    library = outgoing.library
    requests = [
        _request(
            library,
            outgoing.keyring,
            row,
            persons[row["contact_id"]],
            said.get(row["intent_id"], {}),
        )
        for row in rows
    ]
    made, blocked = [], []
    for row, request, answer in zip(rows, requests, library.render(requests), strict=True):
        if not isinstance(answer, Rendered):
            blocked.append((row["intent_id"], answer.field or answer.reason))
            continue
        clicks = _clicks(library, row)
        made.append(
            Message(
                message_id=row["intent_id"],
                contact_id=row["contact_id"],
                destination_key=row[_ADDRESSES[row["channel"]]],
                source_kind=row["source_kind"],
                source_key=row["source_key"],
                step=row["step"],
                occurrence=row["occurrence"],
                channel=row["channel"],
                message_class=row["message_class"],
                purpose=row["purpose"],
                scheduled_at=row["sent_from"],
                priority=row["priority"] or 0,
                not_after=_not_after(outgoing.caps, row),
                destination=_destination(outgoing, row),
                payload=_sealed(outgoing, row, request, answer, clicks),
                inputs=envelope.inputs(request, clicks),
                country=row["country"],
                time_zone=row["time_zone"],
                consent_seen=outgoing.consent_seen,
                ramp_step=_ramp_step(row, outgoing.ramps),
                template=row["template"],
                template_version=answer.template_version,
                **{name: row[name] for name in PROOF},
                approval=row["approval"],
                aliases=frozenset(row["aliases"]),
            )
        )
    return made, blocked


def _request(
    library: Library,
    keyring: Keyring,
    row: dict[str, Any],
    person: Person,
    said: dict[str, Primitive],
) -> Request:
    template = library.entries[row["template"]].template
    language = person.language or template.language
    values = {
        **person.values,
        **said,
        **addresses(keyring, _site(library, row), row, template.vertical, language),
        "message.sent_on": f"{row['sent_from']:%Y-%m-%d}",
    }
    return Request(row["template"], row["channel"], person.language, values, person.segments)


def _site(library: Library, row: dict[str, Any]) -> str:
    vertical = library.entries[row["template"]].template.vertical
    return library.senders[vertical].website_url.rstrip("/")


def _clicks(library: Library, row: dict[str, Any]) -> Clicks | None:
    """How clicks and opens are seen, where the person lets us."""
    if row["channel"] != "email" or not row["is_tracked"]:
        return None
    return Clicks(row["intent_id"], row["email_key"], _site(library, row), has_pixel=True)


def _sealed(
    outgoing: _Outgoing,
    row: dict[str, Any],
    request: Request,
    answer: Rendered,
    clicks: Clicks | None,
) -> bytes:
    kind = outgoing.caps.classes.get(row["message_class"])
    may_leave = kind is None or "unsubscribed" not in kind.skips
    library = outgoing.library
    return envelope.seal(
        answer,
        library.senders[library.entries[row["template"]].template.vertical],
        str(request.values["message.unsubscribe_url"]) if may_leave else None,
        {"template": row["template"], "source": f"{row['source_kind']}:{row['source_key']}"},
        row["sent_from"],
        partial(clicks.lead, outgoing.keyring) if clicks else None,
    )


def _not_after(caps: Caps, row: dict[str, Any]) -> datetime:
    """What its campaign or journey says, else its class: as the gates take it."""
    kind = caps.classes.get(row["message_class"]) or MessageClass(name="")
    latest: datetime = row["scheduled_at"] + timedelta(hours=kind.not_after_hours)
    return row["not_after"] or latest


def _ramp_step(row: dict[str, Any], ramps: Mapping[str, Ramp]) -> int | None:
    ramp = ramps.get(row["source_key"]) if row["source_kind"] == "campaign" else None
    return ramp.step_of(row["intent_id"]) if ramp else None


def _destination(outgoing: _Outgoing, row: dict[str, Any]) -> str:
    if row["channel"] == "push":
        return outgoing.addressed[row["user_id"] or row["contact_id"]]
    if row["channel"] == "email":
        return row["email"] or ""
    # As it was stated perhaps: providers want it with its country code.
    return normalise_phone(row["phone"]) or row["phone"] or ""


def _blocked(rows: Iterable[tuple[str, str]]) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {"intent_id": ident, "decision": "blocked", "gate": TEMPLATE_GATE, "detail": detail}
            for ident, detail in rows
        ],
        schema=DECISIONS,
    )
