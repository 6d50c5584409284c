"""Channels: the rules of channels.yml in their order, by golden vectors and GA4's own cases."""

from __future__ import annotations

import csv
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.dbt import worlds
from tests.dbt.lakehouse import Lakehouse
from workspace import definitions
from workspace.definitions.store import table

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "channels.csv"
#: What has to be built again where only events and definitions differ.
VISITS = ("path:models/intermediate/web", "path:models/intermediate/actors", "fct_sessions")
FIRST = datetime(2026, 3, 1)
HOSTS = ("www.hub.example", "app.hub.example")

#: Our names, and GA4's where they differ by more than case and underscores.
GA4_NAMES = {
    "social": "Organic Social",
    "video": "Organic Video",
    "cross_network": "Cross-network",
    "push": "Mobile Push Notifications",
    "sms": "SMS",
    "unknown": "Unassigned",
}


def parameters(folder: Path, *edits: tuple[str, str]) -> list[dict[str, Any]]:
    """The shipped definitions for hosts of our own, channels.yml edited."""
    shipped = worlds.MARKETING
    verticals = (shipped / "verticals.yml").read_text("utf-8")
    verticals = verticals.replace("www.chirurgieprox.example", HOSTS[0])
    verticals = verticals.replace("app.chirurgieprox.example", HOSTS[1])
    (folder / "verticals.yml").write_text(verticals, "utf-8")
    channels = (shipped / "channels.yml").read_text("utf-8")
    for old, new in edits:
        assert old in channels
        channels = channels.replace(old, new)
    (folder / "channels.yml").write_text(channels, "utf-8")
    return table(definitions.load(folder).rows(), datetime(2000, 1, 1)).to_pylist()


def visit(n: int, **more: Any) -> dict[str, Any]:
    """A page of a visitor of its own."""
    at = FIRST + timedelta(minutes=n)
    key = f"visitor-{n:03d}"
    page = {"page_url": f"https://{HOSTS[0]}/", "page_host": HOSTS[0], "page_path": "/"}
    return {
        "message_id": f"m{n}",
        "type": "page",
        "anonymous_id": key,
        "anonymous_key": key,
        "occurred_at": at,
        **page,
        **more,
    }


SPEND = [
    {"platform": "google_ads", "campaign_id": "2001", "campaign_name": "med-search-brand"},
    {"platform": "linkedin_ads", "campaign_id": "610010001", "campaign_name": "med-linkedin"},
    {"platform": "linkedin_ads", "campaign_id": "7", "campaign_name": "both"},
    {"platform": "google_ads", "campaign_id": "8", "campaign_name": "both"},
]


def spend() -> list[dict[str, Any]]:
    day = {"account_id": "a", "spend_on": FIRST.date(), "spend": 1, "currency": "EUR"}
    return [{**day, **row} for row in SPEND]


def golden() -> list[dict[str, str]]:
    with GOLDEN.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.fixture(scope="module")
def classified(tmp_path_factory: pytest.TempPathFactory, target: Path) -> Lakehouse:
    folder = tmp_path_factory.mktemp("channels")
    events = [
        visit(
            n,
            page_url=case["url"],
            page_host=case["url"].split("/")[2],
            page_referrer=case["referrer"] or None,
            utm_source=case["source"] or None,
            utm_medium=case["medium"] or None,
            utm_campaign=case["campaign"] or None,
        )
        for n, case in enumerate(golden())
    ]
    house = Lakehouse(folder, target)
    lake = {"parameters": parameters(folder), "events": events, "ad_spend": spend()}
    return house.fill(as_of=worlds.AS_OF, **lake).run("+fct_sessions")


def test_golden_vectors(classified: Lakehouse) -> None:
    found = classified.rows(
        "select channel, channel_rule from marts.fct_sessions order by visitor_key"
    )
    told = {case["case"]: got for case, got in zip(golden(), found, strict=True)}
    assert told == {case["case"]: (case["channel"], case["channel_rule"]) for case in golden()}


def test_no_click_id_and_no_stranger_reaches_a_mart(classified: Lakehouse) -> None:
    names = classified.rows(
        "select distinct click_id_name from marts.fct_sessions where click_id_name is not null"
    )
    assert {name for (name,) in names} <= {"gclid", "wbraid", "dclid", "msclkid", "li_fat_id"} | {
        *("ttclid", "fbclid", "mc_eid", "srsltid")
    }
    shown = classified.rows("select * from marts.fct_sessions")
    assert not any("secret" in str(value) or "Cj0" in str(value) for row in shown for value in row)
    # A port or a user of a referrer is none of its host.
    hosts = classified.rows("select distinct referrer_host from marts.fct_sessions")
    assert ("www.linkedin.com",) in hosts


