"""Other people's tables from landing to marts: no fan-out, merges followed, spend to the cent."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from ingestion.fivetran import Desk, import_tables
from tests.dbt.lakehouse import Lakehouse
from tests.ingestion.fivetran import tables
from workspace.identifiers import Keyring
from workspace.lake import Lake
from workspace.streams import STREAMS

KEYRING = Keyring(b"a pepper for tests")
AS_OF = datetime(2026, 10, 1)
MARTS = (
    *("dim_contacts", "dim_accounts", "fct_deals", "fct_crm_activities", "fct_support_tickets"),
    *("crm_associations", "crm_property_changes", "crm_lists", "crm_stages", "delivery_logs"),
    *("dim_campaigns", "pii_contacts", "identity_map"),
    *("fct_ad_spend_daily", "fct_ad_spend_detail_daily", "fct_form_submissions"),
)
Build = Callable[..., Lakehouse]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory, target: Path) -> Build:
    """Import folders into a fresh lake and build the marts, with their tests."""

    def run(*folders: Path, currency: str | None = None) -> Lakehouse:
        root = tmp_path_factory.mktemp("moved")
        lake = Lake(root / "lake")
        # The suites judge batches; these are too small and too strange for them.
        desk = Desk(root / "landing", lake, KEYRING, guard=False)
        import_tables(folders, desk, now=lambda: AS_OF, currency=currency)
        streams = {name: lake.read(name).to_pylist() for name in STREAMS if lake.rows(name)}
        house = Lakehouse(root, target).fill(as_of=AS_OF, **streams)
        # Tests that compare with a mart that is not built are not run.
        selected = [f"+{mart}" for mart in MARTS]
        return house.build(*selected, tests="cautious")

    return run


@pytest.fixture(scope="module")
def own(build: Build, tmp_path_factory: pytest.TempPathFactory) -> Lakehouse:
    folder = tables.write(tmp_path_factory.mktemp("in"), tables.hubspot() | tables.ads())
    return build(folder)


def keys(kind: str, ids: Iterable[str]) -> set[str | None]:
    return {KEYRING.key(kind, one) for one in ids}


def column(house: Lakehouse, query: str) -> list:
    """One column; a list, so that a row that is there twice shows."""
    return sorted(value for (value,) in house.rows(query))


def contact(house: Lakehouse, crm_id: str) -> str:
    """The contact that a CRM id resolves to."""
    key = KEYRING.key("crm_contact", crm_id)
    return house.one(f"select contact_id from marts.identity_map where identifier_key = '{key}'")


def spent(house: Lakehouse, mart: str, where: str = "true") -> dict[tuple, Decimal]:
    rows = house.rows(
        f"select platform, campaign_id, sum(spend) from marts.{mart} where {where} group by all"
    )
    return {(platform, campaign.split("/")[-1]): spend for platform, campaign, spend in rows}


def test_every_object_that_is_left_is_one_row(own: Lakehouse) -> None:
    contacts = "select contact_key from marts.dim_contacts where contact_source = 'crm'"
    assert column(own, contacts) == sorted(keys("crm_contact", "16789"))
    assert column(own, "select account_id from marts.dim_accounts") == [
        KEYRING.key("crm_company", "100")
    ]
    assert column(own, "select deal_id from marts.fct_deals") == ["500", "503"]
    activities = "select activity_id from marts.fct_crm_activities"
    assert column(own, activities) == ["900", "901", "902", "903", "905"]
    assert column(own, "select ticket_id from marts.fct_support_tickets") == ["700"]
    assert column(own, "select list_id from marts.crm_lists") == ["30"]
    assert column(own, "select members from marts.crm_lists") == [1]
    assert column(own, "select stage_id from marts.crm_stages") == ["new", "won"]
    assert column(own, "select count(*) from marts.delivery_logs") == [3]


def test_what_was_linked_to_the_merged_is_linked_to_the_survivor(own: Lakehouse) -> None:
    one, account = contact(own, "1"), KEYRING.key("crm_company", "100")
    assert (
        own.one(f"select merged_contacts from marts.dim_contacts where contact_id = '{one}'") == 4
    )
    deals = own.rows(
        "select deal_id, contact_id, account_id, amount from marts.fct_deals order by 1"
    )
    assert deals == [
        ("500", one, account, Decimal("1234.56")),
        ("503", None, account, Decimal("10.10")),
    ]
    assert (
        own.one("select contact_id from marts.fct_crm_activities where activity_id = '900'") == one
    )
    assert own.one("select contact_id from marts.fct_support_tickets") == one
    linked = own.rows("select to_id from marts.crm_associations where from_id = '500'")
    contacts = {contact(own, crm_id) for crm_id in ("1", "6", "7")}
    assert sorted(found for (found,) in linked) == sorted({*contacts, account})


def test_campaigns_and_ads_are_never_added(own: Lakehouse) -> None:
    campaigns = spent(own, "fct_ad_spend_daily")
    assert campaigns == {
        ("google_ads", "1"): Decimal("22.8367"),
        ("google_ads", "2"): Decimal(5),
        ("meta_ads", "61"): Decimal("131.79"),
        ("linkedin_ads", "13"): Decimal("10.25"),
        ("linkedin_ads", "14"): Decimal("21.5"),
    }
    ads = spent(own, "fct_ad_spend_detail_daily", "level = 'ad'")
    assert ads == {
        ("google_ads", "1"): Decimal("17.5"),
        ("meta_ads", "61"): Decimal("131.79"),
        ("linkedin_ads", "13"): Decimal(8),
    }
    # What no ad accounts for is a row of its own; with it, each day is the campaign's.
    assert spent(own, "fct_ad_spend_detail_daily", "level = 'unallocated'") == {
        ("google_ads", "1"): Decimal("5.3367"),
        ("linkedin_ads", "13"): Decimal("2.25"),
    }
    whole = spent(own, "fct_ad_spend_detail_daily")
    assert whole == {campaign: campaigns[campaign] for campaign in ads}


# ---- the connectors' own test seeds ----------------------------------------------------------


@pytest.fixture(scope="module")
def seeds(build: Build, shared_data: Path) -> Lakehouse:
    return build(shared_data / "hubspot", shared_data / "ads", currency="USD")


def merged_contacts(folder: Path) -> set[tuple[str, str]]:
    """(survivor, merged) as two tables tell them."""
    told = {(r["canonical_vid"], r["vid_to_merge"]) for r in tables.read(folder / AUDIT)}
    for record in tables.read(folder / "contact_data.csv"):
        for merged in filter(None, record["property_hs_merged_object_ids"].split(";")):
            told.add((record["id"], merged))
    return told


AUDIT = "contact_merge_audit_data.csv"


def test_no_fan_out_over_the_seeds(seeds: Lakehouse, shared_data: Path) -> None:
    folder = shared_data / "hubspot"
    merged = merged_contacts(folder)
    contacts = tables.alive(folder, "contact_data.csv", "id", merged)
    assert len(contacts) == 19
    assert seeds.one("select sum(crm_contacts) from marts.dim_contacts") == 19
    found = column(seeds, "select contact_key from marts.dim_contacts where contact_source = 'crm'")
    assert len(found) == len(set(found)) and set(found) <= keys("crm_contact", contacts)
    companies = tables.alive(folder, "company_data.csv", "id")
    found = "select account_id from marts.dim_accounts"
    assert column(seeds, found) == sorted(keys("crm_company", companies))
    pairs = {
        (r["deal_id"], r["merged_deal_id"]) for r in tables.read(folder / "merged_deal_data.csv")
    }
    deals = tables.alive(folder, "deal_data.csv", "deal_id", pairs)
    assert column(seeds, "select deal_id from marts.fct_deals") == sorted(deals)
    tickets = tables.alive(folder, "ticket_data.csv", "id")
    assert column(seeds, "select ticket_id from marts.fct_support_tickets") == sorted(tickets)
    lists = tables.alive(folder, "contact_list_data.csv", "id")
    assert column(seeds, "select list_id from marts.crm_lists") == sorted(lists)
    activities = set()
    for kind in ("call", "communication", "email", "meeting", "note", "task"):
        activities |= tables.alive(folder, f"engagement_{kind}_data.csv", "engagement_id")
    found = "select activity_id from marts.fct_crm_activities"
    assert column(seeds, found) == sorted(activities)
    events = [r["id"] for r in tables.read(folder / "email_event_data.csv")]
    assert seeds.one("select count(*) from marts.delivery_logs") == len(set(events))
    stages = {
        (name[:-1], r["pipeline_id"], r["stage_id"])
        for name in ("deals", "tickets")
        for r in tables.read(folder / f"{name[:-1]}_pipeline_stage_data.csv")
    }
    assert seeds.one("select count(*) from marts.crm_stages") == len(stages)


def test_the_seeds_spend_to_the_cent(seeds: Lakehouse, shared_data: Path) -> None:
    def total(name: str, amount: str, scale: int = 0) -> Decimal:
        records = tables.read(shared_data / "ads" / f"{name}_data.csv")
        return sum((Decimal(r[amount]) for r in records if r[amount]), Decimal(0)).scaleb(-scale)

    by_campaign = {
        "google_ads": total("google_ads_campaign_stats", "cost_micros", 6),
        "meta_ads": total("facebook_ads_basic_ad", "spend"),
        "linkedin_ads": total("linkedin_ad_analytics_by_campaign", "cost_in_local_currency"),
    }
    found = seeds.rows("select platform, sum(spend) from marts.fct_ad_spend_daily group by all")
    assert dict(found) == by_campaign
    assert by_campaign["google_ads"] == Decimal("231.33")
    # The account spent 1,632.33 and the ad groups 3,156.84: neither is in any mart.
    by_ad = {
        "google_ads": total("google_ads_ad_stats", "cost_micros", 6),
        "meta_ads": total("facebook_ads_basic_ad", "spend"),
    }
    found = seeds.rows(
        "select platform, sum(spend) from marts.fct_ad_spend_detail_daily "
        "where level = 'ad' group by all"
    )
    assert dict(found) == by_ad
    # Wherever both levels are told, ads and remainder are the campaign's day.
    assert (
        seeds.rows(
            """
            select campaign.campaign_id, campaign.spend_on, campaign.spend, sum(detail.spend)
            from marts.fct_ad_spend_daily as campaign
            join marts.fct_ad_spend_detail_daily as detail using (campaign_id, spend_on)
            group by all having campaign.spend <> sum(detail.spend)
            """
        )
        == []
    )
