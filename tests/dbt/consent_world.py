"""The world that histories of consent are told in: policy, people, and what was landed."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from dateutil.relativedelta import relativedelta

from tests.dbt import worlds
from tests.dbt.consent_oracle import Cell, Person, Statement
from workspace.definitions.consent import Consent
from workspace.identifiers import domain_key

AS_OF = datetime(2026, 3, 31, 12)
EARLIER = datetime(2025, 9, 30, 12)
#: Not an identifier: signs of life that came with what was told.
CLICKS = "clicks"

POLICY: dict[str, Any] = {
    "legal_bases": {
        "consent": {},
        "soft_opt_in": {"needs": ["sale"]},
        "legitimate_interest": {"needs": ["notice", "professional"]},
    },
    "generic_addresses": ["contact"],
    "purposes": {
        "news": {
            "name": "News",
            "channels": ["email", "sms"],
            "marketing": True,
            "legal_bases": ["consent", "soft_opt_in", "legitimate_interest"],
            "also_called": ["old_news"],
        },
        "reminders": {
            "name": "Reminders",
            "channels": ["sms"],
            "marketing": True,
            "double_opt_in": True,
            "expires_after_months": 6,
            "legal_bases": ["consent"],
        },
        "tracking": {
            "name": "Tracking",
            "channels": ["email"],
            "marketing": False,
            "expires_after_months": None,
            "legal_bases": ["consent"],
        },
        "profiling": {
            "name": "Profiling",
            "channels": ["all"],
            "marketing": False,
            "ends_on_objection": True,
            "expires_after_months": 13,
            "legal_bases": ["consent", "legitimate_interest"],
        },
    },
    "stops": {
        "unsubscribed": {"state": "withdrawn", "covers": "marketing"},
        "crm_opt_out": {"state": "withdrawn", "covers": "marketing"},
        "complaint": {"state": "objection", "covers": "marketing", "lasting": True},
        "objection": {"state": "objection", "covers": "objection"},
        "organisation_objection": {"state": "objection", "covers": "objection"},
        "hard_bounce": {"state": "suppressed", "covers": "channel", "lasting": True},
        "other": {"state": "withdrawn", "covers": "marketing", "lasting": True},
    },
    "mail_events": {"Unsubscribed": "unsubscribed", "Email Bounced": "hard_bounce"},
    "passive_events": ["Email Opened", "Email Bounced"],
    "forms": [
        {"source": "track", "name": "Form Submitted", "field": "boxes.news[0]",
         "purpose": "news", "channel": "email", "text_version": "f1"},
        {"source": "form_submissions", "name": "f", "field": "ok",
         "purpose": "tracking", "channel": "email"},
    ],
}  # fmt: skip


def cells() -> list[Cell]:
    """The policy as the oracle reads it, straight from the dictionary."""
    found = []
    for key, purpose in POLICY["purposes"].items():
        bases = {
            basis: tuple(POLICY["legal_bases"][basis].get("needs", ()))
            for basis in purpose["legal_bases"]
        }
        for channel in purpose["channels"]:
            found.append(
                Cell(
                    key,
                    channel,
                    purpose["marketing"],
                    purpose.get("ends_on_objection", purpose["marketing"]),
                    purpose.get("double_opt_in", False),
                    purpose.get("expires_after_months", 24),
                    bases,
                )
            )
    return found


def parameters() -> list[dict[str, Any]]:
    policy = Consent.model_validate(POLICY)
    identity = [row for row in worlds.parameters() if row["definition"] == "identity"]
    return identity + [
        {
            "definition": "consent",
            "definition_hash": "policy-1",
            "collection": row.collection,
            "key": row.key,
            "position": row.position,
            "value": row.json,
        }
        for row in policy.rows()
    ]


@dataclass
class Place:
    """An organisation; as the CRM has it, its domain may be written as a URL."""

    key: str
    domain: str
    written: str

    @property
    def identifiers(self) -> set[str]:
        return {self.key, domain_key(self.domain)}


@dataclass
class Ties:
    """What joins a person to organisations and to others: the organisations with the time from
    which on each is in force, the address' domain, and whom the CRM merged into the person when."""

    places: list[tuple[datetime, Place | None]] = field(default_factory=list)
    domain: str | None = None
    swallowed: tuple[datetime, str] | None = None
    #: When an address was corrected, the key that was given up, and that of the new one.
    corrected: tuple[datetime, str, str] | None = None


