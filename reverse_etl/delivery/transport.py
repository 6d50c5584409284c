"""HTTP to providers: one request, one answer, and whether a byte of it left.

Redirects are not followed, nothing is sent again, and an answer is read up to a limit: a retry
that a client makes by itself is a second message.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import aiohttp
import msgspec

from reverse_etl.delivery.protocol import Kind, Outcome
from workspace.http_guard import Forbidden, Guard
from workspace.limiter import retry_after
from workspace.tls import client_context

#: Longer answers are cut: what they say stands at the beginning.
ANSWER_BYTES = 1 << 20
CONNECT_SECONDS = 10.0
#: Of the key, the account or the address that is asked: payment, no such page, another method, a
#: proxy. With redirects (an address that moved) every other message would fare the same.
_ENDPOINT = frozenset({401, 402, 403, 404, 405, 407, 410})
ANSWER_SECONDS = 30.0
T = TypeVar("T")


@dataclass(frozen=True)
class Answer:
    """Status, headers (names in lower case) and the beginning of the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_cut: bool = False

    def json(self) -> Any:
        """The body as JSON; None where it is none."""
        try:
            return None if self.is_cut else msgspec.json.decode(self.body)
        except (msgspec.MsgspecError, RecursionError):
            return None

    def object(self) -> dict[str, Any]:
        """The body as a JSON object; empty where it is none."""
        found = self.json()
        return found if isinstance(found, dict) else {}


@dataclass
class Transport:
    """A session of one event loop, for all providers.

    ``clock`` gives the present in naive UTC, for dates in Retry-After. With a ``guard`` only what
    it allows is asked: for addresses that are not a vendor's.
    """

    clock: Any
    answer_seconds: float = ANSWER_SECONDS
    connect_seconds: float = CONNECT_SECONDS
    answer_bytes: int = ANSWER_BYTES
    guard: Guard | None = None
    _session: aiohttp.ClientSession | None = field(default=None, init=False, repr=False)

    @property
    def session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=self._connector(),
                timeout=aiohttp.ClientTimeout(
                    total=self.answer_seconds + self.connect_seconds,
                    connect=self.connect_seconds,  # with the name's resolution and TLS
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=True,
                trust_env=False,
            )
        return self._session

    def _connector(self) -> aiohttp.TCPConnector:
        if self.guard is not None:
            return self.guard.connector(limit=0)
        return aiohttp.TCPConnector(limit=0, ssl=client_context(), ttl_dns_cache=60)

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Answer | Outcome:
        """The answer, or what became of the request where there is none: ``unreachable`` before
        a byte left, ``ambiguous`` after."""
        most = self.answer_bytes
        try:
            if self.guard is not None:
                url = self.guard.check(url).url
            async with self.session.request(
                method, url, data=body, headers=headers, allow_redirects=False
            ) as response:
                data = await response.content.read(most + 1)
                while len(data) <= most:
                    more = await response.content.read(most + 1 - len(data))
                    if not more:
                        break
                    data += more
                names = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status, names, data[:most], len(data) > most)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            # DNS, refused, TLS, or no connection in time: nothing was written.
            return Outcome(Kind.UNREACHABLE, _name(error))
        except Forbidden as error:
            return Outcome(Kind.DENIED, str(error))
        except (aiohttp.InvalidURL, ValueError) as error:
            return Outcome(Kind.DENIED, _name(error))
        except TimeoutError:
            return Outcome(Kind.AMBIGUOUS, "timeout")
        except (aiohttp.ClientError, OSError) as error:
            return Outcome(Kind.AMBIGUOUS, _name(error))

    def wait(self, answer: Answer) -> float | None:
        """The seconds that an answer asks to wait, by Retry-After."""
        return retry_after(answer.headers.get("retry-after"), self.clock())

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


def _name(error: Exception) -> str:
    """A connection's error without the address that its text may hold."""
    return type(error).__name__


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in an event loop of its own: uvloop's, where it is installed."""
    try:
        import uvloop
    except ImportError:  # Windows
        return asyncio.run(main)
    return uvloop.run(main)


def by_status(answer: Answer, wait: float | None = None) -> Outcome:
    """What a status alone says; providers look at their own codes first.

    A 5xx came after the message was read, so it may have been taken. Raises nothing.
    """
    code = str(answer.status)
    if answer.status in _ENDPOINT or 300 <= answer.status < 400:
        return Outcome(Kind.DENIED, code)
    if answer.status == 429:
        return Outcome(Kind.THROTTLED, code, retry_after=wait)
    if answer.status == 408 or answer.status >= 500:
        return Outcome(Kind.AMBIGUOUS, code, retry_after=wait)
    if 400 <= answer.status < 500:
        return Outcome(Kind.REJECTED, code)
    # A 2xx that does not say what it should.
    return Outcome(Kind.AMBIGUOUS, code)
