"""What marketing people edit in `marketing/`: loaded, validated, turned into rows.

Every definition is a Pydantic model; a fault names the file, the line and the field. The rows
become the lake stream ``parameters`` (`store`), which is how thresholds and names reach dbt.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from workspace.definitions.accounts import Accounts
from workspace.definitions.actions import Actions
from workspace.definitions.actors import Actors
from workspace.definitions.anomalies import Anomalies
from workspace.definitions.attribution import Attribution
from workspace.definitions.audiences import Audiences
from workspace.definitions.campaign_files import Known, load_campaigns
from workspace.definitions.campaigns import Campaigns
from workspace.definitions.caps import Caps
from workspace.definitions.channels import Channels
from workspace.definitions.consent import Consent
from workspace.definitions.content import Content
from workspace.definitions.content_calendar import ContentCalendar
from workspace.definitions.controls import Controls
from workspace.definitions.experiment_files import load_experiments
from workspace.definitions.experiments import Experiments
from workspace.definitions.features import Features
from workspace.definitions.freshness import DEFAULT, Freshness
from workspace.definitions.identity import Identity
from workspace.definitions.journey_files import load_journeys
from workspace.definitions.journey_nodes import AddToAudience
from workspace.definitions.journeys import Journeys, switched
from workspace.definitions.market import Market, Paths
from workspace.definitions.models import Models, load_models
from workspace.definitions.partners import Partners
from workspace.definitions.performance import Performance
from workspace.definitions.personas import Personas
from workspace.definitions.privacy import Privacy
from workspace.definitions.providers import Providers
from workspace.definitions.reading import DefinitionError, Row, Strict, nearest, read
from workspace.definitions.scoring import Scoring
from workspace.definitions.segment_fields import Fields
from workspace.definitions.segment_files import load_segments
from workspace.definitions.segments import Segments
from workspace.definitions.store import in_force, store
from workspace.definitions.target_accounts import TargetAccounts, read_csv
from workspace.definitions.targets import COMPANY, Targets
from workspace.definitions.templates import Template, load_templates
from workspace.definitions.touchpoints import Touchpoints
from workspace.definitions.unprofiled import unprofiled
from workspace.definitions.verticals import Verticals
from workspace.paths import PROJECT

FRESHNESS = "freshness.yml"

__all__ = ["DefinitionError", "Definitions", "Row", "in_force", "load", "nearest", "store"]


@dataclass(frozen=True)
class Definitions:
    """The definitions of one folder."""

    folder: Path
    verticals: Verticals
    targets: Targets
    freshness: Freshness
    consent: Consent
    controls: Controls
    identity: Identity
    performance: Performance
    partners: Partners
    content_calendar: ContentCalendar
    channels: Channels
    actors: Actors
    accounts: Accounts
    target_accounts: TargetAccounts
    market: Market
    paths: Paths
    touchpoints: Touchpoints
    scoring: Scoring
    content: Content
    personas: Personas
    features: Features
    fields: Fields
    segments: Segments
    journeys: Journeys
    campaigns: Campaigns
    experiments: Experiments
    attribution: Attribution
    anomalies: Anomalies
    caps: Caps
    providers: Providers
    audiences: Audiences
    privacy: Privacy
    models: Models
    actions: Actions

    @property
    def journeys_in_use(self) -> Journeys:
        """The journeys that take people in, by the switch for automated actions."""
        return switched(self.journeys, self.models.automated_actions.enabled)

    def check_sources(self, known: Collection[str]) -> None:
        """Raises :class:`DefinitionError` where a source is named that is not known.

        The names are a parameter, since the sources are no part of `workspace`.
        """
        path = self.folder / FRESHNESS
        faults = [
            f"{path}:{_line_of(path, f'{name}:')}: sources.{name}: no source {name!r}"
            f"{nearest(name, known)}"
            for name in self.freshness.sources
            if name not in known and name != DEFAULT
        ]
        if faults:
            raise DefinitionError(faults)

    def rows(self) -> dict[str, list[Row]]:
        """Definition name -> its parameters."""
        base_currency = self.verticals.reporting.base_currency
        return {
            "verticals": list(self.verticals.rows()),
            "targets": list(self.targets.rows(base_currency)),
            "identity": list(self.identity.rows()),
            "performance": list(self.performance.rows()),
            "partners": list(self.partners.rows()),
            "content_calendar": list(self.content_calendar.rows()),
            "channels": list(self.channels.rows()),
            "actors": list(self.actors.rows()),
            "accounts": [*self.accounts.rows(), *self.target_accounts.rows()],
            "market": [*self.market.rows(), *self.paths.rows()],
            "touchpoints": list(self.touchpoints.rows()),
            "scoring": list(self.scoring.rows()),
            "content": list(self.content.rows()),
            "personas": list(self.personas.rows()),
            "features": list(self.features.rows()),
            "attribution": list(self.attribution.rows(self.verticals)),
            "anomalies": list(self.anomalies.rows()),
            "consent": list(self.consent.rows()),
            "controls": list(self.controls.rows()),
            "fields": list(self.fields.rows()),
            "caps": list(self.caps.rows()),
            "providers": list(self.providers.rows()),
            "experiments": list(self.experiments.rows()),
            "audiences": list(self.audiences.rows()),
            "privacy": list(self.privacy.rows()),
            "models": list(self.models.rows()),
            "actions": list(self.actions.rows()),
        }


def load(folder: Path) -> Definitions:
    """Read and validate ``verticals.yml`` and, where they are there, the other definitions.

    A file that is missing means its defaults; without ``channels.yml``, ``actors.yml``,
    ``touchpoints.yml``, ``scoring.yml`` or ``caps.yml`` the project's own are taken, since most of
    them holds for anyone. Raises :class:`DefinitionError`.
    """
    verticals = read(folder / "verticals.yml", Verticals)
    path = folder / "targets.yml"
    targets = _given(path, Targets)
    known = {*verticals.verticals, COMPANY}
    faults = [
        f"{path}:{_line_of(path, f'scope: {scope}')}: scope: no vertical {scope!r} in verticals.yml"
        f"{nearest(scope, known)}"
        for scope in sorted(targets.scopes() - known)
    ]
    if faults:
        raise DefinitionError(faults)
    performance = _of_verticals(folder / "performance.yml", Performance, verticals)
    partners = _of_verticals(folder / "partners.yml", Partners, verticals)
    calendar = _of_verticals(folder / "content_calendar.yml", ContentCalendar, verticals)
    path = _own_or_shipped(folder, "channels.yml")
    channels = read(path, Channels)
    faults = [
        f"{path}:{_line_of(path, f'id: {rule},')}: rules.{rule}.{field}: {fault}"
        for rule, field, fault in channels.faults()
    ]
    if faults:
        raise DefinitionError(faults)
    path = folder / "target_accounts.csv"
    target_accounts = read_csv(path) if path.exists() else TargetAccounts()
    market = _of_verticals(folder / "market.yml", Market, verticals)
    paths = _of_verticals(folder / "paths.yml", Paths, verticals)
    _check_steps(folder / "paths.yml", paths, verticals)
    personas = _of_verticals(folder / "personas.yml", Personas, verticals)
    fields = _given(folder / "fields.yml", Fields)
    consent = _given(folder / "consent.yml", Consent)
    segments = unprofiled(load_segments(folder, fields, verticals.verticals), consent)
    scoring = read(_own_or_shipped(folder, "scoring.yml"), Scoring)
    caps = _caps(folder, scoring)
    templates = load_templates(folder, verticals.verticals, consent)
    _check_confirmations(folder / "consent.yml", verticals, templates)
    journeys = load_journeys(
        folder, fields, segments.segments, verticals.verticals, consent, templates
    )
    may_name = Known(
        segments.segments, verticals.verticals, consent, caps, templates, journeys.journeys
    )
    campaigns = load_campaigns(folder, may_name)
    return Definitions(
        folder=folder,
        verticals=verticals,
        targets=targets,
        freshness=_given(folder / FRESHNESS, Freshness),
        consent=consent,
        controls=_given(folder / "controls.yml", Controls),
        identity=_given(folder / "identity.yml", Identity),
        performance=performance,
        partners=partners,
        content_calendar=calendar,
        channels=channels,
        actors=read(_own_or_shipped(folder, "actors.yml"), Actors),
        accounts=_given(folder / "accounts.yml", Accounts),
        target_accounts=target_accounts,
        market=market,
        paths=paths,
        content=_given(folder / "content.yml", Content),
        personas=personas,
        features=_given(folder / "features.yml", Features),
        touchpoints=read(_own_or_shipped(folder, "touchpoints.yml"), Touchpoints),
        scoring=scoring,
        fields=fields,
        segments=segments,
        journeys=journeys,
        campaigns=campaigns,
        experiments=load_experiments(folder, may_name, campaigns.campaigns),
        attribution=_of_verticals(folder / "attribution.yml", Attribution, verticals),
        anomalies=_of_verticals(folder / "anomalies.yml", Anomalies, verticals),
        caps=caps,
        providers=_providers(folder),
        audiences=_audiences(folder, segments, verticals, consent, journeys),
        privacy=_privacy(folder, consent, verticals),
        models=load_models(folder),
        actions=_actions(folder, may_name, campaigns),
    )


Optional = TypeVar("Optional", bound=Strict)


def _given(path: Path, model: type[Optional]) -> Optional:
    return read(path, model) if path.exists() else model()


def _own_or_shipped(folder: Path, name: str) -> Path:
    return folder / name if (folder / name).exists() else PROJECT / "marketing" / name


def _providers(folder: Path) -> Providers:
    path = folder / "providers.yml"
    return read(path, Providers, lambda found: found.faults()) if path.exists() else Providers()


def _actions(folder: Path, known: Known, campaigns: Campaigns) -> Actions:
    path = folder / "actions.yml"
    if not path.exists():
        return Actions()
    names = (known.verticals, known.segments, known.consent, campaigns.campaigns, known.templates)
    return read(path, Actions, lambda its: its.faults(*names))


def _privacy(folder: Path, consent: Consent, verticals: Verticals) -> Privacy:
    path = folder / "privacy.yml"
    if not path.exists():
        return Privacy()
    return read(path, Privacy, lambda its: its.faults(consent.purposes, verticals.verticals))


def _caps(folder: Path, scoring: Scoring) -> Caps:
    """Bands are held to those of ``scoring.yml`` where the file is the folder's own."""
    path = _own_or_shipped(folder, "caps.yml")
    if path.parent != folder:
        return read(path, Caps)
    bands = [band.band for band in scoring.lead.bands]
    return read(path, Caps, lambda caps: caps.faults(bands))


