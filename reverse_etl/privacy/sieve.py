"""Many patterns in many pieces of bytes at once.

Pieces are gathered into blocks. A block is folded to lower-case ASCII, and NumPy finds where it
holds the first bytes of any pattern, by four bytes and then by eight (or five): about a quarter
of a gigabyte a second and core, however many patterns there are. What is left is looked at in its
own bytes (`forms.Pattern.stands`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reverse_etl.privacy.forms import BESIDE, SHORTEST, Pattern, fold

BLOCK_BYTES = 16 << 20
_HASH_BITS = 20
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
    #: Hits that begin before or behind these are counted with the pieces beside it.
    begin: int
    end: int


class Sieve:
    """Counts what is found in ``counted``. :meth:`add` pieces, then :meth:`flush`."""

    def __init__(self, patterns: Sequence[Pattern], counted: Counter[Found]) -> None:
        self._counted = counted
        self._by_start: dict[bytes, list[tuple[bytes, Pattern]]] = defaultdict(list)
        for pattern in patterns:
            text = fold(pattern.pattern)
            self._by_start[text[:SHORTEST]].append((text, pattern))
        self._starts_with = _Starts({fold(pattern.pattern) for pattern in patterns})
        #: What two pieces of one stream must share, so that nothing is cut apart between them.
        self.overlap = max((len(p.pattern) for p in patterns), default=0) + BESIDE
        self._pieces: list[_Piece] = []
        self._starts: list[int] = []
        self._block = bytearray()
        #: By database and identifier: what stood before and behind it as part of a longer one.
        self._longer: dict[tuple[str, int], set[tuple[bytes, bytes]]] = defaultdict(set)

    def add(
        self,
        path: str,
        place: str,
        data: bytes,
        group: str | None = None,
        is_raw: bool = False,
        begin: int = 0,
        end: int | None = None,
    ) -> None:
        """``data`` of a place; hits count that begin in ``begin:end``. ``group`` names the database
        it is of; ``is_raw`` are its bytes, in which values stand next to each other without a mark:
        add its rows before them."""
        if not self._by_start or not data:
            return
        if self._block and len(self._block) + len(data) > BLOCK_BYTES:
            self.flush()
        last = len(data) if end is None else end
        self._pieces.append(_Piece(path, place, group, is_raw, begin, last))
        self._starts.append(len(self._block))
        self._block += data
        self._block += b"\n"

    def flush(self) -> None:
        """Search what was added."""
        if not self._pieces:
            return
        data, pieces, starts = bytes(self._block), self._pieces, self._starts
        self._block, self._pieces, self._starts = bytearray(), [], []
        for at in self._starts_with.find(data):
            index = bisect_right(starts, at) - 1
            end = starts[index + 1] - 1 if index + 1 < len(starts) else len(data) - 1
            if pieces[index].begin <= at - starts[index] < pieces[index].end:
                self._look(data, at, starts[index], end, pieces[index])

    def _look(self, data: bytes, at: int, begin: int, end: int, piece: _Piece) -> None:
        """What of the patterns stands at ``at``, in a piece from ``begin`` to ``end``."""
        longest = self.overlap
        around = data[max(begin, at - BESIDE) : min(end, at + longest)]
        start = at - max(begin, at - BESIDE)
        folded = fold(around[start:])
        told = set()
        for text, pattern in self._by_start.get(folded[:SHORTEST], ()):
            if not folded.startswith(text):
                continue
            stands = pattern.stands(around, start)
            if stands is None:
                stands = self._is_another(around, start, pattern, piece)
            if stands:
                told.add(Found(piece.path, piece.place, pattern.identifier, pattern.form))
        self._counted.update(told)

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


class _Starts:
    """Where any of many texts may begin: by their first four bytes, hashed, then by their first
    eight, or five where they are shorter."""

    def __init__(self, texts: set[bytes]) -> None:
        self._table = np.zeros(1 << _HASH_BITS, dtype=bool)
        fours = [text[:4] for text in texts]
        self._table[_hashed(np.frombuffer(b"".join(fours), dtype="<u4"))] = True
        self._widths = [
            (width, np.unique(np.array([_number(t[:width]) for t in some], dtype=np.uint64)))
            for width, some in (
                (8, [t for t in texts if len(t) >= 8]),
                (SHORTEST, [t for t in texts if len(t) < 8]),
            )
            if some
        ]

    def find(self, data: bytes) -> list[int]:
        """Positions in ``data`` where one of the texts may stand, in order."""
        folded = fold(data) + b"\0" * 8
        found = []
        for offset in range(4):
            words = np.frombuffer(folded, "<u4", count=(len(folded) - offset) // 4, offset=offset)
            at = np.flatnonzero(self._table[_hashed(words)]) * 4 + offset
            found.append(at[at < len(data)])
        candidates = np.sort(np.concatenate(found))
        eights = np.lib.stride_tricks.sliding_window_view(np.frombuffer(folded, np.uint8), 8)
        read = np.ascontiguousarray(eights[candidates]).view("<u8").ravel()
        stands = np.zeros(len(candidates), dtype=bool)
        for width, starts in self._widths:
            mask = np.uint64((1 << 8 * width) - 1)
            stands |= _among(read & mask, starts)
        positions: list[int] = candidates[stands].tolist()
        return positions


def _hashed(words: Any) -> Any:
    return (words * np.uint32(2654435761)) >> np.uint32(32 - _HASH_BITS)


def _number(text: bytes) -> int:
    return int.from_bytes(text, "little")


def _among(values: Any, of: Any) -> Any:
    at = np.minimum(np.searchsorted(of, values), len(of) - 1)
    return of[at] == values


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
