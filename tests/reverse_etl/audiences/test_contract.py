"""What every destination holds to, against its stand-in over real connections."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from reverse_etl.audiences.sync import DONE, PAUSED
from sandbox.servers.messaging import WAIT_SECONDS, Trouble
from tests.reverse_etl.audiences.worlds import AT, CONTACTS, Place_, member, open_place, people
from workspace.ledger import Ledger, schema

ANNE, BERT, CARO = (member(n, lead_band="hot") for n in (1, 2, 3))
TABLE = schema.audience_syncs


def states(ledger: Ledger) -> dict[str, tuple[str, str]]:
    with ledger.reading() as connection:
        rows = connection.execute(sa.select(TABLE.c.contact_id, TABLE.c.operation, TABLE.c.state))
        return {key: (operation, state) for key, operation, state in rows}


def expected(place: Place_, *members: dict[str, str]) -> set[str]:
    with people([]) as connection:
        return {place.sent(connection, one["email"]) for one in members}


def taken(place: Place_) -> str:
    return "sent" if place.name == "google_data_manager" else "confirmed"


def test_members_come_change_and_go(place: Place_, ledger: Ledger) -> None:
    first = place.sync(ledger, [ANNE, BERT])
    assert (first.status, first.counters.added, first.delivered, first.failed) == (DONE, 2, 2, 0)
    assert place.there() == expected(place, ANNE, BERT)
    again = place.sync(ledger, [ANNE, BERT], at=AT + timedelta(minutes=1))
    assert (again.counters.unchanged, again.delivered) == (2, 0)
    renamed = {**BERT, "email": "bert@example.org"}
    third = place.sync(ledger, [CARO, renamed], at=AT + timedelta(minutes=2))
    assert (third.counters.added, third.counters.changed, third.counters.removed) == (1, 1, 1)
    assert place.there() == expected(place, CARO, renamed)
    fourth = place.sync(ledger, [], at=AT + timedelta(minutes=3))
    assert fourth.counters.removed == 2
    for minute in (4, 5):  # some answer later, when they are asked again
        place.sync(ledger, [], at=AT + timedelta(minutes=minute))
    assert place.there() == set()
    with ledger.reading() as connection:
        kept = connection.execute(sa.select(TABLE.c.identifiers, TABLE.c.former)).fetchall()
    assert set(kept) <= {(None, None)}, "what was removed for good is forgotten"


def test_an_empty_audience_asks_nobody(place: Place_, ledger: Ledger) -> None:
    report = place.sync(ledger, [])
    assert (report.status, report.counters.queried) == (DONE, 0)
    assert place.room.posts == []


@pytest.mark.parametrize("trouble", [Trouble.THROTTLED_SECONDS, Trouble.THROTTLED_DATE])
def test_it_waits_as_long_as_it_is_told(server: Place_, ledger: Ledger, trouble: Trouble) -> None:
    server.room.order(trouble)
    report = server.sync(ledger, [ANNE])
    assert (report.status, report.delivered) == (DONE, 1)
    assert server.waits
    if server.name != "meta":  # Meta's throttling has no header that it documents
        assert max(server.waits) >= WAIT_SECONDS - 2
    assert server.there() == expected(server, ANNE)


@pytest.mark.parametrize(
    "trouble",
    [Trouble.ERROR, Trouble.RESET, Trouble.HTML, Trouble.TRUNCATED, Trouble.SLOW, Trouble.HANG],
)
def test_what_may_have_been_taken_is_sent_again(
    server: Place_, ledger: Ledger, trouble: Trouble
) -> None:
    """Nothing is doubled: additions and removals may be repeated."""
    server.room.order(trouble)
    report = server.sync(ledger, [ANNE, BERT])
    assert (report.status, report.delivered, report.failed) == (DONE, 2, 0)
    assert server.there() == expected(server, ANNE, BERT)
    assert set(states(ledger).values()) == {("add", taken(server))}


def test_an_empty_answer_where_one_is_wanted_is_none(server: Place_, ledger: Ledger) -> None:
    server.room.order(Trouble.EMPTY)
    assert server.sync(ledger, [ANNE]).delivered == 1
    assert server.there() == expected(server, ANNE)


def test_an_outage_leaves_rows_due(server: Place_, ledger: Ledger) -> None:
    server.room.order(*[Trouble.THROTTLED] * 4)
    report = server.sync(ledger, [ANNE])
    assert (report.delivered, report.failed) == (0, 1)
    assert states(ledger) == {ANNE["contact_id"]: ("add", "due")}
    later = server.sync(ledger, [ANNE], at=AT + timedelta(hours=1))
    assert (later.counters.added, later.delivered) == (1, 1)


def test_refused_credentials_pause_it(server: Place_, ledger: Ledger) -> None:
    server.room.order(Trouble.DENIED)
    report = server.sync(ledger, [ANNE, BERT])
    assert report.status == PAUSED and "credentials" in str(report.reason)
    assert set(states(ledger).values()) == {("add", "due")}
    assert server.there() == set()
    assert len(server.room.posts) == 1, "nobody knocks twice with a wrong key"
    assert server.sync(ledger, [ANNE, BERT], at=AT + timedelta(hours=1)).delivered == 2


def test_one_bad_row_costs_its_neighbours_nothing(server: Place_, ledger: Ledger) -> None:
    if server.name == "hubspot":
        pytest.skip("a list refuses ids that it does not know: see the next test")
    members = [member(n, lead_band="hot") for n in range(9)]
    with people([]) as connection:
        bad = str(members[4]["email"])
        unfit = bad if server.name == CONTACTS else server.sent(connection, bad)
    server.room.unfit.add(unfit)
    report = server.sync(ledger, members)
    assert (report.status, report.delivered, report.failed) == (DONE, 8, 1)
    assert server.there() == expected(server, *members[:4], *members[5:])
    found = states(ledger)
    assert found.pop(members[4]["contact_id"]) == ("add", "failed")
    assert set(found.values()) == {("add", taken(server))}
    server.room.unfit.clear()
    later = server.sync(ledger, members, at=AT + timedelta(hours=1))
    assert (later.counters.added, later.delivered) == (1, 1), "a failed row stays due"
    assert server.there() == expected(server, *members)


def test_a_list_says_whom_the_crm_does_not_know(tmp_path, ledger: Ledger) -> None:
    with open_place("hubspot", tmp_path) as place, people([ANNE, BERT]) as connection:
        from reverse_etl.audiences import sync

        place.room.more["account"].contact(place.room, str(ANNE["email"]))
        report = sync.sync(connection, ledger, place.request(), place.destination, AT)
    assert (report.delivered, report.failed) == (1, 1)
    assert states(ledger)[BERT["contact_id"]] == ("add", "failed")


def test_a_destination_that_is_not_there_pauses(server: Place_, ledger: Ledger) -> None:
    if server.name in ("webhook", CONTACTS):
        pytest.skip("it has no list")
    server.room.order(Trouble.REDIRECT)
    report = server.sync(ledger, [ANNE])
    assert report.status == PAUSED
    assert states(ledger) == {ANNE["contact_id"]: ("add", "due")}


def test_nobody_listens(server: Place_, tmp_path, ledger: Ledger) -> None:
    """The port is closed: not a byte was sent, and rows stay due."""
    where = server.where
    gone = {
        name: value.replace(value.split("/")[2], "127.0.0.1:9")
        for name, value in server.desk.values.items()
        if name.endswith("_URL")
    }
    with open_place(server.name, tmp_path, gone) as closed:
        report = closed.sync(ledger, [ANNE])
    assert report.delivered == 0 and report.failed == 1, where
    assert states(ledger) == {ANNE["contact_id"]: ("add", "due")}
