"""What has to be approved before a campaign or journey may go out: its definition with the version
of each template, so that nobody approves what is changed afterwards."""

from __future__ import annotations

from collections.abc import Iterable

from reverse_etl.content.library import Library
from workspace.definitions import nearest
from workspace.definitions.campaigns import Campaign
from workspace.definitions.journey_nodes import Send
from workspace.definitions.journeys import Journey
from workspace.ledger.approvals import subject_hash


class CannotApprove(ValueError):
    """There is nothing to approve, or not in this way; the message says why."""


def definition_of(campaign: Campaign, occurrence: str) -> str | None:
    """What is approved of one occurrence; None where it needs no approval."""
    if campaign.approval == "none":
        return None
    return campaign.hash if campaign.approval == "once" else f"{campaign.hash}:{occurrence}"


def of_campaign(
    campaign: Campaign, library: Library, occurrence: str | None, templates: Iterable[str] = ()
) -> list[str]:
    """The hashes to approve; ``templates`` are those of its variants. Raises
    :class:`CannotApprove`."""
    if campaign.journey is not None:
        raise CannotApprove(
            f"its messages are those of journey {campaign.journey}; use: "
            f"marketing journeys approve {campaign.journey}"
        )
    if campaign.approval == "each" and occurrence is None:
        raise CannotApprove("each occurrence is approved by itself: give --occurrence")
    if campaign.approval == "once" and occurrence is not None:
        raise CannotApprove("it is approved as a whole, so there is no --occurrence to give")
    definition = definition_of(campaign, occurrence or "")
    if definition is None:
        raise CannotApprove("it needs no approval (approval: none)")
    assert campaign.template is not None
    return _hashes(definition, [campaign.template, *templates], library)


def of_journey(journey: Journey, library: Library, templates: Iterable[str] = ()) -> list[str]:
    """The hashes to approve. Raises :class:`CannotApprove`."""
    if not journey.needs_approval:
        raise CannotApprove("it needs no approval (needs_approval: true would)")
    sends = [node.template for node in journey.nodes.values() if isinstance(node, Send)]
    return _hashes(journey.hash, [*sends, *templates], library)


def _hashes(definition: str, templates: Iterable[str], library: Library) -> list[str]:
    found = []
    for template in dict.fromkeys(templates):
        if template not in library.entries:
            near = nearest(template, library.entries)
            raise CannotApprove(f"there is no template {template!r}{near}")
        found.append(subject_hash(definition, template, library.entries[template].version))
    return found
