"""Tables through landing into the lake: what arrives, what is refused, and nothing twice."""

from __future__ import annotations

import gzip
import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingestion import IngestError, load_pending, replay
from ingestion.accounts import unbalanced
from ingestion.contracts import KINDS
from ingestion.fivetran import import_tables
from ingestion.fivetran.importing import Imported
from ingestion.landing import landed_files
from tests.ingestion.conftest import KEYRING, Desk
from tests.ingestion.fivetran import tables
from tests.ingestion.fivetran.conftest import Import


def told(found: Imported, name: str) -> str:
    (report,) = [r for r in found.tables if r.path.name.startswith(name)]
    return report.became


def by_id(desk: Desk, stream: str, column: str = "crm_id") -> dict[str, dict[str, Any]]:
    """The last version of each row."""
    rows = sorted(desk.rows(stream), key=lambda row: row["known_at"])
    return {row[column]: row for row in rows}


@pytest.fixture
def crm(tmp_path: Path) -> Path:
    return tables.write(tmp_path / "in", tables.hubspot())


@pytest.fixture
def ads(tmp_path: Path) -> Path:
    return tables.write(tmp_path / "in", tables.ads())


def test_contacts_and_merges(desk: Desk, bring: Import, crm: Path) -> None:
    found = bring(crm)
    contacts = by_id(desk, "crm_contacts")
    gone = {crm_id for crm_id, row in contacts.items() if row["archived"]}
    assert gone == {"2", "3", "4", "5", "10", "11"}
    assert set(contacts) - gone == {"1", "6", "7", "8", "9"}
    # The whole chain hangs on the last survivor, and on nobody else.
    held = {
        crm_id: properties["hs_merged_object_ids"]
        for crm_id, row in contacts.items()
        if "hs_merged_object_ids" in (properties := json.loads(row["properties"]))
    }
    assert held == {"1": "2;3;4;77", "9": "10"}
    # What is known of a merge is known from then on, although the contact was not written again.
    assert contacts["2"]["known_at"] == datetime(2026, 5, 2, 9, 5)
    assert contacts["6"]["known_at"] == datetime(2026, 5, 1, 4, 0, 0, 123000)
    assert contacts["6"]["created_at"] == datetime(2025, 1, 2, 3, 4, 5)
    assert contacts["6"]["job_title"] == 'Chief,\n"of" staff'
    assert contacts["6"]["owner_id"] == "7"
    assert contacts["1"]["company_crm_id"] == "100" and contacts["8"]["company_crm_id"] == "100"
    assert "contacts merged into one another: 9, 10; 9 was kept" in found.notes
    # A record that is there twice is one.
    (result,) = [r for r in found.loads if r.file_name == "fivetran.hubspot.contact.segment"]
    assert (result.received, result.good, result.duplicate) == (12, 11, 1)


def test_deals_with_links_and_stages(desk: Desk, bring: Import, crm: Path) -> None:
    bring(crm)
    deals = by_id(desk, "crm_deals")
    assert {crm_id for crm_id, row in deals.items() if not row["archived"]} == {"500", "503"}
    assert deals["500"]["amount"] == Decimal("1234.56")
    assert (deals["500"]["pipeline"], deals["500"]["stage"]) == ("default", "won")
    assert (deals["500"]["contact_crm_id"], deals["500"]["company_crm_id"]) == ("1", "100")
    assert deals["503"]["company_crm_id"] == "100"  # the primary one, by way of its survivor
    assert deals["503"]["owner_id"] == "7"
    properties = json.loads(deals["500"]["properties"])
    assert properties["hs_v2_date_entered_won"] == "2025-02-03T08:00:00"
    assert properties["hs_v2_date_entered_new"] == "2025-02-01T00:00:00"
    (bad,) = [r for r in desk.rejected_rows() if r["kind"] == "crm"]
    assert (bad["reason"], bad["field"]) == ("not_a_number", "amount")
    # The bytes that came, and where they came from.
    source = json.loads(bad["original"])["_source"]
    assert source["lines"] == [6] and source["file"] == "deal.csv"
    assert source["rows"][0].startswith("504,false,") and "much" in source["rows"][0]


