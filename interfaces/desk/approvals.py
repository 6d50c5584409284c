"""What waits for approval, each with its plan and its messages beside it, and the decision."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import yaml

from interfaces.desk import previews, rehearsals
from interfaces.desk.office import Answer, Ask, Office, Refusal, to
from interfaces.desk.sessions import Right
from reverse_etl.campaigns import calendar, deciding, launching, versions
from reverse_etl.campaigns.approving import CannotApprove
from reverse_etl.campaigns.deciding import CAMPAIGN, JOURNEY, WAITING, Asked, Changed
from reverse_etl.content.library import Library
from reverse_etl.journeys import versions as journey_versions
from reverse_etl.publish import NothingPublished, is_published, reader
from workspace import decisions
from workspace.definitions import Definitions
from workspace.ledger import approvals

#: How a campaign stands that nobody decided about, and that sends nothing more.
OVER = "over"
DECISIONS = (approvals.APPROVED, approvals.REJECTED, approvals.WITHDRAWN)
SAID = {
    "approved": "Approved: its messages go out as they stand, from the next run on.",
    "rejected": "Rejected: nothing of it goes out.",
    "withdrawn": "Withdrawn: it waits for approval again.",
    "already": "That was decided already; nothing changed.",
}


@dataclass(frozen=True)
class Row:
    """A line of the list. ``held`` counts the messages that wait for it as last published."""

    kind: str
    key: str
    title: str
    occurrence: str | None
    state: str
    next_at: datetime | None
    held: int


def rows(office: Office) -> list[Row]:
    """Everything that needs an approval, what waits first. Raises
    :class:`~workspace.definitions.DefinitionError`."""
    found = office.definitions()
    with decisions.ledger_of(office.settings) as ledger:
        standing = approvals.standing(ledger)
    with office.library() as library:
        listed = [*_campaigns(office, found, library, standing)]
        listed += _journeys(office, found, library, standing)
    return sorted(listed, key=lambda row: (row.state != WAITING, row.kind, row.key))


def _campaigns(
    office: Office, found: Definitions, library: Library, standing: dict[str, str]
) -> Iterator[Row]:
    at, zone = office.settings.present(), found.verticals.reporting.time_zone
    held, done = _held(office), launching.known(office.lake, at)
    for version in versions.of_files(found.campaigns, office.lake, at):
        key, campaign = version.key, version.campaign
        if campaign.journey is not None or campaign.approval == "none":
            continue
        after = calendar.upcoming(version, done.get(key, {}), found.caps, zone, at)
        waiting = {one: n for (kind, its, one), n in held.items() if (kind, its) == (CAMPAIGN, key)}
        is_each = campaign.approval == "each"
        names = sorted({*waiting, *([after.key] if after else [])}) if is_each else [None]
        for one in names:
            try:
                asked = deciding.of_campaign(office.lake, found, library, key, one, at)
            except CannotApprove:
                continue  # of an occurrence long ago, or without its template
            count = waiting.get(one, 0) if one else sum(waiting.values())
            next_at = after.first if after and one in (None, after.key) else None
            state = asked.state(standing)
            if state == WAITING and next_at is None and not count:
                state = OVER
            yield Row(CAMPAIGN, key, campaign.name, one, state, next_at, count)


def _journeys(
    office: Office, found: Definitions, library: Library, standing: dict[str, str]
) -> Iterator[Row]:
    held = _held(office)
    for key, journey in found.journeys.journeys.items():
        if journey.needs_approval:
            at = office.settings.present()
            asked = deciding.of_journey(office.lake, found, library, key, at)
            count = sum(n for (kind, its, _), n in held.items() if (kind, its) == (JOURNEY, key))
            yield Row(JOURNEY, key, journey.name, None, asked.state(standing), None, count)


def _held(office: Office) -> dict[tuple[str, str, str], int]:
    """Messages that wait for approval as last published, by source and occurrence."""
    try:
        with reader(office.settings.paths) as connection:
            if not is_published(connection, "why_not_sent"):
                return {}
            found = connection.execute(
                "select source_kind, source_key, coalesce(occurrence, ''), count(*) "
                "from marts.why_not_sent where gate = 'approval' and not is_final group by all"
            ).fetchall()
    except NothingPublished:
        return {}
    return {(kind, key, occurrence): count for kind, key, occurrence, count in found}


# ---- pages ---------------------------------------------------------------------------------------


def shown(office: Office, ask: Ask) -> Answer:
    """GET /approvals, and /approvals/KIND/KEY?occurrence=…"""
    if not ask.rest:
        found = office.definitions()
        free = [
            key
            for key, one in found.campaigns.campaigns.items()
            if one.journey is None and one.approval == "none"
        ]
        free += [key for key, one in found.journeys.journeys.items() if not one.needs_approval]
        listed = [vars(row) for row in rows(office)]
        return office.page(ask, "approvals.html", "Approvals", rows=listed, free=sorted(free))
    found = office.definitions()
    with office.library() as library:
        asked = _asked(office, found, library, ask, ask.query.get("occurrence"))
        messages = previews.messages(
            office, ask, found, library, asked.kind, asked.key, [*asked.current]
        )
    with decisions.ledger_of(office.settings) as ledger:
        state = asked.state(approvals.standing(ledger))
        history = approvals.history(ledger, asked.subject)
    plan = (
        rehearsals.of_campaign(office, found, asked)
        if asked.kind == CAMPAIGN
        else rehearsals.of_journey(office, found, asked, "rehearse" in ask.query)
    )
    return office.page(
        ask,
        "approval.html",
        asked.name,
        asked={"kind": asked.kind, "key": asked.key, "occurrence": asked.occurrence or ""},
        digest=asked.digest,
        state=state,
        history=[event._asdict() for event in history],
        plan=plan,
        messages=messages,
        definition=_definition(office, found, asked),
        said=SAID.get(ask.query.get("said", ""), ""),
    )


def decided(office: Office, ask: Ask) -> Answer:
    """POST /approvals/KIND/KEY: the decision about exactly what was shown."""
    ask.needs(Right.DECIDE)
    decision = ask.text("do")
    if decision not in DECISIONS:
        raise Refusal(422, "Approve, reject or withdraw.")
    who = ask.said(ask.text("note"))
    found = office.definitions(is_fresh=True)
    with office.library() as library:
        asked = _asked(office, found, library, ask, ask.text("occurrence") or None)
    try:
        new = deciding.decide(office.settings, asked, decision, who, ask.text("shown"))
    except Changed:
        told = (
            f"{asked.name} or one of its templates changed since it was shown to you. Nothing was "
            "decided. Look at it again."
        )
        raise Refusal(409, told) from None
    occurrence = f"occurrence={asked.occurrence}&" if asked.occurrence else ""
    return to(
        f"approvals/{asked.kind}/{asked.key}?{occurrence}said={decision if new else 'already'}"
    )


def _asked(
    office: Office, found: Definitions, library: Library, ask: Ask, occurrence: str | None
) -> Asked:
    at = office.settings.present()
    try:
        match ask.rest:
            case ("campaign", key) if key in found.campaigns.campaigns:
                return deciding.of_campaign(office.lake, found, library, key, occurrence, at)
            case ("journey", key) if key in found.journeys.journeys:
                return deciding.of_journey(office.lake, found, library, key, at)
    except CannotApprove as error:
        raise Refusal(422, f"{ask.rest[1]}: {error}.") from None
    raise Refusal(404, "There is no such campaign or journey.")


def _definition(office: Office, found: Definitions, asked: Asked) -> dict[str, Any]:
    """The definition as text, and how it differs from the one that ran last."""
    at = office.settings.present()
    before: dict[str, Any] | None = None
    if asked.kind == CAMPAIGN:
        plain = found.campaigns.campaigns[asked.key].plain
        ran = versions.all_of(office.lake, asked.key, at)
        before = ran[0].plain if ran else None
    else:
        plain = found.journeys.journeys[asked.key].plain
        known = [
            row for row in journey_versions.history(office.lake, at) if row["journey"] == asked.key
        ]
        before = yaml.safe_load(known[-1]["definition"]) if known else None
    diff = _difference(before, plain) if before is not None else ""
    return {"text": _yaml(plain), "is_new": before is None, "diff": diff}


def _difference(before: dict[str, Any], after: dict[str, Any]) -> str:
    """In one order of keys: the record of versions does not keep the file's."""
    old, new = (_yaml(plain, sort=True).splitlines() for plain in (before, after))
    return "\n".join(difflib.unified_diff(old, new, "ran last", "file", n=2, lineterm=""))


def _yaml(plain: dict[str, Any], sort: bool = False) -> str:
    return yaml.safe_dump(plain, sort_keys=sort, allow_unicode=True, width=88)
