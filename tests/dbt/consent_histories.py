"""A thousand random histories of consent: what happened, and the lake rows that tell it.

Each statement goes the way its source's statements come in, so the intake is tested with the
fold. Times are few and repeat, so that ties, boundaries and late knowledge are common.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from dateutil.relativedelta import relativedelta

from tests.dbt import worlds
from tests.dbt.consent_oracle import Cell, Person, Statement, about, state
from workspace.definitions.consent import Consent
from workspace.identifiers import domain_key
from workspace.ledger.consent import ConsentEvent

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
        by_name = {person.name: person for person in self.people}
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
                signs=[*one.signs, *other.signs],
                sold=min((t for t in (one.sold, other.sold) if t), default=None),
            )
            gone.add(other.name)
        return [
            replace(person, identifiers=person.identifiers | self._organisations(name, as_of))
            for name, person in by_name.items()
            if name not in gone
        ]

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


def make(count: int, seed: int) -> World:
    rng = random.Random(seed)
    world = World()
    for number in range(count // 8 + 1):
        domain = f"d{number}.fr"
        written = rng.choice([domain, domain, f"https://www.{domain}/accueil"])
        world.places.append(Place(f"org{number}", domain, written))
    for number in range(count):
        _history(rng, world, number, count)
    for place in world.places:
        if rng.random() < 0.6:
            _Speaker(rng, world, place).speak()
        else:
            _Speaker(rng, world, place).introduce()
    return world


def _times(rng: random.Random) -> list[datetime]:
    """A few moments: near both cuts, exactly a policy's months before them, and any day."""
    moments = []
    for _ in range(4):
        cut = rng.choice([AS_OF, EARLIER])
        months = rng.choice([0, 1, 6, 6, 13, 24, 24, 30])
        nudge = rng.choice([timedelta(0), timedelta(0), timedelta(seconds=1), timedelta(days=3)])
        moments.append(cut - relativedelta(months=months) + rng.choice([-1, 1]) * nudge)
    return moments


def _history(rng: random.Random, world: World, number: int, count: int) -> None:
    me = f"p{number}"
    teller = _Teller(rng, world, me)
    world.ties[me] = teller.ties
    if number % 10 == 0 and number + 1 < count:
        teller.ties.swallowed = (rng.choice(teller.times), f"p{number + 1}")
    if rng.random() < 0.5:
        teller.join()
    teller.introduce(twice=rng.random() < 0.3, old=rng.random() < 0.2)
    for _ in range(rng.randint(0, 3)):
        teller.live(rng.choice(teller.times))
    if rng.random() < 0.4:
        teller.buy(rng.choice(teller.times))
    for _ in range(rng.randint(1, 6)):
        decided = rng.choice(teller.times)
        late = rng.choice([timedelta(0), timedelta(0), timedelta(days=2), timedelta(days=200)])
        rng.choice(
            [
                teller.record,
                teller.record,
                teller.record,
                teller.confirm,
                teller.bring,
                teller.bring,
                teller.list_,
                teller.deliver,
                teller.mail,
                teller.tick,
                teller.submit,
            ]
        )(decided, decided + late)
    teller.finish()