def test_pairs_and_members_survive_merges(desk: Desk, bring: Import, crm: Path) -> None:
    found = bring(crm)
    pairs = {
        (r["from_type"], r["from_id"], r["to_type"], r["to_id"]): r
        for r in desk.rows("crm_associations")
    }
    assert len(pairs) == desk.lake.rows("crm_associations")
    assert set(pairs) == {
        ("deals", "500", "contacts", "1"),
        ("deals", "500", "contacts", "6"),
        ("deals", "500", "contacts", "7"),
        ("deals", "500", "companies", "100"),
        ("deals", "503", "companies", "1"),
        ("deals", "503", "companies", "100"),
        ("calls", "900", "contacts", "1"),
        ("notes", "901", "contacts", "6"),
        ("tickets", "700", "contacts", "1"),
    }
    assert pairs["deals", "500", "contacts", "6"]["labels"] == "Buyer, Champion"
    assert "2 records folded" in told(found, "deal_contact")
    members = {r["crm_id"]: r for r in desk.rows("crm_list_members")}
    assert members["1"]["is_member"] and not members["6"]["is_member"]
    assert len({r["set_hash"] for r in members.values()}) == 1


def test_activities_are_told_once(desk: Desk, bring: Import, crm: Path) -> None:
    found = bring(crm)
    tasks, engagements = by_id(desk, "crm_tasks"), by_id(desk, "crm_engagements")
    assert set(tasks) == {"903", "904"} and tasks["904"]["archived"]
    types = {crm_id: row["engagement_type"] for crm_id, row in engagements.items()}
    assert types == {
        "900": "call",
        "901": "note",
        "902": "conversation_session",
        "905": "communications",
    }
    assert engagements["900"]["owner_id"] == "7"  # the engagement's own, beside its type's
    assert engagements["900"]["contact_crm_id"] == "1"
    assert tasks["903"]["subject"] == "Call back"
    assert "1 left out (told by another table)" in told(found, "engagement_task")


def test_what_goes_with_objects(desk: Desk, bring: Import, crm: Path) -> None:
    found = bring(crm)
    (owner,) = desk.rows("crm_owners")
    assert (owner["crm_id"], owner["team"], owner["user_id"]) == ("7", "South", "3")
    stages = by_id(desk, "crm_stages", "stage_id")
    assert stages["won"]["pipeline_name"] == "Sales" and stages["won"]["is_closed"]
    assert stages["new"]["probability"] == 0 and not stages["new"]["is_closed"]
    history = {(r["value"], r["changed_at"]) for r in desk.rows("crm_property_history")}
    assert history == {("new", datetime(2025, 2, 1)), ("won", datetime(2025, 2, 3, 8))}
    assert "1 left out (told by deal_property_history)" in told(found, "deal_stage")
    (form,) = desk.rows("form_submissions")
    assert (form["form_name"], form["email"]) == ("Guide", "c6@example.org")
    events = by_id(desk, "delivery_events", "provider_event_id")
    assert {one: row["event_type"] for one, row in events.items()} == {
        "e1": "opened",
        "e2": "bounced",
        "e4": "unsubscribed",
    }
    assert events["e2"]["bounce_type"] == "permanent"
    left = "1 left out (of types that delivery_events does not know)"
    assert left in told(found, "email_event.csv")


