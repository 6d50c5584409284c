"""A person's own data, handed over (GDPR articles 12, 15 and 20).

One folder: every row about the person as JSON and CSV, the bytes that the rows were read from, a
summary for people, and a manifest. Nothing of other people is in it (`redacting`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import duckdb
import sqlalchemy as sa

from reverse_etl.identity.questions import candidates
from reverse_etl.privacy import writing
from reverse_etl.privacy.gathering import Dataset, Row, gather
from reverse_etl.privacy.redacting import Redactor, speaks_of
from reverse_etl.privacy.subjects import Subject
from reverse_etl.privacy.summary import Answer, summarise
from workspace.clock import iso
from workspace.definitions import Definitions
from workspace.definitions.privacy import Language
from workspace.definitions.templates import load_senders
from workspace.identifiers import Keyring, normalise_email
from workspace.lake import Lake, read_files
from workspace.ledger import Ledger, audit, privacy_requests, schema
from workspace.paths import Paths
from workspace.streams import STREAMS

KIND = "export"


class Original(Protocol):
    """A row as it was received; ``data`` is None where its file is gone."""

    @property
    def landing_file(self) -> str: ...
    @property
    def landing_line(self) -> int: ...
    @property
    def data(self) -> bytes | None: ...


#: Landing belongs to another wing: who calls the export says how originals are read. By file and
#: line, the ids wanted of a page.
Originals = Callable[[Mapping[str, Mapping[int, Collection[str]]]], Iterable[Original]]


@dataclass(frozen=True)
class Room:
    """What an export reads from and records in."""

    paths: Paths
    lake: Lake
    ledger: Ledger
    keyring: Keyring
    given: Definitions
    originals: Originals


@dataclass(frozen=True)
class Order:
    """``at`` is the present, ``requested_at`` when the person asked; both naive UTC."""

    folder: Path
    language: Language
    at: datetime
    requested_at: datetime
    actor: str
    reason: str | None = None


@dataclass(frozen=True)
class Exported:
    """What was handed over. ``rows`` by place and name of their table."""

    folder: Path
    request_id: str
    due_at: datetime
    rows: dict[str, int]
    originals: int
    manifest_hash: str


def export(room: Room, subject: Subject, order: Order) -> Exported:
    """Write everything about a person to a new folder.

    The reading is in the audit chain before it begins; the request is done when the folder is
    there. Raises :class:`~reverse_etl.privacy.writing.FolderError`.
    """
    request_id = _asked(room, subject, order)
    due_at = privacy_requests.due(order.requested_at)
    spoken_of = speaks_of(subject)
    datasets = gather(room.paths, room.lake, room.ledger, subject, spoken_of)
    redactor = Redactor(
        subject, room.keyring, _our_addresses(room.given), _names_beside(room.lake, subject)
    )
    handed = [(dataset, redactor.dataset(dataset)) for dataset in datasets]
    originals = _originals(room, datasets, redactor)
    about = {
        "request_id": request_id,
        "subject": subject.subject_key,
        "requested_at": iso(order.requested_at),
        "due_at": iso(due_at),
        "made_at": iso(order.at),
        "language": order.language,
    }
    answer = Answer(room.given, subject, order.language, order.at, order.requested_at, due_at)
    with writing.finished(order.folder, about) as folder:
        for dataset, rows in handed:
            said = {"rows": len(rows), "category": dataset.category}
            folder.add(f"data/{dataset.path}.json", writing.as_json(rows), **said)
            folder.add(f"data/{dataset.path}.csv", writing.as_csv(rows), **said)
        if originals:
            folder.add("data/originals.json", writing.as_json(originals), rows=len(originals))
        for name, page in summarise(answer, handed, len(originals)).items():
            folder.add(name, page)
    return _done(room, subject, order, request_id, due_at, handed, len(originals))


def erased_at(ledger: Ledger, keyring: Keyring, text: str) -> datetime | None:
    """When the person whom a text names was erased; None where nobody of that name was."""
    t = schema.tombstones.c
    query = sa.select(sa.func.max(t.erased_at)).where(
        t.identifier_key.in_(candidates(keyring, text))
    )
    with ledger.reading() as connection:
        return connection.execute(query).scalar()


def _asked(room: Room, subject: Subject, order: Order) -> str:
    """The request, a new one or the one that was not finished, and the reading on record."""
    with room.ledger.writing() as connection:
        waiting = privacy_requests.find(
            connection,
            kind=KIND,
            states=(privacy_requests.OPEN, privacy_requests.WORKING),
            subject_key=subject.subject_key,
        )
        asked = [request for request in waiting if request.requested_at == order.requested_at]
        request_id = (
            asked[0].request_id
            if asked
            else privacy_requests.add(
                connection,
                KIND,
                subject.subject_key,
                order.at,
                order.actor,
                order.reason,
                requested_at=order.requested_at,
            )
        )
        entry = audit.Entry(
            order.at,
            order.actor,
            "subject.read",
            f"request:{request_id}",
            subject.subject_key,
            reason=order.reason,
        )
        audit.append(connection, entry)
    return request_id


def _done(
    room: Room,
    subject: Subject,
    order: Order,
    request_id: str,
    due_at: datetime,
    handed: Sequence[tuple[Dataset, list[Row]]],
    originals: int,
) -> Exported:
    digest = writing.manifest_hash(order.folder.expanduser().absolute())
    with room.ledger.writing() as connection:
        privacy_requests.set_state(
            connection, [request_id], privacy_requests.DONE, order.at, digest
        )
        entry = audit.Entry(
            order.at,
            order.actor,
            "subject.export",
            f"request:{request_id}",
            subject.subject_key,
            after=digest,
            reason=order.reason,
        )
        audit.append(connection, entry)
    rows = {dataset.path: len(its) for dataset, its in handed}
    return Exported(order.folder, request_id, due_at, rows, originals, digest)


# ---- originals -----------------------------------------------------------------------------------


def _originals(room: Room, datasets: Iterable[Dataset], redactor: Redactor) -> list[Row]:
    """The bytes that the person's rows were read from, without what is others'."""
    wanted: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    for dataset in datasets:
        if dataset.place != "lake":
            continue
        for row in dataset.rows:
            file, line = row.get("landing_file"), row.get("landing_line")
            if file and line is not None:
                wanted[file][line].update(_ids(file, row))
    found = []
    for original in room.originals(wanted):
        row: dict[str, Any] = {
            "landing_file": original.landing_file,
            "landing_line": original.landing_line,
            "original": redactor.original(original.data) if original.data is not None else None,
        }
        found.append(row)
    return found


def _ids(file: str, row: Row) -> set[str]:
    """Of a page of the CRM only the object itself."""
    return {row["crm_id"]} if file.startswith("crm/") and row.get("crm_id") else set()


# ---- other people --------------------------------------------------------------------------------


def _our_addresses(given: Definitions) -> frozenset[str]:
    """Addresses of ours, which stand in every message and are nobody's."""
    privacy = given.privacy
    found = [controller.email for controller in privacy.controllers]
    found += [privacy.officer.email] if privacy.officer else []
    for sender in load_senders(given.folder).senders.values():
        found += [sender.reply_to, sender.from_email or ""]
    return frozenset(address for text in found if (address := normalise_email(text)))


def _names_beside(lake: Lake, subject: Subject) -> frozenset[str]:
    """Full names of the other contacts of the person's organisations in the CRM: who may be named
    in notes, subjects and comments beside the person."""
    own = sorted(subject.values.get("crm_contact", frozenset()))
    source = read_files(STREAMS["crm_contacts"], lake.files("crm_contacts"))
    query = f"""
        with contacts as (select * from {source}),
        companies as (
            select distinct company_crm_id from contacts
            where crm_id in (select unnest($1)) and company_crm_id is not null
        ),
        own as (
            select distinct lower(concat_ws(' ', first_name, last_name)) as name
            from contacts where crm_id in (select unnest($1))
        )
        select distinct first_name, last_name from contacts
        where
            company_crm_id in (from companies) and crm_id not in (select unnest($1))
            and length(first_name) > 1 and length(last_name) > 1
            and lower(concat_ws(' ', first_name, last_name)) not in (from own)
    """
    with duckdb.connect() as connection:
        rows = connection.execute(query, [own]).fetchall()
    return frozenset(
        name for first, last in rows for name in (f"{first} {last}", f"{last} {first}")
    )
