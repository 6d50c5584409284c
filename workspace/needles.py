"""Many expressions in much text at once, by Hyperscan: gigabytes a second, however many there are.

It says where something may stand; whoever asks looks at the place. Threads search side by side.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from operator import itemgetter

import hyperscan

#: What is searched at once, as Hyperscan counts bytes in 32 bits; and what two such parts share.
WINDOW, SHARED = 1 << 30, 1 << 16

Place = tuple[int, int]


class Needles:
    """Expressions of PCRE over bytes, without looking around; ASCII letters in any case."""

    def __init__(self, expressions: Iterable[bytes]) -> None:
        wanted = list(expressions)
        self._here = threading.local()
        self._database: hyperscan.Database | None = None
        if wanted:
            self._database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
            self._database.compile(
                expressions=wanted,
                ids=list(range(len(wanted))),
                elements=len(wanted),
                flags=hyperscan.HS_FLAG_CASELESS,
            )

    def find(self, data: bytes | memoryview) -> list[Place]:
        """Every match: the number of its expression, and where it ends in ``data``.

        They come in the order of their ends. A match of more than :data:`SHARED` bytes may be
        missed.
        """
        if self._database is None or not len(data):
            return []
        if len(data) <= WINDOW + SHARED:
            return self._within(data)
        found: set[Place] = set()
        for start in range(0, len(data), WINDOW):
            part = memoryview(data)[start : start + WINDOW + SHARED]
            found.update((number, start + end) for number, end in self._within(part))
        return sorted(found, key=itemgetter(1, 0))

    def _within(self, data: bytes | memoryview) -> list[Place]:
        assert self._database is not None
        found: list[Place] = []

        def match(number: int, begin: int, end: int, flags: int, context: object) -> None:
            found.append((number, end))

        self._database.scan(data, match_event_handler=match, scratch=self._scratch())
        return found

    def _scratch(self) -> hyperscan.Scratch:
        """Hyperscan's working memory, one a thread."""
        if not hasattr(self._here, "scratch"):
            self._here.scratch = hyperscan.Scratch(self._database)
        return self._here.scratch


def literally(text: bytes) -> bytes:
    """The expression of just these bytes."""
    return b"".join(b"\\x%02x" % byte for byte in text)
