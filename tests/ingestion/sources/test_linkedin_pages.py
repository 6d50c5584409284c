"""What is special of LinkedIn pages: days with late followers, posts with totals."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from ingestion.saas import linkedin_pages
from sandbox.servers.base import Fault
from tests.ingestion.sources.conftest import END, Vendor

New = Callable[..., Vendor]
DAY = 1_790_640_000_000  # 2026-09-29
URN = "urn:li:organization:5515715"
NUMBERS = {
    "impressionCount": 800,
    "uniqueImpressionsCount": 500,
    "clickCount": 40,
    "likeCount": -1,
    "commentCount": 3,
    "shareCount": 2,
    "engagement": 0.055,
}


def data(**changes: Any) -> dict[str, Any]:
    part = {
        "organizationalEntity": URN,
        "timeRange": {"start": DAY, "end": DAY + 86_400_000},
    }
    title = "Marchés \\(santé\\) {hashtag|\\#|DCE} avec @[CHU](urn:li:organization:1)"
    post = {
        "id": "urn:li:share:7380",
        "author": URN,
        "commentary": f"{title}\nSuite",
        "createdAt": DAY,
        "publishedAt": DAY + 5_000,
    }
    statistic = {"organizationalEntity": URN, "share": post["id"], "totalShareStatistics": NUMBERS}
    gains = {"organicFollowerGain": 6, "paidFollowerGain": 1}
    return {
        "days": [{**part, "totalShareStatistics": NUMBERS}],
        "followers": [{**part, "followerGains": gains}],
        "posts": [post],
        "statistics": [statistic],
        **changes,
    }


def levels(vendor: Vendor) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rows of days and those of posts."""
    rows = vendor.rows("social_posts")
    return [r for r in rows if r["post_id"] is None], [r for r in rows if r["post_id"]]


def test_a_day_and_a_post_in_full(new_vendor: New) -> None:
    vendor = new_vendor("linkedin_pages", data())
    vendor.run(END + timedelta(days=1))
    (day,), (post,) = levels(vendor)
    numbers = {"impressions": 800, "clicks": 40, "reactions": -1, "comments": 3, "shares": 2}
    both = {"platform": "linkedin", "page_id": "5515715", **numbers}
    of_day = {**both, "title": None, "report_on": date(2026, 9, 29), "followers_gained": 7}
    assert {name: day[name] for name in of_day} == of_day
    of_post = {
        **both,
        "post_id": "urn:li:share:7380",
        "title": "Marchés (santé) #DCE avec CHU",
        "url": "https://www.linkedin.com/feed/update/urn:li:share:7380/",
        "report_on": date(2026, 10, 2),
        "published_at": datetime(2026, 9, 29, 0, 0, 5),
        "followers_gained": None,
    }
    assert {name: post[name] for name in of_post} == of_post


def test_followers_come_later(new_vendor: New) -> None:
    vendor = new_vendor("linkedin_pages", data())
    vendor.run(END)
    assert [day["followers_gained"] for day in levels(vendor)[0]] == [None]
    vendor.run(END + timedelta(days=2))
    assert sorted(str(day["followers_gained"]) for day in levels(vendor)[0]) == ["7", "None"]


def test_a_like_taken_back_is_a_new_version(new_vendor: New) -> None:
    vendor = new_vendor("linkedin_pages", data())
    vendor.run(END + timedelta(days=1))
    vendor.data["days"][0]["totalShareStatistics"] = {**NUMBERS, "likeCount": -2}
    vendor.run(END + timedelta(days=2))
    assert sorted(day["reactions"] for day in levels(vendor)[0]) == [-2, -1]


def test_totals_land_each_day(new_vendor: New) -> None:
    vendor = new_vendor("linkedin_pages", data())
    for days in (0, 1, 2):
        vendor.run(END + timedelta(days=days))
    found = sorted(post["report_on"] for post in levels(vendor)[1])
    assert found == [date(2026, 10, 1), date(2026, 10, 2), date(2026, 10, 3)]


