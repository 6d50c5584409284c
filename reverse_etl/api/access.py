"""Who may see what, and how often they may ask."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence

from fastapi import Request

from reverse_etl.api.problems import Problem
from reverse_etl.rights import Right, refusal
from workspace import http_keys
from workspace.limiter import Limiter
from workspace.settings import ReadKey

#: Of one key in one worker.
PER_SECOND, BURST = 200.0, 400

_ASK = {"www-authenticate": 'Basic realm="read API", charset="UTF-8"'}


class Door:
    """Lets requests in by their key. Without keys nobody is."""

    def __init__(
        self,
        keys: Sequence[ReadKey],
        limiter: Callable[[], Limiter] = lambda: Limiter(PER_SECOND, BURST),
        refusals: Callable[[], Limiter] = http_keys.refusals,
    ) -> None:
        self._keys = list(keys)
        self._texts = [one.key for one in keys]
        self._limiters = [limiter() for _ in keys]
        self._refused = refusals()

    def check(self, request: Request, right: Right) -> None:
        """Raises :class:`Problem`: 401 without a key, 403 where its role may not, 429."""
        header = request.headers.get("authorization", "")
        place = http_keys.which(self._texts, header)
        if place is None:
            if wait := http_keys.wait(self._refused, header):
                told = "too many wrong keys"
                raise Problem(429, "rate", told, {"retry-after": str(math.ceil(wait))})
            told = "send a key of MARKETING_READ_KEYS, as Bearer or in Basic"
            raise Problem(401, "key", told, _ASK)
        wait = self._limiters[place].missing()
        if wait:
            told = f"more than {self._limiters[place].per_second:g} requests a second"
            raise Problem(429, "rate", told, {"retry-after": str(math.ceil(wait))})
        if told := refusal(self._keys[place].role, right):
            raise Problem(403, "role", told)


def needs(right: Right) -> Callable[[Request], Awaitable[None]]:
    """The dependency of a route that shows ``right``."""

    async def check(request: Request) -> None:
        request.app.state.door.check(request, right)

    check.right = right  # type: ignore[attr-defined]
    return check
