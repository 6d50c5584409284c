"""Correcting what is wrong about a person (GDPR article 16).

A correction is a row of the stream ``rectifications`` for each record of a source that says what
is wrong. It is the last word on that field until the source itself says something new
(``stg_privacy__rectifications``); the marts, addresses and segments follow with the next run, the
CRM and audiences with the next sync. Messages that wait for an address that is corrected are
blocked at once.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb
import pyarrow as pa
import sqlalchemy as sa

from reverse_etl.privacy.subjects import Subject
from reverse_etl.publish import NothingPublished, dicts, is_published, reader
from workspace.identifiers import Keyring, normalise_email, normalise_phone
from workspace.lake import Lake, read_files
from workspace.ledger import Ledger, audit, consent, outbox, privacy_requests, schema
from workspace.ledger.consent import ConsentEvent
from workspace.paths import Paths
from workspace.streams import STREAMS

KIND, STREAM = "rectify", "rectifications"
MECHANISM = "rectified"
#: The gate that a message waiting for a former address fails at.
GATE = "no_address"
ADDRESSES = {"email": "email", "phone": "sms"}
#: Field -> what it is called.
FIELDS = {
    "email": "e-mail address",
    "phone": "phone number",
    "first_name": "first name",
    "last_name": "last name",
    "job_title": "job title",
    "city": "city",
    "country": "country, two letters",
    "language": "language",
}
#: Records of sources that can be corrected: stream, its key, and the fields that it lacks.
_RECORDS = (
    ("crm_contacts", "crm_contact", "contact_key", frozenset[str]()),
    ("imported_contacts", "external_id", "external_key", frozenset({"city"})),
)
_LONGEST = 500


class RectifyError(ValueError):
    """A correction that cannot be made; the message does not repeat the value."""


@dataclass(frozen=True)
class Order:
    """``changes``: field -> the right value, None for nothing. ``consent_evidence``: how the
    person showed that what they agreed to for the former address holds for the new one."""

    changes: Mapping[str, str | None]
    at: datetime
    requested_at: datetime
    actor: str
    reason: str | None = None
    consent_evidence: str | None = None


@dataclass(frozen=True)
class Rectified:
    """What was done: ``records`` of sources corrected, ``blocked`` messages that waited for the
    former address, ``carried`` consents that go on under the new one."""

    request_id: str
    records: int
    fields: tuple[str, ...]
    blocked: int
    carried: int


def checked(given: Sequence[str]) -> dict[str, str | None]:
    """``FIELD=VALUE`` texts as a correction, addresses and numbers in their normal form.

    Raises :class:`RectifyError`.
    """
    found: dict[str, str | None] = {}
    for text in given:
        field, equals, value = text.partition("=")
        field, value = field.strip(), value.strip()
        if not equals or field not in FIELDS:
            raise RectifyError(f"--set takes FIELD=VALUE; fields are {', '.join(FIELDS)}")
        if field in found:
            raise RectifyError(f"{field} is given twice")
        found[field] = _value(field, value) if value else None
    if not found:
        raise RectifyError("nothing to correct: --set FIELD=VALUE")
    return found


def _value(field: str, value: str) -> str:
    if len(value) > _LONGEST or not value.isprintable():
        raise RectifyError(f"{field}: one line of at most {_LONGEST} characters")
    if field == "email":
        address = normalise_email(value)
        if address is None:
            raise RectifyError("email: that is no address")
        return address
    if field == "phone":
        number = normalise_phone(value)
        if number is None:
            raise RectifyError("phone: that is no number")
        return number
    if field == "country":
        if len(value) != 2 or not value.isascii() or not value.isalpha():
            raise RectifyError("country: two letters, such as FR")
        return value.upper()
    return value


def rectify(
    paths: Paths, lake: Lake, ledger: Ledger, keyring: Keyring, subject: Subject, order: Order
) -> Rectified:
    """Correct a person's data in every record that a source keeps of them.

    The request and its digests are in the ledger with the correction; doing it again after a kill
    completes it. Raises :class:`RectifyError` for who was erased, for an address that is another
    person's, and where no record holds what is wrong.
    """
    _check_not_erased(ledger, subject)
    records = _records(lake, subject, order.changes)
    _check_free(lake, keyring, subject, order.changes)
    with ledger.writing() as connection:
        request_id = _request(connection, subject, order)
    rows = _rows(records, keyring, subject, order, request_id, lake.rows(STREAM))
    lake.commit(STREAM, request_id, pa.Table.from_pylist(rows, STREAMS[STREAM].schema))
    former = _former_keys(records, order.changes)
    carried = _carried(paths, keyring, subject, order, former, request_id)
    consent.append(ledger, carried, order.at)
    with ledger.writing() as connection:
        blocked = _block(connection, subject, former, order.at)
        before = {name: sorted({str(row[name]) for row in records}) for name in order.changes}
        after = dict(order.changes)
        digest = audit.digest(after, keyring)
        privacy_requests.set_state(
            connection, [request_id], privacy_requests.DONE, order.at, digest
        )
        entry = audit.Entry(
            order.at,
            order.actor,
            "subject.rectify",
            f"request:{request_id}",
            subject.subject_key,
            before=audit.digest(before, keyring),
            after=digest,
            reason=order.reason,
        )
        audit.append(connection, entry)
    return Rectified(request_id, len(records), tuple(order.changes), blocked, len(carried))


def _request(connection: sa.Connection, subject: Subject, order: Order) -> str:
    """The request, a new one or the one that was not finished."""
    waiting = privacy_requests.find(
        connection,
        kind=KIND,
        states=(privacy_requests.OPEN, privacy_requests.WORKING),
        subject_key=subject.subject_key,
    )
    for request in waiting:
        if request.requested_at == order.requested_at:
            return request.request_id
    return privacy_requests.add(
        connection,
        KIND,
        subject.subject_key,
        order.at,
        order.actor,
        order.reason,
        requested_at=order.requested_at,
    )


def _check_not_erased(ledger: Ledger, subject: Subject) -> None:
    t = schema.tombstones.c
    with ledger.reading() as connection:
        found = connection.execute(
            sa.select(t.erased_at).where(t.identifier_key.in_(sorted(subject.keys)))
        ).first()
    if found is not None:
        raise RectifyError("the person was erased; there is nothing to correct")


def _records(
    lake: Lake, subject: Subject, changes: Mapping[str, str | None]
) -> list[dict[str, object]]:
    """The record in force of each contact of the CRM and of old tools that is the person's."""
    found = []
    with duckdb.connect() as connection:
        for stream, record_type, key, lacks in _RECORDS:
            fields = [f"null as {name}" if name in lacks else name for name in FIELDS]
            rows = dicts(
                connection,
                f"""
                select '{record_type}' as record_type, {key} as record_key, {", ".join(fields)},
                    email_key, phone_key
                from {read_files(STREAMS[stream], lake.files(stream))}
                where {key} in (select unnest($1))
                qualify row_number() over (
                    partition by {key} order by known_at desc, landing_file desc, landing_line desc
                ) = 1
                """,
                [sorted(subject.keys)],
            )
            if set(changes) - lacks:
                found += rows
    if not found:
        raise RectifyError(
            "neither the CRM nor an imported file has a record of this person; what events say is "
            "corrected by an identify call with the right traits"
        )
    return found


