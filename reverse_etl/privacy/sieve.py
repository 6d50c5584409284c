"""Many patterns in many pieces of bytes at once.

Hyperscan finds where a piece holds the first bytes of any pattern, gigabytes a second and core,
however many patterns there are. What is left is looked at in its own bytes
(`forms.Pattern.stands`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from itertools import chain, groupby
from operator import itemgetter

from reverse_etl.privacy.forms import BESIDE, Pattern
from workspace.needles import Needles, literally

#: Bytes of a pattern that are looked for. Hyperscan tells texts apart by how they end, and the
#: domains that addresses end in are everywhere.
_START = 24
#: What Hyperscan is given at once.
_WINDOW = 64 << 20
#: How much of a longer identifier is remembered on each side.
_REMEMBERED = 32
_WORD = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._%+-@")


@dataclass(frozen=True)
class Found:
    """An identifier at a place of a file, in a form."""

    path: str
    place: str
    identifier: int
    form: str


@dataclass(frozen=True)
class _Piece:
    path: str
    place: str
    group: str | None
    is_raw: bool


class Literals:
    """Texts in any case of ASCII letters, in bytes of any size. Threads may share one."""

    def __init__(self, texts: Sequence[bytes]) -> None:
        self._lengths = [len(text) for text in texts]
        self._longest = max(self._lengths, default=0)
        self._needles = Needles(map(literally, texts))

    def find(self, data: bytes | memoryview) -> list[tuple[int, int]]:
        """Where in ``data`` a text begins, and its number; in order, each once."""
        found: set[tuple[int, int]] = set()
        view = memoryview(data)
        for begin in range(0, len(view), _WINDOW):
            for number, end in self._needles.find(view[begin : begin + _WINDOW + self._longest]):
                found.add((begin + end - self._lengths[number], number))
        return sorted(found)


class Sieve:
    """Counts what is found in what is added, in ``counted``; ``marks`` are told to whoever adds."""

    def __init__(
        self,
        patterns: Sequence[Pattern],
        counted: Counter[Found],
        marks: Sequence[bytes] = (),
    ) -> None:
        self._counted = counted
        by_start: dict[bytes, list[tuple[bytes, Pattern]]] = defaultdict(list)
        for pattern in patterns:
            text = pattern.pattern.lower()
            by_start[text[:_START]].append((text, pattern))
        self._patterns = list(by_start.values())
        self._starts = Literals([*by_start, *marks])
        #: What two pieces of one stream must share, so that nothing is cut apart between them.
        self.overlap = max((len(p.pattern) for p in patterns), default=0) + BESIDE
        #: By database and identifier: what stood before and behind it as part of a longer one.
        self._longer: dict[tuple[str, int], set[tuple[bytes, bytes]]] = defaultdict(set)

    def beside(self, counted: Counter[Found]) -> Sieve:
        """Another one for the same patterns, that a thread of its own may use. It knows nothing
        of the databases that were added here."""
        other = copy(self)
        other._counted = counted
        other._longer = defaultdict(set)
        return other

    def join(self, other: Sieve) -> None:
        """Take over what another one found, and what it knows of databases."""
        self._counted.update(other._counted)
        for of, longer in other._longer.items():
            self._longer[of] |= longer

    def add(
        self,
        path: str,
        place: str,
        data: bytes | memoryview,
        group: str | None = None,
        is_raw: bool = False,
        begin: int = 0,
        end: int | None = None,
    ) -> list[tuple[int, int]]:
        """``data`` of a place; hits count that begin in ``begin:end``. ``group`` names the database
        it is of; ``is_raw`` are its bytes, in which values stand next to each other without a mark:
        add its rows before them. Gives the marks in ``begin:end``: where, and their numbers."""
        piece = _Piece(path, place, group, is_raw)
        last = len(data) if end is None else end
        marks = []
        for at, numbers in self._found(data):
            if begin <= at < last:
                marks += [(at, n - len(self._patterns)) for n in numbers]
                self._look(data, at, 0, len(data), numbers, piece)
        return [(at, mark) for at, mark in marks if mark >= 0]

    def add_values(
        self,
        path: str,
        place: str,
        data: memoryview,
        bounds: Sequence[int],
        group: str | None = None,
    ) -> None:
        """The values of a column, next to each other in ``data``: one from each of ``bounds`` (of
        integers, ascending) to the next."""
        piece = _Piece(path, place, group, is_raw=False)
        for at, numbers in self._found(data):
            index = bisect_right(bounds, at)
            if 0 < index < len(bounds):
                begin, end = int(bounds[index - 1]), int(bounds[index])
                self._look(data, at, begin, end, numbers, piece)

    def _found(self, data: bytes | memoryview) -> Iterator[tuple[int, list[int]]]:
        """Where patterns may begin, and the numbers of their starts."""
        for at, some in groupby(self._starts.find(data), key=itemgetter(0)):
            yield at, [number for _, number in some]

    def _look(
        self,
        data: bytes | memoryview,
        at: int,
        begin: int,
        end: int,
        starts: list[int],
        piece: _Piece,
    ) -> None:
        """What of the patterns stands at ``at``, in what is from ``begin`` to ``end``."""
        first = max(begin, at - BESIDE)
        around = bytes(data[first : min(end, at + self.overlap)])
        start = at - first
        lower = around[start:].lower()
        told = set()
        for text, pattern in self._of(starts):
            if not lower.startswith(text):
                continue
            stands = pattern.stands(around, start)
            if stands is None:
                stands = self._is_another(around, start, pattern, piece)
            if stands:
                told.add(Found(piece.path, piece.place, pattern.identifier, pattern.form))
        self._counted.update(told)

    def _of(self, starts: list[int]) -> Iterator[tuple[bytes, Pattern]]:
        """The patterns that start so, in lower case and as they are."""
        patterns = (self._patterns[number] for number in starts if number < len(self._patterns))
        return chain.from_iterable(patterns)

    def _is_another(self, around: bytes, start: int, pattern: Pattern, piece: _Piece) -> bool:
        """Whether a hit inside a longer word counts: in a database's bytes, unless its rows have
        that word."""
        if piece.group is None:
            return False
        before, after = around[:start], around[start + len(pattern.pattern) :]
        longer = self._longer[piece.group, pattern.identifier]
        if not piece.is_raw:
            longer.add((_last_word(before), _first_word(after)))
            return False
        return not any(
            before.lower().endswith(left) and after.lower().startswith(right)
            for left, right in longer
        )


def _last_word(data: bytes) -> bytes:
    at = len(data)
    while at > max(0, len(data) - _REMEMBERED) and data[at - 1] in _WORD:
        at -= 1
    return data[at:].lower()


def _first_word(data: bytes) -> bytes:
    at = 0
    while at < min(_REMEMBERED, len(data)) and data[at] in _WORD:
        at += 1
    return data[:at].lower()