class _Teller:
    """Tells one person's history, to the oracle and to the lake."""

    def __init__(self, rng: random.Random, world: World, me: str) -> None:
        self.rng, self.world, self.me = rng, world, me
        self.times = _times(rng)
        self.serial = 0
        self.crm: dict[str, dict[str, Any]] = {}
        self.ties = Ties()

    def introduce(self, twice: bool, old: bool) -> None:
        me = self.me
        self.emails = [f"{me}-mail"] + ([f"{me}-mail2"] if twice else [])
        # Everybody's neighbour has the same switchboard.
        self.phone = f"phone-{int(me[1:]) // 2}" if self.rng.random() < 0.2 else f"{me}-phone"
        self.user = f"{me}-user"
        self.person = Person(me, {*self.emails, self.phone, self.user})
        self.world.people.append(self.person)
        address = self._address()
        for n, email in enumerate(self.emails):
            self.person.identifiers.add(f"{me}-crm{n}")
            self.crm[f"{me}-crm{n}"] = {
                "crm_id": f"{me}-{n}",
                "contact_key": f"{me}-crm{n}" if n else me,
                "created_at": datetime(2020, 1, 1),
                "email": address if n == 0 else None,
                "email_key": email,
                "phone_key": self.phone if n == 0 else None,
                "user_key": self.user if n == 0 else None,
            }
        self.person.identifiers.add(me)
        if old:
            self.world.streams["imported_contacts"].append(
                {
                    "external_id": f"{me}-old",
                    "external_key": f"{me}-old",
                    "email_key": self.emails[0],
                    "phone_key": f"{me}-oldphone",
                    "known_at": datetime(2020, 1, 1),
                }
            )
            self.person.identifiers |= {f"{me}-old", f"{me}-oldphone"}

    def join(self) -> None:
        """An organisation of the CRM's, which the person may leave, for another perhaps."""
        rng, places = self.rng, self.world.places
        self.ties.places.append((datetime(2020, 1, 1), rng.choice(places)))
        if rng.random() < 0.4:
            self.ties.places.append((rng.choice(self.times), rng.choice([None, *places])))

    def _address(self) -> str | None:
        """Whose local part and domain say whether it is one person's at work."""
        place = self.ties.places[0][1] if self.ties.places else None
        domain = place.domain if place else self.rng.choice(self.world.places).domain
        domain = self.rng.choice([domain, domain, "gmail.com"])
        local = self.rng.choice([self.me, self.me, "Contact2", "contact-nord"])
        if self.rng.random() < 0.2:
            return None
        self.ties.domain = domain
        self.person.professional = local == self.me and domain != "gmail.com"
        return f"{local}@{domain}"

    def _version(self, n: int, row: dict[str, Any], at: datetime, **stated: Any) -> None:
        """A version of a CRM contact, with what is in force by then."""
        merged = [f"{self.me}-1"] if len(self.emails) == 2 else []
        if self.ties.swallowed and self.ties.swallowed[0] <= at:
            merged.append(f"{self.ties.swallowed[1]}-0")
        if merged and n == 0:
            stated["hs_merged_object_ids"] = ";".join(merged)
        place = next((p for since, p in reversed(self.ties.places) if since <= at), None)
        self.world.streams["crm_contacts"].append(
            {
                **row,
                "company_crm_id": place.key if place and n == 0 else None,
                "properties": json.dumps(stated),
                "known_at": at,
            }
        )

    def finish(self) -> None:
        """The CRM's versions; what it states about the opt-out comes and goes."""
        rng = self.rng
        for n, contact in enumerate(self.crm.values()):
            row = contact
            self._version(n, row, datetime(2020, 1, 1))
            if n == 0:
                turns = {since for since, _ in self.ties.places[1:]}
                for at in sorted(turns | {t[0] for t in (self.ties.swallowed,) if t}):
                    self._version(n, row, at)
            if rng.random() > 0.4:
                continue
            out = False
            for at in sorted(set(rng.sample(self.times, 2))):
                value = rng.choice(["true", "true", "false", None])
                self._version(n, row, at, **({"hs_email_optout": value} if value else {}))
                if value is None or (value == "true") == out:
                    continue
                out = value == "true"
                self._say(
                    Statement(
                        contact["contact_key"], "crm", "withdrawn" if out else "lifted",
                        "marketing", "email", at, at, False, other=contact["email_key"],
                        timed=False,
                    )
                )  # fmt: skip

    # -- signs of life -----------------------------------------------------------------------

    def live(self, at: datetime) -> None:
        passive = self.rng.random() < 0.3
        self._event(at, at, "Email Opened" if passive else "Signed In", self.user)
        if not passive:
            self.person.signs.append(at)

    def buy(self, at: datetime) -> None:
        if self.person.sold is None or at < self.person.sold:
            self.person.sold = at
        self._event(at, at, "Order Completed", self.user, order_id=self._id())
        self.person.signs.append(at)

    # -- statements --------------------------------------------------------------------------

    def record(self, decided: datetime, known: datetime) -> None:
        """By the ledger: any source, any purpose."""
        rng = self.rng
        identifier_type, identifier = self._identifier()
        state = rng.choice(["granted", "granted", "granted", "pending", "withdrawn", "objection"])
        everything = state in ("withdrawn", "objection") and rng.random() < 0.3
        cell = rng.choice(cells())
        purpose = "all" if everything else cell.purpose
        channel = "all" if state != "granted" and rng.random() < 0.3 else cell.channel
        source_class = rng.choice(
            ["form", "preference_page", "one_click", "manual", "crm", "provider", "import"]
        )
        own = source_class in ("form", "preference_page", "one_click", "manual")
        mechanism = rng.choice(["double_opt_in", "ticked_box"])
        event = ConsentEvent(
            identifier_type="email",
            identifier_key="0" * 32,
            purpose=purpose,
            channel=channel,
            state=state,
            source_class=source_class,
            source=self._id(),
            occurred_at=decided,
            known_at=known,
            brand=rng.choice(["", "", "", "hub"]),
            mechanism=mechanism,
            legal_basis=rng.choice(["consent", "consent", "soft_opt_in", "legitimate_interest"]),
            text_version=rng.choice(["v1", None]),
        )
        row = {k: v for k, v in vars(event).items() if v is not None}
        row |= {"identifier_type": identifier_type, "identifier_key": identifier}
        self.world.streams["consent_events"].append({**row, "event_id": event.event_id})
        covers = "purpose"
        if everything:
            covers = "objection" if state == "objection" else "marketing"
        self._say(
            Statement(
                identifier, "own" if own else source_class, state, covers, channel, decided, known,
                True, purpose=purpose, brand=event.brand, basis=event.legal_basis,
                notice=event.text_version, confirmed=mechanism == "double_opt_in",
            )
        )  # fmt: skip

    def confirm(self, decided: datetime, known: datetime) -> None:
        """A request on our page, and perhaps its confirmation, soon or much later."""
        rng = self.rng
        asked = ("reminders", "sms", self.phone, "phone")
        steps = [("pending", "ticked_box", decided, known)]
        if rng.random() < 0.6:
            later = decided + rng.choice([timedelta(hours=1), timedelta(days=200)])
            if later < AS_OF:
                steps.append(("granted", "double_opt_in", later, max(known, later)))
        purpose, channel, identifier, identifier_type = asked
        for said, mechanism, at, heard in steps:
            self.world.streams["consent_events"].append(
                {
                    "event_id": self._id(),
                    "identifier_type": identifier_type,
                    "identifier_key": identifier,
                    "purpose": purpose,
                    "channel": channel,
                    "brand": "",
                    "state": said,
                    "source_class": "form",
                    "source": "sign-up",
                    "mechanism": mechanism,
                    "legal_basis": "consent",
                    "text_version": "v1",
                    "occurred_at": at,
                    "known_at": heard,
                }
            )
            self._say(
                Statement(
                    identifier, "own", said, "purpose", channel, at, heard, True,
                    purpose=purpose, basis="consent", notice="v1",
                    confirmed=mechanism == "double_opt_in",
                )
            )  # fmt: skip

    def bring(self, decided: datetime, known: datetime) -> None:
        """By an import of an old tool's decisions."""
        rng = self.rng
        by_phone = rng.random() < 0.3
        identifier = self.phone if by_phone else rng.choice(self.emails)
        purpose = rng.choice(["news", "news", "old_news", "reminders", "profiling", "unheard_of"])
        channel = rng.choice(["email", "email", "sms", "all"])
        file = rng.choice(["first.csv", "first.csv", "second.csv"])
        status = rng.choice(["granted", "granted", "withdrawn"])
        basis = rng.choice(["consent", "consent", "soft_opt_in", "contract", None])
        source = rng.choice(["double_opt_in", "form", None])
        key = (identifier, purpose, channel, decided, status)
        taken = self.__dict__.setdefault("brought", set())
        if key in taken:  # a restatement would replace it
            return
        taken.add(key)
        self.world.streams["consents"].append(
            {
                "identifier_type": "phone" if by_phone else "email",
                "identifier_key": identifier,
                "purpose": purpose,
                "channel": channel,
                "status": status,
                "legal_basis": basis,
                "source": source,
                "decided_at": decided,
                "known_at": known,
                "landing_file": file,
            }
        )
        widest = purpose == "unheard_of" and status == "withdrawn"
        self._say(
            Statement(
                identifier, "import", status, "marketing" if widest else "purpose", channel,
                decided, known, True, purpose="news" if purpose == "old_news" else purpose,
                basis=basis, confirmed=source == "double_opt_in", file=file, name=purpose,
            )
        )  # fmt: skip

    def list_(self, decided: datetime, known: datetime) -> None:
        """By a block list, imported or pulled from a provider."""
        rng = self.rng
        identifier = rng.choice(self.emails)
        reason = rng.choice(["unsubscribed", "complaint", "objection", "hard_bounce", "unheard_of"])
        pulled = rng.random() < 0.4
        dated = rng.random() < 0.7
        channel = rng.choice(["email", "email", "all"])
        taken = self.__dict__.setdefault("listed", set())
        if (identifier, channel, reason) in taken:
            return
        taken.add((identifier, channel, reason))
        name = "brevo.blocked.segment" if pulled else "list.csv"
        self.world.streams["suppressions"].append(
            {
                "identifier_type": "email",
                "identifier_key": identifier,
                "channel": channel,
                "reason": reason,
                "suppressed_at": decided if dated else None,
                "known_at": known,
                "landing_file": f"suppressions/20260101T000000000000Z__0123456789ab__{name}",
            }
        )
        stop = POLICY["stops"].get(reason, POLICY["stops"]["other"])
        self._say(
            Statement(
                identifier, "provider" if pulled else "import", stop["state"], stop["covers"],
                channel, decided if dated else known, known, False, lasting=True, timed=dated,
            )
        )  # fmt: skip

    def deliver(self, decided: datetime, known: datetime) -> None:
        """By a provider's webhook."""
        event_type, bounce = self.rng.choice(
            [
                ("unsubscribed", None),
                ("complained", None),
                ("resubscribed", None),
                ("bounced", "permanent"),
                ("bounced", "transient"),
                ("clicked", None),
                ("opened", None),
            ]
        )
        email = self.rng.choice(self.emails)
        machine = self.rng.random() < 0.3
        self.world.streams["delivery_events"].append(
            {
                "provider": "brevo",
                "provider_event_id": self._id(),
                "event_type": event_type,
                "bounce_type": bounce,
                "channel": "email",
                "email_key": email,
                "is_machine": machine,
                "occurred_at": decided,
                "known_at": known,
            }
        )
        said = {
            "unsubscribed": ("withdrawn", "marketing", False),
            "resubscribed": ("lifted", "marketing", False),
            "complained": ("objection", "marketing", True),
            "bounced": ("suppressed", "channel", True),
        }
        if event_type == "clicked" and not machine:
            self.world.statements[CLICKS].append(
                Statement(email, "", "", "", "", decided, known, False)
            )
        elif event_type in said and bounce != "transient":
            state, covers, lasting = said[event_type]
            self._say(
                Statement(
                    email, "provider", state, covers, "email", decided, known, False,
                    lasting=lasting,
                )
            )  # fmt: skip

    def mail(self, decided: datetime, known: datetime) -> None:
        """By a mail tool's track event, with the user's id."""
        event = self.rng.choice(["Unsubscribed", "Email Bounced"])
        bounce = self.rng.choice(["soft", "hard", None])
        self._event(decided, known, event, self.user, properties=json.dumps({"type": bounce}))
        if event == "Unsubscribed":
            self.world.statements[CLICKS].append(
                Statement(self.user, "", "", "", "", decided, known, False)
            )
            said = ("withdrawn", "marketing", False)
        elif bounce == "soft":
            return
        else:
            said = ("suppressed", "channel", True)
        state, covers, lasting = said
        self._say(
            Statement(
                self.user, "provider", state, covers, "email", decided, known, False,
                lasting=lasting,
            )
        )  # fmt: skip

    def tick(self, decided: datetime, known: datetime) -> None:
        """By a box on a form that arrives as an event."""
        ticked = self.rng.random() < 0.7
        properties = json.dumps({"boxes": {"news": [ticked, "x"]}})
        self._event(decided, known, "Form Submitted", self.user, properties=properties)
        self.world.statements[CLICKS].append(
            Statement(self.user, "", "", "", "", decided, known, False)
        )
        if ticked:
            self._say(
                Statement(
                    self.user, "own", "granted", "purpose", "email", decided, known, True,
                    purpose="news", basis="consent", notice="f1",
                )
            )  # fmt: skip

    def submit(self, decided: datetime, known: datetime) -> None:
        """By a box on a form that arrives as a submission."""
        email = self.rng.choice(self.emails)
        answer = self.rng.choice(["yes", "Oui ", "no", None])
        self.world.streams["form_submissions"].append(
            {
                "source": "typeform",
                "submission_id": self._id(),
                "form_id": "f",
                "email_key": email,
                "phone_key": self.phone,
                "payload": json.dumps({"ok": answer}),
                "occurred_at": decided,
                "known_at": known,
            }
        )
        self.world.statements[CLICKS].append(
            Statement(email, "", "", "", "", decided, known, False)
        )
        if answer in ("yes", "Oui "):
            self._say(
                Statement(
                    email, "own", "granted", "purpose", "email", decided, known, True,
                    purpose="tracking", basis="consent", other=self.phone,
                )
            )  # fmt: skip

    # -- inside ------------------------------------------------------------------------------

    def _say(self, statement: Statement) -> None:
        for identifier in {statement.identifier, statement.other} - {None}:
            self.world.statements[identifier].append(statement)

    def _identifier(self) -> tuple[str, str]:
        return self.rng.choice(
            [
                ("email", self.emails[0]),
                ("email", self.emails[-1]),
                ("phone", self.phone),
                ("user_id", self.user),
                ("email", f"{self.me}-nobody"),
            ]
        )

    def _id(self) -> str:
        self.serial += 1
        return f"{self.me}-{self.serial}"

    def _event(self, at: datetime, known: datetime, event: str, user: str, **more: Any) -> None:
        self.world.streams["events"].append(
            {
                "message_id": self._id(),
                "type": "track",
                "event": event,
                "user_key": user,
                "occurred_at": at,
                "known_at": known,
                **more,
            }
        )


