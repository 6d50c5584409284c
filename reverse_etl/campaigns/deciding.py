"""The approval of a campaign or journey: what is asked, how it stands, and what is decided."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from reverse_etl.campaigns import approving, versions
from reverse_etl.campaigns.approving import CannotApprove
from reverse_etl.content.library import Library
from reverse_etl.journeys import versions as journey_versions
from workspace import decisions
from workspace.decisions import Said
from workspace.definitions import Definitions, nearest
from workspace.definitions.journey_nodes import Send
from workspace.definitions.journeys import Journey
from workspace.lake import Lake
from workspace.ledger import approvals, audit
from workspace.settings import Settings

CAMPAIGN, JOURNEY = "campaign", "journey"
#: How something stands that needs an approval and has not got it.
WAITING = "waiting"


class Changed(ValueError):
    """What is to be decided is not what was shown."""


@dataclass(frozen=True)
class Asked:
    """What a decision is about. ``hashes`` are of all versions of which messages may wait, and
    ``current`` those of them that the files as they stand make, by template."""

    kind: str
    key: str
    occurrence: str | None
    hashes: tuple[str, ...]
    current: Mapping[str, str]

    @property
    def name(self) -> str:
        return f"{self.key} {self.occurrence}" if self.occurrence else self.key

    @property
    def subject(self) -> str:
        return f"{self.kind}:{self.name}"

    @property
    def digest(self) -> str:
        """One digest of everything that the decision is about."""
        found = audit.digest([self.subject, sorted(self.hashes)])
        assert found is not None
        return found

    def state(self, standing: Mapping[str, str]) -> str:
        """approved, rejected or waiting, by the last decision about each hash of the files."""
        said = {standing.get(one) for one in self.current.values()}
        if approvals.REJECTED in said:
            return approvals.REJECTED
        return approvals.APPROVED if said == {approvals.APPROVED} else WAITING


def of_campaign(
    lake: Lake,
    found: Definitions,
    library: Library,
    key: str,
    occurrence: str | None,
    at: datetime,
) -> Asked:
    """What is asked about a campaign, or one occurrence of it. Raises :class:`CannotApprove`."""
    campaigns = found.campaigns.campaigns
    if key not in campaigns:
        raise CannotApprove(f"no campaign {key!r}{nearest(key, campaigns)}")
    campaign = campaigns[key]
    variants = approving.variants_of(found.experiments, CAMPAIGN, key)
    given = (key, campaign, library, occurrence, at.date(), variants)
    hashes = approving.of_campaign(*given, versions.all_of(lake, key, at))
    definition = approving.definition_of(key, campaign, occurrence or "")
    templates = [campaign.template, *variants] if campaign.template else variants
    current = _current(definition, templates, library)
    return Asked(CAMPAIGN, key, occurrence, tuple(hashes), current)


def of_journey(lake: Lake, found: Definitions, library: Library, key: str, at: datetime) -> Asked:
    """What is asked about a journey. Raises :class:`CannotApprove`."""
    journeys = found.journeys.journeys
    if key not in journeys:
        raise CannotApprove(f"no journey {key!r}{nearest(key, journeys)}")
    journey = journeys[key]
    earlier = [
        Journey.model_validate_json(row["definition"])
        for row in journey_versions.history(lake, at)
        if row["journey"] == key
    ]
    variants = approving.variants_of(found.experiments, JOURNEY, key)
    hashes = approving.of_journey(key, journey, library, variants, earlier)
    definition = approving.definition_of_journey(key, journey)
    sends = [node.template for node in journey.nodes.values() if isinstance(node, Send)]
    return Asked(
        JOURNEY, key, None, tuple(hashes), _current(definition, [*sends, *variants], library)
    )


def _current(definition: str | None, templates: list[str], library: Library) -> dict[str, str]:
    return {
        template: approvals.subject_hash(
            definition or "", template, library.entries[template].version
        )
        for template in dict.fromkeys(templates)
        if template in library.entries
    }


def decide(
    settings: Settings, asked: Asked, decision: str, who: Said, shown: str | None = None
) -> int:
    """Record a decision; how many hashes it changes something for, 0 where it stood so already.

    ``shown`` is the :attr:`Asked.digest` that whoever decides looked at: raises :class:`Changed`
    where it is another one.
    """
    if shown is not None and not hmac.compare_digest(shown.encode(), asked.digest.encode()):
        raise Changed(f"{asked.name} changed since it was shown; nothing is decided")
    with decisions.ledger_of(settings) as ledger:
        at = settings.present()
        return approvals.record(
            ledger, asked.subject, asked.hashes, decision, who.actor, at, who.reason
        )