def _audiences(
    folder: Path, segments: Segments, verticals: Verticals, consent: Consent, journeys: Journeys
) -> Audiences:
    path = folder / "audiences.yml"
    known = (segments.segments, verticals.verticals, consent)
    found = read(path, Audiences, lambda a: a.faults(*known)) if path.exists() else Audiences()
    faults = []
    for key, journey in journeys.journeys.items():
        for name, node in journey.nodes.items():
            if isinstance(node, AddToAudience) and node.audience not in found.audiences:
                file = folder / "journeys" / f"{key}.yml"
                near = nearest(node.audience, found.audiences)
                faults.append(
                    f"{file}:{_line_of(file, node.audience)}: nodes.{name}.audience: "
                    f"no audience {node.audience!r} in audiences.yml{near}"
                )
    if faults:
        raise DefinitionError(faults)
    return found


def _check_confirmations(
    path: Path, verticals: Verticals, templates: Mapping[str, Template]
) -> None:
    """Requests for consent are confirmed by templates that there are, and that have the link."""
    if path.exists():
        read(path, Consent, lambda found: found.template_faults(verticals.verticals, templates))


def _check_steps(path: Path, paths: Paths, verticals: Verticals) -> None:
    """Steps lead from and to stages of their vertical's funnel."""
    faults = []
    for vertical, steps in paths.paths.items():
        stages = [stage.stage for stage in verticals.verticals[vertical].funnel]
        for step in steps:
            line = _line_of(path, f"from: {step.from_}, to: {step.to}")
            faults += [
                f"{path}:{line}: paths.{vertical}: no stage {stage!r} in its funnel"
                f"{nearest(stage, stages)}"
                for stage in (step.from_, step.to)
                if stage not in stages
            ]
    if faults:
        raise DefinitionError(faults)


Scoped = TypeVar(
    "Scoped",
    Performance,
    Partners,
    ContentCalendar,
    Market,
    Paths,
    Personas,
    Attribution,
    Anomalies,
)


def _of_verticals(path: Path, model: type[Scoped], verticals: Verticals) -> Scoped:
    """A definition that names verticals, each of which must be in ``verticals.yml``."""
    found = _given(path, model)
    faults = [
        f"{path}:{_line_of(path, scope)}: vertical: no vertical {scope!r} in verticals.yml"
        f"{nearest(scope, verticals.verticals)}"
        for scope in sorted(found.scopes() - set(verticals.verticals))
    ]
    if faults:
        raise DefinitionError(faults)
    return found


def _line_of(path: Path, text: str) -> int:
    """The first line that holds a text."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return next((n for n, line in enumerate(lines, 1) if text in line), 1)
