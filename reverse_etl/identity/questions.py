"""Why identifiers belong to one contact, and what other limits would change.

Both read what is published, with the latest run's identifiers and links. Source:
``marts.identity_map``, ``marts.identity_links`` and, for names, ``pii.identity_names``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import duckdb

from reverse_etl.identity.resolve import Evidence, Identifier, Name, resolve
from reverse_etl.publish import dicts, is_published, need, reader
from workspace.definitions.identity import TYPES, Identifiers
from workspace.identifiers import KEY_LENGTH, Keyring, normalise_email, normalise_phone
from workspace.paths import Paths


@dataclass(frozen=True)
class Explanation:
    """A contact's identifiers, the links that tie them and those that were refused.

    Rows are dicts of the columns of ``identity_map`` and ``identity_links``; a refused link has
    the ``verdict`` of its weaker identifier beside.
    """

    contact_id: str | None
    identifiers: list[dict[str, Any]]
    used: list[dict[str, Any]]
    refused: list[dict[str, Any]]


@dataclass(frozen=True)
class Change:
    """Contacts of today that would become one (``joined``), or one that would become several."""

    kind: str
    contacts: tuple[str, ...]
    identifiers: int


@dataclass(frozen=True)
class WhatIf:
    """What other limits would do. Amounts are in the base currency.

    ``credit_base`` is what the primary model credits to touches of contacts that change; None
    before attribution was published.
    """

    contacts_before: int
    contacts_after: int
    changes: list[Change]
    customer_accounts: int
    won_deals: int
    won_amount_base: Decimal
    credit_base: Decimal | None
    consents_tightened: int | None


def explain(paths: Paths, keyring: Keyring, subject: str) -> Explanation | None:
    """Who a subject is: a contact id, any identifier's key, or an identifier itself.

    None where no identifier of that kind is known. Raises
    :class:`~reverse_etl.publish.NothingPublished`.
    """
    with reader(paths) as connection:
        need(connection, "identity_map")
        keys = candidates(keyring, subject)
        found = dicts(
            connection,
            "select * from marts.identity_map where identifier_key in (select unnest(?))",
            [keys],
        )
        if not found:
            return None
        # A value may be known as several types, say a user id that is an address.
        found.sort(key=lambda row: (row["contact_id"] is None, TYPES.index(row["identifier_type"])))
        contact_id = found[0]["contact_id"]
        own = (
            dicts(
                connection,
                "select * from marts.identity_map where contact_id = ?",
                [contact_id],
            )
            if contact_id
            else found[:1]
        )
        own.sort(key=lambda row: (TYPES.index(row["identifier_type"]), row["identifier_key"]))
        links = dicts(
            connection,
            """
            select links.*, weaker.verdict
            from marts.identity_links as links
            join marts.identity_map as weaker on links.weaker_key = weaker.identifier_key
            where
                links.stronger_key in (select unnest($1))
                or links.weaker_key in (select unnest($1))
            order by links.last_seen_at desc, links.stronger_key, links.weaker_key, links.evidence
            """,
            [[row["identifier_key"] for row in own]],
        )
    return Explanation(
        contact_id,
        own,
        [link for link in links if link["is_used"]],
        [link for link in links if not link["is_used"]],
    )


def candidates(keyring: Keyring, subject: str) -> list[str]:
    """The keys that a subject may stand for."""
    text = subject.strip()
    if re.fullmatch(rf"[0-9a-f]{{{KEY_LENGTH}}}", text):
        return [text]
    values = {kind: text for kind in TYPES}
    values["email"], values["phone"] = normalise_email(text), normalise_phone(text)
    return [key for kind, value in values.items() if (key := keyring.key(kind, value))]


def what_if(paths: Paths, limits: Identifiers) -> WhatIf:
    """Resolve the published evidence under other limits.

    Raises :class:`~reverse_etl.publish.NothingPublished`.
    """
    with reader(paths) as connection:
        need(connection, "identity_map")
        rows = connection.execute(
            "select identifier_type, identifier_key, group_key, contact_id from marts.identity_map"
        ).fetchall()
        links = connection.execute(
            "select distinct stronger_key, weaker_key from marts.identity_links"
        ).fetchall()
        pii = paths.published_pii / "marketing_pii.duckdb"
        with duckdb.connect(str(pii), read_only=True) as personal:
            names = personal.execute(
                "select group_key, last_name, initial, first_name from pii.identity_names"
            ).fetchall()
        evidence = Evidence(
            tuple(Identifier(kind, key, group) for kind, key, group, _ in rows),
            tuple(links),
            {group: Name(*name) for group, *name in names},
        )
        before = {key: contact for _, key, _, contact in rows}
        after = {key: found.contact_id for key, found in resolve(evidence, limits).items()}
        changes = _changes(before, after)
        moved = sorted({contact for change in changes for contact in change.contacts})
        return WhatIf(
            len({contact for contact in before.values() if contact}),
            len({contact for contact in after.values() if contact}),
            changes,
            *_money(connection, moved),
            _credit(connection, moved),
            _tightened(connection, changes),
        )


def _changes(before: dict[str, str | None], after: dict[str, str | None]) -> list[Change]:
    new_of: dict[str, set[str]] = defaultdict(set)
    old_of: dict[str, set[str]] = defaultdict(set)
    size: dict[str, int] = defaultdict(int)
    for key, old in before.items():
        new = after[key]
        if old is not None:
            size[old] += 1
            if new is not None:
                new_of[old].add(new)
                old_of[new].add(old)
    joined = [
        Change("joined", tuple(sorted(olds)), sum(size[old] for old in olds))
        for olds in old_of.values()
        if len(olds) > 1
    ]
    split = [Change("split", (old,), size[old]) for old, news in new_of.items() if len(news) > 1]
    return sorted([*joined, *split], key=lambda change: (change.kind, change.contacts))


def _money(connection: duckdb.DuckDBPyConnection, contacts: list[str]) -> tuple[int, int, Decimal]:
    row = connection.execute(
        """
        select
            (select count(distinct accounts.account_id)
             from marts.dim_contacts as contacts join marts.dim_accounts as accounts
             using (account_id)
             where accounts.is_customer and contacts.contact_id in (select unnest($1))),
            (select count(*) from marts.fct_deals
             where is_won and contact_id in (select unnest($1))),
            (select coalesce(sum(amount_base), 0) from marts.fct_deals
             where is_won and contact_id in (select unnest($1)))
        """,
        [contacts],
    ).fetchone()
    assert row is not None
    return row[0], row[1], Decimal(row[2])


def _credit(connection: duckdb.DuckDBPyConnection, contacts: list[str]) -> Decimal | None:
    if not is_published(connection, "attribution_credits"):
        return None
    row = connection.execute(
        """
        select coalesce(sum(credits.credit_base), 0)
        from marts.attribution_credits as credits
        join marts.attribution_models as models using (model)
        join marts.attribution_touchpoints as touches using (conversion_id, touch_id)
        where models.is_primary and touches.contact_id in (select unnest($1))
        """,
        [contacts],
    ).fetchone()
    assert row is not None
    return Decimal(row[0])


def _tightened(connection: duckdb.DuckDBPyConnection, changes: list[Change]) -> int | None:
    """Consents that would end: granted to one part, refused to another of the joined contact."""
    if not is_published(connection, "consent_states"):
        return None
    joined = [
        (contact, number)
        for number, change in enumerate(changes)
        if change.kind == "joined"
        for contact in change.contacts
    ]
    row = connection.execute(
        """
        with parts as (select unnest($1) as contact_id, unnest($2) as change),
        states as (
            select parts.change, states.purpose, states.channel,
                count(*) filter (states.state = 'granted') as granted, count(*) as all_states
            from marts.consent_states as states join parts using (contact_id)
            group by all
        )
        select coalesce(sum(granted), 0) from states where granted between 1 and all_states - 1
        """,
        [[contact for contact, _ in joined], [number for _, number in joined]],
    ).fetchone()
    assert row is not None
    return int(row[0])
