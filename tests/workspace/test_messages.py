"""The outbox in the ledger, on SQLite and on Postgres: each message once, and into the lake."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from workspace.lake import Lake
from workspace.ledger import CHUNK_ROWS, Ledger, messages, open_ledger, pauses, schema
from workspace.ledger.messages import Message, enqueue, export

NOW = datetime(2026, 10, 1)
TABLE = schema.messages


def key(number: int) -> str:
    return f"{number:032x}"


def message(number: int = 0, **more: Any) -> Message:
    given = {
        "message_id": f"m{number}",
        "contact_id": key(1_000_000 + number),
        "destination_key": key(number),
        "source_kind": "campaign",
        "source_key": "spring",
        "step": "",
        "occurrence": "2026-10",
        "channel": "email",
        "message_class": "marketing",
        "purpose": "marketing",
        "scheduled_at": NOW,
        "destination": "a@example.com",
        "payload": b"exact bytes",
        "consent_evidence_id": "proof",
    }
    return Message(**{**given, **more})


def rows(ledger: Ledger) -> list[dict[str, Any]]:
    with ledger.reading() as connection:
        found = connection.execute(sa.select(TABLE).order_by(TABLE.c.message_id)).mappings()
        return [dict(row) for row in found]


def payloads(ledger: Ledger) -> dict[str, tuple[str, bytes]]:
    with ledger.reading() as connection:
        found = connection.execute(sa.select(schema.message_payloads)).mappings()
        return {row["message_id"]: (row["destination"], row["payload"]) for row in found}


def test_a_message_is_queued_once(ledger: Ledger) -> None:
    first = enqueue(ledger, [message(1), message(2), message(1)], NOW)
    assert (first.new, first.already) == (["m1", "m2"], ["m1"])
    again = enqueue(ledger, [message(2), message(3)], NOW + timedelta(days=1))
    assert (again.new, again.already) == (["m3"], ["m2"])
    stored = rows(ledger)
    assert [row["message_id"] for row in stored] == ["m1", "m2", "m3"]
    assert {row["state"] for row in stored} == {"pending"}
    assert payloads(ledger)["m1"] == ("a@example.com", b"exact bytes")
    assert stored[0]["planned_at"] == stored[0]["updated_at"] == NOW
    assert stored[0]["consent_evidence_id"] == "proof"


@pytest.mark.parametrize(
    ("change", "is_new"),
    [
        ({"template_version": "v2", "message_id": "x"}, False),  # an edit says the same again
        ({"contact_id": key(77), "message_id": "x"}, False),  # a merge: the same address
        ({"destination_key": key(77), "message_id": "x"}, False),  # another address, same person
        # A merge to another address: what it was known by before gives it away.
        (
            {
                "contact_id": key(77),
                "destination_key": key(78),
                "aliases": frozenset([key(1), key(99)]),
                "message_id": "x",
            },
            False,
        ),
        (
            {
                "contact_id": key(77),
                "destination_key": key(78),
                "aliases": frozenset([key(1_000_001)]),
                "message_id": "x",
            },
            False,
        ),
        ({"contact_id": key(77), "destination_key": key(78), "message_id": "x"}, True),
        ({"step": "two", "message_id": "x"}, True),
        ({"occurrence": "2026-11", "message_id": "x"}, True),
        ({"channel": "sms", "message_id": "x"}, True),
        ({"source_key": "autumn", "message_id": "x"}, True),
        ({"source_kind": "journey", "message_id": "x"}, True),
        ({"step": "two"}, False),  # the same id is the same message
    ],
)
def test_a_merge_or_an_edit_never_mails_again(
    ledger: Ledger, change: dict[str, Any], is_new: bool
) -> None:
    enqueue(ledger, [message(1)], NOW)
    found = enqueue(ledger, [replace(message(1), **change)], NOW)
    assert bool(found.new) == is_new
    assert bool(found.already) != is_new


def test_two_of_one_person_in_one_call(ledger: Ledger) -> None:
    """Two contacts that are one by now: the first of them is queued."""
    both = frozenset([key(1), key(2)])
    pair = [
        message(1, contact_id=key(9), aliases=both),
        message(2, contact_id=key(9), aliases=both),
    ]
    found = enqueue(ledger, pair, NOW)
    assert (found.new, found.already) == (["m1"], ["m2"])


def test_tenants_are_apart(ledger: Ledger) -> None:
    assert message(1).dedup_key("a") != message(1).dedup_key("b")


def test_large_queues_are_cut_into_transactions(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []
    writing = ledger.writing

    def counted() -> Any:
        sizes.append(len(rows(ledger)))
        return writing()

    monkeypatch.setattr(ledger, "writing", counted)
    number = 2 * CHUNK_ROWS + 1
    found = enqueue(ledger, (message(n) for n in range(number)), NOW)
    assert len(found.new) == number
    assert sizes == [0, CHUNK_ROWS, 2 * CHUNK_ROWS]


def test_two_writers_queue_a_person_once(url: str, ledger: Ledger) -> None:
    ready = threading.Barrier(4)
    found: list[messages.Enqueued] = []

    def work(number: int) -> None:
        own = open_ledger(url)
        # Everybody knows the same people by other addresses.
        mine = [
            message(
                n,
                message_id=f"{number}-{n}",
                contact_id=key(500 + n),
                destination_key=key(1000 * number + n),
            )
            for n in range(100)
        ]
        ready.wait()
        found.append(enqueue(own, mine, NOW))
        own.close()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(len(f.new) for f in found) == len(rows(ledger)) == 100
    assert sum(len(f.already) for f in found) == 300


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="keyed hash"):
        message(destination_key="jane@example.com")
    with pytest.raises(ValueError, match="source_key: longer"):
        message(source_key="x" * 65)
    with pytest.raises(ValueError, match="naive UTC"):
        message(scheduled_at=datetime(2026, 1, 1, tzinfo=UTC))


PEOPLE = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 6), st.frozensets(st.integers(0, 6), max_size=3)),
    max_size=12,
)


@given(PEOPLE, st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_nobody_is_queued_twice_under_any_key(
    tmp_path_factory: pytest.TempPathFactory, people: list[Any], draw: Any
) -> None:
    """However a list is cut into calls: one at a time, what is queued is what a list would say."""
    ledger = open_ledger(f"sqlite:///{tmp_path_factory.mktemp('outbox') / 'ledger.db'}")
    listed = [
        message(
            n,
            contact_id=key(100 + contact),
            destination_key=key(address),
            aliases=frozenset(key(a) for a in aliases),
        )
        for n, (contact, address, aliases) in enumerate(people)
    ]
    expected, known = [], set()
    for one in listed:
        if not known & {one.contact_id, one.destination_key, *one.aliases}:
            expected.append(one.message_id)
            known |= {one.contact_id, one.destination_key}
    new: list[str] = []
    rest = list(listed)
    while rest:
        size = draw.randint(1, len(rest))
        new += enqueue(ledger, rest[:size], NOW).new
        rest = rest[size:]
    assert new == expected
    ledger.close()


def test_export_follows_each_state(ledger: Ledger, tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    assert export(ledger, lake) == 0
    enqueue(ledger, [message(1), message(2)], NOW)
    assert export(ledger, lake) == 2
    assert export(ledger, lake) == 0
    later = NOW + timedelta(hours=3)
    with ledger.writing() as connection:
        connection.execute(
            TABLE.update()
            .where(TABLE.c.message_id == "m1")
            .values(state="accepted", sent_at=later, updated_at=later)
        )
    # A transaction that began earlier and was slow to commit.
    enqueue(ledger, [message(3)], later - timedelta(minutes=30))
    assert export(ledger, lake) == 2
    assert export(ledger, lake) == 0
    found = lake.read(messages.STREAM).to_pylist()
    assert sorted((r["message_id"], r["state"], r["sequence"]) for r in found) == [
        ("m1", "accepted", 2),
        ("m1", "pending", 1),
        ("m2", "pending", 1),
        ("m3", "pending", 2),
    ]
    assert next(r for r in found if r["state"] == "accepted")["sent_at"] == later
    assert "payload" not in found[0]


# ---- what is held back by hand ---------------------------------------------------------------


def test_pauses(ledger: Ledger) -> None:
    def say(scope: str, source_key: str, event: str, hour: int) -> bool:
        return pauses.record(ledger, scope, source_key, event, "ann", NOW + timedelta(hours=hour))

    def standing() -> list[tuple[str, str, str]]:
        return [(held.scope, held.source_key, held.event) for held in pauses.held(ledger)]

    assert standing() == []
    assert not say("campaign", "spring", "resume", 0)  # nothing to resume
    assert say("campaign", "spring", "pause", 1)
    assert not say("campaign", "spring", "pause", 2)
    assert say("all", "", "pause", 3)
    assert say("journey", "spring", "stop", 4)
    assert standing() == [
        ("campaign", "spring", "pause"),
        ("all", "", "pause"),
        ("journey", "spring", "stop"),
    ]
    assert say("all", "", "resume", 5)
    assert say("campaign", "spring", "resume", 6)
    assert standing() == [("journey", "spring", "stop")]
    with pytest.raises(pauses.Stopped):
        say("journey", "spring", "resume", 7)
    for scope, source_key, event in [
        ("all", "", "stop"),
        ("all", "spring", "pause"),
        ("campaign", "", "pause"),
        ("segment", "x", "pause"),
        ("campaign", "x", "end"),
    ]:
        with pytest.raises(ValueError):
            say(scope, source_key, event, 8)
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), ledger.writing() as connection:
        connection.execute(schema.pauses.delete())


def upgraded(url: str, revision: str) -> sa.Engine:
    """A ledger as it was at a revision."""
    from alembic import command
    from alembic.config import Config

    from workspace.ledger import MIGRATIONS, _engine

    engine = _engine(url)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.execution_options(ledger_write=True).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    return engine


def test_a_ledger_of_the_first_shape_is_brought_up_to_date(url: str) -> None:
    """Where nothing was queued yet; rows of the old shape are nobody's to guess at."""
    upgraded(url, "0002").dispose()
    ledger = open_ledger(url)
    assert enqueue(ledger, [message(1)], NOW).new == ["m1"]
    ledger.close()


