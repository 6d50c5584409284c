"""What is special of WordPress: pages counted in a header, posts that come out unmodified."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from ingestion.saas import wordpress
from sandbox.servers.base import Fault
from tests.ingestion.sources.conftest import END, Vendor

New = Callable[..., Vendor]
POST = {
    "id": 7,
    "date_gmt": "2026-09-01T08:00:00",
    "modified_gmt": "2026-09-02T09:30:00",
    "slug": "accord-cadre",
    "status": "publish",
    "type": "post",
    "link": "https://www.stand-in.example/blog/accord-cadre/",
    "title": {"rendered": "L&rsquo;accord-cadre : <em>5&nbsp;points</em>"},
    "lang": "fr",
    "meta": {"vertical": "public", "persona": "acheteur", "stage": "decision"},
    "_embedded": {
        "wp:term": [
            [
                {"name": "Non classé", "slug": "non-classe", "taxonomy": "category"},
                {"name": "Achats &amp; march&eacute;s", "slug": "achats", "taxonomy": "category"},
            ],
            [{"name": "DCE", "slug": "dce", "taxonomy": "post_tag"}],
        ]
    },
}


def only(new_vendor: New, *posts: dict[str, Any]) -> Vendor:
    return new_vendor("wordpress", {"posts": list(posts)})


def row_of(new_vendor: New, **changes: Any) -> dict[str, Any]:
    vendor = only(new_vendor, {**POST, **changes})
    vendor.run()
    (row,) = vendor.rows("content_items")
    return row


def test_one_post_in_full(new_vendor: New) -> None:
    row = row_of(new_vendor)
    assert {name: row[name] for name in row if not name.startswith("land")} == {
        "content_id": "wordpress:7",
        "title": "L’accord-cadre : 5\N{NO-BREAK SPACE}points",
        "content_type": "blog_post",
        "vertical": "public",
        "language": "fr",
        "topic": "Achats & marchés",
        "persona": "acheteur",
        "stage": "decision",
        "channel": "blog",
        "url": "https://www.stand-in.example/blog/accord-cadre/",
        "status": "publish",
        "published_at": datetime(2026, 9, 1, 8),
        "known_at": datetime(2026, 9, 2, 9, 30),
    }


def test_what_a_site_may_leave_out(new_vendor: New) -> None:
    bare = {**POST, "meta": [], "title": {"rendered": ""}, "type": "guide"}
    bare = {name: value for name, value in bare.items() if name not in ("lang", "_embedded")}
    vendor = only(new_vendor, bare)
    vendor.run()
    (row,) = vendor.rows("content_items")
    names = ("title", "content_type", "vertical", "language", "topic", "channel")
    assert [row[name] for name in names] == ["accord-cadre", "guide", None, None, None, "site"]


def test_a_tag_where_there_is_no_category(new_vendor: New) -> None:
    terms = POST["_embedded"]["wp:term"]
    assert row_of(new_vendor, _embedded={"wp:term": [terms[0][:1], terms[1]]})["topic"] == "DCE"


def test_a_type_of_the_site(new_vendor: New) -> None:
    row = row_of(new_vendor, meta={"content_type": "white_paper", "vertical": ""})
    assert (row["content_type"], row["vertical"]) == ("white_paper", None)


def test_pages(new_vendor: New) -> None:
    vendor = new_vendor("wordpress", page_size=7)
    result = vendor.run()
    assert (result.errors, result.records, result.resources[0].pages) == ([], 60, 9)
    assert len(vendor.rows("content_items")) == 60


def test_without_a_password_what_is_published(new_vendor: New) -> None:
    vendor = new_vendor("wordpress")
    del vendor.values[wordpress.USER], vendor.values[wordpress.PASSWORD]
    assert vendor.run().errors == []
    rows = vendor.rows("content_items")
    assert {row["status"] for row in rows} == {"publish"}
    assert len(rows) == sum(post["status"] == "publish" for post in vendor.data["posts"])


def test_a_draft_has_no_date(new_vendor: New) -> None:
    row = row_of(new_vendor, status="draft", date_gmt=None)
    assert (row["published_at"], row["known_at"]) == (None, datetime(2026, 9, 2, 9, 30))


def test_a_change_is_a_new_version(new_vendor: New) -> None:
    vendor = only(new_vendor, dict(POST), {**POST, "id": 8})
    vendor.run()
    vendor.data["posts"][0] |= {
        "title": {"rendered": "Autre titre"},
        "modified_gmt": "2026-09-30T23:50:00",
    }
    vendor.run(END + timedelta(hours=6))
    found = sorted((row["content_id"], row["title"][:5]) for row in vendor.rows("content_items"))
    assert found == [
        ("wordpress:7", "Autre"),
        ("wordpress:7", "L’acc"),
        ("wordpress:8", "L’acc"),
    ]


def test_a_scheduled_post_comes_out_unmodified(new_vendor: New) -> None:
    date, known = "2026-10-05T06:00:00", datetime(2026, 10, 5, 6)
    vendor = only(
        new_vendor,
        {**POST, "status": "future", "date_gmt": date, "modified_gmt": "2026-09-01T00:00:00"},
    )
    vendor.run()
    vendor.data["posts"][0]["status"] = "publish"
    vendor.run(END + timedelta(days=5))
    states = [(row["status"], row["known_at"]) for row in vendor.rows("content_items")]
    assert sorted(states) == [("future", END), ("publish", known)]


def test_a_scheduled_post_may_be_modified_in_the_future(new_vendor: New) -> None:
    date = "2026-12-05T06:00:00"
    row = row_of(new_vendor, status="future", date_gmt=date, modified_gmt=date)
    assert (row["known_at"], row["published_at"]) == (END, datetime(2026, 12, 5, 6))


@pytest.mark.parametrize("header", [{}, {"X-WP-TotalPages": "many"}])
def test_an_answer_without_the_number_of_pages(new_vendor: New, header: dict[str, str]) -> None:
    vendor = new_vendor("wordpress")
    vendor.control.faults = [Fault(200, header, b"[]")]
    (error,) = vendor.pull().errors
    assert error.endswith("the answer has no X-WP-TotalPages")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id": "7"}, "content_id"),
        ({"title": "L'accord"}, "title"),
        ({"title": {"rendered": 5}}, "title"),
        ({"meta": "none"}, "content_type"),
        ({"link": {"href": "x"}}, "url"),
        ({"_embedded": {"wp:term": [[{"name": "x"}]]}}, "topic"),
        ({"status": ["publish"]}, "status"),
        ({"date_gmt": None}, "published_at"),
    ],
)
def test_a_changed_type_is_one_rejected_row(
    new_vendor: New, changes: dict[str, Any], field: str
) -> None:
    vendor = only(new_vendor)
    posts = [{**POST, "id": 1}, {**POST, **changes}, {**POST, "id": 2}]
    vendor.control.faults = [Fault(200, {"X-WP-TotalPages": "1"}, json.dumps(posts).encode())]
    assert vendor.run().errors == []
    (rejected,) = vendor.rows("rejected_rows")
    assert rejected["field"] == field
    assert len(vendor.rows("content_items")) == 2
