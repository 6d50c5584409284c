"""Livestorm: sessions and who came, series, and what changes later."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sandbox.servers import livestorm
from tests.ingestion.sources.conftest import END, PEOPLE, Vendor

New = Callable[..., Vendor]


def webinar(*statuses: str, starts_on: str = "2026-09-10", **more: Any) -> dict[str, Any]:
    return {
        "event_key": "webinar-pub-2026-09",
        "event_name": "Webinaire public 2026-09",
        "vertical": "public",
        "starts_on": starts_on,
        "attendees": [
            {
                "email": f"a{i}@mairie.example",
                "first_name": "Ana",
                "last_name": "Petit",
                "organisation": "Mairie de Laval",
                "job_title": "Acheteuse",
                "status": status,
            }
            for i, status in enumerate(statuses)
        ],
        **more,
    }


def given(*webinars: dict[str, Any], end: datetime = END) -> dict[str, Any]:
    return livestorm.make(PEOPLE, end, webinars=webinars)


def test_it_goes_through_all_pages(new_vendor: New) -> None:
    vendor = new_vendor("livestorm", page_size=2)
    result = vendor.run()
    assert result.errors == []
    assert {r.name: r.records for r in result.resources} == vendor.expected
    assert all(r.pages > 5 for r in result.resources)


def test_the_rows_of_a_past_webinar(new_vendor: New) -> None:
    vendor = new_vendor("livestorm", given(webinar("attended", "no_show", "registered", "invited")))
    vendor.run()
    rows = {row["email"]: row for row in vendor.rows("attendees")}
    assert {email: row["status"] for email, row in rows.items()} == {
        None: None,
        "a0@mairie.example": "attended",
        "a1@mairie.example": "no_show",
        "a2@mairie.example": "no_show",
    }
    assert {row["event_key"] for row in rows.values()} == {"webinar-pub-2026-09"}
    one = rows["a0@mairie.example"]
    assert one["event_name"] == "Webinaire public 2026-09"
    assert (one["event_type"], one["vertical"]) == ("webinar", "public")
    assert one["starts_on"] == rows[None]["starts_on"] == date(2026, 9, 10)
    assert (one["first_name"], one["last_name"]) == ("Ana", "Petit")
    assert (one["organisation"], one["job_title"]) == ("Mairie de Laval", "Acheteuse")
    assert one["known_at"].replace(tzinfo=UTC) == datetime(2026, 9, 10, 9, 45, tzinfo=UTC)


def test_who_stayed_away_becomes_a_no_show_as_a_new_version(new_vendor: New) -> None:
    coming = webinar("registered", "registered", starts_on="2026-10-05")
    vendor = new_vendor("livestorm", given(coming))
    vendor.run()
    later = END + timedelta(days=10)
    over = given(webinar("no_show", "attended", starts_on="2026-10-05"), end=later)
    for name in ("sessions", "people"):
        vendor.data[name] = over[name]
    vendor.run(later)
    assert [load.examples for load in vendor.loads if load.examples] == []
    found = [(row["email"][:2], row["status"]) for row in vendor.rows("attendees") if row["email"]]
    assert sorted(found) == [
        *(("a0", "no_show"), ("a0", "registered")),
        *(("a1", "attended"), ("a1", "registered")),
    ]


def test_each_session_of_a_series_has_a_key_that_lasts(new_vendor: New) -> None:
    vendor = new_vendor("livestorm", given(webinar("attended")))
    vendor.run()
    series = given(webinar("attended", sessions=2, starts_on="2026-09-10"))
    vendor.data["events"][0]["attributes"]["sessions_count"] = 2
    vendor.data["sessions"].insert(0, series["sessions"][1])
    vendor.data["people"]["S00001"] = series["people"]["S00000"]
    vendor.run(END + timedelta(hours=1))
    keys = {(row["event_key"], row["email"]) for row in vendor.rows("attendees")}
    assert keys == {
        ("webinar-pub-2026-09", None),
        ("webinar-pub-2026-09", "a0@mairie.example"),
        ("webinar-pub-2026-09:S00001", None),
        ("webinar-pub-2026-09:S00001", "a0@mairie.example"),
    }


def test_an_event_without_a_slug_goes_by_its_session(new_vendor: New) -> None:
    data = given(webinar("attended"))
    data["events"][0]["attributes"]["slug"] = None
    vendor = new_vendor("livestorm", data)
    vendor.run()
    assert {row["event_key"] for row in vendor.rows("attendees")} == {"S00000"}


def test_a_changed_type_is_one_rejected_row(new_vendor: New) -> None:
    data = given(webinar("attended", "attended", "attended"))
    data["people"]["S00000"][1]["attributes"]["registrant_detail"]["attended"] = "oui"
    vendor = new_vendor("livestorm", data)
    vendor.run()
    assert [row["field"] for row in vendor.rows("rejected_rows")] == ["status"]
    assert sum(load.good for load in vendor.loads) == 3


def test_a_registrant_without_an_address_is_no_calendar_entry(new_vendor: New) -> None:
    data = given(webinar("attended", "attended"))
    data["people"]["S00000"][0]["attributes"]["email"] = None
    vendor = new_vendor("livestorm", data)
    vendor.run()
    assert [row["field"] for row in vendor.rows("rejected_rows")] == ["email"]
    assert [row["email"] for row in vendor.rows("attendees") if row["status"]] == [
        "a1@mairie.example"
    ]
