"""``providers.yml``: which provider sends what, in which order, and how fast."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from pydantic import Field

from workspace.definitions.caps import MessageChannel
from workspace.definitions.reading import Row, Strict, nearest

#: Every provider there is, and the channel it sends (any: each). The registry
#: `reverse_etl.delivery.providers` has a module for each.
CHANNELS: dict[str, Literal["email", "sms", "push", "any"]] = {
    "sendgrid": "email",
    "ses": "email",
    "postmark": "email",
    "brevo": "email",
    "smtp": "email",
    "twilio": "sms",
    "telnyx": "sms",
    "fcm": "push",
    "onesignal": "push",
    "webhook": "any",
    "console": "any",
    "memory": "any",
    "file": "any",
}


class ProviderSettings(Strict):
    """``live``: whether it may be asked at all. ``per_second``: messages, at most; as fast as it
    answers where nothing is said. ``in_flight``: requests at the same time. ``batch``: messages of
    a request, at most as many as the provider takes: they share what becomes of it. ``options``
    are the provider's own (docs/delivery.md)."""

    live: bool = False
    per_second: Annotated[float, Field(gt=0, le=100_000)] | None = None
    in_flight: Annotated[int, Field(ge=1, le=1024)] = 64
    batch: Annotated[int, Field(ge=1, le=10_000)] | None = None
    options: dict[str, str | int | float | bool] = {}


class Place(Strict):
    """A provider's place in the order of a channel. ``weight``: its share of the messages that
    are sent first by it, beside the weights of the others; 0: only where another cannot."""

    provider: str
    weight: Annotated[int, Field(ge=0, le=1000)] = 0


class Providers(Strict):
    """``lanes``: by channel, the providers in the order in which they are asked."""

    providers: dict[str, ProviderSettings] = {}
    lanes: dict[MessageChannel, Annotated[list[Place], Field(min_length=1)]] = {}

    def faults(self) -> Iterator[tuple[Sequence[str | int], str]]:
        for name in self.providers:
            if name not in CHANNELS:
                yield ("providers", name), f"no provider {name!r}{nearest(name, CHANNELS)}"
        for channel, places in self.lanes.items():
            seen: set[str] = set()
            for n, place in enumerate(places):
                where = ("lanes", channel, n, "provider")
                if place.provider not in self.providers:
                    near = nearest(place.provider, self.providers)
                    yield where, f"{place.provider!r} is not listed under providers{near}"
                elif CHANNELS.get(place.provider) not in (channel, "any"):
                    yield where, f"{place.provider} does not send {channel}"
                elif place.provider in seen:
                    yield where, f"{place.provider} is listed twice"
                seen.add(place.provider)
            if not any(place.weight for place in places):
                yield ("lanes", channel), "no provider has a weight: none would be asked first"

    def settings(self, provider: str) -> ProviderSettings:
        return self.providers.get(provider, ProviderSettings())

    def rows(self) -> Iterator[Row]:
        for n, (name, its) in enumerate(self.providers.items(), 1):
            value = {"provider": name, "is_live": its.live, "channel": CHANNELS.get(name)}
            value |= {"per_second": its.per_second, "in_flight": its.in_flight}
            yield Row("delivery_providers", name, n, value)
        for channel, places in self.lanes.items():
            for n, place in enumerate(places, 1):
                value = {"channel": channel, "provider": place.provider, "weight": place.weight}
                yield Row("delivery_lanes", f"{channel}/{place.provider}", n, value)