def test_levels_of_spend_stay_apart(desk: Desk, bring: Import, ads: Path) -> None:
    found = bring(ads)
    spend = {(r["platform"], r["campaign_id"]): r for r in desk.rows("ad_spend")}
    assert {key: (row["spend"], row["currency"]) for key, row in spend.items()} == {
        # 20.836690 and the corrected 2.000005, exactly, cut once to four places.
        ("google_ads", "1"): (Decimal("22.8367"), "USD"),
        ("google_ads", "2"): (Decimal(5), "USD"),
        ("meta_ads", "61"): (Decimal("131.79"), "EUR"),
        ("linkedin_ads", "13"): (Decimal("10.25"), "EUR"),
        ("linkedin_ads", "14"): (Decimal("21.5"), "USD"),
    }
    google = spend["google_ads", "1"]
    assert (google["account_id"], google["campaign_name"]) == ("212-145-0128", "New name")
    assert (google["impressions"], google["clicks"]) == (200, 6)
    assert google["platform_conversions"] == 1
    assert google["known_at"] == datetime(2026, 5, 2, 9, 5)
    assert spend["meta_ads", "61"]["account_id"] == "act_170"
    assert spend["meta_ads", "61"]["platform_conversions"] == 2
    details = {(r["platform"], r["ad_id"]): r for r in desk.rows("ad_spend_details")}
    assert {key: row["spend"] for key, row in details.items()} == {
        ("google_ads", "111"): Decimal("17.5"),
        ("meta_ads", "71"): Decimal("76.53"),
        ("meta_ads", "72"): Decimal("55.26"),
        ("linkedin_ads", "91"): Decimal(8),
    }
    assert details["google_ads", "111"]["campaign_id"] == "1"  # by way of its ad group
    assert details["meta_ads", "71"]["campaign_id"] == "61"  # the ad's last version
    linkedin = details["linkedin_ads", "91"]
    assert (linkedin["ad_group_id"], linkedin["spend_on"]) == ("13", date(2026, 3, 1))
    # An ad of nobody's campaign is refused in both, and not lost.
    refused = [(r["kind"], r["reason"], r["field"]) for r in desk.rejected_rows()]
    assert sorted(refused) == [
        ("ad_spend", "missing_field", "campaign_id"),
        ("ad_spend_details", "missing_field", "campaign_id"),
    ]
    levels = {(r.table, r.level): r.spend for r in found.tables if r.level}
    assert levels["google_ads.account_stats", "account"] == {"USD": Decimal(99)}
    assert levels["google_ads.keyword_stats", "keyword"] == {"USD": Decimal(7)}
    assert levels["google_ads.campaign_stats", "campaign"] == {"USD": Decimal("27.836695")}
    assert levels["google_ads.ad_stats", "ad"] == {"USD": Decimal("17.5")}
    assert levels["facebook_ads.demographics_country", "country"] == {"EUR": Decimal("131.79")}


def test_a_report_by_campaign_replaces_the_sum_of_ads(
    desk: Desk, bring: Import, tmp_path: Path
) -> None:
    brought = tables.ads()
    brought["facebook_ads/basic_campaign"] = [
        {"campaign_id": "61", "account_id": "170", "date": "2026-03-01", "spend": "140.00"}
    ]
    bring(tables.write(tmp_path / "in", brought))
    meta = [r["spend"] for r in desk.rows("ad_spend") if r["platform"] == "meta_ads"]
    assert meta == [Decimal(140)]


def test_an_amount_that_is_none_spoils_its_day_and_no_other(
    desk: Desk, bring: Import, tmp_path: Path
) -> None:
    brought = tables.ads()
    stats = brought["google_ads/campaign_stats"]
    assert isinstance(stats, list)
    stats.append(stats[0] | {"_fivetran_id": "z", "cost_micros": "many"})
    stats.append(stats[2] | {"_fivetran_id": "y", "cost_micros": ""})
    stats.append(stats[2] | {"_fivetran_id": "x", "date": "2026-03-02"})
    only = {k: v for k, v in brought.items() if k.startswith("google") and "ad_stats" not in k}
    bring(tables.write(tmp_path / "in", only))
    assert [(r["campaign_id"], r["spend_on"]) for r in desk.rows("ad_spend")] == [
        ("2", date(2026, 3, 2))
    ]
    rows = {r["reason"]: json.loads(r["original"]) for r in desk.rejected_rows()}
    assert set(rows) == {"not_a_number", "missing_field"}
    assert len(rows["not_a_number"]["_source"]["rows"]) == 4  # nothing of the day is lost


