"""Intercom: support conversations.

Conversations are searched by the time of their last update, so a changed one comes again by
itself, with a cursor in the request's body. Intercom reads times of some searches as days: two
days are asked for again. The European and Australian hosts are set by the URL variable.
"""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

from ingestion.saas.values import from_unix, to_unix
from ingestion.sources import rest
from ingestion.sources.alone import main
from ingestion.sources.model import Pull, Record, Row, Rows, Source, Variable

PAGE_SIZE = 150
VERSION = "2.11"
STATUS = {"open": "open", "snoozed": "pending", "closed": "closed"}
PRIORITY = {"priority": "high", "not_priority": "normal"}
CONTACTS = ("user", "lead", "contact")


def _search(pull: Pull) -> Row:
    return {
        "query": {"field": "updated_at", "operator": ">", "value": to_unix(pull.window.start)},
        "sort": {"field": "updated_at", "order": "ascending"},
        "pagination": {"per_page": PAGE_SIZE},
    }


def _subject(record: Record) -> str | None:
    """The subject of the first message, else the title, without markup."""
    return _bare(record["source.subject"]) or _bare(record["title"])


def _bare(text: str | None) -> str | None:
    if text is None:
        return None
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split()) or None


def _email(record: Record) -> Any:
    """Who wrote first, unless that was one of the team."""
    return record["source.author.email"] if record["source.author.type"] in CONTACTS else None


def _category(record: Record) -> Any:
    """The first tag, else the first topic."""
    return record["tags.tags.0.name"] or record["topics.topics.0.name"]


def _mapped(path: str, names: dict[str, str]) -> Any:
    return lambda record: names.get(record[path], record[path])


def _time(path: str) -> Any:
    return lambda record: from_unix(record[path])


SOURCE = Source(
    name="intercom",
    title="Intercom",
    module=__name__,
    url="https://api.intercom.io",
    variables=(Variable("MARKETING_INTERCOM_TOKEN", "access token"),),
    auth=rest.bearer("MARKETING_INTERCOM_TOKEN"),
    headers={"Accept": "application/json", "Intercom-Version": VERSION},
    resources=(
        rest.resource(
            "conversations",
            "support_tickets",
            "support conversations",
            "/conversations/search",
            Rows(
                records="conversations",
                constants={"source": "intercom"},
                fields={
                    "ticket_id": "id",
                    "subject": _subject,
                    "status": _mapped("state", STATUS),
                    "priority": _mapped("priority", PRIORITY),
                    "category": _category,
                    "channel": "source.type",
                    "email": _email,
                    "user_id": "contacts.contacts.0.external_id",
                    "assignee": "admin_assignee_id",
                    "created_at": _time("created_at"),
                    "first_reply_at": _time("statistics.first_admin_reply_at"),
                    "closed_at": _time("statistics.last_close_at"),
                    "rating": "conversation_rating.rating",
                    "known_at": _time("updated_at"),
                },
            ),
            rest.body_cursor("pages.next.starting_after", "pagination.starting_after"),
            json=_search,
            look_back=timedelta(days=2),
        ),
    ),
)

if __name__ == "__main__":
    main(SOURCE)
