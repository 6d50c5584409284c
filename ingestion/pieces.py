"""Large files of lines in pieces of bytes: only the lines that somebody looks for are cut out.

A piece ends at a line's end; only the last one of a file may lack it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from isal import isal_zlib

_FEED, _QUOTE = 0x0A, 0x22
#: Of 0 to 3: the fastest that packs at all, at ten times the speed of the usual gzip.
_LEVEL = 1
#: Where a piece gets other bytes: from, to, and which.
Edit = tuple[int, int, bytes]


def pieces(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Blocks cut anew at the ends of lines."""
    begun: list[bytes] = []
    for block in blocks:
        cut = block.rfind(b"\n") + 1
        if cut:
            yield b"".join([*begun, block[:cut]])
            begun = []
        if cut < len(block):
            begun.append(block[cut:])
    if begun:
        yield b"".join(begun)


class Counted:
    """Where lines begin that are known by their numbers (1-based), piece by piece of one file."""

    def __init__(self, numbers: Iterable[int]) -> None:
        self._left = sorted(numbers, reverse=True)
        self._passed = 0

    def starts(self, piece: bytes) -> list[int]:
        """Those of the file's next piece."""
        if not self._left or not piece:
            return []
        is_end = np.frombuffer(piece, np.uint8) == _FEED
        first, self._passed = self._passed, self._passed + int(np.count_nonzero(is_end))
        found = []
        while self._left and self._left[-1] <= self._passed + (not piece.endswith(b"\n")):
            found.append(self._left.pop() - first - 1)
        if not found:
            return []
        begins = [0, *(np.flatnonzero(is_end) + 1).tolist()] if found != [0] else [0]
        return [begins[number] for number in found]


def around(piece: bytes, ends: Iterable[int]) -> Iterator[int]:
    """Where the lines begin in which something ends, each once; ``ends`` are sorted."""
    after = 0
    for end in ends:
        if end > after:
            yield piece.rfind(b"\n", 0, end - 1) + 1
            after = line_end(piece, end - 1) + 1


def line_end(piece: bytes, start: int) -> int:
    found = piece.find(b"\n", start)
    return len(piece) if found < 0 else found


def odd_quotes(piece: bytes) -> list[int]:
    """Where the lines begin that have an odd number of double quotes."""
    if b'"' not in piece:
        return []
    data = np.frombuffer(piece, np.uint8)
    begins = np.concatenate(([0], np.flatnonzero(data == _FEED) + 1))
    lines = np.searchsorted(begins, np.flatnonzero(data == _QUOTE), side="right") - 1
    return begins[np.bincount(lines, minlength=len(begins)) % 2 == 1].tolist()


def edited(piece: bytes, edits: Sequence[Edit]) -> bytes:
    """The piece with its edits, which are sorted."""
    if not edits:
        return piece
    parts, done = [], 0
    for start, end, new in edits:
        parts += [piece[done:start], new]
        done = end
    return b"".join([*parts, piece[done:]])


class Output:
    """A new file and, once it is closed, the SHA-256 of its bytes; gzip where it is ``packed``."""

    def __init__(self, path: Path, packed: bool = False) -> None:
        self.digest = ""
        self._path = path
        self._hash = hashlib.sha256()
        self._packer = isal_zlib.compressobj(_LEVEL, wbits=31) if packed else None

    def write(self, data: bytes) -> None:
        self._write(self._packer.compress(data) if self._packer else data)

    def _write(self, data: bytes) -> None:
        self._hash.update(data)
        self._file.write(data)

    def __enter__(self) -> Self:
        self._file = open(self._path, "xb")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._file:
            if kind is None and self._packer:
                self._write(self._packer.flush())
        self.digest = self._hash.hexdigest()
