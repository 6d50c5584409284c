"""The audit chain: whatever is changed in it is found, and named."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from workspace.identifiers import Keyring
from workspace.ledger import Ledger, audit, open_ledger, schema
from workspace.ledger.audit import Anchor, Entry

NOW = datetime(2026, 1, 1, 9, 30, 0, 123456)
KEY = "0123456789abcdef" * 2
TABLE = schema.audit_chain


def entry(number: int = 0, **changed: Any) -> Entry:
    values: dict[str, Any] = {
        "at": NOW + timedelta(seconds=number),
        "actor": "ana",
        "action": "campaign.approve",
        "object": f"campaign:c{number}",
        "subject_key": KEY if number % 2 else None,
        "before": audit.digest(number - 1) if number % 3 else None,
        "after": audit.digest(number),
        "reason": None if number % 2 else "asked for, ça va",
    }
    return Entry(**{**values, **changed})


def chain(ledger: Ledger, length: int) -> audit.Tail:
    with ledger.writing() as connection:
        return audit.append_all(connection, [entry(number) for number in range(length)])


def unlock(ledger: Ledger) -> None:
    """As somebody who can do anything to the database."""
    with ledger.writing() as connection:
        if connection.dialect.name == "sqlite":
            for verb in ("update", "delete"):
                connection.execute(sa.text(f"drop trigger audit_chain_no_{verb}"))
        else:
            connection.execute(sa.text("drop trigger audit_chain_no_change on audit_chain"))


def rows(ledger: Ledger) -> list[audit.Link]:
    with ledger.reading() as connection:
        return list(audit.links(connection))


def test_entries_follow_one_another_without_a_gap(ledger: Ledger) -> None:
    assert audit.tail(ledger) == (0, audit.GENESIS)
    end = chain(ledger, 7)
    found = rows(ledger)
    assert [link.position for link in found] == [1, 2, 3, 4, 5, 6, 7]
    assert [link.previous for link in found] == [audit.GENESIS, *(x.digest for x in found[:-1])]
    assert end == audit.tail(ledger) == (7, found[-1].digest)
    assert audit.verify(ledger) == (7, end, None)
    assert found[0].at == NOW and found[0].reason == "asked for, ça va"


def test_a_digest_is_written_down(ledger: Ledger) -> None:
    """Somebody else's program must come to the same: the form of the text is a promise."""
    audit.record(ledger, Entry(NOW, "ana", "lease.take", "lease:outbox"))
    text = "1\x002026-01-01T09:30:00.123456\0ana\0lease.take\0lease:outbox\0\0\0\0\0" + "0" * 64
    assert audit.tail(ledger).digest == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    "statement",
    [
        sa.update(TABLE).values(actor="nobody"),
        sa.delete(TABLE),
    ],
)
def test_the_database_refuses_changes(
    ledger: Ledger, statement: sa.sql.expression.Executable
) -> None:
    chain(ledger, 2)
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), ledger.writing() as connection:
        connection.execute(statement)
    assert audit.verify(ledger).entries == 2


def test_nothing_is_appended_outside_a_writing_transaction(ledger: Ledger) -> None:
    with pytest.raises(RuntimeError, match="writing"), ledger.reading() as connection:
        audit.append(connection, entry())


def test_an_entry_goes_with_its_transaction(ledger: Ledger) -> None:
    with pytest.raises(ZeroDivisionError), ledger.writing() as connection:
        audit.append(connection, entry())
        _ = 1 / 0
    assert audit.tail(ledger).position == 0
    assert audit.record(ledger, entry()).position == 1


def _write(url: str, writer: int) -> None:
    ledger = open_ledger(url)
    for number in range(15):
        with ledger.writing() as connection:
            audit.append(connection, entry(number, actor=f"writer {writer}"))
    ledger.close()


def test_writers_at_once_make_one_chain(url: str, ledger: Ledger) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_write, args=(url, n)) for n in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 3
    verdict = audit.verify(ledger)
    assert (verdict.entries, verdict.broken) == (45, None)


@pytest.mark.parametrize("position", [1, 2, 5, 8])
@pytest.mark.parametrize("deed", ["changed", "deleted", "resealed"])
def test_check_42_a_changed_or_deleted_row_is_reported_with_its_position(
    ledger: Ledger, position: int, deed: str
) -> None:
    end = chain(ledger, 8)
    kept = [Anchor(end.position, end.digest, "the witness")]
    unlock(ledger)
    here = TABLE.c.position == position
    with ledger.writing() as connection:
        if deed == "deleted":
            connection.execute(sa.delete(TABLE).where(here))
        else:
            connection.execute(sa.update(TABLE).where(here).values(actor="nobody"))
        if deed == "resealed":
            [link] = [one for one in audit.links(connection) if one.position == position]
            changed = sa.update(TABLE).where(here).values(digest=audit.seal(link))
            connection.execute(changed)
    broken = audit.verify(ledger, kept).broken
    assert broken is not None and broken.position == position
    assert str(broken).startswith(f"position {position}: ")


