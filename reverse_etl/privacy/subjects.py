"""Who a request is about: from what somebody writes to everything that names that person.

What is published says which identifiers are one person's (`docs/identity.md`); what came since is
found by keyed hash in the lake and in the ledger. Raw values are read from the lake, where the
catalogue says that a column holds them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import duckdb
import sqlalchemy as sa

from reverse_etl.identity.questions import candidates
from reverse_etl.publish import NothingPublished, is_published, reader
from workspace import catalogue
from workspace.catalogue import Holding
from workspace.identifiers import Keyring, normalise_email, normalise_phone
from workspace.lake import Lake, read_files
from workspace.ledger import Ledger, schema
from workspace.paths import Paths
from workspace.streams import STREAMS

#: The column beside a raw value that holds its key.
_KEY_OF = {
    "email": ("email_key",),
    "phone": ("phone_key",),
    "user_id": ("user_key",),
    "anonymous_id": ("anonymous_key",),
    "crm_id": ("contact_key",),
    "external_id": ("external_key",),
    "recipient": ("email_key", "phone_key"),
    "previous_id": ("previous_user_key", "previous_anonymous_key"),
    "identifier": ("identifier_key",),
}
_KIND_OF_KEY = {
    "email_key": "email",
    "phone_key": "phone",
    "previous_user_key": "user_id",
    "previous_anonymous_key": "anonymous_id",
}
#: Raw values that only a message's own JSON holds, by the column of their key.
_TRAITS = {"email_key": "email", "phone_key": "phone"}
#: Properties of CRM contacts whose former values identify them, and the kind they are of.
_PAST = {"email": "email", "phone": "phone", "external_user_id": "user_id"}


class SubjectError(ValueError):
    """Nobody, or not one person alone. The message never repeats what was asked for."""


@dataclass(frozen=True)
class Subject:
    """One person. ``keys`` are the keyed hashes of all identifiers, ``values`` the identifiers
    themselves by kind, as they were written; ``contact_id`` is None where nobody has resolved the
    person yet. ``subject_key`` names the person in requests and in the audit chain."""

    contact_id: str | None
    keys: frozenset[str]
    values: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def subject_key(self) -> str:
        return self.contact_id or min(self.keys)

    def __repr__(self) -> str:  # the values stay out of logs
        return f"Subject({self.subject_key}, {len(self.keys)} identifiers)"


def resolve(
    paths: Paths, lake: Lake, ledger: Ledger, keyring: Keyring, subjects: Sequence[str]
) -> list[Subject]:
    """One :class:`Subject` for each of ``subjects``, in their order, the same person once.

    A subject is a contact id, any identifier's key, an address, a phone, a user id, an id of an
    old tool or a CRM id. Raises :class:`SubjectError` for one that nothing names, or that several
    people share; the message tells its place in the list.
    """
    asked = [candidates(keyring, text) for text in subjects]
    people = _published(paths, asked)
    unknown = {i: keys for i, keys in enumerate(asked) if i not in people}
    if unknown:
        people |= _unpublished(lake, ledger, unknown)
    found = with_values(lake, keyring, people)
    once: dict[frozenset[str], Subject] = {}
    for place, text in enumerate(subjects):
        subject = _with_given(found[place], text, keyring)
        known = once.get(subject.keys)
        once[subject.keys] = _both(known, subject) if known else subject
    return list(once.values())


def _published(
    paths: Paths, asked: Sequence[Sequence[str]]
) -> dict[int, tuple[str | None, set[str]]]:
    """By place in the list: the contact and its keys, as published."""
    rows = [(place, key) for place, keys in enumerate(asked) for key in keys]
    try:
        with reader(paths) as connection:
            if not is_published(connection, "identity_map"):
                return {}
            known = connection.execute(
                """
                with asked as (select unnest($1) as place, unnest($2) as identifier_key)
                select place, contact_id, verdict
                from asked join marts.identity_map using (identifier_key)
                """,
                [[place for place, _ in rows], [key for _, key in rows]],
            ).fetchall()
            # A contact id that no identifier has any more is still an alias of nobody.
            contacts = sorted({contact for _, contact, _ in known if contact})
            own = connection.execute(
                "select contact_id, identifier_key from marts.identity_map "
                "where contact_id in (select unnest($1))",
                [contacts],
            ).fetchall()
    except NothingPublished:
        return {}
    keys_of = defaultdict(set)
    for contact, key in own:
        keys_of[contact] |= {contact, key}
    people: dict[int, tuple[str | None, set[str]]] = {}
    for place in {place for place, _, _ in known}:
        found = {contact for where, contact, _ in known if where == place and contact}
        if len(found) > 1:
            raise SubjectError(
                f"subject {place + 1} is an identifier of {len(found)} contacts; "
                "name the contact by its contact id"
            )
        if not found:
            verdict = next(verdict for where, _, verdict in known if where == place)
            raise SubjectError(
                f"subject {place + 1} is nobody's alone ({verdict}): several contacts hold it; "
                "name the person by a contact id ('marketing identity explain' shows who)"
            )
        contact = found.pop()
        people[place] = (contact, keys_of[contact])
    return people


def _unpublished(
    lake: Lake, ledger: Ledger, asked: Mapping[int, Sequence[str]]
) -> dict[int, tuple[str | None, set[str]]]:
    """Those that no published version knows: rows that name them, and what a contact's own row
    ties to them."""
    wanted = sorted({key for keys in asked.values() for key in keys})
    seen = keys_in_lake(lake, wanted) | _keys_in_ledger(ledger, wanted)
    people: dict[int, tuple[str | None, set[str]]] = {}
    for place, keys in asked.items():
        named = set(keys) & seen
        if not named:
            raise SubjectError(
                f"subject {place + 1} is not known: no stream, table or contact names it. Give a "
                "contact id, an address, a phone, a user id or a CRM id, as a source has it"
            )
        ties = _ties(lake, sorted(named))
        if len(ties) > 1:
            raise SubjectError(
                f"subject {place + 1} is held by {len(ties)} contacts that no run has resolved "
                "yet: 'marketing run' first"
            )
        people[place] = (None, named.union(*ties.values()))
    return people


def keys_in_lake(lake: Lake, keys: Sequence[str]) -> set[str]:
    """Which of the keys are still those of somebody's rows; refusals, which stay, are none."""
    found: set[str] = set()
    with duckdb.connect() as connection:
        connection.execute("create table asked as select unnest($1) as key", [keys])
        for holding in _lake_holdings():
            if holding.stays == "keyed":
                continue
            for column in (name for name, kind in holding.owners.items() if kind == "key"):
                query = (
                    f"select distinct key from {_rows(lake, holding.name)} "
                    f"join asked on {column} = key"
                )
                found.update(key for (key,) in connection.execute(query).fetchall())
    return found


