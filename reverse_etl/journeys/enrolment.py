"""Contacts put into a journey by hand, from a CSV file."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import sqlalchemy as sa

from reverse_etl.journeys.rehearsal import Stage
from workspace import decisions
from workspace.clock import iso
from workspace.decisions import Said
from workspace.lake import Lake
from workspace.ledger import audit, schema
from workspace.locks import run_lock
from workspace.settings import Settings
from workspace.streams import STREAMS

STREAM = "journey_enrolments"
COLUMN = "contact_id"
MOST = 1_000_000
#: What separates columns: spreadsheets write the second in French, some tools the third.
_SEPARATORS = (",", ";", "\t")
_CONTACT = re.compile(r"[0-9a-f]{32}")
_ACTION = "journey.enroll"


class BadFile(ValueError):
    """A file that cannot be taken; the message names its line."""


def read(file: Path) -> list[str]:
    """The contacts of a file, each once, in the order of their first line.

    Raises :class:`BadFile`.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise BadFile(f"{file}: cannot be read: {error}") from error
    return contacts_of(data, str(file))


def contacts_of(data: bytes, name: str) -> list[str]:
    """The contacts in the bytes of a file, each once, in the order of their first line.

    It is CSV in UTF-8 with a column ``contact_id``, separated by commas, semicolons or tabs; other
    columns count for nothing. ``name`` is for messages. Raises :class:`BadFile`.
    """
    try:
        return list(dict.fromkeys(_contacts(data.decode("utf-8-sig"), name)))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadFile(f"{name}: cannot be read as CSV in UTF-8: {error}") from error


def _contacts(text: str, name: str) -> Iterator[str]:
    separator = max(_SEPARATORS, key=text.partition("\n")[0].count)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
    if COLUMN not in (rows.fieldnames or []):
        raise BadFile(f"{name}:1: no column {COLUMN}")
    for number, row in enumerate(rows, 1):
        contact = (row[COLUMN] or "").strip()
        if not _CONTACT.fullmatch(contact):
            raise BadFile(f"{name}:{rows.line_num}: {contact[:80]!r} is no contact id")
        if number > MOST:
            raise BadFile(f"{name}: more than {MOST:,} contacts")
        yield contact


def enroll(
    settings: Settings,
    stage: Stage,
    journey: str,
    contacts: Sequence[str],
    who: Said,
    wait_seconds: float = 60.0,
) -> bool:
    """Ask for contacts to enter at the next run, on record; whether that is new.

    The same contacts on the same day are asked for and recorded once. Raises
    :class:`~reverse_etl.journeys.rehearsal.Unanswerable` for a journey that there is not, and
    :class:`~workspace.locks.RunInProgress`.
    """
    stage.journey(journey)
    now, request = settings.present(), _request(contacts)
    with run_lock(settings.paths.run_lock, wait_seconds, f"enroll {journey}"):
        is_new = _store(Lake(settings.paths.lake), journey, contacts, request, now)
        after = {"request_id": request, "contacts": len(contacts)}
        # A process that was killed in between leaves contacts that nobody is on record for.
        if is_new or not _is_recorded(settings, journey, after, now):
            with decisions.recorded(settings, who, _ACTION, f"journey:{journey}") as done:
                done.after = after
    return is_new


def _request(contacts: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(contacts).encode()).hexdigest()[:16]


def _store(lake: Lake, journey: str, contacts: Sequence[str], request: str, now: datetime) -> bool:
    rows = [
        {"journey": journey, "contact_id": contact, "request_id": request, "known_at": now}
        for contact in contacts
    ]
    table = pa.Table.from_pylist(rows, schema=STREAMS[STREAM].schema)
    return lake.commit(STREAM, f"{journey}:{iso(now)[:10]}:{request}", table)


def _is_recorded(settings: Settings, journey: str, after: object, now: datetime) -> bool:
    """Whether that enrolment is on record of that day."""
    chain = schema.audit_chain
    query = sa.select(sa.func.count()).where(
        chain.c.action == _ACTION,
        chain.c.object == f"journey:{journey}",
        chain.c.after_hash == audit.digest(after),
        chain.c.at >= datetime(now.year, now.month, now.day),
    )
    with decisions.ledger_of(settings) as ledger, ledger.reading() as connection:
        return bool(connection.execute(query).scalar())
