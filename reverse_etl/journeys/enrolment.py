"""Contacts put into a journey by hand, from a CSV file."""

from __future__ import annotations

import csv
import hashlib
import re
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from workspace.clock import iso
from workspace.lake import Lake
from workspace.streams import STREAMS

STREAM = "journey_enrolments"
MOST = 1_000_000


class BadFile(ValueError):
    """A file that cannot be taken; the message names its line."""


def enroll(lake: Lake, journey: str, file: Path, now: datetime) -> int:
    """Ask for these contacts to enter at the next run; how many they are.

    The file has a column ``contact_id``; a contact named twice enters once, and the same file on
    the same day adds nothing. Raises :class:`BadFile`.
    """
    contacts = list(dict.fromkeys(_read(file)))
    digest = hashlib.sha256("\n".join(contacts).encode()).hexdigest()[:16]
    rows = [
        {"journey": journey, "contact_id": contact, "request_id": digest, "known_at": now}
        for contact in contacts
    ]
    table = pa.Table.from_pylist(rows, schema=STREAMS[STREAM].schema)
    lake.commit(STREAM, f"{journey}:{iso(now)[:10]}:{digest}", table)
    return len(contacts)


def _read(file: Path) -> list[str]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.DictReader(lines)
            if "contact_id" not in (rows.fieldnames or []):
                raise BadFile(f"{file}:1: no column contact_id")
            found = []
            for row in rows:
                contact = (row["contact_id"] or "").strip()
                if not re.fullmatch(r"[0-9a-f]{32}", contact):
                    raise BadFile(f"{file}:{rows.line_num}: {contact!r} is no contact id")
                found.append(contact)
                if len(found) > MOST:
                    raise BadFile(f"{file}: more than {MOST:,} contacts")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadFile(f"{file}: cannot be read: {error}") from error
    return found