def _keys_in_ledger(ledger: Ledger, keys: Sequence[str]) -> set[str]:
    found: set[str] = set()
    with ledger.reading() as connection:
        for holding in catalogue.HOLDINGS:
            if holding.store != "ledger" or holding.category == "operations":
                continue
            table = schema.metadata.tables[holding.name]
            for name, kind in holding.owners.items():
                if kind == "key" and holding.name != "tombstones":
                    query = sa.select(table.c[name]).where(table.c[name].in_(list(keys)))
                    found.update(connection.execute(query.distinct()).scalars())
    return found


def _ties(lake: Lake, keys: Sequence[str]) -> dict[str, set[str]]:
    """By contact of a source: all its keys, of contacts that have one of ``keys``."""
    ties: dict[str, set[str]] = {}
    with duckdb.connect() as connection:
        for stream, first, others in (
            ("crm_contacts", "contact_key", ("email_key", "phone_key", "user_key")),
            ("imported_contacts", "external_key", ("email_key", "phone_key")),
        ):
            columns = ", ".join((first, *others))
            query = (
                f"select distinct {columns} from {_rows(lake, stream)} "
                f"where list_has_any([{columns}], $1)"
            )
            for row in connection.execute(query, [list(keys)]).fetchall():
                ties.setdefault(row[0], set()).update(key for key in row if key)
    return ties


def _lake_holdings() -> Iterator[Holding]:
    return (holding for holding in catalogue.HOLDINGS if holding.store == "lake")


def _rows(lake: Lake, stream: str) -> str:
    return read_files(STREAMS[stream], lake.files(stream))


# ---- raw values ----------------------------------------------------------------------------------


