"""A destination that answers later: what the ledger keeps until it is known how a batch ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from reverse_etl.audiences import sync
from reverse_etl.audiences.google_data_manager import CAPABILITIES
from reverse_etl.audiences.model import Fault, Item, Outcome, Paused, RowsRefused, Unavailable
from reverse_etl.audiences.normalise import GOOGLE
from reverse_etl.audiences.sync import DONE, PAUSED, Report, Request
from tests.reverse_etl.audiences.worlds import AT, LIST, NEVER, member, open_place, people
from workspace.ledger import Ledger, schema
from workspace.ledger import audiences as book
from workspace.ledger.audiences import CONFIRMED, FAILED, SENT, Place

TABLE = schema.audience_syncs
SPRING = Place("google_data_manager", "spring")
ANNE, BERT = member(1, "anne@example.com"), member(2, "bert@example.com")
MOVED = {**ANNE, "email": "anne@example.org"}
ENDED = Outcome(CONFIRMED)


class Later:
    """Takes everything as batches b1, b2, …; ``ends`` says how they end, ``told`` is what asking
    brings instead. ``calls`` are operation, list, batch and the contacts with their values."""

    capabilities = CAPABILITIES

    def __init__(self) -> None:
        self.calls: list[tuple[str, str | None, str, dict[str, list[str]]]] = []
        self.ends: dict[str, Outcome | Fault] = {}

    def add(self, items: Sequence[Item], list_id: str | None) -> dict[str, Outcome]:
        return self._take("add", items, list_id)

    def remove(self, items: Sequence[Item], list_id: str | None) -> dict[str, Outcome]:
        return self._take("remove", items, list_id)

    def poll(self, batch_id: str) -> Outcome | None:
        end = self.ends.get(batch_id)
        if isinstance(end, Fault):
            raise end
        return end

    def operations(self, since: int = 0) -> list[tuple[str, list[str]]]:
        return [(operation, sorted(who)) for operation, _, _, who in self.calls[since:]]

    def _take(
        self, operation: str, items: Sequence[Item], list_id: str | None
    ) -> dict[str, Outcome]:
        batch = f"b{len(self.calls) + 1}"
        values = {one.contact_id: [value for _, value in one.pairs] for one in items}
        self.calls.append((operation, list_id, batch, values))
        return {one.contact_id: Outcome(SENT, batch_id=batch) for one in items}


def run(
    ledger: Ledger,
    to: Later,
    members: Sequence[Mapping[str, Any]],
    allowed: Sequence[str] | None = None,
    hours: int = 0,
    list_id: str = LIST,
) -> Report:
    with people(members, allowed) as connection:
        asked = Request(SPRING, "members", "allowed", GOOGLE, ["email"], NEVER, list_id)
        return sync.sync(connection, ledger, asked, to, AT + timedelta(hours=hours))


def states(ledger: Ledger) -> dict[str, tuple[str, str]]:
    with ledger.reading() as connection:
        query = sa.select(TABLE.c.contact_id, TABLE.c.operation, TABLE.c.state)
        return {key: (operation, state) for key, operation, state in connection.execute(query)}


def test_an_old_address_is_known_until_its_removal_is_confirmed(ledger: Ledger) -> None:
    to = Later()
    run(ledger, to, [ANNE])
    to.ends["b1"] = ENDED
    run(ledger, to, [MOVED], hours=1)
    assert [operation for operation, _ in to.operations(1)] == ["remove", "add"]
    to.ends |= {"b2": Outcome(FAILED, "INTERNAL"), "b3": ENDED}
    run(ledger, to, [], hours=2)
    old, new = to.calls[0][3]["c0001"], to.calls[2][3]["c0001"]
    operation, _, _, values = to.calls[-1]
    assert operation == "remove" and set(values["c0001"]) == {*old, *new}


@pytest.mark.parametrize("code", ["partial_success", "INVALID_HEX_ENCODING"])
def test_a_removal_that_succeeded_in_part_stays_due(ledger: Ledger, code: str) -> None:
    to = Later()
    partly = Outcome(CONFIRMED, code, is_partial=True)
    run(ledger, to, [ANNE])
    to.ends["b1"] = partly
    run(ledger, to, [], hours=1)
    assert states(ledger) == {"c0001": ("remove", "sent")}
    to.ends["b2"] = partly
    report = run(ledger, to, [], hours=2)
    assert report.counters.removed == 1
    assert to.operations(2) == [("remove", ["c0001"])], "it is sent again, with what it had"
    assert to.calls[2][3] == to.calls[1][3]
    to.ends["b3"] = ENDED
    run(ledger, to, [], hours=3)
    assert states(ledger) == {"c0001": ("remove", "confirmed")}


def test_google_says_when_it_succeeded_in_part(tmp_path, ledger: Ledger) -> None:
    with open_place("google_data_manager", tmp_path) as place:
        place.room.more["status"] = "PARTIAL_SUCCESS"
        for hour, members in enumerate(([ANNE], [ANNE], [ANNE], [], [])):
            place.sync(ledger, members, at=AT + timedelta(hours=hour))
        assert states(ledger) == {"c0001": ("remove", "sent")}
        place.sync(ledger, [], at=AT + timedelta(hours=6))
        with ledger.reading() as connection:
            (row,) = connection.execute(sa.select(TABLE.c.operation, TABLE.c.identifiers))
        assert row[0] == "remove" and row[1] is not None, "it is not forgotten"


@pytest.mark.parametrize(
    "fault", [Paused("http_404", "not there"), Paused("http_410"), RowsRefused("http_400")]
)
def test_a_batch_that_cannot_be_asked_about_is_due_again(ledger: Ledger, fault: Fault) -> None:
    to = Later()
    run(ledger, to, [ANNE, BERT])
    to.ends["b1"] = fault
    report = run(ledger, to, [ANNE, BERT], ["c0002"], hours=1)
    assert (report.status, report.delivered) == (DONE, 2)
    assert to.operations(1) == [("remove", ["c0001"]), ("add", ["c0002"])]
    assert book.outstanding(ledger, SPRING) == [("b2", "remove"), ("b3", "add")]


@pytest.mark.parametrize(
    "fault", [Unavailable("no_answer"), Paused("failed_precondition"), Paused("http_302")]
)
def test_a_batch_without_an_answer_waits_and_withdrawals_go(ledger: Ledger, fault: Fault) -> None:
    to = Later()
    run(ledger, to, [ANNE, BERT])
    to.ends["b1"] = fault
    report = run(ledger, to, [ANNE, BERT], ["c0002"], hours=1)
    assert (report.status, report.delivered) == (DONE, 1)
    assert to.operations(1) == [("remove", ["c0001"])]
    assert ("b1", "add") in book.outstanding(ledger, SPRING)
    to.ends["b1"] = ENDED
    run(ledger, to, [BERT], hours=2)
    assert states(ledger)["c0002"] == ("add", "confirmed")


def test_one_batch_holds_no_other_up(ledger: Ledger) -> None:
    to = Later()
    run(ledger, to, [ANNE])
    run(ledger, to, [ANNE, BERT], hours=1)
    to.ends |= {"b1": RowsRefused("http_400"), "b2": ENDED}
    run(ledger, to, [ANNE, BERT], hours=2)
    assert states(ledger) == {"c0001": ("add", "sent"), "c0002": ("add", "confirmed")}


def test_nobody_is_asked_about_every_batch_while_none_is_answered(ledger: Ledger) -> None:
    to, asked = Later(), []
    members = [member(n) for n in range(5)]
    for n in range(5):
        run(ledger, to, members[: n + 1], hours=n)
    to.poll = lambda batch: asked.append(batch) or _raise(Unavailable("no_answer"))  # type: ignore
    assert run(ledger, to, members, hours=9).status == DONE
    assert len(asked) == sync.MOST_FAULTS


def test_refused_credentials_stop_it(ledger: Ledger) -> None:
    to = Later()
    run(ledger, to, [ANNE, BERT])
    to.ends["b1"] = Paused("credentials", "refused")
    report = run(ledger, to, [ANNE, BERT], ["c0002"], hours=1)
    assert report.status == PAUSED and "credentials" in str(report.reason)
    assert to.operations(1) == []


def test_a_move_adds_to_the_new_list_when_the_old_one_is_left(ledger: Ledger) -> None:
    to = Later()
    run(ledger, to, [ANNE, BERT])
    to.ends["b1"] = ENDED
    run(ledger, to, [ANNE, BERT], hours=1, list_id="99")
    run(ledger, to, [ANNE, BERT], hours=2, list_id="99")
    assert [call[:3] for call in to.calls[1:]] == [("remove", LIST, "b2")], "it is not yet known"
    to.ends["b2"] = Outcome(FAILED, "INTERNAL")
    run(ledger, to, [ANNE, BERT], hours=3, list_id="99")
    to.ends["b3"] = ENDED
    run(ledger, to, [ANNE, BERT], hours=4, list_id="99")
    assert [call[:2] for call in to.calls[2:]] == [("remove", LIST), ("add", "99")]
    to.ends["b4"] = ENDED
    run(ledger, to, [], hours=5, list_id="99")
    assert to.calls[-1][:2] == ("remove", "99")


def _raise(fault: Fault) -> Any:
    raise fault
