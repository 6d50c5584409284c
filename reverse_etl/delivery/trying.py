"""Test sends: a campaign's messages to a list, through the real provider, outside metrics and caps.

They are messages of the outbox like any other, so that each is sent once and stands on record;
their addresses are looked up in suppressions, and nothing else is asked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from reverse_etl.content.library import Library, Refused, Request
from reverse_etl.content.preview import samples
from reverse_etl.delivery import envelope
from workspace.definitions import Definitions
from workspace.definitions.campaigns import Campaign
from workspace.definitions.journey_nodes import Send
from workspace.identifiers import Keyring, normalise_email, normalise_phone
from workspace.ledger import Ledger, audit, messages
from workspace.ledger.audit import Entry
from workspace.ledger.messages import Message

MOST = 200
_IN_TIME = timedelta(hours=1)


class CannotTry(ValueError):
    """A test that cannot be made; the message says why."""


@dataclass(frozen=True)
class Part:
    """One message of a campaign: its channel, its template and what fills it."""

    step: str
    channel: str
    template: str
    values: Mapping[str, Any]


def parts(definitions: Definitions, key: str) -> list[Part]:
    """A campaign's message, or those of its journey."""
    campaign: Campaign = definitions.campaigns.campaigns[key]
    if campaign.journey is None:
        assert campaign.channel is not None and campaign.template is not None
        return [Part("", campaign.channel, campaign.template, campaign.values)]
    journey = definitions.journeys.journeys[campaign.journey]
    return [
        Part(name, node.channel, node.template, journey.values)
        for name, node in journey.nodes.items()
        if isinstance(node, Send)
    ]


def addresses(given: str) -> list[str]:
    """Addresses and numbers: separated by commas, or one a line in a file. Raises `CannotTry`."""
    text = given.replace(",", "\n")
    try:
        if "@" not in given and "," not in given and Path(given).is_file():
            text = Path(given).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CannotTry(f"{given}: {error}") from None
    found = list(dict.fromkeys(filter(None, map(str.strip, text.splitlines()))))
    for number, one in enumerate(found, 1):
        if normalise_email(one) is None and normalise_phone(one) is None:
            raise CannotTry(f"{number}: {one!r} is no e-mail address and no number")
    if not found:
        raise CannotTry("nobody to send it to")
    if len(found) > MOST:
        raise CannotTry(f"a test goes to {MOST} addresses at most; there are {len(found):,}")
    return found


def queue_tests(
    ledger: Ledger,
    library: Library,
    keyring: Keyring,
    definitions: Definitions,
    key: str,
    to: Sequence[str],
    at: datetime,
    actor: str = audit.PIPELINE,
    reason: str | None = None,
) -> list[str]:
    """Queue a campaign's messages to whom of ``to`` its channels reach; their ids.

    They are filled with what a preview makes up. The audit chain says who had them sent to whom.
    Raises :class:`CannotTry`, and ``ValueError`` for what the audit chain does not take.
    """
    made: list[Message] = []
    for part in parts(definitions, key):
        made_up = samples(library, part.template)
        made_up |= {f"event.{name}": value for name, value in part.values.items()}
        request = Request(part.template, part.channel, None, made_up)
        (answer,) = library.render([request], drafts=True)
        if isinstance(answer, Refused):
            raise CannotTry(f"{part.template}: {answer.reason}: {answer.detail}")
        template = library.entries[part.template].template
        payload = envelope.seal(
            answer,
            library.senders[template.vertical],
            str(made_up.get("message.unsubscribe_url") or "https://preview.invalid/unsubscribe"),
            {"template": part.template, "source": f"test:{key}"},
            at,
        )
        for address in to:
            kind = "email" if normalise_email(address) else "phone"
            if (part.channel == "email") != (kind == "email") or part.channel == "push":
                continue
            clean = normalise_email(address) or normalise_phone(address) or ""
            one = keyring.key(kind, clean) or ""
            digest = hashlib.sha256(
                "\0".join(["test", key, part.step, part.channel, one, at.isoformat()]).encode()
            ).hexdigest()
            made.append(
                Message(
                    message_id=digest,
                    contact_id=one,
                    destination_key=one,
                    source_kind="campaign",
                    source_key=key,
                    step=part.step,
                    occurrence=f"test {at.isoformat()}",
                    channel=part.channel,
                    message_class=template.class_,
                    purpose=template.purpose,
                    scheduled_at=at,
                    not_after=at + _IN_TIME,
                    destination=address.strip() if kind == "email" else clean,
                    payload=payload,
                    inputs=envelope.inputs(request),
                    template=part.template,
                    template_version=answer.template_version,
                    is_test=True,
                )
            )
    if not made:
        raise CannotTry(f"none of the addresses is one of a channel that {key} uses")
    with ledger.writing() as connection:
        entries = [
            Entry(
                at,
                actor,
                "campaign.test",
                f"campaign:{key}",
                subject_key=one.destination_key,
                after=one.message_id,
                reason=reason or None,
            )
            for one in made
        ]
        audit.append_all(connection, entries)
    return messages.enqueue(ledger, made, at).new