class _Speaker:
    """Tells what an organisation objects to: in the CRM, on an imported list, or to us."""

    def __init__(self, rng: random.Random, world: World, place: Place) -> None:
        self.rng, self.world, self.place = rng, world, place
        self.times = _times(rng)

    def introduce(self, at: datetime = datetime(2020, 1, 1), **stated: str) -> None:
        self.world.streams["crm_companies"].append(
            {
                "crm_id": self.place.key,
                "company_key": self.place.key,
                "created_at": datetime(2020, 1, 1),
                "domain": self.place.written,
                "properties": json.dumps(stated),
                "known_at": at,
            }
        )

    def speak(self) -> None:
        self.introduce()
        self.rng.choice([self.tick, self.list_, self.record])()

    def tick(self) -> None:
        """The CRM's property, which may be taken back."""
        objecting = False
        for at in sorted(set(self.rng.sample(self.times, 2))):
            value = self.rng.choice(["true", "true", "false", ""])
            self.introduce(at, marketing_objection=value)
            if value and (value == "true") != objecting:
                objecting = value == "true"
                state = "objection" if objecting else "lifted"
                self._say("crm", self.place.key, state, "objection", at, at, False)

    def list_(self) -> None:
        kind = self.rng.choice(["domain", "crm_company"])
        decided = self.rng.choice(self.times)
        reason = self.rng.choice(["objection", "unsubscribed"])
        key = self._key(kind)
        self.world.streams["suppressions"].append(
            {
                "identifier_type": kind,
                "identifier_key": key,
                "channel": "all",
                "reason": reason,
                "suppressed_at": decided,
                "known_at": decided,
                "landing_file": "suppressions/20260101T000000000000Z__0123456789ab__list.csv",
            }
        )
        stop = POLICY["stops"][reason]
        self._say("import", key, stop["state"], stop["covers"], decided, decided, True)

    def record(self) -> None:
        kind = self.rng.choice(["domain", "crm_company"])
        decided = self.rng.choice(self.times)
        known = decided + self.rng.choice([timedelta(0), timedelta(days=40)])
        state = self.rng.choice(["objection", "objection", "withdrawn"])
        key = self._key(kind)
        self.world.streams["consent_events"].append(
            {
                "event_id": f"{self.place.key}-said",
                "identifier_type": kind,
                "identifier_key": key,
                "purpose": "all",
                "channel": "all",
                "brand": "",
                "state": state,
                "source_class": "manual",
                "source": "letter",
                "occurred_at": decided,
                "known_at": known,
            }
        )
        covers = "objection" if state == "objection" else "marketing"
        self._say("own", key, state, covers, decided, known, False)

    def _key(self, kind: str) -> str:
        return domain_key(self.place.domain) if kind == "domain" else self.place.key

    def _say(
        self, authority: str, key: str, state: str, covers: str, decided: datetime,
        known: datetime, lasting: bool,
    ) -> None:  # fmt: skip
        # No decision of a person's, and so no sign of life.
        self.world.statements[key].append(
            Statement(
                key, authority, state, covers, "all", decided, known, False,
                lasting=lasting, timed=authority != "crm",
            )
        )  # fmt: skip


