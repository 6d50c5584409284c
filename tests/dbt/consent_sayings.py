"""What a person says, and reports of it, the way its source's statements come in."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta
from typing import Any

from tests.dbt.consent_oracle import Person, Statement
from tests.dbt.consent_world import AS_OF, CLICKS, POLICY, Ties, World, cells, times_of
from workspace.ledger.consent import ConsentEvent


class Sayings:
    """Each method takes when something was decided and when it was known, and tells it to the
    oracle and to the lake."""

    emails: list[str]
    phone: str
    user: str
    person: Person

    def __init__(self, rng: random.Random, world: World, me: str) -> None:
        self.rng, self.world, self.me = rng, world, me
        self.times = times_of(rng)
        self.serial = 0
        self.crm: dict[str, dict[str, Any]] = {}
        self.ties = Ties()

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
                ("email", f"{self.me}-right"),
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
