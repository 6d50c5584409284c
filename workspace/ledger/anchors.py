"""Where the audit chain is remembered outside itself, so that a chain that was cut off or written
anew is found: in the witness folder (`workspace.witness`) and in each batch that the lake holds.

A ledger that was restored from a backup looks like one that was cut off. :func:`accept` records,
in the chain, that somebody says so.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from workspace import durable
from workspace.lake import Lake
from workspace.ledger import Ledger, audit, lease, schema
from workspace.ledger.audit import Anchor, Entry, Tail, Verdict
from workspace.streams import STREAMS

STREAM = "audit_chain"
ACCEPT = "chain.accept"
_FILE = "audit.json"


@dataclass(frozen=True)
class Places:
    """Where a workspace's chain is remembered. ``root`` is the workspace, ``witnesses`` the folder
    of witnesses."""

    ledger: Ledger
    lake: Lake
    root: Path
    witnesses: Path


def verify(places: Places) -> Verdict:
    """The chain against itself and all that is remembered of it."""
    return audit.verify(places.ledger, known(places))


def known(places: Places) -> list[Anchor]:
    """What the witness and the lake remember, but for what :func:`accept` says is lost."""
    accepted = _accepted(places.ledger)
    found = []
    for number, entry in enumerate(places.lake.entries(STREAM), 1):
        if "position" in entry.meta:
            position, digest = int(entry.meta["position"]), str(entry.meta["digest"])
            if not any(position > whole and number <= batches for whole, batches in accepted):
                found.append(Anchor(position, digest, f"batch {number} of the lake"))
    with places.ledger.reading() as connection:
        workspace_id = lease.workspace_id_of(connection)
    if workspace_id is not None:
        own = _own(_read(places.witnesses / workspace_id / _FILE), places.root)
        found += [Anchor(one["position"], one["digest"], "the witness") for one in own]
    return found


def keep(places: Places) -> None:
    """Remember in the witness folder how far the chain goes, unless it knows of more, or of
    another chain: what was written anew must not pass for what was."""
    with places.ledger.reading() as connection:
        last = next(audit.links(connection, audit.tail_of(connection).position - 1), None)
        workspace_id = lease.workspace_id_of(connection)
        told = _read(places.witnesses / workspace_id / _FILE) if workspace_id else []
        before = [Tail(one["position"], one["digest"]) for one in _own(told, places.root)]
        is_same = all(_holds(connection, end) for end in before)
    end = Tail(last.position, last.digest) if last is not None else None
    if end is not None and last is not None and is_same and end not in before:
        _write(places, end, last.at)


def accept(places: Places, at: datetime, actor: str, reason: str) -> Tail:
    """Record that the chain is shorter than others remember because it was restored.

    Raises ``ValueError`` where nothing is missing, or where it is broken in itself: no word
    mends that.
    """
    alone = audit.verify(places.ledger)
    if alone.broken is not None:
        raise ValueError(f"the chain is broken in itself ({alone.broken})")
    anchors = known(places)
    found = audit.verify(places.ledger, anchors)
    if found.broken is None:
        raise ValueError("nothing of the chain is missing")
    whole = max((a.position for a in anchors if a.position < found.broken.position), default=0)
    lost = max(anchors, key=lambda anchor: anchor.position)
    batches = len(places.lake.entries(STREAM))
    entry = Entry(at, actor, ACCEPT, f"chain:{whole}:{batches}", before=lost.digest, reason=reason)
    end = audit.record(places.ledger, entry)
    _write(places, end, at, even_back=True)
    return end


def export(ledger: Ledger, lake: Lake) -> int:
    """Commit the entries that the lake does not hold yet; returns how many.

    A batch's meta names its last position and digest. A ledger that does not hold that entry was
    restored or replaced: then every entry that the lake does not know is committed, and what it
    knew stays. ``known_at`` never goes back along the chain, so that a cut at any time leaves its
    beginning.
    """
    entries = lake.entries(STREAM)
    meta: Mapping[str, Any] = entries[-1].meta if entries else {}
    last = Tail(int(meta.get("position", 0)), str(meta.get("digest", audit.GENESIS)))
    with ledger.reading() as connection:
        after = last.position if _holds(connection, last) else 0
        links = list(audit.links(connection, after))
    if after != last.position:
        told = lake.read(STREAM, ["digest"])["digest"].to_pylist()
        links = [link for link in links if link.digest not in set(told)]
    if not links:
        return 0
    sequence = len(entries) + 1
    clock = lake.latest(STREAM, "known_at") or datetime.min
    rows = []
    for link in links:
        clock = max(clock, link.at)
        row = {**link._asdict(), "entered_at": link.at, "sequence": sequence, "known_at": clock}
        del row["at"]
        rows.append(row)
    end = links[-1]
    table = pa.Table.from_pylist(rows, schema=STREAMS[STREAM].schema)
    lake.commit(
        STREAM,
        f"{sequence}:{end.digest}",
        table,
        {"position": end.position, "digest": end.digest},
    )
    return len(rows)


def _holds(connection: sa.Connection, end: Tail) -> bool:
    if not end.position:
        return True
    table = schema.audit_chain
    query = sa.select(table.c.digest).where(table.c.position == end.position)
    return bool(connection.execute(query).scalar() == end.digest)


def _accepted(ledger: Ledger) -> list[tuple[int, int]]:
    """Position up to which the chain was whole, and how many batches the lake held then."""
    table = schema.audit_chain
    query = sa.select(table.c.object).where(table.c.action == ACCEPT)
    with ledger.reading() as connection:
        return [
            (int(whole), int(batches))
            for found in connection.execute(query).scalars()
            for _, whole, batches in [found.split(":")]
        ]


def _write(places: Places, end: Tail, at: datetime, even_back: bool = False) -> None:
    workspace_id = lease.workspace_id(places.ledger, at)
    path = places.witnesses / workspace_id / _FILE
    durable.make_folder(path.parent, mode=0o700)
    with _writing(path):
        told = _read(path)
        own = _own(told, places.root)
        if not even_back and any(one["position"] >= end.position for one in own):
            return
        place, marks = str(places.root), lease.marks_of(places.root)
        mine = {"place": place, "marks": marks, **end._asdict()}
        others = [one for one in told if one not in own]
        data = json.dumps([*others, mine], indent=1).encode() + b"\n"
        durable.write(path, data, mode=0o600)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    with open(path.with_suffix(".lock"), "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        found: list[dict[str, Any]] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return []
    except ValueError as error:
        raise ValueError(f"{path} cannot be read") from error
    return found


def _own(told: list[dict[str, Any]], root: Path) -> list[dict[str, Any]]:
    """What is said of this folder, by its path or wherever it was moved to; a copy has neither."""
    marks = lease.marks_of(root)
    return [one for one in told if one["place"] == str(root) or one["marks"] == marks]
