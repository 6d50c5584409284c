"""People, told to the oracle and to the lake: who they are, what they do, whom they belong to."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from tests.dbt.consent_oracle import Person, Statement
from tests.dbt.consent_sayings import Sayings


class Teller(Sayings):
    """Tells one person's history."""

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

    def correct(self, at: datetime) -> None:
        """The person has the first address corrected; the CRM may go on with the old one."""
        self.ties.corrected = (at, self.emails[0], f"{self.me}-right")
        self.world.streams["rectifications"].append(
            {
                "rectification_id": f"{self.me}-rectified",
                "record_type": "crm_contact",
                "record_key": self.me,
                "field": "email",
                "value": self.crm[f"{self.me}-crm0"]["email"],  # its domain is the same
                "value_key": f"{self.me}-right",
                "sequence": 1,
                "known_at": at,
            }
        )

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