def expected(world: World, as_of: datetime) -> dict[tuple[str, str, str, str], str]:
    """(subject, purpose, channel, brand) -> state, for people and for nobody's identifiers."""
    people = world.persons(as_of)
    known = {name for person in people for name in person.identifiers}
    nobody = [Person(name, {name}) for name in world.statements if name not in {*known, CLICKS}]
    found = {}
    for person in [*people, *nobody]:
        mine = {s for name in person.identifiers for s in world.statements.get(name, [])}
        signs = [
            s.decided
            for s in world.statements[CLICKS]
            if s.identifier in person.identifiers and s.known <= as_of
        ]
        # What was not known yet is not looked at.
        seen = replace(
            person,
            signs=[*person.signs, *signs],
            sold=person.sold if person.sold and person.sold < as_of else None,
        )
        unheard = {s for s in mine if not any(about(s, cell) for cell in cells())}
        for cell in cells() + _unlisted(unheard):
            for brand in ("", "hub"):
                # What is said under an unlisted name stays with it.
                said = mine - unheard
                if not cell.bases:
                    said = {s for s in unheard if _names(s) == (cell.purpose, cell.channel)}
                signs_of = list(said) + [replace(s, covers="") for s in mine - said]
                answer = state(seen, signs_of, cell, brand, as_of)
                if answer is not None:
                    found[person.name, cell.purpose, cell.channel, brand] = answer
    return found


def told_by(world: World, as_of: datetime) -> dict[str, set[Statement]]:
    """Subject -> what it is known to have said by then: people, and identifiers that nobody has."""
    people = world.persons(as_of)
    known = {name for person in people for name in person.identifiers}
    nobody = [Person(name, {name}) for name in world.statements if name not in {*known, CLICKS}]
    return {
        person.name: {
            s
            for name in person.identifiers
            for s in world.statements.get(name, [])
            if s.known <= as_of and (s.decided < as_of or not s.timed)
        }
        for person in [*people, *nobody]
    }


def _unlisted(unheard: set[Statement]) -> list[Cell]:
    """A purpose and channel that the policy does not have: nothing can be granted for it."""
    names = {_names(s) for s in unheard}
    return [Cell(*name, False, False, False, None) for name in sorted(names)]


def _names(s: Statement) -> tuple[str, str]:
    return s.purpose or "all", s.channel
