"""The plan beside an approval: who would get it, who not and why, as the commands say it."""

from __future__ import annotations

import time
from datetime import timedelta
from threading import Lock
from typing import Any

from dagster_project import outlook
from dagster_project.what_if import NoWarehouse
from interfaces.desk.office import Office
from reverse_etl.campaigns import planning
from reverse_etl.campaigns.deciding import CAMPAIGN, JOURNEY, Asked
from reverse_etl.campaigns.planning import NothingToLaunch, Outlook
from reverse_etl.journeys.rehearsal import Stage, Unanswerable
from reverse_etl.publish import NothingPublished, TookTooLong, dicts, is_published, need, reader
from workspace.definitions import Definitions
from workspace.definitions.caps import GATES
from workspace.locks import RunInProgress

#: A plan is kept so long (seconds), since it takes seconds to make and people go back and forth.
KEPT = 60.0
#: A run may hold the workspace for minutes: who looks is told so.
WAIT_SECONDS = 2.0
REHEARSED = timedelta(days=28)

_making = Lock()
_made: dict[tuple[Any, ...], tuple[float, Outlook]] = {}
_TEXTS = {gate.gate: gate.text for gate in GATES}


def of_campaign(office: Office, found: Definitions, asked: Asked) -> dict[str, Any]:
    """The next launch of a campaign as if it were approved, and what the file changes; ``missing``
    says why there is no plan."""
    campaign = found.campaigns.campaigns[asked.key]
    facts: dict[str, Any] = {
        "kind": asked.kind,
        "missing": "",
        "currency": found.verticals.reporting.base_currency,
        "cost": campaign.cost,
        "expected_value": campaign.expected_value,
        "holdout": campaign.holdout,
        "changes": [],
        "facts": {
            "vertical": campaign.vertical or "every one",
            "channel": campaign.channel,
            "class": campaign.message_class,
            "purpose": campaign.purpose,
            "segments": ", ".join(campaign.audience.segments) if campaign.audience else "",
            "but not": ", ".join(campaign.audience.except_) if campaign.audience else "",
            "approval": campaign.approval,
        },
    }
    try:
        made = _outlook(office, found, asked)
    except (NothingToLaunch, NoWarehouse, RunInProgress) as error:
        return facts | {"missing": str(error), "stages": _waterfall(office, CAMPAIGN, asked.key)}
    return facts | {
        "occurrence": made.occurrence,
        "planned_at": made.planned_at,
        "contacts": made.contacts,
        "goes_out": made.goes_out,
        "stages": [
            {
                "gate": gate,
                "text": _TEXTS.get(gate, ""),
                "mostly": made.reasons.get(gate, ""),
                "blocked": blocked,
                "held": held,
            }
            for gate, blocked, held in made.stages
        ],
        "value": made.goes_out * float(campaign.expected_value),
        "caps": [
            {
                "id": cap.id,
                "limit": cap.limit,
                "days": f"{cap.days:g} days" if cap.days else "a calendar week",
            }
            for cap in found.caps.caps
            if campaign.message_class in cap.classes and campaign.channel in cap.channels
        ],
        "changes": [vars(one) for one in _changes(office, found) if one.campaign == asked.key],
    }


def _outlook(office: Office, found: Definitions, asked: Asked) -> Outlook:
    """One at a time: each opens the warehouse, and holds the run lock meanwhile."""
    paths = office.settings.paths
    built = paths.warehouse.stat().st_mtime_ns if paths.warehouse.exists() else 0
    key = (paths.root, asked.digest, built)
    with _making:
        known = _made.get(key)
        if known is None or time.monotonic() - known[0] > KEPT:
            made = outlook.of_campaign(
                office.settings, found, asked.key, is_approved=True, wait_seconds=WAIT_SECONDS
            )
            for old in [one for one, (at, _) in _made.items() if time.monotonic() - at > KEPT]:
                del _made[old]
            _made[key] = known = (time.monotonic(), made)
        return known[1]


def _changes(office: Office, found: Definitions) -> list[planning.Change]:
    return planning.changes(
        found.campaigns,
        found.journeys.journeys,
        office.lake,
        found.caps,
        found.verticals.reporting.time_zone,
        office.settings.present(),
    )


def of_journey(office: Office, found: Definitions, asked: Asked, rehearse: bool) -> dict[str, Any]:
    """What the file of a journey changes, what waits for it, and with ``rehearse`` the last 28 days
    as it would have gone."""
    journey = found.journeys.journeys[asked.key]
    facts: dict[str, Any] = {
        "kind": asked.kind,
        "missing": "",
        "version": journey.version,
        "facts": {
            "vertical": journey.vertical or "every one",
            "class": journey.message_class,
            "purpose": journey.purpose,
            "trigger": ", ".join(f"{k}: {v}" for k, v in journey.plain["trigger"].items()),
        },
        "changes": [],
        "stages": [],
        "rehearsed": None,
    }
    stage = Stage.over(office.settings.paths, found)
    try:
        facts["changes"] = [
            vars(one) for one in stage.plan(office.lake) if one.journey == asked.key
        ]
        facts["stages"] = _waterfall(office, JOURNEY, asked.key)
        if rehearse:
            facts["rehearsed"] = _rehearsed(office, stage, asked.key)
    except (NothingPublished, Unanswerable, TookTooLong) as error:
        facts["missing"] = str(error)
    return facts


def _waterfall(office: Office, kind: str, key: str) -> list[dict[str, Any]]:
    """Which gates stopped its intended messages as last published; nothing before."""
    try:
        with reader(office.settings.paths) as connection:
            if not is_published(connection, "why_not_sent"):
                return []
            return dicts(
                connection,
                "select gate, coalesce(any_value(gate_text), '') as text, "
                "coalesce(mode(detail), '') as mostly, "
                "count(*) filter (where is_final) as blocked, "
                "count(*) filter (where not is_final) as held "
                "from marts.why_not_sent where source_kind = $1 and source_key = $2 "
                "group by gate order by count(*) desc, gate",
                [kind, key],
            )
    except NothingPublished:
        return []


def _rehearsed(office: Office, stage: Stage, key: str) -> dict[str, Any]:
    with reader(office.settings.paths) as connection:
        need(connection, "dim_contacts")
    to_on = office.settings.present().date()
    made = stage.backtest(key, to_on - REHEARSED, to_on)
    return {
        "from_on": to_on - REHEARSED,
        "to_on": to_on,
        "entered": sum(day.entered for day in made.days),
        "sends": [{"node": n, "channel": c, "count": k} for n, c, k in made.sends],
        "waiting": [{"node": n, "count": k} for n, k in made.waiting],
        "double_days": made.double_days,
        "to_unsubscribed": made.to_unsubscribed,
    }
