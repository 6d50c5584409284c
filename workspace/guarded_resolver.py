"""aiohttp's part of :mod:`workspace.http_guard`; a module of its own, since aiohttp is not cheap
to import."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from aiohttp.abc import AbstractResolver, ResolveResult

if TYPE_CHECKING:
    from workspace.http_guard import Guard


class GuardedResolver(AbstractResolver):
    """Names to addresses that were all checked.

    Raises ``Forbidden`` when one of them must not be asked, ``OSError`` where there is none.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        shown = f"[{host}]" if ":" in host else host
        # The scheme was judged with the whole address; here it is about host and port.
        target = self._guard.check(f"https://{shown}:{port}")
        found = await asyncio.to_thread(self._guard.addresses, target)
        return [
            ResolveResult(
                hostname=host,
                host=address[0],
                port=address[1],
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        """Nothing to close."""
