"""Erasure of people, from the promise to the proof (`docs/erasure.md`).

:func:`begin` buries them: from that transaction on nothing is sent to them. :func:`work_off` then
takes them out of landing, lake, ledger and what is published, and removes what else was computed of
them; :func:`finish` looks through the whole workspace and signs a certificate. Every step is noted
when it is done and can be done again: killed at any moment, the next call goes on.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from reverse_etl.audiences.hubspot_client import Hub
from reverse_etl.privacy import (
    certificates,
    computed,
    forwards,
    open_work,
    published,
    records,
    streams,
)
from reverse_etl.privacy.counted import Counted
from reverse_etl.privacy.forms import Identifier
from reverse_etl.privacy.open_work import Work
from reverse_etl.privacy.scanning import Hit, scan
from reverse_etl.privacy.stand_ins import StandIns
from reverse_etl.privacy.subjects import Subject
from reverse_etl.publish import mending, postgres
from reverse_etl.publish.publisher import NothingPublished, current_version
from workspace.identifiers import Keyring
from workspace.lake import Lake
from workspace.ledger import Ledger, audit, lease, privacy_requests
from workspace.paths import Paths

#: The outside world of a demo workspace, and what expires by itself.
_OUTSIDE = ("demo", "backups")
#: Numbers this short stand everywhere; columns that hold them are asked one by one instead.
_SHORT_NUMBER = 10


class Landing(Protocol):
    """Landed files, which another wing knows how to read."""

    def redact(
        self, stand_ins: StandIns, lines: Mapping[str, frozenset[int]]
    ) -> Mapping[str, int]: ...

    def recount(self) -> None: ...


@dataclass(frozen=True)
class Desk:
    """What an erasure works with.

    ``witnesses`` is the folder of witnesses, ``residual`` whether anonymous rows stay,
    ``counted`` what figures are counted by; ``hub`` the CRM, None where it is not
    connected; ``postgres`` the address that versions are published to; ``told`` hears of each step.
    """

    paths: Paths
    lake: Lake
    ledger: Ledger
    keyring: Keyring
    witnesses: Path
    landing: Landing
    now: Callable[[], datetime]
    actor: str
    residual: bool = True
    counted: Counted = field(default_factory=Counted)
    hub: Hub | None = None
    postgres: str | None = None
    told: Callable[[str], object] = field(default=lambda step: None)


@dataclass(frozen=True)
class Outcome:
    """A batch that was looked at. ``hits`` say where somebody still is, by place and never by
    value; ``waits_for`` what has to happen first; ``certificates`` are their files."""

    batch_id: str
    requests: int
    hits: Sequence[Hit] = ()
    waits_for: str | None = None
    certificates: Sequence[Path] = ()

    @property
    def is_done(self) -> bool:
        return not self.hits and self.waits_for is None


def begin(desk: Desk, subjects: Sequence[Subject], reason: str | None = None) -> Work:
    """Promise to erase people: one request each, tombstones, and nothing is sent any more.

    Raises :class:`~workspace.ledger.audit.Refused` for a reason with an address, and buries nobody.
    """
    audit.check(actor=desk.actor, reason=reason)  # the witness, told below, takes nothing back
    at = desk.now()
    people = {uuid.uuid4().hex: subject for subject in subjects}
    stand_ins = StandIns.draw(subjects, desk.keyring)
    work = Work(uuid.uuid4().hex, people, stand_ins, desk.residual)
    work.save(desk.paths)
    with desk.ledger.writing() as connection:
        for request_id, subject in people.items():
            privacy_requests.add(
                connection,
                "erase",
                subject.subject_key,
                at,
                desk.actor,
                reason,
                batch_id=work.batch_id,
                request_id=request_id,
            )
        keys_of = {request: subject.keys for request, subject in people.items()}
        records.bury(connection, desk.witnesses, keys_of, at)
        audit.append_all(
            connection,
            [
                audit.Entry(
                    at,
                    desk.actor,
                    "subject.erase",
                    f"request:{request_id}",
                    subject.subject_key,
                    reason=reason,
                )
                for request_id, subject in people.items()
            ],
        )
    desk.lake.bury(stand_ins.keys)
    return work


def is_begun(desk: Desk) -> bool:
    """Whether there may be something to go on with. Needs no lock."""
    return next(open_work.unfinished(desk.paths), None) is not None


def unfinished(desk: Desk) -> list[Work]:
    """Batches that were promised and have not ended. One that was never promised is forgotten.

    Call it with the run lock held: another process may be about to promise one.
    """
    found = []
    for work in open_work.unfinished(desk.paths):
        with desk.ledger.reading() as connection:
            requests = privacy_requests.find(connection, batch_id=work.batch_id)
        if requests:
            found.append(work)
        else:
            work.forget(desk.paths)
    return found


def work_off(desk: Desk, work: Work) -> dict[str, dict[str, Any]]:
    """Every step that is not done yet, up to the proof; what each counted.

    Call it with the run lock held.
    """
    desk.lake.bury(work.stand_ins.keys)
    steps: dict[str, Callable[[], Mapping[str, Any]]] = {
        "search": lambda: _search(desk, work),
        "landing": lambda: desk.landing.redact(work.stand_ins, work.lines),
        "lake": lambda: _lake(desk, work),
        "forwards": lambda: {"places": forwards.plan(desk.ledger, work, desk.now())},
        "ledger": lambda: _ledger(desk, work),
        "computed": lambda: {"removed": computed.remove(desk.paths)},
        "published": lambda: _published(desk, work),
    }
    with desk.ledger.reading() as connection:
        done = privacy_requests.steps(connection, work.batch_id)
    for name, step in steps.items():
        if name in done:
            continue
        desk.told(name)
        counts = dict(step())
        with desk.ledger.writing() as connection:
            privacy_requests.note_step(connection, work.batch_id, name, counts, desk.now())
    with desk.ledger.reading() as connection:
        return privacy_requests.steps(connection, work.batch_id)


def _search(desk: Desk, work: Work) -> Mapping[str, int]:
    work.lines = dict(streams.landed_lines(desk.lake, work.stand_ins, work.known).of)
    work.save(desk.paths)
    return {"files": len(work.lines), "lines": sum(map(len, work.lines.values()))}


def _lake(desk: Desk, work: Work) -> Mapping[str, int]:
    counts = streams.erase(desk.lake, work.stand_ins, work.residual, desk.counted, known=work.known)
    desk.lake.sweep()
    desk.landing.recount()
    return dict(counts)


def _ledger(desk: Desk, work: Work) -> Counter[str]:
    with lease.no_sender(desk.ledger, desk.paths.root):
        return records.erase(desk.ledger, work.stand_ins, desk.now(), work.residual)


def _published(desk: Desk, work: Work) -> Mapping[str, Any]:
    """Readers see a version without them from here on; the next run makes its own."""
    work.derived |= published.derived_ids(desk.paths, work.stand_ins.keys)
    work.save(desk.paths)
    change = published.Change(work.stand_ins, work.derived)
    found = mending.mend(desk.paths, change)
    removed = computed.remove_old_versions(desk.paths)
    if found is None:
        return {"rows": 0, "removed": removed}
    rows = sum(found.changed.values())
    return {"version": found.version, "rows": rows, "removed": removed}


def _is_older(paths: Paths, version: str | None) -> bool:
    """Whether what is current was made before ``version``, as a backup's may be."""
    try:
        return version is not None and current_version(paths) < version
    except NothingPublished:
        return False