def test_what_looks_whole_alone_is_held_against_what_others_remember(ledger: Ledger) -> None:
    chain(ledger, 8)
    third, eighth = rows(ledger)[2], rows(ledger)[7]
    kept = [Anchor(3, third.digest, "batch 1"), Anchor(8, eighth.digest, "the witness")]
    assert audit.verify(ledger, kept).broken is None
    unlock(ledger)
    with ledger.writing() as connection:
        connection.execute(sa.delete(TABLE).where(TABLE.c.position > 5))
    assert audit.verify(ledger).broken is None
    cut = audit.verify(ledger, kept).broken
    assert cut == (6, "missing: the witness knows entries up to position 8")
    with ledger.writing() as connection:
        connection.execute(sa.delete(TABLE))
        audit.append_all(connection, [entry(n, actor="nobody") for n in range(8)])
    assert audit.verify(ledger).broken is None
    anew = audit.verify(ledger, kept).broken
    assert anew == (3, "rewritten: batch 1 knows another")


TAMPERS = st.sampled_from(["actor", "at", "reason", "subject_key", "delete", "swap", "shift"])


@settings(deadline=None, max_examples=1_500 if os.environ.get("MARKETING_TORTURE") else 60)
@given(
    length=st.integers(1, 12),
    pick=st.integers(0, 10_000),
    other=st.integers(0, 10_000),
    deed=TAMPERS,
)
def test_no_change_of_a_chain_goes_unnoticed(length: int, pick: int, other: int, deed: str) -> None:
    ledger = open_ledger("sqlite://")
    end = chain(ledger, length)
    kept = [Anchor(end.position, end.digest, "the witness")]
    unlock(ledger)
    whole = rows(ledger)
    here, there = pick % length, other % length
    told = list(whole)
    if deed == "delete":
        del told[here]
    elif deed == "shift":
        told = [*whole[:here], *(x._replace(position=x.position - 1) for x in whole[here + 1 :])]
    elif deed == "swap":
        told[here] = whole[there]._replace(position=here + 1)
        told[there] = whole[here]._replace(position=there + 1)
    elif deed == "at":
        told[here] = whole[here]._replace(at=whole[here].at + timedelta(microseconds=1))
    else:
        told[here] = whole[here]._replace(**{deed: "f" * 32})
    with ledger.writing() as connection:
        connection.execute(sa.delete(TABLE))
        if told:
            connection.execute(TABLE.insert(), [link._asdict() for link in told])
    verdict = audit.verify(ledger, kept)
    ledger.close()
    if told == whole:
        assert verdict.broken is None
    else:
        first = next(
            (n for n, link in enumerate(told) if n >= length or link != whole[n]), len(told)
        )
        assert verdict.broken is not None and verdict.broken.position == first + 1


def test_the_entries_about_a_person(ledger: Ledger) -> None:
    chain(ledger, 6)
    with ledger.reading() as connection:
        assert [one.position for one in audit.of_subject(connection, [KEY, "f" * 32])] == [2, 4, 6]
        assert audit.of_subject(connection, []) == []


def test_digests() -> None:
    assert audit.digest(None) is None
    assert audit.digest({"b": [1, "é"], "a": NOW}) == audit.digest({"a": NOW, "b": [1, "é"]})
    assert audit.digest("a") != audit.digest(["a"])
    one, other = Keyring(b"a pepper of one"), Keyring(b"a pepper of another")
    sealed = audit.digest("ann@example.com", one)
    assert sealed is not None and len(sealed) == 64
    assert sealed != audit.digest("ann@example.com")
    assert sealed != audit.digest("ann@example.com", other)
    assert sealed == audit.digest("ann@example.com", one)
    with pytest.raises(TypeError, match="no digest of"):
        audit.digest(object())


@pytest.mark.parametrize(
    ("fault", "field"),
    [
        ({"at": NOW.replace(tzinfo=UTC)}, "at"),
        ({"before": "ann@example.com"}, "before"),
        ({"after": "0" * 63}, "after"),
        ({"subject_key": "ann@example.com"}, "subject_key"),
        ({"action": "Campaign approve"}, "action"),
        ({"actor": ""}, "actor"),
        ({"actor": "ann@example.com"}, "actor"),
        ({"object": "contact:ann@example.com"}, "object"),
        ({"object": "x" * 201}, "object"),
        ({"reason": "she wrote from ann@example.com"}, "reason"),
        ({"reason": "she wrote from ann\uff20example.com"}, "reason"),  # a full-width sign
        ({"reason": "a\0b"}, "reason"),
    ],
)
def test_what_does_not_fit_is_refused(fault: dict[str, Any], field: str) -> None:
    with pytest.raises(ValueError, match=f"^{field}: "):
        entry(**fault)
