"""LinkedIn's organic statistics: a page's days, its followers, its posts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any
from urllib.parse import quote, unquote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.servers.base import (
    SECRET,
    Data,
    Person,
    answer,
    bearer,
    moments,
    number,
    page_of,
    starlette,
    stream,
)

ORGANIZATION = "5515715"
URN = f"urn:li:organization:{ORGANIZATION}"
ENVIRONMENT = {
    "MARKETING_LINKEDIN_PAGES_TOKEN": SECRET,
    "MARKETING_LINKEDIN_PAGES_ORGANIZATIONS": ORGANIZATION,
}
DAYS, POSTS = 60, 45
#: Followers are known this many days late.
LATE = 2
TEXTS = [
    "Marchés publics \\(santé\\) : le calendrier 2027\nTout est dans le guide.",
    "Notre équipe au {hashtag|\\#|SalonHospitalier} avec @[CHU de Lyon](urn:li:organization:42)",
    "Trois erreurs à éviter dans un DCE",
]
_INTERVALS = re.compile(
    r"&timeIntervals=\(timeRange:\(start:(\d+),end:(\d+)\),timeGranularityType:DAY\)"
)
_LIST = re.compile(r"&(?:shares|ugcPosts)=List\(([^()]*)\)")


def make(people: Sequence[Person], end: datetime, seed: int = 7) -> Data:
    """Sixty days of a page and 45 posts of the last ten months."""
    rng = stream("linkedin_pages", seed)
    midnight = datetime(end.year, end.month, end.day)
    starts = [_milliseconds(midnight - timedelta(days=back)) for back in range(DAYS, 0, -1)]
    days, followers = [], []
    for start in starts:
        part = {
            "organizationalEntity": URN,
            "timeRange": {"start": start, "end": start + 86_400_000},
        }
        days.append({"totalShareStatistics": _numbers(rng, 20 * len(people)), **part})
        gains = {"organicFollowerGain": rng.randint(-1, 9), "paidFollowerGain": rng.randint(0, 2)}
        followers.append({"followerGains": gains, **part})
    posts = [_post(i, at) for i, at in enumerate(moments(rng, end, 300, POSTS))]
    statistics = [
        {
            "totalShareStatistics": _numbers(rng, 40 * len(people)),
            "organizationalEntity": URN,
            post["id"].split(":")[2]: post["id"],
        }
        for post in posts
    ]
    return {
        "days": days,
        "followers": followers[:-LATE],
        "posts": posts,
        "statistics": statistics,
    }


def _numbers(rng: Random, most: int) -> dict[str, Any]:
    seen = rng.randint(1, most)
    return {
        "impressionCount": seen,
        "uniqueImpressionsCount": rng.randint(1, seen),
        "clickCount": rng.randint(0, seen),
        "likeCount": rng.randint(-1, 25),
        "commentCount": rng.randint(0, 6),
        "shareCount": rng.randint(0, 4),
        "engagement": round(rng.random() / 10, 6),
    }


def _post(i: int, at: datetime) -> dict[str, Any]:
    time = _milliseconds(at)
    return {
        "id": f"urn:li:{'ugcPost' if i % 3 == 2 else 'share'}:{7_380_000_000_000_000_000 + i}",
        "author": URN,
        "commentary": TEXTS[i % len(TEXTS)],
        "visibility": "PUBLIC",
        "lifecycleState": "PUBLISHED",
        "createdAt": time,
        "publishedAt": time + 250,
        "lastModifiedAt": time + 250,
    }


def counts(data: Data) -> dict[str, int]:
    return {"days": len(data["days"]), "posts": len(data["statistics"])}


def app(data: Data, page_size: int = 100) -> Starlette:
    def of_days(request: Request, records: list[Any]) -> Response:
        found = _INTERVALS.search(request.url.query)
        if found is None:
            return answer({"status": 400, "message": "Invalid query parameters"}, 400)
        low, high = map(int, found.groups())
        return _elements([r for r in records if low <= r["timeRange"]["start"] < high])

    async def shares(request: Request) -> Response:
        refused = _refusal(request)
        if refused is not None:
            return refused
        listed = _LIST.search(request.url.query)
        if listed is None:
            return of_days(request, data["days"])
        urns = [unquote(urn) for urn in listed.group(1).split(",")]
        return _elements(
            [r for r in data["statistics"] if r.get("share", r.get("ugcPost")) in urns]
        )

    async def followers(request: Request) -> Response:
        refused = _refusal(request)
        return refused if refused is not None else of_days(request, data["followers"])

    async def posts(request: Request) -> Response:
        refused = _refusal(request, "author")
        if refused is not None:
            return refused
        query = request.query_params
        found = sorted(data["posts"], key=lambda post: post["createdAt"], reverse=True)
        size = number(query.get("count"), 10, page_size)
        return _elements(page_of(found, number(query.get("start"), 0), size)[0])

    return starlette(
        Route("/rest/organizationalEntityShareStatistics", shares),
        Route("/rest/organizationalEntityFollowerStatistics", followers),
        Route("/rest/posts", posts),
    )


def _elements(records: list[Any]) -> Response:
    return answer({"paging": {"start": 0, "count": 10, "links": []}, "elements": records})


def _refusal(request: Request, parameter: str = "organizationalEntity") -> Response | None:
    """What is wrong with a request; wrong credentials raise."""
    bearer(request)
    if not re.fullmatch(r"20\d{4}", request.headers.get("linkedin-version", "")):
        return answer({"status": 426, "code": "NONEXISTENT_VERSION"}, 426)
    if request.headers.get("x-restli-protocol-version") != "2.0.0":
        return answer({"status": 400, "message": "Restli 2.0.0"}, 400)
    if f"{parameter}={quote(URN, safe='')}" not in request.url.query.split("&"):
        return answer({"status": 403, "code": "ACCESS_DENIED"}, 403)
    return None


def _milliseconds(time: datetime) -> int:
    return (time - datetime(1970, 1, 1)) // timedelta(milliseconds=1)
