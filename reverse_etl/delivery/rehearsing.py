"""What would leave the outbox now: the claim without its writing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import TYPE_CHECKING

from reverse_etl.delivery import ramps
from reverse_etl.delivery.recheck import Rules, holds, recheck
from reverse_etl.delivery.routing import Routes
from reverse_etl.delivery.sender import Report
from workspace.definitions.providers import CHANNELS
from workspace.ledger import CHUNK_ROWS, outstanding

if TYPE_CHECKING:
    from reverse_etl.delivery.service import Desk

#: Messages of a channel that a rehearsal asks about.
MOST = 20 * CHUNK_ROWS


def rehearse(desk: Desk, only: Collection[str] | None = None, limit: int | None = None) -> Report:
    """``outcomes`` counts messages by the provider they would go to, ``gates`` by what holds them.

    Caps are asked as if all messages of a channel left together.
    """
    report = Report()
    at = desk.clock()
    definitions = desk.definitions
    routes = Routes.of(definitions.providers, CHANNELS)
    rules = Rules(definitions.caps, definitions.verticals.reporting.time_zone)
    with desk.ledger.reading() as connection:
        everything, held = holds(connection)
        for channel in routes.lanes:
            rows = outstanding.due(connection, channel, at, limit or MOST, CHANNELS, only)
            ramped = ramps.held(connection, rows, ramps.ramps_of(definitions), at).until
            report.gates.update({"ramp": len(ramped)} if ramped else {})
            asked = [row for row in rows if row.message_id not in ramped]
            verdicts = recheck(connection, asked, rules, at)
            report.gates.update(verdicts.gates)
            for row in verdicts.open:
                if everything or (row.source_kind, row.source_key) in held:
                    continue
                provider = routes.choose(
                    channel, row.message_id, CHANNELS, row.provider, row.is_pinned
                )
                report.outcomes[f"{channel} by {provider}"] += 1
    report.claimed = sum(Counter(report.outcomes).values())
    return report
