"""The gates as one would ask them of one message after the other, without any set."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from workspace.definitions.caps import WEEKDAYS, Caps, QuietHours

Row = Mapping[str, Any]
HOUR = timedelta(hours=1)


def local(at: datetime, zone: str) -> datetime:
    return at.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def utc(local_time: datetime, zone: str) -> datetime:
    """Of two readings the later: an hour that happens twice is its second."""
    aware = local_time.replace(tzinfo=ZoneInfo(zone), fold=1)
    if local(aware.astimezone(UTC).replace(tzinfo=None), zone) != local_time:
        aware = aware.replace(fold=0)  # it never happens: so much after the last that did
    return aware.astimezone(UTC).replace(tzinfo=None)


class Oracle:
    """``world`` maps the relations of `Facts` and ``intents`` to rows."""

    def __init__(
        self, world: Mapping[str, Sequence[Row]], caps: Caps, as_of: datetime, time_zone: str
    ) -> None:
        self.world, self.caps, self.as_of, self.time_zone = world, caps, as_of, time_zone
        self.horizon = as_of + caps.queue_ahead_hours * HOUR
        self.contacts = {row["contact_id"]: row for row in world["contacts"]}
        self.consents = {
            (r["contact_id"], r["purpose"], r["channel"]): r for r in world["consents"]
        }
        self.hours = {(r["contact_id"], r["channel"]): r for r in world["send_times"]}

    def decide(self) -> dict[str, dict[str, Any]]:
        people: dict[str, list[Row]] = {}
        for intent in self.world["intents"]:
            people.setdefault(intent["contact_id"], []).append(intent)
        found: dict[str, dict[str, Any]] = {}
        for contact_id, intents in people.items():
            found.update(self.of_one(contact_id, intents))
        return found

    def of_one(self, contact_id: str, intents: Sequence[Row]) -> dict[str, dict[str, Any]]:
        found = {}
        admitted: list[dict[str, Any]] = []
        sent = [row for row in self.world["sent"] if row["contact_id"] == contact_id]
        ordered = sorted(intents, key=_order)
        for intent in ordered:
            found[intent["intent_id"]] = self.of_message(intent, sent, admitted)
        return found

    def of_message(
        self, intent: Row, sent: Sequence[Row], admitted: list[dict[str, Any]]
    ) -> dict[str, Any]:
        kind = self.caps.classes.get(intent["message_class"])
        lifetime = kind.not_after_hours * HOUR if kind else timedelta()
        over = intent["not_after"] or intent["scheduled_at"] + lifetime
        at = max(
            self.as_of, intent["scheduled_at"], intent["deferred_until"] or intent["scheduled_at"]
        )

        def stop(
            gate: str, detail: str | None, until: datetime | None = None, waits: bool = False
        ) -> dict[str, Any]:
            deferred = waits and (at if until is None else until) < over
            return {
                "decision": "deferred" if deferred else "blocked",
                "gate": gate,
                "detail": detail,
                "deferred_until": until if deferred else None,
            }

        lasting = self.lasting(intent, at, over)
        if lasting is not None:
            gate, detail, waits = lasting
            return stop(gate, detail, None, waits)
        assert kind is not None
        contact = self.contacts[intent["contact_id"]]
        zone = contact["time_zone"] or self.time_zone
        rules = (
            []
            if "quiet_hours" in kind.skips
            else [
                rule
                for rule in self.caps.quiet_hours
                if rule.matches(intent["channel"], contact["country"], intent["message_class"])
            ]
        )
        allowed = self.next_allowed(rules, contact["country"], zone, at)
        if allowed is None:
            return stop("quiet_hours", None)
        if allowed != at and (allowed >= over or allowed > self.horizon):
            return stop("quiet_hours", None, allowed, True)
        at = allowed
        choice = None
        wanted = {"best": True, "planned": False}.get(intent["send_time"])
        chooses = self.caps.send_time.choose if wanted is None else wanted
        if chooses and "send_time" not in kind.skips:
            at, choice = self.chosen_hour(intent, rules, contact["country"], zone, at, over)
        if at > self.horizon:
            return stop("scheduled", None, at, True)
        if "cap" not in kind.skips:
            capped = self.capped(intent, sent, admitted, zone, at)
            if capped is not None:
                cap, free_at, winner = capped
                waits = (intent["on_capped"] or "wait") == "wait" and free_at is not None
                return {
                    **stop("cap", cap, free_at, waits),
                    "winner_intent_id": winner,
                    "value_lost": intent["expected_value"],
                }
        admitted.append({**intent, "at": at, "skips_cap": "cap" in kind.skips})
        proof = {}
        if "consent" not in kind.skips:
            key = (intent["contact_id"], intent["purpose"], intent["channel"])
            told = ("evidence_id", "decided_at", "legal_basis", "text_hash", "policy_version")
            proof = {f"consent_{name}": self.consents[key][name] for name in told}
        return {"decision": "queued", "scheduled_at": at, **proof, "detail": choice}

    def lasting(
        self, intent: Row, at: datetime, over: datetime
    ) -> tuple[str, str | None, bool] | None:
        """Gate, detail and whether the message may wait, of gates that no time decides."""
        kind = self.caps.classes.get(intent["message_class"])
        if kind is None:
            return "class", intent["message_class"], False
        stops: dict[str, list[str]] = {}
        for row in self.world["stops"]:
            if (
                row["contact_id"] == intent["contact_id"]
                and row["channel"] in (intent["channel"], "all")
                and row["purpose"] in (intent["purpose"], None)
            ):
                stops.setdefault(row["gate"], []).append(row["detail"])
        if "erased" in stops:
            return "erased", min(stops["erased"]), False
        contact = self.contacts.get(intent["contact_id"])
        column = {"email": "email_key", "sms": "phone_key", "push": "push_key"}[intent["channel"]]
        if contact is None or contact[column] is None:
            return "no_address", intent["channel"], False
        if "bounced" in stops:
            return "bounced", min(stops["bounced"]), False
        asks = intent["source_kind"] == "consent"
        if ("consent" not in kind.skips or asks) and "consent" in stops:
            return "consent", min(stops["consent"]), False
        if asks:
            key = (intent["contact_id"], intent["purpose"], intent["channel"])
            consent = self.consents.get(key)
            if consent and consent["state"] in ("withdrawn", "objection", "suppressed"):
                words = [w for w in (consent["state"], consent["reason"]) if w is not None]
                return "consent", ": ".join(words), False
        if "consent" not in kind.skips:
            key = (intent["contact_id"], intent["purpose"], intent["channel"])
            consent = self.consents.get(key)
            if consent is None:
                return "consent", "never_asked", False
            if consent["state"] != "granted":
                words = [w for w in (consent["state"], consent["reason"]) if w is not None]
                return "consent", ": ".join(words), False
        if "unsubscribed" not in kind.skips and "unsubscribed" in stops:
            return "unsubscribed", min(stops["unsubscribed"]), False
        if "suppressed" in stops:
            return "suppressed", min(stops["suppressed"]), False
        if "holdout" not in kind.skips:
            if intent["variant"] == "holdout":
                return "holdout", intent["experiment"] or "", False
            digest = hashlib.md5(
                f"{self.caps.holdout.salt}:{intent['contact_id']}".encode()
            ).hexdigest()
            if int(digest[:8], 16) % 10_000 < round(self.caps.holdout.share * 10_000):
                return "holdout", "universal", False
        if intent["approval"] is not None:
            said = {r["subject_hash"]: r["decision"] for r in self.world["approvals"]}
            decision = said.get(intent["approval"], "not_asked")
            if decision != "approved":
                return "approval", decision, decision != "rejected"
        own = {
            row["event"]
            for row in self.world["pauses"]
            if (row["scope"], row["source_key"]) == (intent["source_kind"], intent["source_key"])
        }
        if "stop" in own:
            return "paused", "stop", False
        if "pause" in own:
            return "paused", "pause", True
        if any(row["scope"] == "all" for row in self.world["pauses"]):
            return "paused", "everything", True
        missing = [
            row["missing"]
            for row in self.world["incomplete"]
            if row["intent_id"] == intent["intent_id"]
        ]
        if missing:
            return "template", min(missing), False
        if at >= over:
            return "not_after", None, False
        if kind.bands is not None and contact["band"] not in kind.bands:
            return "lead_band", contact["band"] or "none", False
        return None

    def is_quiet(
        self, rules: Sequence[QuietHours], country: str | None, zone: str, at: datetime
    ) -> bool:
        clock = local(at, zone)
        text = clock.strftime("%H:%M")
        listed = self.caps.holidays.get(country or "")
        for rule in rules:
            if WEEKDAYS[clock.weekday()] in rule.weekdays:
                return True
            if rule.holidays and listed and clock.date() in listed.of(clock.year):
                return True
            if rule.from_ is not None and rule.to is not None:
                after, before = text >= rule.from_, text < rule.to
                if (after and before) if rule.from_ < rule.to else (after or before):
                    return True
        return False

    def next_allowed(
        self, rules: Sequence[QuietHours], country: str | None, zone: str, at: datetime
    ) -> datetime | None:
        """Rules begin and end at quarters of an hour."""
        moment, end = at, at + timedelta(days=40)
        while moment < end:
            if not self.is_quiet(rules, country, zone, moment):
                return moment
            past = timedelta(
                minutes=moment.minute % 15, seconds=moment.second, microseconds=moment.microsecond
            )
            moment += timedelta(minutes=15) - past
        return None

    def chosen_hour(
        self,
        intent: Row,
        rules: Sequence[QuietHours],
        country: str | None,
        zone: str,
        at: datetime,
        over: datetime,
    ) -> tuple[datetime, str]:
        """When it goes, and what is told of it: how the hour was chosen, and how likely."""
        known = self.hours.get((intent["contact_id"], intent["channel"]), {})
        explore = self.caps.send_time.explore
        best, kind = None, "planned"
        allowed = set()
        first = local(at, zone).date()
        for day in (first, first + timedelta(days=1)):
            own = known.get("weekday_hour" if day.weekday() < 5 else "weekend_hour")
            for hour in range(24):
                begin = utc(datetime.combine(day, time(hour)), zone)
                if (
                    at <= begin < at + 24 * HOUR
                    and begin < over
                    and not self.is_quiet(rules, country, zone, begin)
                ):
                    allowed.add(begin)
                    wanted = self.caps.send_time.default_hour if own is None else own
                    if hour == wanted and (best is None or begin < best):
                        best, kind = begin, "default" if own is None else "best"
        preferred = best or at
        chosen = preferred
        if allowed and _hashed("send_time", intent) % 10_000 < round(explore * 10_000):
            chosen = sorted(allowed)[_hashed("send_hour", intent) % len(allowed)]
            kind = "random"
        likely = 1.0
        if allowed:
            likely = (1 - explore) * (chosen == preferred)
            likely += explore / len(allowed) * (chosen in allowed)
        return chosen, f'{{"hour": "{kind}", "propensity": {round(likely, 6)}}}'

    def capped(
        self,
        intent: Row,
        sent: Sequence[Row],
        admitted: Sequence[Row],
        zone: str,
        at: datetime,
    ) -> tuple[str, datetime | None, str | None] | None:
        """The cap that stops it, when it has room again (None: never), who took the place."""
        failing = []
        for number, cap in enumerate(self.caps.caps):
            if (
                cap.limit is None
                or intent["message_class"] not in cap.classes
                or intent["channel"] not in cap.channels
            ):
                continue
            counted = [
                ((0, row["sent_at"], row["message_id"]), row["sent_at"])
                for row in sent
                if row["message_class"] in cap.classes and row["channel"] in cap.channels
            ] + [
                ((n, row["at"], row["intent_id"]), row["at"])
                for n, row in enumerate(admitted, 1)
                if not row["skips_cap"]
                and row["message_class"] in cap.classes
                and row["channel"] in cap.channels
            ]
            if cap.days is not None:
                window = cap.days * timedelta(days=1)
                inside = [(who, s + window) for who, s in counted if at < s + window]
            else:
                inside = [
                    (who, _next_monday(s, zone))
                    for who, s in counted
                    if _monday(s, zone) == _monday(at, zone)
                ]
            if len(inside) < cap.limit or (len(inside) == 0 and cap.limit > 0):
                continue
            leaves = sorted(leaving for _, leaving in inside)
            free_at = leaves[len(leaves) - cap.limit] if cap.limit else None
            winner = max(inside)[0][2] if inside else None
            never = free_at is None
            moment = datetime.max if free_at is None else free_at
            failing.append(((never, moment, -number), cap.id, free_at, winner))
        if not failing:
            return None
        _, cap_id, free_at, winner = max(failing)
        return cap_id, free_at, winner


def _hashed(salt: str, intent: Row) -> int:
    return int(hashlib.md5(f"{salt}:{intent['intent_id']}".encode()).hexdigest()[:8], 16)


def _monday(at: datetime, zone: str) -> datetime:
    day = local(at, zone).date()
    return datetime.combine(day - timedelta(days=day.weekday()), time())


def _next_monday(at: datetime, zone: str) -> datetime:
    return utc(_monday(at, zone) + timedelta(days=7), zone)


def _order(intent: Row) -> tuple[Any, ...]:
    value = intent["expected_value"]
    return (
        -(intent["priority"] or 0),
        value is None,
        -(value or 0.0),
        intent["scheduled_at"],
        intent["source_key"],
        intent["step"],
        intent["occurrence"],
        intent["channel"],
        intent["intent_id"],
    )