def test_pages_and_batches(new_vendor: New, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linkedin_pages, "PAGE_SIZE", 10)
    monkeypatch.setattr(linkedin_pages, "BATCH", 4)
    vendor = new_vendor("linkedin_pages")
    result = vendor.run()
    assert result.errors == []
    posts = result.resources[1]
    assert (posts.records, posts.pages) == (45, 8 + 4)
    assert len(levels(vendor)[1]) == 45
    assert sum("/rest/posts" in path for _, path in vendor.control.requests) == 6


def test_later_pulls_ask_for_fresh_posts(new_vendor: New) -> None:
    vendor = new_vendor("linkedin_pages")
    vendor.run()
    result = vendor.run(END + timedelta(days=1))
    since = END - timedelta(days=90)
    fresh = [p for p in vendor.data["posts"] if at(p["createdAt"]) >= since]
    assert 0 < len(fresh) < 45
    assert result.resources[1].records == len(fresh)


def test_queries_are_written_as_restli_reads_them(new_vendor: New) -> None:
    vendor = new_vendor("linkedin_pages")
    vendor.run()
    paths = [path for _, path in vendor.control.requests]
    first, end = 1_759_276_800_000, 1_790_812_800_000  # 2025-10-01 and 2026-10-01
    assert paths[1].endswith(
        "organizationalEntity=urn%3Ali%3Aorganization%3A5515715"
        f"&timeIntervals=(timeRange:(start:{first},end:{end}),timeGranularityType:DAY)"
    )
    # Followers are asked for up to two days ago.
    assert f",end:{end - 2 * 86_400_000})" in paths[0]
    assert "&shares=List(urn%3Ali%3Ashare%3A" in paths[4]


def test_a_post_may_have_no_text(new_vendor: New) -> None:
    silent = [{"id": "urn:li:share:7380", "createdAt": DAY}]
    vendor = new_vendor("linkedin_pages", data(posts=silent))
    vendor.run()
    (post,) = levels(vendor)[1]
    assert (post["title"], post["published_at"]) == (None, None)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"totalShareStatistics": {**NUMBERS, "clickCount": {"n": 1}}}, "clicks"),
        ({"totalShareStatistics": 5}, "impressions"),
        ({"timeRange": {"start": "yesterday"}}, "report_on"),
        ({"organizationalEntity": 5}, "page_id"),
    ],
)
def test_a_changed_type_is_one_rejected_row(
    new_vendor: New, changes: dict[str, Any], field: str
) -> None:
    vendor = new_vendor("linkedin_pages", data(posts=[]))
    days = [
        {**vendor.data["days"][0], "timeRange": {"start": DAY - back * 86_400_000}}
        for back in range(3)
    ]
    days[1] = {**days[1], **changes}
    vendor.control.skip = 1
    vendor.control.faults = [Fault(200, body=json.dumps({"elements": days}).encode())]
    assert vendor.run().errors == []
    (rejected,) = vendor.rows("rejected_rows")
    assert rejected["field"] == field
    assert len(levels(vendor)[0]) == 2


@pytest.mark.parametrize("gains", [{"organicFollowerGain": "6", "paidFollowerGain": 1}, [], 5])
def test_followers_of_another_type(new_vendor: New, gains: Any) -> None:
    changed = [{**data()["followers"][0], "followerGains": gains}]
    vendor = new_vendor("linkedin_pages", data(followers=changed))
    assert vendor.run(END + timedelta(days=1)).errors == []
    (rejected,) = vendor.rows("rejected_rows")
    assert rejected["field"] == "followers_gained"


@pytest.mark.parametrize("name", ["followers", "posts"])
def test_an_answer_of_another_shape(new_vendor: New, name: str) -> None:
    vendor = new_vendor("linkedin_pages", data())
    vendor.control.skip = 0 if name == "followers" else 2
    vendor.control.faults = [Fault(200, body=b'{"elements": [{"a": 1}]}')]
    (error,) = vendor.pull(END + timedelta(days=1)).errors
    assert error.endswith("an answer of another shape (KeyError)")


def at(milliseconds: int) -> datetime:
    return datetime(1970, 1, 1) + timedelta(milliseconds=milliseconds)
