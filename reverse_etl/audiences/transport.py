"""One vendor's API: our rate, attempts, and what an answer means.

Nothing is sent again unless nothing had been sent, the vendor says that it took nothing, or the
request may be repeated.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from reverse_etl.audiences.model import Fault, Paused, RowsRefused, Unavailable
from workspace import clock
from workspace.http_guard import Forbidden, Guard, Reply, Unreached
from workspace.limiter import MAX_WAIT_SECONDS, Limiter, backoff, retry_after

ATTEMPTS = 4
SECONDS = 60.0
ANSWER_BYTES = 8 << 20
USER_AGENT = "marketing-warehouse"
#: The answer to a request over a limit; and answers behind which anything may have happened.
THROTTLED, DOUBTFUL = (429,), (408, 425, 500, 502, 503, 504, 507)


class Throttled(Fault):
    """The vendor took nothing and says when to come back: ``seconds``, None where it does not."""

    def __init__(self, seconds: float | None = None) -> None:
        super().__init__("throttled")
        self.seconds = seconds


class Doubtful(Unavailable):
    """It may have been taken, and may not."""


@dataclass(frozen=True)
class Answer:
    """What came back, and its JSON where it has one."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    value: Any = None


@dataclass
class Api:
    """``explain`` may say what an answer means before its status does: it returns a fault or None.

    ``sleep`` and ``present`` are parameters, so that tests take no time.
    """

    url: str
    guard: Guard
    limiter: Limiter
    headers: Mapping[str, str] = field(default_factory=dict)
    explain: Callable[[Answer], Fault | None] = lambda _: None
    sleep: Callable[[float], None] = time.sleep
    present: Callable[[], datetime] = clock.now
    attempts: int = ATTEMPTS
    seconds: float = SECONDS

    def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        repeatable: bool = True,
        reads_json: bool = True,
    ) -> Answer:
        """The answer of a request that was taken. Raises :class:`Paused`, :class:`RowsRefused`,
        :class:`Unavailable`; :class:`Doubtful` where it cannot be known and not ``repeatable``."""
        url = path if path.startswith("http") else self.url.rstrip("/") + path
        sent = {"User-Agent": USER_AGENT, "Accept": "application/json", **self.headers}
        sent |= headers or {}
        fault: Fault = Unavailable("unreachable")
        for attempt in range(1, self.attempts + 1):
            self.limiter.acquire()
            wait = backoff(attempt)
            try:
                return self._once(method, url, sent, body, reads_json)
            except Throttled as error:
                wait, fault = max(wait, error.seconds or 0.0), Unavailable("throttled")
            except Doubtful as error:
                if not repeatable:
                    raise
                fault = error
            except Unavailable as error:
                fault = error
            if wait > MAX_WAIT_SECONDS:
                raise Unavailable(fault.code, f"asks to wait {wait:,.0f} s")
            if attempt < self.attempts:
                self.sleep(wait)
        raise fault

    def send(self, method: str, path: str, value: Any, **options: Any) -> Answer:
        """:meth:`ask` with a JSON body."""
        headers = {"Content-Type": "application/json", **options.pop("headers", {})}
        return self.ask(method, path, json.dumps(value).encode(), headers, **options)

    def _once(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, reads_json: bool
    ) -> Answer:
        try:
            reply = self.guard.request(
                method, url, headers, body, seconds=self.seconds, answer_bytes=ANSWER_BYTES
            )
        except Forbidden as error:
            raise Paused("forbidden_address", str(error)) from None
        except Unreached as error:
            raise Unavailable("unreachable", str(error)) from None
        except OSError as error:
            raise Doubtful("no_answer", type(error).__name__) from None
        answer = Answer(reply.status, reply.headers, reply.body, _json(reply))
        fault = self.explain(answer) or self._meaning(answer, reads_json)
        if fault is not None:
            raise fault
        return answer

    def _meaning(self, answer: Answer, reads_json: bool) -> Fault | None:
        status = answer.status
        if 200 <= status < 300:
            is_read = answer.value is not None or not reads_json
            return None if is_read else Doubtful("unreadable_answer")
        if status in THROTTLED or (status == 503 and "retry-after" in answer.headers):
            return Throttled(retry_after(answer.headers.get("retry-after"), self.present()))
        if status in DOUBTFUL or status > 500:
            return Doubtful(f"http_{status}")
        if status in (401, 403):
            return Paused("credentials", f"the credentials were refused ({status})")
        if status in (404, 410) or 300 <= status < 400:
            return Paused(f"http_{status}", "the address or the audience is not there")
        return RowsRefused(f"http_{status}")


def _json(reply: Reply) -> Any:
    if reply.is_cut:
        return None
    try:
        return json.loads(reply.body)
    except ValueError:
        return None
