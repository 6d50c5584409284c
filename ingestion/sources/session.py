"""HTTP to a vendor: a rate limit of our own, time-outs, retries, a cap on the answer.

A :class:`requests.Session`, so dlt's REST client and plain calls share it. What is asked here
reads and changes nothing, so any request may be repeated.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3

from ingestion.sources.model import PullError
from workspace import clock, tls
from workspace.limiter import MAX_WAIT_SECONDS, Limiter, backoff, retry_after

CONNECT_SECONDS, READ_SECONDS = 10.0, 60.0
ATTEMPTS = 6
MAX_BODY_BYTES = 256 << 20
#: An answer that trickles in for longer counts as none.
BODY_SECONDS = 300.0
USER_AGENT = "marketing-warehouse"
#: Brevo says it in a header of its own.
WAIT_HEADERS = ("Retry-After", "x-sib-ratelimit-reset")
RETRIED = (408, 425, 429, 500, 502, 503, 504)

#: No answer, or half of one.
_BROKEN = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)

_log = logging.getLogger(__name__)


class TooLarge(PullError):
    """An answer beyond the cap."""


@dataclass(frozen=True)
class Answer:
    """What came back, whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Patience:
    """A rate of our own and a number of attempts, for whatever sends the requests."""

    def __init__(
        self,
        limiter: Limiter,
        sleep: Callable[[float], None] = time.sleep,
        attempts: int = ATTEMPTS,
    ) -> None:
        self.limiter, self.sleep, self.attempts = limiter, sleep, attempts
        self._last: tuple[Any, ...] = ()

    def begin(self) -> None:
        """Another resource: it may ask what the one before it asked last."""
        self._last = ()

    def with_limiter(self, limiter: Limiter) -> Patience:
        """The same, at another rate."""
        return Patience(limiter, self.sleep, self.attempts)

    def ask(self, place: str, request: tuple[Any, ...], send: Callable[[], Answer]) -> Answer:
        """The first answer that is no call to wait. ``send`` raises ConnectionError or
        TimeoutError where there is none; ``request`` is all that makes it this one.

        Raises :class:`PullError` for what cannot be used, and for the same request twice running:
        then a paging turns in a circle.
        """
        if request == self._last:
            raise PullError(f"{place}: the same page again: its paging turns in a circle")
        self._last, fault = request, ""
        for attempt in range(1, self.attempts + 1):
            self.limiter.acquire()
            wait = backoff(attempt)
            try:
                answer = send()
            except (ConnectionError, TimeoutError) as error:
                fault = f"no answer ({error})"
            else:
                if answer.status not in RETRIED:
                    return _checked(answer, place)
                fault = f"answered {answer.status}"
                given = next(filter(None, map(answer.headers.get, WAIT_HEADERS)), None)
                wait = max(wait, retry_after(given, clock.now()) or 0.0)
            if attempt < self.attempts:
                if wait > MAX_WAIT_SECONDS:
                    raise PullError(f"{place}: {fault} and asks to wait {wait:,.0f} s")
                _log.info("%s: %s; again in %.1f s", place, fault, wait)
                self.sleep(wait)
        raise PullError(f"{place}: {fault} {self.attempts} times")


class Session(requests.Session):
    """Raises :class:`PullError` for whatever is not an answer that can be used."""

    def __init__(self, patience: Patience) -> None:
        super().__init__()
        self.trust_env = False  # no proxy and no .netrc that nobody named
        tls.mount(self)
        self.headers["User-Agent"] = USER_AGENT
        self.patience = patience

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """One request, repeated while the vendor says so; a redirect is not followed."""
        place = f"{request.method} {place_of(request.url)}"
        kwargs |= {"timeout": (CONNECT_SECONDS, READ_SECONDS), "allow_redirects": False}
        kwargs["stream"] = True
        request.hooks = {"response": []}  # dlt's would raise before an answer can be retried
        responses: list[requests.Response] = []

        def send() -> Answer:
            try:
                response = super(Session, self).send(request, **kwargs)
                body = read_capped(parts_of(response.raw), place)
            except (*_BROKEN, urllib3.exceptions.HTTPError) as error:
                raise ConnectionError(type(error).__name__) from None
            except (requests.RequestException, ValueError) as error:
                # Its text may quote a header.
                raise PullError(f"{place}: {type(error).__name__}") from None
            # Whoever asks for the body finds it read.
            response._content, response._content_consumed = body, True
            responses[:] = [response]
            return Answer(response.status_code, response.headers, body)

        self.patience.ask(place, (request.method, request.url, request.body), send)
        return responses[-1]


def parts_of(raw: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    """The body as it comes, without waiting until a part is full."""
    while part := raw.read1(1 << 16, decode_content=True):
        yield part


def read_capped(parts: Iterable[bytes], place: str) -> bytes:
    """A body, up to the cap and within its time."""
    found, size, end = [], 0, time.monotonic() + BODY_SECONDS
    for part in parts:
        if time.monotonic() > end:
            raise ConnectionError("too slow")
        found.append(part)
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise TooLarge(f"{place}: an answer of more than {MAX_BODY_BYTES >> 20} MiB")
    return b"".join(found)


def _checked(answer: Answer, place: str) -> Answer:
    status = answer.status
    if status in (401, 403):
        raise PullError(f"{place}: the credentials were refused ({status})")
    if 300 <= status < 400:
        raise PullError(f"{place}: answered with a redirect ({status}), which is not followed")
    if status >= 400:
        raise PullError(f"{place}: answered {status}")
    return answer


def place_of(url: str | None) -> str:
    """The address without its query, which may hold a secret."""
    parts = urlsplit(url or "")
    return f"{parts.hostname}{parts.path}"
