"""HubSpot's official client over a transport of ours.

The client builds requests; our pool sends them: at our own rate, retried as the answer asks,
and handing over the bytes as they came. The client's own retry cannot be relied on, and it reads
answers into objects that lose what it does not know.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import hubspot
import urllib3

from ingestion.sources import lines
from ingestion.sources.model import Pull, PullError
from ingestion.sources.session import (
    CONNECT_SECONDS,
    READ_SECONDS,
    USER_AGENT,
    Answer,
    Patience,
    Session,
    parts_of,
    place_of,
    read_capped,
)
from workspace import tls

TOKEN = "MARKETING_HUBSPOT_TOKEN"
#: An account may search five times a second, whatever else it is allowed.
SEARCHES_PER_SECOND = 4.0

_open: WeakKeyDictionary[Session, Hub] = WeakKeyDictionary()


class _Pool(urllib3.PoolManager):
    """Sends what the official client has built."""

    def __init__(self, patience: Patience) -> None:
        super().__init__(num_pools=1, maxsize=4, retries=False, ssl_context=tls.client_context())
        self._patience = patience
        self._searching = patience.with_limiter(patience.limiter.slower(SEARCHES_PER_SECOND))

    def request(self, method: str, url: str, **options: Any) -> urllib3.BaseHTTPResponse:  # type: ignore[override]
        place = f"{method} {place_of(url)}"
        patience = self._searching if url.endswith("/search") else self._patience
        options |= {"preload_content": False, "redirect": False}
        answers: list[urllib3.BaseHTTPResponse] = []

        def send() -> Answer:
            try:
                answer = super(_Pool, self).request(method, url, **options)
                body = read_capped(parts_of(answer), place)
            except urllib3.exceptions.HTTPError as error:
                raise ConnectionError(type(error).__name__) from None
            except ValueError as error:  # its text may quote a header
                raise PullError(f"{place}: {type(error).__name__}") from None
            answers[:] = [urllib3.HTTPResponse(body, answer.headers, answer.status)]
            return Answer(answer.status, answer.headers, body)

        asked = (method, url, options.get("body"), str(options.get("fields")))
        patience.ask(place, asked, send)
        return answers[-1]


class Hub:
    """The official client of one pull."""

    def __init__(self, pull: Pull) -> None:
        self._pool = _Pool(pull.session.patience)
        self.client = hubspot.Client.create(
            access_token=pull.values[TOKEN], host=pull.url, api_factory=self._api
        )

    @classmethod
    def of(cls, pull: Pull) -> Hub:
        """One client, and so one rate, for all resources of a pull."""
        if pull.session not in _open:
            _open[pull.session] = cls(pull)
        return _open[pull.session]

    def _api(self, package: Any, name: str, config: dict[str, Any]) -> Any:
        configuration = package.Configuration()
        configuration.host = config["host"]
        configuration.access_token = config["access_token"]
        client = package.ApiClient(configuration=configuration)
        client.user_agent = USER_AGENT
        client.rest_client.pool_manager = self._pool
        return getattr(package, name)(api_client=client)

    def ask(self, method: Callable[..., Any], *arguments: Any, **options: Any) -> bytes:
        """The body that a method of the official client is answered with."""
        answer = method(
            *arguments,
            _preload_content=False,
            _request_timeout=(CONNECT_SECONDS, READ_SECONDS),
            **options,
        )
        return answer.data or b""


def following(body: bytes) -> str | None:
    """The cursor of the page after this one."""
    page = lines.decoded(body)
    if not isinstance(page, dict):
        raise PullError("the answer is no object")
    paging = page.get("paging") or {}
    after = (paging.get("next") or {}).get("after") if isinstance(paging, dict) else None
    return None if after is None else str(after)
