"""What a sync promises besides: what was added is taken back as it was added, nothing is lost in a
kill, a large change waits and a withdrawal does not."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from reverse_etl.audiences import sync
from reverse_etl.audiences.normalise import GOOGLE, META, Normaliser
from reverse_etl.audiences.sync import DONE, HELD, PAUSED
from sandbox.servers import meta_audiences
from sandbox.servers.audiences import Room
from sandbox.servers.base import serving
from sandbox.servers.messaging import Trouble
from tests.reverse_etl.audiences import killed
from tests.reverse_etl.audiences.worlds import AT, LIST, member, open_place, people
from workspace.definitions.audiences import Breaker
from workspace.ledger import Ledger, schema
from workspace.paths import PROJECT

TABLE = schema.audience_syncs
LATER = AT + timedelta(hours=1)
JANE = member(1, "jane.doe@gmail.com", "+33612345678")
#: The rules of yesterday: dots were dropped, as Google does.
OLD = Normaliser("meta-0", GOOGLE.email, GOOGLE.phone)


def test_a_removal_takes_back_what_the_old_rules_had_made(tmp_path: Path, ledger: Ledger) -> None:
    with open_place("meta", tmp_path) as place:
        place.sync(ledger, [JANE], normaliser=OLD)
        old = place.there()
        assert "d6117306485ed0e50afab3ac871e98f81699151f30281527d63ff5f233656c69" in old
        place.sync(ledger, [], at=LATER, normaliser=META)
        assert place.there() == set()
        removed = {value for operation, _, value in place.room.writes if operation == "remove"}
    assert removed == old


def test_new_rules_replace_what_the_old_ones_had_made(tmp_path: Path, ledger: Ledger) -> None:
    with open_place("meta", tmp_path) as place:
        place.sync(ledger, [JANE], normaliser=OLD)
        report = place.sync(ledger, [JANE], at=LATER)
        assert (report.counters.changed, report.delivered) == (1, 1)
        assert place.there() == {
            "831f6494ad6be4fcb3a724c3d5fef22d3ceffa3c62ef3a7984e45a0ea177f982",
            "8a3e7886c9335e82e02299fa3e87b46e2de3b0c63d56003e30a5029394a47661",
        }
    with ledger.reading() as connection:
        (row,) = connection.execute(sa.select(TABLE.c.normaliser_version, TABLE.c.former))
    assert row == ("meta-1", None)


def test_who_stays_keeps_a_number_that_two_share(tmp_path: Path, ledger: Ledger) -> None:
    both = [member(1, phone="+33612345678"), member(2, phone="+33612345678")]
    with open_place("meta", tmp_path) as place:
        place.sync(ledger, both)
        place.sync(ledger, both[1:], at=LATER)
        with people([]) as connection:
            gone = place.sent(connection, str(both[0]["email"]))
        assert len(place.there()) == 2 and gone not in place.there()


def test_one_person_under_another_key_stays(tmp_path: Path, ledger: Ledger) -> None:
    """Two contacts became one: the old key goes, its address does not."""
    with open_place("linkedin", tmp_path) as place:
        place.sync(ledger, [member(1, "anne@example.com")])
        before = place.there()
        report = place.sync(ledger, [member(9, "anne@example.com")], at=LATER)
        assert (report.counters.added, report.counters.removed) == (1, 1)
        assert place.there() == before


def test_a_large_change_waits_and_a_withdrawal_does_not(tmp_path: Path, ledger: Ledger) -> None:
    everybody = [member(n) for n in range(20)]
    breaker = Breaker(share=0.3, from_members=10)
    with open_place("meta", tmp_path) as place:
        first = place.sync(ledger, everybody, breaker=breaker)
        assert first.status == DONE, "the first fill is no change"
        allowed = [one["contact_id"] for one in everybody if one["contact_id"] != "c0000"]
        held = place.sync(ledger, everybody[:8], allowed, at=LATER, breaker=breaker)
        assert held.status == HELD and "12 of 20" in str(held.reason)
        assert (held.counters.removed, held.delivered) == (13, 1)
        assert len(place.there()) == 19
        accepted = place.sync(
            ledger, everybody[:8], allowed, at=LATER, breaker=breaker, accept=True
        )
        assert accepted.status == DONE and len(place.there()) == 7


def test_many_withdrawals_are_no_reason_to_wait(tmp_path: Path, ledger: Ledger) -> None:
    everybody = [member(n) for n in range(20)]
    with open_place("meta", tmp_path) as place:
        place.sync(ledger, everybody)
        report = place.sync(
            ledger, everybody, [], at=LATER, breaker=Breaker(share=0.1, from_members=1)
        )
        assert (report.status, report.delivered) == (DONE, 20)
        assert place.there() == set()


def test_a_stale_segment_lets_only_withdrawals_go(tmp_path: Path, ledger: Ledger) -> None:
    with open_place("meta", tmp_path) as place:
        place.sync(ledger, [member(1), member(2)])
        report = place.sync(ledger, [member(3)], ["c0002", "c0003"], at=LATER, keeps=True)
        assert (report.status, report.counters.removed, report.counters.added) == (HELD, 1, 0)
        with people([]) as connection:
            assert place.there() == {place.sent(connection, "person2@example.com")}


@pytest.mark.parametrize("name", ["meta", "linkedin", "hubspot"])
def test_another_list_takes_everybody_and_the_old_one_is_left(
    tmp_path: Path, ledger: Ledger, name: str
) -> None:
    with open_place(name, tmp_path) as place:
        place.sync(ledger, [member(1), member(2), member(3)])
        before = place.there()
        report = place.sync(ledger, [member(1), member(2)], at=LATER, list_id="99")
        assert (report.counters.changed, report.counters.removed) == (2, 1)
        assert place.there() == set()
        assert len(place.room.lists["99"]) == 2 and place.room.lists["99"] < before
        again = place.sync(ledger, [member(1), member(2)], at=LATER, list_id="99")
        assert again.counters.unchanged == 2


def test_a_withdrawal_leaves_the_list_that_the_member_is_in(tmp_path: Path, ledger: Ledger) -> None:
    everybody = [member(n) for n in range(20)]
    with open_place("meta", tmp_path) as place:
        place.sync(ledger, everybody)
        allowed = [one["contact_id"] for one in everybody[1:]]
        report = place.sync(
            ledger, everybody, allowed, at=LATER, list_id="99", breaker=Breaker(from_members=10)
        )
        assert report.status == HELD, "all would move"
        assert len(place.there()) == 19 and place.room.lists["99"] == set()


def test_what_was_never_answered_for_leaves_the_old_list(tmp_path: Path, ledger: Ledger) -> None:
    with open_place("meta", tmp_path) as place:
        place.room.order(*[Trouble.ERROR] * 4)
        assert place.sync(ledger, [JANE]).failed == 1 and place.there() != set()
        place.sync(ledger, [JANE], at=LATER, list_id="99")
        assert place.there() == set() and len(place.room.lists["99"]) == 2


def test_who_comes_back_while_leaving_stays(tmp_path: Path, ledger: Ledger) -> None:
    with open_place("meta", tmp_path) as place:
        place.sync(ledger, [JANE])
        before = place.there()
        place.room.order(Trouble.DENIED)  # only POST can be made to fail: the add after the remove
        changed = {**JANE, "email": "jane@example.org"}
        report = place.sync(ledger, [changed], at=LATER)
        assert report.status == PAUSED
        again = place.sync(ledger, [JANE], at=LATER + timedelta(hours=1))
        assert again.counters.changed == 1
        assert place.there() == before


def test_what_was_never_answered_for_is_taken_back(tmp_path: Path, ledger: Ledger) -> None:
    """An addition that may have been taken is removed when its member is refused."""
    with open_place("meta", tmp_path) as place:
        place.room.order(*[Trouble.ERROR] * 4)
        report = place.sync(ledger, [JANE])
        assert report.failed == 1 and place.there() != set()
        place.sync(ledger, [JANE], [], at=LATER)
        assert place.there() == set()


def test_a_request_that_brings_nothing_does_not_end_the_sync(
    tmp_path: Path, ledger: Ledger
) -> None:
    from dataclasses import replace

    with open_place("meta", tmp_path) as place:
        place.destination.capabilities = replace(place.destination.capabilities, batch_size=2)
        place.room.order(*[Trouble.ERROR] * 4)
        report = place.sync(ledger, [member(n) for n in range(6)])
    assert (report.status, report.delivered, report.failed) == (DONE, 4, 2)


def test_google_says_later_how_it_ended(tmp_path: Path, ledger: Ledger) -> None:
    def state() -> tuple[str, str | None]:
        with ledger.reading() as connection:
            (row,) = connection.execute(sa.select(TABLE.c.state, TABLE.c.code))
        return tuple(row)

    with open_place("google_data_manager", tmp_path) as place:
        place.room.more["status"] = "FAILED"
        place.sync(ledger, [JANE])
        assert state() == ("sent", None)
        place.sync(ledger, [JANE], at=LATER)  # still at work
        assert state() == ("sent", None)
        report = place.sync(ledger, [JANE], at=LATER + timedelta(hours=1))
        assert (report.counters.changed, report.delivered) == (1, 1), "it is sent again"
        place.room.more["status"] = "SUCCESS"
        for hour in (3, 4):
            place.sync(ledger, [JANE], at=AT + timedelta(hours=hour))
        assert state()[0] == "confirmed"


def test_a_flagged_audience_pauses(tmp_path: Path, ledger: Ledger) -> None:
    with open_place("meta", tmp_path) as place:
        place.room.more["flagged"] = True
        report = place.sync(ledger, [JANE])
    assert report.status == PAUSED and "audience_flagged" in str(report.reason)


def test_a_wrong_service_account_pauses(tmp_path: Path, ledger: Ledger) -> None:
    with open_place("google_data_manager", tmp_path) as place:
        place.room.more["denied"] = True
        report = place.sync(ledger, [JANE])
    assert report.status == PAUSED and "credentials" in str(report.reason)


def test_neither_ledger_nor_report_holds_an_address(tmp_path: Path, ledger: Ledger) -> None:
    with open_place("meta", tmp_path) as place:
        place.room.order(Trouble.PERMANENT)
        report = place.sync(ledger, [JANE])
    with ledger.reading() as connection:
        (row,) = connection.execute(sa.select(TABLE)).mappings()
    assert "jane" not in json.dumps(dict(row), default=str) + str(report)
    assert (row["state"], row["code"]) == ("failed", "meta_100")


ROUNDS = 40 if os.environ.get("MARKETING_TORTURE") else 3


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_a_kill_loses_nobody(tmp_path: Path, seed: int) -> None:
    room, rng = Room(), random.Random(seed)
    command = [sys.executable, "-m", "tests.reverse_etl.audiences.killed", str(tmp_path)]
    with serving(meta_audiences.app(room)) as url:
        process = subprocess.Popen([*command, url], cwd=PROJECT)
        wanted = rng.randrange(1, killed.MEMBERS)
        deadline = time.monotonic() + 60
        while len(room.writes) < wanted and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        process.kill()
        process.wait()
        with_some = len(room.lists[LIST])
        assert with_some >= wanted
        report = killed.run(tmp_path, url)
    assert len(room.lists[LIST]) == killed.MEMBERS
    counters = report.counters
    assert counters.added + counters.unchanged == killed.MEMBERS and report.failed == 0
    assert counters.unchanged <= with_some, "nothing counts as done that was not taken"


def test_comparing_asks_nobody_and_writes_nothing(tmp_path: Path, ledger: Ledger) -> None:
    with open_place("meta", tmp_path) as place, people([JANE]) as connection:
        report = sync.compare(connection, ledger, place.request())
        assert report.counters.added == 1 and place.room.posts == []
    with ledger.reading() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(TABLE)).scalar() == 0
