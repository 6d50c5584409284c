"""Which provider a message goes to, and which may be asked instead."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from workspace.definitions.providers import Place, Providers


@dataclass(frozen=True)
class Routes:
    """``lanes``: by channel, the providers that are configured, in order, with their weights."""

    lanes: Mapping[str, Sequence[Place]]

    @classmethod
    def of(cls, definitions: Providers, usable: Collection[str]) -> Routes:
        lanes = {
            channel: [place for place in places if place.provider in usable]
            for channel, places in definitions.lanes.items()
        }
        return cls({channel: places for channel, places in lanes.items() if places})

    def order(self, channel: str, message_id: str) -> list[str]:
        """A message's providers: the first by weight, always the same one, then the others in
        their order."""
        places = self.lanes.get(channel, ())
        names = [place.provider for place in places]
        sharing = [place for place in places if place.weight]
        if len(sharing) < 2:
            return [p.provider for p in sharing] + [p.provider for p in places if not p.weight]
        shared = sum(place.weight for place in sharing)
        drawn = _draw(message_id) * shared
        for place in places:
            drawn -= place.weight
            if drawn < 0:
                return [place.provider, *(name for name in names if name != place.provider)]
        raise AssertionError("a share is smaller than one")

    def choose(
        self,
        channel: str,
        message_id: str,
        open_ones: Collection[str],
        given: str | None = None,
        is_pinned: bool = False,
    ) -> str | None:
        """The provider to ask: the one a message has, else the first that is open; None where none
        is. A pinned message goes nowhere else."""
        order = self.order(channel, message_id)
        if given is not None and given in order:
            if given in open_ones:
                return given
            if is_pinned:
                return None
        elif is_pinned:
            return None
        return next((name for name in order if name in open_ones), None)

    def after(self, channel: str, message_id: str, provider: str) -> str | None:
        """Who is asked when a provider cannot take a message; None after the last."""
        order = self.order(channel, message_id)
        if provider not in order:
            return order[0] if order else None
        place = order.index(provider) + 1
        return order[place] if place < len(order) else None


def _draw(message_id: str) -> float:
    digest = hashlib.sha256(f"lane:{message_id}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / (1 << 48)
