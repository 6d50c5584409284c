"""What campaigns would do: which files changed what, and where the next launch's messages end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import duckdb

from reverse_etl.campaigns import calendar, controls, launching, versions
from reverse_etl.content.library import Library
from reverse_etl.experiments import assigning
from reverse_etl.gates import intents, known
from reverse_etl.gates.deciding import decide
from reverse_etl.queueing import prepare
from workspace.definitions import nearest
from workspace.definitions.campaigns import Campaign, Campaigns
from workspace.definitions.caps import Caps
from workspace.definitions.experiments import Experiments
from workspace.definitions.journeys import Journey
from workspace.lake import Lake
from workspace.ledger import Ledger
from workspace.ledger.approvals import APPROVED

TABLE = "planned_intents"


class NothingToLaunch(LookupError):
    """The campaign launches nothing itself, or nothing more; the message says why."""


@dataclass(frozen=True)
class Change:
    """What a file changes: ``change`` is new, changed or retired."""

    campaign: str
    change: str
    kind: str
    version: int
    approval: str
    next_at: datetime | None


@dataclass(frozen=True)
class Outlook:
    """The next launch of a campaign as it would end today. ``stages`` are gates with how many
    messages they stop for good and how many they hold back, ``reasons`` what a gate most often
    says of them."""

    campaign: str
    occurrence: str
    planned_at: datetime
    contacts: int
    goes_out: int
    stages: list[tuple[str, int, int]] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)


def changes(
    campaigns: Campaigns,
    journeys: Mapping[str, Journey],
    lake: Lake,
    caps: Caps,
    time_zone: str,
    as_of: datetime,
) -> list[Change]:
    """The campaigns whose files say something else than what is in force."""
    before = {version.key: version for version in versions.in_force(lake, as_of)}
    done = launching.known(lake, as_of)
    found = []
    for version in versions.of_files(campaigns, lake, as_of):
        old = before.pop(version.key, None)
        if old is not None and old.campaign.text == version.campaign.text:
            continue
        after = calendar.upcoming(version, done.get(version.key, {}), caps, time_zone, as_of)
        found.append(
            Change(
                version.key,
                "new" if old is None else "changed",
                version.campaign.kind,
                version.number,
                _approval(version.campaign, journeys),
                after.first if after else None,
            )
        )
    for key, old in before.items():
        found.append(Change(key, "retired", old.campaign.kind, old.number, "", None))
    return found


def _approval(campaign: Campaign, journeys: Mapping[str, Journey]) -> str:
    if campaign.journey is None:
        return campaign.approval
    journey = journeys.get(campaign.journey)
    return "once" if journey is not None and journey.needs_approval else "none"


def outlook(
    connection: duckdb.DuckDBPyConnection,
    ledger: Ledger,
    lake: Lake,
    campaigns: Campaigns,
    experiments: Experiments,
    key: str,
    caps: Caps,
    library: Library,
    as_of: datetime,
    time_zone: str,
    is_approved: bool = False,
) -> Outlook:
    """Launch the next occurrence on paper: today's audience through today's gates, as if the time
    had come; with ``is_approved`` as if its messages were approved. Raises
    :class:`NothingToLaunch`.

    ``connection`` sees the schemas ``marts`` and ``pii``; its temporary tables are replaced,
    nothing else is written.
    """
    if key not in campaigns.campaigns:
        raise NothingToLaunch(f"no campaign {key!r}{nearest(key, campaigns.campaigns)}")
    journey = campaigns.campaigns[key].journey
    if journey is not None:
        raise NothingToLaunch(
            f"{key} is journey {journey}; what it would do says: marketing journeys backtest"
        )
    version = next(v for v in versions.of_files(campaigns, lake, as_of) if v.key == key)
    done = launching.known(lake, as_of).get(key, {})
    one = calendar.upcoming(version, done, caps, time_zone, as_of)
    if one is None:
        raise NothingToLaunch(
            f"{key} launches nothing more; marts.message_waterfall says where its messages ended"
        )
    if launching.unfit(connection, [one]):
        raise NothingToLaunch(
            f"a segment of {key}'s audience is stale or was never evaluated; 'marketing run' does"
        )
    then = max(as_of, one.first)
    pending = intents.pending(connection, lake, caps, then)
    new = launching.audience(connection, [one], caps)
    controls.mark(connection, lake, new, as_of, [version])
    assigning.expose(connection, lake, experiments, caps, new, as_of, may_store=False)
    connection.execute(
        f"""
        create or replace temp table {TABLE} as
        select * from {pending}
        union all by name
        select *, $1::timestamp as known_at, cast(null as timestamp) as deferred_until from {new}
        """,
        [as_of],
    )
    prepare(connection, lake, library, TABLE)
    facts = known.facts(
        connection, ledger, lake, caps, then, "incomplete_messages", known.ADDRESSES
    )
    if is_approved:
        own = f"select approval from {TABLE} semi join {new} using (intent_id)"
        connection.execute(f"delete from {known.APPROVALS} where subject_hash in ({own})")
        connection.execute(
            f"insert into {known.APPROVALS} select distinct approval, $1 from ({own}) "
            "where approval is not null",
            [APPROVED],
        )
    decided = decide(connection, TABLE, facts, caps, then, time_zone)
    connection.register("planned_decisions", decided)
    rows = connection.execute(
        f"""
        select d.gate, count(*) filter (where d.decision = 'blocked'),
            count(*) filter (where d.decision = 'deferred'), mode(d.detail)
        from planned_decisions as d semi join {new} as i on d.intent_id = i.intent_id
        group by d.gate order by count(*) desc, d.gate
        """
    ).fetchall()
    counted = connection.execute(f"select count(*) from {new}").fetchone()
    connection.unregister("planned_decisions")
    contacts = counted[0] if counted else 0
    stages = [(gate, blocked, held) for gate, blocked, held, _ in rows if gate is not None]
    reasons = {gate: detail for gate, *_, detail in rows if gate is not None and detail}
    stopped = sum(blocked + held for _, blocked, held in stages)
    return Outlook(key, one.key, one.first, contacts, contacts - stopped, stages, reasons)