def finish(desk: Desk, work: Work) -> Outcome:
    """Prove that nobody of a batch is left, and sign it; else say where they are or what is to
    happen first. Call it with the run lock held."""
    with desk.ledger.reading() as connection:
        steps = privacy_requests.steps(connection, work.batch_id)
        requests = privacy_requests.find(connection, batch_id=work.batch_id)
    if "published" not in steps:
        return Outcome(work.batch_id, len(requests), waits_for="its steps: work_off")
    if _is_older(desk.paths, steps["published"].get("version")):
        _published(desk, work)
    states = forwards.forward(desk.ledger, work, desk.hub, desk.now())
    if any(state in states for state in forwards.OPEN):
        told = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        return Outcome(
            work.batch_id,
            len(requests),
            waits_for=f"destinations ({told}): 'marketing audiences sync', then 'marketing erase "
            "--resume'",
        )
    if waits_for := postgres.awaited(desk.paths, desk.postgres):
        waits_for += ", then 'marketing erase --resume'"
        return Outcome(work.batch_id, len(requests), waits_for=waits_for)
    desk.told("scan")
    identifiers = identifiers_of(work)
    logs = computed.remove_logs(desk.paths, lambda folder: not scan(folder, identifiers).is_clean)
    hits, scanned = _proof(desk, work, identifiers)
    if hits:
        return Outcome(work.batch_id, len(requests), hits)
    at = desk.now()
    facts = {"steps": steps, "scan": scanned, "logs": logs}
    places = forwards.of_batch(desk.ledger, work)
    made = []
    for request in requests:
        if request.state == privacy_requests.DONE:  # signed before a kill
            continue
        said = {**facts, "forwards": forwards.told(places, request.request_id)}
        certificate = certificates.write(desk.paths, desk.keyring, request, said, at)
        made.append(certificate.path)
        with desk.ledger.writing() as connection:
            privacy_requests.set_state(
                connection, [request.request_id], "done", at, certificate.digest
            )
            audit.append(
                connection,
                audit.Entry(
                    at,
                    desk.actor,
                    "subject.erased",
                    f"request:{request.request_id}",
                    request.subject_key,
                    after=certificate.digest,
                ),
            )
    work.forget(desk.paths)
    return Outcome(work.batch_id, len(requests), certificates=made)


def identifiers_of(work: Work) -> list[Identifier]:
    """What a scan looks for: every identifier that is more than a short number."""
    wanted = {
        (kind, value)
        for subject in work.people.values()
        for kind, values in subject.values.items()
        for value in values
        if not (value.isdigit() and len(value) < _SHORT_NUMBER)
    }
    return [Identifier(kind, value) for kind, value in sorted(wanted)]


def _proof(
    desk: Desk, work: Work, identifiers: Sequence[Identifier]
) -> tuple[list[Hit], dict[str, int]]:
    """Where anybody is left: by their identifiers in all files, by their keys in the lake."""
    skip = [open_work.folder(desk.paths), *(desk.paths.root / name for name in _OUTSIDE)]
    found = scan(desk.paths.root, identifiers, skip)
    hits = list(found.hits)
    hits += [Hit(path, f"cannot be read: {why}", -1, "", 1) for path, why in found.unread]
    left = streams.remaining(desk.lake, work.stand_ins)
    hits += [Hit(f"lake/{stream}", "rows", -1, "keys", rows) for stream, rows in left.items()]
    counts = {"files": found.files, "bytes": found.scanned_bytes, "identifiers": len(identifiers)}
    return hits, {**counts, "hits": len(hits)}
