"""A version made of the current one, in which some rows are others.

For what cannot wait until the warehouse is made anew: an erasure. Parts without such a row are hard
links, and readers see the old version or the new one, as with every publish.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from reverse_etl.publish.publisher import (
    CURRENT,
    VERSION_FILE,
    Room,
    clean,
    point_to,
    relations_of,
    rooms,
    seal,
    versions_of,
)
from workspace import durable
from workspace.clock import compact, parse_compact
from workspace.paths import Paths

_THREADS = 2
_STEP = timedelta(microseconds=1)


@dataclass(frozen=True)
class Changed:
    """What became of a part: how many rows are others or gone, and how many it has."""

    changed: int
    rows: int


#: Asked of each part, with its schema, its relation, the file and where to write it anew; writes
#: nothing where no row is to change. Several threads ask.
Change = Callable[[str, str, Path, Path], Changed]


@dataclass(frozen=True)
class Mended:
    """``version`` is the new one; ``changed`` rows by ``schema.relation``; ``linked`` counts parts
    that stayed."""

    version: str
    changed: dict[str, int]
    linked: int


def mend(paths: Paths, change: Change) -> Mended | None:
    """Make a version of the current one and make it current; None where nothing is published.

    It is named as the next moment after the last version. Call it with the run lock held.
    """
    here = [room for room in rooms(paths) if (room.root / CURRENT).exists()]
    # A mend that was killed may have left a version that is not current.
    names = [name for room in here for name in versions_of(room)]
    if not names:
        return None
    version = f"v{compact(_time_of(max(names)) + _STEP)}"
    changed: dict[str, int] = {}
    linked = 0
    for room in here:
        clean(room)
        linked += _written(room, version, change, changed)
    for room in here:
        point_to(room, version)
    return Mended(version, changed, linked)


def _time_of(version: str) -> datetime:
    return parse_compact(version.removeprefix("v"))


def _written(room: Room, version: str, change: Change, changed: dict[str, int]) -> int:
    source = room.root / os.readlink(room.root / CURRENT)
    staging = room.root / f".{version}"
    durable.make_folder(staging, mode=0o700)
    body = json.loads((source / VERSION_FILE).read_bytes())
    relations = relations_of(source)
    for relation in relations:
        (staging / relation.name).mkdir()

    def one(part: str) -> Changed:
        done = change(room.schema, part.partition("/")[0], source / part, staging / part)
        if done.changed:
            os.chmod(staging / part, room.file_mode)
            durable.fsync_file(staging / part)
        else:
            os.link(source / part, staging / part)
        return done

    parts = sorted(body["parts"], key=lambda part: -(source / part).stat().st_size)
    with ThreadPoolExecutor(_THREADS) as pool:
        told = dict(zip(parts, pool.map(one, parts), strict=True))
    for part, done in told.items():
        if done.changed:
            name = part.partition("/")[0]
            key = f"{room.schema}.{name}"
            changed[key] = changed.get(key, 0) + done.changed
            # No rows have this fingerprint: the next publish writes what it has.
            body["parts"][part] |= {"rows": done.rows, "xor": uuid.uuid4().hex, "sum": ""}
            body.get("versions", {}).pop(name, None)
    for relation in relations:
        durable.fsync_folder(staging / relation.name)
        os.chmod(staging / relation.name, room.folder_mode)
    seal(room, staging, {**body, "version": version})
    return sum(not done.changed for done in told.values())
