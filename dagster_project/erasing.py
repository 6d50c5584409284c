"""Erasure with what it needs of every wing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date
from ipaddress import ip_network
from pathlib import Path

from ingestion import accounts, redaction
from reverse_etl.audiences import registry
from reverse_etl.audiences.crm import open_hub
from reverse_etl.audiences.hubspot_client import TOKEN, Hub
from reverse_etl.privacy import erasing, retention
from reverse_etl.privacy import replay as replaying
from reverse_etl.privacy.counted import Counted
from reverse_etl.privacy.erasing import Desk, Outcome
from reverse_etl.privacy.retention import Due
from reverse_etl.privacy.stand_ins import StandIns
from reverse_etl.privacy.subjects import resolve
from reverse_etl.publish import NothingPublished, postgres
from workspace import clock, definitions
from workspace import settings as environment
from workspace.definitions import Definitions
from workspace.identifiers import Keyring
from workspace.lake import Lake
from workspace.ledger import open_ledger
from workspace.locks import run_lock
from workspace.settings import Settings


@dataclass(frozen=True)
class Landing:
    """Landed files, as `reverse_etl.privacy.erasing` asks for them."""

    root: Path
    lake: Lake
    keyring: Keyring

    def redact(self, stand_ins: StandIns, lines: Mapping[str, frozenset[int]]) -> Mapping[str, int]:
        found = redaction.redact(self.root, self.lake, self.keyring, stand_ins, lines)
        if found.unread:
            raise RuntimeError(f"landed files that cannot be read: {', '.join(found.unread)}")
        return {"files": found.files, "lines": found.lines, "mended": found.mended}

    def recount(self) -> None:
        accounts.recount(self.lake)


@contextmanager
def desk(settings: Settings, told: Callable[[str], object] = lambda step: None) -> Iterator[Desk]:
    """What an erasure works with, for the block; ``privacy.yml`` says whether rows stay."""
    given = definitions.load(settings.definitions)
    with _looking(settings) as found:
        yield replace(
            found,
            residual=given.privacy.erasure.residual,
            counted=_counted(given),
            hub=_hub(settings),
            postgres=_postgres(),
            told=told,
        )


@contextmanager
def _looking(settings: Settings) -> Iterator[Desk]:
    """Enough to see whether anything is to be done, whatever the definitions are."""
    lake = Lake(settings.paths.lake)
    ledger = open_ledger(settings.ledger_url)
    try:
        yield Desk(
            paths=settings.paths,
            lake=lake,
            ledger=ledger,
            keyring=settings.keyring,
            witnesses=environment.witness_root(),
            landing=Landing(settings.paths.landing, lake, settings.keyring),
            now=settings.present,
            actor=environment.actor(),
        )
    finally:
        ledger.close()


def _counted(given: Definitions) -> Counted:
    """Dates of stages that funnels are counted by, what names a campaign or a declared partner,
    and what shows a machine (`actors.yml`)."""
    stages = {
        entry.source.property
        for vertical in given.verticals.verticals.values()
        for entry in vertical.funnel
        if entry.source.object == "contact" and entry.source.property
    }
    partners = {row.key for row in given.partners.rows() if row.collection == "partner_names"}
    return Counted(
        frozenset({*stages, *given.performance.lead_detail_properties}),
        {given.partners.crm_property: frozenset({*partners, *given.partners.partners})},
        tuple(re.compile(text) for rule in given.actors.agents for text in rule.patterns if text),
        tuple(ip_network(text) for rule in given.actors.networks for text in rule.ranges),
    )


def _hub(settings: Settings) -> Hub | None:
    """The CRM, where it is connected; a demo workspace asks stand-ins alone."""
    here = environment.sources_are_stand_ins()
    values = environment.variables(registry.variables())
    if TOKEN not in values or (settings.paths.default_as_of.exists() and not here):
        return None
    return open_hub(registry.Desk(values, here))


def _postgres() -> str | None:
    """The address that versions are published to. One that cannot be used is none: an erasure that
    has to ask there then waits, and says for what."""
    try:
        return environment.publish_postgres()
    except environment.SettingsError:
        return None


def replay(settings: Settings) -> int:
    """Go on with erasures that were begun, and erase again whom an older copy brought back; how
    many batches. Nothing runs, sends or is served before. Costs little where there is nothing."""
    if not settings.paths.ledger.exists() and settings.ledger_url.startswith("sqlite"):
        return 0
    with _looking(settings) as found:
        if not erasing.is_begun(found) and not replaying.due(found):
            return 0
    with desk(settings) as opened, run_lock(settings.paths.run_lock, 600.0, "erase"):
        return len(replaying.replay(opened))


def conclude(settings: Settings) -> list[Outcome]:
    """Prove that those who were to be erased are gone, and sign it. A Postgres that is published
    to is brought to the version without them first."""
    with _looking(settings) as found:
        if not erasing.is_begun(found):
            return []
    with desk(settings) as opened, run_lock(settings.paths.run_lock, 600.0, "erase"):
        if opened.postgres is not None:
            with suppress(postgres.PostgresFault, NothingPublished):  # it then waits, and says why
                postgres.load(settings.paths, opened.postgres, clock.now())
        return [erasing.finish(opened, work) for work in erasing.unfinished(opened)]


def retention_due(settings: Settings) -> list[Due]:
    """What is due by ``privacy.yml`` at the workspace's present.

    Raises :class:`~reverse_etl.publish.NothingPublished`.
    """
    given = definitions.load(settings.definitions)
    as_of, lake = settings.present(), Lake(settings.paths.lake)
    people = _people_due(settings, given)
    before = retention.rejected_before(given.privacy, as_of)
    logs = list(retention.expired_logs(settings.paths, given.privacy, clock.now()))
    return [
        Due("contacts", len(people), people[0][1] if people else None),
        Due("rejected rows", retention.count_rejected(lake, before) if before else 0),
        Due("records of runs", len(logs)),
    ]


def retained(settings: Settings) -> int:
    """End what is due; how many people's erasure was begun, which :func:`conclude` signs."""
    given = definitions.load(settings.definitions)
    people = [contact for contact, _ in _people_due(settings, given)]
    with desk(settings) as opened, run_lock(settings.paths.run_lock, 600.0, "retain"):
        before = retention.rejected_before(given.privacy, settings.present())
        if before is not None and retention.delete_rejected(opened.lake, before):
            opened.landing.recount()
        for path in retention.expired_logs(settings.paths, given.privacy, clock.now()):
            retention.remove(path)
        if people:
            found = resolve(opened.paths, opened.lake, opened.ledger, opened.keyring, people)
            erasing.begin(opened, found, retention.REASON)
        for work in erasing.unfinished(opened):
            erasing.work_off(opened, work)
    return len(people)


def _people_due(settings: Settings, given: Definitions) -> list[tuple[str, date]]:
    zone = given.verticals.reporting.time_zone
    return retention.contacts(settings.paths, given.privacy, settings.present(), zone)