def test_a_restated_day_is_a_version_and_a_contradiction_a_conflict(
    desk: Desk, bring: Import, tmp_path: Path
) -> None:
    brought = {k: v for k, v in tables.ads().items() if "linkedin" in k and "creative" not in k}
    stats = brought["linkedin_ads/ad_analytics_by_campaign"]
    assert isinstance(stats, list)
    first = stats[0]
    stats.append(first | {"cost_in_local_currency": "11.00", "_fivetran_synced": tables.LATER})
    stats.append(stats[1] | {"cost_in_usd": "1.00"})
    bring(tables.write(tmp_path / "in", brought))
    rows = desk.rows("ad_spend")
    found = sorted((r["campaign_id"], r["known_at"].day, r["spend"]) for r in rows)
    assert found == [
        ("13", 1, Decimal("10.25")),
        ("13", 2, Decimal(11)),
        ("14", 1, Decimal("21.5")),
    ]
    assert [r["reason"] for r in desk.rejected_rows()] == ["key_conflict"]


def test_nothing_twice_and_a_later_export_is_a_later_version(
    desk: Desk, bring: Import, tmp_path: Path
) -> None:
    brought = tables.hubspot() | tables.ads()
    folder = tables.write(tmp_path / "in", brought)
    bring(folder)
    before = {kind: stream_rows(desk, kind) for kind in KINDS}
    again = bring(folder)
    assert sum(result.good for result in again.loads) == 0
    assert {kind: stream_rows(desk, kind) for kind in KINDS} == before
    # A week later a contact has moved, a link has gone and another has come.
    later = {"_fivetran_synced": "2026-05-08 04:00:00"}
    changed = {
        "hubspot/contact": [tables.contact("6", property_city="Lyon", **later)],
        "hubspot/deal_contact": [
            tables.pair(deal_id="500", contact_id="6", label="Buyer"),
            {"deal_id": "500", "contact_id": "8", **later},
        ],
    }
    third = bring(tables.write(tmp_path / "later", changed))
    assert all(result.quarantined == 0 for result in third.loads)
    assert by_id(desk, "crm_contacts")["6"]["city"] == "Lyon"
    pairs = [r for r in desk.rows("crm_associations") if r["from_id"] == "500"]
    newest = max(pairs, key=lambda r: r["known_at"])["set_hash"]
    assert {r["to_id"] for r in pairs if r["set_hash"] == newest} == {"6", "8"}


def stream_rows(desk: Desk, kind: str) -> int:
    from ingestion.contracts import STREAMS_OF

    assert unbalanced(desk.lake, kind) == []
    return sum(desk.lake.rows(stream) for stream in STREAMS_OF[kind])


def test_landing_has_the_bytes_and_can_be_read_again(desk: Desk, bring: Import, crm: Path) -> None:
    bring(crm)
    landed = landed_files("crm", desk.landing)
    contact = next(f for f in landed if ".hubspot.contact." in f.file_name)
    body = (crm / "hubspot" / "contact.csv").read_bytes()
    assert body in contact.path.read_bytes()
    before = sorted(map(str, desk.rows("crm_contacts")))
    # The lake lost: what landed gives the same rows.
    fresh = Desk(desk.root.parent / "fresh")
    for kind in KINDS:
        load_pending(kind, desk.landing, fresh.lake, KEYRING, guard=False)
    assert sorted(map(str, fresh.rows("crm_contacts"))) == before
    (result,) = replay("crm", desk.landing, desk.lake, KEYRING, guard=False)
    assert result.file_name == "fivetran.hubspot.deal.segment" and result.bad == 1


