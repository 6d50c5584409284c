"""Definitions: faults are told with file, line and field; versions are kept."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from workspace import definitions
from workspace.definitions import DefinitionError
from workspace.lake import Lake
from workspace.paths import PROJECT

MINIMAL = """\
reporting: {time_zone: Europe/Paris, base_currency: EUR}
verticals:
  shop:
    name: Shop
    market: b2c
    customer_unit: contact
    funnel:
      - {stage: lead, name: Lead, metric: leads, from: {object: event, event: Signed Up}}
      - {stage: paid, name: Paid, from: {object: event, event: Order Completed}}
"""
TARGETS = """\
plan: {starts_on: 2025-01-01}
profiles: {plan: The plan}
targets:
  - {profile: plan, scope: shop, metric: leads, unit: count, years: [1, null, 3]}
  - {profile: plan, scope: company, metric: arr, unit: money, every_year: 5}
"""


def folder(tmp_path: Path, verticals: str = MINIMAL, targets: str | None = TARGETS) -> Path:
    (tmp_path / "verticals.yml").write_text(verticals, encoding="utf-8")
    if targets is not None:
        (tmp_path / "targets.yml").write_text(targets, encoding="utf-8")
    return tmp_path


def faults(tmp_path: Path, **files: str) -> list[str]:
    with pytest.raises(DefinitionError) as caught:
        definitions.load(folder(tmp_path, **files))
    return [fault.removeprefix(f"{tmp_path}/") for fault in caught.value.faults]


def test_the_shipped_definitions_load() -> None:
    loaded = definitions.load(PROJECT / "marketing")
    assert set(loaded.verticals.verticals) == {"medical", "public"}
    collections = {row.collection for rows in loaded.rows().values() for row in rows}
    assert collections == {
        "models",
        "actions",
        "action_settings",
        "audience_syncs",
        "field_properties",
        "attribution_settings",
        "attribution_verticals",
        "attribution_touch_types",
        "attribution_models",
        "attribution_not_marketing",
        "attribution_inferred_links",
        "attribution_self_reported",
        "anomaly_settings",
        "anomaly_seasons",
        "frequency_caps",
        "gate_settings",
        "send_time_settings",
        "contact_time_zones",
        "cap_scopes",
        "message_classes",
        "delivery_providers",
        "delivery_lanes",
        "privacy_settings",
        "privacy_purposes",
        "privacy_categories",
        "privacy_category_purposes",
        "privacy_category_subjects",
        "privacy_category_recipients",
        "privacy_recipients",
        "privacy_places",
        "personal_data",
        "experiments",
        "experiment_defaults",
        "experiment_variants",
        "message_gates",
        "reporting",
        "verticals",
        "vertical_hosts",
        "pipeline_stages",
        "funnel_stages",
        "plan",
        "kpi_targets",
        "plan_sums",
        "counted_twice",
        "known_findings",
        "identity_limits",
        "public_mail_domains",
        "consent_purposes",
        "consent_purpose_names",
        "consent_bases",
        "consent_sources",
        "consent_stops",
        "consent_mail_events",
        "consent_generic_addresses",
        "consent_forms",
        "controls",
        "touch_settings",
        "touch_types",
        "touch_events",
        "ad_channels",
        "engagement_settings",
        "engagement_touches",
        "lead_settings",
        "lead_bands",
        "lead_touch_rules",
        "lead_field_rules",
        "buyer_stage_list",
        "buyer_stage_touches",
        "buyer_stage_crm",
        "account_score_settings",
        "buying_roles",
        "performance_settings",
        "lead_detail_properties",
        "source_channels",
        "event_cost_lines",
        "partner_settings",
        "partners",
        "partner_names",
        "content_settings",
        "unpublished_statuses",
        "content_cadence",
        "channel_settings",
        "channel_sites",
        "channel_rules",
        "click_ids",
        "session_settings",
        "session_key_events",
        "session_excluded_libraries",
        "actor_settings",
        "actor_agents",
        "actor_networks",
        "actor_timing",
        "mail_events",
        "account_settings",
        "meeting_stages",
        "content_touches",
        "required_roles",
        "account_metrics",
        "target_accounts",
        "market_segments",
        "market_rules",
        "path_steps",
        "content_stages",
        "recommendation_settings",
        "recommendation_lists",
        "feature_settings",
        "feature_events",
        "persona_settings",
        "personas",
        "persona_weights",
        "persona_rules",
        "audiences",
        "audience_cases",
        "consent_texts",
        "consent_double_opt_in",
    }


def test_targets_become_one_row_a_year(tmp_path: Path) -> None:
    rows = definitions.load(folder(tmp_path)).rows()["targets"]
    found = {row.key: row.value for row in rows if row.collection == "kpi_targets"}
    assert list(found) == [
        "plan.shop.leads.y1",
        "plan.shop.leads.y3",
        "plan.company.arr.every_year",
    ]
    assert found["plan.shop.leads.y3"]["plan_start_on"].isoformat() == "2027-01-01"
    assert found["plan.company.arr.every_year"]["currency"] == "EUR"
    assert found["plan.shop.leads.y1"]["currency"] is None


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("market: b2c", "markt: b2c", "verticals.yml:5: verticals.shop.markt: unknown field"),
        ("b2c", "b2x", "verticals.yml:5: verticals.shop.market: Input should be 'b2b'"),
        ("Europe/Paris", "Mars/Base", "verticals.yml:1: reporting.time_zone: 'Mars/Base'"),
        ("EUR", "euro", "verticals.yml:1: reporting.base_currency: String should match"),
        ("stage: paid", "stage: lead", "verticals.yml:3: verticals.shop: funnel stage 'lead'"),
        ("event: Signed Up", "property: x", "object event takes ['event'], not ['property']"),
        ("  shop:", "  company:", "'company' is the name of all verticals together"),
        ("    name: Shop", "    name: Shop\n    name: Two", "the key 'name' is given twice"),
        ("verticals:", "verticals: [", "verticals.yml:"),
        ("  shop:", "  Shop!:", "String should match pattern"),
    ],
)
def test_a_fault_names_file_line_and_field(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    told = "\n".join(faults(tmp_path, verticals=MINIMAL.replace(old, new, 1)))
    assert expected in told


def test_a_misspelt_field_gets_a_suggestion(tmp_path: Path) -> None:
    told = faults(tmp_path, verticals=MINIMAL.replace("market", "markt"))
    assert any("did you mean 'market'?" in fault for fault in told)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("scope: shop", "scope: shp", "targets.yml:4: scope: no vertical 'shp'"),
        ("every_year: 5", "years: [1], every_year: 5", "give either years"),
        ("2025-01-01", "2025-01-02", "targets.yml:1: plan.starts_on: a plan starts on the first"),
        ("profile: plan", "profile: pln", "profile 'pln' is not listed"),
        ("metric: arr", "metric: leads", None),
        ("unit: count", "unit: count, currency: USD", "currency belongs to unit money"),
    ],
)
def test_faults_of_targets(tmp_path: Path, old: str, new: str, expected: str | None) -> None:
    changed = TARGETS.replace(old, new, 1)
    if expected is None:
        definitions.load(folder(tmp_path, targets=changed))
    else:
        assert expected in "\n".join(faults(tmp_path, targets=changed))


def test_findings_that_are_known_become_rows(tmp_path: Path) -> None:
    known = "known_findings: [ltv_chain.shop.ltv_to_cac, set_twice.shop.leads.y1]\n"
    rows = definitions.load(folder(tmp_path, targets=TARGETS + known)).rows()["targets"]
    found = [(row.position, row.value) for row in rows if row.collection == "known_findings"]
    assert found == [
        (1, {"finding": "ltv_chain.shop.ltv_to_cac"}),
        (2, {"finding": "set_twice.shop.leads.y1"}),
    ]
    for wrong in ("[ltv_chain]", "[a.b.c, a.b.c]"):
        assert "known" in "\n".join(faults(tmp_path, targets=f"{TARGETS}known_findings: {wrong}\n"))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            "streams:\n  evnts: 1h",
            "freshness.yml:2: streams.evnts: no stream 'evnts'; did you mean",
        ),
        ("streams: {parameters: 1h}", "'parameters' is written by the runs"),
        ("streams: {events: 24}", "freshness.yml:1: streams.events: give a duration such as 30m"),
        ("streams: {events: 0h}", "give a duration"),
        ("streams: {events: 24 hours}", "give a duration"),
        ("streams: {events: 999999d}", "give a duration"),
        ("streams: {events: 1h, events: 2h}", "given twice"),
        ("sources: {Hub Spot: 1h}", "String should match pattern"),
        ("stream: {events: 1h}", "did you mean 'streams'?"),
    ],
)
def test_faults_of_freshness(tmp_path: Path, content: str, expected: str) -> None:
    (tmp_path / "freshness.yml").write_text(content)
    assert expected in "\n".join(faults(tmp_path))


def test_limits_by_name(tmp_path: Path) -> None:
    limits = definitions.load(folder(tmp_path)).freshness
    assert limits.of_stream("events") is None and limits.of_source("x") is None
    (tmp_path / "freshness.yml").write_text(
        "streams: {events: 90m}\nsources:\n  hubspto: 30m\n  default: 3d\n"
    )
    loaded = definitions.load(tmp_path)
    assert loaded.freshness.of_stream("events") == timedelta(minutes=90)
    assert loaded.freshness.of_source("hubspto") == timedelta(minutes=30)
    assert loaded.freshness.of_source("x") == timedelta(days=3)
    loaded.check_sources(["hubspto"])
    with pytest.raises(DefinitionError) as caught:
        loaded.check_sources(["hubspot", "brevo"])
    (told,) = caught.value.faults
    assert told.endswith(
        "freshness.yml:3: sources.hubspto: no source 'hubspto'; did you mean 'hubspot'?"
    )


@pytest.mark.parametrize(
    "content",
    ["", "[]", "- a", "x: &a [*a]", "\t", "a: b: c", "0x", "!!python/object:os.system {}"],
)
def test_rubbish_is_a_definition_error(tmp_path: Path, content: str) -> None:
    assert faults(tmp_path, verticals=content)


def test_deep_nesting_and_bad_bytes(tmp_path: Path) -> None:
    for text in ("[" * 200_000, "- " * 50_000, "? " * 50_000):
        (told,) = faults(tmp_path, verticals=text)
        assert told.endswith(":1: nested more than 300 deep")
    (tmp_path / "verticals.yml").write_bytes(b"\xff\xfe")
    with pytest.raises(DefinitionError, match="cannot be read"):
        definitions.load(tmp_path)


def test_a_pipeline_that_is_not_there(tmp_path: Path) -> None:
    text = (PROJECT / "marketing" / "verticals.yml").read_text(encoding="utf-8")
    told = faults(
        tmp_path, verticals=text.replace("pipeline: medical_sales", "pipeline: x", 1), targets=None
    )
    assert "no pipeline 'x'" in told[0]
    told = faults(
        tmp_path, verticals=text.replace("stage: demo_held}", "stage: demo_hld}"), targets=None
    )
    assert "did you mean 'demo_held'?" in told[0]


def test_versions_are_stored_once_and_seen_from_their_day(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    first = definitions.load(folder(tmp_path)).rows()
    changed = definitions.load(folder(tmp_path, targets=TARGETS.replace("[1, null", "[9, null")))
    january, february = datetime(2026, 1, 1), datetime(2026, 2, 1)
    assert definitions.store(first, lake, january) == list(first)
    assert definitions.store(first, lake, january) == []
    assert definitions.store(changed.rows(), lake, february) == ["targets"]

    def leads(as_of: datetime, rows: dict) -> str:
        found = definitions.in_force(rows, lake, as_of).to_pylist()
        return next(row["value"] for row in found if row["key"] == "plan.shop.leads.y1")

    assert '"value": 1' in leads(january, changed.rows())
    assert '"value": 9' in leads(february, first)
    assert '"value": 9' in leads(datetime(2020, 1, 1), changed.rows())
    # Back to the first definitions at the same as_of: the last one stored is in force.
    assert definitions.store(first, lake, february) == ["targets"]
    assert '"value": 1' in leads(february, changed.rows())
    everything = definitions.in_force(first, lake, february)
    assert everything.num_rows == sum(len(rows) for rows in first.values())
    lake.compact("parameters")
    assert definitions.in_force(first, lake, february).num_rows == everything.num_rows
