"""Many expressions in much text at once, by Hyperscan: gigabytes a second, however many there are.

It says where something may stand; whoever asks looks at the place. Threads search side by side.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

import hyperscan

#: What one call may search; Hyperscan counts bytes in 32 bits.
LARGEST = 1 << 31

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

    def __bool__(self) -> bool:
        return self._database is not None

    def find(self, data: bytes | memoryview) -> list[Place]:
        """Every match: the number of its expression, and where it ends in ``data``.

        They come in the order of their ends. ``data`` has at most :data:`LARGEST` bytes, else
        ``ValueError``.
        """
        if self._database is None or not len(data):
            return []
        if len(data) > LARGEST:
            raise ValueError(f"{len(data)} bytes are more than can be searched at once")
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
