"""What is held back by hand, and holding back: a campaign, a journey, everything."""

from __future__ import annotations

from interfaces.desk.office import Answer, Ask, Office, Refusal, to
from interfaces.desk.sessions import Right
from reverse_etl.campaigns import holding, versions
from reverse_etl.journeys import versions as journey_versions
from workspace import decisions
from workspace.definitions import DefinitionError
from workspace.ledger import audit, pauses

SAID = {
    "pause": "Held back, from the next message on.",
    "resume": "Its messages go again that are still in time.",
    "already": "It stood so already; nothing changed.",
}


def shown(office: Office, ask: Ask) -> Answer:
    """GET /pauses. It does without the definitions: what ran can be paused whatever they say."""
    with decisions.ledger_of(office.settings) as ledger:
        held = pauses.held(ledger)
    campaigns, journeys, faults = _known(office)
    return office.page(
        ask,
        "pauses.html",
        "Pauses and stop",
        held=[one._asdict() for one in held],
        is_stopped=any(one.scope == pauses.ALL for one in held),
        campaigns=campaigns,
        journeys=journeys,
        faults=faults,
        said=SAID.get(ask.query.get("said", ""), ""),
    )


def done(office: Office, ask: Ask) -> Answer:
    """POST /pauses"""
    event, (kind, _, key) = ask.text("do"), ask.text("what").partition(":")
    if event not in ("pause", "resume"):
        raise Refusal(422, "Pause or resume.")
    if event == "resume":
        ask.needs(Right.RESUME)
    reason = ask.text("reason")
    if not reason:
        raise Refusal(422, "Say why, for the record. Nothing was done.")
    if kind == pauses.ALL:
        ask.needs(Right.STOP_ALL)
        scope, key = pauses.ALL, ""
    elif event == "resume":
        scope = kind  # as it stands in the list
    else:
        scope, key = _scope(office, kind, key)
    try:
        new, _ = decisions.hold(office.settings, scope, key, event, ask.said(reason))
    except pauses.Stopped as error:
        raise Refusal(409, f"{error}. Nothing was done.") from None
    except audit.Refused:
        raise
    except ValueError:
        raise Refusal(422, "Choose a campaign or a journey.") from None
    return to(f"pauses?said={event if new else 'already'}")


def _scope(office: Office, kind: str, key: str) -> tuple[str, str]:
    def none(known: dict) -> object:
        if key not in known:
            raise Refusal(422, "Choose a campaign or a journey.")
        return known[key]

    at = office.settings.present()
    if kind == "campaign":
        files = lambda: none(office.definitions().campaigns.campaigns)  # noqa: E731
        return holding.of_campaign(office.lake, key, at, files)
    if kind == "journey":
        return holding.of_journey(
            office.lake, key, at, lambda: none(office.definitions().journeys.journeys)
        )
    raise Refusal(422, "Choose a campaign or a journey.")


def _known(office: Office) -> tuple[list[str], list[str], str]:
    """Campaigns and journeys that ran, or whose files stand; and what is wrong with the files."""
    at, faults = office.settings.present(), ""
    campaigns = {one.key for one in versions.in_force(office.lake, at)}
    journeys = {row["journey"] for row in journey_versions.history(office.lake, at)}
    try:
        found = office.definitions()
        campaigns |= found.campaigns.campaigns.keys()
        journeys |= found.journeys.journeys.keys()
    except DefinitionError as error:
        faults = str(error)
    return sorted(campaigns), sorted(journeys), faults