def _check_free(
    lake: Lake, keyring: Keyring, subject: Subject, changes: Mapping[str, str | None]
) -> None:
    """An address that somebody else's record holds would make two people one."""
    for field, value in changes.items():
        if field not in ADDRESSES or value is None:
            continue
        key = keyring.key(field, value)
        with duckdb.connect() as connection:
            for stream, _, own, _ in _RECORDS:
                query = f"""
                    select count(*) from (
                        select {own}, {field}_key
                        from {read_files(STREAMS[stream], lake.files(stream))}
                        qualify row_number() over (
                            partition by {own} order by known_at desc, landing_file desc,
                                landing_line desc
                        ) = 1
                    ) where {field}_key = $1 and {own} not in (select unnest($2))
                """
                row = connection.execute(query, [key, sorted(subject.keys)]).fetchone()
                if row and row[0]:
                    raise RectifyError(
                        f"{field}: another record holds it; merge the two in the CRM first"
                    )


def _rows(
    records: Sequence[Mapping[str, object]],
    keyring: Keyring,
    subject: Subject,
    order: Order,
    request_id: str,
    before: int,
) -> list[dict[str, object]]:
    """``before``: how many corrections there are, so that the last of one moment is known."""
    lacking = {record_type: lacks for _, record_type, _, lacks in _RECORDS}
    rows = []
    for record in records:
        for field, value in order.changes.items():
            if field in lacking[str(record["record_type"])]:
                continue
            rows.append(
                {
                    "rectification_id": uuid.uuid4().hex,
                    "request_id": request_id,
                    "contact_id": subject.contact_id,
                    "record_type": record["record_type"],
                    "record_key": record["record_key"],
                    "field": field,
                    "value": value,
                    "value_key": keyring.key(field, value) if field in ADDRESSES else None,
                    "sequence": before + len(rows) + 1,
                    "known_at": order.at,
                }
            )
    return rows


