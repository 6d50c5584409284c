"""What an alert about a check is called, and which page of the control room shows more of it.

A new folder of models, or a new asset with checks that is no model, needs a line here: a test
says so. Checks that have no line of their own are shown on the page of their asset.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import NamedTuple

from dagster_project import translation
from dagster_project.assets.anomalies import USUAL
from dagster_project.assets.delivery import KEYS_HOLD, SETTLED
from dagster_project.assets.lake import FRESH
from dagster_project.assets.learning import NO_DRIFT
from dagster_project.assets.sources import ANSWERED, RECENT
from dagster_project.translation import Manifest
from workspace.alerts import Kind, Seen


class Place(NamedTuple):
    """``page`` is a key of `reverse_etl/control_room/pages`, ``figure`` one on it."""

    kind: Kind
    page: str
    figure: str | None = None


_CONTROLS = Place(Kind.CONSENT, "consent", "controls")
#: By the check's name. A test of dbt has the name that its YAML gives it.
CHECKS = {
    USUAL: Place(Kind.ANOMALY, "data", "anomalies"),
    "no_segment_is_stale": Place(Kind.STALE_SEGMENT, "segments", "sizes"),
    FRESH: Place(Kind.MISSED_FRESHNESS, "data", "sources"),
    RECENT: Place(Kind.MISSED_FRESHNESS, "data", "sources"),
    "no_more_than_one_message_in_a_thousand_failed": Place(
        Kind.FAILED_DELIVERIES, "delivery", "reasons"
    ),
    "no_marketing_message_was_sent_without_consent": _CONTROLS,
    "no_proof_says_something_else_than_it_did": _CONTROLS,
    "no_control_of_the_compliance_report_failed": Place(
        Kind.CONSENT, "consent", "controls_by_month"
    ),
    NO_DRIFT: Place(Kind.DRIFT, "models", "drift"),
    "no_chain_of_targets_broke": Place(Kind.BROKEN_PLAN, "data", "plan"),
    ANSWERED: Place(Kind.CHECK, "data", "sources"),
    KEYS_HOLD: Place(Kind.CHECK, "delivery", "providers"),
    SETTLED: Place(Kind.CHECK, "delivery", "unfinished"),
}

#: By the folder of a model: its subject in `intermediate` and `marts`, else the layer.
FOLDERS = {
    **dict.fromkeys(("staging", "pii", "seeds", "custom"), "data"),
    **dict.fromkeys(
        ("calendar", "contacts", "crm", "events", "forms", "identity", "operations", "plan"), "data"
    ),
    **dict.fromkeys(("product", "sessions", "shared", "support", "web", "actors"), "data"),
    **dict.fromkeys(("kpis", "anomalies"), "overview"),
    **dict.fromkeys(("deals", "funnel", "retention", "sales"), "funnel"),
    **dict.fromkeys(("campaigns", "experiments", "partners", "performance", "spend"), "campaigns"),
    **dict.fromkeys(("attribution", "touchpoints"), "attribution"),
    **dict.fromkeys(("audiences", "segments"), "segments"),
    "journeys": "journeys",
    **dict.fromkeys(("delivery", "messages"), "delivery"),
    **dict.fromkeys(("content", "programmes", "social"), "content"),
    **dict.fromkeys(("accounts", "actions", "market", "tenders"), "accounts"),
    **dict.fromkeys(("features", "models", "scores", "values"), "models"),
    "privacy": "consent",
}

#: By the beginning of an asset's name, for what is no model.
ASSETS = {
    "source/": "data",
    "lake/audit_chain": "audit",
    "lake/journey_": "journeys",
    "lake/ml_": "models",
    "lake/model_": "models",
    "lake/predictions": "models",
    "lake/segment_": "segments",
    "lake/series_alerts": "overview",
    "lake/": "data",
    "backup": "data",
    "deliveries": "delivery",
}
_RUNS = Place(Kind.RUN, "data", "steps")


def pages(manifest: Manifest) -> dict[str, str]:
    """Each model's page, by its asset; of a folder that is not named here there is none."""
    found = {}
    for node in translation.models(manifest):
        folder = PurePosixPath(node["original_file_path"]).parent.parts
        name = folder[-1] if folder[-2:-1] in (("intermediate",), ("marts",)) else folder[:2][-1]
        if name in FOLDERS:
            found[translation.asset_key(node).to_user_string()] = FOLDERS[name]
    return found


def place(seen: Seen, pages: Mapping[str, str]) -> Place:
    """Where somebody goes on from an alert; what nobody has placed is shown on `data`."""
    if seen.check is None or seen.asset is None:
        return _RUNS
    if seen.check in CHECKS:
        return CHECKS[seen.check]
    page = pages.get(seen.asset) or next(
        (page for start, page in ASSETS.items() if seen.asset.startswith(start)), "data"
    )
    return Place(Kind.CHECK, page)
