"""Others who have to forget: the CRM by its API, audiences by their sync, providers by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from reverse_etl.audiences import crm
from reverse_etl.audiences.hubspot_client import Hub
from reverse_etl.privacy import forwards
from reverse_etl.privacy.open_work import Work
from reverse_etl.privacy.stand_ins import StandIns
from reverse_etl.privacy.subjects import Subject
from sandbox.servers.audiences import Room
from tests.reverse_etl.audiences.worlds import CONTACTS, open_place
from workspace.ledger import Ledger, open_ledger, privacy_requests, schema

AT = datetime(2026, 10, 1)
KEY = "c" * 32


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    yield opened
    opened.close()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[tuple[Hub, Room]]:
    with open_place(CONTACTS, tmp_path) as opened:
        yield crm.open_hub(opened.desk), opened.room


def begun(ledger: Ledger, ident: str) -> Work:
    subject = Subject(KEY, frozenset({KEY}), {"crm_contact": frozenset({ident})})
    with ledger.writing() as connection:
        request = privacy_requests.add(connection, "erase", KEY, AT, "dpo", batch_id="b")
    return Work("b", {request: subject}, StandIns(), True)


def member(ledger: Ledger, operation: str, state: str) -> None:
    row = {
        "destination": "meta",
        "audience": "spring",
        "contact_id": KEY,
        "operation": operation,
        "state": state,
        "payload_hash": "h",
        "normaliser_version": "1",
        "updated_at": AT,
    }
    with ledger.writing() as connection:
        connection.execute(sa.delete(schema.audience_syncs))
        connection.execute(schema.audience_syncs.insert(), [row])


def test_the_crm_deletes_the_contact_for_good(ledger: Ledger, place: tuple[Hub, Room]) -> None:
    hub, room = place
    account = room.more["account"]
    ident = account.contact(room, "anne@clinic.example")
    other = account.contact(room, "joan@clinic.example")
    work = begun(ledger, ident)
    assert forwards.plan(ledger, work, AT) == 1 and forwards.plan(ledger, work, AT) == 0
    assert forwards.forward(ledger, work, hub, AT) == {"confirmed": 1}
    assert set(account.objects["contacts"]) == {other}
    # Asked again after a kill, it is gone already.
    with ledger.writing() as connection:
        connection.execute(sa.update(schema.erasure_forwards).values(state="due"))
    assert forwards.forward(ledger, work, hub, AT) == {"confirmed": 1}


def test_without_a_connection_somebody_has_to_do_it(ledger: Ledger) -> None:
    work = begun(ledger, "1001")
    forwards.plan(ledger, work, AT)
    assert forwards.forward(ledger, work, None, AT) == {"task": 1}
    (row,) = forwards.of_batch(ledger, work)
    assert "delete the contact" in row["instructions"] and "1001" not in row["instructions"]


def test_an_audience_is_waited_for_until_it_has_removed_the_member(ledger: Ledger) -> None:
    member(ledger, "add", "confirmed")
    subject = Subject(KEY, frozenset({KEY}))
    work = begun(ledger, "1")
    work.people = dict.fromkeys(work.people, subject)
    forwards.plan(ledger, work, AT)
    assert forwards.forward(ledger, work, None, AT) == {"sent": 1}
    member(ledger, "remove", "confirmed")
    assert forwards.forward(ledger, work, None, AT) == {"confirmed": 1}
    with ledger.reading() as connection:
        assert not connection.execute(sa.select(schema.audience_syncs)).all()