def test_every_rule_has_a_golden_vector_or_a_reason() -> None:
    """A rule without a case is a rule nobody has seen work; those of GA4 have its own cases."""
    rules = {rule.id for rule in definitions.load(worlds.MARKETING).channels.rules}
    seen = {case["channel_rule"] for case in golden()}
    elsewhere = {
        # the cases of GA4 below, repeated by source or medium
        *("utm_market_place", "utm_shopping", "utm_social", "utm_video_site", "utm_video"),
        *("utm_search_site", "utm_search", "utm_referral", "utm_email_source", "utm_sms"),
        *("utm_push_source", "utm_paid_shopping", "utm_newsletter", "click_affiliate"),
        # no visits
        *("offline_webinar", "offline_event", "offline_meeting", "offline_partner"),
    }
    assert seen - {"no_rule"} <= rules
    assert rules - seen == elsewhere


def test_the_cases_of_ga4(tmp_path: Path, classified: Lakehouse, shared_data: Path) -> None:
    name = "test_macro_default_channel_grouping__traffic_data_with_expected_channels.json"
    cases = json.loads((shared_data / "ga4_vectors" / name).read_text("utf-8"))
    tags = {"utm_source": "source", "utm_medium": "medium", "utm_campaign": "campaign"}
    events = [
        visit(n, **{ours: case[theirs] or None for ours, theirs in tags.items()})
        for n, case in enumerate(cases)
    ]
    house = classified.copied(tmp_path)
    lake = {"parameters": parameters(tmp_path), "events": events}
    house.fill(as_of=worlds.AS_OF, **lake).run(*VISITS)
    found = house.rows("select channel from marts.fct_sessions order by visitor_key")
    named = [GA4_NAMES.get(name, name.replace("_", " ").title()) for (name,) in found]
    assert [(case, name) for case, name in zip(cases, named, strict=True)] == [
        (case, case["expected_channel"]) for case in cases
    ]
    assert len(cases) == 30


def test_query_parameters_as_ga4_reads_them(shared_data: Path, classified: Lakehouse) -> None:
    """The macro that reads a tag out of an address."""
    folder = shared_data / "ga4_vectors"
    name = "test_macro_extract_query_parameter_value__{}_csv.csv"
    urls = (folder / name.format("urls_to_test")).read_text().split()[1:]
    with (folder / "test_macro_extract_query_parameter_value__expected_csv.csv").open() as lines:
        expected = [tuple(v or None for v in row.values()) for row in csv.DictReader(lines)]
    assert query_values(classified, urls, ["param1", "param2", "param3"]) == expected


def test_query_parameters(classified: Lakehouse) -> None:
    cases = {
        "https://x.example/?a=1": "1",
        "https://x.example/?b=2&a=1#a=3": "1",
        "https://x.example/#?a=1": None,
        "https://x.example/?aa=1": None,
        "https://x.example/?a=": None,
        "https://x.example/?a": None,
        "?a=%C3%A9t%C3%A9+2": "été 2",
        "https://x.example/?a=%FF": None,
        "a=1": None,
        "": None,
    }
    found = query_values(classified, list(cases), ["a"])
    assert dict(zip(cases, found, strict=True)) == {url: (v,) for url, v in cases.items()}


def query_values(house: Lakehouse, urls: list[str], names: list[str]) -> list[tuple[Any, ...]]:
    """What the project's macros make of addresses."""
    calls = ", ".join(f"{{{{ query_value(query_of('url'), '{name}') }}}}" for name in names)
    compiled = house.dbt("compile", "--inline", f"select {calls} from urls order by position")
    literals = ", ".join(f"({n}, '{url}')" for n, url in enumerate(urls))
    code = compiled.result.results[0].node.compiled_code
    return house.rows(f"with urls(position, url) as (values {literals}) {code}")


def test_a_rule_of_ones_own_goes_first(tmp_path: Path, classified: Lakehouse) -> None:
    """A partner, a host of ours and a rule, all by editing the file; what no rule names is told."""
    edits = (
        ("  - boamp-avis.example", "  - boamp-avis.example\n  - reseller.example"),
        ("  - paypal.com", "  - paypal.com\n  - shop.example"),
        (
            "  # Campaigns that the ad reports know",
            '  - {id: mine, channel: press, when: {campaign: "^launch-"}}\n'
            "  # Campaigns that the ad reports know",
        ),
    )
    house = classified.copied(tmp_path)
    events = [
        visit(0, page_referrer="https://de.reseller.example/x"),
        visit(1, page_referrer="https://shop.example/basket"),
        visit(2, utm_campaign="Launch-2026", utm_medium="email", page_url="https://a/?gclid=1"),
        visit(3, page_referrer="https://www.chirurgieprox.example/"),
        visit(4, utm_source="some"),
    ]
    lake = {"parameters": parameters(tmp_path, *edits), "events": events}
    house.fill(as_of=worlds.AS_OF, **lake).run(*VISITS)
    assert house.rows(
        "select channel, channel_rule from marts.fct_sessions order by visitor_key"
    ) == [
        ("partner", "referrer_partner"),
        ("direct", "no_source"),
        ("press", "mine"),
        ("referral", "referrer_other"),
        ("unknown", "no_rule"),
    ]
    # One session of five is more than 2 %.
    done = house.dbt("test", "--select", "unknown_channels_stay_few").result.results
    assert [str(result.status) for result in done] == ["warn"]
