"""LinkedIn pages: what each day brought a page, and where its posts stand.

LinkedIn gives whole days of a page for the last twelve months, followers two days late, and still
changes them (a like is taken back). Of a post it gives totals since its publication only: they
land once a day, for the posts of the last 90 days. Rest.li reads the parentheses and commas of a
query as its own, so queries are written out here. A version of the API lives for a year.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import quote

from ingestion.saas.values import MILLISECOND, from_unix, to_unix, unix_time
from ingestion.sources import lines, rest
from ingestion.sources.alone import main
from ingestion.sources.model import (
    Page,
    Pull,
    PullError,
    Record,
    Resource,
    Row,
    Rows,
    Source,
    Variable,
)

#: How far back LinkedIn's days go, and how late followers are.
YEAR, LATE = timedelta(days=365), timedelta(days=2)
PAGE_SIZE = 50
#: Posts whose statistics are asked for at once.
BATCH = 20
POSTS = "/rest/posts"
SHARES = "/rest/organizationalEntityShareStatistics"
FOLLOWERS = "/rest/organizationalEntityFollowerStatistics"
MAX_TITLE = 200
#: LinkedIn's marks in a text: a hashtag, a mention, an escaped character.
MARKS = (
    (re.compile(r"\{hashtag\|\\?#\|([^}]*)\}"), r"#\1"),
    (re.compile(r"@\[([^\]]*)\]\([^)]*\)"), r"\1"),
    (re.compile(r"\\(.)"), r"\1"),
)


def _days(pull: Pull) -> Iterator[Page]:
    first, end = _first_day(pull), pull.window.end.date()
    for urn in _organisations(pull):
        if first < end:
            parent = {"followers": _followers(pull, urn, first, end - LATE)}
            body = _get(pull, SHARES, f"{_of(urn)}&{_daily(first, end)}")
            yield Page(body, f"GET {SHARES} from {first} to {end}", lines.encoded(parent))


def _followers(pull: Pull, urn: str, first: date, end: date) -> dict[str, Any]:
    """What LinkedIn says of the followers of each day, by the day's first millisecond."""
    if first >= end:
        return {}
    body = _get(pull, FOLLOWERS, f"{_of(urn)}&{_daily(first, end)}")
    try:
        return {
            str(day["timeRange"]["start"]): day["followerGains"]
            for day in lines.records_at(lines.decoded(body), "elements")
        }
    except (TypeError, KeyError) as error:
        fault = f"GET {FOLLOWERS}: an answer of another shape ({type(error).__name__})"
        raise PullError(fault) from None


def _posts(pull: Pull) -> Iterator[Page]:
    day = pull.window.end.date().isoformat()
    for urn in _organisations(pull):
        posts = {str(post["id"]): post for post in _recent(pull, urn)}
        for kind in ("share", "ugcPost"):
            urns = [post for post in posts if post.startswith(f"urn:li:{kind}:")]
            for start in range(0, len(urns), BATCH):
                batch = urns[start : start + BATCH]
                listed = ",".join(quote(post, safe="") for post in batch)
                body = _get(pull, SHARES, f"{_of(urn)}&{kind}s=List({listed})")
                parent = {"report_on": day, "posts": {post: posts[post] for post in batch}}
                yield Page(body, f"GET {SHARES} of {len(batch)} posts", lines.encoded(parent))


def _recent(pull: Pull, urn: str) -> Iterator[Row]:
    """The posts since the window's first day, newest first."""
    since, start = _milliseconds(_first_day(pull)), 0
    while True:
        query = f"q=author&author={quote(urn, safe='')}&sortBy=CREATED"
        body = _get(pull, POSTS, f"{query}&start={start}&count={PAGE_SIZE}", "FINDER")
        found = lines.records_at(lines.decoded(body), "elements")
        try:
            fresh = [post for post in found if post["createdAt"] >= since and post["id"]]
        except (TypeError, KeyError) as error:
            fault = f"GET {POSTS}: an answer of another shape ({type(error).__name__})"
            raise PullError(fault) from None
        yield from fresh
        # LinkedIn may leave posts out of a page: only an empty one is the last.
        if len(fresh) < len(found) or not found:
            return
        start += PAGE_SIZE


def _get(pull: Pull, path: str, query: str, method: str | None = None) -> bytes:
    headers = {
        "LinkedIn-Version": pull.values["MARKETING_LINKEDIN_PAGES_VERSION"],
        "X-Restli-Protocol-Version": "2.0.0",
    }
    if method:
        headers["X-RestLi-Method"] = method
    answer = pull.session.get(f"{pull.url}{path}?{query}", headers=headers, auth=pull.auth())
    return answer.content