# ---- input that means no good ----------------------------------------------------------------


def test_files_that_are_no_tables_are_named(desk: Desk, bring: Import, tmp_path: Path) -> None:
    folder = tables.write(
        tmp_path / "in",
        {
            "hubspot/contcat": [{"id": "1"}],
            "hubspot/company": [{"name": "no id"}],
            "mixed/campaign_history": [{"id": "1"}],
            "hubspot/deal": b"",
            "hubspot/ticket": "id;naïve\n".encode("utf-16"),
            "hubspot/owner": b"owner_id,email,email\n1,a,b\n",
            "facebook_ads/basic_ad": [
                {"ad_id": "1", "date": "2026-01-01", "account_id": "1", "spend": "1"}
            ],
        },
    )
    (folder / "hubspot" / "readme.txt").write_text("hello")
    (folder / "hubspot" / "engagement_call.parquet").write_bytes(b"PAR1 not really")
    (folder / "hubspot" / "form.csv.gz").write_bytes(gzip.compress(b"guid\n1\n" * 99)[:-9])
    found = bring(folder)
    assert all(report.is_trouble for report in found.tables) and not found.loads
    assert len(found.tables) == 10
    assert told(found, "contcat").endswith("unknown table 'contcat'; did you mean 'contact'?")
    assert told(found, "company") == "not loaded: the header has no column id or company_id"
    assert "google_ads_campaign_history or" in told(found, "campaign_history")
    assert told(found, "deal") == "not loaded: is empty"
    assert "UTF-16" in told(found, "ticket")
    assert "names 'email' twice" in told(found, "owner")
    assert (
        told(found, "readme") == "not loaded: is no table: CSV (plain or gzip) or Parquet is read"
    )
    assert "cannot be unpacked" in told(found, "engagement_call")
    assert "cannot be unpacked" in told(found, "form")
    assert "facebook_ads.ad_history, which is not here" in told(found, "basic_ad")
    with pytest.raises(IngestError, match="no such file"):
        bring(tmp_path / "nowhere")


def test_records_that_cannot_be_read(desk: Desk, bring: Import, tmp_path: Path) -> None:
    body = (
        b"\xef\xbb\xbfid;property_email;property_jobtitle;_fivetran_synced\r\n"
        b"1;a@example.org;x;2026-01-01 00:00:00\r\n"
        b'2;b@example.org;"never closed;2026-01-01 00:00:00\r\n'
        b"3;c@example.org;too;many;cells\r\n"
        b"4;\xff\xfe;x;2026-01-01 00:00:00\r\n"
        b'5;d@example.org;"two\r\nlines";2026-01-01 00:00:00\r\n'
        b"6;e@example.org;x;last week\r\n"
        b";f@example.org;x;2026-01-01 00:00:00\r\n"
        b"7;g@example.org;x;2099-01-01 00:00:00"
    )
    found = bring(tables.write(tmp_path / "in", {"hubspot/contact": body}))
    assert set(by_id(desk, "crm_contacts")) == {"1", "5"}
    assert told(found, "contact") == "crm: 5 rows, 3 broken"
    reasons = sorted((r["reason"], r["field"]) for r in desk.rejected_rows())
    assert reasons == [
        ("missing_field", "crm_id"),
        ("not_a_time", "known_at"),
        ("not_an_object", None),
        ("not_an_object", None),
        ("not_an_object", None),
        ("time_range", "known_at"),
    ]
    assert found.loads[0].examples[:2] == [
        "contact.csv:8 known_at not_a_time: expected an ISO 8601 date or time",
        "contact.csv:9 crm_id missing_field: required",
    ]
    originals = b"\n".join(r["original"] for r in desk.rejected_rows())
    for part in (b"csv_quote", b"cell_count", b"invalid_utf8", b"never closed", b"last week"):
        assert part in originals
    (landed,) = landed_files("crm", desk.landing)
    assert b"4;\xff\xfe;x;2026-01-01 00:00:00" in landed.path.read_bytes()