def test_what_was_queued_before_confirmations_stays(url: str) -> None:
    """The table's check changes under rows that others refer to."""
    engine = upgraded(url, "0005")
    then = sa.MetaData()
    then.reflect(engine, only=["messages", "message_payloads"])
    queued = {
        **dict.fromkeys(["message_id", "dedup_key"], "m1"),
        **dict.fromkeys(["contact_id", "destination_key", "source_key", "step"], "k"),
        **dict.fromkeys(["occurrence", "message_class", "purpose"], "k"),
        **dict.fromkeys(["planned_at", "scheduled_at", "due_at", "updated_at"], NOW),
        "source_kind": "journey",
        "channel": "email",
        "state": "pending",
    }
    with engine.begin() as connection:
        connection.execute(then.tables["messages"].insert(), queued)
        payload = {"message_id": "m1", "destination": "d", "payload": b"x"}
        connection.execute(then.tables["message_payloads"].insert(), payload)
    refused = {**queued, "message_id": "m2", "dedup_key": "m2", "source_kind": "consent"}
    with pytest.raises(sa.exc.IntegrityError), engine.begin() as connection:
        connection.execute(then.tables["messages"].insert(), refused)
    engine.dispose()
    ledger = open_ledger(url)
    assert enqueue(ledger, [message(2, source_kind="consent", payload=b"y")], NOW).new == ["m2"]
    with pytest.raises(sa.exc.IntegrityError):
        enqueue(ledger, [message(3, source_kind="other")], NOW)
    with ledger.reading() as connection:
        rows = connection.execute(sa.select(schema.message_payloads.c.payload)).scalars()
        assert sorted(rows) == [b"x", b"y"]
        if connection.dialect.name == "sqlite":
            assert connection.execute(sa.text("pragma integrity_check")).scalar() == "ok"
            assert connection.execute(sa.text("pragma foreign_key_check")).all() == []
    ledger.close()
