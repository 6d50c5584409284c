"""From an intended message to the outbox and back: over a lake, a ledger and marts in one file."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest

from reverse_etl.gates import intents, known
from reverse_etl.gates.deciding import decide, reachable_sql
from tests.reverse_etl.gates.marts import add_people, intend, key
from tests.reverse_etl.gates.worlds import AS_OF, ZONE, intent, shipped
from workspace.identifiers import domain_key
from workspace.lake import Lake
from workspace.ledger import Ledger, consent, messages, pauses, schema
from workspace.ledger.consent import ConsentEvent
from workspace.ledger.messages import Message, enqueue

CAPS = shipped().model_copy(update={"holdout": shipped().holdout.model_copy(update={"share": 0.0})})


def tick(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    ledger: Ledger,
    at: datetime = AS_OF,
    addresses: str | None = None,
) -> dict[str, tuple[str, str | None, str | None]]:
    """What a run does: ask, record, and tell what it decided."""
    messages.export(ledger, lake)
    table = intents.pending(connection, lake, CAPS, at)
    found = known.facts(connection, ledger, lake, CAPS, at, addresses=addresses)
    decisions = decide(connection, table, found, CAPS, at, ZONE)
    intents.record(lake, decisions, at)
    return {
        row["intent_id"]: (row["decision"], row["gate"], row["detail"])
        for row in decisions.to_pylist()
    }


def test_only_what_is_new_is_recorded(
    connection: duckdb.DuckDBPyConnection, lake: Lake, ledger: Ledger
) -> None:
    add_people(connection, "ann", "bob", "cid")
    ahead = AS_OF + timedelta(days=3)
    intend(
        lake,
        intent(1, key("ann")),
        intent(2, key("bob"), approval="hash", not_after=AS_OF + timedelta(days=9)),
        intent(3, key("cid"), scheduled_at=ahead),
        intent(1, key("ann"), known_at=AS_OF + timedelta(seconds=1)),  # said again
    )
    first = tick(connection, lake, ledger)
    assert first == {
        "i1": ("queued", None, None),
        "i2": ("deferred", "approval", "not_asked"),
    }  # the third is not due
    assert tick(connection, lake, ledger) == {"i2": ("deferred", "approval", "not_asked")}
    assert lake.rows(intents.STREAM) == 2  # nothing was decided anew
    ledger.append(
        schema.approvals,
        [
            {"subject": "spring", "subject_hash": "hash", "decision": decision, "actor": "ann",
             "decided_at": AS_OF}
            for decision in ("rejected", "approved")
        ],
    )  # fmt: skip
    assert tick(connection, lake, ledger, AS_OF + timedelta(hours=1)) == {
        "i2": ("queued", None, None)
    }
    assert tick(connection, lake, ledger, ahead) == {"i3": ("queued", None, None)}
    assert tick(connection, lake, ledger, ahead) == {}
    rows = lake.read(intents.STREAM).to_pylist()
    assert [(row["intent_id"], row["decision"], row["sequence"]) for row in rows] == [
        ("i1", "queued", 1), ("i2", "deferred", 1), ("i2", "queued", 2), ("i3", "queued", 3),
    ]  # fmt: skip
    assert rows[0]["consent_evidence_id"] == "proof-" + key("ann")
    assert rows[0]["consent_decided_at"] == datetime(2026, 1, 2)
    told = [rows[0][f"consent_{n}"] for n in ("legal_basis", "text_hash", "policy_version")]
    assert told == ["consent", "text", "policy"]


def test_a_pause_holds_and_a_stop_ends(
    connection: duckdb.DuckDBPyConnection, lake: Lake, ledger: Ledger
) -> None:
    add_people(connection, "ann", "bob")
    intend(
        lake,
        intent(1, key("ann"), not_after=AS_OF + timedelta(days=9)),
        intent(2, key("bob"), source_key="autumn", not_after=AS_OF + timedelta(hours=5)),
    )
    pauses.record(ledger, "all", "", "pause", "ann", AS_OF)
    held = ("deferred", "paused", "everything")
    assert tick(connection, lake, ledger) == {"i1": held, "i2": held}
    pauses.record(ledger, "campaign", "spring", "stop", "ann", AS_OF)
    found = tick(connection, lake, ledger, AS_OF + timedelta(hours=6))
    assert found == {
        "i1": ("blocked", "paused", "stop"),
        "i2": ("blocked", "paused", "everything"),  # its time is over
    }


def test_what_the_ledger_says_since_the_run(
    connection: duckdb.DuckDBPyConnection, lake: Lake, ledger: Ledger
) -> None:
    names = ["ann", "bob", "cid", "dee", "eve", "fay", "gus", "hal", "ida"]
    add_people(connection, *names)
    intend(lake, *(intent(n, key(name)) for n, name in enumerate(names)))

    def said(name: str, at: datetime, **more: Any) -> ConsentEvent:
        given = {
            "identifier_type": "email", "identifier_key": key(f"{name}@"), "purpose": "marketing",
            "channel": "email", "state": "withdrawn", "source_class": "one_click", "source": "page",
            "occurred_at": at, "known_at": at,
        }  # fmt: skip
        return ConsentEvent(**{**given, **more})

    before, after = AS_OF - timedelta(days=1), AS_OF + timedelta(minutes=1)
    # Folded by the warehouse, whatever it says of him (a later grant, say): not asked again.
    consent.append(ledger, [said("ann", before), said("ida", before)], before)
    consent.export(ledger, lake)
    # Of her the lake knows, and no warehouse: the run that exported it has failed.
    connection.execute(
        "insert into marts.consent_records values (?, 'email', 'withdrawn', 'form', true, ?)",
        [key("ann"), said("ann", before).event_id],
    )
    consent.append(
        ledger,
        [
            said("bob", after),
            said("cid", before),  # recorded after the export, though it was said before
            said("dee", after, purpose="all", channel="all", state="objection"),
            said("eve", after, purpose="newsletter"),  # another purpose
            said("fay", after, state="granted", legal_basis="consent"),
        ],
        after,
    )
    suppressions = [("gus@", "email", "hard_bounce"), ("hal@", "sms", "blocked")]
    ledger.append(
        schema.suppressions,
        [
            {"identifier_key": key(name), "channel": channel, "reason": reason,
             "source": "sendgrid", "suppressed_at": AS_OF}
            for name, channel, reason in suppressions
        ],
    )  # fmt: skip
    since = "withdrawn: since_the_run"
    assert tick(connection, lake, ledger) == {
        "i0": ("queued", None, None),
        "i1": ("blocked", "consent", since),
        "i2": ("blocked", "consent", since),
        "i3": ("blocked", "unsubscribed", "objection: since_the_run"),
        "i4": ("queued", None, None),
        "i5": ("queued", None, None),
        "i6": ("blocked", "bounced", "hard_bounce"),
        "i7": ("queued", None, None),
        "i8": ("blocked", "consent", since),
    }


def test_erased_and_shared_addresses(
    connection: duckdb.DuckDBPyConnection, lake: Lake, ledger: Ledger
) -> None:
    add_people(connection, "ann", "bob")
    # Two colleagues with one mailbox: it is nobody's identifier, and suppressed for both.
    add_people(connection, "cid", "dee")
    shared = key("office@")
    connection.execute(
        "update marts.dim_contacts set email_key = $1 where contact_id in ($2, $3)",
        [shared, key("cid"), key("dee")],
    )
    connection.execute("insert into marts.identity_map values ($1, null)", [shared])
    ledger.append(
        schema.suppressions,
        [{"identifier_key": shared, "channel": "email", "reason": "blocked", "source": "list",
          "suppressed_at": AS_OF}],
    )  # fmt: skip
    ledger.append(
        schema.tombstones,
        [
            {"identifier_key": name, "request_id": "r", "erased_at": AS_OF}
            for name in (key("ann@"), key("gone"))
        ],
    )
    names = ["ann", "bob", "cid", "dee", "gone"]
    intend(lake, *(intent(n, key(name)) for n, name in enumerate(names)))
    assert tick(connection, lake, ledger) == {
        "i0": ("blocked", "erased", "erased"),
        "i1": ("queued", None, None),
        "i2": ("blocked", "suppressed", "blocked"),
        "i3": ("blocked", "suppressed", "blocked"),
        "i4": ("blocked", "erased", "erased"),
    }


def test_what_an_organisation_says_since_the_run_holds_for_its_people(
    connection: duckdb.DuckDBPyConnection, lake: Lake, ledger: Ledger
) -> None:
    add_people(connection, "ann", "bob", "cid", "dee")
    connection.execute("create schema pii; create table pii.contacts (contact_id text, email text)")
    connection.execute(
        "insert into pii.contacts values (?, 'Cid@Lone.fr'), (?, 'dee@town.com')",
        [key("cid"), key("dee")],
    )
    connection.execute(
        "insert into marts.account_contacts values (?, ?), (?, ?)",
        [key("clinic"), key("ann"), key("town"), key("bob")],
    )
    connection.execute(
        "insert into marts.dim_accounts values (?, 'clinic.fr'), (?, 'https://www.Town.fr/')",
        [key("clinic"), key("town")],
    )
    intend(lake, *(intent(n, key(name)) for n, name in enumerate(["ann", "bob", "cid", "dee"])))
    for kind, identifier in (
        ("crm_company", key("clinic")),
        ("domain", domain_key("town.fr")),
        ("domain", domain_key("lone.fr")),  # no organisation's that is known
    ):
        event = ConsentEvent(
            identifier_type=kind, identifier_key=identifier, purpose="all", channel="all",
            state="objection", source_class="manual", source="letter",
            occurred_at=AS_OF, known_at=AS_OF,
        )  # fmt: skip
        consent.append(ledger, [event], AS_OF)
    held = ("blocked", "unsubscribed", "objection: since_the_run")
    assert tick(connection, lake, ledger, addresses=known.ADDRESSES) == {
        "i0": held, "i1": held, "i2": held, "i3": ("queued", None, None)
    }  # fmt: skip


def test_what_the_marts_say(
    connection: duckdb.DuckDBPyConnection, lake: Lake, ledger: Ledger
) -> None:
    add_people(connection, "ann")
    add_people(connection, "bob", consent="pending")
    add_people(connection, "cid", "dee", "eve")
    insert = "insert into marts.consent_records values (?, ?, ?, ?, ?, null)"
    connection.execute(insert, [key("cid"), "email", "objection", "complaint", True])
    connection.execute(insert, [key("dee"), "email", "suppressed", "blocked", True])
    connection.execute(insert, [key("eve"), "email", "suppressed", "hard_bounce", False])
    # One brand refused, another granted: one grant will do.
    connection.execute(
        "insert into marts.consent_states values (?, 'marketing', 'email', 'b', 'withdrawn', "
        "'form', 'a', null, null, null, null)",
        [key("ann")],
    )
    connection.execute(
        "update marts.lead_scores set band = 'cold' where contact_id = ?", [key("eve")]
    )
    names = ["ann", "bob", "cid", "dee", "eve", "nobody"]
    intend(lake, *(intent(n, key(name), message_class="marketing") for n, name in enumerate(names)))
    assert tick(connection, lake, ledger) == {
        "i0": ("queued", None, None),
        "i1": ("blocked", "consent", "pending: form"),
        "i2": ("blocked", "bounced", "complaint"),
        "i3": ("blocked", "suppressed", "blocked"),
        "i4": ("blocked", "lead_band", "cold"),
        "i5": ("blocked", "no_address", "email"),
    }
    found = known.facts(connection, ledger, lake, CAPS, AS_OF)
    reachable = {row[0] for row in connection.execute(reachable_sql(found)).fetchall()}
    assert reachable == {key("ann"), key("eve")}


def test_sent_messages_count_and_failed_ones_do_not(
    connection: duckdb.DuckDBPyConnection, lake: Lake, ledger: Ledger
) -> None:
    """Three of whom each had three mails, of which one has failed, one went to who she was."""
    add_people(connection, "ann", "bob", "cid")
    connection.execute(
        "insert into marts.identity_map values ($1, $2)", [key("old bob"), key("bob")]
    )
    queued = [
        Message(
            message_id=f"{name}{n}",
            contact_id=key("old bob" if (name, n) == ("bob", 0) else name),
            destination_key=key(f"{name}@"),
            source_kind="campaign",
            source_key=f"earlier{n}",
            step="",
            occurrence="",
            channel="email",
            message_class="lifecycle",
            purpose="marketing",
            scheduled_at=AS_OF - timedelta(days=n + 2),
        )
        for name in ("ann", "bob", "cid")
        for n in range(3)
    ]
    enqueue(ledger, queued, AS_OF - timedelta(days=5))
    with ledger.writing() as writing:
        table = schema.messages
        for message_id, state in {"ann0": "failed", "bob1": "unknown", "cid0": "accepted"}.items():
            writing.execute(
                table.update()
                .where(table.c.message_id == message_id)
                .values(state=state, updated_at=AS_OF, sent_at=AS_OF - timedelta(days=2))
            )
    late = AS_OF + timedelta(days=9)
    names = ["ann", "bob", "cid"]
    intend(lake, *(intent(n, key(name), not_after=late) for n, name in enumerate(names)))
    found = tick(connection, lake, ledger)
    assert found == {
        "i0": ("queued", None, None),
        "i1": ("deferred", "cap", "marketing_mails"),
        "i2": ("deferred", "cap", "marketing_mails"),
    }


@pytest.mark.parametrize(("choose", "said"), [(True, None), (False, "best")])
def test_the_hour_of_the_mart_is_chosen(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    ledger: Ledger,
    choose: bool,
    said: str | None,
) -> None:
    """AS_OF is a Friday evening: the next hour that fits is of the weekend. Also where only the
    messages ask for it."""
    add_people(connection, "ann", "bob")
    connection.executemany(
        "insert into marts.send_times values ($1, 'email', $2, $3, $4)",
        [
            (key("ann"), "weekday", 7, False),
            (key("ann"), "weekend", 15, False),
            (key("bob"), "weekend", 12, True),
        ],
    )
    send_time = CAPS.send_time.model_copy(update={"choose": choose, "explore": 0.0})
    caps = CAPS.model_copy(update={"send_time": send_time})
    intend(lake, intent(1, key("ann"), send_time=said), intent(2, key("bob"), send_time=said))
    table = intents.pending(connection, lake, caps, AS_OF)
    found = known.facts(connection, ledger, lake, caps, AS_OF)
    told = {
        row["intent_id"]: (row["scheduled_at"], json.loads(row["detail"])["hour"])
        for row in decide(connection, table, found, caps, AS_OF, ZONE).to_pylist()
    }
    assert told == {  # local to Paris, two hours ahead
        "i1": (datetime(2026, 10, 24, 13), "best"),
        "i2": (datetime(2026, 10, 24, 8), "default"),
    }


def test_a_duplicate_is_told(
    connection: duckdb.DuckDBPyConnection, lake: Lake, ledger: Ledger
) -> None:
    add_people(connection, "ann")
    intend(lake, intent(1, key("ann")))
    tick(connection, lake, ledger)
    intents.record(lake, intents.duplicates(["i1"]), AS_OF)
    intents.record(lake, intents.duplicates(["i1"]), AS_OF)
    last = lake.read(intents.STREAM).to_pylist()[-1]
    assert (last["decision"], last["gate"], last["sequence"]) == ("blocked", "duplicate", 2)
    assert lake.rows(intents.STREAM) == 2
    assert tick(connection, lake, ledger, AS_OF + timedelta(days=1)) == {}


def test_whoever_became_somebody_is_that_one(
    connection: duckdb.DuckDBPyConnection, lake: Lake, ledger: Ledger
) -> None:
    add_people(connection, "ann")
    connection.execute("insert into marts.identity_map values (?, ?)", [key("old"), key("ann")])
    intend(lake, intent(1, key("old")))
    assert tick(connection, lake, ledger) == {"i1": ("queued", None, None)}


def test_ids_do_not_run_into_each_other() -> None:
    first = intents.intent_id("campaign", "ab", "", "c", "email", "x")
    assert first != intents.intent_id("campaign", "a", "b", "c", "email", "x")
    assert first == intents.intent_id("campaign", "ab", "", "c", "email", "x")
    assert len(first) == 64
