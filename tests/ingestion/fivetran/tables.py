"""Small tables in the shape of the connectors', with everything that goes wrong in them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

SYNCED = "2026-05-01 04:00:00.123"
LATER = "2026-05-02 9:05:00 UTC"
Records = list[dict[str, str]]


def write(folder: Path, tables: Mapping[str, Records | bytes]) -> Path:
    """A file a table, named ``connector/table.csv``; bytes are written as they are."""
    for name, records in tables.items():
        path = folder / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(records if isinstance(records, bytes) else as_csv(records))
    return folder


def as_csv(records: Records) -> bytes:
    names = list(dict.fromkeys(name for record in records for name in record))
    out = io.StringIO()
    writer = csv.DictWriter(out, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return out.getvalue().encode()


def read(path: Path) -> Records:
    """The plain reading of a table, for oracles."""
    with open(path, encoding="utf-8-sig", newline="") as handle:
        return list(csv.DictReader(handle))


def contact(crm_id: str, **more: str) -> dict[str, str]:
    return {
        "id": crm_id,
        "_fivetran_deleted": "FALSE",
        "_fivetran_synced": SYNCED,
        "property_email": f"c{crm_id}@example.org",
        "property_createdate": "2025-01-02 3:04:05",
        **more,
    }


def deal(crm_id: str, **more: str) -> dict[str, str]:
    return {
        "deal_id": crm_id,
        "is_deleted": "false",
        "_fivetran_synced": SYNCED,
        "deal_pipeline_id": "default",
        "deal_pipeline_stage_id": "won",
        "property_dealname": f"Deal {crm_id}",
        "property_createdate": "2025-02-01 00:00:00",
        **more,
    }


def pair(**more: str) -> dict[str, str]:
    return {"_fivetran_synced": SYNCED, **more}


def hubspot() -> dict[str, Records | bytes]:
    """Contacts 1 <- 2 <- 3 by audit, 1 <- 4 by property, 9 and 10 in a circle, 11 into nobody."""
    audit = {"num_properties_moved": "2", "_fivetran_synced": LATER}
    contacts = [
        contact("1", property_hs_merged_object_ids="4", property_associatedcompanyid="101.0"),
        contact("2"),
        contact("3", property_hs_merged_object_ids="77"),
        contact("4"),
        contact("5", _fivetran_deleted="TRUE"),
        contact("6", property_jobtitle='Chief,\n"of" staff', property_hubspot_owner_id="7.0"),
        contact("7"),
        contact("7"),
        contact("8.0", property_associatedcompanyid="1.0E2"),
        contact("9"),
        contact("10"),
        contact("11"),
    ]
    return {
        "hubspot/contact": b"\xef\xbb\xbf" + as_csv(contacts),
        "hubspot/contact_merge_audit": [
            {"canonical_vid": "2", "vid_to_merge": "3", "timestamp": "2025-03-01 1:00:00", **audit},
            {"canonical_vid": "1", "vid_to_merge": "2", "timestamp": "2025-03-02 1:00:00", **audit},
            {"canonical_vid": "9", "vid_to_merge": "10", "timestamp": "2025-03-02", **audit},
            {"canonical_vid": "10", "vid_to_merge": "9", "timestamp": "2025-03-03", **audit},
            {"canonical_vid": "99", "vid_to_merge": "11", "timestamp": "2025-03-03", **audit},
        ],
        "hubspot/company": [
            pair(id="100", property_name="A", property_hs_merged_object_ids="101"),
            pair(id="101", property_name="B", is_deleted="false"),
            pair(id="102", property_name="C", is_deleted="true"),
        ],
        "hubspot/deal": [
            deal("500", property_amount="1234.56", property_deal_currency_code="EUR"),
            deal("501", property_amount="1"),
            deal("502", is_deleted="TRUE"),
            deal("503", property_amount="10.10", owner_id="7"),
            deal("504", property_amount="much"),
        ],
        "hubspot/merged_deal": [
            {"deal_id": "500", "merged_deal_id": "501", "_fivetran_synced": LATER}
        ],
        "hubspot/deal_contact": [
            pair(deal_id="500", contact_id="3", type_id="3"),
            pair(deal_id="500", contact_id="2", type_id="3"),
            pair(deal_id="500", contact_id="6", type_id="3", label="Buyer"),
            pair(deal_id="500", contact_id="6", type_id="19", label="Champion"),
            pair(deal_id="501", contact_id="7", type_id="3"),
        ],
        "hubspot/deal_company": [
            pair(deal_id="500", company_id="100", type_id="341"),
            pair(deal_id="503", company_id="1", type_id="341"),
            pair(deal_id="503", company_id="101", type_id="5"),
        ],
        "hubspot/deal_stage": [
            {"deal_id": "500", "value": "new", "date_entered": "2025-02-01 00:00:00"},
            {"deal_id": "500", "value": "won", "date_entered": "2025-02-03 8:00:00"},
        ],
        "hubspot/deal_property_history": [
            {
                "deal_id": "500",
                "name": "dealstage",
                "value": "won",
                "timestamp": "2025-02-03 08:00:00",
                "source": "CRM_UI",
            }
        ],
        "hubspot/deal_pipeline": [
            {"pipeline_id": "default", "label": "Sales", "updated_at": "2025-01-01 00:00:00"}
        ],
        "hubspot/deal_pipeline_stage": [
            {
                "stage_id": stage,
                "pipeline_id": "default",
                "label": stage.title(),
                "display_order": str(order),
                "probability": f"{order}.0",
                "is_closed": "TRUE" if order else "FALSE",
                "_fivetran_deleted": "FALSE",
                "_fivetran_synced": SYNCED,
            }
            for order, stage in enumerate(("new", "won"))
        ],
        "hubspot/owner": [
            {"owner_id": "7", "email": "O@example.org", "first_name": "Lea", "active_user_id": "3"}
        ],
        "hubspot/team": [{"id": "1", "name": "North"}, {"id": "2", "name": "South"}],
        "hubspot/owner_team": [
            {"owner_id": "7", "team_id": "1", "is_team_primary": "false"},
            {"owner_id": "7", "team_id": "2", "is_team_primary": "true"},
        ],
        "hubspot/engagement": [
            {"id": "900", "type": "CALL", "_fivetran_synced": SYNCED, "owner_id": "7"},
            {"id": "901", "type": "NOTE", "_fivetran_synced": SYNCED},
            {"id": "902", "type": "CONVERSATION_SESSION", "_fivetran_synced": SYNCED},
        ],
        "hubspot/engagement_call": [
            {"engagement_id": "900", "property_hs_timestamp": "2025-03-01 10:00:00.000000"}
        ],
        "hubspot/engagement_task": [
            # The same engagement in two tables is one activity all the same.
            {"engagement_id": "900", "subject": "twice", "_fivetran_synced": SYNCED},
            {"engagement_id": "903", "subject": "Call back", "_fivetran_synced": SYNCED},
            {"engagement_id": "904", "_fivetran_deleted": "true", "_fivetran_synced": SYNCED},
        ],
        "hubspot/engagement_communication": [
            {"engagement_id": "905", "property_hs_timestamp": SYNCED, "_fivetran_synced": SYNCED}
        ],
        "hubspot/engagement_contact": [
            pair(engagement_id="900", contact_id="3"),
            pair(engagement_id="901", contact_id="6"),
        ],
        "hubspot/contact_list": [
            {"id": "30", "name": "Surgeons", "created_at": SYNCED, "_fivetran_synced": SYNCED}
        ],
        "hubspot/contact_list_member": [
            pair(contact_list_id="30", contact_id="2", added_at="2025-04-01 00:00:00"),
            pair(contact_list_id="30", contact_id="1", added_at="2025-04-02 00:00:00"),
            pair(contact_list_id="30", contact_id="6", _fivetran_deleted="TRUE"),
        ],
        "hubspot/ticket": [
            {
                "id": "700",
                "is_deleted": "FALSE",
                "property_hs_pipeline_stage": "1",
                "property_createdate": "2025-05-01 7:00:00",
                "_fivetran_synced": SYNCED,
            },
            {"id": "701", "is_deleted": "TRUE", "_fivetran_synced": SYNCED},
        ],
        "hubspot/ticket_contact": [pair(ticket_id="700", contact_id="3")],
        "hubspot/form": [{"guid": "f", "name": "Guide"}],
        "hubspot/contact_form_submission": [
            {"contact_id": "6", "form_id": "f", "conversion_id": "x", "timestamp": SYNCED}
        ],
        "hubspot/email_event": [
            {"id": "e1", "type": "OPEN", "created": SYNCED, "recipient": "c6@example.org"},
            {"id": "e2", "type": "BOUNCE", "created": SYNCED, "recipient": "c7@example.org"},
            {"id": "e3", "type": "PRINT", "created": SYNCED, "recipient": "c7@example.org"},
            {"id": "e4", "type": "STATUSCHANGE", "created": SYNCED, "recipient": "c7@example.org"},
        ],
        "hubspot/email_event_bounce": [{"id": "e2", "category": "UNKNOWN_USER"}],
        "hubspot/email_event_status_change": [
            {"id": "e4", "portal_subscription_status": "UNSUBSCRIBED"}
        ],
    }


def ads() -> dict[str, Records | bytes]:
    """Three platforms; what campaigns and ads spent differs, and so do all other levels."""
    google = {"customer_id": "2121450128", "date": "2026-03-01", "_fivetran_synced": SYNCED}
    stats = [
        google | {"_fivetran_id": "a", "id": "1", "device": "MOBILE", "cost_micros": "20836690"},
        google | {"_fivetran_id": "b", "id": "1", "device": "DESKTOP", "cost_micros": "1000005"},
        google | {"_fivetran_id": "c", "id": "2", "device": "MOBILE", "cost_micros": "5000000"},
        # Told twice, and told anew: each counts once.
        google | {"_fivetran_id": "c", "id": "2", "device": "MOBILE", "cost_micros": "5000000"},
        google
        | {"_fivetran_id": "b", "id": "1", "device": "DESKTOP", "cost_micros": "2000005"}
        | {"_fivetran_synced": LATER},
    ]
    linkedin = {"day": "2026-03-01 00:00:00", "_fivetran_synced": SYNCED, "impressions": "9"}
    return {
        "google_ads/account_history": [
            {"id": "2121450128", "updated_at": "2025-01-01 0:00:00", "currency_code": "GBP"},
            {"id": "2121450128", "updated_at": "2026-01-01 0:00:00", "currency_code": "USD"},
        ],
        "google_ads/campaign_history": [
            {"id": "1", "updated_at": "2026-02-01 0:00:00", "name": "New name"},
            {"id": "1", "updated_at": "2025-02-01 0:00:00", "name": "Old name"},
            {"id": "2", "updated_at": "2025-02-01 0:00:00", "name": "Performance Max"},
        ],
        "google_ads/campaign_stats": [
            row | {"impressions": "100", "clicks": "3", "conversions": "0.5"} for row in stats
        ],
        "google_ads/ad_group_history": [{"id": "11", "campaign_id": "1", "name": "Group"}],
        "google_ads/ad_stats": [
            google | {"ad_id": "111", "ad_group": "customers/1/adGroups/11", "cost_micros": micros}
            for micros in ("15000000", "2500000")
        ],
        "google_ads/account_stats": [google | {"cost_micros": "99000000"}],
        "google_ads/keyword_stats": [google | {"cost_micros": "7000000"}],
        "facebook_ads/account_history": [{"id": "170", "name": "x", "currency": "EUR"}],
        "facebook_ads/campaign_history": [
            {"id": "61", "name": "Spring", "updated_time": "2026-01-01T00:00:00"}
        ],
        "facebook_ads/ad_history": [
            {"id": "71", "ad_set_id": "81", "campaign_id": "60", "updated_time": "2025-01-01"},
            {"id": "71", "ad_set_id": "81", "campaign_id": "61", "updated_time": "2026-01-01"},
            {"id": "72", "ad_set_id": "81", "campaign_id": "61", "updated_time": "2026-01-01"},
        ],
        "facebook_ads/ad_set_history": [{"id": "81", "campaign_id": "61", "name": "Set"}],
        "facebook_ads/basic_ad": [
            {"ad_id": ad, "date": "2026-03-01", "account_id": "170", "spend": spend}
            | {"impressions": "40", "inline_link_clicks": "2", "_fivetran_synced": SYNCED}
            for ad, spend in (("71", "76.53"), ("72", "55.26"), ("73", "1.00"))
        ],
        "facebook_ads/basic_ad_actions": [
            {
                "ad_id": "71",
                "date": "2026-03-01",
                "action_type": kind,
                "index": str(i),
                "value": "2",
            }
            for i, kind in enumerate(("lead", "offsite_conversion.fb_pixel_lead"))
        ],
        "facebook_ads/demographics_country": [
            {"account_id": "170", "date": "2026-03-01", "country": "FR", "spend": "131.79"}
        ],
        "linkedin_ads/ad_account_history": [
            {"id": "507", "last_modified_time": "2025-01-01 0:00:00", "currency": "EUR"},
        ],
        "linkedin_ads/campaign_history": [
            {"id": "13", "last_modified_time": "2025-01-01", "account_id": "507", "name": "L"},
            {"id": "14", "last_modified_time": "2025-01-01", "account_id": "508", "name": "M"},
        ],
        "linkedin_ads/ad_analytics_by_campaign": [
            linkedin
            | {"campaign_id": "13", "cost_in_local_currency": "10.25", "cost_in_usd": "11"},
            # Nobody says what the local currency of account 508 is.
            linkedin | {"campaign_id": "14", "cost_in_local_currency": "20", "cost_in_usd": "21.5"},
        ],
        "linkedin_ads/creative_history": [
            {"id": "91", "last_modified_time": "2025-01-01", "campaign_id": "13", "name": "Ad"}
        ],
        "linkedin_ads/ad_analytics_by_creative": [
            linkedin | {"creative_id": "91", "cost_in_local_currency": "8.00", "cost_in_usd": "9"}
        ],
    }


def alive(folder: Path, name: str, ids: str, merged: Iterable[tuple[str, str]] = ()) -> set[str]:
    """The slow way: ids of a table's file that are not deleted, nor merged into another."""
    records = read(folder / name)
    found = {record[ids] for record in records}
    deleted = {
        record[ids]
        for record in records
        for flag in ("is_deleted", "_fivetran_deleted")
        if (record.get(flag) or "").lower() == "true"
    }
    return found - deleted - {one for _, one in merged}
