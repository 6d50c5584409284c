"""Where under a folder people or secrets can be found: every file, and what is packed inside it.

A file is read by its bytes and, where it is more than bytes, by its content: Parquet column by
column, SQLite and DuckDB table by table (their bytes too: what was deleted may still be there),
gzip, zstd and zlib unpacked wherever they begin, members of tar and zip archives as files. What
is found is told by its place and the number of the identifier, never by its value; what could not
be read is told, too. :mod:`reverse_etl.privacy.forms` has the forms that are looked for.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reverse_etl.privacy import contents
from reverse_etl.privacy.forms import Identifier, patterns
from reverse_etl.privacy.sieve import Found, Sieve

_CONTAINER_SIDES = ("-wal", "-shm", "-journal", ".wal")


@dataclass(frozen=True)
class Hit:
    """One identifier (its number in what was looked for) in one form at one place of a file, and
    how often. ``path`` is relative to what was scanned, ``place`` a column, a table or ``bytes``.
    A path that holds the identifier itself ends in ``…``."""

    path: str
    place: str
    identifier: int
    form: str
    count: int


@dataclass
class Scan:
    """What a scan found. ``unread`` has the paths that could not be read, with the reason: nothing
    is known of them. ``too_short`` are identifiers that cannot be looked for."""

    hits: list[Hit] = field(default_factory=list)
    unread: list[tuple[str, str]] = field(default_factory=list)
    too_short: list[int] = field(default_factory=list)
    files: int = 0
    scanned_bytes: int = 0

    @property
    def is_clean(self) -> bool:
        return not (self.hits or self.unread or self.too_short)


def scan(
    root: Path,
    identifiers: Sequence[Identifier],
    skip: Collection[Path] = (),
    progress: Callable[[int], object] | None = None,
) -> Scan:
    """Every place below ``root`` (a folder or a file) that holds one of ``identifiers``.

    ``skip`` are files and folders to leave out, ``progress`` is told the bytes of each file.
    Symbolic links are not followed, and files with several names are read once. Memory: about
    200 MB, whatever the size of a file. Raises ``OSError`` where ``root`` does not exist.
    """
    root = root.absolute()
    root.lstat()
    found = Scan()
    looked_for = []
    for number, identifier in enumerate(identifiers):
        made = list(patterns(number, identifier))
        if not made:
            found.too_short.append(number)
        looked_for += made
    counted: Counter[Found] = Counter()
    sieve = Sieve(looked_for, counted)
    names: dict[tuple[int, int], str] = {}
    others: dict[str, list[str]] = {}
    for path in _files(root, frozenset(each.absolute() for each in skip), found.unread):
        name = str(path.relative_to(root)) if path != root else path.name
        try:
            state = path.stat()
        except OSError as error:
            _unread(found, path, name, error)
            continue
        found.files += 1
        sieve.add(name, "name", _names(name))
        inode = (state.st_dev, state.st_ino)
        if state.st_nlink > 1 and inode in names:
            others.setdefault(names[inode], []).append(name)
            continue
        names[inode] = name
        try:
            contents.read(path, _group(name), name, sieve)
        except contents.Unreadable as error:
            _unread(found, path, name, error)
        found.scanned_bytes += state.st_size
        if progress:
            progress(state.st_size)
    sieve.flush()
    found.hits = _hits(counted, others)
    return found


def _files(root: Path, skip: frozenset[Path], unread: list[tuple[str, str]]) -> Iterator[Path]:
    """Every ordinary file, a database before what stands beside it."""
    if root.is_file():
        yield root
        return

    def failed(error: OSError) -> None:
        unread.append((str(Path(error.filename).relative_to(root)), type(error).__name__))

    for folder, folders, files in os.walk(root, onerror=failed):
        here = Path(folder)
        folders[:] = sorted(name for name in folders if here / name not in skip)
        for name in sorted(files):
            path = here / name
            if path not in skip and path.is_file() and not path.is_symlink():
                yield path


def _names(name: str) -> bytes:
    """A path with and without what may be its suffix."""
    path = Path(name)
    bare = path.with_suffix("")
    names = (name, str(bare), str(bare.with_suffix("")))
    return "\n".join(names).encode("utf-8", "surrogateescape")


def _group(name: str) -> str:
    """What files of one database are called together."""
    for side in _CONTAINER_SIDES:
        name = name.removesuffix(side)
    return name


def _unread(found: Scan, path: Path, name: str, error: Exception) -> None:
    if path.exists():  # what is gone holds nothing
        found.unread.append((name, str(error) if str(error) else type(error).__name__))


def _hits(counted: Counter[Found], others: dict[str, list[str]]) -> list[Hit]:
    hits = []
    hidden = {hit.path for hit in counted if hit.place == "name"}
    for hit, count in counted.items():
        same = [] if hit.place == "name" else others.get(hit.path, [])
        for path in (hit.path, *same):
            hits.append(Hit(_shown(path, hidden), hit.place, hit.identifier, hit.form, count))
    return sorted(hits, key=lambda hit: (hit.path, hit.place, hit.identifier, hit.form))


def _shown(path: str, hidden: Iterable[str]) -> str:
    return f"{Path(path).parent}/…" if path in hidden else path
