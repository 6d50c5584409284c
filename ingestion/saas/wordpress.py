"""WordPress: the articles of a site, with their first category or tag as topic.

The REST API says in a header how many pages there are. The first pull takes every post; later ones
take what was modified since, and what came out since without being modified, as scheduled posts
do. A post that is deleted, or hidden from us, is not told. Its filters compare local times, whose
hour repeats in autumn, hence the look-back. Public posts need no credentials; an application
password shows drafts, scheduled, private and trashed posts too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from html import unescape
from typing import TYPE_CHECKING, Any

from ingestion.sources import rest
from ingestion.sources.alone import main
from ingestion.sources.model import Page, Pull, PullError, Record, Resource, Rows, Source, Variable
from workspace.clock import iso

if TYPE_CHECKING:
    from requests.auth import AuthBase

PAGE_SIZE = 100
USER, PASSWORD = "MARKETING_WORDPRESS_USER", "MARKETING_WORDPRESS_PASSWORD"
STATUSES = "publish,future,draft,pending,private,trash"
#: The category of a post that was given none, by its slug.
NO_CATEGORY = ("uncategorized", "non-classe")
_TAG = re.compile(r"<[^>]*>")


def _posts(pull: Pull) -> Iterator[Page]:
    for name in pull.values["MARKETING_WORDPRESS_TYPES"].split(","):
        for filters in _filters(pull):
            yield from _pages(pull, f"/wp-json/wp/v2/{name.strip()}", filters)


def _filters(pull: Pull) -> list[dict[str, str]]:
    if "until" not in pull.state:
        return [{}]
    start = iso(pull.window.start.replace(microsecond=0))
    return [{"modified_after": start}, {"after": start, "modified_before": start}]


def _pages(pull: Pull, path: str, filters: Mapping[str, str]) -> Iterator[Page]:
    """The latest modified first: a post modified meanwhile shows others twice and hides none."""
    params = {"per_page": PAGE_SIZE, "orderby": "modified", "order": "desc", "_embed": "wp:term"}
    auth = _auth(pull.values)
    if auth is not None:
        params["status"] = STATUSES
    page = pages = 1
    most = restarts = 0
    while page <= pages:
        answer = pull.session.get(
            f"{pull.url}{path}", params={**params, **filters, "page": page}, auth=auth
        )
        yield Page(answer.content, f"GET {path} page {page}")
        given = answer.headers.get("X-WP-TotalPages", "")
        if not given.isdecimal():
            raise PullError(f"GET {path}: the answer has no X-WP-TotalPages")
        page, pages = page + 1, int(given)
        total = int(answer.headers.get("X-WP-Total", "0"))
        most = max(most, total)
        if total < most and page > 2 and restarts < rest.RESTARTS:
            # A post that went has moved others to pages already passed.
            page, most, restarts = 1, total, restarts + 1


def _auth(values: Mapping[str, str]) -> AuthBase | None:
    return rest.basic(USER, PASSWORD)(values) if values.get(USER) else None


def _content_id(record: Record) -> str:
    if not isinstance(record["id"], int):
        raise TypeError("an id is a number")
    return f"wordpress:{record['id']}"


def _title(record: Record) -> str:
    """The title as text; a post may have none, and is known by its slug then."""
    return _plain(record["title.rendered"]) or record["slug"]


def _topic(record: Record) -> str | None:
    """The first category, or else the first tag."""
    terms = [term for group in record["_embedded.wp:term"] or [] for term in group]
    for taxonomy in ("category", "post_tag"):
        for term in terms:
            if term["taxonomy"] == taxonomy and term["slug"] not in NO_CATEGORY:
                return _plain(term["name"])
    return None


def _plain(text: str) -> str:
    return unescape(_TAG.sub("", text)).strip()


def _meta(name: str) -> Callable[[Record], Any]:
    """A field of the post that the site has chosen to show. WordPress has no fields as a list."""
    return lambda record: record[f"meta.{name}"] if record["meta"] else None


def _content_type(record: Record) -> Any:
    kind = record["type"]
    return _meta("content_type")(record) or {"post": "blog_post"}.get(kind, kind)


def _published_at(record: Record) -> str | None:
    shown = record["status"] in ("publish", "future", "private")
    return record["date_gmt"] + "Z" if shown else None


def _known_at(record: Record) -> str | None:
    """A post comes out at its date, whether it is modified then or not. Before, a scheduled one
    may bear that date as its modification."""
    if record["status"] == "future":
        return None
    modified = record["modified_gmt"] + "Z"
    return max(modified, record["date_gmt"] + "Z") if record["status"] == "publish" else modified


SOURCE = Source(
    name="wordpress",
    title="WordPress",
    module=__name__,
    url="https://example.com",
    variables=(
        Variable("MARKETING_WORDPRESS_URL", "the site's address"),
        Variable(USER, "user of an application password, for drafts", required=False),
        Variable(PASSWORD, "application password, for drafts", required=False),
        Variable(
            "MARKETING_WORDPRESS_TYPES",
            "post types as in the API's paths, separated by commas",
            required=False,
            default="posts",
            scope=True,
        ),
    ),
    per_second=2,
    every=timedelta(hours=6),
    resources=(
        Resource(
            name="posts",
            kind="content",
            description="articles",
            endpoint="GET /wp-json/wp/v2/posts",
            pages=_posts,
            look_back=timedelta(days=1),
            rows=Rows(
                fields={
                    "content_id": _content_id,
                    "title": _title,
                    "content_type": _content_type,
                    "vertical": _meta("vertical"),
                    "language": "lang",
                    "topic": _topic,
                    "persona": _meta("persona"),
                    "stage": _meta("stage"),
                    "channel": lambda r: "blog" if r["type"] == "post" else "site",
                    "url": "link",
                    "status": "status",
                    "published_at": _published_at,
                    "known_at": _known_at,
                },
            ),
        ),
    ),
)

if __name__ == "__main__":
    main(SOURCE)
