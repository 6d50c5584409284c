"""HTTP to a vendor: a rate limit of our own, time-outs, retries, a cap on the answer.

A :class:`requests.Session`, so dlt's REST client and plain calls share it. What is asked here
reads and changes nothing, so any request may be repeated.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import requests

from ingestion.sources.model import PullError
from workspace import clock
from workspace.limiter import MAX_WAIT_SECONDS, Limiter, backoff, retry_after

CONNECT_SECONDS, READ_SECONDS = 10.0, 60.0
ATTEMPTS = 6
MAX_BODY_BYTES = 64 << 20
RETRIED = (408, 425, 429, 500, 502, 503, 504)

_log = logging.getLogger(__name__)


class Session(requests.Session):
    """Raises :class:`PullError` for whatever is not an answer that can be used."""

    def __init__(
        self,
        limiter: Limiter,
        sleep: Callable[[float], None] = time.sleep,
        attempts: int = ATTEMPTS,
    ) -> None:
        super().__init__()
        self.trust_env = False  # no proxy and no .netrc that nobody named
        self.headers["User-Agent"] = "marketing-warehouse"
        self._limiter, self._pause, self._attempts = limiter, sleep, attempts

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """One request, repeated while the vendor says so; a redirect is not followed."""
        place = f"{request.method} {_place(request.url)}"
        kwargs |= {"timeout": (CONNECT_SECONDS, READ_SECONDS), "allow_redirects": False}
        kwargs["stream"] = True
        request.hooks = {"response": []}  # dlt's would raise before an answer can be retried
        for attempt in range(1, self._attempts + 1):
            self._limiter.acquire()
            wait = backoff(attempt)
            try:
                response = super().send(request, **kwargs)
                _read(response, place)
            except (requests.ConnectionError, requests.Timeout) as error:
                fault = f"no answer ({type(error).__name__})"
            except requests.RequestException as error:
                raise PullError(f"{place}: {type(error).__name__}") from None
            else:
                if response.status_code not in RETRIED:
                    return _checked(response, place)
                fault = f"answered {response.status_code}"
                asked = retry_after(response.headers.get("Retry-After"), clock.now())
                wait = max(wait, asked or 0.0)
            if attempt < self._attempts:
                if wait > MAX_WAIT_SECONDS:
                    raise PullError(f"{place}: {fault} and asks to wait {wait:,.0f} s")
                _log.info("%s: %s; again in %.1f s", place, fault, wait)
                self._pause(wait)
        raise PullError(f"{place}: {fault} {self._attempts} times")


def _read(response: requests.Response, place: str) -> None:
    """Take the body in, up to the cap: what follows finds it read."""
    parts, size = [], 0
    for part in response.iter_content(1 << 16):
        parts.append(part)
        size += len(part)
        if size > MAX_BODY_BYTES:
            response.close()
            raise PullError(f"{place}: an answer of more than {MAX_BODY_BYTES >> 20} MiB")
    response._content = b"".join(parts)
    response._content_consumed = True


def _checked(response: requests.Response, place: str) -> requests.Response:
    status = response.status_code
    if status in (401, 403):
        raise PullError(f"{place}: the credentials were refused ({status})")
    if 300 <= status < 400:
        raise PullError(f"{place}: answered with a redirect ({status}), which is not followed")
    if status >= 400:
        raise PullError(f"{place}: answered {status}")
    return response


def _place(url: str | None) -> str:
    """The address without its query, which may hold a secret."""
    parts = urlsplit(url or "")
    return f"{parts.hostname}{parts.path}"