@dataclass
class World:
    people: list[Person] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    ties: dict[str, Ties] = field(default_factory=dict)
    statements: dict[str, list[Statement]] = field(default_factory=lambda: defaultdict(list))
    streams: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))

    def lake(self, as_of: datetime) -> dict[str, list[dict[str, Any]]]:
        """The rows a run at ``as_of`` sees: the cut that the views of the lake make."""

        def seen(row: dict[str, Any]) -> bool:
            return row["known_at"] <= as_of and row.get("occurred_at", datetime.min) < as_of

        found = {name: [r for r in rows if seen(r)] for name, rows in self.streams.items()}
        return {**found, "parameters": parameters()}

    def shuffled(self, as_of: datetime, seed: int) -> dict[str, list[dict[str, Any]]]:
        """What a run at ``as_of`` sees, had it come in another order and at other times.

        What has no time of its own counts from when it is known, and keeps it.
        """
        rng = random.Random(seed)
        streams = dict(self.lake(as_of))
        for name in ("consent_events", "consents", "suppressions", "delivery_events"):
            rows = [dict(row) for row in streams.get(name, [])]
            timed = [r for r in rows if r.get("suppressed_at") or name != "suppressions"]
            times = [row["known_at"] for row in timed]
            rng.shuffle(times)
            for row, known_at in zip(timed, times, strict=True):
                row["known_at"] = known_at
            rng.shuffle(rows)
            streams[name] = rows
        return streams

    def persons(self, as_of: datetime) -> list[Person]:
        """Who is whom by then, with the identifiers of the organisations they belong to."""
        by_name = {person.name: self._corrected(person, as_of) for person in self.people}
        gone = set()
        for name, ties in self.ties.items():
            if ties.swallowed is None or ties.swallowed[0] > as_of:
                continue
            one, other = by_name[name], by_name[ties.swallowed[1]]
            # What the CRM says of who was merged away it says no more: but for the identifiers.
            domains = {domain_key(d) for d in (self.ties[other.name].domain,) if d}
            by_name[name] = replace(
                one,
                identifiers=one.identifiers | other.identifiers | domains,
                given_up=one.given_up | other.given_up,
                signs=[*one.signs, *other.signs],
                sold=min((t for t in (one.sold, other.sold) if t), default=None),
            )
            gone.add(other.name)
        return [
            replace(person, identifiers=person.identifiers | self._organisations(name, as_of))
            for name, person in by_name.items()
            if name not in gone
        ]

    def _corrected(self, person: Person, as_of: datetime) -> Person:
        corrected = self.ties[person.name].corrected
        if corrected is None or corrected[0] > as_of:
            return person
        _, old, new = corrected
        return replace(person, identifiers=person.identifiers | {new}, given_up={old})

    def _organisations(self, name: str, as_of: datetime) -> set[str]:
        ties = self.ties[name]
        place = next((p for since, p in reversed(ties.places) if since <= as_of), None)
        found = set(place.identifiers) if place else set()
        if ties.domain:
            found.add(domain_key(ties.domain))
            for other in self.places:
                if other.written == ties.domain:  # the CRM's domain ties as it is written
                    found |= other.identifiers
        return found


def times_of(rng: random.Random) -> list[datetime]:
    """A few moments: near both cuts, exactly a policy's months before them, and any day."""
    moments = []
    for _ in range(4):
        cut = rng.choice([AS_OF, EARLIER])
        months = rng.choice([0, 1, 6, 6, 13, 24, 24, 30])
        nudge = rng.choice([timedelta(0), timedelta(0), timedelta(seconds=1), timedelta(days=3)])
        moments.append(cut - relativedelta(months=months) + rng.choice([-1, 1]) * nudge)
    return moments
