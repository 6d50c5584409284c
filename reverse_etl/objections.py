"""An organisation's objection to marketing, recorded with us for everybody who belongs to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from reverse_etl.publish import dicts, need, reader
from workspace.identifiers import Keyring, domain_key, normalise_domain
from workspace.ledger import Ledger, consent, schema
from workspace.ledger.consent import ConsentEvent
from workspace.paths import Paths


@dataclass(frozen=True)
class Organisation:
    """Whom an account id, a CRM id or a domain names: the identifier that is recorded, the
    organisation's name where the CRM has it, and the contacts that belong to it now."""

    identifier_type: str
    identifier_key: str
    name: str | None
    contacts: int


def find(paths: Paths, keyring: Keyring, account: str) -> Organisation | None:
    """The organisation that ``account`` names, as it was last published.

    An account id of ``dim_accounts``, the CRM's id, or a domain. A domain need not be a known
    organisation's: it speaks for the addresses in it. None where nothing is found. Raises
    :class:`~reverse_etl.publish.NothingPublished`.
    """
    domain = normalise_domain(account)
    with reader(paths) as connection:
        need(connection, "dim_accounts", "account_contacts")
        found = dicts(
            connection,
            """
            select accounts.account_id, accounts.name, count(ties.contact_id) as contacts
            from marts.dim_accounts as accounts
            left join marts.account_contacts as ties on accounts.account_id = ties.account_id
            where accounts.account_id in ($1, $2)
                or lower(accounts.domain) in ($3, 'www.' || $3)
            group by all order by contacts desc, accounts.account_id
            """,
            [account, keyring.key("crm_company", account), domain],
        )
    if domain is not None:
        contacts = sum(row["contacts"] for row in found)
        name = found[0]["name"] if found else None
        return Organisation("domain", domain_key(domain), name, contacts)
    if not found:
        return None
    one = found[0]
    return Organisation("crm_company", one["account_id"], one["name"], one["contacts"])


def stands(ledger: Ledger, organisation: Organisation) -> bool:
    """Whether our ledger has a refusal under this very identifier that is not taken back."""
    table = schema.consent_events
    last = (
        sa.select(table.c.state)
        .where(table.c.identifier_key == organisation.identifier_key)
        .order_by(table.c.consent_event_id.desc())
        .limit(1)
    )
    with ledger.reading() as connection:
        return connection.execute(last).scalar() in ("withdrawn", "objection")


def record(
    ledger: Ledger,
    organisation: Organisation,
    at: datetime,
    actor: str,
    lifted: bool = False,
    evidence: str | None = None,
) -> str:
    """Record the objection, or that it is taken back; the id of the event.

    It holds from the next message on, for every purpose that an objection ends and every channel.
    ``evidence`` says where the statement is kept, such as the number of a letter; no address.
    """
    event = ConsentEvent(
        identifier_type=organisation.identifier_type,
        identifier_key=organisation.identifier_key,
        purpose=consent.ALL,
        channel=consent.ALL,
        state="lifted" if lifted else "objection",
        source_class="manual",
        source="marketing consents object",
        occurred_at=at,
        known_at=at,
        actor=actor,
        evidence=evidence,
    )
    consent.append(ledger, [event], at)
    return event.event_id
