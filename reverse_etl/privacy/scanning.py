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
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from reverse_etl.privacy import contents
from reverse_etl.privacy.forms import Identifier, patterns
from reverse_etl.privacy.sieve import Found, Sieve

#: Files that are read at the same time; what takes long in them are libraries that let others run.
SIDE_BY_SIDE = 2
_CONTAINER_SIDES = ("-wal", "-shm", "-journal", ".wal")


@dataclass(frozen=True)
class Hit:
    """One identifier (its number in what was looked for) in one form at one place of a file, and
    how often, where a value that a column keeps once for many rows counts once. ``path`` is
    relative to what was scanned, ``place`` a column, a table or ``bytes``. A path that holds the
    identifier itself ends in ``…``."""

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

    ``skip`` are files and folders to leave out, ``progress`` is told the bytes of each file, in no
    order. Symbolic links are not followed, and files with several names are read once. Memory:
    about 300 MB, whatever the size of a file. Raises ``OSError`` where ``root`` does not exist.
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
    sieve = Sieve(looked_for, counted, contents.MARKS)
    files, others, unread = _listed(root, skip, sieve)
    found.files = len(files) + sum(len(names) for names in others.values())
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        together = sorted(_together(files), key=lambda some: -sum(each.size for each in some))
        waits_for = [pool.submit(_read, some, sieve) for some in together]
        try:
            for done in as_completed(waits_for):
                some, more, failed = done.result()
                counted.update(more)
                unread |= failed
                for each in some:
                    found.scanned_bytes += each.size
                    if progress:
                        progress(each.size)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    found.unread = [(name, why) for _, name, why in sorted(unread)]
    found.hits = _hits(counted, others)
    return found


@dataclass(frozen=True)
class _File:
    """``number`` is its place among all files, ``size`` in bytes."""

    number: int
    path: Path
    name: str
    size: int


#: What could not be read: where it stands among all files, its name and why.
_Failed = tuple[int, str, str]


def _listed(
    root: Path, skip: Collection[Path], sieve: Sieve
) -> tuple[list[_File], dict[str, list[str]], set[_Failed]]:
    """The files to read, the other names of those that have several, and what is not readable.
    ``sieve`` gets the names."""
    folders: list[tuple[str, str]] = []
    files: list[_File] = []
    others: dict[str, list[str]] = {}
    unread: set[_Failed] = set()
    names: dict[tuple[int, int], str] = {}
    for number, path in enumerate(
        _files(root, frozenset(each.absolute() for each in skip), folders)
    ):
        name = str(path.relative_to(root)) if path != root else path.name
        try:
            state = path.stat()
        except OSError as error:
            unread |= _unread(number, path, name, error)
            continue
        sieve.add(name, "name", _names(name))
        inode = (state.st_dev, state.st_ino)
        if state.st_nlink > 1 and inode in names:
            others.setdefault(names[inode], []).append(name)
            continue
        names[inode] = name
        files.append(_File(number, path, name, state.st_size))
    return files, others, unread | {(-1, name, why) for name, why in folders}


def _together(files: Iterable[_File]) -> list[list[_File]]:
    """Files of one database with each other: what it says tells what its bytes mean."""
    groups: dict[str, list[_File]] = {}
    for each in files:
        groups.setdefault(_group(each.name), []).append(each)
    return list(groups.values())


def _read(files: list[_File], sieve: Sieve) -> tuple[list[_File], Counter[Found], set[_Failed]]:
    """What some files hold, and which of them cannot be read."""
    counted: Counter[Found] = Counter()
    unread: set[_Failed] = set()
    mine = sieve.beside(counted)
    for each in files:
        try:
            contents.read(each.path, _group(each.name), each.name, mine)
        except contents.Unreadable as error:
            unread |= _unread(each.number, each.path, each.name, error)
    return files, counted, unread


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


def _unread(number: int, path: Path, name: str, error: Exception) -> set[_Failed]:
    if not path.exists():  # what is gone holds nothing
        return set()
    return {(number, name, str(error) if str(error) else type(error).__name__)}


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
