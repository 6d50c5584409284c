"""`actors.yml`: what shows that a machine and not a person visited, opened or clicked.

Each rule has an id and a confidence, the probability that what it finds is a machine's doing. Of
several rules that speak of an event the most confident counts; `machine_from` and `unsure_from`
turn its confidence into a class.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from workspace.definitions.channels import Name, Pattern
from workspace.definitions.reading import Key, Row, Strict, no_repeats

Confidence = Annotated[float, Field(gt=0, le=1)]
Seconds = Annotated[float, Field(ge=0)]
Action = Literal["visit", "open", "click"]


def _network(value: str) -> str:
    try:
        return str(ipaddress.IPv4Network(value))
    except ValueError as error:
        raise ValueError(f"{value!r} is no IPv4 range such as 203.0.113.0/24: {error}") from error


class AgentRule(Strict):
    """User agents that match a pattern, tried on lower-case text."""

    id: Key
    confidence: Confidence
    actions: Annotated[list[Action], Field(min_length=1)] = ["visit", "open", "click"]
    patterns: Annotated[list[Pattern], Field(min_length=1)]


class NetworkRule(Strict):
    id: Key
    confidence: Confidence
    ranges: list[Annotated[str, AfterValidator(_network)]] = []


class ToldRule(Strict):
    """The webhook itself says so."""

    confidence: Confidence = 1.0


class SoonRule(Strict):
    """A reaction within ``seconds`` after the delivery, or before it."""

    seconds: Seconds
    confidence: Confidence


class BurstRule(Strict):
    """At least ``links`` different links of one send within ``seconds``."""

    links: Annotated[int, Field(ge=2)] = 2
    seconds: Seconds = 2
    confidence: Confidence


class PaceRule(Strict):
    """At least ``page_views`` in a session, on average less than ``seconds`` apart."""

    page_views: Annotated[int, Field(ge=2)] = 3
    seconds: Seconds = 2
    confidence: Confidence


class Timing(Strict):
    told_by_provider: ToldRule | None = None
    opened_at_once: SoonRule | None = None
    clicked_at_once: SoonRule | None = None
    clicked_before_read: SoonRule | None = None
    links_at_once: BurstRule | None = None
    pages_at_once: PaceRule | None = None


class MailEvents(Strict):
    """Names of the track events that tell what became of a mail."""

    delivered: list[Name] = []
    opened: list[Name] = []
    clicked: list[Name] = []

    @model_validator(mode="after")
    def _once(self) -> MailEvents:
        no_repeats([*self.delivered, *self.opened, *self.clicked], "mail event")
        return self


class Actors(Strict):
    """``actors.yml``."""

    machine_from: Annotated[float, Field(gt=0, le=1)] = 0.8
    unsure_from: Annotated[float, Field(gt=0, le=1)] = 0.4
    mail_events: MailEvents = MailEvents()
    agents: list[AgentRule] = []
    networks: list[NetworkRule] = []
    timing: Timing = Timing()

    @model_validator(mode="after")
    def _consistent(self) -> Actors:
        if self.unsure_from > self.machine_from:
            raise ValueError("unsure_from is above machine_from")
        ids = [rule.id for rule in (*self.agents, *self.networks)] + list(Timing.model_fields)
        no_repeats(ids, "rule id")
        return self

    def rows(self) -> Iterator[Row]:
        limits = {"machine_from": self.machine_from, "unsure_from": self.unsure_from}
        yield Row("actor_settings", "actor_settings", 1, limits)
        for what, names in self.mail_events.model_dump().items():
            for n, name in enumerate(names, 1):
                yield Row("mail_events", name, n, {"reaction": what})
        position = 0
        for rule in self.agents:
            for text in rule.patterns:
                position += 1
                value = {
                    "rule": rule.id,
                    "confidence": rule.confidence,
                    "pattern": text,
                    **{f"is_{action}": action in rule.actions for action in _ACTIONS},
                }
                yield Row("actor_agents", f"{rule.id}/{text}", position, value)
        for network in self.networks:
            for text in network.ranges:
                position += 1
                span = ipaddress.IPv4Network(text)
                value = {
                    "rule": network.id,
                    "confidence": network.confidence,
                    "first_address": int(span.network_address),
                    "last_address": int(span.broadcast_address),
                }
                yield Row("actor_networks", f"{network.id}/{text}", position, value)
        for n, (name, found) in enumerate(self.timing.model_dump(exclude_none=True).items(), 1):
            yield Row("actor_timing", name, n, found)


_ACTIONS: tuple[Action, ...] = ("visit", "open", "click")