def _organisations(pull: Pull) -> list[str]:
    given = pull.values["MARKETING_LINKEDIN_PAGES_ORGANIZATIONS"].split(",")
    return [f"urn:li:organization:{number.strip()}" for number in given]


def _of(urn: str) -> str:
    return f"q=organizationalEntity&organizationalEntity={quote(urn, safe='')}"


def _daily(first: date, end: date) -> str:
    """The days from one up to but not with another."""
    times = f"start:{_milliseconds(first)},end:{_milliseconds(end)}"
    return f"timeIntervals=(timeRange:({times}),timeGranularityType:DAY)"


def _first_day(pull: Pull) -> date:
    window = pull.window
    return max(window.start, window.end - YEAR).date()


def _milliseconds(day: date) -> int:
    return to_unix(datetime.combine(day, time.min), MILLISECOND)


def _page_id(record: Record) -> str:
    return record["organizationalEntity"].rpartition(":")[2]


def _day(record: Record) -> str:
    return unix_time(record["timeRange.start"], MILLISECOND).date().isoformat()


def _followers_gained(record: Record) -> int | None:
    gains = record.parent["followers"].get(str(record["timeRange.start"]))
    if gains is None:
        return None
    return _whole(gains["organicFollowerGain"]) + _whole(gains["paidFollowerGain"])


def _whole(number: Any) -> int:
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError("a count is a whole number")
    return number


def _urn(record: Record) -> str:
    return record["share"] or record["ugcPost"]


def _post(record: Record) -> Row:
    return record.parent["posts"][_urn(record)]


def _title(record: Record) -> str | None:
    """The first line of the text."""
    text = _post(record).get("commentary") or ""
    for mark, plain in MARKS:
        text = mark.sub(plain, text)
    return text.strip().partition("\n")[0][:MAX_TITLE] or None


def _published_at(record: Record) -> str | None:
    published = _post(record).get("publishedAt")
    return from_unix(published, MILLISECOND)


_NUMBERS = {
    "impressions": "totalShareStatistics.impressionCount",
    "clicks": "totalShareStatistics.clickCount",
    "reactions": "totalShareStatistics.likeCount",
    "comments": "totalShareStatistics.commentCount",
    "shares": "totalShareStatistics.shareCount",
}

SOURCE = Source(
    name="linkedin_pages",
    title="LinkedIn pages",
    module=__name__,
    url="https://api.linkedin.com",
    variables=(
        Variable("MARKETING_LINKEDIN_PAGES_TOKEN", "access token of an administrator"),
        Variable(
            "MARKETING_LINKEDIN_PAGES_ORGANIZATIONS", "page ids, separated by commas", scope=True
        ),
        Variable(
            "MARKETING_LINKEDIN_PAGES_VERSION",
            "version of the API, YYYYMM",
            required=False,
            default="202603",
        ),
    ),
    auth=rest.bearer("MARKETING_LINKEDIN_PAGES_TOKEN"),
    per_second=1,
    every=timedelta(days=1),
    resources=(
        Resource(
            name="days",
            kind="social_posts",
            description="a page's days: views, reactions, followers gained",
            endpoint=f"GET {SHARES}, {FOLLOWERS}",
            pages=_days,
            look_back=timedelta(days=7),
            # The followers stand beside the answer, which may be the same without them.
            rows=Rows(
                records="elements",
                constants={"platform": "linkedin"},
                fields={
                    "page_id": _page_id,
                    "report_on": _day,
                    "followers_gained": _followers_gained,
                    **_NUMBERS,
                },
            ),
        ),
        Resource(
            name="posts",
            kind="social_posts",
            description="totals of each post of the last 90 days",
            endpoint=f"GET {POSTS}, {SHARES}",
            pages=_posts,
            look_back=timedelta(days=90),
            # Equal totals are those of another day.
            rows=Rows(
                records="elements",
                constants={"platform": "linkedin"},
                fields={
                    "page_id": _page_id,
                    "post_id": _urn,
                    "title": _title,
                    "url": lambda r: f"https://www.linkedin.com/feed/update/{_urn(r)}/",
                    "report_on": "parent.report_on",
                    "published_at": _published_at,
                    **_NUMBERS,
                },
            ),
        ),
    ),
)

if __name__ == "__main__":
    main(SOURCE)