def test_no_currency_is_said_before_anything_lands(
    desk: Desk, bring: Import, tmp_path: Path
) -> None:
    brought = tables.ads()
    brought["google_ads/account_history"] = [{"id": "2121450128", "updated_at": "2025-01-01"}]
    only = {k: v for k, v in brought.items() if k.startswith("google")}
    folder = tables.write(tmp_path / "in", only)
    found = bring(folder)
    assert not found.loads and told(found, "campaign_stats").endswith(
        "google_ads.account_history names no currency; give --currency"
    )
    bring(folder, currency="CHF")
    assert {r["currency"] for r in desk.rows("ad_spend")} == {"CHF"}


def test_parquet_and_gzip_are_read_alike(desk: Desk, bring: Import, tmp_path: Path) -> None:
    folder = tmp_path / "hubspot"
    folder.mkdir()
    table = pa.table(
        {
            "ID": pa.array([1.0, 2.0]),
            "_fivetran_deleted": pa.array([False, True]),
            "_fivetran_synced": pa.array([datetime(2026, 1, 1, 3)] * 2, pa.timestamp("us", "UTC")),
            "property_email": ["a@example.org", None],
            "property_annualrevenue": pa.array([Decimal("10.50"), None], pa.decimal128(9, 2)),
        }
    )
    pq.write_table(table, folder / "contact.parquet")
    packed = gzip.compress(tables.as_csv([tables.deal("5")]))
    (folder / "deal.csv.gz").write_bytes(packed)
    bring(folder)
    contacts = by_id(desk, "crm_contacts")
    assert {one: row["archived"] for one, row in contacts.items()} == {"1": False, "2": True}
    assert contacts["1"]["known_at"] == datetime(2026, 1, 1, 3)
    assert json.loads(contacts["1"]["properties"])["annualrevenue"] == "10.50"
    assert set(by_id(desk, "crm_deals")) == {"5"}


def test_many_pages_and_records_told_together(
    desk: Desk, bring: Import, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut small, everything is the same."""
    small = ("contact", "deal", "deal_contact", "contact_list_member", "merged_deal")
    brought = {f"hubspot/{name}": tables.hubspot()[f"hubspot/{name}"] for name in small}
    google = {k: v for k, v in tables.ads().items() if k.startswith("google")}
    folder = tables.write(tmp_path / "in", brought | google)
    bring(folder)
    monkeypatch.setattr("ingestion.fivetran.pages.PAGE_ROWS", 2)
    monkeypatch.setattr("ingestion.fivetran.importing.FILE_BYTES", 600)
    again = bring(folder)
    assert sum(result.good for result in again.loads) == 0
    assert len(again.loads) > 8


def test_a_lookup_that_cannot_be_read_whole_is_trouble(
    desk: Desk, bring: Import, tmp_path: Path
) -> None:
    brought = {
        "hubspot/contact": [tables.contact("1"), tables.contact("2")],
        "hubspot/contact_merge_audit": b"canonical_vid,vid_to_merge\n1,2\n1,2,3\n",
        "hubspot/merged_deal": b"deal,merged\n1,2\n",
    }
    found = bring(tables.write(tmp_path / "in", brought))
    assert told(found, "contact_merge_audit").endswith("1 records cannot be read (line 3)")
    assert told(found, "merged_deal") == (
        "not loaded: the header has no column deal_id, merged_deal_id"
    )
    assert {r.path.stem for r in found.tables if r.is_trouble} == {
        "contact_merge_audit",
        "merged_deal",
    }
    assert by_id(desk, "crm_contacts")["2"]["archived"]


def test_a_look_lands_nothing(desk: Desk, crm: Path) -> None:
    found = import_tables([crm], None)
    assert not found.loads and not desk.landing.exists()
    assert told(found, "contact.csv") == "crm: 12 rows"
