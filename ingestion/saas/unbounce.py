"""Unbounce: the leads of landing pages, pop-ups and sticky bars.

Leads come per page, by offset, at most 1000 at once. They do not change; the last hour is asked
for again for leads that arrive late. A form's fields are named by whoever built it: the common
English and French names are read, the rest stays in the payload.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from ingestion.saas.values import by_offset, key_of, named
from ingestion.sources import lines, rest
from ingestion.sources.alone import main
from ingestion.sources.model import Page, Pull, Record, Resource, Rows, Source, Variable

LIMIT = 1000


def _leads(pull: Pull) -> Iterator[Page]:
    window = pull.window
    params = {"sort_order": "asc", "from": _time(window.start), "to": _time(window.end)}
    for answer in by_offset(pull, "/pages", "pages", LIMIT, {"sort_order": "asc"}):
        for page in lines.records_at(lines.decoded(answer.body), "pages"):
            path = f"/pages/{key_of(page)}/leads"
            yield from by_offset(pull, path, "leads", LIMIT, params, parent=page)


def _time(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds") + "Z"


def _answer(name: str) -> Any:
    """A field of the form, or of what the page added to it."""

    def read(record: Record) -> Any:
        given = {**(record["extra_data"] or {}), **(record["form_data"] or {})}
        return named((label, _value(value)) for label, value in given.items()).get(name)

    return read


def _value(value: Any) -> Any:
    """A form's value is a text or a list of them."""
    return ", ".join(value) if isinstance(value, list) else value


SOURCE = Source(
    name="unbounce",
    title="Unbounce",
    module=__name__,
    url="https://api.unbounce.com",
    variables=(Variable("MARKETING_UNBOUNCE_KEY", "API key"),),
    auth=rest.basic("MARKETING_UNBOUNCE_KEY"),
    headers={"Accept": "application/vnd.unbounce.api.v0.4+json"},
    per_second=4,
    resources=(
        Resource(
            name="leads",
            kind="form_submissions",
            description="submitted forms of landing pages",
            endpoint="GET /pages, /pages/{id}/leads",
            pages=_leads,
            look_back=timedelta(hours=1),
            rows=Rows(
                records="leads",
                constants={"source": "unbounce"},
                fields={
                    "submission_id": "id",
                    "form_id": "parent.id",
                    "form_name": "parent.name",
                    "vertical": _answer("vertical"),
                    "email": _answer("email"),
                    "phone": _answer("phone"),
                    "first_name": _answer("first_name"),
                    "last_name": _answer("last_name"),
                    "organisation": _answer("organisation"),
                    "page_url": "parent.url",
                    "utm_source": _answer("utm_source"),
                    "utm_medium": _answer("utm_medium"),
                    "utm_campaign": _answer("utm_campaign"),
                    "occurred_at": "created_at",
                },
            ),
        ),
    ),
)

if __name__ == "__main__":
    main(SOURCE)
