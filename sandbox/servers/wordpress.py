"""WordPress's REST API: posts with their terms."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.servers.base import (
    SECRET,
    Data,
    Denied,
    Person,
    answer,
    moments,
    number,
    page_of,
    starlette,
    stream,
)

SITE = "https://www.stand-in.example"
USER = "entrepot"
ENVIRONMENT = {
    "MARKETING_WORDPRESS_URL": SITE,
    "MARKETING_WORDPRESS_USER": USER,
    "MARKETING_WORDPRESS_PASSWORD": SECRET,
}
POSTS = 60
TITLES = [
    "L&rsquo;accord-cadre expliqué en 5 points",
    "D&eacute;mat&eacute;rialisation &amp; March&eacute;s publics",
    "Dispositifs m&eacute;dicaux&nbsp;: bien r&eacute;pondre &#8211; le guide",
]
CATEGORIES = [("Marchés publics", "marches-publics"), ("Hôpital &amp; santé", "hopital-sante")]
STATUSES = ["publish", "publish", "publish", "publish", "draft", "private"]
STAGES = ["awareness", "consideration", "decision"]


def make(people: Sequence[Person], end: datetime, seed: int = 7) -> Data:
    """Sixty posts of the last three years; some are drafts, one is scheduled."""
    rng = stream("wordpress", seed)
    posts = [
        _post(100 + i, STATUSES[i % len(STATUSES)], time, end, rng)
        for i, time in enumerate(moments(rng, end, 1000, POSTS - 1))
    ]
    posts.append(_post(100 + len(posts), "future", end + timedelta(days=9), end, rng))
    return {"posts": posts}


def _post(post_id: int, status: str, date: datetime, end: datetime, rng: Random) -> dict[str, Any]:
    name, slug = CATEGORIES[post_id % 2]
    modified = min(date + timedelta(days=rng.randint(0, 30)), end - timedelta(minutes=10))
    return {
        "id": post_id,
        "date": _text(date + timedelta(hours=2)),
        "date_gmt": _text(date),
        "modified": _text(modified + timedelta(hours=2)),
        "modified_gmt": _text(modified),
        "slug": f"article-{post_id}",
        "status": status,
        "type": "post",
        "link": f"{SITE}/blog/article-{post_id}/",
        "title": {"rendered": TITLES[post_id % len(TITLES)]},
        "excerpt": {"rendered": "<p>À lire.</p>", "protected": False},
        "author": 1 + post_id % 3,
        "categories": [3 + post_id % 2],
        "tags": [],
        "lang": "fr",
        "meta": _meta(post_id),
        "_embedded": {
            "wp:term": [
                [{"id": 3 + post_id % 2, "name": name, "slug": slug, "taxonomy": "category"}],
                [],
            ]
        },
    }


def _meta(post_id: int) -> Any:
    """What the site shows of a post's fields: an empty list where there are none."""
    if post_id % 5 == 0:
        return []
    return {
        "vertical": "medical" if post_id % 2 else "public",
        "persona": "acheteur",
        "stage": STAGES[post_id % 3],
        "content_type": "guide" if post_id % 3 == 2 else "",
    }


def counts(data: Data) -> dict[str, int]:
    return {"posts": len(data["posts"])}


def app(data: Data, page_size: int = 100) -> Starlette:
    async def posts(request: Request) -> Response:
        query = request.query_params
        shown = ["publish"]
        if "authorization" in request.headers:
            _basic(request)
            shown = query.get("status", "publish").split(",")
        elif query.get("status", "publish") != "publish":
            return answer({"code": "rest_invalid_param", "message": "Status is forbidden."}, 400)
        found = [post for post in data["posts"] if post["status"] in shown and _kept(post, query)]
        found.sort(key=lambda post: post["modified_gmt"], reverse=query["order"] == "desc")
        size, page = number(query.get("per_page"), 10, page_size), number(query.get("page"), 1)
        pages = -(-len(found) // size)
        if page > max(pages, 1):
            return answer({"code": "rest_post_invalid_page_number"}, 400)
        records, _ = page_of(found, (page - 1) * size, size)
        if query.get("_embed") != "wp:term":
            records = [{k: v for k, v in post.items() if k != "_embedded"} for post in records]
        headers = {"X-WP-Total": str(len(found)), "X-WP-TotalPages": str(pages)}
        return answer(records, headers=headers)

    return starlette(Route("/wp-json/wp/v2/posts", posts))


def _basic(request: Request) -> None:
    """A wrong application password is refused even where none is needed."""
    right = base64.b64encode(f"{USER}:{SECRET}".encode()).decode()
    if request.headers["authorization"] != f"Basic {right}":
        raise Denied


def _kept(post: dict[str, Any], query: Any) -> bool:
    modified = _time(post["modified_gmt"])
    if "modified_after" in query and modified <= _time(query["modified_after"]):
        return False
    if "modified_before" in query and modified >= _time(query["modified_before"]):
        return False
    return "after" not in query or _time(post["date_gmt"]) > _time(query["after"])


def _text(time: datetime) -> str:
    return time.isoformat(timespec="seconds")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=None)
