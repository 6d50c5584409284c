"""What has to be approved before a campaign or journey may go out: its definition with the version
of each template, so that nobody approves what is changed afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from reverse_etl.content.library import Library
from workspace.definitions import nearest
from workspace.definitions.campaigns import Campaign
from workspace.definitions.experiments import Experiments
from workspace.definitions.journey_nodes import Send
from workspace.definitions.journeys import Journey
from workspace.ledger.approvals import subject_hash

#: Occurrences that may be approved lie so near.
_BEFORE, _AHEAD = timedelta(days=60), timedelta(days=400)


class CannotApprove(ValueError):
    """There is nothing to approve, or not in this way; the message says why."""


def definition_of(key: str, campaign: Campaign, occurrence: str) -> str | None:
    """What is approved of one occurrence; None where it needs no approval."""
    if campaign.approval == "none":
        return None
    whole = f"campaign:{key}:{campaign.hash}"
    return whole if campaign.approval == "once" else f"{whole}:{occurrence}"


def definition_of_journey(key: str, journey: Journey) -> str | None:
    """What is approved of a journey's messages; None where they need no approval."""
    return f"journey:{key}:{journey.hash}" if journey.needs_approval else None


def variants_of(experiments: Experiments, kind: str, key: str) -> list[str]:
    """The templates that experiments about a campaign or journey send in place of its own."""
    return [
        arm.template
        for experiment in experiments.experiments.values()
        if experiment.source == (kind, key)
        for arm in experiment.variants.values()
        if arm.template is not None
    ]


def of_campaign(
    key: str,
    campaign: Campaign,
    library: Library,
    occurrence: str | None,
    today: date,
    templates: Iterable[str] = (),
    earlier: Iterable[Campaign] = (),
) -> list[str]:
    """The hashes to approve; ``templates`` are those of its variants, ``earlier`` the versions of
    which messages may wait still. Raises :class:`CannotApprove`."""
    if campaign.journey is not None:
        raise CannotApprove(
            f"its messages are those of journey {campaign.journey}; use: "
            f"marketing journeys approve {campaign.journey}"
        )
    if campaign.approval == "none":
        raise CannotApprove("it needs no approval (approval: none)")
    if campaign.approval == "each":
        _check_occurrence(campaign, occurrence, today)
    elif occurrence is not None:
        raise CannotApprove("it is approved as a whole, so there is no --occurrence to give")
    found: dict[str, list[str]] = {}
    for version in (campaign, *earlier):
        definition = definition_of(key, version, occurrence or "")
        if definition is not None and version.template is not None:
            found.setdefault(definition, []).append(version.template)
    return _hashes(
        {name: [*own, *templates] for name, own in found.items()}, library, campaign.template
    )


def of_journey(
    key: str,
    journey: Journey,
    library: Library,
    templates: Iterable[str] = (),
    earlier: Iterable[Journey] = (),
) -> list[str]:
    """The hashes to approve, of the versions that people may be in, too. Raises
    :class:`CannotApprove`."""
    if not journey.needs_approval:
        raise CannotApprove("it needs no approval (needs_approval: true would)")
    found: dict[str, list[str]] = {}
    for version in (journey, *earlier):
        definition = definition_of_journey(key, version)
        sends = [node.template for node in version.nodes.values() if isinstance(node, Send)]
        if definition is not None:
            found.setdefault(definition, []).extend([*sends, *templates])
    return _hashes(found, library)


def _check_occurrence(campaign: Campaign, occurrence: str | None, today: date) -> None:
    assert campaign.schedule is not None
    known = [key for key, _ in campaign.schedule.occurrences(today - _BEFORE, today + _AHEAD)]
    if occurrence is None:
        after = [key for key, at in campaign.schedule.occurrences(today, today + _AHEAD)][:1]
        such = f", such as {after[0]}" if after else ""
        raise CannotApprove(f"each occurrence is approved by itself: give --occurrence{such}")
    if occurrence not in known:
        raise CannotApprove(f"no occurrence {occurrence!r}{nearest(occurrence, known)}")


def _hashes(
    templates: Mapping[str, Iterable[str]], library: Library, needed: str | None = None
) -> list[str]:
    """Of each definition with each template. One that is gone is a fault where it is ``needed``:
    messages of earlier versions are refused without it."""
    if needed is not None and needed not in library.entries:
        raise CannotApprove(f"there is no template {needed!r}{nearest(needed, library.entries)}")
    return [
        subject_hash(definition, template, library.entries[template].version)
        for definition, names in templates.items()
        for template in dict.fromkeys(names)
        if template in library.entries
    ]
