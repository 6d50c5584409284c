"""Intercom: the search by its cursor, statuses, and conversations that go on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.servers import intercom
from tests.ingestion.sources.conftest import END, PEOPLE, Vendor

New = Callable[..., Vendor]


def unix(time: datetime) -> int:
    return int(time.replace(tzinfo=UTC).timestamp())


def one(**changes: Any) -> dict[str, Any]:
    conversation = intercom.make(PEOPLE, END)["conversations"][0]
    return {"conversations": [conversation | changes]}


def row_of(vendor: Vendor) -> dict[str, Any]:
    vendor.run()
    (row,) = vendor.rows("support_tickets")
    return row


def test_it_goes_through_all_pages(new_vendor: New) -> None:
    vendor = new_vendor("intercom", page_size=7)
    result = vendor.run()
    assert (result.errors, result.records) == ([], 50)
    assert result.resources[0].pages == 8
    assert len({row["ticket_id"] for row in vendor.rows("support_tickets")}) == 50


def test_the_values_of_a_row(new_vendor: New) -> None:
    at = datetime(2026, 9, 1, 8)
    row = row_of(
        new_vendor(
            "intercom",
            one(
                state="closed",
                created_at=unix(at),
                updated_at=unix(at + timedelta(hours=6)),
                statistics={
                    "first_admin_reply_at": unix(at + timedelta(hours=2)),
                    "last_close_at": unix(at + timedelta(hours=5)),
                },
                conversation_rating={"rating": 4},
                admin_assignee_id=814_861,
            ),
        )
    )
    person = PEOPLE[0]
    assert (row["source"], row["ticket_id"]) == ("intercom", "191000000")
    assert (row["subject"], row["category"]) == ("Dépôt d'une offre & signature", "signature")
    assert (row["status"], row["priority"], row["channel"]) == ("closed", "high", "conversation")
    assert (row["email"], row["user_id"]) == (person.email, person.user_id)
    assert (row["assignee"], row["rating"]) == ("814861", 4)
    names = ("created_at", "first_reply_at", "closed_at", "known_at")
    assert [row[name].replace(tzinfo=None) - at for name in names] == [
        timedelta(hours=hours) for hours in (0, 2, 5, 6)
    ]


def test_a_snoozed_one_is_pending(new_vendor: New) -> None:
    assert row_of(new_vendor("intercom", one(state="snoozed")))["status"] == "pending"


def test_the_title_stands_in_for_a_subject(new_vendor: New) -> None:
    source = {"type": "email", "subject": "<p></p>", "author": {"type": "user", "email": "a@b.fr"}}
    row = row_of(new_vendor("intercom", one(title="Export <b>CSV</b>", source=source)))
    assert row["subject"] == "Export CSV"


def test_the_team_is_no_customer(new_vendor: New) -> None:
    source = {"type": "email", "subject": "", "author": {"type": "admin", "email": "s@ed.example"}}
    row = row_of(new_vendor("intercom", one(source=source)))
    assert row["email"] is None and row["subject"] is None


def test_an_answer_closes_it_as_a_new_version(new_vendor: New) -> None:
    vendor = new_vendor("intercom", one(state="open"))
    vendor.run()
    later = END + timedelta(hours=3)
    vendor.data["conversations"][0].update(state="closed", updated_at=unix(later))
    vendor.run(END + timedelta(days=1))
    assert [load.good for load in vendor.loads] == [1]
    rows = sorted(vendor.rows("support_tickets"), key=lambda row: row["known_at"])
    assert [row["status"] for row in rows] == ["open", "closed"]


def test_a_changed_type_is_one_rejected_row(new_vendor: New) -> None:
    data = intercom.make(PEOPLE, END)
    data["conversations"][3]["created_at"] = "2026-09-01"
    data["conversations"][5]["state"] = ["open"]
    vendor = new_vendor("intercom", data)
    vendor.run()
    assert sorted(row["field"] for row in vendor.rows("rejected_rows")) == ["created_at", "status"]
    assert sum(load.good for load in vendor.loads) == 48