def with_values(
    lake: Lake, keyring: Keyring, people: Mapping[int, tuple[str | None, set[str]]]
) -> dict[int, Subject]:
    """The people by their place, with what their keys were made of."""
    pairs = [(place, key) for place, (_, keys) in people.items() for key in keys]
    values: dict[int, dict[str, set[str]]] = {place: defaultdict(set) for place in people}
    with duckdb.connect() as connection:
        connection.execute(
            "create table people as select unnest($1) as place, unnest($2) as key",
            [[place for place, _ in pairs], [key for _, key in pairs]],
        )
        for query in _raw_queries(lake, keyring):
            for place, kind, value in connection.execute(query).fetchall():
                values[place][kind].add(value)
    return {
        place: Subject(
            contact,
            frozenset(keys),
            {kind: frozenset(found) for kind, found in values[place].items()},
        )
        for place, (contact, keys) in people.items()
    }


def _raw_queries(lake: Lake, keyring: Keyring) -> Iterator[str]:
    """Queries of place, kind and raw value. They hold key material: never log them."""
    for holding in _lake_holdings():
        names = STREAMS[holding.name].schema.names
        rows = _rows(lake, holding.name)
        for column, key_columns in _KEY_OF.items():
            for key_column in key_columns if column in names else ():
                if key_column in names:
                    kind = _kind(column, key_column, holding)
                    yield (
                        f"select distinct place, {kind}, {column} from {rows} "
                        f"join people on {key_column} = key where {column} is not null"
                    )
        for column, kind in {**holding.owners, **holding.mentions}.items():
            is_paired = any(key in names for key in _KEY_OF.get(column, ()))
            if kind in ("crm_contact", "user_id", "anonymous_id") and not is_paired:
                yield _hashed(keyring, kind, f"select distinct {column} as value from {rows}")
    rows = _rows(lake, "events")
    for column, name in _TRAITS.items():
        yield (
            f"select distinct place, '{name}', value from (select place, "
            f"unnest([json_extract_string(traits, '$.{name}'), "
            f"json_extract_string(context, '$.traits.{name}')]) as value "
            f"from {rows} join people on {column} = key) where value is not null"
        )
    rows = _rows(lake, "crm_property_history")
    for name, kind in _PAST.items():
        # Normal forms are made in Python; a former value is taken as the CRM wrote it.
        value = "lower(trim(value))" if kind == "email" else "value"
        yield _hashed(
            keyring,
            kind,
            f"select distinct {value} as value from {rows} where property = '{name}'",
        )
    merged = (
        "select distinct unnest(regexp_extract_all(json_extract_string(properties, "
        f"'$.hs_merged_object_ids'), '[0-9]+')) as value from {_rows(lake, 'crm_contacts')} "
        "where contains(properties, 'hs_merged_object_ids')"
    )
    yield _hashed(keyring, "crm_contact", merged)


def _hashed(keyring: Keyring, kind: str, values: str) -> str:
    return (
        f"select place, '{kind}', value from (select value, {keyring.sql(kind, 'value')} as hash "
        f"from ({values}) where value is not null) join people on hash = key"
    )


def _kind(column: str, key_column: str, holding: Holding) -> str:
    if column == "identifier":
        return "identifier_type"
    kind = _KIND_OF_KEY.get(key_column) or holding.owners.get(column)
    return f"'{kind}'"


def _with_given(subject: Subject, text: str, keyring: Keyring) -> Subject:
    """The person with the identifier that was asked for, which no stream need hold."""
    text = text.strip()
    values = {kind: set(found) for kind, found in subject.values.items()}
    forms = {"email": normalise_email(text), "phone": normalise_phone(text)}
    for kind in ("email", "phone", "user_id", "anonymous_id", "crm_contact", "external_id"):
        value = forms.get(kind, text)
        if value and keyring.key(kind, value) in subject.keys:
            values.setdefault(kind, set()).add(value)
    return Subject(
        subject.contact_id,
        subject.keys,
        {kind: frozenset(found) for kind, found in values.items()},
    )


def _both(first: Subject, second: Subject) -> Subject:
    kinds: Iterable[str] = {*first.values, *second.values}
    none: frozenset[str] = frozenset()
    return Subject(
        first.contact_id,
        first.keys,
        {kind: first.values.get(kind, none) | second.values.get(kind, none) for kind in kinds},
    )