def _former_keys(
    records: Sequence[Mapping[str, object]], changes: Mapping[str, str | None]
) -> dict[str, set[str]]:
    """By field: the keys of the addresses that are replaced."""
    return {
        field: {str(row[f"{field}_key"]) for row in records if row[f"{field}_key"]}
        for field in changes
        if field in ADDRESSES
    }


def _block(
    connection: sa.Connection, subject: Subject, former: Mapping[str, set[str]], at: datetime
) -> int:
    """Messages to the person that wait for an address that was corrected."""
    t = schema.messages.c
    keys = sorted(key for some in former.values() for key in some)
    query = sa.select(t.message_id).where(
        t.state == "pending",
        t.destination_key.in_(keys),
        t.contact_id.in_(sorted(subject.keys)),
    )
    ids = list(connection.execute(query).scalars()) if keys else []
    outbox.block(connection, dict.fromkeys(ids, GATE), at)
    return len(ids)


def _carried(
    paths: Paths,
    keyring: Keyring,
    subject: Subject,
    order: Order,
    former: Mapping[str, set[str]],
    request_id: str,
) -> list[ConsentEvent]:
    """Grants for a former address, stated again for the new one: only with evidence."""
    if order.consent_evidence is None:
        return []
    found = []
    for field, keys in former.items():
        value = order.changes[field]
        key = keyring.key(field, value)
        if key is None or not keys - {key}:
            continue
        for row in _granted(paths, subject, keys):
            found.append(
                ConsentEvent(
                    field,
                    key,
                    row["purpose"],
                    row["channel"],
                    "granted",
                    "manual",
                    "marketing rectify",
                    order.at,
                    order.at,
                    brand=row["brand"] or "",
                    mechanism=MECHANISM,
                    legal_basis=row["legal_basis"],
                    text_version=row["text_version"],
                    text_hash=row["text_hash"],
                    actor=order.actor,
                    evidence=json.dumps(
                        {
                            "request": request_id,
                            "evidence": order.consent_evidence,
                            "before": row["evidence_id"],
                        },
                        sort_keys=True,
                    ),
                )
            )
    return found


def _granted(paths: Paths, subject: Subject, keys: set[str]) -> list[dict[str, str]]:
    """What is granted today because of what was said for a former address."""
    try:
        with reader(paths) as connection:
            if not is_published(connection, "consent_states"):
                return []
            return dicts(
                connection,
                """
                select states.purpose, states.channel, states.brand, states.legal_basis,
                    states.text_version, states.text_hash, states.evidence_id
                from marts.consent_states as states
                join marts.consent_records as records using (evidence_id)
                where states.state = 'granted' and states.contact_id in (select unnest($1))
                    and records.identifier_key in (select unnest($2))
                """,
                [sorted(subject.keys), sorted(keys)],
            )
    except NothingPublished:
        return []
