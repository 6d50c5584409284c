"""Organisations, and what they object to."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta

from tests.dbt.consent_oracle import Statement
from tests.dbt.consent_world import POLICY, Place, World, times_of
from workspace.identifiers import domain_key


class Speaker:
    """Tells what an organisation objects to: in the CRM, on an imported list, or to us."""

    def __init__(self, rng: random.Random, world: World, place: Place) -> None:
        self.rng, self.world, self.place = rng, world, place
        self.times = times_of(rng)

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
