"""Resources that dlt's REST client can page through.

Its client sends, its paginators and authentications are used as they are, over our session; we
take each page's bytes from it and not its rows. dlt is imported on use: it takes most of a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ingestion.sources import lines
from ingestion.sources.model import Page, Pull, PullError, Record, Resource, Row, Rows

if TYPE_CHECKING:
    from dlt.sources.helpers.rest_client.paginators import BasePaginator
    from requests.auth import AuthBase

Values = Mapping[str, str]
Parameters = Callable[[Pull], Mapping[str, Any]]


def bearer(variable: str) -> Callable[[Values], AuthBase]:
    """``Authorization: Bearer``, the token from a variable."""

    def make(values: Values) -> AuthBase:
        from dlt.sources.helpers.rest_client.auth import BearerTokenAuth

        return BearerTokenAuth(token=values[variable])

    return make


def header(name: str, variable: str) -> Callable[[Values], AuthBase]:
    """A header with the key itself."""

    def make(values: Values) -> AuthBase:
        from dlt.sources.helpers.rest_client.auth import APIKeyAuth

        return APIKeyAuth(name=name, api_key=values[variable], location="header")

    return make


def basic(user: str, password: str | None = None) -> Callable[[Values], AuthBase]:
    """Basic authentication from two variables; without the second the password is empty."""

    def make(values: Values) -> AuthBase:
        from dlt.sources.helpers.rest_client.auth import HttpBasicAuth

        return HttpBasicAuth(values[user], values.get(password or "", ""))

    return make


def cursor(path: str, parameter: str) -> Callable[[], BasePaginator]:
    """The answer holds the next page's cursor, which goes into a parameter."""

    def make() -> BasePaginator:
        from dlt.sources.helpers.rest_client.paginators import JSONResponseCursorPaginator

        return JSONResponseCursorPaginator(cursor_path=path, cursor_param=parameter)

    return make


def body_cursor(path: str, body_path: str) -> Callable[[], BasePaginator]:
    """As :func:`cursor`, for a POST: the cursor goes to a path of the next request's body."""

    def make() -> BasePaginator:
        from dlt.sources.helpers.rest_client.paginators import JSONResponseCursorPaginator

        return JSONResponseCursorPaginator(cursor_path=path, cursor_body_path=body_path)

    return make


def numbered(parameter: str = "page", first: int = 1, total: str | None = None) -> Callable:
    """Pages by number, until one is empty or, with ``total``, as many as its path says."""

    def make() -> BasePaginator:
        from dlt.sources.helpers.rest_client.paginators import PageNumberPaginator

        return PageNumberPaginator(base_page=first, page_param=parameter, total_path=total)

    return make


def offset(limit: int, total: str | None = None, **names: str) -> Callable[[], BasePaginator]:
    """Rows by offset; ``names`` are dlt's ``offset_param`` and ``limit_param``."""

    def make() -> BasePaginator:
        from dlt.sources.helpers.rest_client.paginators import OffsetPaginator

        return OffsetPaginator(limit=limit, total_path=total, **names)

    return make


def single() -> BasePaginator:
    from dlt.sources.helpers.rest_client.paginators import SinglePagePaginator

    return SinglePagePaginator()


def ask(
    pull: Pull,
    path: str,
    paginator: Callable[[], BasePaginator] = single,
    *,
    params: Mapping[str, Any] | None = None,
    json: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    records: str = "",
    parent: Row | None = None,
) -> Iterator[Page]:
    """The pages at a path of the source, GET unless there is ``json`` to post.

    ``records`` is the path of the page's list, by which some paginators see the end.
    """
    from dlt.common.configuration.specs import RuntimeConfiguration
    from dlt.sources.helpers.rest_client import RESTClient

    client = RESTClient(
        base_url=pull.url,
        headers=dict(pull.source.headers),
        auth=pull.auth(),
        session=pull.session,
        config=RuntimeConfiguration(),
    )
    context = lines.encoded(parent) if parent is not None else None
    method = "POST" if json is not None else "GET"
    try:
        for number, page in enumerate(
            client.paginate(
                path,
                method=method,
                params=dict(params or {}),
                json=dict(json) if json is not None else None,
                headers=dict(headers or {}),
                paginator=paginator(),
                data_selector=records or "$",
            ),
            1,
        ):
            yield Page(page.response.content, f"{method} {path} page {number}", context)
    except ValueError:  # dlt's paginators and requests' JSON speak so
        raise PullError(f"{method} {path}: an answer of another shape") from None


#: How often paging begins again when records disappear meanwhile.
RESTARTS = 3


def steady(
    ask_again: Callable[[], Iterator[Page]], total: Callable[[Page], int | None]
) -> Iterator[Page]:
    """Pages by offset or number. When their total falls while they are asked for, records have
    moved to pages already passed: then they are asked for again, and what comes twice is known."""
    for _ in range(RESTARTS):
        totals = []
        for page in ask_again():
            totals.append(total(page) or 0)
            yield page
        if not totals or totals[-1] >= totals[0]:
            return
    raise PullError("records keep disappearing while they are asked for")


def total_at(path: str) -> Callable[[Page], int | None]:
    """The total at a path of each page."""
    return lambda page: Record(lines.decoded(page.body))[path]


def resource(
    name: str,
    kind: str,
    description: str,
    path: str,
    rows: Rows,
    paginator: Callable[[], BasePaginator] = single,
    *,
    params: Parameters | None = None,
    json: Parameters | None = None,
    look_back: timedelta = timedelta(),
) -> Resource:
    """A resource of one endpoint. ``params`` and ``json`` are made for each pull."""

    def pages(pull: Pull) -> Iterator[Page]:
        yield from ask(
            pull,
            path,
            paginator,
            params=params(pull) if params else None,
            json=json(pull) if json else None,
            records=rows.records if isinstance(rows.records, str) else "",
        )

    method = "POST" if json else "GET"
    return Resource(name, kind, description, f"{method} {path}", pages, rows, look_back)


def each(
    pull: Pull,
    path: str,
    records: str,
    paginator: Callable[[], BasePaginator] = single,
    **options: Any,
) -> Iterator[Row]:
    """The objects of all pages at a path, for resources that are asked for one by one."""
    for page in ask(pull, path, paginator, records=records, **options):
        yield from lines.records_at(lines.decoded(page.body), records)
